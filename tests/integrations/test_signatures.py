import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.signatures import SecretMissing, SignatureInvalid, SignatureMissing, check_signature, sign

BODY = b'{"decision":"approved"}'
SECRET, OLDER = "a-signature-secret", "an-older-signature-secret"
NOW = 1_790_000_000.0


def check(
    signature: str | None,
    timestamp: str | None = None,
    *,
    body: bytes = BODY,
    secrets: tuple[str, ...] = (SECRET, OLDER),
    require_timestamp: bool = False,
) -> None:
    check_signature(
        body=body,
        signature=signature,
        timestamp=timestamp,
        secrets=secrets,
        require_timestamp=require_timestamp,
        now=NOW,
    )


def at(seconds: float) -> str:
    return str(int(NOW + seconds))


def test_a_signature_is_hex_hmac_sha256_over_the_raw_body() -> None:
    assert sign(BODY, SECRET) == hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("prefix", ["", "sha256="])
@pytest.mark.parametrize("secret", [SECRET, OLDER])
def test_both_secrets_are_good_with_and_without_the_prefix(prefix: str, secret: str) -> None:
    check(prefix + sign(BODY, secret))


@pytest.mark.parametrize("seconds", [-300, -1, 0, 300])
def test_a_timestamp_within_the_window_is_part_of_the_signed_text(seconds: int) -> None:
    check(sign(BODY, SECRET, at(seconds)), at(seconds), require_timestamp=True)


def test_a_timestamp_in_milliseconds_is_understood() -> None:
    stamp = f"{int(NOW)}123"
    check(sign(BODY, SECRET, stamp), stamp)


def wire(seconds: float, form: str = "%Y-%m-%dT%H:%M:%S.000Z") -> str:
    return datetime.fromtimestamp(NOW + seconds, UTC).strftime(form)


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S.123Z", "%Y-%m-%dT%H:%M:%SZ"])
def test_a_timestamp_as_times_are_on_the_wire_is_understood(form: str) -> None:
    check(sign(BODY, SECRET, wire(-200, form)), wire(-200, form), require_timestamp=True)


@pytest.mark.parametrize(
    "stamp", [wire(-301), wire(302), "2026-13-45T00:00:00Z", wire(0)[:-1], wire(0) + " ", wire(0, "%Y-%m-%d")]
)
def test_a_time_that_is_none_or_is_past_is_invalid(stamp: str) -> None:
    with pytest.raises(SignatureInvalid):
        check(sign(BODY, SECRET, stamp), stamp)


@pytest.mark.parametrize("seconds", [-301, 301, -86_400])
def test_a_timestamp_outside_the_window_is_invalid(seconds: int) -> None:
    with pytest.raises(SignatureInvalid):
        check(sign(BODY, SECRET, at(seconds)), at(seconds))


def test_a_required_timestamp_may_not_be_left_out() -> None:
    with pytest.raises(SignatureInvalid):
        check(sign(BODY, SECRET), require_timestamp=True)


def test_a_timestamp_can_be_neither_added_nor_taken_away() -> None:
    with pytest.raises(SignatureInvalid):
        check(sign(BODY, SECRET), at(0))
    with pytest.raises(SignatureInvalid):
        check(sign(BODY, SECRET, at(0)))


def test_another_body_is_invalid() -> None:
    with pytest.raises(SignatureInvalid):
        check(sign(BODY, SECRET), body=BODY + b" ")


@pytest.mark.parametrize("signature", [None, ""])
def test_no_signature_is_missing(signature: str | None) -> None:
    with pytest.raises(SignatureMissing):
        check(signature)


@pytest.mark.parametrize("secrets", [(), ("",)])
def test_without_a_secret_nothing_is_let_in(secrets: tuple[str, ...]) -> None:
    with pytest.raises(SecretMissing):
        check(sign(BODY, ""), secrets=secrets)


def test_an_empty_secret_beside_a_real_one_is_no_key() -> None:
    with pytest.raises(SignatureInvalid):
        check(sign(BODY, ""), secrets=(SECRET, ""))


GOOD = sign(BODY, SECRET)
MUTATED = st.one_of(
    st.text(min_size=1),
    st.builds(lambda place, letter: GOOD[:place] + letter + GOOD[place + 1 :], st.integers(0, 63), st.characters()),
    st.builds(lambda extra, front: extra + GOOD if front else GOOD + extra, st.text(min_size=1), st.booleans()),
    st.sampled_from([GOOD.upper(), "SHA256=" + GOOD, "sha256= " + GOOD, GOOD + "\n", GOOD[:-1], "sha256=" * 2 + GOOD]),
)


@settings(max_examples=400, deadline=None)
@given(header=MUTATED)
def test_a_mutated_signature_is_invalid_and_nothing_else(header: str) -> None:
    if header.removeprefix("sha256=") == GOOD:
        return
    with pytest.raises(SignatureInvalid):
        check(header)


@settings(max_examples=200, deadline=None)
@given(stamp=st.one_of(st.text(), st.from_regex(r"[+-]?[0-9_ ]{1,30}\.?[0-9]*"), st.just("９" * 10)))
def test_a_mutated_timestamp_is_invalid_and_nothing_else(stamp: str) -> None:
    with pytest.raises(SignatureInvalid):
        check(GOOD, stamp)
