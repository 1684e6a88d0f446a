"""Which field of a KTP a row is, where its label could not be made out: by its place in the order that every card has.

Between two rows whose labels were read stand the fields between them, in order, some on two lines. Of all ways to
deal the rows out the one is taken that fits best: what a text can be, how like its label is, and no field left out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

from verification import vocabulary
from verification.dates import find_date
from verification.identity_numbers import ASCII_DIGITS, digit_share
from verification.ktp_places import rt_rw
from verification.labels import distance, folded
from verification.layout import Span

LABELS = {
    "nik": ("NIK",),
    "name": ("NAMA", "NAMA LENGKAP"),
    "birth": ("TEMPAT TGL LAHIR", "TEMPAT TANGGAL LAHIR", "TEMPAT LAHIR", "TGL LAHIR", "TANGGAL LAHIR"),
    "gender": ("JENIS KELAMIN", "KELAMIN"),
    "bloodType": ("GOL DARAH", "GOLONGAN DARAH"),
    "address": ("ALAMAT",),
    "rtRw": ("RTRW",),
    "village": ("KEL DESA", "DESA KEL", "KELURAHAN DESA", "DESA KELURAHAN", "KELURAHAN", "DESA"),
    "district": ("KECAMATAN", "KEC"),
    "religion": ("AGAMA",),
    "maritalStatus": ("STATUS PERKAWINAN", "STATUS"),
    "occupation": ("PEKERJAAN",),
    "nationality": ("KEWARGANEGARAAN", "WARGANEGARA"),
    "validUntil": ("BERLAKU HINGGA", "BERLAKU SD", "BERLAKU SAMPAI", "MASA BERLAKU"),
}
ORDER = tuple(name for name in LABELS if name != "bloodType")  # from top to bottom
WRAPPING = {"name", "birth", "address", "religion", "occupation"}  # often go on in a second line
PLAIN_TEXT = {"name", "address", "village", "district", "occupation"}
CLOSED = {
    "gender": vocabulary.GENDERS,
    "religion": vocabulary.RELIGIONS,
    "maritalStatus": vocabulary.MARITAL,
    "nationality": vocabulary.NATIONALITIES,
    "validUntil": vocabulary.LIFELONG,
}
DATED = {"birth", "validUntil"}
CERTAIN, LIKELY, POSSIBLE, UNLIKELY = 3.0, 1.5, 1.0, -0.5  # that a text is a value of a field
WITH_DIGITS = -1.0  # a name with digits in it
CONTINUES, CONTINUES_ODDLY = 0.2, -1.5  # a second line of a field that often has one, and of one that never has
LEFT_OUT = -0.4  # a field that has no row
UNUSED = -0.3  # a row that is no field's
LABEL_WEIGHT, CHANCE_LIKENESS = 3.0, 0.35  # any two words are about so much alike
MOST_DIGITS_OF_A_NAME = 1


@dataclass(frozen=True, slots=True)
class Unknown:
    """A row without a label that was made out: what stands in the column of the values, and what before it."""

    row: int
    span: Span
    before: str


def dealt(rows: Sequence[Unknown], last: str, missing: Sequence[str]) -> dict[int, str]:
    """The field of each row that is one's. `missing` are those that may stand here, in order, and have no text yet.

    `last` is the field above the first row, which goes on in it if it may.
    """
    names = [last, *missing]
    best: dict[int, tuple[float, dict[int, str]]] = {0: (0.0, {})}
    for unknown in rows:
        now: dict[int, tuple[float, dict[int, str]]] = {}
        for at, (worth, fields) in best.items():
            for then in range(at, len(names)):
                name = names[then]
                gain = _goes_on(name, unknown, missing) if then == at else fit(name, unknown)
                option = worth + gain + LEFT_OUT * max(then - at - 1, 0)
                if then not in now or option > now[then][0]:
                    now[then] = (option, {**fields, unknown.row: name})
            if at not in now or worth + UNUSED > now[at][0]:
                now[at] = (worth + UNUSED, fields)
        best = now
    return max(best.items(), key=lambda pair: pair[1][0] + LEFT_OUT * (len(missing) - pair[0]))[1][1]


def _goes_on(name: str, unknown: Unknown, missing: Sequence[str]) -> float:
    other = any(certainty(field, unknown.span.text) == CERTAIN for field in missing)
    return (CONTINUES if name in WRAPPING and not folded(unknown.before) else CONTINUES_ODDLY) - CERTAIN * other


def fit(name: str, unknown: Unknown) -> float:
    """How well a row fits a field."""
    label = folded(unknown.before)
    likeness = max((_likeness(label, spelling) for spelling in LABELS[name]), default=0.0) if label else CHANCE_LIKENESS
    return certainty(name, unknown.span.text) + LABEL_WEIGHT * (likeness - CHANCE_LIKENESS)


def certainty(name: str, text: str) -> float:
    """How surely a text is a value of a field, by what it is."""
    count = sum(character in ASCII_DIGITS for character in text)
    if name in PLAIN_TEXT:
        return WITH_DIGITS if name != "address" and count > MOST_DIGITS_OF_A_NAME else POSSIBLE
    if name == "rtRw":
        return CERTAIN if rt_rw(text) else LIKELY if digit_share(text.replace("/", "")) >= 0.6 else UNLIKELY
    if name in DATED and (find_date(text) or count > 3):
        return CERTAIN if find_date(text) else LIKELY
    if name in CLOSED and vocabulary.pick(text, CLOSED[name]):
        return CERTAIN
    return LIKELY if name in CLOSED and vocabulary.pick(text, CLOSED[name], labelled=True) else UNLIKELY


def _likeness(label: str, spelling: str) -> float:
    plain = _plain(spelling)
    return 1 - distance(label, plain) / max(len(label), len(plain))


@cache
def _plain(spelling: str) -> str:
    return folded(spelling)


def missing_between(last: str, following: str | None, found: Collection[str]) -> list[str]:
    """The fields between two in the card's order that have no text yet; all later ones if the two stand against it."""
    start = ORDER.index(last) + 1
    stop = ORDER.index(following) if following else len(ORDER)
    return [name for name in ORDER[start : stop if stop >= start else len(ORDER)] if name not in found]
