"""Judging stored runs again: the same policy says the same, and what can't be opened is said."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from documents.keys import forget_kept
from filot.models import User
from ocr_gpu.engine import OcrLine
from tests.verification.build import KTP_LINES, lines_of
from tests.verification.cards import npwp_lines
from tests.verification.stored import BASELINE, JUNK, NPWP, STANDARD, card, in_force, judged
from verification.evidence import Known
from verification.judging import Choice, findings_as_json
from verification.models import RunOutcome, VerificationRun
from verification.replaying import ERASED, SEALED, counted_runs, judge_again, moment

pytestmark = pytest.mark.django_db

DECLARED = {"name": "PUSPARINI KUSUMALAGA", "nik": "3276064107909001", "npwp": None, "birthDate": "1990-07-01"}
KINDS_OF_EVIDENCE: list[dict[str, Any]] = [
    {},
    {"lines": card(gender="LAKI-LAKI")},
    {"lines": card(birth="DEPOK, 02-07-1990")},
    {"lines": card(name="")},
    {"lines": card(nik="")},
    {"lines": card(nik="3276064107900000")},
    {"lines": card(address="", religion="")},
    {"lines": card(province="PROVINSI BALI", regency="KOTA DENPASAR")},
    {"lines": card(validUntil="01-07-2020", nationality="WNA")},
    {"lines": lines_of(KTP_LINES, confidence=0.5)},
    {"lines": lines_of(JUNK)},
    {"lines": []},
    {"issues": ["screen_photo", "blurry"]},
    {"issues": ["photocopy"]},
    {"known": Known(number_elsewhere=2, sent_before=1)},
    {"known": Known(picture_with_other_number=1, other_card_name="differs", other_card_number="unclear")},
    {"applicant": DECLARED},
    {"applicant": {**DECLARED, "name": "ANDI SPECIMEN"}},
    {"type": "NPWP", "lines": npwp_lines(NPWP)},
    {"type": "NPWP", "lines": lines_of(JUNK), "applicant": DECLARED},
]


def said(run: VerificationRun) -> list[Any]:
    return [run.decision, run.score, run.points, run.findings, [reason["code"] for reason in run.reasons]]


@pytest.mark.parametrize("policy", [STANDARD, BASELINE, {**STANDARD, "approve": 60, "reject": 59}])
def test_the_policy_of_a_run_says_the_same_again(owner: User, policy: dict[str, Any]) -> None:
    in_force(policy)
    for evidence in KINDS_OF_EVIDENCE:
        judged(owner, **evidence)
    differences = [
        (said(again.run), verdict)
        for again in judge_again(counted_runs(), Choice.from_json(policy))
        for verdict in again.verdicts
        if said(again.run)
        != [
            verdict.decision,
            verdict.score,
            verdict.points,
            findings_as_json(verdict),
            [reason.code for reason in verdict.reasons],
        ]
    ]
    assert differences == []
    decisions = set(VerificationRun.objects.values_list("decision", flat=True))
    assert decisions == {"auto_approve", "auto_reject", "needs_review"}


def test_the_day_is_that_of_the_judgement_before_midnight_as_after(owner: User) -> None:
    """A foreigner's card that expires at midnight: the run began on its last day and ended on the next."""
    expiring: list[OcrLine] = card(validUntil="10-05-2031", nationality="WNA")
    last_second = datetime(2031, 5, 10, 23, 59, 59, tzinfo=UTC)
    run = judged(owner, expiring, started_at=last_second, finished_at=last_second + timedelta(seconds=3))
    after = judged(owner, expiring, started_at=last_second + timedelta(seconds=3))
    assert run.score != after.score
    by_run = {again.run.pk: again.verdicts[0] for again in judge_again(counted_runs(), Choice.from_json(STANDARD))}
    assert by_run[run.pk].score == run.score
    assert by_run[after.pk].score == after.score


def test_several_policies_judge_one_reading_each(owner: User) -> None:
    judged(owner, card(gender="LAKI-LAKI"))
    (again,) = judge_again(counted_runs(), Choice.from_json(BASELINE), Choice.from_json(STANDARD))
    assert [verdict.decision for verdict in again.verdicts] == ["auto_approve", "needs_review"]


def test_what_cannot_be_opened_and_what_was_erased_is_told_apart(owner: User, stranger: User, settings: Any) -> None:
    keys = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = {"gone": bytes(32), **keys}
    judged(owner)
    judged(owner, applicant=DECLARED)
    settings.ENCRYPTION_KEYS = keys
    forget_kept()  # as a process that starts without the key
    erased = judged(stranger)
    VerificationRun.objects.filter(pk=erased.pk).update(fields=None, lines=None)
    judged(stranger)
    troubles = [again.trouble for again in judge_again(counted_runs(), Choice.from_json(STANDARD))]
    assert sorted(troubles) == sorted([SEALED, SEALED, ERASED, ""])


def test_a_run_of_an_unknown_shape_stops_none_of_the_others(owner: User) -> None:
    odd = judged(owner)
    odd.fields = {"nik": {"strange": True}}
    odd.save()
    judged(owner)
    found = list(judge_again(counted_runs(), Choice.from_json(STANDARD)))
    assert [bool(again.verdicts) for again in found] == [True, False]
    assert found[1].trouble == "KeyError"


def test_only_the_run_that_counts_of_a_judged_document_is_taken(owner: User) -> None:
    run = judged(owner)
    facts = {"document": run.document, "queue": "ocr.cpu", "worker": "w"}
    VerificationRun.objects.create(attempt=2, outcome=RunOutcome.failed, **facts)
    assert list(counted_runs()) == [run]
    later = VerificationRun.objects.create(attempt=3, outcome=RunOutcome.judged, finished_at=timezone.now(), **facts)
    assert list(counted_runs()) == [later]
    VerificationRun.objects.create(attempt=4, outcome=RunOutcome.read, **facts)
    assert list(counted_runs()) == []


def test_a_period_holds_its_first_moment_and_not_its_last(owner: User) -> None:
    days = [datetime(2031, 5, day, tzinfo=UTC) for day in (1, 2, 3)]
    first, second, third = (judged(owner, finished_at=day) for day in days)
    assert list(counted_runs()) == [third, second, first]
    assert list(counted_runs(since=days[1])) == [third, second]
    assert list(counted_runs(since=days[0], until=days[2])) == [second, first]


def test_runs_are_chosen_by_document_type_and_by_whether_people_decided(owner: User) -> None:
    judged(owner)
    npwp = judged(owner, npwp_lines(NPWP), type="NPWP")
    rejected = judged(owner, card(name=""), person="rejected")
    approved = judged(owner, card(name=""), person="approved")
    assert list(counted_runs(document_type="NPWP")) == [npwp]
    assert set(counted_runs(by_people=True)) == {rejected, approved}


def test_nothing_is_written_and_no_query_is_made_for_each_run(owner: User) -> None:
    for _ in range(5):
        judged(owner)
    with CaptureQueriesContext(connection) as queries:
        assert len(list(judge_again(counted_runs(), Choice.from_json(STANDARD)))) == 5
    assert len(queries) <= 1  # none where the cursor is the server's


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2031-05-01", datetime(2031, 5, 1, tzinfo=UTC)),
        ("2031-05-01T10:30", datetime(2031, 5, 1, 10, 30, tzinfo=UTC)),
        ("2031-05-01T07:00+07:00", datetime(2031, 5, 1, tzinfo=UTC)),
    ],
)
def test_a_day_or_a_time_is_understood(text: str, when: datetime) -> None:
    assert moment(text) == when


@pytest.mark.parametrize("text", ["", "yesterday", "2031-13-01", "2031-02-30", "2031-05-01T25:00", "01-05-2031"])
def test_any_other_text_is_no_day(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        moment(text)
