"""Every message that went to BULI2 or came from it."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from documents.encrypted import EncryptedJSONField
from documents.sealing import NOBODY


class Direction(models.TextChoices):
    outbound = "outbound", _("Outbound")
    inbound = "inbound", _("Inbound")


class ExchangeState(models.TextChoices):
    pending = "pending", _("Pending")  # an outbound message that waits for its next attempt
    done = "done", _("Done")
    refused = "refused", _("Refused")  # we refused an inbound one, or BULI2 refused ours for good (4xx)
    dead = "dead", _("Dead")  # undelivered for too long: a person decides
    failed = "failed", _("Failed")  # a status poll without a usable answer: not repeated, the next poll asks again
    withdrawn = "withdrawn", _("Withdrawn")  # we gave it up: decided before BULI2 heard of it, or a person cancelled it


# Codes of refused callbacks that tell of the signature; whatever else was wrong came after it had been found good.
SIGNATURE_ERRORS = {
    "MISSING_SIGNATURE": "missing",
    "INVALID_SIGNATURE": "invalid",
    "SIGNATURE_SECRET_MISSING": "no_secret",
    "too_large": "unchecked",
}


class Buli2Exchange(models.Model):
    """One message out or in. Bodies are sealed; the digest tells equal ones."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    direction = models.CharField(max_length=8, choices=Direction)
    kind = models.CharField(max_length=16, help_text="submit, status, cancel or callback")
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=200)
    review_id = models.UUIDField(null=True, blank=True, db_index=True)
    state = models.CharField(max_length=9, choices=ExchangeState)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=64, blank=True, help_text="code, for instance timeout or breaker_open")
    attempt = models.PositiveIntegerField(default=0, help_text="HTTP tries so far")
    maybe_received = models.BooleanField(default=False, help_text="a try may have reached BULI2, answered or not")
    duration_ms = models.PositiveIntegerField(null=True, blank=True, help_text="of the last try")
    body_sha256 = models.CharField(max_length=64, blank=True)
    # A default in the database too: processes of the version before still write rows.
    subject = models.UUIDField(
        default=NOBODY, db_default=NOBODY, editable=False, help_text="whose review it is about: the documents' owner"
    )
    body = EncryptedJSONField(subject="subject", null=True, blank=True)
    answer = EncryptedJSONField(subject="subject", null=True, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    waiting_since = models.DateTimeField(default=timezone.now, help_text="its 24 hours; a resend starts them again")
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "BULI2 exchange"
        constraints = [
            models.UniqueConstraint(
                fields=["review_id", "kind"],
                condition=models.Q(direction=Direction.outbound, kind__in=["submit", "cancel"]),
                name="one_exchange_per_effect",
            )
        ]
        indexes = [
            models.Index(fields=["subject"], name="exchange_of_subject"),
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(state=ExchangeState.pending),
                name="exchange_due",
            ),
            models.Index(
                fields=["created_at"],
                condition=models.Q(kind="status") | models.Q(direction=Direction.inbound, review_id__isnull=True),
                name="exchange_passing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.kind} {self.state}"

    @property
    def signature(self) -> str:
        """Of a callback: valid, missing, invalid, no_secret, or unchecked where it was not looked at; else empty."""
        if self.direction != Direction.inbound or self.kind != "callback":
            return ""
        return SIGNATURE_ERRORS.get(self.error, "valid")


class Buli2Attempt(models.Model):
    """One HTTP try of a message to BULI2, written before its first byte is sent."""

    exchange = models.ForeignKey(Buli2Exchange, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField(default=timezone.now)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=64, blank=True, help_text="code; unfinished while it runs or when we died")

    class Meta:
        ordering = ["exchange", "number"]
        verbose_name = "attempt"

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.error or self.http_status}"
