"""The review workflows, to look at: where each stands in our rows and, on its page, what Temporal says now."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from documents.admin import ReadOnlyAdmin
from integrations import temporal
from review import workflow_words as words
from review.models import ReviewDecision, ReviewWorkflow

ASK_SECONDS = 2.0  # the page answers whatever Temporal does
ACCEPTED = "accepted_decision"


class ProgressFilter(admin.SimpleListFilter):
    title = gettext_lazy("progress")
    parameter_name = "progress"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("unstarted", _("not started")),
            ("waiting", _("waiting for a decision")),
            ("undelivered", _("decided, Temporal not told")),
            ("unrecorded", _("decided, document not moved")),
            ("closed", _("closed")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ReviewWorkflow]) -> QuerySet[ReviewWorkflow]:
        waiting = {"decision": "", "workflow_started_at__isnull": False}
        undelivered = {"decisions__accepted": True, "decisions__delivered_at__isnull": True}
        chosen: dict[str, dict[str, Any]] = {
            "unstarted": {"decision": "", "workflow_started_at__isnull": True},
            "waiting": waiting,
            "undelivered": undelivered,
            "unrecorded": {"closed_at__isnull": True, "decided_at__isnull": False},
            "closed": {"closed_at__isnull": False},
        }
        return queryset.filter(**chosen.get(self.value() or "", {}))


@admin.register(ReviewWorkflow)
class ReviewWorkflowAdmin(ReadOnlyAdmin):
    list_display = (
        "workflow_id",
        "created_at",
        "progress",
        "workflow_started_at",
        "decided_at",
        "delivered_at",
        "delivery_attempts",
        "closed_at",
        "escalated_at",
        "buli2_told_at",
    )
    list_filter = (ProgressFilter, "escalation_reason")
    search_fields = ("pk__exact", "document__pk__exact", "buli2_ticket_id__exact")
    search_help_text = gettext_lazy("id of the review, of its document, or BULI2's ticket, in full")
    fields = (
        "workflow_id",
        "document_key",
        "progress",
        "state_now",
        "created_at",
        "due_at",
        "workflow_started_at",
        "decided_at",
        "delivered_at",
        "delivery_attempts",
        "delivery_error",
        "closed_at",
        "reminded_at",
        "escalated_at",
        "escalation_reason",
        "buli2_ticket_id",
        "buli2_told_at",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewWorkflow]:
        accepted = Prefetch("decisions", ReviewDecision.objects.filter(accepted=True), to_attr=ACCEPTED)
        found: QuerySet[ReviewWorkflow] = super().get_queryset(request).prefetch_related(accepted)
        return found

    @admin.display(description=gettext_lazy("document"))
    def document_key(self, workflow: ReviewWorkflow) -> str:
        return str(workflow.document_id)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, workflow: ReviewWorkflow) -> str:
        if workflow.closed_at is not None:
            return _("closed")
        if (decision := _accepted(workflow)) is not None:
            told = decision.delivered_at is not None
            return _("decided, document not moved") if told else _("decided, Temporal not told")
        return _("waiting for a decision") if workflow.workflow_started_at else _("not started")

    @admin.display(description=gettext_lazy("decision delivered"))
    def delivered_at(self, workflow: ReviewWorkflow) -> Any:
        decision = _accepted(workflow)
        return decision.delivered_at if decision else None

    @admin.display(description=gettext_lazy("failed deliveries"))
    def delivery_attempts(self, workflow: ReviewWorkflow) -> int | None:
        decision = _accepted(workflow)
        return decision.delivery_attempts if decision else None

    @admin.display(description=gettext_lazy("delivery error"))
    def delivery_error(self, workflow: ReviewWorkflow) -> str:
        decision = _accepted(workflow)
        return decision.delivery_error if decision else ""

    @admin.display(description=gettext_lazy("Temporal says now"))
    def state_now(self, workflow: ReviewWorkflow) -> SafeString | str:
        try:
            state = temporal.query_workflow(workflow.workflow_id, words.QUERY_STATE, timeout=ASK_SECONDS)
        except temporal.TemporalUnavailable:
            return _("Temporal, or its worker, does not answer. What stands here is from our own rows.")
        except temporal.WorkflowGone:
            return _("Temporal does not know this workflow: it was not started, or has been forgotten since its end.")
        shown = ("status", "retryCount", "lastError", "buli2TaskId", "updatedAt")
        said = ", ".join(f"{name} {state[name]}" for name in shown if state.get(name) not in (None, ""))
        return format_html("<code>{}</code>", said)


def _accepted(workflow: ReviewWorkflow) -> ReviewDecision | None:
    return next(iter(getattr(workflow, ACCEPTED, ())), None)
