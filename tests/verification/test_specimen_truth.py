"""The truth beside a specimen: where card and values are, what is lost, what is wrong, what it is no card at all."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from random import Random
from typing import Any

import cv2
import numpy
import pytest
from PIL import Image

from verification import specimen_fonts
from verification.specimen_fonts import BUNDLED, STROKES, choose_lettering, faces
from verification.specimen_photos import photograph
from verification.specimen_sheets import Sheet
from verification.specimens import KINDS, render

JUNK = [name for name, kind in KINDS.items() if kind.junk]
COPIES = ["half", "tiny", "two-cards", "photocopy", "screen", "screenshot"]


@cache
def drawn(kind: str, level: str, seed: int) -> tuple[Image.Image, dict[str, Any]]:
    return render(kind, level, seed)


def squared_up(image: Image.Image, truth: dict[str, Any], size: tuple[int, int] = (1011, 638)) -> numpy.ndarray:
    """The card as its corners say it lies, upright and in grey."""
    corners = numpy.array(truth["corners"], numpy.float32) * numpy.array(image.size, numpy.float32)
    flat = numpy.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], numpy.float32)
    page = numpy.asarray(image.convert("L"))
    return numpy.asarray(cv2.warpPerspective(page, cv2.getPerspectiveTransform(corners, flat), size))


def likeness(one: numpy.ndarray, other: numpy.ndarray) -> float:
    """How much the strokes of two pictures stand in the same places, whatever the light."""
    strokes = []
    for picture in (one, other):
        grey = cv2.GaussianBlur(picture.astype(numpy.float32), (0, 0), 2)
        around = cv2.GaussianBlur(grey, (0, 0), 12) + 4
        dark = numpy.clip((around - grey) / around, 0, 1)
        strokes.append(cv2.resize(dark, (160, 100), interpolation=cv2.INTER_AREA)[8:-8, 8:-8].ravel())
    return float(numpy.corrcoef(strokes)[0, 1])


def ink(image: Image.Image, box: list[float]) -> tuple[float, float, float]:
    """The darkest, the usual and the lightest grey in a box."""
    x, y, w, h = box
    width, height = image.size
    grey = numpy.asarray(image.convert("L"), dtype=float)
    part = grey[
        max(0, round(y * height)) : round((y + h) * height) + 1, max(0, round(x * width)) : round((x + w) * width) + 1
    ]
    return tuple(numpy.percentile(part, (2, 60, 98)))


@pytest.mark.parametrize("level", ["scan", "phone", "hard"])
@pytest.mark.parametrize("kind", ["ktp", "npwp", "npwp16"])
def test_corners_square_the_card_up_however_it_lies(kind: str, level: str) -> None:
    for seed in range(4 if level == "hard" else 2):
        flat = numpy.asarray(drawn(kind, "clean", seed)[0].convert("L"))
        upright = squared_up(*drawn(kind, level, seed))
        assert likeness(flat, upright) > (0.4 if level == "hard" else 0.9)
        assert likeness(flat, numpy.rot90(upright, 2)) < 0.3


def test_hard_pictures_lie_on_every_side_and_are_small() -> None:
    tops = set()
    for seed in range(30):
        image, truth = drawn("ktp", "hard", seed)
        assert max(image.size) == 640
        (x, y), (u, v) = truth["corners"][:2]
        across, down = (u - x) * image.width, (v - y) * image.height
        tops.add((abs(across) > abs(down), across + down > 0))
    assert len(tops) == 4


@pytest.mark.parametrize("level", ["clean", "scan", "phone", "hard"])
@pytest.mark.parametrize("kind", ["ktp", "ktp-wna", "npwp", "npwp16", "two-cards", "photocopy", "screen"])
def test_every_value_that_is_not_lost_has_ink_in_its_box(kind: str, level: str) -> None:
    image, truth = drawn(kind, level, 1)
    assert set(truth["boxes"]) == set(truth["fields"])
    least = 8 if level == "hard" or kind == "photocopy" else 40
    for name in set(truth["boxes"]) - set(truth["lost"]):
        darkest, _, lightest = ink(image, truth["boxes"][name])
        assert lightest - darkest > least, name


@pytest.mark.parametrize("kind", ["ktp", "npwp", "npwp16"])
def test_a_box_ends_where_the_ink_ends(kind: str) -> None:
    for seed in range(8):
        image, truth = drawn(kind, "clean", seed)
        for name in {"nik", "npwpNumber", "npwp16"} & set(truth["boxes"]):
            x, y, w, h = truth["boxes"][name]
            darkest, _, _ = ink(image, [x, y, w, h])
            edge, _, _ = ink(image, [x + w - 0.01, y, 0.01, h])
            outside, usual, _ = ink(image, [x + w + 0.006, y, 0.02, h])
            assert edge < (darkest + usual) / 2 + 25
            assert usual - outside < 60


def test_what_is_called_lost_is_white_or_outside_and_the_rest_is_not() -> None:
    burnt = whole = 0
    for seed in range(30):
        image, truth = drawn("ktp", "hard", seed)
        for name, (x, y, w, h) in truth["boxes"].items():
            outside = x < 0 or y < 0 or x + w > 1 or y + h > 1
            if name not in truth["lost"]:
                whole += 1
                assert min(x, y) > -0.02
                assert max(x + w, y + h) < 1.02
            elif not outside:
                burnt += 1
                assert ink(image, [x, y, w, h])[2] > 225
    assert burnt > 10
    assert whole > 500


def test_about_one_hard_number_in_nine_is_physically_lost() -> None:
    lost = sum("nik" in drawn("ktp", "hard", seed)[1]["lost"] for seed in range(60))
    assert 2 <= lost <= 15
    for level in ("clean", "scan", "phone"):
        assert all(drawn("ktp", level, seed)[1]["lost"] == [] for seed in range(4))


def test_many_fonts_are_used_and_each_is_named() -> None:
    notes = {drawn(kind, "clean", seed)[1]["font"] for kind in ("ktp", "npwp") for seed in range(40)}
    assert len({note.split(";")[0] for note in notes}) >= 8
    assert any(STROKES in note for note in notes)
    assert any("mono" in note for note in notes)


@pytest.fixture
def without_font_packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def find(name: str) -> ModuleSpec | None:
        return None if name.startswith("fontpkg") else find_spec(name)

    monkeypatch.setattr(specimen_fonts, "find_spec", find)
    faces.cache_clear()
    yield
    faces.cache_clear()


@pytest.mark.usefixtures("without_font_packages")
def test_without_font_packages_cards_are_set_in_the_bundled_font_and_say_so() -> None:
    image, truth = render("ktp", "clean", 3)
    assert truth["font"].startswith(BUNDLED)
    assert image.size == (1011, 638)
    assert {choose_lettering(Random(seed), None).text.name for seed in range(20)} == {BUNDLED}
    assert truth["fields"] == render("ktp", "phone", 3)[1]["fields"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_says_that_it_is_a_specimen(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    marks: list[tuple[float, float, float, float]] = []
    write = Sheet.write

    def noted(self: Sheet, text: str, *place: Any, **how: Any) -> tuple[float, float, float, float]:
        box = write(self, text, *place, **how)
        if "SPECIMEN" in text:
            width, height = self.image.size
            assert 0 <= box[0] < box[2] <= width
            assert 0 <= box[1] < box[3] <= height
            marks.append(box)
        return box

    monkeypatch.setattr(Sheet, "write", noted)
    render(kind, "clean", 8)
    assert marks


def test_half_a_card_keeps_the_word_whichever_half_is_left() -> None:
    for seed in range(6):
        image = drawn("half", "clean", seed)[0].crop((0, 0, 120, 24))
        red = numpy.asarray(image, dtype=int)
        assert ((red[..., 0] - red[..., 1]) > 90).sum() > 40


def test_papers_and_layouts_differ_from_card_to_card() -> None:
    tints, lefts, names = set(), set(), set()
    for seed in range(12):
        image, truth = drawn("ktp", "clean", seed)
        tints.add(image.getpixel((4, 4)))
        lefts.add(truth["boxes"]["nik"][0])
        names.add(truth["fields"]["name"])
    assert len(tints) > 8
    assert len(lefts) > 8
    assert len(names) == 12


def test_long_values_go_on_in_a_second_line() -> None:
    high = [drawn("ktp", "clean", seed)[1]["boxes"]["address"][3] for seed in range(30)]
    assert max(high) > 1.8 * min(high)


def test_old_cards_have_a_last_day_and_foreigners_a_country() -> None:
    ends = {drawn("ktp", "clean", seed)[1]["fields"]["validUntil"] for seed in range(40)}
    assert "SEUMUR HIDUP" in ends
    assert len(ends) > 3
    foreign = drawn("ktp-wna", "clean", 1)[1]["fields"]
    assert foreign["nationality"] != "WNI"
    assert date.fromisoformat(foreign["validUntil"]) > date.fromisoformat(foreign["issuedDate"])


@pytest.mark.parametrize("kind", JUNK)
def test_junk_says_what_it_is_and_claims_to_be_a_card(kind: str) -> None:
    _, truth = drawn(kind, "phone", 4)
    assert truth["junk"] == kind
    assert truth["documentType"] in {"KTP", "NPWP"}
    assert truth["expected"] != "auto_approve"
    assert bool(truth["fields"]) == (kind in COPIES)


def test_half_a_card_has_lost_about_half_and_a_thumbnail_is_small() -> None:
    for seed in range(6):
        _, truth = drawn("half", "phone", seed)
        assert 3 <= len(truth["lost"]) < len(truth["fields"])
        assert max(drawn("tiny", "phone", seed)[0].size) == 240


def test_a_photocopy_has_no_colour_and_a_screen_has_stripes() -> None:
    copied = numpy.asarray(drawn("photocopy", "clean", 3)[0], dtype=int)
    assert (copied.max(axis=2) - copied.min(axis=2)).max() == 0
    plain, shown = (
        numpy.asarray(drawn(kind, "clean", 3)[0].convert("L"), dtype=float)[200:400, 250:500]
        for kind in ("ktp", "screen")
    )
    assert numpy.abs(numpy.diff(shown, axis=1)).mean() > numpy.abs(numpy.diff(plain, axis=1)).mean()


def test_two_cards_are_two_and_the_truth_is_of_the_first() -> None:
    image, truth = drawn("two-cards", "clean", 2)
    assert image.width * image.height > 2 * 1011 * 638
    xs, ys = zip(*truth["corners"], strict=True)
    assert (max(xs) - min(xs)) * (max(ys) - min(ys)) < 0.5


def test_a_level_that_there_is_not_is_refused_for_whole_pictures_too() -> None:
    for whole in (True, False):
        with pytest.raises(ValueError, match="no such level"):
            photograph(Image.new("RGB", (10, 10)), "x-ray", Random(1), whole=whole)
