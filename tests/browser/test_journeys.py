"""The work of reviewers by keyboard alone."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page, expect

from documents.models import AuditEntry
from filot.models import User
from review.models import Correction, RevealGrant, Review, ReviewDecision, Verdict
from tests.browser.cases import case, given_to
from tests.browser.conftest import Opened
from tests.review.admin_cases import NIK, staff

QUEUE = "review/review/"
ANSWER_MS = 10_000

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("originals_in")]


@pytest.fixture
def owner() -> User:
    return User.objects.create_user("owner")


def english(user: User) -> User:
    User.objects.filter(pk=user.pk).update(language="en")
    user.refresh_from_db()
    return user


@pytest.fixture
def rina() -> User:
    return english(staff("reviewer", "rina"))


@pytest.fixture
def sari() -> User:
    return english(staff("senior", "sari"))


def address_of(review: Review) -> str:
    return f"{QUEUE}{review.pk}/change/"


def at_case(page: Page, review: Review) -> None:
    expect(page).to_have_url(re.compile(re.escape(address_of(review))), timeout=ANSWER_MS)
    expect(page.locator("[data-viewer][data-loaded]")).to_have_count(1, timeout=ANSWER_MS)


def test_two_keys_approve_from_the_queue_and_the_next_case_opens(opened: Opened, owner: User, rina: User) -> None:
    first, second = case(owner, due=1), case(owner, due=2)
    page = opened(rina, QUEUE)

    page.keyboard.press("n")
    at_case(page, first)
    page.keyboard.press("a")
    at_case(page, second)

    expect(page.locator("[data-undo]")).to_contain_text(f"{first.document.ref} is approved")
    assert ReviewDecision.objects.get(accepted=True).review_id == first.pk
    assert Review.objects.get(pk=second.pk).holder_id == rina.pk


def test_three_keys_reject_with_a_reason(opened: Opened, owner: User, rina: User) -> None:
    first = case(owner)
    page = opened(rina, QUEUE)

    page.keyboard.press("n")
    at_case(page, first)
    page.keyboard.press("r")
    page.keyboard.press("6")

    expect(page).to_have_url(re.compile(r"/review/review/$"))
    decision = ReviewDecision.objects.get(accepted=True)
    assert (decision.decision, decision.reason_code) == ("rejected", "mismatch")
    expect(page.locator("[data-undo]")).to_contain_text("is rejected")


def test_a_decision_is_undone_by_one_key_and_the_case_is_in_ones_hands_again(
    opened: Opened, owner: User, rina: User
) -> None:
    review = given_to(case(owner), rina)
    page = opened(rina, address_of(review))
    page.keyboard.press("m")
    page.keyboard.type("looked twice")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.locator("[data-undo]")).to_be_visible()

    page.keyboard.press("z")
    at_case(page, review)

    assert not ReviewDecision.objects.filter(accepted=True).exists()
    assert Review.objects.get(pk=review.pk).holder_id == rina.pk
    expect(page.locator("[data-lease]")).to_be_visible()


def test_a_field_is_corrected_by_keys(opened: Opened, owner: User, rina: User, settings: Any) -> None:
    review = given_to(case(owner), rina)
    page = opened(rina, address_of(review))
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tr.marked th")).to_have_text("Nama")

    page.keyboard.press("Enter")
    expect(page.locator("#correct")).to_be_visible()
    page.keyboard.type("DEWI SPECIMEN")
    page.keyboard.press("Enter")

    expect(page.locator("tr[data-field=name]")).to_contain_text("DEWI SPECIMEN")
    expect(page.locator("tr[data-field=name]")).to_contain_text("corrected")
    expect(page.locator("tr[data-field=name]")).to_contain_text("DEWI CONTOH")
    assert Correction.objects.get().new == "DEWI SPECIMEN"


def test_the_number_is_seen_for_a_reason_and_covered_again(opened: Opened, owner: User, rina: User) -> None:
    review = given_to(case(owner), rina)
    page = opened(rina, address_of(review))
    assert NIK not in page.content()

    page.keyboard.press("v")
    page.keyboard.press("1")
    expect(page.locator("tr[data-field=nik]")).to_contain_text(NIK)
    assert AuditEntry.objects.filter(action="number.revealed", actor=str(rina.pk)).count() == 1

    page.keyboard.press("v")
    expect(page.locator("tr[data-field=nik]")).not_to_contain_text(NIK)
    assert not RevealGrant.objects.filter(expires_at__gt=timezone.now()).exists()


def test_what_is_covered_is_never_posted_back(opened: Opened, owner: User, rina: User) -> None:
    review = given_to(case(owner), rina)
    page = opened(rina, address_of(review))
    page.locator("[data-edit=nik]").click()
    expect(page.locator("#correct-value")).to_have_value("")


def test_high_risk_takes_two_and_the_first_verdict_is_hidden(
    opened: Opened, owner: User, rina: User, sari: User
) -> None:
    review = case(owner, score=12)
    first = opened(rina, QUEUE)
    first.keyboard.press("n")
    at_case(first, review)
    first.keyboard.press("a")
    expect(first.locator("[data-undo]")).to_contain_text("a second person decides")
    assert not ReviewDecision.objects.exists()

    second = opened(sari, QUEUE)
    second.keyboard.press("n")
    at_case(second, review)
    expect(second.locator("body")).to_contain_text("stays hidden until you give yours")
    expect(second.locator("main")).not_to_contain_text("rina")
    second.keyboard.press("a")
    expect(second.locator("[data-undo]")).to_contain_text("is approved")

    decision = ReviewDecision.objects.get(accepted=True)
    assert {decision.user_id, decision.first_user_id} == {rina.pk, sari.pk}
    assert Verdict.objects.count() == 2


def test_of_two_reviewers_in_two_browsers_one_decides_and_the_other_keeps_the_note(
    opened: Opened, owner: User, rina: User, sari: User
) -> None:
    review = given_to(case(owner), rina)
    page = opened(rina, address_of(review))
    page.watch.expect(409)
    page.keyboard.press("m")
    page.keyboard.type("my opinion")
    page.keyboard.press("Escape")
    given_to(review, sari)
    other = opened(sari, address_of(review))
    other.keyboard.press("a")
    expect(other.locator("[data-undo]")).to_be_visible()

    page.keyboard.press("a")

    expect(page.locator("#kept-note")).to_have_value("my opinion")
    expect(page.locator("main")).to_contain_text("sari approved it")
    assert ReviewDecision.objects.get().user_id == sari.pk


def test_a_case_in_other_hands_is_read_only_and_says_whose(opened: Opened, owner: User, rina: User, sari: User) -> None:
    review = given_to(case(owner), sari)
    page = opened(rina, address_of(review))
    expect(page.locator(".banner")).to_contain_text("sari has this case")
    expect(page.locator("[data-action=approve]")).to_have_count(0)


def test_a_lease_that_ends_under_the_page_says_so_and_keeps_the_note(opened: Opened, owner: User, rina: User) -> None:
    review = given_to(case(owner), rina, minutes=2 / 60)
    page = opened(rina, address_of(review))
    page.locator("#note").fill("half a thought")
    expect(page.locator("[data-lost]")).to_be_visible()
    expect(page.locator("[data-action=approve]")).to_be_disabled()
    page.reload()
    assert page.evaluate("Object.values(sessionStorage)") == ["half a thought"]


def test_a_case_is_skipped_and_escalated_by_keys(opened: Opened, owner: User, rina: User) -> None:
    first, second = given_to(case(owner, due=1), rina), case(owner, due=2)
    page = opened(rina, address_of(first))
    page.keyboard.press("s")
    at_case(page, second)

    page.keyboard.press("e")
    page.keyboard.press("1")

    expect(page.locator("main")).to_contain_text("is escalated")
    assert Review.objects.get(pk=second.pk).escalated_at
    assert not Review.objects.filter(lease_until__gt=timezone.now()).exists()


def test_a_new_upload_is_asked_for_by_keys(opened: Opened, owner: User, rina: User) -> None:
    review = given_to(case(owner), rina)
    page = opened(rina, address_of(review))
    page.keyboard.press("u")
    page.keyboard.press("1")
    expect(page.locator("[data-undo]")).to_contain_text("a new upload is asked for")
    assert ReviewDecision.objects.get().new_upload


def test_when_all_are_held_the_queue_says_when_the_first_frees(
    opened: Opened, owner: User, rina: User, sari: User
) -> None:
    given_to(case(owner), sari, minutes=3.9)
    page = opened(rina, QUEUE)
    expect(page.locator(".banner")).to_contain_text("1 waiting, all held; the earliest frees in 3 m")
    page.keyboard.press("n")
    expect(page.locator(".messagelist")).to_contain_text("all held")


def test_keys_are_dead_in_inputs_when_held_down_and_when_turned_off(opened: Opened, owner: User, rina: User) -> None:
    review = given_to(case(owner), rina)
    page = opened(rina, address_of(review))
    page.keyboard.press("m")
    page.keyboard.type("a n r")
    page.keyboard.press("Escape")
    page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', repeat: true, bubbles: true}))")
    page.keyboard.press("Control+a")
    assert not ReviewDecision.objects.exists()

    User.objects.filter(pk=rina.pk).update(keys_on=False)
    page.reload()
    page.keyboard.press("a")
    page.wait_for_timeout(300)
    assert not ReviewDecision.objects.exists()

    User.objects.filter(pk=rina.pk).update(keys_on=True, keys={"approve": "y"})
    page.reload()
    page.keyboard.press("y")
    expect(page.locator("[data-undo]")).to_be_visible()


def test_the_picture_is_moved_by_keys(opened: Opened, owner: User, rina: User) -> None:
    review = given_to(case(owner), rina)
    page = opened(rina, address_of(review))
    at_case(page, review)
    sheet = page.locator("svg.sheet")
    whole = sheet.get_attribute("viewBox")
    page.keyboard.press("+")
    expect(page.locator("[data-zoom]")).to_have_text("125%")
    closer = sheet.get_attribute("viewBox")
    page.keyboard.press("ArrowRight")
    assert sheet.get_attribute("viewBox") not in (whole, closer)
    page.keyboard.press("]")
    expect(page.locator("svg.sheet > g")).to_have_attribute("transform", re.compile("rotate\\(90\\)"))
    page.keyboard.press("0")
    assert sheet.get_attribute("viewBox") == whole
    page.keyboard.press("b")
    expect(page.locator(".boxes")).to_be_hidden()


def test_without_its_picture_a_case_can_only_be_skipped_or_escalated(
    opened: Opened, owner: User, rina: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake for a failure: the store does not answer."""
    review = given_to(case(owner), rina)
    monkeypatch.setattr("review.case.answers", lambda _key: False)
    monkeypatch.setattr("review.case_doors.answers", lambda _key: False)
    page = opened(rina, address_of(review))
    expect(page.get_by_text("can only be escalated or skipped")).to_be_visible()
    expect(page.locator("[data-action=approve], [data-action=reject], [data-action=new_upload]")).to_have_count(0)
    page.keyboard.press("a")
    page.keyboard.press("s")
    expect(page).to_have_url(re.compile(f"/{settings.ADMIN_PATH}review/review/$"))
    assert not ReviewDecision.objects.exists()
