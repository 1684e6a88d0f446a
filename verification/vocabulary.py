"""The words a KTP field can hold, with the spellings that cards and OCR give them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from verification.labels import distance, folded

LETTERS_PER_SLIP = 5  # a short word must be right; one wrong letter is forgiven for each so many
_ABBREVIATION = re.compile(r"\b(JL|JLN|NO|GG|KP|DS|DSN|BLK|KOMP|PERUM|RT|RW|KEL|KEC|KAB)\.(?=[A-Z0-9])")
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
    return pick(text, OCCUPATIONS) or ((printed, 1.0) if printed else None)


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


def pick(text: str, words: Vocabulary) -> tuple[str, float] | None:
    """The value that text spells and how alike they are; None when none or two are close.

    Blanks and punctuation don't count. Words after a value are given up one by one: what stands there is noise.
    """
    pieces = text.split()
    for length in range(len(pieces), 0, -1):
        found = _closest(folded("".join(pieces[:length])), words)
        if found:
            return found
    return None


def _closest(plain: str, words: Vocabulary) -> tuple[str, float] | None:
    near: dict[str, int] = {}
    for value, spellings in words.items():
        for spelling in spellings:
            known = folded(spelling)
            allowed = len(known) // LETTERS_PER_SLIP
            if abs(len(known) - len(plain)) <= allowed:
                edits = distance(plain, known)
                if edits <= min(allowed, near.get(value, allowed)):
                    near[value] = edits
    ranked = sorted((edits, value) for value, edits in near.items())
    if not ranked or not plain or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1], 1 - ranked[0][0] / len(plain)
