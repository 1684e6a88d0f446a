"""The decoders. Only the sandbox calls this module: whatever happens here happens in a process that is thrown away.

Each public function takes the file's bytes and returns its answer in pieces: a line of JSON, then raw bytes.
Anything that goes wrong is an UnreadableFile; memory that runs out stays a MemoryError.
"""

import functools
import io
import json
from collections.abc import Callable
from contextlib import closing
from typing import ParamSpec

import pypdfium2
from PIL import ExifTags, Image

from ocr_gpu.refusals import UnreadableFile

MAX_PIXELS = 40_000_000
MAX_PDF_PAGES = 5
MAX_SIDE = 2600  # a card that fills the picture needs far less, a card on a scanned A4 page needs this much
PROBE_SIDE = 256  # so small are pages made when the question is only whether they can be
PDF_POINTS_PER_INCH = 72
PDF_MAX_NESTING = 8  # of drawings in drawings, when its pictures are counted
PDF_MAX_DPI = 400  # a page of a few points would otherwise be blown up to nothing but blur
PNG_COMPRESSION = 3  # a third of the time of the default for a few per cent more bytes

PDF = "application/pdf"
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG"}

# What to do with the stored picture to see it as it was taken, by the value of its EXIF orientation.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TURNS_ON_THE_SIDE = (5, 6, 7, 8)

TRANSPARENT_MODES = ("RGBA", "LA")
AVERAGED_AS = {"1": "L", "P": "RGB"}

Image.MAX_IMAGE_PIXELS = None  # ours is checked on the header, before Pillow would only warn

P = ParamSpec("P")


def refusing(decode: Callable[P, list[bytes]]) -> Callable[P, list[bytes]]:
    """Decoders raise almost anything on damaged input; the caller hears one word."""

    @functools.wraps(decode)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> list[bytes]:
        try:
            return decode(*args, **kwargs)
        except (UnreadableFile, MemoryError):
            raise
        except Exception as error:
            raise UnreadableFile("not_decodable") from error

    return guarded


@refusing
def facts(data: bytes, kind: str) -> list[bytes]:
    """Decode the whole file and answer {"width", "height", "pages"}: pixels, points for a PDF; upright."""
    if kind == PDF:
        with closing(_open_pdf(data)) as pdf:
            width, height = (max(1, round(points)) for points in pdf.get_page_size(0))
            for index in range(len(pdf)):
                _rendered(pdf, index, PROBE_SIDE)
            return [_header(width=width, height=height, pages=len(pdf))]
    if kind == "image/png":
        # A PNG cut off behind its last pixel shows a whole picture all the same: only its chunks tell.
        _open_picture(data, kind).verify()
    picture = _open_picture(data, kind)
    width, height = picture.size
    _load(picture, PROBE_SIDE)
    if _orientation(picture) in TURNS_ON_THE_SIDE:
        width, height = height, width
    return [_header(width=width, height=height, pages=1)]


@refusing
def pages(data: bytes, kind: str) -> list[bytes]:
    """Answer {"shapes": [[height, width, 3], ...]}, then the RGB bytes of each page, at most MAX_SIDE long."""
    if kind == PDF:
        with closing(_open_pdf(data)) as pdf:
            pictures = [_rendered(pdf, index, MAX_SIDE) for index in range(len(pdf))]
    else:
        pictures = [_upright(data, kind, MAX_SIDE)]
    shapes = [[picture.height, picture.width, 3] for picture in pictures]
    return [_header(shapes=shapes), *(picture.tobytes() for picture in pictures)]


@refusing
def png(data: bytes, kind: str, page: int, max_side: int) -> list[bytes]:
    """Answer {}, then one page as a PNG that holds nothing but pixels."""
    if kind == PDF:
        with closing(_open_pdf(data)) as pdf:
            if not 0 <= page < len(pdf):
                raise UnreadableFile("no_such_page")
            picture = _rendered(pdf, page, max_side)
    elif page == 0:
        picture = _upright(data, kind, max_side)
    else:
        raise UnreadableFile("no_such_page")
    picture.info.clear()  # Pillow would write the colour profile and the comments it finds here
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=PNG_COMPRESSION)
    return [_header(), out.getvalue()]


def rehearse() -> None:
    """Go each way once with pictures of our own: plugins are loaded, tables built and memory touched.

    Every child that is forked afterwards has them; else each file would pay three times what decoding it takes.
    """
    sample = Image.effect_noise((640, 400), 40)
    for kind, name in ((PDF, "PDF"), *FORMATS.items()):
        out = io.BytesIO()
        sample.convert("RGB").save(out, name)
        data = out.getvalue()
        for _ in range(2):
            facts(data, kind)
            pages(data, kind)
            png(data, kind, page=0, max_side=PROBE_SIDE)


def _header(**values: object) -> bytes:
    return json.dumps(values).encode() + b"\n"


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    share = min(1.0, side / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def _open_picture(data: bytes, kind: str) -> Image.Image:
    """Read the header only: a bomb is refused before a single pixel is decoded."""
    picture = Image.open(io.BytesIO(data), formats=[FORMATS[kind]])
    if picture.width * picture.height > MAX_PIXELS:
        raise UnreadableFile("too_many_pixels")
    return picture


def _load(picture: Image.Image, side: int) -> None:
    # A JPEG is made 2, 4 or 8 times smaller while it is decoded. Every byte is read all the same, so that a
    # file that was cut off is still found out.
    picture.draft(None, _fitted(picture.size, side))
    picture.load()


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # EXIF that can't be read says nothing about the pixels
        return 1


def _upright(data: bytes, kind: str, max_side: int) -> Image.Image:
    picture = _open_picture(data, kind)
    _load(picture, max_side)
    turn = TURNS.get(_orientation(picture))
    picture = _averageable(picture)  # the same name, so that the large original is let go before the next copy
    picture = picture.resize(_fitted(picture.size, max_side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    picture = _flattened(picture)
    return picture.transpose(turn) if turn is not None else picture


def _averageable(picture: Image.Image) -> Image.Image:
    """In a mode whose neighbouring samples can be averaged, with transparency as a channel of its own."""
    if picture.mode.startswith("I"):
        # 16 bits a sample: a plain convert() would cut everything brighter than 255 to white.
        return picture.point(lambda value: value * (1 / 256)).convert("L")
    if picture.mode in TRANSPARENT_MODES:
        return picture
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert(AVERAGED_AS[picture.mode]) if picture.mode in AVERAGED_AS else picture


def _flattened(picture: Image.Image) -> Image.Image:
    if picture.mode not in TRANSPARENT_MODES:
        return picture.convert("RGB")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return white


def _open_pdf(data: bytes) -> pypdfium2.PdfDocument:
    """Forms are never set up, so no script has anything to run in; attachments are never looked at."""
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pypdfium2.raw.FPDF_ERR_PASSWORD, pypdfium2.raw.FPDF_ERR_SECURITY):
            raise UnreadableFile("pdf_encrypted") from error
        raise
    if pypdfium2.raw.FPDF_GetSecurityHandlerRevision(pdf) != -1:
        raise UnreadableFile("pdf_encrypted")  # an empty password opens it, but it is encrypted all the same
    if len(pdf) > MAX_PDF_PAGES:
        raise UnreadableFile("too_many_pages")
    return pdf


def _rendered(pdf: pypdfium2.PdfDocument, index: int, side: int) -> Image.Image:
    page = pdf[index]
    scale = min(side / max(page.get_size()), _density(page))
    picture: Image.Image = page.render(scale=scale, may_draw_forms=False).to_pil()
    page.close()
    return picture.convert("RGB")


def _density(page: pypdfium2.PdfPage) -> float:
    """Pixels per point worth having: of a page that is nothing but pictures, no more than the sharpest one has.

    A picture over the limit is refused here: PDFium would leave it out without a word and show an empty page.
    """
    finest = PDF_MAX_DPI / PDF_POINTS_PER_INCH
    densities = [0.0]
    for item in page.get_objects(max_depth=PDF_MAX_NESTING):
        if item.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE:
            width, height = item.get_px_size()
            if width * height > MAX_PIXELS:
                raise UnreadableFile("too_many_pixels")
            left, bottom, right, top = item.get_bounds()
            if right > left and top > bottom:
                densities.append(max(width / (right - left), height / (top - bottom)))
        elif item.type != pypdfium2.raw.FPDF_PAGEOBJ_FORM:
            densities.append(finest)
    return min(finest, max(densities) or finest)
