"""Specimen documents with known truth: invented cards, marked SPECIMEN, drawn from a seed.

The same kind, level, seed, font and fault give the same picture where the same font packages are installed (truth says
which font it was). Needs no font of the system and no package of the `dev` extra.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import Any

from PIL import Image, ImageDraw

from verification.specimen_cards import draw_ktp, draw_npwp
from verification.specimen_copies import draw_photocopy, draw_screen, draw_screenshot, draw_two_cards, halved, shrunk
from verification.specimen_documents import draw_family_card, draw_licence, draw_passport
from verification.specimen_faults import FAULTS, plant
from verification.specimen_junk import draw_blank, draw_chat, draw_noise, draw_npwp_back, draw_receipt, draw_table
from verification.specimen_people import invent_foreigner, invent_resident, invent_taxpayer
from verification.specimen_photos import LEVELS, Shot, carried, is_lost, photograph
from verification.specimen_sheets import PixelBox, Sheet

__all__ = ["FAULTS", "FORMATS", "KINDS", "LEVELS", "Kind", "encode", "render"]

FORMATS: dict[str, dict[str, Any]] = {
    "jpeg": {"format": "JPEG", "quality": 88},
    "png": {"format": "PNG"},
    "pdf": {"format": "PDF", "resolution": 300.0, "quality": 88},
}
Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    document_type: str  # what an uploader would call it
    outcome: str  # what should become of it; of cards, what the baseline policy makes of it
    invent: Callable[[Random], Values]
    draw: Callable[[Values, Random, str | None], Sheet]
    damaged: str | None = None  # the field that a smudge hides in part
    junk: bool = False  # no picture that a card can be read from
    whole: bool = False  # a picture already, not something to lay on a desk and photograph
    spoil: Callable[[Shot, Random], Shot] | None = None  # done to the photograph


def _old(random: Random) -> Values:
    return invent_taxpayer(random, sixteen=False)


def _new(random: Random) -> Values:
    return invent_taxpayer(random, sixteen=True)


def _nobody(random: Random) -> Values:
    return {}


KINDS: dict[str, Kind] = {
    "ktp": Kind("KTP", "auto_approve", invent_resident, draw_ktp),
    "ktp-wna": Kind("KTP", "auto_approve", invent_foreigner, draw_ktp),
    "npwp": Kind("NPWP", "auto_approve", _old, draw_npwp),
    "npwp16": Kind("NPWP", "auto_approve", _new, draw_npwp),
    "ktp-doubtful": Kind("KTP", "needs_review", invent_resident, draw_ktp, damaged="nik"),
    "npwp-doubtful": Kind("NPWP", "needs_review", _old, draw_npwp, damaged="npwpNumber"),
    "receipt": Kind("KTP", "auto_reject", _nobody, draw_receipt, junk=True),
    "blank": Kind("KTP", "auto_reject", _nobody, draw_blank, junk=True),
    "noise": Kind("KTP", "auto_reject", _nobody, draw_noise, junk=True, whole=True),
    "table": Kind("KTP", "auto_reject", _nobody, draw_table, junk=True, whole=True),
    "chat": Kind("KTP", "needs_review", _nobody, draw_chat, junk=True, whole=True),
    "sim": Kind("KTP", "needs_review", _nobody, draw_licence, junk=True),
    "passport": Kind("KTP", "needs_review", _nobody, draw_passport, junk=True),
    "kk": Kind("KTP", "needs_review", _nobody, draw_family_card, junk=True),
    "npwp-back": Kind("NPWP", "needs_review", _nobody, draw_npwp_back, junk=True),
    "half": Kind("KTP", "needs_review", invent_resident, draw_ktp, junk=True, spoil=halved),
    "tiny": Kind("KTP", "needs_review", invent_resident, draw_ktp, junk=True, spoil=shrunk),
    "two-cards": Kind("KTP", "needs_review", invent_resident, draw_two_cards, junk=True),
    "photocopy": Kind("KTP", "needs_review", invent_resident, draw_photocopy, junk=True),
    "screen": Kind("KTP", "needs_review", invent_resident, draw_screen, junk=True),
    "screenshot": Kind("KTP", "needs_review", invent_resident, draw_screenshot, junk=True, whole=True),
}


def render(
    kind: str,
    level: str,
    seed: int,
    *,
    font_name: str | None = None,
    fault: str | None = None,
    values: Values | None = None,
) -> tuple[Image.Image, dict[str, Any]]:
    """One RGB picture and its truth.

    The truth: kind, level, seed, documentType, expected (the baseline's decision), fault, junk (its name or None),
    font, fields {name: normalised value as printed}, unreadable [names hidden on purpose], lost [names that glare or
    the picture's edge hides in full or part], corners [[x, y] of the card's top left, top right, bottom right, bottom
    left as printed], boxes {name: [x, y, w, h]}; places are fractions of the picture, outside 0..1 where it is cut off.
    A fault is one of FAULTS; the layout is that of the card without it. `values` are printed in place of invented ones.
    KeyError for an unknown kind, ValueError for an unknown level or a fault that such a card can't have, OSError for a
    font that is not there.
    """
    if level not in LEVELS:
        raise ValueError(f"no such level: {level}")
    shape = KINDS[kind]
    random = Random(f"{kind}/{seed}")  # not the level: one seed is one person at every level
    invented = shape.invent(random)  # in any case: what is drawn by chance follows after it
    values = plant(fault, invented if values is None else values, Random(f"{kind}/{seed}/{fault}"))
    sheet = shape.draw(values, random, font_name)
    if shape.damaged:
        _smudge(sheet, sheet.boxes[shape.damaged], random)
    shot = photograph(sheet.image, level, random, whole=shape.whole)
    if shape.spoil:
        shot = shape.spoil(shot, random)
    return shot.image, {
        "kind": kind,
        "level": level,
        "seed": seed,
        "documentType": shape.document_type,
        "expected": "needs_review" if fault else shape.outcome,
        "fault": fault,
        "junk": kind if shape.junk else None,
        "font": sheet.lettering.note,
        "fields": values,
        "unreadable": [shape.damaged] if shape.damaged else [],
        **_places(sheet, shot),
    }


def encode(image: Image.Image, file_format: str) -> bytes:
    """The picture as the bytes of a file: jpeg, png or a PDF of one page. KeyError for any other format."""
    kept = BytesIO()
    image.save(kept, **FORMATS[file_format])
    return kept.getvalue()


def _places(sheet: Sheet, shot: Shot) -> dict[str, Any]:
    """Where the card and its values are on the picture, and which of them are gone from it."""
    size = sheet.image.size
    return {
        "corners": [carried((x, y, x, y), size, shot)[:2] for x, y in sheet.outline],
        "boxes": {name: carried(box, size, shot) for name, box in sheet.boxes.items()},
        "lost": [name for name, lines in sheet.lines.items() if is_lost(lines, size, shot)],
    }


def _smudge(sheet: Sheet, box: PixelBox, random: Random) -> None:
    """A thumb of ink over a third of a number: enough that nobody can read it whole."""
    left, top, right, bottom = box
    start = left + (right - left) * random.uniform(0.3, 0.6)
    mark = (start, top - 6, start + (right - left) * 0.3, bottom + 6)
    ImageDraw.Draw(sheet.image).rounded_rectangle(mark, radius=14, fill=(58, 54, 60))
