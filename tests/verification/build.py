"""An engine that reads what it is told, and the lines of a card: for tests of everything around the reading."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from ocr_gpu.engine import Box, OcrLine, StripReading

KTP_LINES = [
    "PROVINSI JAWA BARAT",
    "KOTA BANDUNG",
    "NIK : 3273014107900001",
    "Nama : SITI CONTOH",
    "Tempat/Tgl Lahir : BANDUNG, 01-07-1990",
    "Jenis Kelamin : PEREMPUAN",
    "Alamat : JL CONTOH NOMOR 12",
    "RT/RW : 001/002",
    "Kel/Desa : SUKASARI",
    "Agama : ISLAM",
    "Status Perkawinan : KAWIN",
    "Berlaku Hingga : SEUMUR HIDUP",
]


def lines_of(texts: Sequence[str], confidence: float = 0.98) -> list[OcrLine]:
    """One line under the other on a page."""
    height = 1 / (len(texts) + 1)
    return [
        OcrLine(text, confidence, Box(0.05, (row + 0.2) * height, 0.02 * len(text), height * 0.6))
        for row, text in enumerate(texts)
    ]


class ScriptedEngine:
    """Loudly not an engine: gives the same lines for every page, or does what `act` does."""

    name, version = "scripted", "0"

    def __init__(
        self, texts: Sequence[str] = KTP_LINES, act: Callable[[], None] | None = None, device: str = "cpu"
    ) -> None:
        self.texts, self.act, self.device, self.reads = texts, act, device, 0

    def read(self, pages: Sequence[numpy.ndarray[Any, Any]], *, fine: bool = False) -> list[list[OcrLine]]:
        self.reads += not fine  # a finer pass is a second look
        if self.act:
            self.act()
        return [lines_of(self.texts) for _ in pages]

    def read_strips(
        self, strips: Sequence[numpy.ndarray[Any, Any]], alphabets: Sequence[str]
    ) -> list[list[StripReading]]:
        """Never asked: its lines have no corners, so no strip can be cut."""
        raise AssertionError

    def warm_up(self) -> None:
        pass
