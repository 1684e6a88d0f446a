"""A small page with writing on it, to run an engine on before the first card comes."""

import numpy
from PIL import Image, ImageDraw, ImageFont

from ocr_gpu.engine import Page

SIZE = (640, 400)
WRITING = ("SPECIMEN CARD", "0123456789", "NOBODY LIVES HERE")


def sample_page() -> Page:
    picture = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(picture)
    for row, text in enumerate(WRITING):
        draw.text((40, 40 + 100 * row), text, fill="black", font=ImageFont.load_default(48))
    return numpy.asarray(picture)
