"""Cards for a run: each a different one, the same for the same seed."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from ocr_gpu.cores import available
from verification.specimens import encode, render

LEVELS = ("clean", "scan", "phone")  # hard ones take a second look of the engine, which flatters all that is around it
KINDS = ("ktp", "npwp", "npwp16")


@dataclass(frozen=True, slots=True)
class Card:
    """A picture on disk and what it is sent as."""

    file: Path
    type: str

    @property
    def data(self) -> bytes:
        return self.file.read_bytes()


class Cards:
    """Draws more whenever some are taken; none is ever given twice."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._wanted = _wanted(folder, seed)

    def take(self, count: int) -> list[Card]:
        """So many more, drawn by as many processes as there are cores."""
        wanted = itertools.islice(self._wanted, count)
        with ProcessPoolExecutor(available(), mp_context=get_context("spawn")) as artists:
            return list(artists.map(_drawn, wanted, chunksize=4))


def _wanted(folder: Path, seed: int) -> Iterator[tuple[Path, str, str, int]]:
    for at, (level, kind) in enumerate(itertools.cycle(itertools.product(LEVELS, KINDS))):
        yield folder / f"{seed + at}.jpg", kind, level, seed + at


def _drawn(wanted: tuple[Path, str, str, int]) -> Card:
    file, kind, level, seed = wanted
    picture, truth = render(kind, level, seed)
    file.write_bytes(encode(picture, "jpeg"))
    return Card(file, str(truth["documentType"]))
