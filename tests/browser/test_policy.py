"""No page of the console breaks its Content-Security-Policy, throws in a script or asks another host."""

import pytest
from django.conf import settings
from playwright.sync_api import expect

from filot.models import User
from tests.browser.conftest import Opened
from tests.browser.watching import settled
from tests.review.admin_cases import open_case, staff, with_picture

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_log_in_page_comes_up(opened: Opened) -> None:
    page = opened(None, "login/")
    expect(page.locator("#id_username")).to_be_focused()


def test_the_browser_of_these_tests_would_notice_a_violation(opened: Opened) -> None:
    page = opened(None, "login/")
    page.evaluate("() => { document.body.setAttribute('onclick', '1'); document.body.click(); }")
    page.wait_for_timeout(100)
    assert [line for line in page.watch.found if "script-src" in line]
    page.watch.found.clear()


def test_dashboard_queue_and_case_come_up(opened: Opened, originals_in: object) -> None:
    owner = User.objects.create_user("owner")
    review = with_picture(open_case(owner))
    page = opened(staff("reviewer"))
    for address in ("", "review/review/", f"review/review/{review.pk}/change/"):
        page.goto(f"/{settings.ADMIN_PATH}{address}")
        settled(page)
    expect(page.locator("[data-viewer][data-loaded]")).to_have_count(1)
