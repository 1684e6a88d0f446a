"""Stored runs as what they say."""

from documents.models import Document
from ocr_gpu.engine import Box, OcrLine
from verification.evidence import Applicant, Evidence, Known
from verification.fields import FieldValue
from verification.kinds import Kind, kind_of
from verification.models import RunOutcome, VerificationRun


def read_run(document: Document) -> VerificationRun | None:
    """The run whose reading counts: the last one that read anything."""
    return document.runs.filter(outcome__in=[RunOutcome.read, RunOutcome.judged]).order_by("-attempt").first()


def fields_of(run: VerificationRun) -> dict[str, FieldValue]:
    return {name: FieldValue.from_json(field) for name, field in (run.fields or {}).items()}


def lines_of(run: VerificationRun) -> list[OcrLine]:
    return [OcrLine(line["text"], line["confidence"], _box(line["box"])) for line in run.lines or []]


def evidence_of(document: Document, run: VerificationRun, known: Known, kind: Kind | None = None) -> Evidence:
    """What a policy judges, out of what is stored: the same now as when the run is judged again.

    Its day is that on which the run began: at the first judgement it has no end yet. `kind` is what `kind_of` said of
    the run's lines where somebody has asked it already.
    """
    lines = lines_of(run)
    return Evidence(
        document_type=document.type,
        values=fields_of(run),
        lines=lines,
        kind=kind or kind_of(lines),
        today=run.started_at.date(),
        issues=tuple(run.quality.get("issues", ())),
        known=known,
        applicant=Applicant.from_json(document.applicant),
    )


def _box(box: list[float] | None) -> Box:
    return Box(*(box or (0.0, 0.0, 0.0, 0.0)))
