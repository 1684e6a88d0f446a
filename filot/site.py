"""The admin site of FiLot: the plain Django admin with its own name, dashboard and order."""

from typing import Any, NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from filot.ops import MAY_SEE as MAY_SEE_OPS
from filot.ops import ops_view
from filot.preferences import language_view, preferences_view
from filot.second_step import TwoStepSite
from integrations.buli2 import breaker_state
from review.dashboard import Figures, PolicyRow, figures, policies
from review.keys import ACTIONS, keys_of

POLICY_SECONDS = 120  # for which the figures of the policies are believed: they are of a week

# (heading, [(model or page, its name in the menu)]); models that are not named here come last
MENU: list[tuple[str | Promise, list[tuple[str, str | Promise]]]] = [
    (
        "",
        [
            ("admin:index", _("Dashboard")),
            ("review.Review", _("Needs review")),
            ("documents.Document", _("All documents")),
            ("review.ReviewDecision", _("Decisions")),
            ("documents.AuditEntry", _("Audit log")),
            ("review.BlindLook", _("Second looks")),
        ],
    ),
    (
        _("Operations"),
        [
            ("integrations.Buli2Exchange", _("BULI2 exchanges")),
            ("admin:ops", _("Queues and workers")),
            ("review.ReviewWorkflow", _("Workflows")),
            ("verification.VerificationRun", _("Readings")),
            ("verification.PolicyChange", _("Policy changes")),
            ("review.Proposal", _("Proposed changes")),
            ("review.RejectReason", _("Reasons to reject")),
        ],
    ),
]
OTHER = _("Access")


class Link(NamedTuple):
    name: str | Promise
    url: str
    current: bool


class Section(NamedTuple):
    heading: str | Promise
    links: list[Link]


class Tile(NamedTuple):
    name: str | Promise
    number: int
    url: str
    tone: str


class ConsoleSite(TwoStepSite):
    site_header = "FiLot review"
    site_title = "FiLot"
    index_title = _("Dashboard")
    site_url = None

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        return {
            **context,
            "console_menu": menu(request, context["available_apps"]),
            "keys": keys_of(getattr(request.user, "keys", {})),
            "keys_on": getattr(request.user, "keys_on", True),
            "actions": ACTIONS,
        }

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            path("language/", require_POST(language_view), name="language"),
            path("preferences/", self.admin_view(self.preferences), name="preferences"),
            path("ops/", self.admin_view(self.ops), name="ops"),
            *super().get_urls(),
        ]

    def preferences(self, request: HttpRequest) -> HttpResponse:
        return preferences_view(request, self.each_context(request))

    def ops(self, request: HttpRequest) -> HttpResponse:
        return ops_view(request, self.each_context(request))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = {
            **self.each_context(request),
            "title": self.index_title,
            **dashboard(request),
            **(extra_context or {}),
        }
        request.current_app = self.name
        return TemplateResponse(request, "admin/index.html", shown)


def dashboard(request: HttpRequest) -> dict[str, Any]:
    """Everybody sees the counts; a reviewer of the people only themselves."""
    sees_all = request.user.has_perm("review.view_reviewdecision")
    found = figures(only=None if sees_all else request.user.pk)
    return {
        "tiles": tiles(request, found),
        "figures": found,
        "policies": _policies() if sees_all else [],
        "breaker": "local" if settings.BULI2_MODE == "local" else breaker_state(),
        "may_take": request.user.has_perm("review.decide_review"),
        "kept_decisions": found.undelivered,
    }


def _policies() -> list[PolicyRow]:
    """Kept for a while: what a week looks like does not change between two looks at it."""
    kept: list[PolicyRow] | None = cache.get("console.policies")
    if kept is None:
        kept = policies()
        cache.set("console.policies", kept, POLICY_SECONDS)
    return kept


def menu(request: HttpRequest, available_apps: list[Any]) -> list[Section]:
    """The pages that this user may open, work first."""
    if not available_apps:
        return []
    models = {
        f"{app['app_label']}.{model['object_name']}": model
        for app in available_apps
        for model in app["models"]
        if model["admin_url"]
    }
    pages = {"admin:index": reverse("admin:index")}
    if request.user.has_perm(MAY_SEE_OPS):
        pages["admin:ops"] = reverse("admin:ops")
    sections = []
    for heading, names in MENU:
        links = []
        for name, shown in names:
            if name in pages:
                links.append(Link(shown, pages[name], request.path == pages[name]))
            elif model := models.pop(name, None):
                links.append(Link(shown, model["admin_url"], request.path.startswith(model["admin_url"])))
        sections.append(Section(heading, links))
    others = [
        Link(model["name"], model["admin_url"], request.path.startswith(model["admin_url"]))
        for model in models.values()
    ]
    sections.append(Section(OTHER, others))
    return [section for section in sections if section.links]


def tiles(request: HttpRequest, found: Figures) -> list[Tile]:
    """The dashboard's figures; a link only for whoever may open the queue."""
    queue = reverse("admin:review_review_changelist") if request.user.has_perm("review.view_review") else ""
    shown = [
        (_("Waiting"), found.waiting, "", ""),
        (_("Overdue"), found.overdue, "?due=overdue", "high"),
        (_("High risk"), found.high, "?risk=high", "high"),
        (_("Decided today"), found.decided_today, "?state=today", ""),
    ]
    return [Tile(name, number, queue and queue + query, tone if number else "") for name, number, query, tone in shown]
