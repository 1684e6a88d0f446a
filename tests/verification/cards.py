"""Lines as an engine gives them, laid out by hand."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from ocr_gpu.engine import Box, OcrLine

Place = tuple[float, float]

TEXT_HEIGHT = 0.036
CHARACTER = 0.012


def line(x: float, y: float, text: str, confidence: float = 0.97) -> OcrLine:
    return OcrLine(text, confidence, Box(x, y, CHARACTER * len(text), TEXT_HEIGHT))


def ktp_lines(**changes: str) -> list[OcrLine]:
    """A whole KTP, label and value in boxes of their own; a change to "" leaves the value out."""
    values = {
        "nik": "3276014107909001",
        "name": "PUSPARINI KUSUMALAGA",
        "birth": "DEPOK, 01-07-1990",
        "gender": "PEREMPUAN",
        "blood": "O",
        "address": "JL. KENANGA NO. 12",
        "rtRw": "003/007",
        "village": "BEJI TIMUR",
        "district": "BEJI",
        "religion": "ISLAM",
        "maritalStatus": "BELUM KAWIN",
        "occupation": "KARYAWAN SWASTA",
        "nationality": "WNI",
        "validUntil": "SEUMUR HIDUP",
        "province": "PROVINSI JAWA BARAT",
        "regency": "KOTA DEPOK",
    } | changes
    labels = {
        "nik": "NIK",
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
    lines = [line(0.38, 0.03, values["province"]), line(0.42, 0.09, values["regency"])]
    for place, (name, label) in enumerate(labels.items()):
        y = 0.17 + 0.055 * place
        lines.append(line(0.03, y, label))
        if values[name]:
            lines.append(line(0.25, y, f": {values[name]}"))
        if name == "gender" and values["blood"]:
            lines.append(line(0.52, y, f"Gol. Darah : {values['blood']}"))
    return [*lines, line(0.8, 0.735, "DEPOK"), line(0.79, 0.785, "12-03-2015")]


def npwp_lines(texts: Iterable[str]) -> list[OcrLine]:
    """A tax card: its heading, then one line under the other."""
    heading = ["KEMENTERIAN KEUANGAN REPUBLIK INDONESIA", "DIREKTORAT JENDERAL PAJAK"]
    lines = [line(0.2, 0.06 + 0.06 * place, text) for place, text in enumerate(heading)]
    return [*lines, *(line(0.06, 0.3 + 0.06 * place, text) for place, text in enumerate(texts))]


def tilted(lines: Iterable[OcrLine], slope: float) -> list[OcrLine]:
    """The same lines on a page that falls by slope from left to right: upright boxes around slanting texts."""
    return [
        OcrLine(
            one.text,
            one.confidence,
            Box(one.box.x, one.box.y * 0.6 + 0.15 + slope * one.box.x, one.box.w, one.box.h * 0.6 + slope * one.box.w),
        )
        for one in lines
    ]


def in_words(lines: Iterable[OcrLine]) -> list[OcrLine]:
    """Every word in a box of its own, as some engines cut them."""
    words = []
    for one in lines:
        at = 0
        for word in one.text.split(" "):
            if word:
                words.append(line(one.box.x + CHARACTER * at, one.box.y, word, one.confidence))
            at += len(word) + 1
    return words


def with_corners(
    lines: Iterable[OcrLine], moved: Callable[[float, float], Place] = lambda x, y: (x, y)
) -> list[OcrLine]:
    """The same lines from an engine that tells corners, spots and chances, on a page on which every place is moved."""
    known = []
    for one in lines:
        x, y, w, h = one.box
        first, second, third, fourth = (moved(*place) for place in ((x, y), (x + w, y), (x + w, y + h), (x, y + h)))
        across, down = zip(first, second, third, fourth, strict=True)
        box = Box(min(across), min(down), max(across) - min(across), max(down) - min(down))
        count = len(one.text)
        known.append(
            replace(
                one,
                box=box,
                corners=(first, second, third, fourth),
                spots=tuple((at + 0.5) / count for at in range(count)),
                chances=(one.confidence,) * count,
            )
        )
    return known


def seen_askew(x: float, y: float) -> Place:
    """A page photographed from the side and turned by some degrees: its rows fall, and run together on the right."""
    away = 1 + 0.35 * x
    left, top = 0.1 + 0.9 * x / away, 0.5 + 0.7 * (y - 0.5) / away
    return left - 0.12 * (top - 0.5), top + 0.15 * (left - 0.5)
