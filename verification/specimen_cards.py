"""Draws specimen cards flat, as print would be, and notes where every value stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from random import Random

from PIL import Image, ImageDraw, ImageFont

CARD_SIZE = (1011, 638)  # an ID-1 card at 300 dpi
INK = (24, 26, 38)
RED = (196, 30, 40)
PixelBox = tuple[float, float, float, float]  # left, top, right, bottom

KTP_LABELS = {
    "name": "Nama",
    "birth": "Tempat/Tgl Lahir",
    "gender": "Jenis Kelamin",
    "address": "Alamat",
    "rtRw": "RT/RW",
    "village": "Kel/Desa",
    "district": "Kecamatan",
    "religion": "Agama",
    "maritalStatus": "Status Perkawinan",
    "occupation": "Pekerjaan",
    "nationality": "Kewarganegaraan",
    "validUntil": "Berlaku Hingga",
}
INDENTED = {"rtRw", "village", "district"}


@dataclass
class Sheet:
    """A picture being drawn, and the pixel boxes of the values already on it."""

    image: Image.Image
    font_name: str | None = None
    boxes: dict[str, PixelBox] = field(default_factory=dict)

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    def font(self, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        if self.font_name is None:
            return ImageFont.load_default(size)
        return ImageFont.truetype(self.font_name, size)

    def write(
        self,
        text: str,
        at: tuple[float, float],
        size: int,
        *,
        name: str | None = None,
        room: float = 2000,
        anchor: str = "ls",
        weight: int = 0,
        ink: tuple[int, int, int] = INK,
    ) -> None:
        """Writes one line, made smaller when it is wider than its room; a named one is noted."""
        text = text.replace(" ", "  ")  # the bundled font sets words so close that no reader parts them
        font = self.font(size)
        while size > 10 and self.pen.textlength(text, font=font) > room:
            size -= 1
            font = self.font(size)
        self.pen.text(at, text, fill=ink, font=font, anchor=anchor, stroke_width=weight)
        if name:
            box = self.pen.textbbox(at, text, font=font, anchor=anchor, stroke_width=weight)
            self.note(name, box)

    def note(self, name: str, box: PixelBox) -> None:
        old = self.boxes.get(name, box)
        self.boxes[name] = (
            min(old[0], box[0]),
            min(old[1], box[1]),
            max(old[2], box[2]),
            max(old[3], box[3]),
        )


def new_sheet(random: Random, low: tuple[int, int, int], high: tuple[int, int, int], font_name: str | None) -> Sheet:
    """A card-sized sheet shaded from one tint to another, with pale security lines."""
    width, height = CARD_SIZE
    ramp = Image.linear_gradient("L").resize(CARD_SIZE)
    image = Image.composite(Image.new("RGB", CARD_SIZE, low), Image.new("RGB", CARD_SIZE, high), ramp)
    pen = ImageDraw.Draw(image)
    pale = tuple(min(255, channel + 12) for channel in low)
    for _ in range(14):
        left, top = random.randrange(-200, width), random.randrange(-200, height)
        span = random.randrange(200, 620)
        pen.ellipse((left, top, left + span, top + span // 2), outline=pale, width=2)
    return Sheet(image, font_name)


def wrap(text: str, most: int) -> list[str]:
    """Words in lines of at most so many characters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def printed_date(iso: str) -> str:
    """An ISO date as cards print it; anything else as it is (SEUMUR HIDUP)."""
    try:
        return date.fromisoformat(iso).strftime("%d-%m-%Y")
    except ValueError:
        return iso


def _draw_photo(sheet: Sheet, left: int, top: int, backdrop: tuple[int, int, int]) -> None:
    sheet.pen.rectangle((left, top, left + 220, top + 280), fill=backdrop)
    sheet.pen.ellipse((left + 62, top + 50, left + 158, top + 170), fill=(214, 176, 150))
    sheet.pen.pieslice((left + 56, top + 36, left + 164, top + 130), 180, 360, fill=(40, 34, 32))
    sheet.pen.pieslice((left + 20, top + 175, left + 200, top + 385), 180, 360, fill=(64, 72, 92))
    sheet.write("SPECIMEN", (left + 110, top + 246), 38, anchor="ms", weight=1, ink=(255, 240, 240))


def _ktp_rows(values: dict[str, str]) -> list[tuple[str, list[str]]]:
    shown = {**values, "birth": f"{values['birthPlace']}, {printed_date(values['birthDate'])}"}
    shown["validUntil"] = printed_date(values["validUntil"])
    return [(name, wrap(shown[name], 30)) for name in KTP_LABELS]


def draw_ktp(values: dict[str, str], random: Random, font_name: str | None = None) -> Sheet:
    sheet = new_sheet(random, (170, 205, 232), (196, 222, 240), font_name)
    sheet.write(f"PROVINSI {values['province']}", (505, 52), 32, name="province", anchor="ms", weight=1)
    sheet.write(values["regency"], (505, 90), 32, name="regency", anchor="ms", weight=1)
    sheet.write("NIK", (36, 142), 36, weight=1)
    sheet.write(":", (214, 142), 36)
    sheet.write(values["nik"], (240, 142), 38, name="nik", weight=1)
    rows = _ktp_rows(values)
    pitch = min(35.0, 445 / sum(len(lines) for _, lines in rows))
    y = 142 + pitch + 8
    for name, lines in rows:
        sheet.write(KTP_LABELS[name], (56 if name in INDENTED else 36, y), 23)
        sheet.write(":", (243, y), 23)
        room = 250 if name == "gender" else 460
        for line in lines:
            sheet.write(line, (258, y), 24, name=name, room=room)
            y += pitch
        if name == "gender":
            sheet.write("Gol. Darah :", (520, y - pitch), 23)
            sheet.write(values["bloodType"], (656, y - pitch), 24, name="bloodType")
    sheet.boxes["birthPlace"] = sheet.boxes["birthDate"] = sheet.boxes.pop("birth")
    _draw_photo(sheet, 752, 150, (186, 60, 60) if values["birthDate"][3] in "13579" else (70, 98, 190))
    sheet.write(values["issuedPlace"], (862, 490), 22, name="issuedPlace", room=250, anchor="ms")
    sheet.write(printed_date(values["issuedDate"]), (862, 520), 22, name="issuedDate", anchor="ms")
    return sheet


def _write_npwp_number(sheet: Sheet, values: dict[str, str], random: Random) -> float:
    """The number or numbers, and how far down they reach."""
    if "npwpNumber" in values:
        sheet.write("NPWP :", (60, 240), 36, weight=1)
        sheet.write(values["npwpNumber"], (200, 240), 38, name="npwpNumber", weight=1)
        return 240
    digits = values["npwp16"]
    grouped = " ".join(digits[i : i + 4] for i in range(0, 16, 4)) if random.random() < 0.5 else digits
    sheet.write("NPWP16 :", (60, 240), 36, weight=1)
    sheet.write(grouped, (240, 240), 38, name="npwp16", weight=1)
    return 240


def draw_npwp(values: dict[str, str], random: Random, font_name: str | None = None) -> Sheet:
    low, high = ((238, 196, 84), (248, 226, 150)) if "npwpNumber" in values else ((226, 214, 120), (246, 240, 190))
    sheet = new_sheet(random, low, high, font_name)
    sheet.write("KEMENTERIAN KEUANGAN REPUBLIK INDONESIA", (505, 70), 28, anchor="ms", weight=1)
    sheet.write("DIREKTORAT JENDERAL PAJAK", (505, 108), 28, anchor="ms", weight=1)
    y = _write_npwp_number(sheet, values, random) + 52
    sheet.write(values["name"], (60, y), 30, name="name", room=640, weight=1)
    if "nik" in values:
        y += 42
        sheet.write("NIK :", (60, y), 27)
        sheet.write(values["nik"], (130, y), 27, name="nik")
    for line in wrap(values["address"], 44):
        y += 36
        sheet.write(line, (60, y), 25, name="address", room=650)
    sheet.write(values["taxOffice"], (60, y + 52), 26, name="taxOffice", room=620, weight=1)
    sheet.write("Terdaftar :", (60, y + 90), 25)
    sheet.write(printed_date(values["registeredDate"]), (196, y + 90), 25, name="registeredDate")
    sheet.write("SPECIMEN", (850, 580), 40, anchor="ms", weight=1, ink=RED)
    sheet.pen.regular_polygon((850, 330, 84), 6, outline=RED, width=5)
    return sheet


def draw_receipt(random: Random, font_name: str | None = None) -> Sheet:
    """A till receipt: paper with words and sums on it that is no card of any kind."""
    sheet = Sheet(Image.new("RGB", CARD_SIZE, (244, 243, 238)), font_name)
    sheet.write("WARUNG KOPI SPECIMEN", (505, 80), 34, anchor="ms")
    goods = ("KOPI SUSU", "TEH MANIS", "ROTI BAKAR", "PISANG GORENG", "AIR MINERAL")
    for place, item in enumerate(random.sample(goods, 3)):
        y = 170 + 60 * place
        sheet.write(f"{random.randint(1, 4)} x {item}", (190, y), 28)
        sheet.write(f"{random.randint(5, 40)}.000", (820, y), 28, anchor="rs")
    sheet.write("TERIMA KASIH", (505, 470), 30, anchor="ms")
    return sheet


def draw_blank(random: Random, font_name: str | None = None) -> Sheet:
    """A card turned over: a tint, a stripe and the one word."""
    sheet = new_sheet(random, (205, 206, 204), (226, 226, 224), font_name)
    sheet.pen.rectangle((0, 80, CARD_SIZE[0], 170), fill=(52, 50, 50))
    sheet.write("SPECIMEN", (505, 560), 34, anchor="ms", ink=RED)
    return sheet
