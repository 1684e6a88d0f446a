"""Each member of staff has a language, a time zone and keys of their own; the API speaks English to everybody."""

from typing import Any

import pytest
from django.test import Client

from filot.models import User
from review.keys import ACTIONS, BadKeys, changed_keys, keys_of
from tests.review.admin_cases import staff

PAGE = "/admin/preferences/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    client = Client()
    client.force_login(staff("reviewer"))
    return client


def form(**changes: Any) -> dict[str, Any]:
    keys = {f"key_{name}": action.key for name, action in ACTIONS.items()}
    return {"language": "id", "time_zone": "Asia/Jakarta", "keys_on": "on", **keys, **changes}


def test_the_console_is_indonesian_until_somebody_chooses(browser: Client) -> None:
    page = browser.get("/admin/", headers={"Accept-Language": "en-GB"})
    assert '<html lang="id"' in page.content.decode()
    assert page["Content-Language"] == "id"


def test_the_switch_changes_the_language_of_the_user_and_of_the_browser(browser: Client) -> None:
    answer = browser.post("/admin/language/", {"language": "en", "next": PAGE})

    assert answer["Location"] == PAGE
    assert User.objects.get(username="a-reviewer").language == "en"
    assert '<html lang="en"' in browser.get(PAGE).content.decode()
    browser.logout()
    assert '<html lang="id"' in Client().get("/admin/login/").content.decode()


def test_the_switch_leads_to_no_other_host_and_to_no_other_language(browser: Client) -> None:
    answer = browser.post("/admin/language/", {"language": "xx", "next": "https://elsewhere.test/"})

    assert answer["Location"] == "/admin/"
    assert User.objects.get(username="a-reviewer").language == ""
    assert browser.get("/admin/language/").status_code == 405


def test_times_are_of_the_users_zone(browser: Client) -> None:
    browser.post(PAGE, form(time_zone="Asia/Jayapura"))
    assert 'data-admin-utc-offset="32400"' in browser.get(PAGE).content.decode()


def test_a_key_can_be_changed_and_all_turned_off(browser: Client) -> None:
    assert browser.post(PAGE, form(key_approve="y", keys_on="")).status_code == 302

    user = User.objects.get(username="a-reviewer")
    assert (user.keys, user.keys_on) == ({"approve": "y"}, False)
    assert 'data-keys-on="0"' in browser.get(PAGE).content.decode()


@pytest.mark.parametrize("key", ["r", "1", "ab"])
def test_a_key_that_is_taken_or_means_something_else_is_refused(browser: Client, key: str) -> None:
    answer = browser.post(PAGE, form(key_approve=key))

    assert answer.status_code == 400
    assert User.objects.get(username="a-reviewer").keys == {}


def test_the_same_keys_as_ours_are_not_stored() -> None:
    assert changed_keys({"approve": "A ", "skip": ""}) == {}
    assert keys_of({"skip": "x"})["skip"] == "x"
    with pytest.raises(BadKeys):
        changed_keys({"approve": "n"})


def test_a_stranger_has_no_preferences() -> None:
    assert Client().get(PAGE).status_code == 302
