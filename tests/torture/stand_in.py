"""Loudly not an engine: for rows with thousands of uploads, where reading would be all that the machine does."""

import hashlib
import os
import time
from collections.abc import Sequence

import structlog

from ocr_gpu import progress
from ocr_gpu.engine import OcrLine, Page, StripReading
from tests.verification.build import KTP_LINES, lines_of

log = structlog.get_logger(__name__)

NAME = "torture-stand-in"
STEPS = 10  # of one page: between two of them a worker shows that it lives

# Nothing that another document could have too: such cases need two people, and rows are about other things.
NO_NUMBER = [line for line in KTP_LINES if "NIK" not in line and "3171" not in line]
CARDS = (KTP_LINES, KTP_LINES[:5], KTP_LINES[:2], NO_NUMBER)


class StandInEngine:
    """Reads nothing. What it claims to have read depends on the pixels: a whole card, half of one, or nothing, so that
    all three outcomes occur. It takes TORTURE_READ_SECONDS a page.
    """

    name, version, device = NAME, "none", "cpu"

    def __init__(self, device: str = "cpu", threads: int | None = None) -> None:
        self.seconds = float(os.environ.get("TORTURE_READ_SECONDS", "0"))
        self.chosen = [int(number) for number in os.environ.get("TORTURE_CARD", "0,1,2").split(",")]  # of CARDS

    def warm_up(self) -> None:
        log.warning("this_worker_reads_nothing", engine=NAME)

    def read(self, pages: Sequence[Page], *, fine: bool = False) -> list[list[OcrLine]]:
        return [self._claimed(page) for page in pages]

    def _claimed(self, page: Page) -> list[OcrLine]:
        for _ in range(STEPS):
            time.sleep(self.seconds / STEPS)
            progress.step()
        drawn = hashlib.sha256(page.tobytes()).digest()[0]
        return lines_of(CARDS[self.chosen[drawn % len(self.chosen)]])

    def read_strips(self, strips: Sequence[Page], alphabets: Sequence[str]) -> list[list[StripReading]]:
        """Never asked: its lines have no corners, so no strip can be cut."""
        raise AssertionError
