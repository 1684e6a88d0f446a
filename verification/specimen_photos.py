"""Photographs a flat specimen card: scanned, by a phone, or by a phone that makes everything wrong.

A shot knows where the card's corners went and which of its pixels are burnt out, so truth can say what nobody can read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from random import Random

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

LEVELS = ("clean", "scan", "phone", "hard")
PHONE_SIZES = ((1280, 960), (1440, 1080), (1600, 1200))
HARD_SIZE = (640, 480)
SCAN_MARGIN = 60
BURNT_LIGHT = 205.0  # light added to ink that leaves it within the noise of white paper
GLARE_SHARE = 0.7  # of hard pictures
CROP_SHARE = 0.3
DARK_SHARE = 0.3
LOST_SHARE = 0.5  # of a column of a value that is gone, for the column to count as gone
Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]  # top left, top right, bottom right, bottom left of the card as printed
PixelBox = tuple[float, float, float, float]  # left, top, right, bottom
Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a card, the card's corners on it in pixels, and where light has burnt it out (if anywhere)."""

    image: Image.Image
    corners: Quad
    burnt: npt.NDArray[np.bool_] | None = None


def photograph(card: Image.Image, level: str, random: Random, *, whole: bool = False) -> Shot:
    """The card as it would be handed in, or a picture that is a whole one already. ValueError for an unknown level."""
    if level == "clean":
        return Shot(card, _flat(card.size))
    if whole and level in LEVELS:
        return _resent(card, level, random)
    if level == "scan":
        return _scan(card, random)
    if level == "phone":
        return _phone(card, random)
    if level == "hard":
        return _hard(card, random)
    raise ValueError(f"no such level: {level}")


def carried(box: PixelBox, card_size: tuple[int, int], shot: Shot) -> list[float]:
    """A box on the flat card as the upright box around it on the picture: x, y, w, h in fractions."""
    left, top, right, bottom = box
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    points = _moved(corners, card_size, shot.corners) / shot.image.size
    x, y = points.min(axis=0)
    w, h = points.max(axis=0) - (x, y)
    return [round(float(n), 5) for n in (x, y, w, h)]


def is_lost(boxes: Iterable[PixelBox], card_size: tuple[int, int], shot: Shot) -> bool:
    """Whether a character or more of the text in these boxes is burnt out or outside the picture."""
    return any(_is_line_lost(box, card_size, shot) for box in boxes)


def _is_line_lost(box: PixelBox, card_size: tuple[int, int], shot: Shot) -> bool:
    left, top, right, bottom = box
    wide = max(2, round((right - left) / (bottom - top) * 4))  # columns: four to the height, two to a character
    xs, ys = np.meshgrid(np.linspace(left, right, wide), np.linspace(top, bottom, 6))
    points = _moved(np.stack([xs.ravel(), ys.ravel()], axis=1), card_size, shot.corners)
    x, y = np.floor(points).astype(int).T
    width, height = shot.image.size
    gone = (x < 0) | (y < 0) | (x >= width) | (y >= height)
    if shot.burnt is not None:
        gone |= shot.burnt[y.clip(0, height - 1), x.clip(0, width - 1)]
    columns = gone.reshape(6, wide).mean(axis=0) >= LOST_SHARE
    return bool((columns[1:] & columns[:-1]).any())


def _flat(size: tuple[int, int]) -> Quad:
    return ((0, 0), (size[0], 0), (size[0], size[1]), (0, size[1]))


def _homography(size: tuple[int, int], corners: Quad) -> npt.NDArray[np.float64]:
    matrix = cv2.getPerspectiveTransform(np.array(_flat(size), np.float32), np.array(corners, np.float32))
    return np.asarray(matrix, dtype=np.float64)


def _moved(points: npt.NDArray[np.float64], size: tuple[int, int], corners: Quad) -> npt.NDArray[np.float64]:
    whole = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ _homography(size, corners).T
    return np.asarray(whole[:, :2] / whole[:, 2:])


def _laid(card: Image.Image, ground: Pixels, corners: Quad) -> Pixels:
    """The ground with the card on it. A card that gets smaller is shrunk first, or its letters would break."""
    scale = math.dist(corners[0], corners[1]) / card.width
    if scale < 0.9:
        card = card.resize((round(card.width * scale), round(card.height * scale)), Image.Resampling.BOX)
    size = (ground.shape[1], ground.shape[0])
    laid = ground.copy()
    matrix = _homography(card.size, corners)
    cv2.warpPerspective(
        np.asarray(card), matrix, size, dst=laid, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_TRANSPARENT
    )
    return laid


def _chance(random: Random) -> np.random.Generator:
    return np.random.default_rng(random.getrandbits(32))


def _finished(page: Floats, strength: float, random: Random) -> Pixels:
    """What the sensor makes of the light: its noise, and nothing below black or above white."""
    noise = _chance(random).standard_normal(page.shape[:2], dtype=np.float32) * np.float32(strength)
    page += noise[..., None]
    return np.asarray(cv2.convertScaleAbs(np.maximum(page, 0, out=page)), dtype=np.uint8)


def _scan(card: Image.Image, random: Random) -> Shot:
    size = (card.width + 2 * SCAN_MARGIN, card.height + 2 * SCAN_MARGIN)
    corners = _placed(card.size, size, 1.0, math.radians(random.uniform(-0.6, 0.6)))
    white = random.randint(244, 253)
    page = _laid(card, np.full((size[1], size[0], 3), white, np.uint8), corners)
    page = np.asarray(cv2.GaussianBlur(page, (0, 0), 0.5))
    grey = page.mean(axis=2, keepdims=True, dtype=np.float32)
    colour = random.choice((0.8, 0.8, 0.6, 0.0))  # some scanners know no colours
    print_ = _finished(grey + (page - grey) * np.float32(colour), 4.0, random)
    return Shot(Image.fromarray(print_), corners)


def _placed(card: tuple[int, int], size: tuple[int, int], scale: float, angle: float) -> Quad:
    """The card in the middle of a picture, turned clockwise."""
    sine, cosine = math.sin(angle) * scale, math.cos(angle) * scale

    def at(x: float, y: float) -> Point:
        return size[0] / 2 + x * cosine - y * sine, size[1] / 2 + x * sine + y * cosine

    w, h = card[0] / 2, card[1] / 2
    return at(-w, -h), at(w, -h), at(w, h), at(-w, h)


def _resent(picture: Image.Image, level: str, random: Random) -> Shot:
    """A picture as messengers pass it on: smaller and squeezed at the hard level, noisy at the others."""
    size = picture.size
    if level == "hard":
        scale = max(HARD_SIZE) / max(size)
        size = (round(size[0] * scale), round(size[1] * scale))
        picture = picture.resize(size, Image.Resampling.BOX)
    page = np.asarray(picture, dtype=np.float32) * (_light(size, random.uniform(0.7, 1.0), random) * _white(random))
    noisy = Image.fromarray(_finished(page, random.uniform(2, 6), random))
    return Shot(_squeezed(noisy, random.randint(34, 66)) if level == "hard" else noisy, _flat(size))


def _along(size: tuple[int, int], card: Image.Image) -> tuple[int, int]:
    """The size of picture that somebody takes of it: upright of what is upright."""
    return size if card.width >= card.height else (size[1], size[0])


def _filling(size: tuple[int, int], card: tuple[int, int]) -> float:
    """The scale at which the card reaches from one edge of the picture to the other."""
    return min(size[0] / card[0], size[1] / card[1])


def _shaken(corners: Quad, share: float, random: Random) -> Quad:
    reach = math.dist(corners[0], corners[1]) * share
    a, b, c, d = ((x + random.uniform(-reach, reach), y + random.uniform(-reach, reach)) for x, y in corners)
    return a, b, c, d


def desk(size: tuple[int, int], random: Random) -> Pixels:
    """A table: a tint with the grain of wood, the weave of cloth or the specks of stone."""
    tints = ((112, 84, 58), (58, 60, 64), (150, 146, 138), (176, 132, 88), (70, 82, 74), (204, 200, 192), (40, 34, 30))
    tint = np.array(random.choice(tints), np.float32)
    cells = random.choice(((6, 160), (90, 90), (160, 5), (24, 18)))
    rough = _chance(random).standard_normal(cells[::-1], dtype=np.float32) * np.float32(random.uniform(3, 12))
    grain = cv2.resize(rough, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.convertScaleAbs(np.clip(tint + grain[..., None], 0, 255)), dtype=np.uint8)


def _light(size: tuple[int, int], darkest: float, random: Random) -> Floats:
    """Light from one side, down to a share of it at the other: height, width, 1."""
    angle = random.uniform(0, 2 * math.pi)
    across = np.linspace(-1, 1, size[0], dtype=np.float32) * np.float32(math.cos(angle))
    down = np.linspace(-1, 1, size[1], dtype=np.float32) * np.float32(math.sin(angle))
    slope = (across[None, :] + down[:, None]) / np.float32(abs(math.cos(angle)) + abs(math.sin(angle)))
    return np.asarray(darkest + (1 - darkest) * (slope[..., None] + 1) / 2, dtype=np.float32)


def _phone(card: Image.Image, random: Random) -> Shot:
    size = _along(random.choice(PHONE_SIZES), card)
    scale = random.uniform(0.78, 0.9) * _filling(size, card.size)
    corners = _shaken(_placed(card.size, size, scale, math.radians(random.uniform(-4, 4))), 0.022, random)
    page = _laid(card, desk(size, random), corners)
    page = np.asarray(cv2.GaussianBlur(page, (0, 0), random.uniform(0.5, 1.0) * max(size) / 1280))
    lit = page * (_light(size, random.uniform(0.55, 0.8), random) * _white(random))
    return Shot(Image.fromarray(_finished(lit, random.uniform(3, 7), random)), corners)


def _white(random: Random) -> Floats:
    """What a lamp makes of white: a little yellow, blue or green."""
    return np.array([random.uniform(0.92, 1.04) for _ in range(3)], np.float32)


def _hard(card: Image.Image, random: Random) -> Shot:
    turn = random.choice((0, 0, 90, 180, 270))
    size = _along(HARD_SIZE, card)
    whole = _filling(size, card.size)
    size = size if turn % 180 == 0 else (size[1], size[0])
    cropped = random.random() < CROP_SHARE
    scale = whole * (random.uniform(0.97, 1.04) if cropped else random.uniform(0.74, 0.92))
    corners = _shaken(_placed(card.size, size, scale, math.radians(turn + random.uniform(-7, 7))), 0.02, random)
    if cropped:
        reach = 0.04 * max(size)
        aside, down = random.uniform(-reach, reach), random.uniform(-reach, reach)
        a, b, c, d = ((x + aside, y + down) for x, y in corners)
        corners = a, b, c, d
    page = _laid(card, desk(size, random), corners)
    page = _smeared(page, random.uniform(0.5, 5.5), random.uniform(0, math.pi))
    lit = np.asarray(cv2.GaussianBlur(page, (0, 0), random.uniform(0.4, 1.0))) * _light(size, 0.6, random)
    if random.random() < DARK_SHARE:
        lit *= np.float32(random.uniform(0.22, 0.45))
    glare = _glare(size, corners, random) if random.random() < GLARE_SHARE else None
    if glare is not None:
        lit = lit + glare[..., None]
    image = Image.fromarray(_finished(lit * _white(random), random.uniform(4, 9), random))
    return Shot(_squeezed(image, random.randint(30, 64)), corners, None if glare is None else glare >= BURNT_LIGHT)


def _smeared(page: Pixels, length: float, angle: float) -> Pixels:
    """Motion: every point drawn out to a stroke of so many pixels."""
    if length < 1:
        return page
    reach = math.ceil(length / 2)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for step in np.linspace(-length / 2, length / 2, 25):
        kernel[round(reach + step * math.sin(angle)), round(reach + step * math.cos(angle))] += 1
    return np.asarray(cv2.filter2D(page, -1, kernel / kernel.sum()), dtype=np.uint8)


def _glare(size: tuple[int, int], corners: Quad, random: Random) -> Floats:
    """Light thrown back by one or two spots on the card: what is added to each pixel."""
    ys, xs = np.ogrid[0 : size[1], 0 : size[0]]
    light = np.zeros((size[1], size[0]), np.float32)
    for _ in range(random.choice((1, 1, 2, 3))):
        u, v = random.random(), random.random()
        top, bottom = _between(corners[0], corners[1], u), _between(corners[3], corners[2], u)
        x, y = _between(top, bottom, v)
        wide, high = random.uniform(24, 84), random.uniform(20, 50)
        far = ((xs - x) / wide) ** 2 + ((ys - y) / high) ** 2
        light += np.float32(random.uniform(300, 520)) * np.exp(-far).astype(np.float32)
    return light


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _squeezed(image: Image.Image, quality: int) -> Image.Image:
    """What a messenger makes of it: a JPEG of low quality, opened again."""
    kept = BytesIO()
    image.save(kept, format="JPEG", quality=quality)
    return Image.open(kept).convert("RGB")
