"""Poisoned files: sound pictures at the door, which do to a worker's decoder what no file that we know does.

They are told by their width. What happens then is real: a real child of the sandbox dies, or runs into its limits.
"""

import io
import os
from collections.abc import Callable
from typing import NamedTuple

from PIL import Image

from ocr_gpu import images, sandbox
from ocr_gpu.engine import Page

HEIGHT = 333
WIDTH_AT = slice(16, 20)  # of a PNG
TAKEN_ALONG = 72  # exit code


class Poison(NamedTuple):
    width: int
    function: str
    reason: str  # with which a person gets it


BURNING = sandbox.Limits(cpu_seconds=1, wall_seconds=5)
POISONS = {
    "killed": Poison(701, "tests.ocr_gpu.misbehaviour:die", "decoder_crashed"),
    "memory": Poison(702, "tests.ocr_gpu.misbehaviour:eat_memory", "decoder_out_of_memory"),
    "time": Poison(703, "tests.ocr_gpu.misbehaviour:burn", "decoder_timed_out"),
    "bug": Poison(704, "tests.ocr_gpu.misbehaviour:raise_a_bug", "decoder_crashed"),
    "worker": Poison(705, "", "attempts_spent"),
}


def poison(name: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (POISONS[name].width, HEIGHT), (255, 0, 255)).save(out, "PNG")
    return out.getvalue()


def install() -> None:
    """Before anything else imports `upright_pages`."""
    images.upright_pages = _poisoned(images.upright_pages)


def _poisoned(decode: Callable[[bytes], list[Page]]) -> Callable[[bytes], list[Page]]:
    functions = {poison.width: poison.function for poison in POISONS.values()}

    def decoded(data: bytes) -> list[Page]:
        width = int.from_bytes(data[WIDTH_AT]) if data.startswith(b"\x89PNG") else 0
        if width not in functions:
            return decode(data)
        if not functions[width]:
            os._exit(TAKEN_ALONG)
        sandbox.run(functions[width], data, {}, BURNING)
        raise AssertionError("a poisoned file was decoded")

    return decoded
