from collections.abc import Callable
from functools import cache
from random import Random

import cv2
import numpy
import pytest

from ocr_gpu.card_finder import find_card, squared
from ocr_gpu.engine import Page
from ocr_gpu.fingerprint import BITS, BYTES, NEAR, bands, distance, fingerprint, probes, turned
from verification.specimens import render

INK = (40, 40, 60)
SEEDS = (11, 12, 13)


@cache
def picture(kind: str, level: str, seed: int) -> Page:
    image, _ = render(kind, level, seed)
    return numpy.asarray(image)


def saved(page: Page, quality: int) -> Page:
    _, data = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return numpy.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=numpy.uint8)


def scaled(page: Page, factor: float) -> Page:
    return numpy.asarray(cv2.resize(page, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=numpy.uint8)


def curved(page: Page, gamma: float) -> Page:
    return numpy.asarray(255 * (page / 255.0) ** gamma, dtype=numpy.uint8)


def card_alone(page: Page) -> Page:
    corners = find_card(page)
    assert corners is not None
    return squared(page, corners)


def lit(page: Page, red: float, green: float, blue: float) -> Page:
    shone = page * numpy.array((red, green, blue))
    return numpy.asarray(shone.clip(0, 255), dtype=numpy.uint8)


def noisy(page: Page) -> Page:
    return (page + numpy.random.default_rng(1).normal(0, 12, page.shape)).clip(0, 255).astype(numpy.uint8)


def differing(known: bytes, places: list[int]) -> bytes:
    number = int.from_bytes(known)
    for place in places:
        number ^= 1 << place
    return number.to_bytes(BYTES)


HANDED_ON: dict[str, Callable[[Page], Page]] = {
    "saved well": lambda page: saved(page, 90),
    "saved badly": lambda page: saved(page, 50),
    "half as large": lambda page: scaled(page, 0.5),
    "twice as large": lambda page: scaled(page, 2.0),
    "small and saved badly": lambda page: saved(scaled(page, 0.5), 60),
    "darker": lambda page: lit(page, 0.7, 0.7, 0.7),
    "of less contrast": lambda page: (page * 0.6 + 50).astype(numpy.uint8),
    "gamma 0.6": lambda page: curved(page, 0.6),
    "gamma 1.6": lambda page: curved(page, 1.6),
    "in the light of a lamp": lambda page: lit(page, 1.1, 1.0, 0.75),
    "blurred": lambda page: numpy.asarray(cv2.GaussianBlur(page, (0, 0), 2.0), dtype=numpy.uint8),
    "noisy": noisy,
}


@pytest.mark.parametrize("change", HANDED_ON)
@pytest.mark.parametrize("level", ["clean", "phone"])
@pytest.mark.parametrize("kind", ["ktp", "npwp16"])
def test_a_picture_that_was_handed_on_is_the_same_picture(kind: str, level: str, change: str) -> None:
    page = picture(kind, level, SEEDS[0])
    assert distance(fingerprint(page), fingerprint(HANDED_ON[change](page))) <= NEAR


@pytest.mark.parametrize("level", ["clean", "scan", "phone"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_picture_whose_number_was_painted_over_is_the_same_picture(seed: int, level: str) -> None:
    image, truth = render("ktp", level, seed)
    page = numpy.array(image)
    x, y, w, h = truth["boxes"]["nik"]
    high, wide = page.shape[:2]
    left, right = round((x + w / 2) * wide), round((x + w) * wide)
    top, bottom = round(y * high), round((y + h) * high)
    page[top:bottom, left:right] = numpy.quantile(page[top:bottom, left:right], 0.75, axis=(0, 1))
    cv2.putText(page, "40719328", (left, bottom - 4), cv2.FONT_HERSHEY_SIMPLEX, (bottom - top) / 34, INK, 2)

    assert 0 < distance(fingerprint(numpy.asarray(image)), fingerprint(page)) <= NEAR


@pytest.mark.parametrize("level", ["clean", "scan", "phone"])
@pytest.mark.parametrize("kind", ["ktp", "ktp-wna", "npwp", "npwp16"])
def test_cards_of_different_people_are_different_pictures(kind: str, level: str) -> None:
    prints = [fingerprint(picture(kind, level, seed)) for seed in range(5)]
    assert min(distance(one, other) for i, one in enumerate(prints) for other in prints[:i]) > NEAR


def test_two_photographs_of_one_card_are_different_pictures() -> None:
    assert distance(fingerprint(picture("ktp", "clean", 11)), fingerprint(picture("ktp", "phone", 11))) > NEAR


@pytest.mark.parametrize("seed", SEEDS)
def test_a_card_squared_up_is_the_same_however_its_photograph_was_cut(seed: int) -> None:
    page = picture("ktp", "phone", seed)
    high, wide = page.shape[:2]
    smaller = numpy.ascontiguousarray(page[high // 50 :, wide // 40 :])
    assert distance(fingerprint(page), fingerprint(smaller)) > NEAR
    assert distance(fingerprint(card_alone(page)), fingerprint(card_alone(smaller))) <= NEAR


@pytest.mark.parametrize("seed", SEEDS)
def test_a_card_squared_up_from_a_photograph_is_like_its_clean_picture(seed: int) -> None:
    known = fingerprint(picture("ktp", "clean", seed))
    assert distance(fingerprint(card_alone(picture("ktp", "phone", seed))), known) <= NEAR


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_fingerprint_is_turned_like_the_page(turn: int) -> None:
    page = picture("ktp", "phone", SEEDS[1])
    lying = fingerprint(numpy.ascontiguousarray(numpy.rot90(page, -turn)))

    distances = [distance(lying, other) for other in turned(fingerprint(page))]
    assert distances[turn] <= 2  # sums in another order may leave a wave of no strength on the other side
    assert all(far > NEAR for other, far in enumerate(distances) if other != turn)


def test_the_first_turn_is_the_fingerprint_itself() -> None:
    known = Random(4).randbytes(BYTES)
    assert turned(known)[0] == known


def test_four_quarter_turns_lead_back() -> None:
    known = Random(5).randbytes(BYTES)
    assert turned(turned(known)[3])[1] == known
    assert turned(turned(known)[2])[2] == known


def test_pages_of_one_colour_are_alike_whatever_colour() -> None:
    white, grey = (numpy.full((700, 900, 3), tone, numpy.uint8) for tone in (255, 90))
    assert fingerprint(white) == fingerprint(grey)


@pytest.mark.parametrize("shape", [(64, 64, 3), (2400, 64, 3), (64, 250, 3)])
def test_small_and_narrow_pages_have_a_fingerprint_too(shape: tuple[int, int, int]) -> None:
    page = numpy.random.default_rng(2).integers(0, 256, shape, dtype=numpy.uint8)
    assert len(fingerprint(page)) == BYTES


def test_the_page_is_left_as_it_was() -> None:
    page = picture("npwp", "clean", 11)
    page.setflags(write=False)
    assert fingerprint(page) == fingerprint(page.copy())


def test_distance_counts_the_bits_that_differ() -> None:
    known = Random(6).randbytes(BYTES)
    assert distance(known, known) == 0
    assert distance(known, differing(known, [0, 7, 255])) == 3
    assert distance(bytes(BYTES), b"\xff" * BYTES) == BITS


def test_what_is_no_fingerprint_is_refused() -> None:
    for wrong in (b"", bytes(BYTES - 1), bytes(BYTES + 1)):
        with pytest.raises(ValueError, match="32 bytes"):
            distance(wrong, bytes(BYTES))
        with pytest.raises(ValueError, match="32 bytes"):
            bands(wrong)
        with pytest.raises(ValueError, match="32 bytes"):
            turned(wrong)


def test_bands_are_ten_different_keys_that_fit_a_column_of_integers() -> None:
    for known in (bytes(BYTES), b"\xff" * BYTES, Random(7).randbytes(BYTES)):
        keys = bands(known)
        assert len(set(keys)) == len(keys) == 10
        assert all(0 <= key < 2**31 for key in keys)


def test_every_bit_is_in_one_band() -> None:
    known = Random(8).randbytes(BYTES)
    for place in range(BITS):
        assert len(set(bands(known)) - set(bands(differing(known, [place])))) == 1


def test_whatever_is_near_is_found_by_a_probe() -> None:
    random = Random(9)
    for _ in range(300):
        known = random.randbytes(BYTES)
        near = differing(known, random.sample(range(BITS), NEAR))
        assert set(probes(near)) & set(bands(known))


def test_the_worst_spread_of_differing_bits_is_found_and_one_bit_more_is_not() -> None:
    known = Random(10).randbytes(BYTES)
    two_in_each_band = list(range(20))
    assert set(probes(differing(known, two_in_each_band[:NEAR]))) & set(bands(known))
    assert not set(probes(differing(known, two_in_each_band))) & set(bands(known))


def test_strangers_seldom_share_a_probe() -> None:
    random = Random(12)
    known = set(bands(random.randbytes(BYTES)))
    assert not any(known & set(probes(random.randbytes(BYTES))) for _ in range(100))
