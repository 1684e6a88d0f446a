"""KTP: the lines of an identity card as its fields.

A label finds its value in its row; a value whose label was not read is found by what it is (a date, a religion) or by
its place between its neighbours, in the one order that the card has. What was not read is absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

from ocr_gpu.engine import OcrLine
from verification import vocabulary
from verification.dates import find_date, if_past
from verification.fields import FieldValue
from verification.forms import Form, read_form
from verification.identity_numbers import digit_share, if_possible_nik, is_exact, read_number, repaired
from verification.ktp_order import LABELS, ORDER, PLAIN_TEXT, Unknown, dealt, missing_between
from verification.ktp_places import issue, region_headings, rt_rw
from verification.labels import ANOTHER, label_at
from verification.layout import Span, rows_of, without_stamps
from verification.nik import NIK_DIGITS
from verification.regions import nearest, places
from verification.slant import ways_to_lie

CODE = "KTP"
PARSER_VERSION = "5"
NUMBER_FIELDS = ("nik",)
NUMBER_DIGITS = {"nik": NIK_DIGITS}
USUAL_FIELDS = 15  # of a card that was read well; with fewer it is worth a second look
CARD_LABELS = {
    "nik": "NIK",
    "name": "Nama",
    "birthPlace": "Tempat Lahir",
    "birthDate": "Tgl Lahir",
    "gender": "Jenis Kelamin",
    "bloodType": "Gol. Darah",
    "address": "Alamat",
    "rtRw": "RT/RW",
    "village": "Kel/Desa",
    "district": "Kecamatan",
    "religion": "Agama",
    "maritalStatus": "Status Perkawinan",
    "occupation": "Pekerjaan",
    "nationality": "Kewarganegaraan",
    "validUntil": "Berlaku Hingga",
    "province": "Provinsi",
    "regency": "Kabupaten/Kota",
    "issuedPlace": "Tempat terbit",
    "issuedDate": "Tanggal terbit",
}
FIELDS = tuple(CARD_LABELS)
FREE_TEXT = PLAIN_TEXT | {"birthPlace", "issuedPlace", "province", "regency"}  # any words may stand there
PAST = ("birthDate", "issuedDate")
ALL = 31  # nineteen fields and twelve steps down: no need to try other angles
ENOUGH = 12  # no need to look at the page upside down
BY_PLACE = 0.8  # how far a value without its label is trusted
SHORTEST_NUMBER, LONGEST_NUMBER = 12, 22
_BLOOD = re.compile(r"(AB|A|B|O)\s*([+-])?")
_INNER_DIGIT = re.compile(r"(?<=[A-Z])[015](?=[A-Z])")


def parse(lines: Sequence[OcrLine], *, today: date | None = None) -> dict[str, FieldValue]:
    """The fields that were found. Pages askew by some degrees or lying on a side are read too; never raises.

    today is the day of reading, by default the present one: no card tells of a later one.
    """
    day = today or date.today()
    return {name: believed(name, field, day) for name, field in _likeliest(lines).items()}


def believed(name: str, field: FieldValue, today: date) -> FieldValue:
    """The field with its value only where such a thing can be: a NIK that was issued, a date that has been. Safe to
    repeat.
    """
    if name in NUMBER_FIELDS:
        return if_possible_nik(field, today)
    if name in PAST:
        return if_past(field, today)
    country = name == "nationality" and field.value not in vocabulary.CITIZENS
    return field.if_legible() if country or name in FREE_TEXT else field


def _likeliest(lines: Sequence[OcrLine]) -> dict[str, FieldValue]:
    kept = without_stamps(lines)
    best: dict[str, FieldValue] = {}
    most = -len(ORDER)
    for slants in ways_to_lie(kept):
        for slant in slants:
            form = read_form(rows_of(kept, slant), LABELS, inside=("bloodType",))
            found = _read(form)
            worth = sum(field.value is not None for field in found.values()) + _downward(form)
            if worth > most:
                best, most = found, worth
            if worth >= ALL:
                return best
        if most >= ENOUGH:
            break
    return best


def unread(lines: Sequence[OcrLine]) -> list[tuple[OcrLine, float]]:
    """Lines that end with a label whose short value was not read, and how many times as long each may be with it.

    Only of lines that know where they lie. Boxes around sloping lines would take in the lines below.
    """
    kept = without_stamps(lines)
    if not kept or not all(line.corners for line in kept):
        return []
    form = read_form(rows_of(kept, ways_to_lie(kept)[0][0]), LABELS, inside=("bloodType",))
    return form.unread(("bloodType",))


def _downward(form: Form) -> int:
    """How many labels more stand below the one that the card prints before them than above it.

    A label of something else counts like a field in its place: else an angle that cuts it up would be likelier.
    """
    rows = [form.entries[name].row for name in ORDER if name in form.entries]
    return sum(1 if low > high else -1 for high, low in pairwise(rows)) + 2 * (ANOTHER in form.entries)


def _read(form: Form) -> dict[str, FieldValue]:
    number, number_row = _find_nik(form)
    fields = {"nik": number} if number else {}
    for name, (span, trust) in _gather(form, number, number_row).items():
        if span.text:
            fields |= {found: _trusted(field, trust) for found, field in READERS[name](span).items()}
    first = min((entry.row for entry in form.entries.values()), default=len(form.rows))
    top = first if number_row is None else min(first, number_row)
    fields |= region_headings(form.rows[:top])
    fields |= issue(form, fields)
    return {name: fields[name] for name in FIELDS if name in fields}


def _trusted(field: FieldValue, trust: float) -> FieldValue:
    return replace(field, confidence=round(field.confidence * trust, 4))


def _looks_like_number(text: str) -> bool:
    return SHORTEST_NUMBER <= len(repaired(text)) <= LONGEST_NUMBER and digit_share(text) >= 0.6


def _find_nik(form: Form) -> tuple[FieldValue | None, int | None]:
    """The number beside its label; without a label the only text that looks like one. Two of them are none."""
    entry = form.entries.get("nik")
    if entry and entry.value.text:
        span, whole = entry.value, True
        for more in form.loose.get(entry.row, []):
            if len(repaired(more.text)) >= 3 and digit_share(more.text) >= 0.6:
                span, whole = span.joined(more), False
        if len(repaired(span.text)) >= 3 and digit_share(span.text) >= 0.4:
            return read_number(span, NIK_DIGITS, whole=whole), entry.row
    found = [(span, row) for row, spans in form.loose.items() for span in spans if _looks_like_number(span.text)]
    if not found:
        return None, None
    found.sort(key=lambda pair: not is_exact(pair[0].text, NIK_DIGITS))
    span, row = found[0]
    alone = len({repaired(other.text) for other, _ in found if is_exact(other.text, NIK_DIGITS)}) <= 1
    return read_number(span, NIK_DIGITS, whole=alone), row


def _gather(form: Form, number: FieldValue | None, number_row: int | None) -> dict[str, tuple[Span, float]]:
    """The text of each label, with second lines, and texts given to labels that were not read."""
    found = {n: (e.value, e.similarity) for n, e in form.entries.items() if n not in ("nik", ANOTHER)}
    if form.value_left is None and number and number.box:
        form = replace(form, value_left=number.box.x)
    by_row = {entry.row: name for name, entry in form.entries.items() if name in ORDER}
    if number_row is not None:
        by_row[number_row] = "nik"
    told = sorted(by_row)
    for row, following in zip(told, [*told, len(form.rows)][1:], strict=True):
        last = by_row[row]
        unknown = _unknown(form, row, following, found.get(last))
        missing = missing_between(last, by_row.get(following), [name for name in found if found[name][0].text])
        for place, name in dealt(unknown, last, missing).items():
            span = next(one.span for one in unknown if one.row == place)
            before = found.get(name)
            found[name] = (before[0].joined(span), before[1]) if before and before[0].text else (span, BY_PLACE)
    return found


def _unknown(form: Form, row: int, following: int, above: tuple[Span, float] | None) -> list[Unknown]:
    """The rows between two that were made out, with what stands in the column of the values."""
    found: list[Unknown] = []
    for index in range(row + 1, following):
        higher = found[-1].span if found else above[0] if above else None
        span = form.in_column(index) or form.beneath(index, higher)
        if span is None:
            continue
        label = label_at(span.text, 0, LABELS)
        if label is None or span.text[label.end :].strip(" :.-"):
            found.append(Unknown(index, span, form.rows[index].text[: span.start]))
    return found


def _field(span: Span, value: str | None, trust: float = 1.0) -> FieldValue:
    return FieldValue(value, span.text, round(span.confidence * trust, 4), span.box)


def _words(text: str) -> str:
    return " ".join(text.upper().split())


def _letters(text: str) -> str:
    """Capitals, with a digit between two letters read as the letter it looks like."""
    return _INNER_DIGIT.sub(lambda match: {"0": "O", "1": "I", "5": "S"}[match[0]], _words(text))


def _by(name: str, rule: Callable[[str], tuple[str, float] | None]) -> Callable[[Span], dict[str, FieldValue]]:
    """A reader that takes what the rule makes of the text, and no value where that is nothing."""

    def read(span: Span) -> dict[str, FieldValue]:
        found = rule(span.text)
        return {name: _field(span, *found) if found else _field(span, None)}

    return read


def _chosen(name: str, words: vocabulary.Vocabulary) -> Callable[[Span], dict[str, FieldValue]]:
    return _by(name, lambda text: vocabulary.pick(text.rpartition(":")[2], words, labelled=True))


def _name(span: Span) -> dict[str, FieldValue]:
    """A digit in a name may be a letter misread: with that letter it is only proposed."""
    value = vocabulary.as_name(span.text)
    proposed = None if value else vocabulary.as_name(_letters(span.text))
    return {"name": replace(_field(span, value), proposed=proposed)}


def _birth(span: Span) -> dict[str, FieldValue]:
    """Place and date, each with its own box and confidence out of the one text."""
    when = find_date(span.text)
    until = when.start if when else len(span.text)
    before = span.text[:until].rstrip(" ,.-:;/")
    place = _letters(before).strip(" ,.-:;/")
    fields: dict[str, FieldValue] = {}
    known = nearest(place, places(), exact=True)
    if known or (place and not any(character.isdigit() for character in place)):
        field = _field(span.part(0, len(before)), known[0] if known else place)
        fields["birthPlace"] = replace(field, raw=span.text)
    if when:
        field = _field(span.part(until, when.end), when.iso)
        fields["birthDate"] = replace(field, raw=span.text, proposed=when.proposed)
    return fields


def _blood(span: Span) -> dict[str, FieldValue]:
    text = span.text.upper().replace("0", "O").replace("8", "B").strip(" :.")
    match = _BLOOD.fullmatch(text.replace(" ", ""))
    value = match[1] + (match[2] or "") if match else "-" if text and not text.strip("-–—_ ") else None
    return {"bloodType": _field(span, value)}


def _address(span: Span) -> dict[str, FieldValue]:
    words = vocabulary.street(_words(span.text))
    return {"address": _field(span, (words if span.measured else vocabulary.spaced(words)) or None)}


def _plain(name: str) -> Callable[[Span], dict[str, FieldValue]]:
    return lambda span: {name: _field(span, _words(span.text).strip(" .-") or None)}


def _valid_until(span: Span) -> dict[str, FieldValue]:
    when = find_date(span.text)
    if when:
        return {"validUntil": replace(_field(span, when.iso), proposed=when.proposed)}
    picked = vocabulary.pick(span.text, vocabulary.LIFELONG, labelled=True)
    return {"validUntil": _field(span, *picked) if picked else _field(span, None)}


READERS: dict[str, Callable[[Span], dict[str, FieldValue]]] = {
    "name": _name,
    "birth": _birth,
    "gender": _chosen("gender", vocabulary.GENDERS),
    "bloodType": _blood,
    "address": _address,
    "rtRw": _by("rtRw", rt_rw),
    "village": _plain("village"),
    "district": _plain("district"),
    "religion": _chosen("religion", vocabulary.RELIGIONS),
    "maritalStatus": _chosen("maritalStatus", vocabulary.MARITAL),
    "occupation": _by("occupation", vocabulary.occupation),
    "nationality": _by("nationality", vocabulary.citizenship),
    "validUntil": _valid_until,
}
