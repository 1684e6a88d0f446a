"""Draws specimen KTP and NPWP cards flat, as print would be, and notes where every value stands.

Cards of one kind differ as those of many print shops do: spelling of labels, place of the colons, weight, tint, wraps.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from verification.specimen_fonts import choose_lettering
from verification.specimen_sheets import (
    CARD_SIZE,
    RED,
    Colour,
    PixelBox,
    Sheet,
    draw_portrait,
    draw_signature,
    paper,
    printed_date,
)

KTP_LABELS: dict[str, tuple[str, ...]] = {
    "name": ("Nama", "Nama", "Nama Lengkap"),
    "birth": ("Tempat/Tgl Lahir", "Tempat/Tgl. Lahir", "Tempat / Tgl Lahir", "Tempat/Tgl.Lahir"),
    "gender": ("Jenis Kelamin", "Jenis kelamin"),
    "address": ("Alamat",),
    "rtRw": ("RT/RW", "RT/RW", "RT / RW"),
    "village": ("Kel/Desa", "Kel/Desa", "Kel / Desa", "Desa/Kel"),
    "district": ("Kecamatan",),
    "religion": ("Agama",),
    "maritalStatus": ("Status Perkawinan", "Status perkawinan"),
    "occupation": ("Pekerjaan",),
    "nationality": ("Kewarganegaraan",),
    "validUntil": ("Berlaku Hingga", "Berlaku hingga"),
}
BLOOD_LABELS = ("Gol. Darah", "Gol. Darah", "Gol Darah", "Gol. darah")
INDENTED = {"rtRw", "village", "district"}
MONTHS = (
    *("JANUARI", "FEBRUARI", "MARET", "APRIL", "MEI", "JUNI"),
    *("JULI", "AGUSTUS", "SEPTEMBER", "OKTOBER", "NOVEMBER", "DESEMBER"),
)
CAPITALS_SHARE = 0.1  # of cards whose labels are in capitals
SMALL_SHARE = 0.06  # of cards whose values are not
COLONS = ("column",) * 14 + ("stuck",) * 3 + ("near",) * 2 + ("none",)  # where they stand, if anywhere
INKS: tuple[Colour, ...] = ((24, 26, 38), (18, 18, 20), (52, 54, 62), (38, 42, 70))
KTP_PAPERS: tuple[tuple[Colour, Colour], ...] = (
    ((160, 198, 228), (200, 226, 243)),
    ((150, 200, 214), (206, 232, 236)),
    ((172, 196, 232), (214, 222, 246)),
)
FOREIGN_PAPER: tuple[Colour, Colour] = ((238, 186, 140), (250, 222, 190))
OLD_PAPERS: tuple[tuple[Colour, Colour], ...] = (
    ((236, 190, 78), (250, 230, 150)),
    ((236, 238, 236), (250, 250, 246)),
    ((232, 214, 120), (196, 220, 240)),
)
NEW_PAPERS: tuple[tuple[Colour, Colour], ...] = (
    ((226, 214, 120), (246, 240, 190)),
    ((176, 204, 234), (232, 240, 248)),
    ((240, 222, 130), (200, 222, 238)),
)
MINISTRIES = ("KEMENTERIAN KEUANGAN REPUBLIK INDONESIA", "DEPARTEMEN KEUANGAN REPUBLIK INDONESIA")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the rows of one card stand."""

    labels: float
    colons: float
    values: float
    room: float  # for values
    size: int
    colon: str


def draw_ktp(values: dict[str, str], random: Random, font_name: str | None = None) -> Sheet:
    tints = random.choice(KTP_PAPERS) if values["nationality"] == "WNI" else FOREIGN_PAPER
    sheet = Sheet(paper(random, *tints), choose_lettering(random, font_name), random.choice(INKS))
    _draw_heading(sheet, values, random)
    left, colons = random.uniform(26, 44), random.uniform(226, 252)
    columns = Columns(
        left, colons, colons + random.uniform(14, 22), 470, random.choice((23, 24, 24, 25)), random.choice(COLONS)
    )
    y = random.uniform(138, 150)
    size = random.choice((38, 40, 42))
    sheet.write("NIK", (left, y), size - 4, bold=True)
    sheet.write(":", (min(colons, left + random.uniform(110, 220)), y), size - 4)
    sheet.write_number(values["nik"], (columns.values, y), size, name="nik", room=480)
    _draw_rows(sheet, values, columns, y + random.uniform(4, 12), random)
    _draw_right_side(sheet, values, random)
    return sheet


def _draw_heading(sheet: Sheet, values: dict[str, str], random: Random) -> None:
    middle, size, top = 505 + random.uniform(-30, 12), random.choice((28, 30, 32)), random.uniform(44, 56)
    bold = random.random() < 0.7
    start = sheet.length("PROVINSI ", size, bold=bold)
    line = sheet.write(f"PROVINSI {values['province']}", (middle, top), size, anchor="ms", room=900, bold=bold)
    sheet.note("province", (line[0] + start, line[1], line[2], line[3]))
    sheet.write(values["regency"], (middle, top + size + 6), size, name="regency", anchor="ms", room=900, bold=bold)


def _ktp_texts(values: dict[str, str]) -> dict[str, str]:
    born = f"{values['birthPlace']}, {printed_date(values['birthDate'])}"
    return {**values, "birth": born, "validUntil": printed_date(values["validUntil"])}


def _draw_rows(sheet: Sheet, values: dict[str, str], columns: Columns, top: float, random: Random) -> None:
    shown = _ktp_texts(values)
    rows = {name: lines_within(sheet, shown[name], columns.size, columns.room) for name in KTP_LABELS}
    pitch = min(random.uniform(34, 37), (620 - top) / sum(len(lines) for lines in rows.values()))
    size = min(columns.size, int(pitch * 0.74))
    capitals, small, bold = random.random() < CAPITALS_SHARE, random.random() < SMALL_SHARE, random.random() < 0.15
    y = top + pitch
    for name, lines in rows.items():
        label = random.choice(KTP_LABELS[name])
        _draw_label(sheet, label.upper() if capitals else label, columns, y, size, indented=name in INDENTED)
        start = columns.colons + 9 if columns.colon == "stuck" else columns.values
        if name == "gender":
            _draw_blood(sheet, values, y, size, random)
        for line in lines:
            room = 230 if name == "gender" else columns.room
            shown_line = line.title() if small else line
            box = sheet.write(shown_line, (start, y), size, room=room, bold=bold)
            _note_row(sheet, name, shown_line, box, values)
            y += pitch


def _draw_label(sheet: Sheet, label: str, columns: Columns, y: float, size: int, *, indented: bool) -> None:
    left = columns.labels + (20 if indented else 0)
    box = sheet.write(label, (left, y), size, room=columns.colons - left - 8)
    if columns.colon != "none":
        sheet.write(":", (box[2] + 7 if columns.colon == "near" else columns.colons, y), size)


def _draw_blood(sheet: Sheet, values: dict[str, str], y: float, size: int, random: Random) -> None:
    left = random.uniform(510, 545)
    box = sheet.write(f"{random.choice(BLOOD_LABELS)} :", (left, y), size, room=158)
    sheet.write(values["bloodType"], (box[2] + random.uniform(8, 18), y), size, name="bloodType")


def _note_row(sheet: Sheet, name: str, line: str, box: PixelBox, values: dict[str, str]) -> None:
    """Notes a line under its field; place and date of birth stand on one line and are two fields."""
    if name != "birth":
        sheet.note(name, box)
        return
    left, top, right, bottom = box
    day = printed_date(values["birthDate"])
    if not line.endswith(day):
        sheet.note("birthPlace", box)
        return
    share = len(day) / len(line)
    before = line.removesuffix(day).rstrip(" ,")
    if before:
        long = sheet.length(line, 40)
        share = sheet.length(day, 40) / long
        sheet.note("birthPlace", (left, top, left + (right - left) * sheet.length(before, 40) / long, bottom))
    sheet.note("birthDate", (right - (right - left) * share, top, right, bottom))


def lines_within(sheet: Sheet, text: str, size: int, room: float) -> list[str]:
    """Words in lines no wider than the room; a longer word has its line alone."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and sheet.length(longer, size) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _draw_right_side(sheet: Sheet, values: dict[str, str], random: Random) -> None:
    left, top = random.uniform(742, 762), random.uniform(142, 166)
    backdrop = (186, 60, 60) if values["birthDate"][3] in "13579" else (70, 98, 190)
    draw_portrait(sheet, (left, top), random, backdrop, woman=values["gender"] == "PEREMPUAN")
    middle, y = left + 110 + random.uniform(-6, 6), top + random.uniform(310, 324)
    size = random.choice((20, 21, 22))
    sheet.write(values["issuedPlace"], (middle, y), size, name="issuedPlace", room=240, anchor="ms")
    sheet.write(printed_date(values["issuedDate"]), (middle, y + size + 6), size, name="issuedDate", anchor="ms")
    if random.random() < 0.75:
        draw_signature(sheet, middle - 75, y + size + 18, random)


def draw_npwp(values: dict[str, str], random: Random, font_name: str | None = None) -> Sheet:
    old = "npwpNumber" in values
    sheet = Sheet(
        paper(random, *random.choice(OLD_PAPERS if old else NEW_PAPERS)),
        choose_lettering(random, font_name),
        random.choice(INKS),
    )
    left = random.uniform(46, 74)
    _draw_tax_heading(sheet, random)
    y = _draw_tax_number(sheet, values, left, random)
    y = _draw_holder(sheet, values, left, y, random)
    sheet.write(values["taxOffice"], (left, y + 44), 25, name="taxOffice", room=600, bold=True)
    word = random.choice(("Terdaftar", "TERDAFTAR", "Tanggal Terdaftar"))
    box = sheet.write(f"{word} :", (left, y + 82), 24)
    day = _registered(values["registeredDate"], random)
    sheet.write(day, (box[2] + 12, y + 82), 24, name="registeredDate")
    sheet.write("SPECIMEN", (842, 580), 40, anchor="ms", bold=True, ink=RED)
    return sheet


def _registered(iso: str, random: Random) -> str:
    year, month, day = iso.split("-")
    worded = f"{day} {MONTHS[int(month) - 1]} {year}"
    return worded if random.random() < 0.15 else printed_date(iso, random.choice("--/"))


def _draw_tax_heading(sheet: Sheet, random: Random) -> None:
    """The ministry's two lines beside or above an emblem; the emblem is nobody's."""
    band = random.random() < 0.5
    colour: Colour = (28, 62, 128)
    if band:
        sheet.pen.rectangle((0, 0, CARD_SIZE[0], 134), fill=colour)
    ink: Colour = (246, 220, 96) if band else sheet.ink
    middle, y = random.uniform(500, 560), random.uniform(52, 66)
    sheet.write(random.choice(MINISTRIES), (middle, y), 27, anchor="ms", bold=True, ink=ink, room=760)
    sheet.write("DIREKTORAT JENDERAL PAJAK", (middle, y + 40), 30, anchor="ms", bold=True, ink=ink, room=760)
    emblem = (70, 66, 40) if random.random() < 0.6 else (856, 330, 78)
    sheet.pen.regular_polygon(emblem, 6, outline=ink if emblem[1] < 134 else colour, width=5)


def _draw_tax_number(sheet: Sheet, values: dict[str, str], left: float, random: Random) -> float:
    """The number, and how far down it reaches."""
    y, size = random.uniform(196, 220), random.choice((36, 38, 40))
    name = "npwpNumber" if "npwpNumber" in values else "npwp16"
    digits = values[name]
    if name == "npwp16" and random.random() < 0.5:
        digits = " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))
    labels = ("NPWP :", "NPWP :", "NPWP") if name == "npwpNumber" else ("NPWP16 :", "NPWP16 :", "NPWP :")
    if random.random() < 0.2:
        sheet.write("Nomor Pokok Wajib Pajak", (left, y - 12), 24)
        y += 36
        sheet.write_number(digits, (left, y), size, name=name, room=640)
    else:
        box = sheet.write(random.choice(labels), (left, y), size - 4, bold=True)
        sheet.write_number(digits, (box[2] + 16, y), size, name=name, room=560)
    return y


def _draw_holder(sheet: Sheet, values: dict[str, str], left: float, y: float, random: Random) -> float:
    y += random.uniform(46, 54)
    sheet.write(values["name"], (left, y), 29, name="name", room=640, bold=True)
    if "nik" in values:
        y += 40
        box = sheet.write(random.choice(("NIK :", "NIK :", "NIK")), (left, y), 26)
        sheet.write_number(values["nik"], (box[2] + 12, y), 27, name="nik", bold=False)
    y += 8
    for line in lines_within(sheet, values["address"], 24, 640):
        y += 33
        sheet.write(line, (left, y), 24, name="address", room=650)
    return y
