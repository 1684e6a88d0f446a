"""What people hand in that is no card: paper, noise, a bare desk, a chat. All invented and marked SPECIMEN.

Every drawing takes the values of a card, of which there are none here, so that all kinds are drawn through one door.
"""

from __future__ import annotations

from random import Random

import cv2
import numpy as np
from PIL import Image

from verification.specimen_fonts import choose_lettering
from verification.specimen_people import invent_resident
from verification.specimen_photos import desk
from verification.specimen_sheets import CARD_SIZE, RED, Colour, Sheet, paper, wrap

CHAT_SIZE = (720, 1280)
Values = dict[str, str]


def draw_receipt(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """A till receipt: paper with words and sums on it that is no card of any kind."""
    sheet = Sheet(Image.new("RGB", CARD_SIZE, (244, 243, 238)), choose_lettering(random, font_name))
    sheet.write("WARUNG KOPI SPECIMEN", (505, 80), 34, anchor="ms")
    sheet.write(f"NOTA {random.randint(10_000, 99_999)}", (505, 118), 24, anchor="ms")
    goods = ("KOPI SUSU", "TEH MANIS", "ROTI BAKAR", "PISANG GORENG", "AIR MINERAL", "SOTO AYAM", "ES JERUK")
    for place, item in enumerate(random.sample(goods, random.randint(3, 5))):
        y = 190 + 54 * place
        sheet.write(f"{random.randint(1, 4)} x {item}", (190, y), 28)
        sheet.write(f"{random.randint(5, 40)}.000", (820, y), 28, anchor="rs")
    sheet.write("TERIMA KASIH", (505, 530), 30, anchor="ms")
    return sheet


def draw_blank(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """A card turned over: a tint, a stripe and the one word."""
    sheet = Sheet(paper(random, (205, 206, 204), (226, 226, 224)), choose_lettering(random, font_name))
    top = random.randint(50, 100)
    sheet.pen.rectangle((0, top, CARD_SIZE[0], top + 90), fill=(52, 50, 50))
    sheet.write("SPECIMEN", (505, 560), 34, anchor="ms", ink=RED)
    return sheet


def draw_npwp_back(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """The back of a tax card: rules for its holder and no word about him."""
    sheet = Sheet(paper(random, (214, 206, 160), (240, 236, 212)), choose_lettering(random, font_name))
    sheet.write("PERHATIAN", (505, 76), 32, anchor="ms", bold=True)
    rules = (
        "Kartu ini harap disimpan baik-baik dan apabila hilang, agar segera melaporkan ke Kantor Pelayanan Pajak.",
        "NPWP agar dicantumkan dalam hal berhubungan dengan dokumen perpajakan.",
        "Dalam hal wajib pajak pindah domisili, agar melaporkan diri ke Kantor Pelayanan Pajak.",
    )
    y = 132
    for number, rule in enumerate(rules, start=1):
        for place, line in enumerate(wrap(rule, 56)):
            sheet.write(line if place else f"{number}. {line}", (70 if place else 44, y), 26, room=920)
            y += 38
        y += 12
    sheet.write("www.pajak.go.id    Kring Pajak 1500200", (505, 520), 24, anchor="ms")
    sheet.write("SPECIMEN", (850, 598), 36, anchor="ms", bold=True, ink=RED)
    return sheet


def draw_noise(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """A sensor with nothing before it: noise, coarse or fine, grey or coloured."""
    chance = np.random.default_rng(random.getrandbits(32))
    coarse = random.choice((1, 2, 6, 20))
    shape = (CARD_SIZE[1] // coarse + 1, CARD_SIZE[0] // coarse + 1, random.choice((1, 3)))
    rough = chance.integers(0, 256, shape, dtype=np.uint8)
    rough = np.broadcast_to(rough, (*shape[:2], 3))
    picture = cv2.resize(np.ascontiguousarray(rough), CARD_SIZE, interpolation=cv2.INTER_CUBIC)
    sheet = Sheet(Image.fromarray(np.asarray(picture, dtype=np.uint8)), choose_lettering(random, font_name))
    return _stuck_on(sheet)


def draw_table(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """A bare desk."""
    sheet = Sheet(Image.fromarray(desk(CARD_SIZE, random)), choose_lettering(random, font_name))
    return _stuck_on(sheet)


def _stuck_on(sheet: Sheet) -> Sheet:
    """The word on a sticker in the corner."""
    sheet.pen.rectangle((24, 580, 190, 620), fill=(246, 246, 240))
    sheet.write("SPECIMEN", (107, 609), 26, anchor="ms", ink=RED)
    return sheet


def draw_chat(values: Values, random: Random, font_name: str | None = None) -> Sheet:
    """A screenshot of a chat in which somebody types a number and a name."""
    person = invent_resident(random)
    night = random.random() < 0.4
    ground: Colour = (14, 22, 28) if night else (232, 224, 214)
    sheet = Sheet(Image.new("RGB", CHAT_SIZE, ground), choose_lettering(random, font_name))
    sheet.pen.rectangle((0, 0, CHAT_SIZE[0], 110), fill=(24, 40, 46) if night else (20, 110, 96))
    sheet.write("< Kelurahan SPECIMEN", (30, 70), 32, ink=(250, 250, 250))
    y = 150.0
    for place, text in enumerate(_messages(person, random)):
        y = _bubble(sheet, text, y, mine=place % 2 == 1, night=night, random=random)
    sheet.pen.rounded_rectangle((20, 1190, 600, 1254), radius=30, fill=(40, 52, 58) if night else (255, 255, 255))
    sheet.write("Ketik pesan", (60, 1232), 26, ink=(140, 140, 140))
    return sheet


def _messages(person: Values, random: Random) -> list[str]:
    return [
        "Selamat pagi, mohon kirim data untuk pendaftaran ya",
        random.choice(("Baik kak", "Siap", "Ok sebentar")),
        "NIK dan nama lengkap sesuai KTP",
        f"NIK saya {person['nik']} atas nama {person['name']}",
        f"Alamat {person['address']} {person['district']}",
        "Terima kasih, foto KTP nya juga ya",
    ]


def _bubble(sheet: Sheet, text: str, y: float, *, mine: bool, night: bool, random: Random) -> float:
    lines = wrap(text, 34)
    wide = max(sheet.length(line, 27) for line in lines) + 40
    left = CHAT_SIZE[0] - 30 - wide if mine else 30
    theirs: Colour = (36, 48, 54) if night else (255, 255, 255)
    ours: Colour = (0, 92, 76) if night else (218, 248, 200)
    bottom = y + 40 * len(lines) + 46
    sheet.pen.rounded_rectangle((left, y, left + wide, bottom), radius=18, fill=ours if mine else theirs)
    ink: Colour = (236, 236, 236) if night else (20, 20, 20)
    for place, line in enumerate(lines):
        sheet.write(line, (left + 20, y + 40 + 40 * place), 27, ink=ink)
    clock = f"{random.randint(8, 17):02}.{random.randint(0, 59):02}"
    sheet.write(clock, (left + wide - 16, bottom - 10), 18, anchor="rs", ink=(140, 150, 150))
    return bottom + 22
