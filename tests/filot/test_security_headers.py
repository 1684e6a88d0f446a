"""What every answer tells a browser: nothing to guess, to frame, to keep, or to run but our own."""

import re
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from filot.models import User
from tests.documents.build import make_document, store_original
from tests.documents.test_api import picture
from tests.review.admin_cases import logged_in, open_case, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]

PUBLIC = ["/documents", "/nowhere", "/files/none", "/health", "/api/docs", "/api/schema", "/admin/login/", "/"]


def assert_guarded(answer: Any) -> None:
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"\*|https?:", policy)
    assert not {"Server", "X-Powered-By"} & set(answer.headers)
    assert "no-store" in answer["Cache-Control"] or "no-cache" in answer["Cache-Control"]


@pytest.mark.parametrize("address", PUBLIC)
def test_answers_to_anybody_are_guarded_errors_too(address: str) -> None:
    for method in ("get", "post", "delete"):
        assert_guarded(getattr(Client(raise_request_exception=False), method)(address))


def test_answers_of_the_api_are_guarded_and_kept_nowhere(api: APIClient, owner: User) -> None:
    document = store_original(make_document(owner), picture())
    for address in ("/documents", f"/documents/{document.pk}", f"/documents/{document.pk}/result"):
        assert_guarded(api.get(address))
    link = api.get(f"/documents/{document.pk}/download").json()["url"]
    answer = Client().get("/files/" + link.partition("/files/")[2])
    assert_guarded(answer)
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Content-Disposition"].startswith("attachment")


def test_pages_of_the_console_are_guarded(owner: User) -> None:
    person = logged_in(staff("reviewer"))
    for address in ("/admin/", f"/admin/review/review/{open_case(owner).pk}/change/"):
        answer = person.get(address)
        assert answer.status_code == 200
        assert_guarded(answer)


def test_a_foreign_page_gets_no_leave_to_read_an_answer(api: APIClient) -> None:
    for answer in (
        api.get("/documents", headers={"Origin": "https://evil.example"}),
        api.options("/documents", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}),
    ):
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_a_file_name_of_a_client_is_never_served(api: APIClient, owner: User) -> None:
    document = store_original(make_document(owner), picture())
    link = api.get(f"/documents/{document.pk}/download").json()["url"]
    named = Client().get("/files/" + link.partition("/files/")[2])["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="KTP_[0-9a-f-]{36}\.jpg"', named)


def test_cookies_are_out_of_reach_of_scripts_and_foreign_pages(owner: User) -> None:
    owner.is_staff = True
    owner.save()
    client = Client()
    page = client.get("/admin/login/")
    assert page.status_code == 200
    form = {"username": "owner", "password": "a long password", "next": "/admin/"}
    cookies = client.post("/admin/login/", form).cookies
    assert cookies["sessionid"]["httponly"]
    assert {cookie["samesite"] for cookie in cookies.values()} <= {"Lax", "Strict"}
