"""Rows that only the review console writes: verdicts, corrections, grants, reasons and who may have them changed."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from documents.encrypted import EncryptedJSONField

SUBJECT = "review__document__owner_id"  # whose data a sealed value is


class Decision(models.TextChoices):
    approved = "approved"
    rejected = "rejected"


class RejectKind(models.TextChoices):
    retry = "RETRY"  # a better picture may pass
    final = "FINAL"


class Verdict(models.Model):
    """What one of several people said of a case that two have to agree on. The first stays hidden until the second."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    review = models.ForeignKey("review.Review", on_delete=models.CASCADE, related_name="given")
    number = models.PositiveSmallIntegerField(help_text="1, 2, and 3 where the two differed")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=8, choices=Decision)
    reason_code = models.CharField(max_length=64, blank=True)
    new_upload = models.BooleanField(default=False)
    note = EncryptedJSONField(subject=SUBJECT, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["review", "number"], condition=Q(undone_at__isnull=True), name="one_verdict_of_a_number"
            ),
            models.UniqueConstraint(
                fields=["review", "user"], condition=Q(undone_at__isnull=True), name="one_verdict_of_a_person"
            ),
            models.CheckConstraint(condition=Q(number__in=[1, 2, 3]), name="verdict_number_is_known"),
        ]

    def __str__(self) -> str:
        return f"verdict {self.number}"


class Correction(models.Model):
    """A field as a person reads it. OCR's value stays where it is; the checks ran again with this one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    review = models.ForeignKey("review.Review", on_delete=models.CASCADE, related_name="corrections")
    field = models.CharField(max_length=32, help_text="name on the wire")
    old = EncryptedJSONField(subject=SUBJECT, null=True, blank=True, help_text="the value before")
    new = EncryptedJSONField(subject=SUBJECT, null=True, blank=True, help_text="the value after")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    why = models.CharField(max_length=32, help_text="code")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # What the checks said with all corrections so far. It decides nothing.
    policy = models.CharField(max_length=64, blank=True)
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    decision = models.CharField(max_length=16, blank=True)
    findings = models.JSONField(default=list, blank=True, help_text="[{code, outcome, points, gate}]")

    class Meta:
        ordering = ["created_at"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"correction of {self.field}"


class RevealGrant(models.Model):
    """This person may see the number of this case in full for some minutes. Written with its audit entry."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    review = models.ForeignKey("review.Review", on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["user", "review", "-expires_at"], name="grant_in_force")]

    def __str__(self) -> str:
        return f"grant until {self.expires_at:%H:%M}"


class Proposal(models.Model):
    """A change to reasons, thresholds or the time a case may take: one compliance admin asks, another applies it."""

    class Kind(models.TextChoices):
        reason = "reason"
        thresholds = "thresholds"
        sla = "sla"

    class State(models.TextChoices):
        open = "open"
        applied = "applied"
        refused = "refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    content = models.JSONField(help_text="what is to be; no personal value")
    state = models.CharField(max_length=8, choices=State, default=State.open)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(default=timezone.now, editable=False)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-proposed_at"]
        default_permissions = ("view",)
        permissions = [("settle_proposal", "Can propose changes, and settle those of others")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open", settled_by__isnull=True, settled_at__isnull=True)
                | Q(state="refused", settled_by__isnull=False, settled_at__isnull=False)
                | Q(state="applied", settled_by__isnull=False, settled_at__isnull=False)
                & ~Q(settled_by=F("proposed_by")),
                name="proposal_applied_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.proposed_at:%Y-%m-%d}"


class RejectReason(models.Model):
    """A reason to reject as it stands from `created_at` on: a change is a new row, so a decision keeps its own."""

    code = models.CharField(max_length=64)
    position = models.PositiveSmallIntegerField(help_text="1 to 9: its key in the console")
    kind = models.CharField(max_length=8, choices=RejectKind)
    active = models.BooleanField(default=True, help_text="false: offered no more")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    proposal = models.OneToOneField(
        Proposal, on_delete=models.PROTECT, null=True, blank=True, help_text="empty: came with FiLot"
    )

    class Meta:
        ordering = ["position"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(position__range=(1, 9)), name="reason_position_is_a_key"),
            models.CheckConstraint(condition=Q(kind__in=RejectKind.values), name="reason_kind_is_known"),
        ]
        indexes = [models.Index(fields=["code", "-id"], name="reason_latest")]

    def __str__(self) -> str:
        return self.code


class RejectReasonText(models.Model):
    reason = models.ForeignKey(RejectReason, on_delete=models.PROTECT, related_name="texts")
    language = models.CharField(max_length=8)
    text = models.CharField(max_length=200, help_text="for the reviewer")
    public = models.CharField(max_length=200, help_text="for the client: never tells what gave a forger away")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["reason", "language"], name="one_text_a_language")]

    def __str__(self) -> str:
        return f"{self.language}: {self.text}"


class BlindLook(models.Model):
    """A decided case that somebody looks at again without knowing the decision. It changes nothing for the document.

    Of a second look `expected` is the decision that was accepted, of a known answer what is right.
    """

    class Kind(models.TextChoices):
        second = "second"
        known = "known"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    review = models.ForeignKey("review.Review", on_delete=models.CASCADE, related_name="looks")
    kind = models.CharField(max_length=8, choices=Kind)
    expected = models.CharField(max_length=8, choices=Decision)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=8, choices=Decision, blank=True)
    reason_code = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    looked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at"]
        default_permissions = ()
        permissions = [("plant_look", "Can set decided cases with a known answer before reviewers")]
        constraints = [
            models.UniqueConstraint(fields=["review"], condition=Q(kind="second"), name="one_second_look"),
            models.CheckConstraint(
                condition=Q(decision="", looked_at__isnull=True)
                | ~Q(decision="") & Q(looked_at__isnull=False, user__isnull=False),
                name="look_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=True) | Q(decided_by__isnull=True) | ~Q(user=F("decided_by")),
                name="look_by_another",
            ),
        ]
        indexes = [models.Index(fields=["created_at"], condition=Q(decision=""), name="look_waiting")]

    def __str__(self) -> str:
        return f"{self.kind} look"


class Skip(models.Model):
    """This person gave this case back: it is not offered to them again for some hours."""

    review = models.ForeignKey("review.Review", on_delete=models.CASCADE, related_name="skips")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["review", "user"], name="one_skip_each")]

    def __str__(self) -> str:
        return f"skipped {self.at:%H:%M}"
