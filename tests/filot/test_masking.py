from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filot import masking
from filot.masking import GONE, Mask


def thoroughly(text: str) -> str:
    """All the rules, one after the other."""
    for pattern, replacement in masking._TEXT_RULES:
        text = pattern.sub(replacement, text)
    return masking._NUMBERS.sub(masking._mask_number, text)


@given(
    st.one_of(
        st.from_regex(masking._PLAIN, fullmatch=True),
        st.text(alphabet="abkniwp_.AEYJ0123456789-:T"),
        st.text(),
    )
)
def test_what_is_passed_over_as_plain_has_nothing_that_a_rule_would_find(text: str) -> None:
    assert Mask([]).text(text) == thoroughly(text)


@pytest.mark.parametrize("secret", ["a_secret_of_small_letters", "SECRETOFCAPITALS", str(uuid4())])
def test_a_secret_that_looks_like_a_plain_word_is_masked_all_the_same(secret: str) -> None:
    assert Mask([secret]).text(secret) == GONE
