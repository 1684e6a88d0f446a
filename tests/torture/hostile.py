"""Files that no honest client sends: damaged ones without end, and bombs."""

import io
import random
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.ocr_gpu import files
from tests.torture.driver import File
from tests.torture.pictures import small_card

DECLARED = ("image/jpeg", "image/png", "application/pdf")
STRANGE = ("image/gif", "text/html", "", "image/jpeg; charset=\xff", "application/pdf\x00", "IMAGE/JPEG", "a" * 300)
TYPES = ("KTP", "NPWP")
MARKS = (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\xff\xd8\xff\xd9", b"stream\n", b"IDAT", b"\x7f\xff\xff\xff")


def bases() -> list[File]:
    """Sound files of every kind, from which damaged ones are made."""
    chance = random.Random(0)
    card = files.card((400, 252))
    jpeg = small_card("base", chance)
    return [
        File(jpeg, "image/jpeg"),
        File(files.encoded(card, "JPEG", progressive=True, quality=60), "image/jpeg"),
        File(files.encoded(card.convert("L"), "JPEG", optimize=True), "image/jpeg"),
        File(files.encoded(card, "JPEG", exif=_turned()), "image/jpeg"),
        File(files.encoded(card, "PNG"), "image/png"),
        File(files.encoded(card.convert("P"), "PNG"), "image/png"),
        File(files.encoded(card.convert("RGBA"), "PNG"), "image/png"),
        File(files.encoded(card, "PDF"), "application/pdf"),
        File(files.blank_pdf(pages=3), "application/pdf"),
        File(files.pdf_with_picture(64), "application/pdf"),
    ]


def damaged(base: File, chance: random.Random) -> File:
    """The file with up to a dozen wounds, and now and then with a lie about its kind."""
    data = bytearray(base.data)
    for _ in range(chance.randint(1, 12)):
        place = chance.randrange(len(data)) if chance.random() < 0.7 else chance.randrange(min(64, len(data)))
        match chance.randrange(7):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                del data[place : place + chance.randint(1, 400)]
            case 2:
                data[place:place] = chance.randbytes(chance.randint(1, 60))
            case 3:
                data[place : place + 4] = chance.choice(MARKS)
            case 4:
                data[place:place] = data[place : place + chance.randint(1, 2000)] * chance.randint(1, 4)
            case 5:
                del data[place:]
            case _:
                data[place] ^= 1 << chance.randrange(8)
        if len(data) < 12:
            break
    declared = base.content_type
    if chance.random() < 0.08:
        declared = chance.choice(DECLARED + STRANGE)
    return File(bytes(data), declared.replace("\x00", "").encode("latin-1", "ignore").decode("latin-1"), _type(chance))


def _type(chance: random.Random) -> str:
    return (
        chance.choice(TYPES) if chance.random() < 0.97 else chance.choice(("", "ktp", "KTP\r\nX: 1", "PASSPORT", "%00"))
    )


def _small_jpeg() -> bytes:
    return files.encoded(files.card((60, 40)), "JPEG")


def _huge_jpeg() -> bytes:
    header = _small_jpeg()
    size_at = header.index(b"\xff\xc0") + 5
    return header[:size_at] + struct.pack(">HH", 65_500, 65_500) + header[size_at + 4 :]


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _zeros(count: int) -> bytes:
    squeezed = zlib.compressobj(9)
    chunk = bytes(1 << 20)
    return b"".join([squeezed.compress(chunk) for _ in range(count >> 20)]) + squeezed.flush()


def _with_chunk(name: bytes, body: bytes) -> bytes:
    """A small PNG with something between its header and its pixels; `name` empty: whole chunks."""
    png = files.encoded(files.card((60, 40)), "PNG")
    after_header = 8 + 25
    return png[:after_header] + (files.png_chunk(name, body) if name else body) + png[after_header:]


def _deep_png(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    squeezed = zlib.compressobj(9)
    row = bytes(1 + side * 8)
    body = b"".join([squeezed.compress(row) for _ in range(side)]) + squeezed.flush()
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(files.png_chunk(name, part) for name, part in chunks)


def _many_scans() -> bytes:
    """A progressive JPEG whose last scan comes again and again: each is a pass over the whole picture."""
    data = files.encoded(Image.new("RGB", (2500, 2500), (10, 200, 10)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * min(10_000, 1_500_000 // max(1, len(data) - 2 - last)) + data[-2:]


def _loop_pdf() -> bytes:
    kids = b"<< /Type /Pages /Count 5 /Kids [2 0 R 2 0 R 2 0 R] >>"
    return files.pdf_of([b"<< /Type /Catalog /Pages 2 0 R >>", kids])


def broken_requests(boundary: str) -> list[tuple[str, bytes]]:
    """Bodies that are no proper form at all: (content type, body)."""
    form = f"multipart/form-data; boundary={boundary}"
    out = io.BytesIO()
    out.write(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode())
    half = out.getvalue()
    return [
        (form, b""),
        (form, half),
        (form, half + b"\xff\xd8\xff"),
        ("multipart/form-data", half),
        ("multipart/form-data; boundary=", half),
        (f"multipart/form-data; boundary={'x' * 400}", half),
        ("application/json", b"{" * 10_000),
        ("application/x-www-form-urlencoded", b"type=KTP&file=" + b"%ff" * 1000),
        (form, (f'--{boundary}\r\nContent-Disposition: form-data; name="type"\r\n\r\nKTP\r\n' * 3000).encode()),
        (form, b"--" + boundary.encode() + b"\r\nContent-Transfer-Encoding: base64\r\n" + half),
    ]


BOMBS: dict[str, Callable[[], File]] = {
    # Small files that ask for much memory or time, or for what nobody has.
    "20,000 x 20,000 black pixels": lambda: File(files.one_bit_bomb(), "image/png"),
    "6,300 x 6,300 black pixels": lambda: File(files.one_bit_bomb(6300), "image/png"),
    "16 bits, 4 channels, 6,300 x 6,300": lambda: File(_deep_png(6300), "image/png"),
    "a text of 1 GB in a PNG": lambda: File(_with_chunk(b"zTXt", b"k\0\0" + _zeros(1 << 30)), "image/png"),
    "a colour profile of 500 MB": lambda: File(_with_chunk(b"iCCP", b"p\0\0" + _zeros(500 << 20)), "image/png"),
    "60,000 empty chunks": lambda: File(
        _with_chunk(b"", b"".join([files.png_chunk(b"teSt", b"")] * 60_000)), "image/png"
    ),
    "a JPEG that says 65,500 x 65,500": lambda: File(_huge_jpeg(), "image/jpeg"),
    "a JPEG of ten thousand scans": lambda: File(_many_scans(), "image/jpeg"),
    "a PDF with a picture of 8,000 x 8,000": lambda: File(files.pdf_with_picture(8000), "application/pdf"),
    "a PDF that never ends": lambda: File(files.pdf_that_never_ends(), "application/pdf"),
    "a PDF of six pages": lambda: File(files.blank_pdf(pages=6), "application/pdf"),
    "a PDF with a password": lambda: File(files.encrypted_pdf(), "application/pdf"),
    "a PDF page of 10,000,000 points": lambda: File(files.blank_pdf(size=b"0 0 10000000 10000000"), "application/pdf"),
    "a PDF whose pages are their own kids": lambda: File(_loop_pdf(), "application/pdf"),
    "two megabytes of zeros": lambda: File(bytes(2_000_000), "image/jpeg"),
    "over two megabytes": lambda: File(_small_jpeg() + bytes(2_200_000), "image/jpeg"),
    "nothing": lambda: File(b"", "image/jpeg"),
    "three bytes": lambda: File(b"\xff\xd8\xff", "image/jpeg"),
    "a web page": lambda: File(b"<html><script>alert(1)</script></html>", "image/png"),
}
