"""NPWP: the lines of a tax card as its fields, old cards of 15 digits and new ones of 16.

Most of the card has no labels: below the number come the name, then the address, down to the tax office or the date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from ocr_gpu.engine import OcrLine
from verification.dates import find_date, if_past
from verification.fields import FieldValue
from verification.identity_numbers import digit_share, if_possible_nik, read_number, repaired
from verification.labels import ANOTHER, alike, continued, fold, folded, label_at
from verification.layout import Row, Span, rows_of, without_stamps
from verification.npwp_number import NPWP15_DIGITS, NPWP16_DIGITS, believed_npwp15, is_new_form
from verification.slant import ways_to_lie
from verification.vocabulary import as_name, spaced

CODE = "NPWP"
PARSER_VERSION = "5"
NUMBER_FIELDS = ("npwpNumber", "npwp16")  # cards since July 2024 have the second instead
NUMBER_DIGITS = {"npwpNumber": NPWP15_DIGITS, "npwp16": NPWP16_DIGITS, "nik": NPWP16_DIGITS}
USUAL_FIELDS = 4  # of a card that was read well; with fewer it is worth a second look
CARD_LABELS = {
    "npwpNumber": "NPWP",
    "npwp16": "NPWP16",
    "nik": "NIK",
    "name": "Nama",
    "address": "Alamat",
    "taxOffice": "KPP",
    "registeredDate": "Terdaftar",
}
FIELDS = tuple(CARD_LABELS)
LABELS = {
    "number": ("NPWP", "NO NPWP", "NOMOR NPWP", "NOMOR POKOK WAJIB PAJAK"),
    "nik": ("NIK", "NO NIK"),
    "name": ("NAMA", "NAMA WAJIB PAJAK", "NAMA LENGKAP", "NAMA WP"),
    "address": ("ALAMAT", "ALAMAT WAJIB PAJAK"),
    "registeredDate": ("TERDAFTAR", "TANGGAL TERDAFTAR", "TGL TERDAFTAR", "TERDAFTAR SEJAK", "TERDAFTAR TANGGAL"),
    "taxOffice": ("KPP PRATAMA", "KPP MADYA", "KPP", "KPP TERDAFTAR", "KANTOR PELAYANAN PAJAK"),
}
FURNITURE = (
    "KEMENTERIAN KEUANGAN REPUBLIK INDONESIA",
    "KEMENTERIAN KEUANGAN",
    "DEPARTEMEN KEUANGAN REPUBLIK INDONESIA",
    "REPUBLIK INDONESIA",
    "DIREKTORAT JENDERAL PAJAK",
    "KARTU NPWP",
    "KARTU NOMOR POKOK WAJIB PAJAK",
    "NOMOR POKOK WAJIB PAJAK",
    "WWW PAJAK GO ID",
    "KRING PAJAK",
    "DJP",
)
FURNITURE_LIKENESS = 0.75
SHORTEST_NUMBER, LONGEST_NUMBER = 8, 20
COLUMN_REACH = 0.1  # of the page's width: how far a line may start from the number or its label
FREE_TEXT = ("name", "address", "taxOffice")
REGISTERED_WORDS = ("TERDAFTAR", "TANGGAL", "SEJAK")  # the latter two only before a date
REGISTERED_LIKENESS = 0.75
_STUCK = re.compile(r"(?<=[A-Z])(?:TANGGAL|TGL\.?)$")  # the first word of the next label, without its blank
_LENGTH = re.compile(r" ?1([56])(?=[ :]|$)")  # of "NPWP16 : ..." or "NPWP 16", which is no part of the number
NUMBERS = ("number", "npwp16")  # the label of either number; the second says itself which it is
_FIRM = re.compile(r"(?:PT|CV|UD|PD|FIRMA|KOPERASI|YAYASAN|PERUM)\b")  # whose names may have digits
ENOUGH = 5  # fields and steps down: no need to look at the page upside down
MOST_LINES_APART = 3.2  # row heights: a longer gap ends the address


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text with the label before it, None when it has none."""

    row: int
    label: str | None
    span: Span  # without the label
    left: float  # of the label, or of the text
    trust: float


def parse(lines: Sequence[OcrLine], *, today: date | None = None) -> dict[str, FieldValue]:
    """The fields that were found. Pages askew by some degrees or lying on a side are read too; never raises.

    today is the day of reading, by default the present one: no card tells of a later one.
    """
    day = today or date.today()
    return {name: believed(name, field, day) for name, field in _likeliest(lines).items()}


def unread(lines: Sequence[OcrLine]) -> list[tuple[OcrLine, float]]:
    """No line of this card is known to end too soon."""
    return []


def believed(name: str, field: FieldValue, today: date) -> FieldValue:
    """The field with its value only where such a thing can be, numbers as they are written. Safe to repeat."""
    if name == "npwpNumber":
        return believed_npwp15(field)
    resident = name == "npwp16" and (field.value or "").startswith(tuple("123456789"))
    if name == "nik" or resident:
        return if_possible_nik(field, today)
    if name == "registeredDate":
        return if_past(field, today)
    return field.if_legible() if name in FREE_TEXT else field


def _likeliest(lines: Sequence[OcrLine]) -> dict[str, FieldValue]:
    """The reading under the angle that gives most."""
    kept = without_stamps(lines)
    best: dict[str, FieldValue] = {}
    most = -len(FIELDS)
    for slants in ways_to_lie(kept):
        for slant in slants:
            rows = rows_of(kept, slant)
            pieces = [piece for index, row in enumerate(rows) for piece in _pieces(index, row)]
            found = _read(pieces)
            worth = sum(field.value is not None for field in found.values()) + _downward(pieces)
            if worth > most:
                best, most = found, worth
        if most >= ENOUGH:
            break
    return best


def _downward(pieces: Sequence[Piece]) -> int:
    """Whether the card stands on its feet and each label has its text: the more the better."""
    numbers = [piece.row for piece in pieces if _number(piece)]
    feet = [piece.row for piece in pieces if piece.label in ("taxOffice", "registeredDate")]
    steps = sum(1 if foot > number else -1 for number in numbers[:1] for foot in feet)
    return steps + sum(piece.label == ANOTHER for piece in pieces) - sum(not piece.span.text for piece in pieces)


def _read(pieces: Sequence[Piece]) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {}
    for piece in pieces:
        for name, field in _number(piece).items():
            if name not in fields or (fields[name].value is None and field.value is not None):
                fields[name] = field
    sixteen, old = fields.get("npwp16"), fields.get("npwpNumber")
    resident = sixteen is not None and not sixteen.raw.startswith("0")  # all others' numbers begin with it
    labelled = any(piece.label in NUMBERS and sixteen and piece.span.text == sixteen.raw for piece in pieces)
    if sixteen and resident and not labelled and old and old.value:
        fields.setdefault("nik", fields.pop("npwp16"))  # an old card: its NIK, of which the label was not read
    fields |= _name_and_address(pieces)
    for piece in pieces:
        if piece.label == "taxOffice" and "taxOffice" not in fields:
            fields["taxOffice"] = replace(_text(piece.span, piece.trust), value=_office(piece.span.text))
    registered = _registered(pieces)
    if registered:
        fields["registeredDate"] = registered
    return {name: fields[name] for name in FIELDS if name in fields}


def _pieces(index: int, row: Row) -> Iterator[Piece]:
    """The row cut at its wide gaps, each part with its label; a label that stands alone goes to the next part."""
    waiting: tuple[str, float, float] | None = None
    start = 0
    for part in row.text.split("\t"):
        end = start + len(part)
        match = label_at(row.text[:end], start, LABELS)
        match = match and continued(match, row.text)
        label, text_at, trust = (match.name, match.end, match.similarity) if match else (None, start, 1.0)
        if label == "number":
            length = _LENGTH.match(row.text, text_at, end)
            label, text_at = NUMBERS[bool(length and length[1] == "6")], length.end() if length else text_at
        begin = end - len(part.lstrip(" :;=."))
        named = label == "taxOffice" and ":" not in row.text[begin : min(text_at + 2, end)]
        if named and row.text[text_at:end].strip():
            text_at = begin  # "KPP PRATAMA BOGOR" is the name itself
        whole, span = row.span(start, end), row.span(text_at, end)
        start = end + 1
        if label and not span.text:
            waiting = (label, whole.left, trust)
        elif span.text and waiting and label is None:
            yield Piece(index, waiting[0], span, waiting[1], waiting[2])
            waiting = None
        elif span.text and not _is_furniture(whole.text):
            waiting = None if waiting and waiting[0] == label else waiting
            yield Piece(index, label, span, whole.left, trust)
    if waiting:
        yield Piece(index, waiting[0], row.span(0, 0), waiting[1], waiting[2])


def _is_furniture(text: str) -> bool:
    plain = folded(text)
    return any(alike(plain, folded(known), FURNITURE_LIKENESS) for known in FURNITURE)


def _looks_like_number(text: str) -> bool:
    return SHORTEST_NUMBER <= len(repaired(text)) <= LONGEST_NUMBER and digit_share(text) >= 0.6


def _number(piece: Piece) -> dict[str, FieldValue]:
    """The identity number that a piece holds, under the name it goes by."""
    text = piece.span.text
    labelled = piece.label in (*NUMBERS, "nik")
    if piece.label not in (None, *NUMBERS, "nik") or not (_looks_like_number(text) or (labelled and text)):
        return {}
    if labelled and digit_share(text) < 0.3:
        return {}
    if piece.label == "nik":
        return {"nik": read_number(piece.span, NPWP16_DIGITS)}
    if piece.label == NUMBERS[1] or is_new_form(text):
        return {"npwp16": read_number(piece.span, NPWP16_DIGITS)}
    return {"npwpNumber": read_number(piece.span, NPWP15_DIGITS)}


def _name_and_address(pieces: Sequence[Piece]) -> dict[str, FieldValue]:
    """By label where there is one; else the first text below the number, and the texts after it."""
    fields: dict[str, FieldValue] = {}
    anchor = next((p for p in pieces if p.label in NUMBERS or _number(p)), None)
    column = {anchor.left, anchor.span.left} if anchor else {p.left for p in pieces[:1]}
    row = anchor.row if anchor else -1
    address: list[Piece] = []
    name: Piece | None = None
    for piece, beside in zip(pieces, [*pieces, None][1:], strict=True):
        if piece.label in ("name", "address") and piece.span.text:
            name = piece if piece.label == "name" else name
            address = [piece] if piece.label == "address" else address
            column |= {piece.left, piece.span.left}
        elif piece.row > row and piece.label is None and not _number(piece) and _in_column(piece, column):
            if beside and _is_lost_label(piece, beside):
                column.add(beside.left)
            elif name is None:
                name = piece if _is_wordy(piece.span.text) else None
            elif find_date(piece.span.text) is None and (not address or _follows(piece, address[-1])):
                address.append(piece)
    if name:
        firm = _text(name.span, name.trust)
        is_firm = _FIRM.match(firm.value or "") and ":" not in name.span.text
        fields["name"] = firm if is_firm else replace(firm, value=as_name(name.span.text))
    if address:
        span = address[0].span
        for piece in address[1:]:
            span = span.joined(piece.span)
        field = _text(span, address[0].trust)
        fields["address"] = field if span.measured else replace(field, value=field.value and spaced(field.value))
    return fields


def _is_lost_label(piece: Piece, beside: Piece) -> bool:
    """A word in small letters with a text beside it is a label that OCR spoilt: values are printed in capitals."""
    return beside.row == piece.row and beside.label is None and any(c.islower() for c in piece.span.text)


def _in_column(piece: Piece, column: set[float]) -> bool:
    return any(abs(piece.left - left) <= COLUMN_REACH for left in column)


def _is_wordy(text: str) -> bool:
    return len(fold(text)[0]) >= 3 and digit_share(text) < 0.5


def _follows(piece: Piece, before: Piece) -> bool:
    return piece.span.y - before.span.y <= MOST_LINES_APART * before.span.height


def _text(span: Span, trust: float) -> FieldValue:
    value = " ".join(span.text.upper().split()).strip(" .,-")
    return FieldValue(value or None, span.text, round(span.confidence * trust, 4), span.box)


def _office(text: str) -> str | None:
    """The office without the date of registration that stands behind it, though its label be misspelt."""
    when = find_date(text)
    words = (text[: when.start] if when else text).upper().split()
    ends = REGISTERED_WORDS if when else REGISTERED_WORDS[:1]
    for place, word in enumerate(words):
        if place > 1 and any(alike(folded(word), folded(known), REGISTERED_LIKENESS) for known in ends):
            words = words[:place]
            break
    return _STUCK.sub("", " ".join(words)).strip(" .,:-") or None


def _registered(pieces: Sequence[Piece]) -> FieldValue | None:
    """The date beside its label, or the only date on the card."""
    dated = [(p, when) for p in pieces if not _number(p) and (when := find_date(p.span.text))]
    labelled = [(p, when) for p, when in dated if p.label == "registeredDate"]
    for piece, when in labelled or (dated if len(dated) == 1 else []):
        day = piece.span.part(when.start, when.end)
        return FieldValue(when.iso, piece.span.text, day.confidence, day.box, when.proposed)
    return None
