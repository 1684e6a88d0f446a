"""Judging a reading again with what a person put right. The verdict is looked at; it moves nothing."""

from collections.abc import Mapping
from dataclasses import replace

from documents.models import Document
from verification.fields import FieldValue
from verification.judging import Choice
from verification.known import known_of
from verification.models import VerificationRun
from verification.reading import document_type
from verification.runs import evidence_of, fields_of
from verification.scoring import Thresholds, Verdict
from verification.services import number_index

SURE = 1.0  # a person read it


def judge_corrected(document: Document, run: VerificationRun, corrected: Mapping[str, str | None]) -> Verdict:
    """The verdict of the policy that judged the run, had the card been read as `corrected` says (None: not there).

    Other documents are looked up by the corrected number. Four queries and more, outside a transaction. `document` is
    changed in memory only: it must not be saved. Raises CannotOpen; ValueError when the policy is gone.
    """
    values = fields_of(run)
    for name, value in corrected.items():
        box = values[name].box if name in values else None
        values[name] = FieldValue(value=value, raw=value or "", confidence=SURE, box=box)
    numbers = [values[name].value for name in document_type(document.type).NUMBER_FIELDS if name in values]
    document.number_index = next((number_index(document.type, number) for number in numbers if number), "")
    stored = evidence_of(document, run, known_of(document, values))
    evidence = replace(stored, values=values)
    thresholds = Thresholds(approve=run.thresholds["approve"], reject=run.thresholds["reject"])
    return Choice(f"{run.policy}@{run.policy_version}", thresholds).judge(evidence)
