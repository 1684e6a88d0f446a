"""The keys of our own tokens change while tokens of the ones before are still out, and no other key is believed."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from rest_framework.test import APIClient

from filot import logins
from filot.authentication import BadToken, is_outside, user_of
from filot.env import Env
from filot.models import User
from filot.token_keys import UnusableKey, key_pairs, secret_keys
from filot.tokens import AccessToken, RefreshToken

pytestmark = pytest.mark.django_db
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED_KEY = ed25519.Ed25519PrivateKey.generate()
SECRET, NEXT_SECRET = "q7Vb2nXw9LrT4zKpD8fYc1HsJ6mGuE3a", "Zt5RkW8xNd3QvB6yLh9MfCj2PsG7aTe4"


def private_pem(key: Any) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pem: bytes = key.private_bytes(encoding, form, serialization.NoEncryption())
    return pem


def public_pem(key: Any) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return pem


def named(kid: str, pem: bytes) -> str:
    return f"{kid}:{base64.b64encode(pem).decode()}"


def keys_are(settings: Any, *pairs: str, secrets: tuple[str, ...] = ()) -> None:
    settings.JWT_KEY_PAIRS, settings.JWT_SECRET_KEYS = key_pairs(pairs), secret_keys(secrets)


def claims_of(owner: User, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    facts = {"token_type": "access", "user_id": str(owner.pk), "jti": "a" * 32, "iss": "filot", "aud": "filot-api"}
    return {**facts, "iat": now, "exp": now + 600, **changes}


def refused(token: str) -> bool:
    try:
        user_of(token)
    except BadToken:
        return True
    return False


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (ED_KEY, "EdDSA")])
def test_a_key_pair_signs_and_its_kid_stands_in_the_header(
    owner: User, settings: Any, key: Any, algorithm: str
) -> None:
    keys_are(settings, named("2026-11", private_pem(key)), secrets=(SECRET,))
    login = logins.begin(owner)
    for token in (str(login), str(login.access_token)):
        header = jwt.get_unverified_header(token)
        assert (header["alg"], header["kid"]) == (algorithm, "2026-11")
        assert jwt.decode(token, key.public_key(), [algorithm], audience="filot-api")["user_id"] == str(owner.pk)
    assert user_of(str(login.access_token)) == owner
    api = APIClient()
    renewed = api.post("/auth/token/refresh", {"refresh": str(login)}, format="json").json()
    assert user_of(renewed["access"]) == owner


def test_tokens_of_the_key_before_go_on_until_they_expire(owner: User, settings: Any) -> None:
    keys_are(settings, named("old", private_pem(RSA_KEY)))
    login = logins.begin(owner)
    access = str(login.access_token)
    keys_are(settings, named("new", private_pem(ED_KEY)), named("old", public_pem(RSA_KEY)))
    assert user_of(access) == owner
    renewed = logins.renew(str(login))
    assert jwt.get_unverified_header(str(renewed))["kid"] == "new"
    with time_machine.travel(time.time() + 16 * 60):
        assert refused(access)
    keys_are(settings, named("new", private_pem(ED_KEY)))
    assert refused(access)
    assert user_of(str(renewed.access_token)) == owner


def test_tokens_of_the_secret_before_go_on_until_they_expire(owner: User, settings: Any) -> None:
    keys_are(settings, secrets=(SECRET,))
    access, refresh = str(AccessToken.for_user(owner)), str(logins.begin(owner))
    assert "kid" not in jwt.get_unverified_header(access)
    keys_are(settings, secrets=(NEXT_SECRET, SECRET))
    assert user_of(access) == owner
    assert user_of(str(logins.renew(refresh).access_token)) == owner
    jwt.decode(str(AccessToken.for_user(owner)), NEXT_SECRET, ["HS256"], audience="filot-api")
    with time_machine.travel(time.time() + 16 * 60):
        assert refused(access)
    keys_are(settings, secrets=(NEXT_SECRET,))
    assert refused(access)


def test_going_from_the_secret_to_a_key_pair_ends_no_login(owner: User, settings: Any) -> None:
    keys_are(settings, secrets=(SECRET,))
    login = logins.begin(owner)
    keys_are(settings, named("first", private_pem(RSA_KEY)), secrets=(SECRET,))
    assert user_of(str(login.access_token)) == owner
    assert jwt.get_unverified_header(str(logins.renew(str(login))))["kid"] == "first"


def test_a_key_is_believed_with_its_own_algorithm_only(owner: User, settings: Any) -> None:
    keys_are(settings, named("rsa", private_pem(RSA_KEY)), named("ed", private_pem(ED_KEY)), secrets=(SECRET,))
    claims = claims_of(owner)
    good = jwt.encode(claims, RSA_KEY, "RS256", headers={"kid": "rsa"})
    assert user_of(good) == owner
    head, body, signature = good.split(".")
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)

    def by_hand(header: dict[str, Any], key: bytes) -> str:
        """PyJWT itself signs nothing with a public key as a secret."""
        text = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode() + f".{body}"
        return f"{text}.{base64.urlsafe_b64encode(hmac.sign(text.encode(), key)).rstrip(b'=').decode()}"

    unbelieved = {
        "public key as a secret, with its kid": by_hand({"alg": "HS256", "kid": "rsa"}, public_pem(RSA_KEY)),
        "public key as a secret": by_hand({"alg": "HS256"}, public_pem(RSA_KEY)),
        "the secret, under a kid": by_hand({"alg": "HS256", "kid": "rsa"}, SECRET.encode()),
        "an empty secret": by_hand({"alg": "HS256"}, b""),
        "a kid that is unknown": jwt.encode(claims, RSA_KEY, "RS256", headers={"kid": "other"}),
        "no kid": jwt.encode(claims, RSA_KEY, "RS256"),
        "an empty kid": jwt.encode(claims, RSA_KEY, "RS256", headers={"kid": ""}),
        "the kid of another of our keys": jwt.encode(claims, RSA_KEY, "RS256", headers={"kid": "ed"}),
        "a strange key under our kid": jwt.encode(claims, OTHER_RSA_KEY, "RS256", headers={"kid": "rsa"}),
        "another algorithm of the same key": jwt.encode(claims, RSA_KEY, "PS256", headers={"kid": "rsa"}),
        "no algorithm": f"{by_hand({'alg': 'none', 'kid': 'rsa'}, b'').rpartition('.')[0]}.",
        "a list as kid": by_hand({"alg": "HS256", "kid": ["rsa"]}, SECRET.encode()),
        "a changed signature": f"{head}.{body}.{signature[:-4]}AAAA",
        "another audience": jwt.encode(claims_of(owner, aud="x"), RSA_KEY, "RS256", headers={"kid": "rsa"}),
        "another issuer": jwt.encode(claims_of(owner, iss="x"), RSA_KEY, "RS256", headers={"kid": "rsa"}),
        "a refresh token": str(RefreshToken.for_user(owner)),
    }
    assert [name for name, token in unbelieved.items() if not refused(token)] == []
    assert user_of(jwt.encode(claims, SECRET, "HS256")) == owner


def test_without_a_secret_nothing_of_hs256_is_believed(owner: User, settings: Any) -> None:
    keys_are(settings, named("rsa", private_pem(RSA_KEY)), secrets=("", ""))
    assert settings.JWT_SECRET_KEYS == []
    for secret in (SECRET, NEXT_SECRET):
        assert refused(jwt.encode(claims_of(owner), secret, "HS256"))


def test_our_kid_is_ours_beside_an_outside_provider_that_signs_with_rs256_too(owner: User, settings: Any) -> None:
    settings.JWKS_URL, settings.JWKS_ISSUER, settings.JWKS_AUDIENCE = "http://127.0.0.1:9/keys", "i", "a"
    keys_are(settings, named("ours", private_pem(RSA_KEY)))
    assert user_of(str(AccessToken.for_user(owner))) == owner
    assert is_outside(jwt.encode(claims_of(owner), OTHER_RSA_KEY, "RS256", headers={"kid": "theirs"}))
    assert refused(jwt.encode(claims_of(owner), OTHER_RSA_KEY, "RS256", headers={"kid": "ours"}))


SMALL_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused
EC_KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ([named("", private_pem(ED_KEY))], "no kid"),
        ([named("a", private_pem(ED_KEY)), named("a", private_pem(RSA_KEY))], "two keys have the kid a"),
        ([named("a", public_pem(RSA_KEY))], "can't sign"),
        ([named("a", private_pem(SMALL_RSA_KEY))], "1024 bits"),
        ([named("a", private_pem(EC_KEY))], "neither RSA nor Ed25519"),
        ([named("a", private_pem(ED_KEY).replace(b"M", b"A"))], "no base64"),
        (["a:not base64"], "no base64"),
        (["a"], "no base64"),
    ],
)
def test_a_key_that_is_not_fit_is_refused_at_start_and_not_shown(texts: list[str], why: str) -> None:
    with pytest.raises(UnusableKey, match=why) as refusal:
        key_pairs(texts)
    assert all(text.partition(":")[2] not in str(refusal.value) for text in texts if ":" in text)


def test_production_wants_a_strong_secret_or_a_key_pair() -> None:
    def said(**given: Any) -> str:
        env = Env(_env_file=None, filot_env="production", **given)
        return " ".join(each for each in env.problems() if "JWT" in each)

    assert "JWT_SECRET is missing" in said(jwt_secret="")
    assert said(jwt_secret="", jwt_signing_keys=named("a", private_pem(ED_KEY))) == ""
    assert "JWT_SECRET is missing or shorter" in said(jwt_secret="short")
    assert "JWT_SECRET_PREVIOUS is missing or shorter" in said(jwt_secret=SECRET, jwt_secret_previous="short")
