"""Runs and changes of the policy, to look at only. What was read stays sealed here: the case page shows it."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from documents.admin import ReadOnlyAdmin
from verification.models import PolicyChange, VerificationRun
from verification.policy_changes import InForce


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
