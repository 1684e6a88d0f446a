"""One human or partner judgement of a document, and the decisions that were offered for it."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from documents.encrypted import EncryptedJSONField
from documents.models import Document
from documents.status import Status


class Decision(models.TextChoices):
    approved = "approved"
    rejected = "rejected"


class Source(models.TextChoices):
    console = "console"
    buli2 = "buli2"


class ReviewQuerySet(models.QuerySet["Review"]):
    def open(self) -> "ReviewQuerySet":
        """Waiting for a decision, the ones due first."""
        return self.filter(decision="").order_by("due_at")

    def unstarted(self) -> "ReviewQuerySet":
        """Their workflow is still to be started."""
        return self.filter(workflow_started_at__isnull=True, decision="")


class Review(models.Model):
    """Opened when a document reaches needs_review; its workflow is `kyc-review-<id>`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.OneToOneField(Document, on_delete=models.CASCADE, related_name="review")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    due_at = models.DateTimeField()
    decision = models.CharField(max_length=8, choices=Decision, blank=True, help_text="the one that was accepted")
    decided_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="when the document was moved")
    workflow_started_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    escalation_reason = models.CharField(max_length=64, blank=True)
    buli2_ticket_id = models.CharField(max_length=128, blank=True)
    buli2_told_at = models.DateTimeField(null=True, blank=True, help_text="when BULI2 learnt of our decision")

    objects: ClassVar[models.Manager["Review"]] = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        verbose_name = "case"
        verbose_name_plural = "needs review"
        permissions = [
            ("decide_review", "Can approve and reject documents that need review"),
            ("escalate_review", "Can escalate a review"),
            ("reveal_number", "Can see an identity number in full"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(decision__in=["", *Decision.values]), name="review_decision_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(decision="", decided_at__isnull=True)
                | (~models.Q(decision="") & models.Q(decided_at__isnull=False)),
                name="review_decided_at_with_decision",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(decision=""), name="review_open"),
            models.Index(
                fields=["decided_at"],
                condition=models.Q(closed_at__isnull=True, decided_at__isnull=False),
                name="review_unrecorded",
            ),
            models.Index(
                fields=["created_at"], condition=models.Q(workflow_started_at__isnull=True), name="review_unstarted"
            ),
        ]

    def __str__(self) -> str:
        return f"review of {self.document.ref}"

    @property
    def workflow_id(self) -> str:
        return f"kyc-review-{self.pk}"

    @property
    def is_overdue(self) -> bool:
        return not self.decision and self.due_at < timezone.now()

    @property
    def target(self) -> Status:
        """The state that the accepted decision leads to."""
        return Status.approved if self.decision == Decision.approved else Status.rejected


class ReviewDecision(models.Model):
    """A decision as somebody gave it: one is accepted for a review, every later one is kept as refused."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="decisions")
    decision = models.CharField(max_length=8, choices=Decision)
    source = models.CharField(max_length=8, choices=Source)
    decided_by = models.CharField(max_length=150, help_text="user id, or buli2")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason_code = models.CharField(max_length=64, blank=True)
    note = EncryptedJSONField(
        subject="review__document__owner_id", null=True, blank=True, help_text="text of the reviewer"
    )
    accepted = models.BooleanField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    correlation_id = models.CharField(max_length=64, blank=True)
    # Delivery of the accepted one as a signal: a row first, the workflow is told after the commit and by the sweep.
    delivered_at = models.DateTimeField(null=True, blank=True)
    delivery_attempts = models.PositiveIntegerField(default=0)
    delivery_error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["review"], condition=models.Q(accepted=True), name="one_accepted_decision"),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(accepted=True, delivered_at__isnull=True),
                name="decision_undelivered",
            )
        ]

    def __str__(self) -> str:
        return f"{self.decision} by {self.source}"
