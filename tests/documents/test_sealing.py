from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.sealing import CannotOpen, blind_index, seal, unseal


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


def test_after_a_rotation_the_new_key_seals_and_the_old_one_still_opens(settings: Any) -> None:
    old = seal(b"text", belongs_to="x")
    settings.ENCRYPTION_KEYS = {"k2": bytes(32), **settings.ENCRYPTION_KEYS}
    new = seal(b"text", belongs_to="x")
    assert new[2:4] == b"k2"
    assert unseal(old, belongs_to="x") == unseal(new, belongs_to="x") == b"text"


def test_the_blind_index_is_equal_for_equal_numbers_only_under_one_key(settings: Any) -> None:
    index = blind_index("KTP", "3171234567890001")
    assert index == blind_index("KTP", "3171234567890001")
    assert index != blind_index("KTP", "3171234567890002")
    assert index != blind_index("NPWP", "3171234567890001")
    settings.BLIND_INDEX_KEY = bytes(32)
    assert index != blind_index("KTP", "3171234567890001")
