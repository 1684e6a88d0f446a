"""Pages as pictures for people. What is decoded here was encoded here or by the sandbox: never a file from outside."""

import io

import cv2
from PIL import Image

from ocr_gpu.engine import Page

MAX_SIDE = 1600  # pixels; a card that fills it is read with ease, and it weighs a fraction of the original
QUALITY = 85
PNG_COMPRESSION = 1  # of a photograph more takes up to four times as long and makes nothing smaller

TURNS = {
    90: Image.Transpose.ROTATE_270,  # Pillow turns against the clock
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


class NotEncodable(Exception):
    """The page has no pixels, or the encoder refused it."""


def page_jpeg(page: Page) -> bytes:
    """The page as a JPEG of at most MAX_SIDE pixels a side, nothing but pixels in it. Raises NotEncodable."""
    try:
        return _encoded(_fitted(page))
    except cv2.error as error:
        raise NotEncodable(str(error)) from error


def as_png(picture: bytes, turn: int = 0) -> bytes:
    """A JPEG or PNG of ours as PNG, turned clockwise by 0, 90, 180 or 270 degrees."""
    with Image.open(io.BytesIO(picture)) as opened:
        upright = opened.transpose(TURNS[turn]) if turn else opened
        out = io.BytesIO()
        upright.save(out, "PNG", compress_level=PNG_COMPRESSION)
    return out.getvalue()


def _fitted(page: Page) -> Page:
    height, width = page.shape[:2]
    share = MAX_SIDE / max(height, width, 1)
    if share >= 1:
        return page
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return cv2.resize(page, size, interpolation=cv2.INTER_AREA).astype(page.dtype, copy=False)


def _encoded(page: Page) -> bytes:
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(page, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise NotEncodable
    return bytes(encoded)
