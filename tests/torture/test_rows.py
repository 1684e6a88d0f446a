"""The short form of every row of `make torture` that has one, in one house."""

import os
import random
from collections.abc import Iterator

import pytest

from filot.embedded.throwaway import new_folder
from tests.torture.__main__ import known_rows
from tests.torture.house import House
from tests.torture.rows import carry_out

SCALE = 0.02
ROWS = known_rows()

pytestmark = pytest.mark.xdist_group("torture")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    names = ("TEMPORAL_ADDRESS", "FILOT_TEST_S3_ENDPOINT", "FILOT_TEST_S3_ACCESS_KEY", "FILOT_TEST_S3_SECRET_KEY")
    with House(new_folder(), {name: os.environ[name] for name in names}) as standing:
        yield standing


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if not row.no_short_form])
def test_the_row_passes_in_its_short_form(house: House, name: str) -> None:
    seed = random.randrange(1_000_000)
    result = carry_out(ROWS[name], house, seed=seed, scale=SCALE, timed=False)
    assert result.faults == [], f"seed {seed}: {result.figures}"
