"""RapidOCR on onnxruntime: the engine of the base install. Its models lie in its wheel; nothing is fetched."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy
from rapidocr import RapidOCR
from rapidocr.utils.output import RapidOCROutput

from ocr_gpu.engine import Box, EngineUnavailable, OcrLine, Page, in_reading_order, roomy
from ocr_gpu.sample_page import sample_page
from ocr_gpu.turns import read_in_best_turn

MODELS = "PP-OCRv6-small"  # detector and recogniser in rapidocr/models
SURE = 0.88  # upright text comes back at 0.98 also from bad photographs, text on its head at 0.75 at most


class RapidOcrEngine:
    name = "rapidocr"

    def __init__(self, *, device: str = "auto", threads: int | None = None) -> None:
        if device not in ("auto", "cpu"):
            raise EngineUnavailable(f"rapidocr runs on the CPU only, not on {device}")
        self.device = "cpu"
        self.version = f"rapidocr {version('rapidocr')} {MODELS}"
        params: dict[str, Any] = {
            "Global.log_level": "error",
            # It would turn single lines that stand on their head, so that a page upside down reads well and its
            # order is wrong. Whole pages are turned instead.
            "Global.use_cls": False,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        if threads is not None:
            params["EngineConfig.onnxruntime.intra_op_num_threads"] = threads
        self._model = RapidOCR(params=params)

    def read(self, pages: Sequence[Page]) -> list[list[OcrLine]]:
        return [read_in_best_turn(page, self._read_as_it_is, sure=SURE) for page in pages]

    def warm_up(self) -> None:
        self._read_as_it_is(sample_page())

    def _read_as_it_is(self, page: Page) -> list[OcrLine]:
        bgr = numpy.ascontiguousarray(roomy(page)[:, :, ::-1])  # OpenCV's order of colours
        found = self._model(bgr)
        if not isinstance(found, RapidOCROutput) or found.boxes is None or not found.txts or not found.scores:
            return []  # nothing that looks like writing
        lines = [
            OcrLine(text, float(score), Box.around(corners, page))
            for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
        ]
        return in_reading_order(lines)
