"""Other documents that people take for a KTP or NPWP: a driving licence, a passport, a family card. All invented."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from verification.specimen_fonts import choose_lettering
from verification.specimen_people import invent_name, invent_resident
from verification.specimen_sheets import (
    CARD_SIZE,
    RED,
    Sheet,
    draw_portrait,
    draw_signature,
    paper,
    printed_date,
)

PASSPORT_SIZE = (1240, 870)
FAMILY_SIZE = (1480, 1040)
MRZ_LONG = 44
LATEST = date(2025, 6, 1)
Values = dict[str, str]


def draw_licence(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """A driving licence: the holder's facts by number, not by label, and a number of another kind."""
    person = invent_resident(random)
    sheet = Sheet(paper(random, (236, 214, 214), (248, 244, 238)), choose_lettering(random, font_name))
    sheet.pen.rectangle((0, 0, CARD_SIZE[0], 104), fill=(176, 40, 44))
    sheet.write("SURAT IZIN MENGEMUDI", (330, 50), 36, bold=True, ink=(250, 246, 240))
    sheet.write("DRIVING LICENSE    INDONESIA    SPECIMEN", (330, 90), 26, ink=(250, 246, 240))
    sheet.write(random.choice(("A", "B1", "C")), (60, 88), 84, bold=True, ink=(250, 246, 240))
    number = "".join(str(random.randint(0, 9)) for _ in range(14))
    sheet.write_number(f"{number[:4]}-{number[4:8]}-{number[8:]}", (330, 160), 36)
    rows = (
        person["name"],
        f"{person['birthPlace']}, {printed_date(person['birthDate'])}",
        f"{person['bloodType']} - {'WANITA' if person['gender'] == 'PEREMPUAN' else 'PRIA'}",
        person["address"],
        f"{person['village']} {person['regency']}",
        person["occupation"],
        f"POLDA {person['province']}",
    )
    for place, text in enumerate(rows):
        sheet.write(f"{place + 1}. {text}", (330, 214 + 46 * place), 28, room=650)
    draw_portrait(sheet, (60, 150), random, (70, 98, 190), woman=person["gender"] == "PEREMPUAN")
    ends = LATEST + timedelta(days=random.randrange(1800))
    sheet.write(printed_date(ends.isoformat()), (60, 490), 28)
    draw_signature(sheet, 90, 520, random)
    return sheet


def draw_passport(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """The page of a passport with its holder: two languages, and two lines for machines."""
    person = invent_resident(random)
    tints = ((204, 224, 214), (236, 240, 226))
    sheet = Sheet(paper(random, *tints, size=PASSPORT_SIZE), choose_lettering(random, font_name))
    sheet.write("REPUBLIK INDONESIA    REPUBLIC OF INDONESIA", (620, 70), 34, anchor="ms", bold=True)
    sheet.write("PASPOR PASSPORT    SPECIMEN", (620, 116), 28, anchor="ms", ink=RED)
    number = f"X{random.randint(1_000_000, 9_999_999)}"
    issued = LATEST - timedelta(days=random.randrange(1500))
    ends = date(issued.year + 10, issued.month, min(issued.day, 28))
    rows = (
        ("No. Paspor / Passport No.", number),
        ("Nama Lengkap / Full Name", person["name"]),
        ("Kewarganegaraan / Nationality", "INDONESIA"),
        ("Tgl. Lahir / Date of Birth", printed_date(person["birthDate"], " ")),
        ("Tempat Lahir / Place of Birth", person["birthPlace"]),
        ("Tgl. Pengeluaran / Date of Issue", printed_date(issued.isoformat(), " ")),
        ("Tgl. Habis Berlaku / Date of Expiry", printed_date(ends.isoformat(), " ")),
    )
    for place, (label, text) in enumerate(rows):
        y = 176 + 74 * place
        sheet.write(label, (360, y), 19)
        sheet.write(text, (360, y + 32), 29, room=820)
    draw_portrait(sheet, (70, 200), random, (224, 228, 230), woman=person["gender"] == "PEREMPUAN")
    for place, line in enumerate(_machine_lines(person, number)):
        sheet.write(line, (40, 770 + 52 * place), 40, room=1160)
    return sheet


def _machine_lines(person: Values, number: str) -> tuple[str, str]:
    first, *others = "".join(c if c.isalpha() else " " for c in person["name"]).split()
    upper = f"P<IDN{first}<<{'<'.join(others)}"[:MRZ_LONG]
    born = date.fromisoformat(person["birthDate"])
    lower = f"{number}<0IDN{born:%y%m%d}0{'F' if person['gender'] == 'PEREMPUAN' else 'M'}"
    return upper.ljust(MRZ_LONG, "<"), lower.ljust(MRZ_LONG, "<")


def draw_family_card(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """A family card: a table of several people, each with a name and a number."""
    head = invent_resident(random)
    sheet = Sheet(
        paper(random, (206, 226, 238), (240, 246, 248), size=FAMILY_SIZE), choose_lettering(random, font_name)
    )
    sheet.write("KARTU KELUARGA", (740, 90), 52, anchor="ms", bold=True)
    sheet.write(f"No. {head['nik'][:12]}{random.randint(9001, 9999)}", (740, 140), 34, anchor="ms")
    sheet.write("SPECIMEN", (1300, 80), 40, anchor="ms", bold=True, ink=RED)
    facts = (
        ("Nama Kepala Keluarga", head["name"]),
        ("Alamat", head["address"]),
        ("RT/RW", head["rtRw"]),
        ("Desa/Kelurahan", head["village"]),
        ("Kecamatan", head["district"]),
        ("Kabupaten/Kota", head["regency"]),
    )
    for place, (label, text) in enumerate(facts):
        sheet.write(f"{label} : {text}", (60, 196 + 32 * place), 23)
    _draw_members(sheet, head, random)
    sheet.write(f"Dikeluarkan Tanggal : {printed_date(head['issuedDate'])}", (60, 960), 24)
    draw_signature(sheet, 1180, 900, random)
    return sheet


def _draw_members(sheet: Sheet, head: Values, random: Random) -> None:
    titles = ("No", "Nama Lengkap", "NIK", "Jenis Kelamin", "Tempat Lahir", "Tanggal Lahir", "Agama")
    edges = (50, 110, 520, 800, 960, 1180, 1330, 1440)
    top, high, rows = 420, 52, random.randint(3, 6)
    for place, title in enumerate(titles):
        sheet.write(title, ((edges[place] + edges[place + 1]) / 2, top + 34), 20, anchor="ms", bold=True)
    for row in range(1, rows + 1):
        person = head if row == 1 else invent_resident(random)
        name = head["name"] if row == 1 else invent_name(random, woman=person["gender"] == "PEREMPUAN")
        born = printed_date(person["birthDate"])
        texts = (str(row), name, person["nik"], person["gender"], person["birthPlace"], born, person["religion"])
        for place, text in enumerate(texts):
            room = edges[place + 1] - edges[place] - 14
            sheet.write(text, (edges[place] + 7, top + high * row + 34), 20, room=room)
    for edge in edges:
        sheet.pen.line((edge, top, edge, top + high * (rows + 1)), fill=sheet.ink, width=2)
    for row in range(rows + 2):
        sheet.pen.line((edges[0], top + high * row, edges[-1], top + high * row), fill=sheet.ink, width=2)
