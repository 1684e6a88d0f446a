"""Documents with a judged run, as the services leave them, and policies in force: for tests of what comes after."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from documents.models import Document
from documents.status import Status
from filot.models import User
from ocr_gpu.engine import OcrLine
from tests.documents.build import make_document
from tests.verification.cards import ktp_lines
from verification.evidence import Known
from verification.judging import judge
from verification.models import PolicyChange, RunOutcome, VerificationRun
from verification.reading import document_type, fields_as_json, lines_as_json
from verification.runs import evidence_of

STANDARD = {"policy": "standard@1", "approve": 85, "reject": 35}
BASELINE = {"policy": "baseline@1", "approve": 85, "reject": 35}
NPWP = ["NPWP : 01.234.567.7-065.000", "BUDI CONTOH SPECIMEN", "JL CONTOH NOMOR 1 JAKARTA", "KPP PRATAMA JAKARTA TEBET"]
JUNK = ["WARUNG MAKAN SEDERHANA", "NASI GORENG 15.000", "ES TEH MANIS 5.000", "TERIMA KASIH", "TOTAL 20.000 RUPIAH"]


def card(**changes: str) -> list[OcrLine]:
    """A KTP that nothing speaks against; see cards.ktp_lines."""
    return ktp_lines(**{"nik": "3276064107909001", **changes})


def in_force(
    live: dict[str, Any] = STANDARD, shadow: dict[str, Any] | None = None, trial: dict[str, Any] | None = None
) -> PolicyChange:
    return PolicyChange.objects.create(by="dewi", reason="a test", live=live, shadow=shadow or {}, trial=trial or {})


def read(
    owner: User,
    lines: Sequence[OcrLine] | None = None,
    *,
    issues: Sequence[str] = (),
    started_at: datetime | None = None,
    **facts: Any,
) -> tuple[Document, VerificationRun]:
    """A document that was read, by default a whole card, and is still to be judged."""
    lines = card() if lines is None else lines
    document = make_document(owner, status=Status.ocr_completed, **facts)
    now = timezone.now()
    run = VerificationRun(document=document, attempt=1, queue="ocr.cpu", worker="w", outcome=RunOutcome.read)
    run.started_at = started_at or now
    run.lines = lines_as_json(lines)
    run.fields = fields_as_json(document.type, document_type(document.type).parse(lines))
    run.quality = {"measures": {}, "issues": list(issues)}
    run.save()
    return document, run


def judged(
    owner: User,
    lines: Sequence[OcrLine] | None = None,
    *,
    known: Known | None = None,
    person: str = "",
    finished_at: datetime | None = None,
    **facts: Any,
) -> VerificationRun:
    """The same, judged by what is in force; `person` is what somebody then decided: approved or rejected."""
    document, run = read(owner, lines, **facts)
    verdict = judge(document, evidence_of(document, run, known or Known()), run)
    run.outcome, run.finished_at = RunOutcome.judged, finished_at or timezone.now()
    run.save()
    document.move_to(Status.ai_evaluated, actor="policy", ai_score=verdict.score, ai_decision=verdict.decision)
    document.move_to(Status(verdict.decision), actor="policy")
    if person:
        document.move_to(Status(person), actor="reviewer")
    return run
