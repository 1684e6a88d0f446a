"""Digits of one number look like one another; a letter among them does not."""

import numpy
import pytest
from PIL import Image, ImageDraw, ImageFilter

from ocr_gpu.engine import OcrEngine, load_engine
from ocr_gpu.glyphs import LETTERS, are_apart, lone_digits, odd_one
from verification.numbers import CAPITALS
from verification.specimen_fonts import Face, faces, font

READ = "3402074309929701"
FACES = [*faces(), *faces(monospaced=True)]


def strip(printed: str, face: Face, *, blur: float = 0.0, size: int = 40) -> numpy.ndarray:
    picture = Image.new("RGB", (size * len(printed), size * 3 // 2), (214, 226, 236))
    draw = ImageDraw.Draw(picture)
    draw.text((size // 2, size // 5), printed, fill=(30, 32, 40), font=font(face, size, 400))
    right = picture.convert("L").point(lambda value: 255 if value < 120 else 0).getbbox()[2]
    return numpy.asarray(picture.crop((0, 0, right + size // 2, picture.height)).filter(ImageFilter.GaussianBlur(blur)))


def test_there_are_faces_to_try_it_with() -> None:
    assert len(FACES) >= 10


@pytest.mark.parametrize("blur", [0.0, 0.8])
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_the_digits_of_an_honest_number_look_alike(face: Face, blur: float) -> None:
    assert odd_one(strip(READ, face, blur=blur), READ) == ""


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_a_letter_among_the_zeros_is_odd(face: Face) -> None:
    assert odd_one(strip(READ.replace("0", "O", 1), face), READ) == "0"


def test_the_last_zero_is_compared_like_the_first() -> None:
    assert odd_one(strip(READ[:-2] + "O" + READ[-1], FACES[0]), READ) == "0"


def test_a_digit_without_a_twin_is_compared_with_nothing() -> None:
    read = "3412675398"
    assert odd_one(strip(read, FACES[0]), read) == ""


def test_what_can_not_be_told_apart_is_not_judged() -> None:
    assert odd_one(strip(READ, FACES[0]), READ + "0") == ""
    assert odd_one(numpy.full((48, 300, 3), 230, numpy.uint8), READ) == ""
    assert odd_one(numpy.zeros((48, 300, 3), numpy.uint8), READ) == ""
    assert odd_one(strip(READ, FACES[0])[:2, :3], READ) == ""


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    return load_engine("rapidocr", device="cpu", threads=2)


ALONE = "3402674039944933"  # of the digits that a letter looks like, 2, 6 and 7 stand in it once


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_a_digit_without_a_twin_reads_the_same_in_a_line_of_its_own(face: Face, engine: OcrEngine) -> None:
    lone = lone_digits(strip(ALONE, face), ALONE)
    assert set(lone) == {"2", "6", "7"}
    for digit, (read,) in zip(lone, engine.read_strips(list(lone.values()), [CAPITALS]), strict=True):
        assert not set(read.text) & set(LETTERS[digit])


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_a_letter_in_the_place_of_a_digit_without_a_twin_is_read_in_a_line_of_its_own(
    face: Face, engine: OcrEngine
) -> None:
    lone = lone_digits(strip(ALONE.replace("2", "Z"), face), ALONE)
    ((read,),) = engine.read_strips([lone["2"]], [CAPITALS])
    assert "Z" in read.text


def test_digits_that_touch_are_not_apart_and_none_is_alone() -> None:
    assert are_apart(strip(ALONE, FACES[0]), len(ALONE))
    assert not are_apart(strip(ALONE, FACES[0]), len(ALONE) + 1)
    assert lone_digits(numpy.full((48, 300, 3), 230, numpy.uint8), ALONE) == {}
