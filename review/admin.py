"""The review console in the Django admin: the queue, its cases (`review.case_pages`) and the decisions."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from documents.admin import ReadOnlyAdmin
from review import console
from review.case_pages import CasePages
from review.filters import DueFilter, EscalatedFilter, KindFilter, StateFilter
from review.masking import without_numbers
from review.models import Decision, Review, ReviewDecision
from review.workflow_admin import ReviewWorkflowAdmin  # noqa: F401 - the admin looks for pages in this module only


@admin.register(Review)
class ReviewAdmin(CasePages):
    list_display = ("ref", "kind", "risk", "why", "age", "due", "number", "escalated")
    list_display_links = ("ref",)
    list_filter = (StateFilter, KindFilter, DueFilter, EscalatedFilter)
    search_fields = ("pk",)  # only turns the search on: what is found is get_search_results's business
    ordering = ("due_at",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"kept_decisions": console.kept_decisions(), **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        reviews: QuerySet[Review] = super().get_queryset(request)
        return console.with_latest_run(reviews)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Review], search_term: str
    ) -> tuple[QuerySet[Review], bool]:
        return (console.found(queryset, search_term) if search_term else queryset), False

    @admin.display(description=gettext_lazy("Ref"), ordering="document_id")
    def ref(self, review: Review) -> str:
        return review.document.ref

    @admin.display(description=gettext_lazy("Kind"), ordering="document__type")
    def kind(self, review: Review) -> str:
        return review.document.type

    @admin.display(description=gettext_lazy("Risk"), ordering="-document__ai_score")
    def risk(self, review: Review) -> SafeString:
        risk = console.risk_of(review.document.ai_score)
        if risk.number is None:
            return _pill(risk.tone, risk.word)
        meter = format_html(
            '<svg class="meter" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">'
            '<rect class="meter-all" width="100" height="12"/><rect width="{}" height="12"/></svg>',
            risk.number,
        )
        return format_html('<span class="pill {}">{}{} {}</span>', risk.tone, meter, risk.number, risk.word)

    @admin.display(description=gettext_lazy("Why it is here"))
    def why(self, review: Review) -> SafeString | str:
        reasons = console.reasons_of(console.run_of(review))
        if len(reasons) < 2:
            return reasons[0] if reasons else "-"
        return format_html('{} <span class="more">+{}</span>', reasons[0], len(reasons) - 1)

    @admin.display(description=gettext_lazy("Age"), ordering="-created_at")
    def age(self, review: Review) -> SafeString:
        return _short(console.duration(timezone.now() - review.created_at))

    @admin.display(description=gettext_lazy("Due"), ordering="due_at")
    def due(self, review: Review) -> SafeString:
        if review.decision:
            return _pill("low" if review.decision == Decision.approved else "high", review.get_decision_display())
        span = console.duration(review.due_at - timezone.now())
        if review.is_overdue:
            return _pill("high", _("overdue %(span)s") % {"span": span})
        return _short(_("in %(span)s") % {"span": span})

    @admin.display(description=gettext_lazy("ID number"))
    def number(self, review: Review) -> SafeString:
        return _short(console.shown_number(review) or "-")

    @admin.display(description=gettext_lazy("Escalated"), ordering="escalated_at")
    def escalated(self, review: Review) -> SafeString | str:
        return _pill("medium", _("escalated")) if review.escalated_at else ""


def _pill(tone: str, text: str | Promise) -> SafeString:
    return format_html('<span class="pill {}">{}</span>', tone, text)


def _short(text: str) -> SafeString:
    """On one line, however narrow the column gets."""
    return format_html('<span class="short">{}</span>', text)


@admin.register(ReviewDecision)
class ReviewDecisionAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "document_ref", "decision", "source", "by", "reason_code", "accepted", "delivered_at")
    list_filter = ("decision", "source", "accepted")
    list_select_related = ("review__document", "user")
    ordering = ("-created_at",)
    search_fields = ("review_id__exact", "review__document_id__exact")
    search_help_text = gettext_lazy("id of the case or of the document, in full")
    fields = (
        "id",
        "review",
        "decision",
        "source",
        "by",
        "reason_code",
        "note_text",
        "accepted",
        "created_at",
        "correlation_id",
        "delivered_at",
        "delivery_attempts",
        "delivery_error",
    )

    @admin.display(description=gettext_lazy("document"))
    def document_ref(self, decision: ReviewDecision) -> str:
        return decision.review.document.ref

    @admin.display(description=gettext_lazy("by"))
    def by(self, decision: ReviewDecision) -> str:
        return str(decision.user or decision.decided_by)

    @admin.display(description=gettext_lazy("note"))
    def note_text(self, decision: ReviewDecision) -> str:
        return without_numbers(decision.note or "")
