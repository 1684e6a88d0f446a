"""Staff log in with a password and a code; recovery codes, lock-out, and the half hour of idleness."""

import re
import time
from binascii import unhexlify
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from documents.keystore import KeysUnavailable
from documents.models import AuditEntry
from filot import second_factor
from filot.models import AppKey, User
from filot.second_factor import CODE_LENGTH, current_code, enrol, new_key
from filot.tasks import clear_sessions

pytestmark = pytest.mark.django_db
PASSWORD = "a long password of staff"
LOGIN, STEP, HOME = "/admin/login/", "/admin/second-step/", "/admin/"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("staff", password=PASSWORD, is_staff=True)


def enrolled(user: User) -> tuple[str, list[str]]:
    """Key and recovery codes; the code of now is not used up."""
    key = new_key()
    codes = enrol(user, key=key, code=current_code(key), actor="test")
    assert codes
    TOTPDevice.objects.update(last_t=-1)
    return key, codes


def password_step(client: Client, password: str = PASSWORD, **more: Any) -> Any:
    cache.clear()  # of attempts that the limiter counts a minute
    return client.post(f"{LOGIN}?next={HOME}", {"username": "staff", "password": password, "next": HOME}, **more)


def code_step(client: Client, code: str) -> Any:
    cache.clear()
    return client.post(STEP, {"code": code, "next": HOME})


def forgive() -> None:
    """The pause after a wrong code is over."""
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)


def test_a_password_alone_opens_no_page(user: User) -> None:
    enrolled(user)
    client = Client()

    assert password_step(client)["Location"].startswith(STEP)

    for page in (HOME, "/admin/review/review/", "/admin/filot/user/", "/admin/preferences/"):
        assert client.get(page).status_code == 302
    assert client.get(STEP).status_code == 200


def test_a_password_and_the_code_of_now_open_the_console_and_a_code_counts_once(user: User) -> None:
    key, _ = enrolled(user)
    first, second = Client(), Client()
    password_step(first)
    password_step(second)
    code = current_code(key)

    assert code_step(first, code)["Location"] == HOME
    assert first.get(HOME).status_code == 200
    assert code_step(second, code).status_code == 403
    assert second.get(HOME).status_code == 302


def test_after_a_wrong_code_the_right_one_waits(user: User) -> None:
    key, _ = enrolled(user)
    client = Client()
    password_step(client)
    wrong = f"{(int(current_code(key)) + 1) % 10**6:06}"

    assert code_step(client, wrong).status_code == 403
    assert code_step(client, current_code(key)).status_code == 403
    forgive()
    assert code_step(client, current_code(key)).status_code == 302


def test_the_first_login_enrols_and_shows_recovery_codes_once(user: User) -> None:
    client = Client()
    password_step(client)
    page = client.get(STEP)
    text = page.content.decode()
    assert "<svg" in text
    assert "style=" not in text.partition("<svg")[2].partition("</svg>")[0]
    assert "data-demo-code" not in text
    key = second_factor.waiting_key(user, client.session["second_factor_key"])
    assert second_factor.key_text(key) in text
    assert code_step(client, "000000" if current_code(key) != "000000" else "000001").status_code == 403

    answer = code_step(client, current_code(key))

    codes = re.findall(rf"<code>([A-Z2-9]{{{CODE_LENGTH}}})</code>", answer.content.decode())
    assert len(set(codes)) == 10
    assert client.get(HOME).status_code == 200
    assert "second_factor_key" not in client.session
    assert AuditEntry.objects.get(action="second_factor.enrolled").subject == str(user.pk)
    assert not set(codes) & set(StaticToken.objects.values_list("token", flat=True))


def test_a_recovery_code_lets_in_once_and_is_kept_in_the_audit_trail(user: User) -> None:
    _, codes = enrolled(user)
    first, second = Client(), Client()
    password_step(first)
    password_step(second)

    assert code_step(first, codes[0].lower()).status_code == 302
    assert code_step(second, codes[0]).status_code == 403
    assert AuditEntry.objects.get(action="second_factor.recovered").facts == {"left": 9}


def test_a_reset_ends_what_was_passed_before(user: User) -> None:
    enrolled(user)
    client = Client()
    client.force_login(user)
    assert client.get(HOME).status_code == 200

    second_factor.reset(user, actor="somebody")

    assert client.get(HOME).status_code == 302
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()


def test_whoever_is_no_staff_sees_no_second_step() -> None:
    client = Client()
    client.force_login(User.objects.create_user("client"))
    assert client.get(STEP)["Location"].startswith(LOGIN)
    assert Client().get(STEP)["Location"].startswith(LOGIN)


def test_the_second_step_leads_to_no_foreign_page(user: User) -> None:
    key, _ = enrolled(user)
    client = Client()
    password_step(client)
    answer = client.post(STEP, {"code": current_code(key), "next": "https://elsewhere.example/"})
    assert answer["Location"] == HOME


def test_a_superuser_passes_both_steps_too() -> None:
    root = User.objects.create_superuser("staff", password=PASSWORD)
    client = Client()
    password_step(client)
    assert client.get(HOME)["Location"].startswith(LOGIN)
    key = enrolled(root)[0]
    assert code_step(client, current_code(key)).status_code == 302
    assert client.get(HOME).status_code == 200


# Lock-out -------------------------------------------------------------------------------------------------------------


def test_five_wrong_passwords_lock_an_account_for_this_address_whatever_comes_then(user: User) -> None:
    enrolled(user)
    for _ in range(5):
        password_step(Client(), "wrong")

    locked = password_step(Client())
    assert locked.status_code == 429
    assert locked["Retry-After"] == "900"
    assert password_step(Client(), REMOTE_ADDR="192.0.2.7").status_code == 302


def test_the_token_of_the_api_is_refused_to_whoever_is_locked_out() -> None:
    User.objects.create_user("staff", password=PASSWORD)
    for _ in range(5):
        cache.clear()
        Client().post("/auth/token", {"username": "staff", "password": "wrong"}, content_type="application/json")
    cache.clear()
    answer = Client().post("/auth/token", {"username": "staff", "password": PASSWORD}, content_type="application/json")
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "too_many_attempts"


# Idleness -------------------------------------------------------------------------------------------------------------


def test_a_session_that_did_nothing_for_half_an_hour_has_ended(user: User) -> None:
    client = Client()
    client.force_login(user)
    session = client.session
    session["seen_at"] = int(time.time()) - django_settings.SESSION_IDLE_SECONDS - 1
    session.save()

    assert client.get(HOME)["Location"].startswith(LOGIN)
    assert "_auth_user_id" not in client.session


def test_work_keeps_a_session_alive_and_a_heartbeat_does_not(user: User) -> None:
    client = Client()
    client.force_login(user)
    session, before = client.session, int(time.time()) - 600
    session["seen_at"] = before
    session.save()

    client.post("/admin/review/review/00000000-0000-0000-0000-000000000001/beat/")
    assert client.session["seen_at"] == before
    client.get(HOME)
    assert client.session["seen_at"] > before


# The demo -------------------------------------------------------------------------------------------------------------


def test_the_code_of_a_demo_account_is_shown_and_only_on_embedded_services(settings: Any) -> None:
    settings.FILOT_EMBEDDED = True
    call_command("demo_accounts")
    client = Client()
    for _ in range(2):  # it may be used again
        cache.clear()
        client.logout()
        client.post(LOGIN, {"username": "reviewer", "password": "filot-demo", "next": HOME})
        page = client.get(STEP).content.decode()
        (code,) = re.findall(r"data-demo-code>(\d{6})<", page)
        assert code_step(client, code).status_code == 302
    assert client.get(HOME).status_code == 200

    settings.FILOT_EMBEDDED = False
    assert second_factor.demo_code(User.objects.get(username="reviewer")) == ""


def test_a_real_account_beside_the_demo_shows_no_code(settings: Any, user: User) -> None:
    settings.FILOT_EMBEDDED = True
    enrolled(user)
    client = Client()
    password_step(client)
    assert "data-demo-code" not in client.get(STEP).content.decode()
    assert timezone.now() >= user.second_factor_at


def test_no_table_holds_the_secret_of_an_app_in_plain_text_nor_does_a_session(user: User) -> None:
    client = Client()
    password_step(client)
    waiting = second_factor.waiting_key(user, str(client.get(STEP).wsgi_request.session["second_factor_key"]))
    assert waiting not in str(Session.objects.get().get_decoded())

    key, _ = enrolled(user)

    assert AppKey.objects.get().key == key
    assert set(TOTPDevice.objects.values_list("key", flat=True)) == {""}
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM filot_appkey")
        ((column,),) = cursor.fetchall()
    for spelling in (key.encode(), unhexlify(key), second_factor.key_text(key).encode()):
        assert spelling not in bytes(column)


def test_a_key_that_was_put_into_another_account_opens_nothing(user: User) -> None:
    key, _ = enrolled(user)
    other = User.objects.create_user("other", is_staff=True)
    enrolled(other)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE filot_appkey SET key = (SELECT key FROM filot_appkey WHERE user_id = %s) WHERE user_id = %s",
            [user.pk, other.pk],
        )

    assert not second_factor.verify(other, current_code(key))
    assert second_factor.verify(user, current_code(key))


def test_what_waits_in_a_session_is_no_other_accounts(user: User) -> None:
    other, key = User.objects.create_user("other", is_staff=True), new_key()

    assert second_factor.waiting_key(user, second_factor.sealed_key(user, key)) == key
    assert second_factor.waiting_key(other, second_factor.sealed_key(user, key)) != key
    assert second_factor.waiting_key(user, "no base64!") != key


def test_while_the_data_keys_are_away_the_page_says_so_and_no_code_is_used_up(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = enrolled(user)
    client = Client()
    password_step(client)

    def away(*args: Any, **facts: Any) -> None:
        raise KeysUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr("documents.encrypted.unseal", away)
        answer = code_step(client, current_code(key))
    assert answer.status_code == 503
    assert "Kode tidak dapat diperiksa saat ini. Coba lagi sebentar lagi." in answer.content.decode()

    assert code_step(client, current_code(key))["Location"] == HOME


def test_failed_logins_are_forgotten_once_they_lock_nobody_out(user: User) -> None:
    for _ in range(3):
        password_step(Client(), "wrong")
    assert AccessAttempt.objects.count() == 1
    clear_sessions()
    assert AccessAttempt.objects.count() == 1

    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    clear_sessions()

    assert not AccessAttempt.objects.exists()
