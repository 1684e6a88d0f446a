"""Changing the policy: who and why, on top of what is in force, kept for ever."""

import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from structlog.testing import capture_logs

from documents.audit import check_chain
from documents.models import AuditEntry
from tests.verification.stored import BASELINE, STANDARD, in_force
from verification.judging import change_in_force
from verification.models import PolicyChange
from verification.policy_changes import ChangeRefused, Wish, change_policy
from verification.policy_changes import in_force as now_in_force

pytestmark = pytest.mark.django_db


def change(by: str = "dewi", reason: str = "figures of May", **wishes: Wish) -> PolicyChange:
    change_policy(by=by, reason=reason, **wishes)
    found = change_in_force()
    assert found is not None
    return found


def test_the_first_change_pins_what_the_settings_said(settings: Any) -> None:
    settings.AI_SCORE_THRESHOLD_AUTO_APPROVE = 88
    found = change(live=Wish(reject=20))
    assert found.live == {"policy": "standard@1", "approve": 88, "reject": 20}
    assert (found.shadow, found.trial, found.by, found.reason) == ({}, {}, "dewi", "figures of May")


def test_a_change_stands_in_the_audit_trail_with_what_it_changed() -> None:
    in_force(STANDARD, shadow=BASELINE)
    found = change(live=Wish(reject=20), trial=Wish("baseline", share=0.25))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == ("policy.changed", str(found.pk))
    assert entry.facts == {
        "live": ["standard@1/85/35", "standard@1/85/20"],
        "trial": ["", "baseline@1/85/20/0.25"],
    }
    assert check_chain() == []


def test_a_change_that_is_refused_leaves_no_entry() -> None:
    with pytest.raises(ChangeRefused):
        change_policy(by="dewi", reason="figures of May", live=Wish("no-such-policy"))
    assert not AuditEntry.objects.exists()


def test_what_is_not_asked_for_stays_as_it_is() -> None:
    in_force({**STANDARD, "approve": 91}, shadow={**BASELINE, "approve": 60}, trial={**BASELINE, "share": 0.2})
    found = change(live=Wish(reject=10))
    assert found.live == {**STANDARD, "approve": 91, "reject": 10}
    assert found.shadow == {**BASELINE, "approve": 60}
    assert found.trial == {**BASELINE, "share": 0.2}


def test_a_new_role_has_the_thresholds_of_the_live_policy() -> None:
    in_force({**STANDARD, "approve": 91})
    found = change(shadow=Wish("baseline"), trial=Wish("baseline", reject=5, share=0.1))
    assert found.shadow == {**BASELINE, "approve": 91}
    assert found.trial == {**BASELINE, "approve": 91, "reject": 5, "share": 0.1}
    assert found.live == {**STANDARD, "approve": 91}


def test_a_shadow_and_a_trial_can_be_ended_alone() -> None:
    in_force(STANDARD, shadow=BASELINE, trial={**BASELINE, "share": 0.2})
    assert change(shadow=Wish(gone=True)).trial == {**BASELINE, "share": 0.2}
    found = change(trial=Wish(gone=True))
    assert (found.live, found.shadow, found.trial) == (STANDARD, {}, {})


def test_the_share_of_a_trial_can_grow_alone() -> None:
    in_force(STANDARD, trial={**BASELINE, "approve": 70, "share": 0.2})
    assert change(trial=Wish(share=0.4)).trial == {**BASELINE, "approve": 70, "share": 0.4}


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("no policy called", {"live": Wish("nobodys")}),
    ("has no version", {"live": Wish("standard@77")}),
    ("has no version", {"shadow": Wish("baseline@7")}),
    ("thresholds", {"live": Wish(approve=101)}),
    ("thresholds", {"live": Wish(approve=30)}),
    ("thresholds", {"live": Wish(reject=85)}),
    ("thresholds", {"live": Wish(reject=-1)}),
    ("thresholds", {"shadow": Wish("baseline", approve=10, reject=10)}),
    ("share", {"trial": Wish("baseline")}),
    ("share", {"trial": Wish("baseline", share=1.01)}),
    ("share", {"trial": Wish("baseline", share=-0.1)}),
    ("share", {"trial": Wish("baseline", share=float("nan"))}),
    ("no trial", {"trial": Wish(share=0.2)}),
    ("no trial", {"trial": Wish(gone=True)}),
    ("no shadow", {"shadow": Wish(approve=70)}),
    ("some policy has to decide", {"live": Wish(gone=True)}),
    ("nothing was asked", {}),
    ("in force already", {"live": Wish("standard", 85, 35)}),
    ("in force already", {"live": Wish("standard")}),
    ("who makes it and why", {"by": " ", "live": Wish("baseline")}),
    ("who makes it and why", {"reason": "", "live": Wish("baseline")}),
    ("150 characters", {"by": "d" * 151, "live": Wish("baseline")}),
]


@pytest.mark.parametrize(("why", "asked"), REFUSED)
def test_what_makes_no_sense_is_refused_and_changes_nothing(why: str, asked: dict[str, Any]) -> None:
    held = in_force(STANDARD)
    with pytest.raises(ChangeRefused, match=why):
        change(**asked)
    assert change_in_force() == held
    assert PolicyChange.objects.count() == 1


def test_a_policy_that_cannot_judge_every_document_type_is_refused(settings: Any) -> None:
    settings.DOCUMENT_TYPES = [*settings.DOCUMENT_TYPES, "SIM"]
    with pytest.raises(ChangeRefused, match="SIM"):
        change(live=Wish("baseline"))


def test_a_policy_in_force_that_is_no_longer_there_can_be_replaced() -> None:
    in_force({**STANDARD, "policy": "standard@99"}, shadow={**STANDARD, "policy": "gone@1"})
    assert now_in_force().live.policy == "standard@99"
    with pytest.raises(ChangeRefused, match="shadow"):
        change(live=Wish("standard"))
    found = change(live=Wish("standard"), shadow=Wish(gone=True))
    assert (found.live, found.shadow) == (STANDARD, {})


def test_a_clock_that_runs_behind_writes_no_change_under_the_one_before() -> None:
    ahead = in_force(STANDARD)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s + interval '1 hour'", [ahead.at])
        later = cursor.fetchone()[0]
    PolicyChange.objects.create(at=later, by="dewi", reason="a clock ahead", live=STANDARD)
    found = change(live=Wish("baseline"))
    assert found.live == BASELINE
    assert found.at > later


def test_a_change_is_logged_with_the_policies_and_who_made_it() -> None:
    in_force(STANDARD)
    with capture_logs() as logs:
        change(live=Wish("baseline"), shadow=Wish("standard"))
    assert logs == [
        {
            "event": "policy_changed",
            "log_level": "info",
            "by": "dewi",
            "before": "standard@1",
            "live": "baseline@1",
            "shadow": "standard@1",
            "trial": "",
        }
    ]


FORBIDDEN = [
    "UPDATE verification_policychange SET reason = 'another'",
    "UPDATE verification_policychange SET at = at + interval '1 day'",
    "DELETE FROM verification_policychange",
    "TRUNCATE verification_policychange",
    "TRUNCATE verification_policychange CASCADE",
    "SET LOCAL session_replication_role = replica; DELETE FROM verification_policychange",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_database_changes_and_deletes_no_row_for_a_superuser_either(statement: str) -> None:
    held = in_force(STANDARD)
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (True,)
    with pytest.raises(DatabaseError, match="are kept"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert PolicyChange.objects.get().reason == held.reason


def test_the_orm_changes_and_deletes_no_row_either() -> None:
    held = in_force(STANDARD)
    held.reason = "another"
    for attempt in (held.save, held.delete, PolicyChange.objects.all().delete):
        with pytest.raises(DatabaseError, match="are kept"), transaction.atomic():
            attempt()
    assert PolicyChange.objects.count() == 1


@pytest.fixture
def _emptied_afterwards() -> Any:
    """The tests that commit: their rows would stay for all others, for the database keeps them."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE verification_policychange DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM verification_policychange")
        for trigger in ("policy_change_is_kept", "policy_changes_are_kept"):
            cursor.execute(f"ALTER TABLE verification_policychange ENABLE ALWAYS TRIGGER {trigger}")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_emptied_afterwards")
def test_changes_at_the_same_moment_are_made_one_on_top_of_the_other() -> None:
    in_force(STANDARD)
    wishes: list[dict[str, Wish]] = [
        {"live": Wish(approve=90)},
        {"live": Wish(reject=10)},
        {"shadow": Wish("baseline")},
        {"trial": Wish("baseline", share=0.1)},
    ]
    begin = threading.Barrier(len(wishes))

    def act(asked: dict[str, Wish]) -> None:
        begin.wait()
        change_policy(by="dewi", reason="at once", **asked)
        connections.close_all()

    threads = [threading.Thread(target=act, args=(asked,)) for asked in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = now_in_force()
    assert PolicyChange.objects.count() == 5
    assert (after.live.thresholds.approve, after.live.thresholds.reject, after.share) == (90, 10, 0.1)
    assert after.shadow is not None
