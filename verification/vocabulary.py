"""The words a KTP field can hold, with the spellings that cards and OCR give them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from verification.labels import distance, folded, folded_spelling

LETTERS_PER_SLIP = 5  # a short word must be right; one wrong letter is forgiven for each so many
LABELLED_LETTERS_PER_SLIP = 3
_ABBREVIATION = re.compile(r"\b(JL|JLN|NO|GG|KP|DS|DSN|BLK|KOMP|PERUM|RT|RW|KEL|KEC|KAB)\.(?=[A-Z0-9])")
_STREET = re.compile(r"\bJ[I1|](?=[. ])")
_TITLE = re.compile(r"(?:(?:[A-Z]{1,4}\.){2,}|, ?[A-Z]{1,4}\.)$")  # S.H., M.KOM.
SHORTEST_COUNTRY = 4  # letters
Vocabulary = Mapping[str, Sequence[str]]  # normalised value -> spellings

GENDERS: Vocabulary = {"LAKI-LAKI": ("LAKI-LAKI", "LAKI"), "PEREMPUAN": ("PEREMPUAN", "WANITA")}
RELIGIONS: Vocabulary = {
    "ISLAM": ("ISLAM",),
    "KRISTEN": ("KRISTEN", "KRISTEN PROTESTAN", "PROTESTAN"),
    "KATOLIK": ("KATOLIK", "KATHOLIK", "KRISTEN KATOLIK"),
    "HINDU": ("HINDU",),
    "BUDDHA": ("BUDDHA", "BUDHA"),
    "KONGHUCU": ("KONGHUCU", "KHONGHUCU", "KONG HU CHU"),
    "KEPERCAYAAN TERHADAP TUHAN YME": (
        "KEPERCAYAAN TERHADAP TUHAN YME",
        "KEPERCAYAAN THD TUHAN YME",
        "KEPERCAYAAN",
        "KEPERCAYAAN TERHADAP TUHAN YANG MAHA ESA",
    ),
}
MARITAL: Vocabulary = {name: (name,) for name in ("BELUM KAWIN", "KAWIN", "CERAI HIDUP", "CERAI MATI")}
NATIONALITIES: Vocabulary = {"WNI": ("WNI", "VVNI", "INDONESIA"), "WNA": ("WNA", "VVNA")}
LIFELONG: Vocabulary = {"SEUMUR HIDUP": ("SEUMUR HIDUP",)}
CITIZENS = ("WNI", "WNA")
OCCUPATIONS: Vocabulary = {
    name: (name,)
    for name in (
        "BELUM/TIDAK BEKERJA",
        "MENGURUS RUMAH TANGGA",
        "PELAJAR/MAHASISWA",
        "PENSIUNAN",
        "PEGAWAI NEGERI SIPIL",
        "TENTARA NASIONAL INDONESIA",
        "KEPOLISIAN RI",
        "PERDAGANGAN",
        "PETANI/PEKEBUN",
        "PETERNAK",
        "NELAYAN/PERIKANAN",
        "INDUSTRI",
        "KONSTRUKSI",
        "TRANSPORTASI",
        "KARYAWAN SWASTA",
        "KARYAWAN BUMN",
        "KARYAWAN BUMD",
        "KARYAWAN HONORER",
        "BURUH HARIAN LEPAS",
        "BURUH TANI/PERKEBUNAN",
        "BURUH NELAYAN/PERIKANAN",
        "BURUH PETERNAKAN",
        "PEMBANTU RUMAH TANGGA",
        "TUKANG CUKUR",
        "TUKANG LISTRIK",
        "TUKANG BATU",
        "TUKANG KAYU",
        "TUKANG JAHIT",
        "PENATA RIAS",
        "MEKANIK",
        "SENIMAN",
        "TABIB",
        "PERANCANG BUSANA",
        "PENTERJEMAH",
        "IMAM MASJID",
        "PENDETA",
        "PASTOR",
        "WARTAWAN",
        "USTADZ/MUBALIGH",
        "JURU MASAK",
        "DOSEN",
        "GURU",
        "PILOT",
        "PENGACARA",
        "NOTARIS",
        "ARSITEK",
        "AKUNTAN",
        "KONSULTAN",
        "DOKTER",
        "BIDAN",
        "PERAWAT",
        "APOTEKER",
        "PSIKIATER/PSIKOLOG",
        "PELAUT",
        "PENELITI",
        "SOPIR",
        "PIALANG",
        "PARANORMAL",
        "PEDAGANG",
        "PERANGKAT DESA",
        "KEPALA DESA",
        "BIARAWATI",
        "WIRASWASTA",
    )
}


def street(address: str) -> str:
    """The address with its "JL." right: printed in small letters its l is read as I, and "JI." is no word."""
    return _STREET.sub("JL", address)


def spaced(address: str) -> str:
    """The blank after "JL." and its like, which OCR loses as often as cards leave it out."""
    return _ABBREVIATION.sub(r"\1. ", address)


def as_name(text: str) -> str | None:
    """A person's name in capitals, or None for a text that is none: what has a colon or a digit is something else."""
    name = " ".join(text.upper().split()).strip(" .,-")
    if not name or ":" in name or any(character.isdigit() for character in name):
        return None
    with_dot = f"{name}."
    return with_dot if text.rstrip(" ,-").endswith(".") and _TITLE.search(with_dot) else name


def occupation(text: str) -> tuple[str, float] | None:
    """One of the list where it is near to one, else as printed."""
    printed = " ".join(text.upper().split()).strip(" .-")
    return pick(text, OCCUPATIONS, labelled=True) or ((printed, 1.0) if printed else None)


def citizenship(text: str) -> tuple[str, float] | None:
    """WNI or WNA, with at most one letter wrong where only one of them is so near; else a country by its name."""
    picked = pick(text, NATIONALITIES)
    plain = folded(text)
    near = [name for name in CITIZENS if distance(plain, folded(name)) <= 1]
    if picked or len(near) == 1:
        return picked or (near[0], 1 - 1 / len(near[0]))
    country = " ".join(text.upper().split()).strip(" .-")
    lettered = country.replace(" ", "").isalpha() and len(country.replace(" ", "")) >= SHORTEST_COUNTRY
    other = country.startswith("WN") or any(
        pick(text, words) for words in (GENDERS, RELIGIONS, MARITAL, OCCUPATIONS, LIFELONG)
    )
    return (country, 1.0) if lettered and not other else None


def pick(text: str, words: Vocabulary, *, labelled: bool = False) -> tuple[str, float] | None:
    """The value that text spells and how alike they are; None when none or two are close.

    Blanks and punctuation don't count. Words after a value are given up one by one: what stands there is noise.
    Where its label says that it must be one of the list, a text may be spelt worse as long as all others are far.
    """
    pieces = text.split()
    for length in range(len(pieces), 0, -1):
        found = _closest(folded("".join(pieces[:length])), words, LETTERS_PER_SLIP)
        if found:
            return found
    return _closest(folded("".join(pieces)), words, LABELLED_LETTERS_PER_SLIP) if labelled else None


def _closest(plain: str, words: Vocabulary, letters_per_slip: int) -> tuple[str, float] | None:
    """The value with the fewest slips, where every other one has more."""
    near: list[tuple[int, int, str]] = []
    for value, spellings in words.items():
        for spelling in spellings:
            known = folded_spelling(spelling)
            allowed = len(known) // letters_per_slip
            if abs(len(known) - len(plain)) <= 2 * allowed + 1:
                near.append((distance(plain, known), allowed, value))
    best = min(((edits, value) for edits, allowed, value in near if edits <= allowed), default=None)
    if best is None or not plain:
        return None
    edits, value = best
    rivals = [other for other, _, name in near if name != value]
    if min(rivals, default=len(plain)) <= edits:
        return None
    return value, 1 - edits / len(plain)
