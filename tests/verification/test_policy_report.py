"""What the policies decided, what people made of it, and what the policy beside would have done."""

import io
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from filot.models import User
from tests.verification.stored import BASELINE, STANDARD, card, in_force, judged
from verification.judging import arm_of
from verification.policy_report import Key, overturned, policy_report

pytestmark = pytest.mark.django_db
WRONG_SEX = {"gender": "LAKI-LAKI"}


def said(*arguments: str) -> str:
    out = io.StringIO()
    call_command("policy_report", *arguments, stdout=out)
    return out.getvalue()


def row_of(text: str, start: str) -> str:
    return next(" ".join(line.split()) for line in text.splitlines() if line.startswith(start))


def test_each_policy_and_version_is_counted_with_what_people_then_decided(owner: User) -> None:
    in_force(BASELINE)
    judged(owner)
    in_force(STANDARD)
    judged(owner)
    judged(owner, [])
    for person in ("approved", "approved", "rejected", ""):
        judged(owner, card(**WRONG_SEX), person=person)
    report = policy_report()
    assert set(report.live) == {Key("baseline@1", ""), Key("standard@1", "")}
    live = report.live[Key("standard@1", "")]
    assert live.decisions == {"auto_approve": 1, "auto_reject": 1, "needs_review": 4}
    assert (live.documents, live.people, live.waiting) == (6, {"approved": 2, "rejected": 1}, 1)
    assert report.beside == {}
    assert row_of(said(), "standard@1") == (
        "standard@1 - 6 1, 16.7 % (3.0-56.4) 4, 66.7 % (30.0-90.3) 1, 16.7 % (3.0-56.4) 2 1 1"
    )


def test_arms_of_a_trial_are_counted_apart() -> None:
    trial = {**BASELINE, "share": 0.5}
    in_force(STANDARD, trial=trial)
    dealt: Counter[str] = Counter()
    for number in range(12):
        owner = User.objects.create_user(f"owner-{number}")
        dealt[arm_of(owner.pk, trial)] += 1
        judged(owner)
    report = policy_report()
    counted = {key: live.documents for key, live in report.live.items()}
    assert counted == {Key("standard@1", "live"): dealt["live"], Key("baseline@1", "trial"): dealt["trial"]}
    assert {(key.arm, name) for key, name in report.beside} == {("live", "baseline@1"), ("trial", "standard@1")}


def test_live_and_shadow_are_compared_document_by_document(owner: User) -> None:
    in_force(STANDARD, shadow=BASELINE)
    judged(owner)
    judged(owner)
    judged(owner, card(**WRONG_SEX))
    judged(owner, card(name=""))
    beside = policy_report().beside[Key("standard@1", ""), "baseline@1"]
    assert beside.moves == {
        ("auto_approve", "auto_approve"): 2,
        ("needs_review", "auto_approve"): 1,
        ("needs_review", "needs_review"): 1,
    }
    assert (beside.agreement.hits, beside.agreement.of) == (3, 4)
    assert "standard@1 decided, baseline@1 would have" in said()


def test_an_overturn_is_what_the_shadow_would_decide_alone_and_a_person_decided_otherwise(owner: User) -> None:
    in_force(STANDARD, shadow={**BASELINE, "approve": 80, "reject": 79})
    approvable, rejectable = card(**WRONG_SEX), card(nik="", name="")
    judged(owner, approvable, person="approved")
    against = judged(owner, approvable, person="rejected")
    judged(owner, approvable)
    against_too = judged(owner, rejectable, person="approved")
    judged(owner, rejectable, person="rejected")
    beside = policy_report().beside[Key("standard@1", ""), "baseline@1"]
    assert (beside.wrong_approvals.hits, beside.wrong_approvals.of) == (1, 2)
    assert (beside.wrong_rejections.hits, beside.wrong_rejections.of) == (1, 2)
    found = {row["ref"]: (row["policy"], row["would"], row["person"]) for row in overturned()}
    assert found == {
        against.document.ref: ("baseline@1", "auto_approve", "rejected"),
        against_too.document.ref: ("baseline@1", "auto_reject", "approved"),
    }
    text = said()
    overturns = text[text.index("Beside the live policy") :]
    assert row_of(overturns, "standard@1").endswith("1 of 2, 50.0 % (9.5-90.5) 1 of 2, 50.0 % (9.5-90.5) 0")
    assert f"overturned: {against.document.ref} KTP, baseline@1 would auto_approve (score 100)" in text


def test_a_shadow_that_failed_is_counted_as_that_and_agrees_with_nobody(owner: User) -> None:
    in_force(STANDARD, shadow={**STANDARD, "policy": "gone@9"})
    judged(owner)
    beside = policy_report().beside[Key("standard@1", ""), "gone@9"]
    assert (beside.failed, beside.agreement.of) == (1, 0)
    text = said()
    assert row_of(text[text.index("Beside the live policy") :], "standard@1") == (
        "standard@1 - gone@9 - 0 of 0, - 0 of 0, - 1"
    )


def test_reasons_that_stop_documents_come_with_how_often_people_approve_them(owner: User) -> None:
    for person in ("approved", "approved", "approved", "rejected", ""):
        judged(owner, card(**WRONG_SEX), person=person)
    judged(owner, card(name=""), person="rejected")
    stops = policy_report().stops
    assert stops["standard@1", "sex"] == {"approved": 3, "rejected": 1, "waiting": 1}
    assert stops["standard@1", "name"] == {"rejected": 1}
    assert row_of(said(), "standard@1  sex") == "standard@1 sex 5 3 1 1 75.0 % (30.1-95.4)"


def test_it_reads_no_field_and_makes_two_queries_however_many_documents(owner: User) -> None:
    for _ in range(4):
        judged(owner)
    with CaptureQueriesContext(connection) as queries:
        policy_report()
    assert len(queries) == 2
    for query in queries:
        assert '"lines"' not in query["sql"]
        assert '"fields"' not in query["sql"]


def test_a_period_limits_all_of_it(owner: User) -> None:
    in_force(STANDARD, shadow=BASELINE)
    for day in (1, 2, 3):
        judged(owner, card(**WRONG_SEX), person="rejected", finished_at=datetime(2031, 5, day, tzinfo=UTC))
    period: dict[str, Any] = {"since": datetime(2031, 5, 2, tzinfo=UTC), "until": datetime(2031, 5, 3, tzinfo=UTC)}
    assert policy_report(**period).live[Key("standard@1", "")].documents == 1
    assert len(list(overturned(**period))) == 1
    kept = json.loads(said("--since", "2031-05-02", "--json"))
    assert kept["live"][0]["documents"] == len(kept["overturned"]) == 2


def test_what_is_kept_for_programs_says_the_same(owner: User) -> None:
    in_force(STANDARD, shadow=BASELINE)
    judged(owner)
    judged(owner, card(**WRONG_SEX), person="rejected")
    kept = json.loads(said("--json"))
    assert kept["live"] == [
        {
            "policy": "standard@1",
            "arm": "",
            "documents": 2,
            "auto_approve": 1,
            "needs_review": 1,
            "auto_reject": 0,
            "approved": 0,
            "rejected": 1,
            "waiting": 0,
        }
    ]
    (beside,) = kept["beside"]
    assert beside["matrix"]["needs_review"]["auto_approve"] == 1
    assert beside["wrongApprovals"] == {"hits": 1, "of": 1, "low": 0.20655, "high": 1.0}
    assert kept["stops"][0]["approvedShare"]["of"] == 1


def test_a_house_without_documents_has_an_empty_report() -> None:
    assert policy_report().live == {}
    assert "What each policy decided" in said()
    assert json.loads(said("--json")) == {"live": [], "beside": [], "stops": [], "overturned": []}
