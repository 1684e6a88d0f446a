"""The review console in the Django admin: the queue, its cases (`review.case_doors`) and decisions."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy

from documents.admin import ReadOnlyAdmin
from review import console
from review.case_doors import CaseDoors
from review.look_admin import BlindLookAdmin  # noqa: F401 - as below
from review.masking import without_numbers
from review.models import Review, ReviewDecision
from review.proposal_admin import ProposalAdmin, RejectReasonAdmin  # noqa: F401 - as the next but one
from review.queue_pages import queue_page
from review.workflow_admin import ReviewWorkflowAdmin  # noqa: F401 - the admin looks for pages in this module only


@admin.register(Review)
class ReviewAdmin(CaseDoors):
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A page of its own: the admin's list counts every row and pages by skipping them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return queue_page(request, {**self.admin_site.each_context(request), **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        reviews: QuerySet[Review] = super().get_queryset(request)
        # What is restricted is kept by law and used for nothing; of what is erased there is nothing to show.
        reviews = reviews.filter(document__restricted_at__isnull=True, document__erased_at__isnull=True)
        return console.with_latest_run(reviews).select_related("document", "holder")


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

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewDecision]:
        """Notes are opened here: those about restricted documents are not."""
        decisions: QuerySet[ReviewDecision] = super().get_queryset(request)
        return decisions.filter(review__document__restricted_at__isnull=True)

    @admin.display(description=gettext_lazy("document"))
    def document_ref(self, decision: ReviewDecision) -> str:
        return decision.review.document.ref

    @admin.display(description=gettext_lazy("by"))
    def by(self, decision: ReviewDecision) -> str:
        return str(decision.user or decision.decided_by)

    @admin.display(description=gettext_lazy("note"))
    def note_text(self, decision: ReviewDecision) -> str:
        return without_numbers(decision.note or "")
