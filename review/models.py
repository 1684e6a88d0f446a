"""One human or partner judgement of a document, and the decisions that were offered for it."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from documents.encrypted import EncryptedJSONField
from documents.models import Document
from documents.status import Status
from review.console_models import (  # Django looks for an app's models here
    BlindLook,
    Correction,
    Decision,
    Proposal,
    RejectKind,
    RejectReason,
    RejectReasonText,
    RevealGrant,
    Skip,
    Verdict,
)

__all__ = [
    "BlindLook",
    "Correction",
    "Decision",
    "Proposal",
    "RejectKind",
    "RejectReason",
    "RejectReasonText",
    "RevealGrant",
    "Review",
    "ReviewDecision",
    "Skip",
    "Source",
    "Verdict",
]

UNKNOWN_RISK = 100  # of a document that nobody could judge


class Source(models.TextChoices):
    console = "console"
    buli2 = "buli2"
    erasure = "erasure"  # nobody's judgement: the document was erased before anybody came to one


class ReviewQuerySet(models.QuerySet["Review"]):
    def open(self) -> "ReviewQuerySet":
        """Waiting for a decision, the ones due first."""
        return self.filter(decision="").order_by("due_at")

    def in_use(self) -> "ReviewQuerySet":
        """Without cases whose document is restricted: it is kept by law and used for nothing. There are few of them."""
        restricted = Document.objects.filter(pk=OuterRef("document_id"), restricted_at__isnull=False)
        return self.filter(~Exists(restricted))

    def free(self) -> "ReviewQuerySet":
        """Waiting, and held by nobody: a lease that ran out holds nothing."""
        return self.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=Now()), decision="")

    def held_by(self, user: Any) -> "ReviewQuerySet":
        return self.filter(decision="", holder=user.pk, lease_until__gt=Now())

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
    reminded_at = models.DateTimeField(null=True, blank=True, help_text="when nobody had decided in time")
    escalated_at = models.DateTimeField(null=True, blank=True)
    escalation_reason = models.CharField(max_length=64, blank=True)
    buli2_ticket_id = models.CharField(max_length=128, blank=True)
    buli2_told_at = models.DateTimeField(null=True, blank=True, help_text="when BULI2 learnt of our decision")

    # Whoever works on it: a decision is written only under an unbroken lease and the version its page was made from.
    # Columns that came later have a default in the database too: processes of the version before still write rows.
    version = models.PositiveIntegerField(default=0, db_default=0, help_text="of what a decision rests on")
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True, help_text="when it was last taken, by whom it may be")
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    # Four eyes. `needs_two` is never taken back: a trigger refuses it.
    risk = models.PositiveSmallIntegerField(
        default=UNKNOWN_RISK, db_default=UNKNOWN_RISK, help_text="100 - score; 100 when nobody could judge it"
    )
    needs_two = models.BooleanField(default=False, db_default=False)
    two_because = ArrayField(models.CharField(max_length=32), default=list, db_default=[], blank=True)
    verdicts = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="given so far, of those that count")
    first_verdict_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects: ClassVar[Any] = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        verbose_name = "case"
        verbose_name_plural = "needs review"
        permissions = [
            ("decide_review", "Can approve and reject documents that need review"),
            ("escalate_review", "Can escalate a review"),
            ("reveal_number", "Can see the identity number of a case they hold in full"),
            ("second_review", "Can give the second verdict, and decide what was escalated"),
            ("reveal_any", "Can see the identity number of any case in full"),
            ("reveal_limited", "Can see some identity numbers a day in full"),
            ("correct_field", "Can correct a field of a case they hold"),
            ("correct_any", "Can correct a field of any open case"),
            ("assign_review", "Can assign cases and take them from others"),
            ("release_expired", "Can free cases whose lease ran out"),
            ("view_counts", "Can see how many cases wait, but no case"),
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
            models.CheckConstraint(
                condition=Q(holder__isnull=True, lease_until__isnull=True)
                | Q(holder__isnull=False, lease_until__isnull=False, decision=""),
                name="review_held_while_open",
            ),
            models.CheckConstraint(
                condition=Q(verdicts=0, first_verdict_by__isnull=True)
                | Q(verdicts__gt=0, first_verdict_by__isnull=False, needs_two=True),
                name="review_verdicts_of_two",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(decision=""), name="review_open"),
            # The queue's other orders, each as its pages go on; and the days that the dashboard counts.
            models.Index(fields=["-risk", "-id"], condition=models.Q(decision=""), name="review_open_by_risk"),
            models.Index(fields=["created_at", "id"], condition=models.Q(decision=""), name="review_open_by_age"),
            models.Index(fields=["created_at"], name="review_created"),
            models.Index(fields=["-decided_at"], condition=models.Q(decided_at__isnull=False), name="review_decided"),
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


class ReviewWorkflow(Review):
    """A review as operators see it: ids, times and codes, how far its workflow has come, nothing of the case."""

    class Meta:
        proxy = True
        ordering = ["-created_at"]
        verbose_name = "review workflow"

    def __str__(self) -> str:
        return self.workflow_id


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
    # What it rests on where two had to say the same: the other of them. A trigger of the table asks for it.
    first_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.ForeignKey(
        RejectReason, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="as it stood then"
    )
    new_upload = models.BooleanField(default=False, db_default=False, help_text="the sender is asked for another file")
    seconds = models.PositiveIntegerField(null=True, blank=True, help_text="from taking the case to deciding it")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    correlation_id = models.CharField(max_length=64, blank=True)
    # Until it is due it can be undone; what has begun to leave can't.
    deliver_after = models.DateTimeField(default=timezone.now, db_default=Now())
    leaving_at = models.DateTimeField(null=True, blank=True, help_text="when its delivery began")
    undone_at = models.DateTimeField(null=True, blank=True)
    # Delivery of the accepted one as a signal: a row first, the workflow is told after the commit and by the sweep.
    delivered_at = models.DateTimeField(null=True, blank=True)
    delivery_attempts = models.PositiveIntegerField(default=0)
    delivery_error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["review"], condition=models.Q(accepted=True), name="one_accepted_decision"),
            models.CheckConstraint(
                condition=~models.Q(source="erasure", decision="approved"), name="an_erasure_never_approves"
            ),
            models.CheckConstraint(
                condition=Q(first_user__isnull=True) | Q(user__isnull=False) & ~Q(first_user=F("user")),
                name="decision_of_two_people",
            ),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True) | Q(accepted=False), name="decision_undone_does_not_count"
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(accepted=True, delivered_at__isnull=True),
                name="decision_undelivered",
            ),
            models.Index(fields=["user", "-created_at"], name="decision_of_user"),
            models.Index(fields=["created_at"], name="decision_created"),
        ]

    def __str__(self) -> str:
        return f"{self.decision} by {self.source}"
