"""Bytes of an upload to pictures, without trusting a byte of them. Decoding itself runs in the sandbox."""

import json
import re
from typing import Any, NamedTuple

import numpy

from ocr_gpu import sandbox
from ocr_gpu.engine import Page
from ocr_gpu.refusals import REFUSALS, UnreadableFile

__all__ = ["REFUSALS", "FileFacts", "UnreadableFile", "check_file", "page_png", "sniff", "upright_pages"]

SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
}
SAME_KIND = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}

# What makes a picture something else too, in the eyes of a browser, a PDF reader or an unpacker. Each is so long
# that it does not come up in two megabytes of compressed pixels by chance. Two searches, since each of them can leap to
# the next "<" or "%": one for all takes four times as long.
FOREIGN_IN_PICTURES = (
    re.compile(rb"<(?:script|html|!doctype|\?php|svg|iframe)", re.IGNORECASE),
    re.compile(rb"%pdf-", re.IGNORECASE),
)
ZIP_END = b"PK\x05\x06"
ZIP_ENTRIES = (b"PK\x01\x02", b"PK\x03\x04")
ZIP_TAIL_BYTES = 22 + 65535  # an archive is found from its end: a record of 22 bytes and a comment


class FileFacts(NamedTuple):
    """`kind` is a media type; width and height are of the first page seen upright, in pixels (PDF: points)."""

    kind: str
    width: int
    height: int
    pages: int


def sniff(data: bytes) -> str | None:
    """The kind by the very first bytes. A PDF that begins later is none: that is how polyglots are made."""
    for signature, kind in SIGNATURES.items():
        if data.startswith(signature):
            return kind
    return None


def check_file(data: bytes, *, declared: str | None, kept: bytes | None = None) -> FileFacts:
    """The check at the upload door: the kind, then whether all of it really decodes within the limits.

    `declared` is the Content-Type sent along; None leaves the comparison out. `kept` is what will be stored of it when
    that is less: what was sent is judged, and what is kept has to decode. Raises UnreadableFile.
    """
    kind = _kind(data)
    if declared is not None and _plain(declared) != kind:
        raise UnreadableFile("kind_differs")
    if _is_polyglot(data, kind):
        raise UnreadableFile("hidden_content")
    header, _ = _decode("facts", data if kept is None else kept, kind=kind)
    return FileFacts(kind, header["width"], header["height"], header["pages"])


def upright_pages(data: bytes) -> list[Page]:
    """RGB pages, height x width x 3, as a person would hold them, at most decoding.MAX_SIDE long; writable."""
    header, pixels = _decode("pages", data, kind=_kind(data))
    pages: list[Page] = []
    for height, width, channels in header["shapes"]:
        count = height * width * channels
        pages.append(numpy.frombuffer(pixels[:count], dtype=numpy.uint8).reshape(height, width, channels))
        pixels = pixels[count:]
    return pages


def page_png(data: bytes, page: int = 0, max_side: int = 1600) -> bytes:
    """One page encoded anew for people to look at: no EXIF, no trailing bytes, nothing but pixels."""
    _, encoded = _decode("png", data, kind=_kind(data), page=page, max_side=max_side)
    return bytes(encoded)


def _kind(data: bytes) -> str:
    if not data:
        raise UnreadableFile("empty_file")
    kind = sniff(data)
    if kind is None:
        raise UnreadableFile("kind_not_accepted")
    return kind


def _plain(declared: str) -> str:
    kind = declared.partition(";")[0].strip().lower()
    return SAME_KIND.get(kind, kind)


def _is_polyglot(data: bytes, kind: str) -> bool:
    """Tails of other kinds stay allowed: phones append depth maps, previews and short films to their JPEGs."""
    if ZIP_END in data[-ZIP_TAIL_BYTES:] and any(entry in data for entry in ZIP_ENTRIES):
        return True
    return kind != "application/pdf" and any(foreign.search(data) for foreign in FOREIGN_IN_PICTURES)


def _decode(function: str, data: bytes, **arguments: object) -> tuple[dict[str, Any], memoryview]:
    answer = sandbox.run(f"ocr_gpu.decoding:{function}", data, arguments)
    end = answer.index(b"\n")
    return json.loads(answer[:end]), memoryview(answer)[end + 1 :]
