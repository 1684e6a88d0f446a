"""What staff see of an identity number before they ask for it: its last four digits, in words and in the picture.

Masking a number in a field is pointless while the picture shows it, so both come from here.
"""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from PIL import Image, ImageDraw

MASK = "••••"
SHOWN_DIGITS = 4
SHORTEST_MASKED = 8  # of fewer characters, four would be half of the number
NUMBER_DIGITS = 12  # so many digits in a row are a number, whatever field they were read into
REAL_DIGITS = 6  # of them at least so many are no letters that OCR takes for digits
WHOLE_NUMBER = 15  # digits of an NPWP; a NIK has one more
BLURRED_SIDE = 40  # pixels; throwing pixels away can't be undone, a soft blur can
MARGIN = 0.3  # of the height of the letters
MARGIN_OF_PART = 0.7  # the rest of the line may climb or fall
PAINT = (38, 42, 51)
PNG_COMPRESSION = 1  # of a photograph more takes up to four times as long and makes nothing smaller

_ALIKE = r"[\dOoQDIl|SBZG]"
_NUMBER = re.compile(rf"{_ALIKE}(?:[\s.,:/-]{{0,2}}{_ALIKE}){{{NUMBER_DIGITS - 1},}}")
_SEPARATORS = re.compile(r"[^0-9A-Za-z|]")


class Area(NamedTuple):
    """Fractions 0..1 of the page, from its top left corner; `whole` when the number does not go on beside it."""

    x: float
    y: float
    w: float
    h: float
    whole: bool


def last_four(number: str | None) -> str:
    """`•••• 5797`; of a very short reading nothing, and an empty text for none."""
    kept = _SEPARATORS.sub("", number or "")
    if not kept:
        return ""
    return f"{MASK} {kept[-SHOWN_DIGITS:]}" if len(kept) >= SHORTEST_MASKED else MASK


def without_numbers(text: str) -> str:
    """The text with whatever looks like an identity number cut to its last four digits."""
    return _NUMBER.sub(lambda found: last_four(found[0]) if _is_number(found[0]) else found[0], text)


def holds_number(text: str) -> bool:
    return any(_is_number(found) for found in _NUMBER.findall(text))


def _is_number(found: str) -> bool:
    return sum(character.isdigit() for character in found) >= REAL_DIGITS


def number_areas(
    fields: Mapping[str, Mapping[str, Any]], lines: Iterable[Mapping[str, Any]], number_fields: Sequence[str]
) -> list[Area] | None:
    """Where numbers stand on the page, or None when no place of any of `number_fields` is known.

    `fields` and `lines` are as `VerificationRun` stores them. A number that was read in part may go on beside its
    box, so then the whole strip of the page is taken.
    """
    numbers = [field for name in number_fields if (field := fields.get(name) or {}).get("box")]
    if not numbers:
        return None
    areas = [_area(field["box"], whole=_digits(field["raw"] or field["value"]) >= WHOLE_NUMBER) for field in numbers]
    others = [(field.get("raw") or field.get("value") or "", field.get("box")) for field in fields.values()]
    others += [(line.get("text") or "", line.get("box")) for line in lines]
    areas += [_area(box, whole=True) for text, box in others if box and holds_number(text)]
    return areas


def _digits(text: str | None) -> int:
    return len(re.findall(_ALIKE, text or ""))


def _area(box: Sequence[float], *, whole: bool) -> Area:
    x, y, w, h = box
    return Area(x, y, w, h, whole)


def hide(png: bytes, areas: Iterable[Area] | None) -> bytes:
    """The picture with the areas painted over, or blurred beyond reading when it is not known where to paint."""
    with Image.open(io.BytesIO(png)) as opened:
        picture = opened.convert("RGB")
    if areas is None:
        small = picture.copy()
        small.thumbnail((BLURRED_SIDE, BLURRED_SIDE))
        return _png(small.resize(picture.size, Image.Resampling.BILINEAR))
    draw = ImageDraw.Draw(picture)
    for area in areas:
        draw.rectangle(_pixels(area, picture.size), fill=PAINT)
    return _png(picture)


def _pixels(area: Area, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom, with a margin: OCR's boxes often cut the edge of a digit."""
    width, height = size
    left, top = area.x * width, area.y * height
    right, bottom = left + area.w * width, top + area.h * height
    letter = min(right - left, bottom - top)
    if not area.whole:
        margin = MARGIN_OF_PART * letter
        if right - left >= bottom - top:
            return 0, top - margin, width, bottom + margin
        return left - margin, 0, right + margin, height  # the card lies on its side
    margin = MARGIN * letter
    return left - margin, top - margin, right + margin, bottom + margin


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=PNG_COMPRESSION)
    return out.getvalue()
