"""Blind looks on the console: they come by chance before the next case, and compliance sets known answers."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from documents.models import AuditEntry
from filot.models import User
from review import agreement, looks
from review.models import BlindLook, Decision, Review
from tests.review.admin_cases import logged_in, open_case, staff, with_picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]

LOOK, KNOWN, TAKE = "/admin/review/blindlook/", "/admin/review/blindlook/known/", "/admin/review/review/take/"


@pytest.fixture
def decided(owner: User) -> Review:
    return with_picture(open_case(owner, number="", decision="approved", decided_at=timezone.now()))


def plant(client: Any, review: Review, answer: str = "rejected") -> Any:
    return client.post(KNOWN, {"case": review.document.ref, "answer": answer}, follow=True)


def test_compliance_sets_a_case_with_a_known_answer_before_everybody_who_decides(decided: Review) -> None:
    people, user = [staff("reviewer"), staff("senior")], staff("compliance")

    text = plant(logged_in(user), decided).content.decode()

    assert "It comes before 2 people." in text
    assert decided.document.ref in text
    assert {look.user for look in BlindLook.objects.all()} == set(people)
    entry = AuditEntry.objects.get(action="look.planted")
    assert (entry.actor, entry.facts) == (str(user.pk), {"looks": 2}), "what is right is told to nobody who reads acts"


@pytest.mark.parametrize("broken", ["an open case", "no answer", "nothing of that name"])
def test_nothing_is_set_for_an_open_case_or_without_an_answer(decided: Review, owner: User, broken: str) -> None:
    staff("reviewer")
    case = open_case(owner) if broken == "an open case" else decided
    told = {"case": "DOC-00000000" if broken.startswith("nothing") else case.document.ref, "answer": "approved"}
    if broken == "no answer":
        told["answer"] = "perhaps"

    answer = logged_in(staff("compliance")).post(KNOWN, told, follow=True)

    assert "nothing was done" in answer.content.decode()
    assert not BlindLook.objects.exists()


@pytest.mark.parametrize("role", ["reviewer", "senior", "auditor", "ops"])
def test_nobody_else_sets_one_or_sees_which_there_are(decided: Review, role: str) -> None:
    client = logged_in(staff(role))

    assert client.get(KNOWN).status_code == 403
    assert plant(client, decided).status_code == 403
    assert not BlindLook.objects.exists()


def test_whoever_only_sets_them_is_given_none(decided: Review) -> None:
    staff("reviewer")
    client = logged_in(staff("compliance"))
    plant(client, decided)

    assert client.get(LOOK)["Location"] == KNOWN
    assert client.post(f"{LOOK}take/").status_code == 403
    assert client.post(f"{LOOK}{BlindLook.objects.get().pk}/give/", {"decision": "approved"}).status_code == 403


def test_a_look_comes_now_and_then_before_the_next_case(
    decided: Review, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, waiting = staff("reviewer"), open_case(owner, number="")
    looks.plant_for_all(decided, answer=Decision.rejected, by=owner)
    client = logged_in(user)

    assert str(waiting.pk) in client.post(TAKE)["Location"]
    Review.objects.filter(pk=waiting.pk).update(holder=None, lease_until=None)
    monkeypatch.setattr(looks, "TURN_PERCENT", 100)
    assert client.post(TAKE)["Location"] == LOOK
    waiting.refresh_from_db()
    assert waiting.holder is None


def test_a_look_comes_when_nothing_else_waits_and_its_answer_leads_on(decided: Review) -> None:
    user = staff("reviewer")
    looks.plant_for_all(decided, answer=Decision.rejected, by=staff("compliance"))
    client = logged_in(user)

    page = client.post(TAKE, follow=True).content.decode()
    look = BlindLook.objects.get(user=user)
    answer = client.post(f"{LOOK}{look.pk}/give/", {"decision": "mismatch"}, follow=True)

    assert decided.document.ref in page
    assert answer.status_code == 200
    assert agreement.agreements()[user.pk].right == 1
    decided.refresh_from_db()
    assert decided.decision == "approved", "it changes nothing for the document"


def test_the_pages_of_a_known_answer_and_of_a_second_look_are_the_same(decided: Review) -> None:
    user, decider = staff("reviewer"), staff("senior")
    client, seen = logged_in(user), []
    for kind in ("known", "second"):
        by = {"decided_by": decider} if kind == "second" else {"user": user}
        look = BlindLook.objects.create(review=decided, kind=kind, expected="approved", **by)
        client.post(f"{LOOK}take/")
        text = client.get(LOOK).content.decode()
        seen.append(text.replace(str(look.pk), "").partition("<main")[2].partition("</main>")[0])
        look.delete()
    plain = [without_tokens(text) for text in seen]
    assert plain[0] == plain[1]
    assert decided.document.ref in plain[0]


def without_tokens(text: str) -> str:
    import re

    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)


def test_what_is_restricted_or_erased_is_looked_at_no_more(decided: Review) -> None:
    user = staff("reviewer")
    looks.plant_for_all(decided, answer=Decision.rejected, by=staff("compliance"))
    type(decided.document).objects.update(restricted_at=timezone.now())

    assert looks.take_look(user) is None


def test_the_command_sets_one_too_and_says_before_how_many(decided: Review) -> None:
    user, out = staff("compliance"), io.StringIO()
    staff("reviewer")

    call_command("plant_known_answer", decided.document.ref, "--answer", "approved", "--by", user.username, stdout=out)

    assert "before 1 people" in out.getvalue()
    with pytest.raises(CommandError, match="no decided case"):
        call_command("plant_known_answer", "DOC-00000000", "--answer", "approved", "--by", user.username)
    with pytest.raises(CommandError, match="no account"):
        call_command("plant_known_answer", decided.document.ref, "--answer", "approved", "--by", "nobody-of-that-name")
