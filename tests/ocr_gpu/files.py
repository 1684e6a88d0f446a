"""Files for the tests, made in the open: pictures by Pillow, PDFs and bombs by hand."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy
from PIL import Image, ImageDraw, ImageFont

from ocr_gpu.engine import Page

INVENTED_CARD = (
    "PROVINSI CONTOH",
    "NIK : 9901014501900001",
    "NAMA : SITI SPECIMEN LESTARI",
    "ALAMAT : JALAN MELATI NOMOR 12",
    "PEKERJAAN : KARYAWAN SWASTA",
    "BERLAKU HINGGA : SEUMUR HIDUP",
)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def half_and_half(size: tuple[int, int] = (120, 80)) -> Image.Image:
    """Red on the left, blue on the right, and a green corner at the top left: every turn looks different."""
    picture = Image.new("RGB", size, (200, 0, 0))
    picture.paste((0, 0, 200), (size[0] // 2, 0, *size))
    picture.paste((0, 200, 0), (0, 0, size[0] // 4, size[1] // 4))
    return picture


def card(size: tuple[int, int] = (800, 504), rows: Sequence[str] = INVENTED_CARD) -> Image.Image:
    picture = Image.new("RGB", size, (190, 215, 235))
    draw = ImageDraw.Draw(picture)
    step = size[1] / (len(rows) + 1)
    for row, text in enumerate(rows):
        place = (size[0] * 0.05, step * (row + 0.5))
        draw.text(place, text, fill="black", font=ImageFont.load_default(step * 0.45))
    return picture


def page_of(picture: Image.Image) -> Page:
    return numpy.asarray(picture.convert("RGB"))


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def one_bit_bomb(side: int = 20_000) -> bytes:
    """A flawless PNG of side x side black pixels in a few kilobytes."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    row = bytes(1 + -(-side // 8))
    rows = zlib.compressobj(9)
    body = b"".join([rows.compress(row * 100) for _ in range(side // 100)]) + rows.flush()
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def pdf_of(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of objects numbered from 1, of which the first is the catalogue."""
    out = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return out + b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, start)


def blank_pdf(pages: int = 1, catalogue: bytes = b"", trailer: bytes = b"", size: bytes = b"0 0 243 153") -> bytes:
    kids = b" ".join(b"%d 0 R" % (3 + page) for page in range(pages))
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalogue,
            b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, kids),
            *[b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] >>" % size] * pages,
        ],
        trailer,
    )


def encrypted_pdf() -> bytes:
    """Marked as encrypted for a password that nobody has: the keys in it fit nothing."""
    keys = b"/O <%s> /U <%s>" % (b"11" * 32, b"22" * 32)
    encryption = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -44 %s >> /ID [<00> <00>]" % keys
    return blank_pdf(trailer=encryption)


def pdf_with_picture(side: int) -> bytes:
    """One page that shows a grey picture of side x side pixels, which lie in it as a few kilobytes."""
    squeezed = zlib.compressobj(9)
    rows = b"".join([squeezed.compress(bytes(side)) for _ in range(side)]) + squeezed.flush()
    picture = (
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
        b" /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (side, side, len(rows), rows)
    )
    drawing = b"243 0 0 153 0 0 cm /Card Do"
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 243 153] /Contents 4 0 R"
            b" /Resources << /XObject << /Card 5 0 R >> >> >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
            picture,
        ]
    )


def pdf_that_never_ends(levels: int = 12, copies: int = 20) -> bytes:
    """Each drawing in it draws the next one twenty times: a kilobyte asks for 20 to the 12th strokes."""
    forms = []
    for level in range(levels):
        body = b"/F Do " * copies if level < levels - 1 else b"0 0 9 9 re f"
        inside = b"/Resources << /XObject << /F %d 0 R >> >>" % (6 + level) if level < levels - 1 else b""
        forms.append(
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 99 99] %s /Length %d >>\nstream\n%s\nendstream"
            % (inside, len(body), body)
        )
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 243 153] /Contents 4 0 R"
            b" /Resources << /XObject << /F 5 0 R >> >> >>",
            b"<< /Length 5 >>\nstream\n/F Do\nendstream",
            *forms,
        ]
    )
