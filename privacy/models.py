"""How long documents are kept, who asked for what, and what became of it. No value of a person stands here."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from documents.models import Document
from documents.status import Status

ANY = "*"


class CountsFrom(models.TextChoices):
    decision = "decision"  # since when the document is in its state
    relationship = "relationship"  # since the owner's business relationship ended; never before that is known


class RetentionRule(models.Model):
    """How long documents of a type in a state are kept. The most exact rule counts; "*" is any."""

    type = models.CharField(max_length=16, default=ANY)
    state = models.CharField(max_length=16, default=ANY)
    years = models.PositiveSmallIntegerField()
    counts_from = models.CharField(max_length=12, choices=CountsFrom, default=CountsFrom.decision)
    legal_hold = models.BooleanField(
        default=False, help_text="the law asks for it: an erasure that is asked for meanwhile waits for the end"
    )

    class Meta:
        ordering = ["type", "state"]
        constraints = [
            models.UniqueConstraint(fields=["type", "state"], name="one_rule_per_type_and_state"),
            models.CheckConstraint(condition=Q(state__in=[ANY, *Status]), name="rule_state_is_known"),
            models.CheckConstraint(condition=Q(counts_from__in=CountsFrom.values), name="rule_counts_from_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.state}: {self.years} years from {self.counts_from}"


class Subject(models.Model):
    """Where an owner stands as a person whose data is kept; made when there is something to say."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="+")
    relationship_ended_on = models.DateField(null=True, blank=True)
    erase_asked_at = models.DateTimeField(null=True, blank=True)
    erase_due_on = models.DateField(null=True, blank=True, help_text="when the last hold ends, as far as it is known")
    restricted_at = models.DateTimeField(null=True, blank=True, help_text="kept, and used for nothing")
    erased_at = models.DateTimeField(null=True, blank=True)
    reseal_since = models.DateTimeField(
        null=True, blank=True, help_text="documents were erased: their key goes once the others are under a fresh one"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True) | Q(erase_asked_at__isnull=False), name="erased_only_if_asked"
            )
        ]
        indexes = [
            models.Index(
                fields=["erase_asked_at"],
                condition=Q(erase_asked_at__isnull=False, erased_at__isnull=True),
                name="subject_to_erase",
            ),
            models.Index(fields=["reseal_since"], condition=Q(reseal_since__isnull=False), name="subject_to_reseal"),
        ]

    def __str__(self) -> str:
        return str(self.owner_id)


class LegalHold(models.Model):
    """Somebody with the right to it forbids erasing anything of this owner: an investigation, a dispute."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason_code = models.CharField(max_length=64)
    placed_by = models.CharField(max_length=150)
    placed_at = models.DateTimeField(default=timezone.now, editable=False)
    until = models.DateField(null=True, blank=True, help_text="the last day; none: until it is lifted")
    lifted_by = models.CharField(max_length=150, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["owner"], condition=Q(lifted_at__isnull=True), name="hold_in_force")]

    def __str__(self) -> str:
        return f"{self.reason_code} of {self.owner_id}"


class RequestKind(models.TextChoices):
    second_look = "second_look"  # a person's look at an automatic rejection
    access = "access"
    correction = "correction"
    restriction = "restriction"
    erasure = "erasure"


class RequestState(models.TextChoices):
    open = "open"
    done = "done"
    refused = "refused"
    waits = "waits"  # for the end of a hold: restricted and dated


class PersonalRequest(models.Model):
    """What an owner asked for by right, and by when it is to be answered."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=RequestKind)
    state = models.CharField(max_length=8, choices=RequestState, default=RequestState.open)
    outcome = models.CharField(max_length=64, blank=True, help_text="code of what was done, or of why not")
    document = models.ForeignKey(Document, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    new_document = models.OneToOneField(Document, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["due_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["document"], condition=Q(kind=RequestKind.second_look), name="one_second_look_per_document"
            ),
            models.UniqueConstraint(
                fields=["owner", "kind"],
                condition=Q(state__in=[RequestState.open, RequestState.waits]) & ~Q(kind=RequestKind.second_look),
                name="one_open_request_per_kind",
            ),
            models.CheckConstraint(condition=Q(kind__in=RequestKind.values), name="request_kind_is_known"),
            models.CheckConstraint(condition=Q(state__in=RequestState.values), name="request_state_is_known"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state=RequestState.open), name="request_open"),
            models.Index(fields=["owner", "-created_at"], name="request_of_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.owner_id}"
