"""Specimen documents with known truth: invented cards, marked SPECIMEN, drawn from a seed.

The same kind, level, seed and font give the same picture. Needs no font of the system.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from verification.specimen_cards import (
    PixelBox,
    Sheet,
    draw_blank,
    draw_ktp,
    draw_npwp,
    draw_receipt,
)
from verification.specimen_people import invent_resident, invent_taxpayer

LEVELS = ("clean", "scan", "phone")
FORMATS: dict[str, dict[str, Any]] = {
    "jpeg": {"format": "JPEG", "quality": 88},
    "png": {"format": "PNG"},
    "pdf": {"format": "PDF", "resolution": 300.0, "quality": 88},
}
PHONE_SIZE = (1280, 960)
Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]  # top left, top right, bottom right, bottom left


@dataclass(frozen=True, slots=True)
class Kind:
    document_type: str  # what an uploader would call it
    outcome: str  # what the baseline policy should make of it
    invent: Callable[[Random], dict[str, str]]
    draw: Callable[[dict[str, str], Random, str | None], Sheet]
    damaged: str | None = None  # the field that a smudge hides in part


def _old(random: Random) -> dict[str, str]:
    return invent_taxpayer(random, sixteen=False)


def _new(random: Random) -> dict[str, str]:
    return invent_taxpayer(random, sixteen=True)


def _nobody(random: Random) -> dict[str, str]:
    return {}


def _receipt(values: dict[str, str], random: Random, font_name: str | None) -> Sheet:
    return draw_receipt(random, font_name)


def _blank(values: dict[str, str], random: Random, font_name: str | None) -> Sheet:
    return draw_blank(random, font_name)


KINDS: dict[str, Kind] = {
    "ktp": Kind("KTP", "auto_approve", invent_resident, draw_ktp),
    "npwp": Kind("NPWP", "auto_approve", _old, draw_npwp),
    "npwp16": Kind("NPWP", "auto_approve", _new, draw_npwp),
    "ktp-doubtful": Kind("KTP", "needs_review", invent_resident, draw_ktp, damaged="nik"),
    "npwp-doubtful": Kind("NPWP", "needs_review", _old, draw_npwp, damaged="npwpNumber"),
    "receipt": Kind("KTP", "auto_reject", _nobody, _receipt),
    "blank": Kind("KTP", "auto_reject", _nobody, _blank),
}


def render(kind: str, level: str, seed: int, *, font_name: str | None = None) -> tuple[Image.Image, dict[str, Any]]:
    """One RGB picture and its truth.

    The truth: kind, level, seed, documentType, expected (the baseline's decision), fields {name: normalised value},
    unreadable [names hidden on purpose], boxes {name: [x, y, w, h] as fractions of the picture}.
    KeyError for an unknown kind, ValueError for an unknown level, OSError for a font that is not there.
    """
    if level not in LEVELS:
        raise ValueError(f"no such level: {level}")
    shape = KINDS[kind]
    random = Random(f"{kind}/{seed}")  # not the level: one seed is one person at every level
    values = shape.invent(random)
    sheet = shape.draw(values, random, font_name)
    if shape.damaged:
        _smudge(sheet, sheet.boxes[shape.damaged], random)
    image, corners = _photograph(sheet.image, level, random)
    return image, {
        "kind": kind,
        "level": level,
        "seed": seed,
        "documentType": shape.document_type,
        "expected": shape.outcome,
        "fields": values,
        "unreadable": [shape.damaged] if shape.damaged else [],
        "boxes": {name: _carried(box, sheet.image, image, corners) for name, box in sheet.boxes.items()},
    }


def encode(image: Image.Image, file_format: str) -> bytes:
    """The picture as the bytes of a file: jpeg, png or a PDF of one page. KeyError for any other format."""
    kept = BytesIO()
    image.save(kept, **FORMATS[file_format])
    return kept.getvalue()


def _smudge(sheet: Sheet, box: PixelBox, random: Random) -> None:
    """A thumb of ink over a third of a number: enough that nobody can read it whole."""
    left, top, right, bottom = box
    start = left + (right - left) * random.uniform(0.3, 0.6)
    mark = (start, top - 6, start + (right - left) * 0.3, bottom + 6)
    ImageDraw.Draw(sheet.image).rounded_rectangle(mark, radius=14, fill=(58, 54, 60))


def _photograph(card: Image.Image, level: str, random: Random) -> tuple[Image.Image, Quad]:
    """The card as it would be handed in, and where its corners went."""
    width, height = card.size
    if level == "clean":
        return card, ((0, 0), (width, 0), (width, height), (0, height))
    if level == "scan":
        return _scan(card, random)
    return _phone(card, random)


def _scan(card: Image.Image, random: Random) -> tuple[Image.Image, Quad]:
    size = (card.width + 120, card.height + 120)
    tilt = random.uniform(-9, 9)  # pixels over the card's width: up to half a degree
    corners: Quad = (
        (60, 60 + tilt),
        (60 + card.width, 60 - tilt),
        (60 + card.width + tilt, 60 + card.height - tilt),
        (60 + tilt, 60 + card.height + tilt),
    )
    page = _laid(card, Image.new("RGB", size, (250, 250, 248)), corners)
    page = ImageEnhance.Color(page.filter(ImageFilter.GaussianBlur(0.5))).enhance(0.8)
    return _grain(page, 4.0, random), corners


def _phone(card: Image.Image, random: Random) -> tuple[Image.Image, Quad]:
    width, height = PHONE_SIZE
    across = width * random.uniform(0.84, 0.92)
    down = across * card.height / card.width
    left, top = (width - across) / 2, (height - down) / 2

    def moved(x: float, y: float) -> Point:
        return x + across * random.uniform(-0.02, 0.02), y + down * random.uniform(-0.025, 0.025)

    corners: Quad = (
        moved(left, top),
        moved(left + across, top),
        moved(left + across, top + down),
        moved(left, top + down),
    )
    desk = Image.new("RGB", PHONE_SIZE, random.choice([(92, 72, 54), (58, 60, 64), (150, 146, 138)]))
    page = _lit(_laid(card, desk, corners), random)
    return _grain(page.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 1.0))), 6.0, random), corners


def _lit(page: Image.Image, random: Random) -> Image.Image:
    """Light from one side: down to 60 % at the other."""
    shade = Image.linear_gradient("L").rotate(random.choice([0, 90, 180, 270])).resize(page.size)
    shade = shade.point(lambda level: 155 + level * 100 // 255)
    dark = Image.new("RGB", page.size, (0, 0, 0))
    return Image.composite(page, dark, shade)


def _grain(page: Image.Image, strength: float, random: Random) -> Image.Image:
    noise = np.random.default_rng(random.getrandbits(32)).normal(0, strength, (page.height, page.width, 1))
    return Image.fromarray(np.clip(np.asarray(page) + noise, 0, 255).astype(np.uint8))


def _homography(source: Quad, target: Quad) -> tuple[float, ...]:
    """The eight numbers that carry source to target, as Pillow's PERSPECTIVE takes them."""
    rows: list[list[float]] = []
    wanted: list[float] = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    return tuple(float(n) for n in np.linalg.solve(np.array(rows), np.array(wanted)))


def _flat(card: Image.Image) -> Quad:
    return ((0, 0), (card.width, 0), (card.width, card.height), (0, card.height))


def _laid(card: Image.Image, ground: Image.Image, corners: Quad) -> Image.Image:
    numbers = _homography(corners, _flat(card))
    mode, smooth = Image.Transform.PERSPECTIVE, Image.Resampling.BICUBIC
    laid = card.transform(ground.size, mode, numbers, smooth)
    mask = Image.new("L", card.size, 255).transform(ground.size, mode, numbers, smooth)
    return Image.composite(laid, ground, mask)


def _carried(box: PixelBox, card: Image.Image, page: Image.Image, corners: Quad) -> list[float]:
    """A box on the flat card as the upright box around it on the page, in fractions."""
    a, b, c, d, e, f, g, h = _homography(_flat(card), corners)
    left, top, right, bottom = box
    xs: list[float] = []
    ys: list[float] = []
    for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)):
        depth = g * x + h * y + 1
        xs.append((a * x + b * y + c) / depth / page.width)
        ys.append((d * x + e * y + f) / depth / page.height)
    return [round(n, 5) for n in (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))]
