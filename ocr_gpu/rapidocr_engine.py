"""PP-OCR on the CPU: the engine of the base install. Its models lie in the wheel of rapidocr; nothing is fetched."""

from collections.abc import Sequence
from importlib.metadata import version

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu import cores, ppocr, progress
from ocr_gpu.engine import EngineUnavailable, OcrLine, Page, StripReading, roomy
from ocr_gpu.lines import Spelling, Strip, read_lines, spell
from ocr_gpu.quads import STRIP_HEIGHT, cut, of_height
from ocr_gpu.sample_page import sample_page

MODELS = "PP-OCRv6-small, ASCII head"
SIDE, SIDE_FINE = 736, 960  # pixels of the long side, as the detector sees the page
SURE = 0.93  # upright text comes back at 0.98 also from bad photographs, text on its head at 0.75 at most
LEAST_CONFIDENCE = 0.5  # of a line: less is no writing but a pattern


class RapidOcrEngine:
    name = "rapidocr"

    def __init__(self, *, device: str = "auto", threads: int | None = None) -> None:
        if device not in ("auto", "cpu"):
            raise EngineUnavailable(f"rapidocr runs on the CPU only, not on {device}")
        self.device = "cpu"
        self.version = f"rapidocr {version('rapidocr')} {MODELS}"
        threads = threads or cores.available()  # left to itself onnxruntime takes what the machine has
        self._networks = ppocr.load_networks(threads)
        self._ascii = self._classes("".join(self._networks.characters))
        cv2.setNumThreads(threads)

    def read(self, pages: Sequence[Page], *, fine: bool = False) -> list[list[OcrLine]]:
        side = SIDE_FINE if fine else SIDE
        seen = [roomy(page) for page in pages]
        found = []
        for page in seen:
            found.append(self._networks.find_lines(page, side, faint=fine))
            progress.step()
        return read_lines(pages, found, self._recognise, sure=SURE, least=LEAST_CONFIDENCE)

    def read_strips(self, strips: Sequence[Page], alphabets: Sequence[str]) -> list[list[StripReading]]:
        allowed = [self._classes(alphabet) for alphabet in alphabets]
        readings = []
        for strip in strips:
            steps = self._networks.read_line(of_height(strip, STRIP_HEIGHT))
            progress.step()
            spelled = [spell(steps, self._networks.characters, classes) for classes in allowed]
            readings.append([StripReading(found.text, found.chances, found.rivals) for found in spelled])
        return readings

    def warm_up(self) -> None:
        self.read([sample_page()])

    def trouble(self) -> str:
        return ""  # a CPU has none of its own

    def _classes(self, alphabet: str) -> NDArray[numpy.bool_]:
        return numpy.array([not name or name in alphabet for name in self._networks.characters])

    def _recognise(self, strips: Sequence[Strip]) -> list[Spelling]:
        """One by one: filled up to one width, a batch of them takes longer."""
        spelled = []
        for strip in strips:
            steps = self._networks.read_line(cut(strip.page, strip.quad))
            spelled.append(spell(steps, self._networks.characters, self._ascii))
            progress.step()
        return spelled
