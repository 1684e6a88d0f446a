"""A refresh token is good for one use, and a copied one ends the login."""

import threading
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from filot import logins
from filot.authentication import BadToken
from filot.models import ApiLogin, User
from filot.tasks import clear_sessions

pytestmark = pytest.mark.django_db


def log_in() -> dict[str, str]:
    """What a login with the right password gives."""
    token = logins.begin(User.objects.get(username="owner"))
    return {"refresh": str(token), "access": str(token.access_token)}


def refresh(token: Any) -> Any:
    client = APIClient()
    client.raise_request_exception = False
    return client.post("/auth/token/refresh", {"refresh": token}, format="json")


def may_read(access: str) -> bool:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return bool(client.get("/documents").status_code == 200)


def assert_refused(answer: Any, code: str = "invalid_token") -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code), answer.content
    assert answer["WWW-Authenticate"].startswith("Bearer ")


def test_a_refresh_token_gives_a_new_pair_and_is_spent(owner: User) -> None:
    first = log_in()
    second = refresh(first["refresh"]).json()
    assert set(second) == {"access", "refresh"}
    assert second["refresh"] != first["refresh"]
    assert may_read(second["access"])
    third = refresh(second["refresh"])
    assert third.status_code == 200
    assert_refused(refresh(second["refresh"]))


def test_a_token_that_comes_twice_ends_the_login_for_whoever_holds_the_newest(
    owner: User, capsys: pytest.CaptureFixture[str]
) -> None:
    stolen = log_in()["refresh"]
    newest = refresh(stolen).json()["refresh"]
    assert_refused(refresh(stolen))
    assert_refused(refresh(newest))
    assert ApiLogin.objects.get().end_reason == logins.REUSED
    assert "login_ended" in capsys.readouterr().err


def test_one_login_that_ends_leaves_the_others_alone(owner: User) -> None:
    phone, tablet = log_in(), log_in()
    refresh(phone["refresh"])
    assert_refused(refresh(phone["refresh"]))
    assert refresh(tablet["refresh"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_many_uses_at_once_one_is_answered(owner: User) -> None:
    token, answers = log_in()["refresh"], []
    together = threading.Barrier(6)

    def use() -> None:
        together.wait()
        try:
            logins.renew(token)
            answers.append("renewed")
        except BadToken:
            answers.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["refused"] * 5 + ["renewed"]


def test_logging_out_ends_the_login_and_may_be_repeated(owner: User) -> None:
    tokens = log_in()
    for _ in range(2):
        answer = APIClient().post("/auth/logout", {"refresh": tokens["refresh"]}, format="json")
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert_refused(refresh(tokens["refresh"]))


def test_a_new_password_ends_the_logins_of_the_old_one(owner: User) -> None:
    tokens = log_in()
    owner.set_password("quite another password")
    owner.save()
    assert_refused(refresh(tokens["refresh"]))
    assert ApiLogin.objects.get().end_reason == logins.PASSWORD_CHANGED


def test_an_inactive_user_renews_nothing(owner: User) -> None:
    tokens = log_in()
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert_refused(refresh(tokens["refresh"]), "user_inactive")


def test_a_deleted_user_renews_nothing(owner: User) -> None:
    tokens = log_in()
    owner.delete()
    assert_refused(refresh(tokens["refresh"]))


def changed(token: str, key: str = django_settings.SIMPLE_JWT["SIGNING_KEY"], **changes: Any) -> str:
    payload = {**jwt.decode(token, options={"verify_signature": False}), **changes}
    return jwt.encode({name: value for name, value in payload.items() if value is not None}, key, algorithm="HS256")


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "another key of at least thirty-two characters"},
        {"exp": 1},
        {"exp": None},
        {"iss": "somebody"},
        {"aud": "something"},
        {"token_type": "access"},
        {"token_type": None},
        {"jti": None},
        {"jti": "17"},
        {"login": None},
        {"login": {"$ne": 1}},
        {"login": "0" * 32},
        {"user_id": "00000000-0000-0000-0000-000000000001"},
        {"user_id": None},
    ],
)
def test_a_refresh_token_with_one_thing_wrong_is_refused(owner: User, changes: dict[str, Any]) -> None:
    token = log_in()["refresh"]
    assert refresh(changed(token)).status_code == 200
    assert_refused(refresh(changed(log_in()["refresh"], **changes)))


def test_a_refresh_token_of_no_login_is_refused(owner: User) -> None:
    assert_refused(refresh(str(RefreshToken.for_user(owner))))
    assert_refused(refresh(str(AccessToken.for_user(owner))))


@pytest.mark.parametrize("token", [None, "", [], {}, 7, "x" * 9000, "a\0b"])
def test_a_body_without_a_token_is_400_and_no_fault(db: None, token: Any) -> None:
    assert refresh(token).status_code in (400, 401)
    assert APIClient().post("/auth/logout", {"refresh": token}, format="json").status_code in (400, 401)
    assert APIClient().post("/auth/token/refresh", [], format="json").status_code == 400


def test_however_often_it_is_renewed_a_login_ends_after_its_longest_time(owner: User) -> None:
    token = log_in()["refresh"]
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(logins.LONGEST_LOGIN // timedelta(days=6) - 1):
            clock.shift(timedelta(days=6))
            token = refresh(token).json()["refresh"]
        clock.shift(timedelta(days=6))
        assert_refused(refresh(token))


def test_no_token_stands_in_the_table_and_what_is_over_is_deleted(owner: User) -> None:
    tokens = log_in()
    row = ApiLogin.objects.values().get()
    assert not [value for value in row.values() if value and str(value) in (tokens["refresh"], tokens["access"])]
    clear_sessions()
    assert ApiLogin.objects.count() == 1
    with time_machine.travel(timezone.now() + logins.LONGEST_LOGIN + timedelta(days=1)):
        clear_sessions()
    assert not ApiLogin.objects.exists()
