"""Every page of the console: nothing inline, nothing personal in lists, nothing editable."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from documents.models import Document
from filot.models import User
from integrations.models import Buli2Exchange
from review.models import Review, ReviewDecision
from tests.review.admin_cases import NIK, act, logged_in, open_case, staff, with_picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]

INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE)
LISTS = [
    "review/review",
    "review/reviewdecision",
    "documents/document",
    "verification/verificationrun",
    "verification/policychange",
    "integrations/buli2exchange",
    "filot/user",
    "auth/group",
]


@pytest.fixture
def case(owner: User) -> Review:
    """A decided case with everything that hangs on one."""
    review = with_picture(open_case(owner, decision="rejected", decided_at=timezone.now()))
    decision = ReviewDecision(review=review, decision="rejected", source="buli2", decided_by="buli2", accepted=True)
    decision.note = f"the number {NIK} is wrong"
    decision.save()
    exchange = Buli2Exchange(direction="inbound", kind="callback", method="POST", path="/x", state="done")
    exchange.review_id, exchange.body = review.pk, {"nik": NIK}
    exchange.save()
    return review


@pytest.fixture
def root(db: None) -> Client:
    return logged_in(User.objects.create_superuser("root"))


def every_page(case: Review) -> list[str]:
    rows = {
        "review/review": case.pk,
        "review/reviewdecision": case.decisions.get().pk,
        "documents/document": case.document_id,
        "verification/verificationrun": case.document.runs.get().pk,
        "integrations/buli2exchange": Buli2Exchange.objects.get().pk,
        "filot/user": case.document.owner_id,
    }
    pages = [f"/admin/{name}/" for name in LISTS] + [f"/admin/{name}/{key}/change/" for name, key in rows.items()]
    return [*pages, "/admin/", "/admin/review/", "/admin/filot/user/add/", "/admin/password_change/"]


def test_no_page_has_an_inline_script_style_or_handler(case: Review, root: Client) -> None:
    for page in [*every_page(case), "/admin/logout/"]:
        answer = root.post(page) if page.endswith("logout/") else root.get(page)
        assert answer.status_code == 200, page
        assert not INLINE.search(answer.content.decode()), page
    assert not INLINE.search(root.get("/admin/login/").content.decode())


def test_no_page_holds_the_whole_number(case: Review, root: Client) -> None:
    for page in every_page(case):
        text = root.get(page).content.decode()
        assert NIK not in text, page
        assert NIK[:10] not in text, page


def test_open_and_conflicting_cases_hold_nothing_inline_either(owner: User) -> None:
    review = with_picture(open_case(owner))
    first, second = logged_in(staff("reviewer")), logged_in(staff("senior"))

    pages: list[Any] = [first.get(f"/admin/review/review/{review.pk}/change/")]
    first.post(f"/admin/review/review/{review.pk}/claim/")
    pages.append(first.post(f"/admin/review/review/{review.pk}/reveal/", {"reason": "compare"}, follow=True))
    act(first, review, "approve")
    pages.append(second.post(f"/admin/review/review/{review.pk}/reject/", {"reason_code": "mismatch"}))

    assert [page.status_code for page in pages] == [200, 200, 409]
    for page in pages:
        assert not INLINE.search(page.content.decode())


def test_pages_carry_the_strict_policy(root: Client) -> None:
    policy = root.get("/admin/")["Content-Security-Policy"]

    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", [*LISTS[:4], "integrations/buli2exchange"])
def test_rows_can_be_looked_at_only(case: Review, root: Client, name: str) -> None:
    key = {
        "review/review": case.pk,
        "review/reviewdecision": case.decisions.get().pk,
        "documents/document": case.document_id,
        "verification/verificationrun": case.document.runs.get().pk,
        "integrations/buli2exchange": Buli2Exchange.objects.get().pk,
    }[name]

    assert root.get(f"/admin/{name}/add/").status_code == 403
    assert root.post(f"/admin/{name}/{key}/change/", {"status": "approved"}).status_code in (403, 405)
    assert root.post(f"/admin/{name}/{key}/delete/", {"post": "yes"}).status_code == 403
    assert Document.objects.get(pk=case.document_id).status == "needs_review"


def test_the_dashboard_counts_and_links_to_the_filtered_queue(owner: User) -> None:
    now = timezone.now()
    open_case(owner)
    open_case(owner, due_at=now - timedelta(hours=1), score=10)
    open_case(owner, decision="approved", decided_at=now)

    text = logged_in(staff("reviewer")).get("/admin/").content.decode()

    figures = re.findall(r'<p class="figure">(\d+)</p>', text)
    assert figures == ["2", "1", "1", "1"]
    assert "/admin/review/review/?due=overdue" in text


def test_ops_see_the_counts_without_a_way_into_the_queue(owner: User) -> None:
    open_case(owner)

    text = logged_in(staff("ops")).get("/admin/").content.decode()

    assert '<p class="figure">1</p>' in text
    assert "/admin/review/review/" not in text
