"""One attempt to read and judge a document, with everything needed to say later why it was decided so."""

import uuid
from typing import NamedTuple

from django.db import models
from django.db.models import Value
from django.utils import timezone

from documents.encrypted import EncryptedJSONField
from documents.models import Document
from verification.client_reasons import CLIENT_REASONS, client_codes
from verification.quality import MESSAGES, REVIEWER_ONLY

INDONESIAN = "id"

LIVE, TRIAL = "live", "trial"  # arms of a trial


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
    read_seconds = models.FloatField(
        null=True, blank=True, help_text="from the claim to its fields: decoding, OCR and parsing, or copying a reading"
    )
    # No foreign key: the run that was copied may be erased with its document, and this one stands on its own.
    reused_from = models.UUIDField(
        null=True, blank=True, editable=False, help_text="id of the run that read the same file; empty if this one did"
    )

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

    lines = EncryptedJSONField(
        subject="document__owner_id", null=True, blank=True, help_text="[{text, confidence, box}]"
    )
    fields = EncryptedJSONField(
        subject="document__owner_id",
        null=True,
        blank=True,
        help_text="{name: {value, raw, confidence, box, proposed}}",
    )
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    decision = models.CharField(max_length=16, blank=True)
    points = models.JSONField(default=dict, blank=True, help_text="{what: points}; they add up to the score")
    reasons = models.JSONField(default=list, blank=True, help_text="[{code, message, client}]: no value of the card")
    findings = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="[{code, outcome, points, gate}]: what each check found",
    )
    known = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        help_text="what was known of other documents when it was judged: counts and words",
    )
    shadow = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        help_text="verdict of a policy that judges and decides nothing",
    )
    arm = models.CharField(
        max_length=8, blank=True, default="", db_default="", help_text="of a trial: live or trial; blank without one"
    )

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(fields=["document", "attempt"], name="one_run_per_attempt"),
            models.CheckConstraint(condition=models.Q(outcome__in=RunOutcome.values), name="run_outcome_is_known"),
        ]
        indexes = [models.Index(fields=["-started_at"], name="run_started")]

    def __str__(self) -> str:
        return f"attempt {self.attempt} of {self.document_id}"

    def issues(self, language: str, *, for_sender: bool = False) -> list[Issue]:
        """What is wrong with the picture, the worst first; in Indonesian for "id", else in English.

        A sender is told of no mere suspicion.
        """
        place = 0 if language == INDONESIAN else 1
        left_out = REVIEWER_ONLY if for_sender else ()
        codes = [code for code in self.quality.get("issues", []) if code not in left_out]
        return [Issue(code, MESSAGES.get(code, (code, code))[place]) for code in codes]

    def client_reasons(self, language: str) -> list[str]:
        """What its sender is told of the judgement, in Indonesian for "id", else in English."""
        codes = client_codes(self.decision, [reason.get("client", "") for reason in self.reasons])
        return [CLIENT_REASONS[code].in_language(language) for code in codes]


class PolicyChange(models.Model):
    """Which policy decides from here on, by whom and why. Rows are never changed or deleted: the database refuses it.

    Until there is one, the settings say which (SCORING_POLICY, AI_SCORE_THRESHOLD_*). A shadow policy judges every
    document and decides none; a trial policy decides for a share of the owners, always the same ones.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    by = models.CharField(max_length=150)
    reason = models.TextField()
    live = models.JSONField(help_text='{"policy": "standard@1", "approve": 85, "reject": 35}')
    shadow = models.JSONField(default=dict, blank=True, help_text="the same, or empty")
    trial = models.JSONField(default=dict, blank=True, help_text='the same with "share": 0.1 of the owners, or empty')

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["-at"], name="policy_change_at")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(by="") & ~models.Q(reason=""), name="policy_change_has_who_and_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.live.get('policy')}"


class Worker(models.Model):
    """A process that reads documents. It writes its row itself, from its work: see verification.workers.

    A row goes when its process ends in order; one that was killed leaves it behind, silent.
    """

    name = models.CharField(primary_key=True, max_length=128, help_text="Celery's name of the worker, and the process")
    queue = models.CharField(max_length=16)
    host = models.CharField(max_length=64)
    pid = models.PositiveIntegerField()
    loop_pid = models.PositiveIntegerField(help_text="of the process that waits for messages; with solo the same")
    device = models.CharField(max_length=32, blank=True)
    engine = models.CharField(max_length=32, blank=True)
    engine_version = models.CharField(max_length=128, blank=True)
    threads = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, help_text="when its event loop last ran")
    progress_at = models.DateTimeField(default=timezone.now, help_text="when work last went forward, or was asked for")
    doing = models.CharField(max_length=16, default="starting")
    reason = models.CharField(max_length=64, blank=True, help_text="code of why it rests")
    held = models.PositiveSmallIntegerField(default=0, help_text="documents")
    done = models.PositiveIntegerField(default=0, help_text="documents since it started")

    class Meta:
        ordering = ["queue", "name"]

    def __str__(self) -> str:
        return f"{self.name} ({self.queue})"
