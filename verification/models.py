"""One attempt to read and judge a document, with everything needed to say later why it was decided so."""

import uuid
from typing import NamedTuple

from django.db import models
from django.db.models import Value
from django.utils import timezone

from documents.encrypted import EncryptedJSONField
from documents.models import Document
from verification.quality import MESSAGES

INDONESIAN = "id"


class Issue(NamedTuple):
    """Something wrong with a picture: a stable code, and a sentence that may be shown to its sender."""

    code: str
    message: str


class RunOutcome(models.TextChoices):
    running = "running"
    read = "read"  # the picture was read, the judgement is still to come
    judged = "judged"
    failed = "failed"  # this attempt ended with an error; `reason` is its code
    lost = "lost"  # its worker died, or was taken for dead: reaped


class VerificationRun(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="runs")
    attempt = models.PositiveSmallIntegerField()
    queue = models.CharField(max_length=16)
    worker = models.CharField(max_length=128)
    outcome = models.CharField(max_length=8, choices=RunOutcome, default=RunOutcome.running)
    reason = models.CharField(max_length=64, blank=True, help_text="code of what went wrong")
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    page = models.PositiveSmallIntegerField(default=0, help_text="of a PDF: where the card was found, from 0")
    # Columns that came later have a default in the database too: processes of the version before still write rows.
    turn = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="degrees clockwise by which that page stands upright; boxes lie on the upright page",
    )
    picture_sha256 = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="of the upright page stored for people; none was when blank",
    )
    read_seconds = models.FloatField(null=True, blank=True, help_text="decoding, OCR and parsing")

    engine = models.CharField(max_length=32, blank=True)
    engine_version = models.CharField(max_length=64, blank=True)
    device = models.CharField(max_length=32, blank=True)
    parser_version = models.CharField(max_length=32, blank=True)
    kind = models.CharField(
        max_length=32, blank=True, default="", db_default="", help_text="which card it is, whatever the client said"
    )
    quality = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        help_text='{"measures": {name: number}, "issues": [code]}',
    )
    policy = models.CharField(max_length=32, blank=True)
    policy_version = models.CharField(max_length=32, blank=True)
    thresholds = models.JSONField(default=dict, blank=True, help_text='{"approve": 85, "reject": 35}')

    lines = EncryptedJSONField(null=True, blank=True, help_text="[{text, confidence, box}]")
    fields = EncryptedJSONField(null=True, blank=True, help_text="{name: {value, raw, confidence, box, proposed}}")
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    decision = models.CharField(max_length=16, blank=True)
    points = models.JSONField(default=dict, blank=True, help_text="{what: points}; they add up to the score")
    reasons = models.JSONField(default=list, blank=True, help_text="[{code, message}]: no value of the card")

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(fields=["document", "attempt"], name="one_run_per_attempt"),
            models.CheckConstraint(condition=models.Q(outcome__in=RunOutcome.values), name="run_outcome_is_known"),
        ]
        indexes = [models.Index(fields=["-started_at"], name="run_started")]

    def __str__(self) -> str:
        return f"attempt {self.attempt} of {self.document_id}"

    def issues(self, language: str) -> list[Issue]:
        """What is wrong with the picture, the worst first; in Indonesian for "id", else in English."""
        place = 0 if language == INDONESIAN else 1
        codes = self.quality.get("issues", [])
        return [Issue(code, MESSAGES.get(code, (code, code))[place]) for code in codes]
