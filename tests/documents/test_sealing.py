import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from documents import keys, sealing
from documents.keystore import Changed, key_store
from documents.sealing import CannotOpen, blind_index, unseal
from documents.storage import StoreUnavailable

SOMEBODY, ANOTHER = uuid.uuid4(), uuid.uuid4()


def seal(plain: bytes, *, belongs_to: str, subject: uuid.UUID = SOMEBODY) -> bytes:
    return sealing.seal(plain, subject=subject, belongs_to=belongs_to)


def sealed_before_data_keys(plain: bytes, belongs_to: str) -> bytes:
    """As it was written until there were data keys: under ENCRYPTION_KEYS itself."""
    nonce = os.urandom(12)
    return b"\x01\x02k1" + nonce + AESGCM(bytes(range(32))).encrypt(nonce, plain, belongs_to.encode())


@given(st.binary(max_size=200), st.text(max_size=40))
def test_what_is_sealed_opens_in_its_place(plain: bytes, place: str) -> None:
    assert unseal(seal(plain, belongs_to=place), belongs_to=place) == plain


def test_a_value_copied_to_another_row_does_not_open() -> None:
    sealed = seal(b"a name", belongs_to="runs.fields.1")
    with pytest.raises(CannotOpen):
        unseal(sealed, belongs_to="runs.fields.2")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_noticed(position: int, change: int) -> None:
    sealed = bytearray(seal(b"3171234567890001", belongs_to="x"))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(CannotOpen):
        unseal(bytes(sealed), belongs_to="x")


@given(st.binary(max_size=60))
def test_garbage_is_refused_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(CannotOpen):
        unseal(garbage, belongs_to="x")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_of_an_older_value_is_noticed(position: int, change: int) -> None:
    sealed = bytearray(sealed_before_data_keys(b"3171234567890001", "x"))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(CannotOpen):
        unseal(bytes(sealed), belongs_to="x")


def test_what_was_sealed_before_there_were_data_keys_still_opens(settings: Any) -> None:
    old = sealed_before_data_keys(b"text", "x")
    settings.ENCRYPTION_KEYS = {"k2": bytes(32), **settings.ENCRYPTION_KEYS}
    assert unseal(old, belongs_to="x") == b"text"


def test_a_value_says_whose_key_sealed_it_and_which_and_opens_under_no_other_name() -> None:
    sealed = seal(b"a name", belongs_to="x")
    assert sealed[1:17] == SOMEBODY.bytes
    assert int.from_bytes(sealed[17:19], "big") == 1
    seal(b"", belongs_to="x", subject=ANOTHER)
    with pytest.raises(CannotOpen):
        unseal(sealed[:1] + ANOTHER.bytes + sealed[17:], belongs_to="x")


def test_two_subjects_have_two_keys() -> None:
    one, other = seal(b"", belongs_to="x"), seal(b"", belongs_to="x", subject=ANOTHER)
    stored = [key_store().read(subject, "1") for subject in (SOMEBODY, ANOTHER)]
    assert one[1:17] != other[1:17]
    assert stored[0] and stored[1] and stored[0].data != stored[1].data


def test_the_blind_index_is_equal_for_equal_numbers_only_under_one_key(settings: Any) -> None:
    index = blind_index("KTP", "3171234567890001")
    assert index == blind_index("KTP", "3171234567890001")
    assert index != blind_index("KTP", "3171234567890002")
    assert index != blind_index("NPWP", "3171234567890001")
    settings.BLIND_INDEX_KEY = bytes(32)
    assert index != blind_index("KTP", "3171234567890001")


# Keys -----------------------------------------------------------------------------------------------------------------


def in_a_new_process() -> None:
    keys.forget_kept()


def test_many_processes_at_once_agree_on_a_subjects_first_key() -> None:
    subject = uuid.uuid4()

    def seal_as_another_process(number: int) -> bytes:
        keys.forget_kept(subject)
        return seal(b"%d" % number, belongs_to="x", subject=subject)

    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(seal_as_another_process, range(16)))
    in_a_new_process()
    assert [unseal(value, belongs_to="x") for value in sealed] == [b"%d" % number for number in range(16)]


def test_a_destroyed_key_opens_nothing_and_no_other_is_made() -> None:
    subject = uuid.uuid4()
    sealed = seal(b"text", belongs_to="x", subject=subject)
    keys.destroy(subject)
    keys.destroy(subject)
    with pytest.raises(keys.SubjectErased):
        unseal(sealed, belongs_to="x")
    with pytest.raises(keys.SubjectErased):
        seal(b"text", belongs_to="x", subject=subject)


def test_a_death_after_the_tombstone_is_made_good_by_repeating(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, store = uuid.uuid4(), key_store()
    seal(b"text", belongs_to="x", subject=subject)
    with monkeypatch.context() as dying:
        dying.setattr(type(store), "destroy", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            keys.destroy(subject)
    with pytest.raises(keys.SubjectErased):
        seal(b"more", belongs_to="x", subject=subject) if keys.forget_kept() is None else None
    keys.destroy(subject)
    assert store.names(subject) == ["erased"]


def test_a_key_made_while_its_subject_is_erased_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, store = uuid.uuid4(), key_store()
    made = type(store).create

    def erased_just_before(self: Any, whose: uuid.UUID, name: str, data: bytes) -> None:
        if name == "1":
            made(self, whose, "erased", b"{}")
        made(self, whose, name, data)

    monkeypatch.setattr(type(store), "create", erased_just_before)
    with pytest.raises(keys.SubjectErased):
        seal(b"text", belongs_to="x", subject=subject)
    assert store.names(subject) == ["erased"]


def test_a_key_that_is_lost_is_not_taken_for_an_erasure() -> None:
    subject = uuid.uuid4()
    sealed = seal(b"text", belongs_to="x", subject=subject)
    keys.destroy_version(subject, 1)
    with pytest.raises(CannotOpen, match="is this the key store that made it") as error:
        unseal(sealed, belongs_to="x")
    assert not isinstance(error.value, keys.SubjectErased)


def test_a_process_keeps_a_bounded_number_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "KEPT", 5)
    for _ in range(9):
        seal(b"", belongs_to="x", subject=uuid.uuid4())
    assert len(keys._opened) == len(keys._current) == 5


def test_keys_are_read_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(b"text", belongs_to="x")
    monkeypatch.setattr(type(key_store()), "read", lambda *args: 1 / 0)
    monkeypatch.setattr(type(key_store()), "names", lambda *args: 1 / 0)
    assert unseal(seal(b"text", belongs_to="x"), belongs_to="x") == unseal(sealed, belongs_to="x") == b"text"


def test_a_master_key_is_changed_without_sealing_anything_anew(settings: Any) -> None:
    sealed = seal(b"text", belongs_to="x")
    settings.ENCRYPTION_KEYS = {"k2": bytes(32), **settings.ENCRYPTION_KEYS}
    in_a_new_process()
    assert unseal(sealed, belongs_to="x") == b"text"
    assert keys.rewrap(SOMEBODY) == 1
    assert keys.rewrap(SOMEBODY) == 0
    settings.ENCRYPTION_KEYS = {"k2": bytes(32)}
    in_a_new_process()
    assert unseal(sealed, belongs_to="x") == b"text"
    settings.ENCRYPTION_KEYS = {"k3": bytes(32)}
    in_a_new_process()
    with pytest.raises(CannotOpen, match="not in ENCRYPTION_KEYS"):
        unseal(sealed, belongs_to="x")
    key_store().destroy(SOMEBODY, "1")
    in_a_new_process()


def test_a_key_destroyed_while_it_is_wrapped_anew_does_not_come_back(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, store = uuid.uuid4(), key_store()
    seal(b"text", belongs_to="x", subject=subject)
    settings.ENCRYPTION_KEYS = {"k2": bytes(32), **settings.ENCRYPTION_KEYS}
    replace = type(store).replace

    def destroyed_just_before(self: Any, whose: uuid.UUID, name: str, data: bytes, tag: str) -> None:
        keys.destroy(whose)
        replace(self, whose, name, data, tag)

    monkeypatch.setattr(type(store), "replace", destroyed_just_before)
    assert keys.rewrap(subject) == 0
    assert store.names(subject) == ["erased"]


def test_a_wrapped_key_copied_to_another_subject_does_not_open() -> None:
    victim, thief, store = uuid.uuid4(), uuid.uuid4(), key_store()
    seal(b"text", belongs_to="x", subject=victim)
    stored = store.read(victim, "1")
    assert stored
    store.create(thief, "1", stored.data)
    with pytest.raises(CannotOpen):
        keys.opened(thief, 1)


@pytest.fixture(params=["folder", "bucket"])
def any_store(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Any:
    settings.KEY_STORE = {"root": tmp_path}
    if request.param == "bucket":
        settings.KEY_STORE = {
            "bucket": os.environ["FILOT_TEST_S3_BUCKET"],
            "endpoint_url": os.environ["FILOT_TEST_S3_ENDPOINT"],
            "aws_access_key_id": os.environ["FILOT_TEST_S3_ACCESS_KEY"],
            "aws_secret_access_key": os.environ["FILOT_TEST_S3_SECRET_KEY"],
            "region_name": "auto",
        }
    return key_store()


def test_both_stores_write_under_conditions_and_forget(any_store: Any) -> None:
    subject = uuid.uuid4()
    assert any_store.names(subject) == []
    assert any_store.read(subject, "1") is None
    any_store.create(subject, "1", b"one")
    with pytest.raises(Changed):
        any_store.create(subject, "1", b"another")
    stored = any_store.read(subject, "1")
    assert stored.data == b"one"
    any_store.replace(subject, "1", b"two", stored.tag)
    with pytest.raises(Changed):
        any_store.replace(subject, "1", b"three", stored.tag)
    assert any_store.read(subject, "1").data == b"two"
    assert subject in set(any_store.subjects())
    any_store.destroy(subject, "1")
    any_store.destroy(subject, "1")
    with pytest.raises(Changed):
        any_store.replace(subject, "1", b"three", stored.tag)
    assert any_store.names(subject) == []


def test_a_value_is_sealed_and_opened_with_keys_in_either_store(any_store: Any) -> None:
    subject = uuid.uuid4()
    sealed = seal(b"text", belongs_to="x", subject=subject)
    in_a_new_process()
    assert unseal(sealed, belongs_to="x") == b"text"


def test_keys_in_a_folder_are_for_their_owner_only(settings: Any, tmp_path: Path) -> None:
    settings.KEY_STORE = {"root": tmp_path / "keys"}
    subject = uuid.uuid4()
    seal(b"text", belongs_to="x", subject=subject)
    paths = [tmp_path / "keys", tmp_path / "keys" / str(subject), tmp_path / "keys" / str(subject) / "1"]
    assert [path.stat().st_mode & 0o077 for path in paths] == [0, 0, 0]


@pytest.mark.parametrize("store", [{"root": "/dev/null/keys"}, {"bucket": "kyc", "endpoint_url": "http://127.0.0.1:9"}])
def test_a_key_store_that_is_away_is_a_store_that_is_unavailable(settings: Any, store: dict[str, Any]) -> None:
    settings.KEY_STORE = (
        {**store, "aws_access_key_id": "a", "aws_secret_access_key": "b"} if "bucket" in store else store
    )
    with pytest.raises(StoreUnavailable):
        seal(b"text", belongs_to="x", subject=uuid.uuid4())
