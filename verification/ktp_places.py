"""The places of a KTP: RT/RW, and what has no label: the province and regency at its head, where it was issued."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from verification.dates import find_date
from verification.fields import FieldValue
from verification.forms import Form
from verification.identity_numbers import DIGIT_LOOKALIKES, digit_share
from verification.labels import alike, fold, label_at
from verification.layout import Row, Span
from verification.regions import nearest, places, provinces, regencies

HEADINGS = {
    "province": ("PROVINSI", "PROPINSI"),
    "regency": ("KABUPATEN", "KOTA", "KAB"),
    "card": ("KARTU TANDA PENDUDUK", "REPUBLIK INDONESIA", "NIK"),
}
LINES_APART = 2.6  # heights: how far above its date the place of issue may stand
PLACE_LIKENESS = 0.75
GROUP = 3  # digits of an RT or RW as cards print it
_RT_RW_WORDS = re.compile(r"RT[ .:]*(.+?)[ /.,]*RW[ .:]*(.+)", re.IGNORECASE)
_WITHOUT_SLASH = re.compile(r"([0-9]{3}) ?[-–—.,\\]? ?([0-9]{3})", re.ASCII)


def rt_rw(text: str) -> tuple[str, float] | None:
    """ "003/007" and how far it is trusted, out of the whole text; None where it may be another pair of numbers."""
    words = _RT_RW_WORDS.fullmatch(text)
    printed = f"{words[1]}/{words[2]}" if words else text
    plain = printed.translate(DIGIT_LOOKALIKES) if digit_share(printed.replace("/", "")) >= 0.6 else printed
    match = _WITHOUT_SLASH.fullmatch(plain)
    pair = plain.split("/") if "/" in plain else match.groups() if match else []
    groups = [_group(part.strip()) for part in pair]
    if len(groups) != 2 or not all(groups):
        return None
    return "/".join(groups), 1.0 if plain == printed else 0.8


def _group(part: str) -> str:
    """One to three digits as three. A blank among them is OCR's only where three are left without it."""
    digits = part.replace(" ", "")
    if not re.fullmatch(r"[0-9]{1,3}", digits, re.ASCII) or (digits != part and len(digits) != GROUP):
        return ""
    return digits.zfill(GROUP)


def region_headings(rows: Sequence[Row]) -> dict[str, FieldValue]:
    """province and regency out of the rows above the number."""
    fields: dict[str, FieldValue] = {}
    for row in rows:
        for span in row.chunks():
            match = label_at(span.text, 0, HEADINGS)
            if match and match.name == "card":
                continue
            if "province" not in fields:
                province = _province(span, match.end if match and match.name == "province" else None)
                if province:
                    fields["province"] = province
            elif "regency" not in fields:
                regency = _regency(span, labelled=match is not None)
                if regency:
                    fields["regency"] = regency
    return fields


def _province(span: Span, labelled_to: int | None) -> FieldValue | None:
    printed = _capitals(span.text[labelled_to or 0 :])
    known = nearest(printed, provinces())
    if known is None and (labelled_to is None or not printed):
        return None
    value, trust = known or (printed, 1.0)
    name = span.part(labelled_to or 0, len(span.text))
    return FieldValue(value, span.text, round(name.confidence * trust, 4), name.box)


def _regency(span: Span, *, labelled: bool) -> FieldValue | None:
    printed = _capitals(span.text)
    if printed.startswith("KAB."):
        printed = f"KABUPATEN {printed[4:].strip()}"
    known = nearest(printed, regencies())
    if known is None and not labelled:
        return None
    value, trust = known or (printed, 1.0)
    return FieldValue(value, span.text, round(span.confidence * trust, 4), span.box)


def _capitals(text: str) -> str:
    return " ".join(text.upper().split()).strip(" .,:;-")


def issue(form: Form, fields: dict[str, FieldValue]) -> dict[str, FieldValue]:
    """issuedPlace and issuedDate: the loose date lowest on the card right of the values, and the name above it."""
    aside = [span for spans in form.loose.values() for span in spans if _is_aside(span, form)]
    dated = [(span, when) for span in aside if (when := find_date(span.text))]
    if not dated:
        return _place_like_regency(aside, fields.get("regency"))
    span, when = max(dated, key=lambda pair: pair[0].y)
    day = span.part(when.start, when.end)
    found = {"issuedDate": FieldValue(when.iso, span.text, day.confidence, day.box, when.proposed)}
    beside = _capitals(span.text[: when.start])
    above = [other for other in aside if _stands_above(other, span)]
    if fold(beside)[0]:
        place = _place(span.part(0, len(span.text[: when.start].rstrip(" ,.-"))), beside)
        found["issuedPlace"] = replace(place, raw=span.text)
    elif above:
        nearest_above = max(above, key=lambda other: other.y)
        found["issuedPlace"] = _place(nearest_above, _capitals(nearest_above.text))
    return found


def _is_aside(span: Span, form: Form) -> bool:
    return form.value_left is None or span.left > form.value_left + 0.15


def _stands_above(other: Span, date: Span) -> bool:
    if any(character.isdigit() for character in other.text):
        return False
    apart = date.y - other.y
    overlap = min(other.left + other.width, date.left + date.width) - max(other.left, date.left)
    return 0 < apart <= LINES_APART * max(date.height, other.height) and overlap > 0


def _place(span: Span, text: str) -> FieldValue:
    known = nearest(text, places()) or nearest(text, regencies())
    value, trust = known or (text, 1.0)
    return FieldValue(value, span.text, round(span.confidence * trust, 4), span.box)


def _place_like_regency(aside: Sequence[Span], regency: FieldValue | None) -> dict[str, FieldValue]:
    """Without a date only a name that the head of the card repeats."""
    home = fold((regency.value or "").removeprefix("KOTA ").removeprefix("KABUPATEN ") if regency else "")[0]
    for span in aside:
        if home and alike(fold(span.text)[0], home, PLACE_LIKENESS):
            return {"issuedPlace": _place(span, _capitals(span.text))}
    return {}
