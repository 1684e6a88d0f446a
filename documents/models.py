"""A document: one file of one owner, and where it stands. `Document.move_to` is the only writer of its status."""

import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import connection, models, transaction
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone

from documents.encrypted import EncryptedJSONField
from documents.status import EVALUATED, FINAL, WIRE, Status, WireWords, check_move

FAST_LANE, BULK_LANE = 0, 1  # of a queue
UNREAD = (Status.uploaded, Status.processing)

NO_CLAIM: dict[str, Any] = {"claim_token": None, "claimed_by": "", "claimed_at": None, "heartbeat_at": None}


class MovedMeanwhile(Exception):
    """Somebody else moved the document, or the claim was lost: nothing was written."""


class DocumentQuerySet(models.QuerySet["Document"]):
    def owned_by(self, user_id: Any) -> Self:
        """What an owner can still ask for: erased documents are gone for them."""
        return self.filter(owner_id=user_id, erased_at__isnull=True)

    def in_use(self) -> Self:
        """Neither erased nor restricted: what the law keeps of somebody who asked to be erased is used for nothing."""
        return self.filter(restricted_at__isnull=True, erased_at__isnull=True)

    def comparable(self) -> Self:
        """Restricted ones too: else asking for erasure would hide a second account with the same number."""
        return self.filter(erased_at__isnull=True)

    def waiting(self, queue: str, *, oldest_first: bool = False) -> Self:
        """The documents that a worker of this queue may claim: the fast lane before the bulk lane, in each the one that
        waits longest; or whatever waits longest, in either lane, when `oldest_first`.

        `queued_at` lies in the future where an attempt was put off. It is the database's clock that says so, as for
        claims: the machines of web servers, workers and sweeps have clocks of their own, and one of them may jump.
        """
        order = ["queued_at"] if oldest_first else ["lane", "queued_at"]
        waiting = self.filter(status=Status.uploaded, queue=queue, queued_at__lte=Now())
        return waiting.filter(restricted_at__isnull=True).order_by(*order)

    def unread(self) -> Self:
        """The documents that were given to workers and have not been read: they wait, or are held."""
        return self.filter(status__in=UNREAD, restricted_at__isnull=True).exclude(queue="")

    def stuck(self, *, silent_seconds: float, held_seconds: float) -> Self:
        """Claimed, but silent for so long, or held for so long in all, that the worker is taken for dead."""
        silent = models.Q(heartbeat_at__lt=Now() - timedelta(seconds=silent_seconds))
        held = models.Q(claimed_at__lt=Now() - timedelta(seconds=held_seconds))
        return self.filter(silent | held, status=Status.processing)

    def unjudged(self, seconds: float) -> Self:
        """Read, but never judged: the worker died between the two."""
        since = timezone.now() - timedelta(seconds=seconds)
        return self.filter(status=Status.ocr_completed, status_since__lt=since, restricted_at__isnull=True)


class Document(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="documents")
    type = models.CharField(max_length=16)
    status = models.CharField(max_length=16, default=Status.uploaded, editable=False)
    status_since = models.DateTimeField(default=timezone.now, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    correlation_id = models.CharField(max_length=64, blank=True)

    storage_key = models.CharField(max_length=200, unique=True)
    content_type = models.CharField(max_length=32)
    size = models.PositiveIntegerField(help_text="bytes as stored, before sealing")
    sha256 = models.CharField(max_length=64, help_text="of the bytes as stored, before sealing")
    idempotency_key = models.CharField(max_length=128, blank=True)
    applicant = EncryptedJSONField(
        subject="owner_id",
        null=True,
        blank=True,
        help_text="{name, nik, npwp, birthDate} as the client has them",
    )

    # A new upload that a reviewer asked for, and the document that it stands in for.
    new_upload = models.BooleanField(default=False, db_default=False, help_text="its sender is asked for another file")
    replaces = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaced_by", editable=False
    )

    # The queue: which workers may claim it, since when it waits, who holds it and when they last showed progress.
    queue = models.CharField(max_length=16, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    # A default in the database too: processes of the version before still write rows.
    lane = models.PositiveSmallIntegerField(
        default=FAST_LANE,
        db_default=FAST_LANE,
        help_text="0: its owner had little waiting when it was queued; 1: it is one of many of theirs",
    )
    fallback_reason = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim_token = models.UUIDField(null=True, blank=True)
    claimed_by = models.CharField(max_length=128, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    # By what it was read as, other documents are compared with it. Written with the reading, before any judgement:
    # of two that are judged at once one sees the other.
    number_index = models.CharField(max_length=64, blank=True, help_text="blind index of the card's number")
    fingerprint = models.BinaryField(
        max_length=64, null=True, blank=True, editable=False, help_text="perceptual hashes of the page and of the card"
    )
    picture_bands = ArrayField(
        models.IntegerField(), null=True, blank=True, editable=False, help_text="of those hashes, to find near ones by"
    )

    # The outcome of the run that judged it.
    ai_score = models.PositiveSmallIntegerField(null=True, blank=True)
    ai_decision = models.CharField(max_length=16, blank=True)

    restricted_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="kept by law, used for nothing"
    )
    erased_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="no value of a person is left")

    objects: ClassVar[Any] = DocumentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=list(Status)), name="document_status_is_known"),
            models.CheckConstraint(
                condition=models.Q(status=Status.processing, claim_token__isnull=False)
                | (~models.Q(status=Status.processing) & models.Q(claim_token__isnull=True)),
                name="document_is_claimed_while_processing",
            ),
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="document_once_per_idempotency_key",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-created_at", "id"], name="document_of_owner"),
            models.Index(
                fields=["queue", "queued_at"], condition=models.Q(status=Status.uploaded), name="document_waiting"
            ),
            models.Index(
                fields=["queue", "lane", "queued_at"],
                condition=models.Q(status=Status.uploaded),
                name="document_waiting_in_lane",
            ),
            models.Index(
                fields=["owner"],
                condition=models.Q(status__in=UNREAD) & ~models.Q(queue=""),
                name="document_unread_of_owner",
            ),
            models.Index(
                fields=["heartbeat_at"], condition=models.Q(status=Status.processing), name="document_heartbeat"
            ),
            models.Index(
                fields=["status_since"],
                condition=models.Q(status__in=[Status.ocr_completed, Status.needs_review]),
                name="document_needs_somebody",
            ),
            models.Index(fields=["number_index"], condition=~models.Q(number_index=""), name="document_number"),
            models.Index(fields=["sha256", "-created_at"], name="document_file"),
            models.Index(fields=["id"], condition=models.Q(restricted_at__isnull=False), name="document_restricted"),
            GinIndex(fields=["picture_bands"], fastupdate=False, name="document_picture"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.ref}"

    @property
    def ref(self) -> str:
        """A short name that people can say to each other."""
        return f"DOC-{self.pk.hex[:8].upper()}"

    @property
    def state(self) -> Status:
        return Status(self.status)

    @property
    def words(self) -> WireWords:
        return WIRE[self.state]

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def is_evaluated(self) -> bool:
        return self.state in EVALUATED

    def move_to(
        self,
        status: Status,
        *,
        actor: str,
        reason: str = "",
        through: Sequence[Status] = (),
        guard: dict[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        """Move to `status` if the row still stands where this object says, and write the event in the same transaction.

        `through` are states that it passes on the way: each has its event, and no row is ever seen there. `guard` are
        further conditions on the row (a claim's token). Raises MovedMeanwhile when the row did not match, IllegalMove
        when the state machine has no such move. Twice is harmless: the second finds another status.
        """
        before, now = self.state, timezone.now()
        steps = list(pairwise([before, *through, status]))
        for one, next_one in steps:
            check_move(one, next_one)
        if before is Status.processing:
            changes = {**NO_CLAIM, **changes}
        changes |= {"status": status, "status_since": now, "updated_at": now}
        # Within the caller's transaction no savepoint: who raises below has written nothing.
        with nullcontext() if connection.in_atomic_block else transaction.atomic():
            if not Document.objects.filter(pk=self.pk, status=before, **(guard or {})).update(**changes):
                raise MovedMeanwhile(f"{self.pk} is no longer {before}, or the claim was lost")
            DocumentEvent.objects.bulk_create(
                self._event(one, next_one, now, actor, reason if next_one is status else "") for one, next_one in steps
            )
        for name, value in changes.items():
            if isinstance(value, Combinable):  # what the database made of it is asked for when somebody wants it
                self.__dict__.pop(name, None)
            else:
                setattr(self, name, value)

    def _event(self, before: Status, after: Status, at: datetime, actor: str, reason: str) -> "DocumentEvent":
        facts = {"actor": actor, "reason": reason, "correlation_id": self.correlation_id}
        return DocumentEvent(document=self, before=before, after=after, at=at, **facts)

    def beat(self, token: uuid.UUID) -> bool:
        """Show progress under the claim `token`; False when the claim was lost."""
        return bool(self._held_by(token).update(heartbeat_at=Now()))

    def is_held_by(self, token: uuid.UUID) -> bool:
        return bool(self._held_by(token).exists())

    def _held_by(self, token: uuid.UUID) -> Any:
        return Document.objects.filter(pk=self.pk, status=Status.processing, claim_token=token)


class AuditEntry(models.Model):
    """One act of a person or a part of FiLot, in ids and codes only. Written by `documents.audit.note`, then never
    changed or deleted: the database refuses it, and `manage.py verify_audit` finds whoever went around it.
    """

    sequence = models.BigIntegerField(primary_key=True, help_text="from 1, without a gap")
    at = models.DateTimeField()
    action = models.CharField(max_length=64, help_text="for instance case.approved")
    actor = models.CharField(max_length=150, help_text="user id, or the part of FiLot that acted")
    document_id = models.UUIDField(null=True, blank=True, help_text="no foreign key: it outlives the document")
    subject = models.CharField(max_length=150, blank=True, help_text="id of what was acted on, if no document")
    facts = models.JSONField(default=dict, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    key_id = models.CharField(max_length=32, help_text="which of AUDIT_KEYS signed it")
    previous = models.CharField(max_length=64, help_text="hash of the entry before")
    hash = models.CharField(max_length=64, help_text="HMAC-SHA256 of all of the above")

    class Meta:
        ordering = ["-sequence"]
        default_permissions = ("view",)
        permissions = [
            ("view_own_auditentry", "Can see their own acts in the audit trail"),
            ("view_team_auditentry", "Can see the acts of reviewers and seniors in the audit trail"),
            ("view_ops_auditentry", "Can see the acts of operations in the audit trail"),
            ("export_auditentry", "Can export the audit trail"),
        ]
        verbose_name = "audit entry"
        verbose_name_plural = "audit trail"
        indexes = [
            models.Index(fields=["document_id", "-sequence"], name="audit_of_document"),
            models.Index(fields=["actor", "-sequence"], name="audit_of_actor"),
            models.Index(fields=["action", "-sequence"], name="audit_of_action"),
            models.Index(fields=["at"], name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action}"


class AuditHead(models.Model):
    """The newest audit entry, in one row: its lock puts writers one after the other, and without it nobody could
    tell that the newest entries were taken away.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    key_id = models.CharField(max_length=32)
    seal = models.CharField(max_length=64, help_text="HMAC-SHA256 of both")

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_has_one_head")]

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


class DocumentEvent(models.Model):
    """One move: from, to, who, why, in the transaction that made it."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="events")
    before = models.CharField(max_length=16, blank=True)
    after = models.CharField(max_length=16)
    actor = models.CharField(max_length=150)
    reason = models.CharField(max_length=200, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.before or 'nothing'} -> {self.after}"
