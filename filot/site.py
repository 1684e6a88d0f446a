"""The admin site of FiLot: the plain Django admin with its own name, dashboard and order."""

from typing import Any, NamedTuple

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from filot.preferences import language_view, preferences_view
from filot.throttling import refused_login
from review.console import counts, kept_decisions
from review.keys import ACTIONS, keys_of

# (heading, models in the order of the menu); what is not named here comes last
MENU: list[tuple[str | Promise, list[str]]] = [
    ("", ["review.Review", "documents.Document", "review.ReviewDecision"]),
    (
        _("Operations"),
        [
            "integrations.Buli2Exchange",
            "review.ReviewWorkflow",
            "verification.VerificationRun",
            "verification.PolicyChange",
        ],
    ),
]
OTHER = _("Access")
STUCK = _("Stuck work")


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


class ConsoleSite(AdminSite):
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
            *super().get_urls(),
        ]

    def preferences(self, request: HttpRequest) -> HttpResponse:
        return preferences_view(request, self.each_context(request))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        refused = refused_login(request, request.POST.get("username", "")) if request.method == "POST" else None
        return refused or super().login(request, extra_context)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = {"tiles": tiles(request), "kept_decisions": kept_decisions()}
        return super().index(request, {**shown, **(extra_context or {})})


def menu(request: HttpRequest, available_apps: list[Any]) -> list[Section]:
    """The pages that this user may open, work first."""
    if not available_apps:
        return []
    here, stuck = request.path, reverse("admin:verification_stuck")
    open_to_user = {
        f"{app['app_label']}.{model['object_name']}": Link(
            model["name"], model["admin_url"], here != stuck and here.startswith(model["admin_url"])
        )
        for app in available_apps
        for model in app["models"]
        if model["admin_url"]
    }
    sections = []
    for heading, names in MENU:
        links = [open_to_user.pop(name) for name in names if name in open_to_user]
        sections.append(Section(heading, links))
    home = reverse("admin:index")
    sections[0].links.insert(0, Link(_("Dashboard"), home, here == home))
    if request.user.has_perm("verification.view_verificationrun"):
        sections[1].links.append(Link(STUCK, stuck, here == stuck))
    sections.append(Section(OTHER, list(open_to_user.values())))
    return [section for section in sections if section.links]


def tiles(request: HttpRequest) -> list[Tile]:
    """The dashboard's figures; a link only for whoever may open the queue."""
    queue = reverse("admin:review_review_changelist") if request.user.has_perm("review.view_review") else ""
    figures = counts()
    shown = [
        (_("Waiting"), "waiting", "", ""),
        (_("Overdue"), "overdue", "?due=overdue", "high"),
        (_("Escalated"), "escalated", "?escalated=yes", "medium"),
        (_("Decided today"), "decided_today", "?state=today", ""),
    ]
    return [
        Tile(name, figures[key], queue and queue + query, tone if figures[key] else "")
        for name, key, query, tone in shown
    ]
