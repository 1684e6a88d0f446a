"""Cards at second hand: two on one picture, a photocopy, a screen, a screenshot, half a card, a thumbnail."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from verification.specimen_cards import draw_ktp
from verification.specimen_people import invent_resident
from verification.specimen_photos import Shot, desk
from verification.specimen_sheets import CARD_SIZE, RED, Point, Sheet

PAGE_SIZE = (1240, 1754)  # A4 at 150 dpi
SCREEN_SIZE = (1360, 860)
PHONE_SCREENS = ((1080, 2340), (1080, 2400), (1170, 2532))
TINY = 240  # pixels on the long side
GAP = 40
Values = dict[str, str]


def _laid_on(page: Image.Image, card: Sheet, at: Point, scale: float) -> Sheet:
    """The page with the card on it, and where card and values are there."""
    size = (round(card.image.width * scale), round(card.image.height * scale))
    small = card.image if size == card.image.size else card.image.resize(size, Image.Resampling.LANCZOS)
    left, top = round(at[0]), round(at[1])
    page.paste(small, (left, top))
    lines = {
        name: [(left + a * scale, top + b * scale, left + c * scale, top + d * scale) for a, b, c, d in boxes]
        for name, boxes in card.lines.items()
    }
    right, bottom = left + size[0], top + size[1]
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return Sheet(page, card.lettering, card.ink, lines, corners)


def draw_two_cards(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """Two people's cards on one picture. The truth is that of the first, above or to the left."""
    first = draw_ktp(values, random, font_name)
    second = draw_ktp(invent_resident(random), random, font_name)
    wide, high = CARD_SIZE
    beside = random.random() < 0.3
    size = (2 * wide + 3 * GAP, high + 2 * GAP) if beside else (wide + 2 * GAP, 2 * high + 3 * GAP)
    page = Image.fromarray(desk(size, random))
    page.paste(second.image, (wide + 2 * GAP, GAP) if beside else (GAP, high + 2 * GAP))
    return _laid_on(page, first, (GAP, GAP), 1.0)


def draw_photocopy(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """A copy in black and white on a page, darker at the edge of the card, with specks of toner."""
    card = draw_ktp(values, random, font_name)
    grey = np.asarray(ImageOps.grayscale(card.image), dtype=np.float32)
    harsh, middle = random.uniform(1.3, 2.2), random.uniform(110, 150)
    copied = np.clip((grey - middle) * harsh + 140, 0, 255).astype(np.uint8)
    card.image = ImageOps.expand(Image.fromarray(copied[3:-3, 3:-3]), 3, fill=90).convert("RGB")
    page = Image.new("RGB", PAGE_SIZE, (random.randint(244, 253),) * 3)
    scale = random.uniform(0.5, 0.85)
    left = random.uniform(60, PAGE_SIZE[0] - CARD_SIZE[0] * scale - 60)
    sheet = _laid_on(page, card, (left, random.uniform(90, 700)), scale)
    for _ in range(60):
        x, y = random.randrange(PAGE_SIZE[0]), random.randrange(PAGE_SIZE[1])
        sheet.pen.ellipse((x, y, x + random.randint(1, 3), y + random.randint(1, 3)), fill=(60, 60, 60))
    return sheet


def draw_screen(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """A card in a window of a screen: its frame, and the lines that a camera and a screen make between them."""
    card = draw_ktp(values, random, font_name)
    page = Image.new("RGB", SCREEN_SIZE, random.choice(((32, 34, 40), (236, 238, 240), (70, 90, 110))))
    sheet = _laid_on(page, card, (random.uniform(90, 230), random.uniform(120, 170)), random.uniform(0.9, 1.0))
    sheet.pen.rectangle((0, 0, SCREEN_SIZE[0], 76), fill=(200, 204, 208))
    sheet.write("IMG_0231_SPECIMEN.jpg", (70, 60), 22, ink=(40, 40, 44))
    wave = _moire(random)
    shown = np.asarray(sheet.image, dtype=np.float32) * wave
    sheet.image = Image.fromarray(np.asarray(cv2.convertScaleAbs(shown), dtype=np.uint8))
    frame: Sequence[tuple[int, int, int, int]] = (
        (0, 0, SCREEN_SIZE[0], 34),
        (0, SCREEN_SIZE[1] - 44, *SCREEN_SIZE),
        (0, 0, 34, SCREEN_SIZE[1]),
        (SCREEN_SIZE[0] - 34, 0, *SCREEN_SIZE),
    )
    for bar in frame:
        sheet.pen.rectangle(bar, fill=(16, 16, 18))
    return sheet


def draw_screenshot(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """What a phone shows while it shows a picture of a card: the picture from side to side, bars above and below."""
    card = draw_ktp(values, random, font_name)
    size = random.choice(PHONE_SCREENS)
    night = random.random() < 0.7
    ground, ink = ((0, 0, 0), (236, 236, 240)) if night else ((250, 250, 252), (30, 30, 34))
    page = Image.new("RGB", size, ground)
    high = round(size[0] * random.choice((0.75, 0.7, 0.66)))
    top = (size[1] - high) // 2 + random.randint(-60, 60)
    page.paste(Image.fromarray(desk((size[0], high), random)), (0, top))
    scale = random.uniform(0.86, 0.96) * min(size[0] / card.image.width, high / card.image.height)
    left = (size[0] - card.image.width * scale) / 2
    sheet = _laid_on(page, card, (left, top + (high - card.image.height * scale) / 2), scale)
    sheet.write(f"{random.randint(6, 21)}:{random.randint(10, 59)}", (56, 76), 34, ink=ink)
    sheet.write(f"{random.randint(12, 99)}%", (size[0] - 170, 76), 34, ink=ink)
    words = random.choice((("Share", "Edit", "Info", "Delete"), ("Bagikan", "Edit", "Favorit", "Hapus")))
    for place, word in enumerate(words):
        x, y = 80 + place * size[0] // 4, size[1] - 110
        sheet.pen.ellipse((x + 20, y - 96, x + 72, y - 44), outline=ink, width=5)
        sheet.write(word, (x, y), 30, ink=ink)
    return sheet


def _moire(random: Random) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Stripes of red, green and blue, a little wider than a pixel, and the slow waves where the two grids meet."""
    lean, step = random.uniform(-0.03, 0.03), random.uniform(2.4, 3.4)
    x = np.arange(SCREEN_SIZE[0], dtype=np.float32)[None, :]
    y = np.arange(SCREEN_SIZE[1], dtype=np.float32)[:, None]
    across, down = 2 * np.pi * (x + lean * y) / step, 2 * np.pi * (y - lean * x) / step
    rows = 1 + 0.1 * np.cos(down)
    slow = 1 + 0.07 * np.cos(2 * np.pi * (x * 0.011 + y * random.uniform(0.004, 0.02)))
    bands = [(1 + 0.16 * np.cos(across - place * 2.1)) * rows * slow for place in range(3)]
    return np.stack(bands, axis=2).astype(np.float32)


def halved(shot: Shot, random: Random) -> Shot:
    """The picture cut through the middle of the card, whichever half is left."""
    width, height = shot.image.size
    x = round(sum(x for x, _ in shot.corners) / 4 + width * random.uniform(-0.06, 0.06))
    y = round(sum(y for _, y in shot.corners) / 4 + height * random.uniform(-0.06, 0.06))
    x, y = min(max(x, 40), width - 40), min(max(y, 40), height - 40)
    left, top, right, bottom = random.choice(((0, 0, x, height), (x, 0, width, height), (0, 0, width, y)))
    a, b, c, d = ((cx - left, cy - top) for cx, cy in shot.corners)
    burnt = None if shot.burnt is None else shot.burnt[top:bottom, left:right]
    image = shot.image.crop((left, top, right, bottom))
    ink = ImageDraw.Draw(image)  # the word over the portrait may be on the other half
    ink.text((8, 4), "SPECIMEN", fill=RED, font=ImageFont.load_default(max(12, image.width // 40)))
    return Shot(image, (a, b, c, d), burnt)


def shrunk(shot: Shot, random: Random) -> Shot:
    """The picture as a thumbnail."""
    scale = TINY / max(shot.image.size)
    size = (round(shot.image.width * scale), round(shot.image.height * scale))
    a, b, c, d = ((x * size[0] / shot.image.width, y * size[1] / shot.image.height) for x, y in shot.corners)
    burnt = shot.burnt
    if burnt is not None:
        burnt = np.asarray(cv2.resize(burnt.astype(np.uint8), size, interpolation=cv2.INTER_AREA)) > 0
    return Shot(shot.image.resize(size, Image.Resampling.LANCZOS), (a, b, c, d), burnt)
