"""Corrections, grants, reasons, proposals, blind looks and agreement."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from documents.models import AuditEntry
from filot.models import User
from review import agreement, looks, revealing, taking
from review.agreement import kappa_of
from review.correcting import CorrectionRefused, correct, corrected
from review.deciding import Said, decide_case
from review.models import BlindLook, Correction, Decision, Proposal, RejectReason, RevealGrant, Review, ReviewDecision
from review.proposals import ProposalRefused, propose, settle
from review.reasons import in_force
from review.revealing import RevealRefused, grant_of, reveal
from review.services import sla_hours
from review.taking import CaseLost
from tests.documents.build import make_document
from tests.review.admin_cases import NIK, logged_in, open_case
from tests.review.people import person
from verification.judging import change_in_force
from verification.models import VerificationRun
from verification.services import number_index

pytestmark = pytest.mark.django_db
OTHER_NIK = "3171012505900001"  # invented
TEXTS = {
    "en": {"text": "The photo is blurred", "public": "Hold the telephone still."},
    "id": {"text": "Foto buram", "public": "Pegang ponsel dengan tenang."},
}
REASON = {"code": "blurred", "position": 8, "kind": "RETRY", "texts": TEXTS}


def held(owner: User, user: Any, **facts: Any) -> Review:
    review = open_case(owner, **facts)
    taking.take(review.pk, user)
    review.refresh_from_db()
    return review


def put_right(review: Review, user: Any, field: str = "name", value: str = "dewi  contoh lestari", **more: Any) -> Any:
    facts = {"why": "misread", "version": review.version, **more}
    row = correct(review.pk, user, field=field, value=value, **facts)
    review.refresh_from_db()
    return row


# Corrections ----------------------------------------------------------------------------------------------------------


def test_a_correction_is_a_row_of_its_own_and_the_checks_run_again(owner: User) -> None:
    user = person("reviewer")
    review = held(owner, user)
    before, version = VerificationRun.objects.get().fields, review.version

    row = put_right(review, user)

    assert (row.old, row.new, row.user, row.why) == ("DEWI CONTOH", "DEWI CONTOH LESTARI", user, "misread")
    assert row.score is not None
    assert row.policy.startswith("baseline@")
    assert row.decision != "auto_approve"
    assert VerificationRun.objects.get().fields == before
    assert (review.version, review.decision, review.needs_two) == (version + 1, "", False)
    entry = AuditEntry.objects.get(action="field.corrected")
    assert entry.facts["field"] == "name"
    assert "DEWI" not in str(entry.facts)
    again = put_right(review, user, value="DEWI LESTARI")
    assert again.old == "DEWI CONTOH LESTARI"
    assert corrected(review)["name"] == again


def test_a_corrected_number_needs_two_people_and_is_looked_up_among_others(owner: User, stranger: User) -> None:
    user = person("reviewer")
    make_document(stranger, number_index=number_index("KTP", OTHER_NIK))
    review = held(owner, user)

    put_right(review, user, "nik", "3171 0125 0590 0001")

    assert review.needs_two
    assert review.two_because == ["number_corrected", "duplicate_number"]
    document = type(review.document).objects.get(pk=review.document_id)
    assert document.number_index == number_index("KTP", NIK)
    outcome = decide_case(review.pk, user, Said(Decision.approved, review.version))
    assert outcome.decision is None


def test_a_correction_takes_back_a_verdict_that_was_of_other_facts(owner: User) -> None:
    first, senior = person("reviewer"), person("senior")
    review = held(owner, first, score=10)
    decide_case(review.pk, first, Said(Decision.approved, review.version))
    taking.take(review.pk, senior)
    review.refresh_from_db()

    put_right(review, senior)

    assert (review.verdicts, review.first_verdict_by) == (0, None)
    outcome = decide_case(review.pk, senior, Said(Decision.approved, review.version))
    assert outcome.decision is None


@pytest.mark.parametrize(
    ("field", "value", "why", "code"),
    [
        ("nik", "12345", "misread", "bad_value"),
        ("birthDate", "14-03-1990", "misread", "bad_value"),
        ("birthDate", "1990-02-31", "misread", "bad_value"),
        ("name", "x" * 201, "misread", "bad_value"),
        ("shoeSize", "42", "misread", "unknown_field"),
        ("name", "DEWI", "because", "unknown_reason"),
        ("name", "dewi contoh", "misread", "same"),
    ],
)
def test_what_can_not_be_is_refused(owner: User, field: str, value: str, why: str, code: str) -> None:
    user = person("reviewer")
    review = held(owner, user)
    with pytest.raises(CorrectionRefused) as refused:
        put_right(review, user, field, value, why=why)
    assert refused.value.code == code
    assert not Correction.objects.exists()


def test_a_reviewer_corrects_what_they_hold_a_senior_what_nobody_else_does(owner: User) -> None:
    holder, other, senior = person("reviewer"), person("reviewer"), person("senior")
    review = held(owner, holder)
    for user in (other, senior):
        with pytest.raises(CaseLost):
            put_right(review, user)
    with pytest.raises(CaseLost):
        put_right(review, holder, version=review.version - 1)
    taking.release(review.pk, holder)
    review.refresh_from_db()
    with pytest.raises(CaseLost):
        put_right(review, holder)
    assert put_right(review, senior)
    with pytest.raises(CorrectionRefused, match="no_right"):
        put_right(review, person("auditor"))


# Reveal grants --------------------------------------------------------------------------------------------------------


def test_a_grant_is_this_persons_this_cases_and_some_minutes_long_and_in_the_trail(owner: User) -> None:
    user, other = person("reviewer"), person("senior")
    review, another = held(owner, user), held(owner, user)

    grant = reveal(review, user, reason="compare")

    assert grant_of(user, review) == grant
    assert grant_of(user, another) is None
    assert grant_of(other, review) is None
    entry = AuditEntry.objects.get(action="number.revealed")
    assert (entry.actor, entry.document_id) == (str(user.pk), review.document_id)
    assert entry.facts == {"reason": "compare", "minutes": 5}
    RevealGrant.objects.update(expires_at=timezone.now())
    assert grant_of(user, review) is None


def test_without_its_entry_there_is_no_grant(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    user = person("reviewer")
    review = held(owner, user)

    def fails(*args: Any, **facts: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(revealing, "note", fails)
    with pytest.raises(RuntimeError):
        reveal(review, user, reason="compare")
    assert not RevealGrant.objects.exists()


def test_a_reviewer_sees_a_number_only_while_they_hold_the_case(owner: User) -> None:
    user = person("reviewer")
    review = open_case(owner)
    with pytest.raises(RevealRefused, match="not_held"):
        reveal(review, user, reason="compare")
    taking.take(review.pk, user)
    review.refresh_from_db()
    reveal(review, user, reason="compare")
    taking.release(review.pk, user)
    review.refresh_from_db()
    assert grant_of(user, review) is None
    with pytest.raises(RevealRefused, match="no_right"):
        reveal(review, person("ops"), reason="compare")


def test_an_auditor_sees_so_many_numbers_a_day(owner: User) -> None:
    review, auditor = open_case(owner), person("auditor")
    for _ in range(revealing.LIMITED_A_DAY):
        reveal(review, auditor, reason="investigation")
    with pytest.raises(RevealRefused, match="spent"):
        reveal(review, auditor, reason="investigation")
    RevealGrant.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert reveal(review, auditor, reason="investigation")


def test_a_number_that_was_covered_again_is_covered(owner: User) -> None:
    review, senior = open_case(owner), person("senior")
    reveal(review, senior, reason="compare")
    revealing.cover(review, senior)
    assert grant_of(senior, review) is None


# Reasons and proposals ------------------------------------------------------------------------------------------------


def test_reasons_are_numbered_rows_in_the_language_of_the_reader() -> None:
    assert [reason.position for reason in in_force("en").values()] == [1, 2, 3, 4, 5, 6, 7]
    assert {reason.kind for reason in in_force("en").values()} == {"RETRY", "FINAL"}
    fraud = in_force("en")["suspected_fraud"]
    assert "fraud" in fraud.text.lower()
    assert "fraud" not in fraud.public.lower()
    assert in_force("id")["unreadable"].text == "Kartu tidak terbaca"


def test_a_reason_changes_by_two_compliance_admins_and_a_decision_keeps_its_own(owner: User) -> None:
    one, two, user = person("compliance"), person("compliance"), person("reviewer")
    review = held(owner, user)
    decide_case(review.pk, user, Said(Decision.rejected, review.version, "unreadable"))
    changed = {**REASON, "code": "unreadable", "position": 1}
    proposal = propose(one, kind="reason", content=changed)
    assert in_force("en")["unreadable"].text == "The card can't be read"
    with pytest.raises(ProposalRefused, match="Another"):
        settle(proposal.pk, one, apply=True)

    settle(proposal.pk, two, apply=True)

    assert in_force("en")["unreadable"].public == "Hold the telephone still."
    reason = ReviewDecision.objects.get().reason
    assert reason is not None
    assert reason.texts.get(language="en").text == "The card can't be read"
    entry = AuditEntry.objects.get(action="proposal.applied")
    assert (entry.actor, entry.facts["proposed_by"]) == (str(two.pk), str(one.pk))
    with pytest.raises(ProposalRefused, match="settled"):
        settle(proposal.pk, two, apply=True)


def test_the_database_takes_no_change_that_one_person_made_alone() -> None:
    one = person("compliance")
    now = timezone.now()
    with pytest.raises(IntegrityError, match="proposal_applied_by_another"), transaction.atomic():
        Proposal.objects.create(
            kind="sla", content={"hours": 9}, proposed_by=one, settled_by=one, settled_at=now, state="applied"
        )


@pytest.mark.parametrize("role", ["reviewer", "senior", "ops", "auditor"])
def test_other_roles_propose_and_settle_nothing(role: str) -> None:
    proposal = propose(person("compliance"), kind="sla", content={"hours": 8})
    for act in (
        lambda user: propose(user, kind="sla", content={"hours": 9}),
        lambda user: settle(proposal.pk, user, apply=True),
    ):
        with pytest.raises(ProposalRefused):
            act(person(role))
    with pytest.raises(ProposalRefused):
        propose(User.objects.create_superuser(f"root-{role}"), kind="sla", content={"hours": 9})


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("reason", {**REASON, "position": 10}),
        ("reason", {**REASON, "kind": "MAYBE"}),
        ("reason", {**REASON, "texts": {"en": TEXTS["en"]}}),
        ("reason", {**REASON, "extra": 1}),
        ("thresholds", {"approve": 101, "reject": 1, "reason": "x"}),
        ("sla", {"hours": 0}),
        ("weather", {}),
    ],
)
def test_a_change_that_can_not_be_is_told_when_it_is_proposed(kind: str, content: dict[str, Any]) -> None:
    with pytest.raises(ProposalRefused):
        propose(person("compliance"), kind=kind, content=content)
    assert not Proposal.objects.exists()
    assert RejectReason.objects.count() == 7


def test_thresholds_and_the_time_a_case_may_take_change_by_two(settings: Any) -> None:
    one, two = person("compliance"), person("compliance")
    settle(propose(one, kind="sla", content={"hours": 6}).pk, two, apply=True)
    assert sla_hours() == 6
    content = {"approve": 91, "reject": 20, "reason": "too many overturns"}
    settle(propose(one, kind="thresholds", content=content).pk, two, apply=True)
    change = change_in_force()
    assert change is not None
    assert (change.live["approve"], change.live["reject"]) == (91, 20)
    assert one.username in change.by
    assert two.username in change.by
    refused = propose(one, kind="thresholds", content={"approve": 20, "reject": 90, "reason": "x"})
    with pytest.raises(ProposalRefused):
        settle(refused.pk, two, apply=True)
    refused.refresh_from_db()
    assert refused.state == "open"


# Blind looks and agreement --------------------------------------------------------------------------------------------


def decided(owner: User, user: Any, decision: Decision = Decision.approved) -> Review:
    review = held(owner, user, number="")
    code = "" if decision == Decision.approved else "mismatch"
    decide_case(review.pk, user, Said(decision, review.version, code))
    review.refresh_from_db()
    return review


def test_about_five_percent_are_looked_at_twice_and_always_the_same_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "SHARE_PERCENT", 5)
    import uuid

    keys = [uuid.UUID(int=number) for number in range(4000)]
    sampled = [key for key in keys if looks.is_sampled(key)]
    assert 140 <= len(sampled) <= 260
    assert sampled == [key for key in keys if looks.is_sampled(key)]


def test_a_second_look_is_anothers_blind_and_changes_nothing(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "is_sampled", lambda key: True)
    first, second = person("reviewer"), person("reviewer")
    review = decided(owner, first)

    assert looks.take_look(first) is None
    look = looks.take_look(second)
    assert look is not None
    assert looks.take_look(person("auditor")) is None
    assert looks.look_of(second, review) == look
    looks.give_look(look.pk, second, decision=Decision.rejected, reason_code="mismatch")

    review.refresh_from_db()
    assert review.decision == "approved"
    with pytest.raises(looks.LookLost):
        looks.give_look(look.pk, second, decision=Decision.approved)
    assert agreement.agreements()[second.pk][:2] == (1, 0)
    assert agreement.agreements()[first.pk][:2] == (1, 0)
    with pytest.raises(IntegrityError), transaction.atomic():
        BlindLook.objects.create(review=review, kind="known", expected="approved", user=first, decided_by=first)


def test_an_undone_decision_has_no_second_look(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from review.deciding import undo

    monkeypatch.setattr(looks, "is_sampled", lambda key: True)
    user = person("reviewer")
    review = decided(owner, user)
    assert BlindLook.objects.count() == 1
    undo(review.pk, user)
    assert not BlindLook.objects.exists()


def test_known_answers_are_given_to_each_and_counted(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "is_sampled", lambda key: False)
    users, lead = [person("reviewer") for _ in range(2)], person("compliance")
    review = decided(owner, person("senior"))
    with pytest.raises(ValueError, match="decided"):
        looks.plant(open_case(owner, number=""), answer=Decision.approved, by=lead, for_users=users)
    assert looks.plant(review, answer=Decision.rejected, by=lead, for_users=users) == 2
    assert looks.plant(review, answer=Decision.rejected, by=lead, for_users=users) == 0
    for user, said in zip(users, (Decision.rejected, Decision.approved), strict=True):
        look = looks.take_look(user)
        assert look is not None
        assert look.user == user
        looks.give_look(look.pk, user, decision=said)
    found = agreement.agreements()
    assert (found[users[0].pk].known, found[users[0].pk].right) == (1, 1)
    assert (found[users[1].pk].known, found[users[1].pk].right) == (1, 0)


def test_kappa_is_cohens() -> None:
    from collections import Counter

    # The textbook's: 20 both yes, 15 both no, 5 and 10 differ; po = 0.7, pe = 0.5, kappa = 0.4.
    table = Counter({("y", "y"): 20, ("n", "n"): 15, ("y", "n"): 5, ("n", "y"): 10})
    assert kappa_of(table) == pytest.approx(0.4)
    assert kappa_of(Counter({("y", "y"): 5})) is None
    assert kappa_of(Counter()) is None
    assert kappa_of(Counter({("y", "n"): 5, ("n", "y"): 5})) == pytest.approx(-1)


def test_what_two_people_said_of_a_case_counts_for_both_in_two_queries(
    owner: User, django_assert_num_queries: Any
) -> None:
    first, second = person("reviewer"), person("senior")
    review = held(owner, first, score=10)
    decide_case(review.pk, first, Said(Decision.approved, review.version))
    taking.take(review.pk, second)
    review.refresh_from_db()
    decide_case(review.pk, second, Said(Decision.approved, review.version))
    with django_assert_num_queries(2):
        found = agreement.agreements()
    assert found[first.pk][:2] == found[second.pk][:2] == (1, 1)


# The page of proposals ------------------------------------------------------------------------------------------------


def test_two_compliance_admins_change_a_reason_on_the_page_and_one_alone_does_not() -> None:
    one, two = logged_in(person("compliance")), logged_in(person("compliance"))
    page = "/admin/review/proposal/"
    wrong = one.post(f"{page}add/", {"kind": "sla", "content": '{"hours": 0}'})
    assert wrong.status_code == 200
    assert one.post(f"{page}add/", {"kind": "reason", "content": json.dumps(REASON)}).status_code == 302
    (proposal,) = Proposal.objects.all()

    one.post(page, {"action": "apply", "_selected_action": [str(proposal.pk)]})
    assert "blurred" not in in_force("en")
    two.post(page, {"action": "apply", "_selected_action": [str(proposal.pk)]})
    assert in_force("en")["blurred"].position == 8


@pytest.mark.parametrize("role", ["auditor", "reviewer", "ops", "superuser"])
def test_nobody_else_proposes_or_applies_on_the_page(role: str) -> None:
    proposal = propose(person("compliance"), kind="sla", content={"hours": 8})
    user = User.objects.create_superuser("root") if role == "superuser" else person(role)
    client = logged_in(user)
    assert client.post("/admin/review/proposal/add/", {"kind": "sla", "content": '{"hours": 9}'}).status_code == 403
    client.post("/admin/review/proposal/", {"action": "apply", "_selected_action": [str(proposal.pk)]})
    assert sla_hours() == 24
    assert Proposal.objects.count() == 1


def test_the_command_says_how_far_each_agrees(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "is_sampled", lambda key: True)
    first, second = person("reviewer", "anna"), person("reviewer", "budi")
    decided(owner, first)
    look = looks.take_look(second)
    assert look is not None
    looks.give_look(look.pk, second, decision=Decision.approved)
    said = io.StringIO()
    call_command("reviewer_agreement", stdout=said)
    assert [row.split()[:3] for row in said.getvalue().splitlines()[1:]] == [["anna", "1", "1"], ["budi", "1", "1"]]


def test_a_look_is_taken_and_given_on_its_page_which_does_not_say_what_was_decided(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "is_sampled", lambda key: True)
    decided(owner, person("reviewer"), Decision.rejected)
    client, page = logged_in(person("reviewer")), "/admin/review/blindlook/"
    assert client.get(page).status_code == 200
    assert not BlindLook.objects.exclude(user=None).exists()

    client.post(f"{page}take/")
    text = client.get(page).content.decode()
    assert "rejected" not in text.lower()
    look = BlindLook.objects.get()
    assert NIK not in text
    client.post(f"{page}{look.pk}/give/", {"decision": "nothing"})
    client.post(f"{page}{look.pk}/give/", {"decision": "approved"})

    look.refresh_from_db()
    assert look.decision == "approved"
    assert ReviewDecision.objects.get().decision == "rejected"
    for role in ("auditor", "ops"):
        assert logged_in(person(role)).get(page).status_code == 403
