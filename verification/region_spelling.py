"""One form for the many ways in which cards, registers and OCR write the name of a region."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from verification.labels import distance

Kind = Literal["KAB", "KOTA"]
LOOKALIKES = str.maketrans("01L|!5$86Q", "OIIIISSBGO")
NUMERAL_LOOKALIKES = str.maketrans("1L|!", "IIII")
SHORT_FORMS = {
    "KEP": "KEPULAUAN", "SEI": "SUNGAI", "GN": "GUNUNG", "GNG": "GUNUNG", "TJ": "TANJUNG", "TJG": "TANJUNG",
    "TG": "TANJUNG", "KR": "KRUENG", "PP": "PULAU PULAU",
}  # fmt: skip
NUMBERS = ("SATU", "DUA", "TIGA", "EMPAT", "LIMA", "ENAM", "TUJUH", "DELAPAN", "SEMBILAN", "SEPULUH")
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV")
PROVINCE_WORDS = {"PROVINSI", "PROPINSI", "PROV", "PROP"}
DISTRICT_WORDS = {"KECAMATAN", "KEC", "DISTRIK"}
WORD_OF_REGENCY = "KABUPATEN"
MISREAD_WORD = 2  # letters of KABUPATEN that OCR may have wrong
_MARKS_INSIDE = re.compile(r"['`´’‘]")
_WORD = re.compile(r"[A-Z0-9|!$]+")
_ROMAN = re.compile(r"[IVX]{1,5}")
_KIND = re.compile(r"(KABUPATEN|KAB|KOTAMADYA|KODYA|KOTA)(?:ADMINISTRASI|ADMINISTRATIF|ADM)?(.+)")
_LONG_PROVINCE = re.compile(r"(?:PROVINSI|PROPINSI)(?=.)")  # stuck to the name
_GLUED_SHORT_FORM = re.compile(r"KEP(?!UIAUAN)(.{3,})")


@dataclass(frozen=True, slots=True)
class Spelling:
    """Letters and digits without blanks, lookalikes made one; the kind of a regency where it is written."""

    letters: str
    kind: Kind | None = None

    def another_kind(self, other: Spelling) -> bool:
        return self.kind is not None and other.kind is not None and self.kind != other.kind

    def matches(self, other: Spelling) -> bool:
        return self.letters == other.letters and not self.another_kind(other)


def spellings(text: str) -> frozenset[Spelling]:
    """Of a district: as it stands, without what is in brackets or behind a slash, and with its numerals made one."""
    return frozenset(Spelling(letters) for part in _readings(text) for letters in _forms(part, DISTRICT_WORDS))


def province_spellings(text: str) -> frozenset[Spelling]:
    """DAERAH ISTIMEWA is DI, whatever the province."""
    forms = {letters for part in _readings(text) for letters in _forms(part, PROVINCE_WORDS)}
    plain = {_LONG_PROVINCE.sub("", form).replace("DAERAHISTIMEWA", "DI") for form in forms}
    return frozenset(found for letters in plain for found in _with_kind(letters, None))


def regency_spellings(text: str) -> frozenset[Spelling]:
    """With the kind split off; "KOTA BARU" may be the city of Baru or the regency of Kotabaru."""
    found: set[Spelling] = set()
    for part in _readings(text):
        for letters in _forms_of(_with_repaired_kind(_words(part))):
            kind = _KIND.fullmatch(letters)
            if kind:
                found.update(_with_kind(kind[2], "KAB" if kind[1].startswith("KAB") else "KOTA"))
            if not kind or not kind[1].startswith("KAB"):
                found.update(_with_kind(letters, None))
    return frozenset(found)


def _with_kind(letters: str, kind: Kind | None) -> set[Spelling]:
    glued = _GLUED_SHORT_FORM.fullmatch(letters)
    return {Spelling(letters, kind), *({Spelling(f"KEPUIAUAN{glued[1]}", kind)} if glued else ())}


def _readings(text: str) -> set[str]:
    return {text, re.split(r"[(/]", text, maxsplit=1)[0]}


def _forms(text: str, heads: set[str]) -> set[str]:
    words = _words(text)
    return _forms_of(words[1:] if len(words) > 1 and words[0] in heads else words)


def _forms_of(words: list[str]) -> set[str]:
    full = " ".join(SHORT_FORMS.get(word, word) for word in words).split()
    return _counted(words) | _counted(full) if full != words else _counted(words)


def _counted(words: list[str]) -> set[str]:
    """The letters of all words, and the same with a sign for each numeral."""
    if not words:
        return set()
    spaced_out = all(len(word) == 1 for word in words)
    numbers = [None if spaced_out else _number(word) for word in words]
    plain = "".join(words).translate(LOOKALIKES)
    if not any(numbers):
        return {plain}
    counted = (f"#{number}#" if number else word for word, number in zip(words, numbers, strict=True))
    return {plain, "".join(part if part[0] == "#" else part.translate(LOOKALIKES) for part in counted)}


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", _MARKS_INSIDE.sub("", text.upper()))
    without_accents = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _WORD.findall(without_accents)


def _number(word: str) -> int | None:
    """II, 2, 11 as OCR reads II, and DUA."""
    roman = word.translate(NUMERAL_LOOKALIKES)
    if _ROMAN.fullmatch(roman) and roman in ROMAN:
        return ROMAN.index(roman) + 1
    if word in NUMBERS:
        return NUMBERS.index(word) + 1
    return int(word) if word.isdigit() and len(word) <= 2 else None


def _with_repaired_kind(words: list[str]) -> list[str]:
    """KABUPATFN is KABUPATEN; KABUPATENP is the word and the first letter of the name."""
    first = words[0] if words else ""
    near = abs(len(first) - len(WORD_OF_REGENCY)) <= 1 and not first.startswith(WORD_OF_REGENCY)
    return [WORD_OF_REGENCY, *words[1:]] if near and distance(first, WORD_OF_REGENCY) <= MISREAD_WORD else words
