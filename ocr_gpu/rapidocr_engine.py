"""PP-OCR on the CPU: the engine of the base install. Its models lie in the wheel of rapidocr; nothing is fetched."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu import ppocr
from ocr_gpu.engine import Box, EngineUnavailable, OcrLine, Page, StripReading, in_reading_order, roomy
from ocr_gpu.quads import STRIP_HEIGHT, Direction, Quad, along, as_corners, common_axis, cut, length_and_height, turn_of
from ocr_gpu.sample_page import sample_page
from ocr_gpu.turns import reading_box

MODELS = "PP-OCRv6-small, ASCII head"
SIDE, SIDE_FINE = 736, 960  # pixels of the long side, as the detector sees the page
TOLD_BY = 4  # lines, the longest: whether they read better forwards or backwards
SURE = 0.93  # upright text comes back at 0.98 also from bad photographs, text on its head at 0.75 at most
NOTHING = 0  # the recogniser's class for "nothing new"
LEAST_CONFIDENCE = 0.5  # of a line: less is no writing but a pattern


class RapidOcrEngine:
    name = "rapidocr"

    def __init__(self, *, device: str = "auto", threads: int | None = None) -> None:
        if device not in ("auto", "cpu"):
            raise EngineUnavailable(f"rapidocr runs on the CPU only, not on {device}")
        self.device = "cpu"
        self.version = f"rapidocr {version('rapidocr')} {MODELS}"
        self._networks = ppocr.load_networks(threads)
        self._ascii = numpy.ones(len(self._networks.characters), dtype=bool)
        if threads is not None:
            cv2.setNumThreads(threads)

    def read(self, pages: Sequence[Page], *, fine: bool = False) -> list[list[OcrLine]]:
        return [self._read_page(page, fine) for page in pages]

    def read_strips(self, strips: Sequence[Page], alphabets: Sequence[str]) -> list[list[StripReading]]:
        allowed = [self._allowed(alphabet) for alphabet in alphabets]
        readings = []
        for strip in strips:
            chances = self._networks.read_line(_of_height(strip))
            spelled = [self._spell(chances, mask) for mask in allowed]
            readings.append([StripReading(found.text, found.chances, found.rivals) for found in spelled])
        return readings

    def _allowed(self, alphabet: str) -> NDArray[numpy.bool_]:
        return numpy.array([not name or name in alphabet for name in self._networks.characters])

    def warm_up(self) -> None:
        self._read_page(sample_page(), fine=False)

    def _read_page(self, page: Page, fine: bool) -> list[OcrLine]:
        seen = roomy(page)
        quads = self._networks.find_lines(seen, SIDE_FINE if fine else SIDE, faint=fine)
        if not quads:
            return []  # nothing that looks like writing
        direction = self._direction(seen, quads)
        lines = [self._read_line(page, seen, along(quad, direction), turn_of(direction)) for quad in quads]
        kept = (line for line in lines if line.text and line.confidence >= LEAST_CONFIDENCE)
        return in_reading_order(kept, box_of=reading_box)

    def _direction(self, page: Page, quads: Sequence[Quad]) -> Direction:
        """In which the page is to be read: by the shape of its lines, then by reading the longest both ways."""
        axis = common_axis(quads)
        if axis is None:
            return numpy.array([1.0, 0.0])
        longest = sorted((along(quad, axis) for quad in quads), key=lambda quad: -length_and_height(quad)[0])[:TOLD_BY]
        forwards = self._confidence(page, longest)
        if forwards >= SURE:
            return axis
        return axis if forwards >= self._confidence(page, [along(quad, -axis) for quad in longest]) else -axis

    def _confidence(self, page: Page, quads: Sequence[Quad]) -> float:
        chances = [chance for quad in quads for chance in self._spelled(page, quad).chances]
        return sum(chances) / len(chances) if chances else 0.0

    def _spelled(self, page: Page, quad: Quad) -> "Spelling":
        return self._spell(self._networks.read_line(cut(page, quad)), self._ascii)

    def _read_line(self, page: Page, seen: Page, quad: Quad, turn: int) -> OcrLine:
        found = self._spelled(seen, quad)
        return OcrLine(
            found.text,
            sum(found.chances) / len(found.chances) if found.chances else 0.0,
            Box.around(quad, page),
            turn,
            corners=as_corners(quad, page),
            spots=found.spots,
            chances=found.chances,
        )

    def _spell(self, chances: ppocr.Probabilities, allowed: NDArray[numpy.bool_]) -> "Spelling":
        """The likeliest text of allowed characters, with chances as if there were no others.

        A character is a run of time steps that agree on it; its chance is the best among them, as is its rival's.
        """
        kept = numpy.where(allowed, chances, 0.0)
        kept /= numpy.maximum(kept.sum(axis=1, keepdims=True), 1e-9)
        best = kept.argmax(axis=1)
        starts = numpy.flatnonzero(numpy.diff(best, prepend=-1))
        ends = numpy.append(starts[1:], len(best))
        runs = [(start, end) for start, end in zip(starts, ends, strict=True) if best[start] != NOTHING]
        peaks = [start + int(kept[start:end, best[start]].argmax()) for start, end in runs]
        return Spelling(
            "".join(self._networks.characters[best[peak]] for peak in peaks),
            tuple(float(kept[peak, best[peak]]) for peak in peaks),
            tuple(float(numpy.delete(kept[peak], [NOTHING, best[peak]]).max()) for peak in peaks),
            tuple(float(start + end) / 2 / len(best) for start, end in runs),
        )


class Spelling(NamedTuple):
    """A text with the chance, the best rival and the place (0 to 1) of each of its characters."""

    text: str
    chances: tuple[float, ...]
    rivals: tuple[float, ...]
    spots: tuple[float, ...]


def _of_height(strip: Page) -> Page:
    height, width = strip.shape[:2]
    if height == STRIP_HEIGHT:
        return strip
    wide = max(STRIP_HEIGHT // 3, round(width * STRIP_HEIGHT / height))
    return cv2.resize(strip, (wide, STRIP_HEIGHT), interpolation=cv2.INTER_AREA).astype(numpy.uint8, copy=False)
