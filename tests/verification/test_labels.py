from hypothesis import given
from hypothesis import strategies as st

from verification.labels import fold, folded


@given(st.text())
def test_the_quick_way_of_folding_gives_what_the_way_with_places_gives(text: str) -> None:
    assert folded(text) == fold(text)[0]


@given(st.text(alphabet=[chr(code) for code in range(128)]))
def test_so_it_does_for_what_engines_read(text: str) -> None:
    assert folded(text) == fold(text)[0]
