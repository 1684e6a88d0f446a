"""What a camera writes beside the pixels, taken out of JPEG and PNG files without touching a pixel.

Place and time of the picture, the phone, its serial number and previews go; how the picture is to be turned stays,
since the pixels lie as the sensor held them. Structure: ITU-T T.81 (JPEG), the PNG specification, TIFF 6.0 (EXIF).
"""

import re
import struct
import zlib
from collections.abc import Iterator

JPEG_START, PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
EXIF_START = b"Exif\x00\x00"
ORIENTATION = 0x0112
UPRIGHT = 1
TURNS = range(2, 9)

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
COMMENT, APP1, APP15 = 0xFE, 0xE1, 0xEF
# Of the application segments these change what the pixels mean: the colour profile, Adobe's colour transform.
NEEDED_SEGMENTS = ((0xE2, b"ICC_PROFILE\x00"), (0xEE, b"Adobe"))
# In the pixels: a marker that is neither a stuffed zero, nor a restart, nor a fill byte.
MARKER_IN_PIXELS = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
DROPPED_CHUNKS = {b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"}


def without_metadata(data: bytes) -> bytes:
    """The same picture without EXIF, XMP, comments and whatever follows its end; other bytes are returned as they are.

    A file without any is returned unchanged, byte for byte. What does not parse is returned as it is: whether a file
    is a picture at all, `images.check_file` says.
    """
    try:
        if data.startswith(JPEG_START):
            return _clean_jpeg(data)
        if data.startswith(PNG_START):
            return _clean_png(data)
    except (struct.error, IndexError, ValueError):
        return data
    return data


def _clean_jpeg(data: bytes) -> bytes:
    kept, turn = [data[:2]], UPRIGHT
    for marker, segment in _segments(data):
        body = segment[4:]
        if marker == APP1 and body.startswith(EXIF_START):
            turn = _orientation(body[len(EXIF_START) :])
        needed = any(marker == code and body.startswith(start) for code, start in NEEDED_SEGMENTS)
        if needed or not (marker == COMMENT or APP1 <= marker <= APP15):
            kept.append(segment)
    if turn in TURNS:
        body = EXIF_START + _exif_with(turn)
        kept.insert(1, struct.pack(">BBH", 0xFF, APP1, len(body) + 2) + body)
    return b"".join(kept)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each marker with its segment; the last one is the pixels, from the first scan to the end of the picture."""
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("not a marker")
        marker = data[at + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if marker == SOS:
            yield marker, data[at : _end_of_picture(data, at)]
            return
        end = at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        yield marker, data[at:end]
        at = end


def _end_of_picture(data: bytes, at: int) -> int:
    """Behind the EOI of this picture. In the pixels a 0xFF is always followed by 0x00 or a restart marker, so the
    first EOI outside a segment ends it, and previews or films that phones append are not looked into."""
    at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    while True:
        found = MARKER_IN_PIXELS.search(data, at)
        if found is None:
            raise ValueError("cut off")
        at = found.start()
        if data[at + 1] == EOI:
            return at + 2
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]


def _clean_png(data: bytes) -> bytes:
    kept, at, turn = [data[: len(PNG_START)]], len(PNG_START), UPRIGHT
    name = b""
    while name != b"IEND":
        length = struct.unpack(">I", data[at : at + 4])[0]
        name, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise ValueError("cut off")
        if name == b"eXIf":
            turn = _orientation(data[at + 8 : end - 4])
        if name == b"IDAT" and turn in TURNS:
            kept.append(_chunk(b"eXIf", _exif_with(turn)))
            turn = UPRIGHT
        if name not in DROPPED_CHUNKS:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _orientation(tiff: bytes) -> int:
    """1 to 8 from the first directory of an EXIF block; upright when it says nothing that can be read."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return UPRIGHT
    try:
        start = struct.unpack(order + "I", tiff[4:8])[0]
        count = struct.unpack(order + "H", tiff[start : start + 2])[0]
        for entry in range(count):
            at = start + 2 + 12 * entry
            tag, _, _, value = struct.unpack(order + "HHIH", tiff[at : at + 10])
            if tag == ORIENTATION:
                return int(value)
    except struct.error:
        return UPRIGHT
    return UPRIGHT


def _exif_with(turn: int) -> bytes:
    """An EXIF block that says how to turn the picture, and nothing else."""
    return b"MM\x00*" + struct.pack(">IHHHIHHI", 8, 1, ORIENTATION, 3, 1, turn, 0, 0)
