"""Runs, to look at only, and the page of stuck work. What was read stays sealed here: the case page shows it."""

from typing import Any

import structlog
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from documents.admin import ReadOnlyAdmin
from verification.models import PolicyChange, VerificationRun
from verification.policy_changes import InForce
from verification.sweeping import reap_stuck

log = structlog.get_logger(__name__)

MAY_REAP = "verification.change_verificationrun"


@admin.register(VerificationRun)
class VerificationRunAdmin(ReadOnlyAdmin):
    list_display = (
        "started_at",
        "document_ref",
        "attempt",
        "outcome",
        "reason",
        "engine",
        "read_seconds",
        "score",
        "decision",
        "worker",
    )
    list_filter = ("outcome", "queue", "engine", "kind", "decision")
    list_select_related = ("document",)
    search_fields = ("document_id__exact", "pk__exact")
    search_help_text = gettext_lazy("id of the document or of the run, in full")
    fieldsets = (
        (None, {"fields": ("id", "document", "attempt", "queue", "worker", "outcome", "reason")}),
        (gettext_lazy("Picture"), {"fields": ("page", "turn", "kind", "quality")}),
        (gettext_lazy("Times"), {"fields": ("started_at", "finished_at", "read_seconds")}),
        (gettext_lazy("Versions"), {"fields": ("engine", "engine_version", "device", "parser_version")}),
        (
            gettext_lazy("Judgement"),
            {
                "fields": (
                    "policy",
                    "policy_version",
                    "arm",
                    "thresholds",
                    "score",
                    "decision",
                    "points",
                    "findings",
                    "known",
                    "reasons",
                    "shadow",
                )
            },
        ),
    )

    @admin.display(description=gettext_lazy("document"))
    def document_ref(self, run: VerificationRun) -> str:
        return run.document.ref

    def get_urls(self) -> list[URLPattern]:
        stuck = path("stuck/", self.admin_site.admin_view(self.stuck_view), name="verification_stuck")
        return [stuck, *super().get_urls()]

    def stuck_view(self, request: HttpRequest) -> HttpResponse:
        """Documents whose worker is taken for dead: a GET lists them, a POST gives them back to the queue."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        may_reap = request.user.has_perm(MAY_REAP)
        if request.method == "POST":
            if not may_reap:
                raise PermissionDenied
            return self._reap(request)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Stuck work"),
            "opts": self.opts,
            "documents": reap_stuck(dry_run=True),
            "may_reap": may_reap,
        }
        return TemplateResponse(request, "admin/verification/verificationrun/stuck.html", context)

    def _reap(self, request: HttpRequest) -> HttpResponse:
        reaped = reap_stuck()
        log.info("reaper_run_by_hand", user_id=str(request.user.pk), count=len(reaped))
        text = ngettext("%(count)d document was given back.", "%(count)d documents were given back.", len(reaped))
        messages.success(request, text % {"count": len(reaped)})
        return HttpResponseRedirect(reverse("admin:verification_stuck"))


@admin.register(PolicyChange)
class PolicyChangeAdmin(ReadOnlyAdmin):
    """`manage.py use_policy` makes them; the database refuses to change or delete one."""

    list_display = ("at", "by", "live_words", "shadow_words", "trial_words", "reason")
    ordering = ("-at", "-pk")
    search_fields = ("by__exact",)
    search_help_text = gettext_lazy("name of who made the change, in full")
    fields = ("id", "at", "by", "reason", "live_words", "shadow_words", "trial_words")

    @admin.display(description=gettext_lazy("decides"))
    def live_words(self, change: PolicyChange) -> str:
        return InForce.of(change).as_words()["live"]

    @admin.display(description=gettext_lazy("shadow"))
    def shadow_words(self, change: PolicyChange) -> str:
        return InForce.of(change).as_words()["shadow"]

    @admin.display(description=gettext_lazy("trial"))
    def trial_words(self, change: PolicyChange) -> str:
        return InForce.of(change).as_words()["trial"]
