"""Who is let in: our own tokens, an outside provider's, and nobody else."""

import json
import runpy
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import settings as django_settings
from django.urls import path
from gunicorn.config import Config
from gunicorn.http import RequestParser
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from filot import authentication
from filot.auth_api import RefreshView, TokenView, VerifyView
from filot.authentication import BadToken, ProviderKeys, user_of
from filot.models import User
from tests.conftest import client_of

ISSUER, AUDIENCE = "https://id.example/", "project-7"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OWN_KEY = django_settings.SIMPLE_JWT["SIGNING_KEY"]


class WhoAmI(APIView):
    throttle_scope = "none"

    def get(self, request: Request) -> Response:
        return Response({"id": str(request.user.pk)})


urlpatterns = [
    path("me", WhoAmI.as_view()),
    path("auth/token", TokenView.as_view()),
    path("auth/token/refresh", RefreshView.as_view()),
    path("auth/verify", VerifyView.as_view()),
]
handler404 = "filot.errors.not_found"
handler500 = "filot.errors.server_error"

pytestmark = [pytest.mark.urls("tests.filot.test_authentication"), pytest.mark.django_db]


def jwk(key: Any, kid: str) -> dict[str, Any]:
    algorithm: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


class Provider:
    """The outside provider's keys over real HTTP; `body` is what it answers, `asked` how often it was asked."""

    def __init__(self) -> None:
        self.body = json.dumps({"keys": [jwk(RSA_KEY, "rsa-1"), jwk(EC_KEY, "ec-1")]}).encode()
        self.asked, self.status, self.pause = 0, 200, 0.0
        provider = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                self.send_response(provider.status)
                if provider.status == 302:
                    self.send_header("Location", provider.url)
                self.end_headers()
                if not provider.pause:
                    self.wfile.write(provider.body)
                    return
                with suppress(OSError):  # whoever asked has gone
                    for position in range(len(provider.body)):
                        self.wfile.write(provider.body[position : position + 1])
                        time.sleep(provider.pause)

            def log_message(self, *args: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    running = Provider()
    settings.JWKS_URL, settings.JWKS_ISSUER, settings.JWKS_AUDIENCE = running.url, ISSUER, AUDIENCE
    authentication.provider_keys.cache_clear()
    yield running
    running.stop()


def outside_token(
    key: Any = RSA_KEY, kid: str = "rsa-1", algorithm: str = "RS256", headers: Any = None, **claims: Any
) -> str:
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "exp": int(time.time()) + 60, **claims}
    present = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(present, key, algorithm=algorithm, headers={"kid": kid, **(headers or {})})


def with_token(token: str) -> APIClient:
    client = APIClient()
    client.raise_request_exception = False
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def assert_refused(response: Any, code: str = "invalid_token") -> None:
    assert response.status_code == 401, response.content
    assert response["WWW-Authenticate"].startswith("Bearer ")
    assert response.json()["error"]["code"] == code


def test_our_own_token_lets_its_user_in(owner: User) -> None:
    assert client_of(owner).get("/me").json() == {"id": str(owner.pk)}


def test_the_scheme_is_read_in_any_case(owner: User) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"bearer  {AccessToken.for_user(owner)} ")
    assert client.get("/me").status_code == 200


def test_no_token_is_401_with_a_challenge() -> None:
    assert_refused(APIClient().get("/me"), "not_authenticated")


def signed(owner: User, key: str = OWN_KEY, algorithm: str = "HS256", **changes: Any) -> str:
    payload = {**AccessToken.for_user(owner).payload, "iss": "filot", "aud": "filot-api", **changes}
    return jwt.encode({k: v for k, v in payload.items() if v is not None}, key, algorithm=algorithm)


def test_a_token_signed_like_ours_is_accepted(owner: User) -> None:
    assert with_token(signed(owner)).get("/me").status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "another key of at least thirty-two characters"},
        {"algorithm": "HS512"},
        {"iss": "somebody"},
        {"aud": "something"},
        {"iss": None},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"token_type": "refresh"},
        {"token_type": None},
        {"user_id": None},
        {"user_id": "17"},
        {"user_id": {"$ne": 1}},
        {"user_id": str(uuid.UUID(int=1))},
        {"nbf": 4_000_000_000},
    ],
)
def test_a_token_of_ours_with_one_thing_wrong_is_refused(owner: User, changes: dict[str, Any]) -> None:
    assert_refused(with_token(signed(owner, **changes)).get("/me"))


def test_a_refresh_token_is_no_access_token(owner: User) -> None:
    assert_refused(with_token(str(RefreshToken.for_user(owner))).get("/me"))


def test_an_unsigned_token_is_refused(owner: User) -> None:
    assert_refused(with_token(signed(owner, key="", algorithm="none")).get("/me"))


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "HS384", "", None, ["HS256"], 7])
def test_a_header_that_names_another_algorithm_than_the_one_signed_with_is_refused(owner: User, algorithm: Any) -> None:
    _, payload, signature = signed(owner).split(".")
    header = jwt.utils.base64url_encode(json.dumps({"typ": "JWT", "alg": algorithm}).encode()).decode()
    for end in (signature, ""):
        assert_refused(with_token(f"{header}.{payload}.{end}").get("/me"))


def test_a_payload_that_was_changed_after_signing_is_refused(owner: User, stranger: User) -> None:
    header, _, signature = signed(owner).split(".")
    payload = signed(stranger).split(".")[1]
    assert_refused(with_token(f"{header}.{payload}.{signature}").get("/me"))


def test_an_access_token_lives_a_quarter_of_an_hour_at_most(owner: User) -> None:
    token = str(AccessToken.for_user(owner))
    with time_machine.travel(time.time() + 14 * 60):
        assert with_token(token).get("/me").status_code == 200
    with time_machine.travel(time.time() + 15 * 60 + 1):
        assert_refused(with_token(token).get("/me"))


def test_an_inactive_user_is_refused(owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert_refused(client_of(owner).get("/me"), "user_inactive")


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer a b", "Bearer " + "x" * 9000, "Bearer a.b.c", "Bearer ..", "Bearer \x80\xff", "Bearer e30.e30."],
)
def test_a_malformed_header_is_401(header: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    assert_refused(client.get("/me"))


@pytest.mark.parametrize("length", [8_193, 16_000])
def test_the_web_server_lets_a_long_token_through_to_be_refused_by_us(length: int) -> None:
    deployed = runpy.run_path(str(django_settings.BASE_DIR / "deploy" / "gunicorn.conf.py"))
    config = Config()
    config.set("limit_request_field_size", deployed["limit_request_field_size"])
    header = "Bearer " + "x" * length
    raw = f"GET /documents HTTP/1.1\r\nHost: localhost\r\nAuthorization: {header}\r\n\r\n".encode()
    request = next(RequestParser(config, iter([raw]), ("127.0.0.1", 4711)))
    assert dict(request.headers)["AUTHORIZATION"] == header
    assert_refused(with_token("x" * length).get("/me"))


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutilated_token_is_refused_and_raises_nothing_else(provider: Provider, data: st.DataObject) -> None:
    token = data.draw(st.sampled_from([MUTILATED_OWN, MUTILATED_OUTSIDE]))
    position = data.draw(st.integers(0, len(token) - 1))
    junk = data.draw(st.text(max_size=4) | st.sampled_from([".", "=", "-", "_", "\x00", "é", "AAAA"]))
    mutilated = token[:position] + junk + token[position + data.draw(st.integers(1, 20)) :]
    with pytest.raises(BadToken):
        user_of(mutilated if mutilated != token else "")


MUTILATED_OWN = jwt.encode({"user_id": str(uuid.UUID(int=1)), "exp": 1}, OWN_KEY, algorithm="HS256")
MUTILATED_OUTSIDE = outside_token(exp=1)


@pytest.mark.parametrize(("key", "kid", "algorithm"), [(RSA_KEY, "rsa-1", "RS256"), (EC_KEY, "ec-1", "ES256")])
def test_an_outside_token_lets_in_a_user_made_at_first_sight(
    provider: Provider, key: Any, kid: str, algorithm: str
) -> None:
    client = with_token(outside_token(key, kid, algorithm, name="Siti Aminah"))
    first, second = client.get("/me").json(), client.get("/me").json()
    assert first == second
    user = User.objects.get(issuer=ISSUER, subject="user-1")
    assert str(user.pk) == first["id"]
    assert user.told["display_name"] == "Siti Aminah"
    assert not user.has_usable_password()
    assert not user.is_staff


def test_a_user_is_never_found_by_an_email(provider: Provider, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(email="owner@example.org")
    claims = {"email": "owner@example.org", "email_verified": True}
    assert with_token(outside_token(**claims)).get("/me").json()["id"] != str(owner.pk)


def test_the_same_subject_of_another_issuer_is_another_user(provider: Provider) -> None:
    User.objects.create_user("other", issuer="https://elsewhere.example/", subject="user-1")
    with_token(outside_token()).get("/me")
    assert User.objects.filter(subject="user-1").count() == 2


def other_tokens(owner: User) -> list[str]:
    public = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    hmac_key = jwt.utils.base64url_encode(public).decode()
    return [
        outside_token(iss="https://evil.example/"),
        outside_token(aud="another project"),
        outside_token(exp=int(time.time()) - 3600),
        outside_token(iss=None),
        outside_token(aud=None),
        outside_token(exp=None),
        outside_token(sub=None),
        outside_token(sub=""),
        outside_token(sub="x" * 256),
        outside_token(sub="a\0b"),
        outside_token(STRANGE_KEY),
        outside_token(kid="unknown"),
        outside_token(kid="ec-1"),
        outside_token(algorithm="RS512"),
        outside_token(EC_KEY, kid="rsa-1", algorithm="ES256"),
        outside_token(hmac_key, algorithm="HS256"),
        outside_token(STRANGE_KEY, headers={"jwk": jwk(STRANGE_KEY, "rsa-1")}),
        outside_token(STRANGE_KEY, headers={"jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/keys"}),
        outside_token(headers={"crit": ["exp"]}),
        outside_token(headers={"kid": "../../etc/passwd"}),
        outside_token(headers={"typ": "logout+jwt"}),
        outside_token(headers={"typ": "dpop+jwt"}),
        outside_token(nbf=int(time.time()) + 3600),
        outside_token(iat=int(time.time()) + 3600),
        outside_token(aud=["another project", "a third"]),
        ".".join([*outside_token(EC_KEY, "ec-1", "ES256").split(".")[:2], "A" * 86]),
        signed(owner, key=hmac_key),
    ]


def test_an_outside_token_with_one_thing_wrong_is_refused(provider: Provider, owner: User) -> None:
    for token in other_tokens(owner):
        assert_refused(with_token(token).get("/me"))
    assert User.objects.count() == 1


def test_our_own_tokens_work_beside_a_provider(provider: Provider, owner: User) -> None:
    assert client_of(owner).get("/me").status_code == 200
    assert provider.asked == 0


def test_without_a_provider_outside_tokens_are_refused() -> None:
    assert_refused(with_token(outside_token()).get("/me"))


def test_a_provider_without_issuer_and_audience_lets_nobody_in(provider: Provider, settings: Any) -> None:
    settings.JWKS_AUDIENCE = ""
    assert_refused(with_token(outside_token(aud="")).get("/me"))
    assert_refused(with_token(outside_token(aud=None)).get("/me"))


def test_its_keys_are_fetched_once_for_many_calls_and_invented_key_ids(provider: Provider) -> None:
    for kid in ["rsa-1", *(f"invented-{number}" for number in range(20)), "rsa-1"]:
        with_token(outside_token(kid=kid)).get("/me")
    assert provider.asked == 1


def test_new_keys_are_learnt(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_token(outside_token()).get("/me").status_code == 200
    provider.body = json.dumps({"keys": [jwk(STRANGE_KEY, "rsa-2")]}).encode()
    monkeypatch.setattr(authentication, "KEYS_PAUSE", 0.0)
    assert with_token(outside_token(STRANGE_KEY, "rsa-2")).get("/me").status_code == 200
    assert_refused(with_token(outside_token()).get("/me"))


def test_its_keys_outlive_its_outage(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_token(outside_token()).get("/me").status_code == 200
    provider.body = b"<html>down for maintenance"
    monkeypatch.setattr(authentication, "KEYS_PAUSE", 0.0)
    monkeypatch.setattr(authentication, "KEYS_LIFE", 0.0)
    assert with_token(outside_token()).get("/me").status_code == 200
    assert provider.asked == 2


def test_a_typ_that_says_access_token_is_read_in_any_case(provider: Provider) -> None:
    for kind in ("at+jwt", "application/at+JWT", "jwt"):
        assert with_token(outside_token(headers={"typ": kind})).get("/me").status_code == 200


def test_keys_that_drip_in_hold_nobody_up_for_longer_than_their_limits(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "KEYS_TIMEOUTS", (0.2, 0.3))
    provider.pause = 0.05
    began = time.monotonic()
    assert with_token(outside_token()).get("/me").status_code == 503
    assert time.monotonic() - began < 2


def test_keys_are_taken_from_where_the_settings_say_and_no_redirect_is_followed(provider: Provider) -> None:
    provider.status = 302
    assert with_token(outside_token()).get("/me").status_code == 503


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"keys": [' + b"1," * 200_000])
def test_keys_that_are_a_bomb_do_no_harm(provider: Provider, body: bytes) -> None:
    provider.body = body
    assert with_token(outside_token()).get("/me").status_code == 503


@pytest.mark.parametrize("body", [b"", b"[]", b'{"keys": []}', b'{"keys": [{"kty": "RSA"}]}', b"\xff"])
def test_a_provider_that_never_answered_is_503_and_not_asked_by_every_call(provider: Provider, body: bytes) -> None:
    provider.body = body
    responses = [with_token(outside_token()).get("/me") for _ in range(5)]
    assert {response.status_code for response in responses} == {503}
    assert int(responses[0]["Retry-After"]) >= 1
    assert provider.asked == 1


def test_a_provider_that_is_not_there_is_503(provider: Provider) -> None:
    provider.stop()
    with pytest.raises(jwt.PyJWKClientConnectionError):
        ProviderKeys(provider.url).get_jwk_set()
    assert with_token(outside_token()).get("/me").status_code == 503


def test_a_password_gives_tokens_and_a_refresh_token_a_new_access_token(owner: User) -> None:
    client = APIClient()
    tokens = client.post("/auth/token", {"username": "owner", "password": "a long password"}, format="json").json()
    assert with_token(tokens["access"]).get("/me").json() == {"id": str(owner.pk)}
    renewed = client.post("/auth/token/refresh", {"refresh": tokens["refresh"]}, format="json").json()
    assert with_token(renewed["access"]).get("/me").status_code == 200
    assert django_settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"] <= timedelta(minutes=15)


def test_a_wrong_password_is_401(owner: User) -> None:
    body = {"username": "owner", "password": "wrong"}
    assert_refused(APIClient().post("/auth/token", body, format="json"), "no_active_account")


@pytest.mark.parametrize("token", ["", "a.b.c", MUTILATED_OWN])
def test_a_bad_refresh_token_is_refused(token: str) -> None:
    response = APIClient().post("/auth/token/refresh", {"refresh": token}, format="json")
    assert response.status_code == (401 if token else 400)
    assert response.json()["success"] is False


@pytest.mark.parametrize("body", [{}, [], {"username": ["a"], "password": {}}, {"username": "a\0", "password": "b"}])
def test_a_login_that_is_none_is_400(body: Any) -> None:
    response = APIClient().post("/auth/token", body, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "validation_error")


def verify(token: Any) -> Any:
    return APIClient().post("/auth/verify", {"accessToken": token}, format="json")


def test_verify_provisions_the_user_of_an_outside_token(provider: Provider) -> None:
    claims = {"name": "Siti Aminah", "email": "siti@example.org", "email_verified": True}
    first, again = verify(outside_token(**claims)), verify(outside_token(**claims))
    user = User.objects.get(subject="user-1")
    assert first.json() == again.json()
    assert first.json() == {"user": {"id": str(user.pk), "email": "siti@example.org", "displayName": "Siti Aminah"}}


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_email_that_is_not_verified_is_not_kept(provider: Provider, verified: Any) -> None:
    answer = verify(outside_token(email="siti@example.org", email_verified=verified)).json()
    assert answer["user"]["email"] is None
    assert User.objects.get(subject="user-1").told["email"] == ""


def test_verify_takes_over_what_the_provider_says_later(provider: Provider) -> None:
    verify(outside_token(name="Siti"))
    answer = verify(outside_token(name="Siti Aminah", email="siti@example.org", email_verified=True)).json()
    assert (answer["user"]["displayName"], answer["user"]["email"]) == ("Siti Aminah", "siti@example.org")
    assert verify(outside_token()).json() == answer


def test_verify_knows_our_own_tokens_too(owner: User) -> None:
    answer = verify(str(AccessToken.for_user(owner))).json()
    assert answer == {"user": {"id": str(owner.pk), "email": None, "displayName": "owner"}}


@pytest.mark.parametrize(
    ("claims", "name"), [({"email": "siti.a@example.org", "email_verified": True}, "siti.a"), ({}, "")]
)
def test_an_outside_user_without_a_name_is_never_called_by_our_random_word(
    provider: Provider, claims: dict[str, Any], name: str
) -> None:
    assert verify(outside_token(**claims)).json()["user"]["displayName"] == name


@pytest.mark.parametrize("claims", [{"name": 7, "email": ["x"]}, {"name": "a\0b" + "x" * 500, "email": "y" * 500}])
def test_odd_claims_do_no_harm(provider: Provider, claims: dict[str, Any]) -> None:
    assert verify(outside_token(email_verified=True, **claims)).status_code == 200


def test_verify_refuses_a_bad_token_and_asks_for_one() -> None:
    assert_refused(verify("a.b.c"))
    assert_refused(verify("é"))
    assert verify("").status_code == 400
    assert verify({"a": 1}).status_code == 400
    assert APIClient().post("/auth/verify", [], format="json").status_code == 400
