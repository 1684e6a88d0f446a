"""What an OCR engine is, and the table of those there are. An engine is one module and one line in ENGINES."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy
from numpy.typing import ArrayLike, NDArray

Page = NDArray[numpy.uint8]  # RGB, height x width x 3, as people see it

ENGINES: dict[str, str] = {
    "rapidocr": "ocr_gpu.rapidocr_engine:RapidOcrEngine",
    "easyocr": "ocr_gpu.easyocr_engine:EasyOcrEngine",
}

MIN_SIDE = 64
MAX_ASPECT = 4  # detectors enlarge the short side to hundreds of pixels, and the long side along with it


Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


class Box(NamedTuple):
    """An upright rectangle in fractions 0..1 of the page; x, y is its top left corner."""

    x: float
    y: float
    w: float
    h: float

    @classmethod
    def around(cls, corners: ArrayLike, page: Page) -> "Box":
        """Around points given in pixels of the page, cut at its edges."""
        height, width = page.shape[:2]
        points = numpy.clip(numpy.asarray(corners, dtype=float) / (width, height), 0, 1)
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return cls(float(left), float(top), float(right - left), float(bottom - top))


@dataclass(frozen=True, slots=True)
class OcrLine:
    """A line of text. `box` lies on the page as it was given.

    `turn` says by how many degrees clockwise that page had to be turned to be read (0, 90, 180, 270), for a photograph
    taken sideways; turns.reading_box gives the box as it lies on the turned page, where rows are rows.
    `corners` are those of the writing itself, in fractions of the page as given and from the reader's top left around
    with the clock: tighter than the box where the line is askew. `spots` says for each character of the text how far
    along the line its middle stands (0 at its beginning, 1 at its end), `chances` how sure the engine was of it.
    An engine that does not know them leaves these three out.
    """

    text: str
    confidence: float
    box: Box
    turn: int = 0
    corners: Corners | None = None
    spots: tuple[float, ...] = ()
    chances: tuple[float, ...] = ()


class StripReading(NamedTuple):
    """What a picture of one line says if only the characters of an alphabet can stand there.

    `chances` is of each character of `text`; `rivals` is the best chance that any other character of the alphabet had
    in its place.
    """

    text: str
    chances: tuple[float, ...]
    rivals: tuple[float, ...]


class OcrEngine(Protocol):
    """Batch in, batch out. An engine belongs to the process that made it and to one thread at a time.

    It says progress.step() after each page, strip or batch. Its device may become unusable: see trouble_of.
    """

    name: str
    version: str  # of the package and of the model, kept with every run
    device: str  # "cpu", "cuda:0"

    def read(self, pages: Sequence[Page], *, fine: bool = False) -> list[list[OcrLine]]:
        """The lines of each page, in the order of reading: top to bottom, left to right.

        `fine` looks for smaller writing, and takes longer: for a page of which little was read.
        """

    def read_strips(self, strips: Sequence[Page], alphabets: Sequence[str]) -> list[list[StripReading]]:
        """For each picture of one upright line a reading under each alphabet, out of one run of the network."""

    def warm_up(self) -> None:
        """Load and run everything once, so that the first card does not pay for it."""


class DeviceLost(BaseException):
    """The device died under the work; `code` says how. No Exception: nobody on its way may take it for a bad page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def trouble_of(engine: OcrEngine) -> str:
    """Why the device of the engine cannot be used now, as a word; nothing when it can, or the engine cannot tell."""
    ask: Callable[[], str] | None = getattr(engine, "trouble", None)
    return ask() if ask else ""


class UnknownEngine(Exception):
    """The name is not in ENGINES."""


class EngineUnavailable(Exception):
    """The engine is known, and cannot run here; the text says why, and `code` in a word if it is for its device."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


def load_engine(name: str, *, device: str = "auto", threads: int | None = None) -> OcrEngine:
    """Import and make one engine. `device` is "auto", "cpu" or "cuda:N"; `threads` None leaves the choice to it."""
    if name not in ENGINES:
        raise UnknownEngine(f"no OCR engine is called {name!r}; there are: {', '.join(sorted(ENGINES))}")
    module, _, attribute = ENGINES[name].partition(":")
    try:
        made: OcrEngine = getattr(importlib.import_module(module), attribute)(device=device, threads=threads)
    except (ImportError, OSError) as error:  # a package, a shared library or the file of a model
        raise EngineUnavailable(f"{name} cannot be loaded here: {error}") from error
    return made


def roomy(page: Page) -> Page:
    """The page with white added to the right and below, if it is too small or too narrow for a detector.

    A strip of 1 x 2,000 pixels would otherwise be enlarged to gigabytes. Places in pixels stay what they are.
    """
    height, width = page.shape[:2]
    taller = max(height, MIN_SIDE, -(-width // MAX_ASPECT))
    wider = max(width, MIN_SIDE, -(-height // MAX_ASPECT))
    if (taller, wider) == (height, width):
        return page
    return numpy.pad(page, ((0, taller - height), (0, wider - width), (0, 0)), constant_values=255)


def in_reading_order(
    lines: Iterable[OcrLine], box_of: Callable[[OcrLine], Box] = lambda line: line.box
) -> list[OcrLine]:
    """Rows from the top, each from the left. A line whose middle is above the foot of the line before shares its row.

    It is compared with the line before and not with the first of the row, so that a slightly tilted row stays one.
    `box_of` says where a line lies on the page as it is read.
    """
    rows: list[list[tuple[Box, OcrLine]]] = []
    for placed in sorted(((box_of(line), line) for line in lines), key=lambda pair: _middle(pair[0])):
        before = rows[-1][-1][0] if rows else None
        if before and _middle(placed[0]) < before.y + before.h:
            rows[-1].append(placed)
        else:
            rows.append([placed])
    return [line for row in rows for _, line in sorted(row, key=lambda pair: pair[0].x)]


def _middle(box: Box) -> float:
    return box.y + box.h / 2
