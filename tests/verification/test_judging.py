"""Which policy judges: the settings until a change, then the change at once; what a shadow and a trial do."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from filot.models import User
from tests.verification.stored import BASELINE, STANDARD, card, in_force, judged, read
from verification import judging
from verification.evidence import Known
from verification.judging import Choice, arm_of
from verification.models import PolicyChange, VerificationRun
from verification.runs import evidence_of

pytestmark = pytest.mark.django_db
WRONG_SEX = {"gender": "LAKI-LAKI"}  # the baseline approves such a card, the standard policy never


def trial(**facts: Any) -> dict[str, Any]:
    return {**BASELINE, "share": 0.5, **facts}


def owners(count: int) -> list[uuid.UUID]:
    return [uuid.UUID(int=number * 2_654_435_761 + 7) for number in range(count)]


def owner_in(arm: str, of: dict[str, Any]) -> User:
    """A user whose id is dealt into that arm."""
    pk = next(each for each in owners(100) if arm_of(each, of) == arm)
    return User.objects.create_user(f"owner-{pk}", pk=pk)


def test_the_settings_say_which_policy_judges_until_there_is_a_change(owner: User, settings: Any) -> None:
    settings.SCORING_POLICY, settings.AI_SCORE_THRESHOLD_AUTO_APPROVE = "baseline", 90
    run = judged(owner)
    assert (run.policy, run.policy_version, run.thresholds) == ("baseline", "1", {"approve": 90, "reject": 35})
    assert (run.arm, run.shadow) == ("", {})


def test_a_change_is_in_force_at_the_next_judgement(owner: User) -> None:
    wrong_sex = card(**WRONG_SEX)
    assert judged(owner, wrong_sex).decision == "needs_review"
    in_force(BASELINE)
    assert judged(owner, wrong_sex).decision == "auto_approve"
    in_force({**BASELINE, "approve": 100, "reject": 99})
    run = judged(owner, card(**WRONG_SEX, address=""))
    assert (run.decision, run.thresholds) == ("needs_review", {"approve": 100, "reject": 99})


def test_each_judgement_asks_the_database_once_by_an_index(owner: User) -> None:
    in_force(BASELINE)
    document, run = read(owner)
    evidence = evidence_of(document, run, Known())
    with CaptureQueriesContext(
        connection,
    ) as queries:
        judging.judge(document, evidence, run)
    assert len(queries) == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = PolicyChange.objects.order_by("-at", "-pk")[:1].explain()
    assert "policy_change_at" in plan


def test_a_version_that_is_named_is_the_one_that_judges() -> None:
    assert Choice.from_json({**STANDARD, "policy": "standard"}).policy == "standard"
    for wrong in ("standard@0", "nobodys", "baseline@2"):
        with pytest.raises(ValueError):
            Choice.from_json({**STANDARD, "policy": wrong})


def test_a_shadow_is_kept_with_the_run_and_decides_nothing(owner: User) -> None:
    in_force(BASELINE, shadow=STANDARD)
    run = judged(owner, card(**WRONG_SEX))
    run.refresh_from_db()
    assert (run.decision, run.policy, run.document.status) == ("auto_approve", "baseline", "auto_approve")
    assert run.document.ai_score == run.score == 100
    shadow = run.shadow
    assert (shadow["policy"], shadow["version"], shadow["decision"]) == ("standard", "1", "needs_review")
    assert shadow["gates"] == ["sex"]
    assert shadow["score"] == sum(shadow["points"].values()) < 85
    assert shadow["thresholds"] == {"approve": 85, "reject": 35}


def test_the_same_document_is_decided_alike_with_and_without_a_shadow(owner: User) -> None:
    compared = ("policy", "policy_version", "thresholds", "score", "decision", "points", "reasons", "findings", "known")
    for lines in (card(), card(**WRONG_SEX), card(nik=""), []):
        in_force(STANDARD)
        alone = judged(owner, lines)
        in_force(STANDARD, shadow=BASELINE)
        beside = judged(owner, lines)
        assert [getattr(alone, name) for name in compared] == [getattr(beside, name) for name in compared]


@pytest.mark.parametrize(
    "broken", [{**STANDARD, "policy": "gone@9"}, {"policy": "standard@1"}, {**STANDARD, "approve": 1}]
)
def test_a_shadow_that_fails_is_noted_and_harms_nothing(owner: User, broken: dict[str, Any]) -> None:
    in_force(STANDARD, shadow=broken)
    with capture_logs() as logs:
        run = judged(owner)
    assert (run.decision, run.document.status) == ("auto_approve", "auto_approve")
    assert set(run.shadow) == {"policy", "error"}
    assert [line["event"] for line in logs] == ["shadow_policy_failed"]


def test_a_shadow_whose_check_breaks_harms_nothing(owner: User, monkeypatch: Any) -> None:
    in_force(STANDARD, shadow=BASELINE)
    judge = Choice.judge

    def breaks_for_the_baseline(choice: Choice, evidence: Any) -> Any:
        if choice.policy == "baseline@1":
            raise ZeroDivisionError
        return judge(choice, evidence)

    monkeypatch.setattr(Choice, "judge", breaks_for_the_baseline)
    run = judged(owner)
    assert (run.decision, run.shadow) == ("auto_approve", {"policy": "baseline@1", "error": "ZeroDivisionError"})


def test_without_a_trial_nobody_is_in_an_arm() -> None:
    assert arm_of(uuid.uuid4(), {}) == ""


def test_an_owner_stays_in_one_arm() -> None:
    for owner in owners(200):
        assert len({arm_of(owner, trial()) for _ in range(3)}) == 1
        assert arm_of(str(owner), trial()) == arm_of(owner, trial())


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_the_share_of_the_owners_is_met(share: float) -> None:
    dealt = [arm_of(owner, trial(share=share)) for owner in owners(10_000)]
    error = (share * (1 - share) / len(dealt)) ** 0.5
    assert set(dealt) == {"live", "trial"}
    assert abs(dealt.count("trial") / len(dealt) - share) < 4 * error


def test_nothing_and_everything_are_shares_too() -> None:
    assert {arm_of(owner, trial(share=0)) for owner in owners(1000)} == {"live"}
    assert {arm_of(owner, trial(share=1)) for owner in owners(1000)} == {"trial"}


def test_a_share_of_51_steps_is_51_steps(monkeypatch: Any) -> None:
    """0.0051 * 10,000 is a hair above 51."""

    class Digest:
        def __init__(self, step: int) -> None:
            self.step = step

        def digest(self) -> bytes:
            return self.step.to_bytes(8) + b"rest"

    dealt = []
    for step in range(48, 54):
        monkeypatch.setattr(judging.hashlib, "sha256", lambda text, step=step: Digest(step))
        dealt.append(arm_of(uuid.uuid4(), trial(share=0.0051)))
    assert dealt == ["trial"] * 3 + ["live"] * 3


def test_a_growing_share_only_adds_owners() -> None:
    before: set[uuid.UUID] = set()
    for share in (0.01, 0.1, 0.3, 0.31, 0.8):
        now = {owner for owner in owners(5_000) if arm_of(owner, trial(share=share)) == "trial"}
        assert before < now
        before = now


def test_another_policy_and_another_version_deal_anew() -> None:
    def in_trial(policy: str) -> set[uuid.UUID]:
        return {owner for owner in owners(5_000) if arm_of(owner, trial(policy=policy)) == "trial"}

    first, other, next_version = in_trial("baseline@1"), in_trial("standard@1"), in_trial("baseline@2")
    for dealt in (other, next_version):
        both = len(first & dealt) / len(first)
        assert 0.4 < both < 0.6  # as chance has it: about half of them again


def test_a_trial_decides_for_its_owners_and_for_nobody_else() -> None:
    in_force(STANDARD, trial=trial())
    lucky, other = owner_in("trial", trial()), owner_in("live", trial())
    for _ in range(2):  # and again the same
        tried, kept = judged(lucky, card(**WRONG_SEX)), judged(other, card(**WRONG_SEX))
        assert (tried.arm, tried.policy, tried.decision) == ("trial", "baseline", "auto_approve")
        assert (kept.arm, kept.policy, kept.decision) == ("live", "standard", "needs_review")


def test_in_a_trial_the_other_arms_policy_judges_beside() -> None:
    in_force(STANDARD, trial=trial())
    tried, kept = judged(owner_in("trial", trial())), judged(owner_in("live", trial()))
    assert (tried.policy, tried.shadow["policy"]) == ("baseline", "standard")
    assert (kept.policy, kept.shadow["policy"]) == ("standard", "baseline")


def test_a_shadow_goes_before_the_other_arm() -> None:
    in_force(BASELINE, shadow={**STANDARD, "approve": 70}, trial=trial())
    run = judged(owner_in("trial", trial()))
    assert (run.shadow["policy"], run.shadow["thresholds"]["approve"]) == ("standard", 70)


def test_of_two_changes_at_one_moment_every_process_takes_the_same() -> None:
    first = in_force(STANDARD)
    PolicyChange.objects.bulk_create(
        PolicyChange(at=first.at, by="dewi", reason="the same moment", live=BASELINE) for _ in range(5)
    )
    assert len({judging.change_in_force().pk for _ in range(5)}) == 1  # type: ignore[union-attr]


def test_all_that_a_judgement_rests_on_is_kept_with_the_run(owner: User) -> None:
    judged(owner, card(**WRONG_SEX), known=Known(sent_before=1))
    run = VerificationRun.objects.get()
    assert run.known == {"sent_before": 1}
    assert {finding["code"]: finding["gate"] for finding in run.findings}["sex"] is True
    assert sum(finding["points"] for finding in run.findings) == run.score
