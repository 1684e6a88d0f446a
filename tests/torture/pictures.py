"""Small real pictures, each another one, as files that a client might send."""

import io
import random

from PIL import Image, ImageDraw

SIZE = (300, 190)


def small_card(text: str, chance: random.Random, size: tuple[int, int] = SIZE) -> bytes:
    """A JPEG of some 5 kB with `text` on it: SPECIMEN, of nobody."""
    picture = Image.new("RGB", size, (190 + chance.randrange(40), 215, 235))
    draw = ImageDraw.Draw(picture)
    for line, words in enumerate(("PROVINSI CONTOH", "SPECIMEN", text)):
        draw.text((14, 20 + 48 * line), words, fill="black")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()
