"""Whether a picture was seen before: 256 bits of what it looks like, and keys that find the near ones.

Made for "the same picture again": saved anew, made smaller or larger, lighter, darker, in other colours, blurred, noisy
or with a line of its writing painted over. All cards of a kind share layout and colours, so these are taken out: each
place is measured against its surroundings, and what is coarse is left aside. What stays is the rhythm of the writing
and of the portrait. The quarters of the picture are described apart, or a number painted over would change bits of all.

Of a whole page it is a likeness of the picture: a second photograph of the card is another one, and so is a picture
that lost a hundredth at each side, got a frame or was turned by a degree. Of a card squared up (card_finder.squared) it
is a likeness of the card: however that was cut out or photographed again. Nothing on the card can be read from it.
"""

from typing import Final

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import Page

BYTES: Final = 32
BITS = BYTES * 8
NEAR: Final = 19  # bits: up to here it is the same picture again

SIDE = 64  # pixels each way to which the whole page is shrunk, whatever its shape
PARTS = 2  # each way
PART_SIDE = SIDE // PARTS
SURROUNDINGS, SPREAD = 6.0, 9.0  # pixels of those 64
FLATTEST = 6.0  # levels of 255: weaker contrast may be noise, and is not made as strong as writing
# squares of half waves over a part. Slower waves are the layout; faster ones are lost when a picture gets small
SLOWEST, FASTEST = 51, 125

BAND_COUNT = (NEAR + 1) // 2  # so many that NEAR differing bits can't put two into each of them
LONGEST_BAND = -(-BITS // BAND_COUNT)  # bits

Grey = NDArray[numpy.float32]
Signs = NDArray[numpy.int8]  # -1, 0 or 1: part's row, part's column, wave down, wave across


def _ring() -> tuple[NDArray[numpy.intp], NDArray[numpy.intp]]:
    """The waves that are looked at, those down and those across; both ways alike, so that a page can be turned."""
    down, across = numpy.indices((PART_SIDE, PART_SIDE))
    squares = down**2 + across**2
    chosen_down, chosen_across = numpy.nonzero((squares >= SLOWEST) & (squares <= FASTEST))
    return chosen_down, chosen_across


WAVES = _ring()


def fingerprint(page: Page) -> bytes:
    """32 bytes of the page as it lies. All pages of one plain colour have the same."""
    small = cv2.cvtColor(cv2.resize(page, (SIDE, SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    relief = _relief(small.astype(numpy.float32))
    waves = numpy.zeros((PARTS, PARTS, PART_SIDE, PART_SIDE), numpy.float32)
    for row, column in numpy.ndindex(PARTS, PARTS):
        top, left = row * PART_SIDE, column * PART_SIDE
        part = numpy.ascontiguousarray(relief[top : top + PART_SIDE, left : left + PART_SIDE])
        waves[row, column] = cv2.dct(part)
    return _packed(waves > 0)


def turned(known: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """The fingerprints of the same page turned clockwise by 0, 90, 180 and 270 degrees, without the page.

    For pages without writing, which may have been set upright wrongly: search with all four, and keep the first.
    """
    signs = _signs(known)
    turns = [known]
    for _ in range(3):
        signs = signs.transpose(1, 0, 3, 2)[:, ::-1] * _mirror()  # across the diagonal, then left to right
        turns.append(_packed(signs > 0))
    first, second, third, fourth = turns
    return first, second, third, fourth


def distance(one: bytes, other: bytes) -> int:
    """How many of the 256 bits differ. ValueError for what is no fingerprint."""
    return (_number(one) ^ _number(other)).bit_count()


def bands(known: bytes) -> tuple[int, ...]:
    """The ten keys to store and index: integers of 0 to 2**30, each a band's place and its bits.

    A band takes every tenth bit, from all parts and speeds: two cards that are alike in one part are not for that
    reason alike in a whole band.
    """
    written = f"{_number(known):0{BITS}b}"
    return tuple(place << LONGEST_BAND | int(written[place::BAND_COUNT], 2) for place in range(BAND_COUNT))


def probes(known: bytes) -> tuple[int, ...]:
    """The 266 keys to search with: every fingerprint within NEAR of this one has one of them among its bands.

    They are the bands, and the bands with any one bit changed. So a band can be so long that few strangers share it.
    """
    keys = bands(known)
    lengths = [len(range(place, BITS, BAND_COUNT)) for place in range(BAND_COUNT)]
    changed = [key ^ 1 << bit for key, length in zip(keys, lengths, strict=True) for bit in range(length)]
    return (*keys, *changed)


def _number(known: bytes) -> int:
    if len(known) != BYTES:
        raise ValueError(f"a fingerprint has {BYTES} bytes")
    return int.from_bytes(known)


def _relief(grey: Grey) -> Grey:
    """How far each place stands out of its surroundings, measured by how much things stand out there."""
    deviation = grey - cv2.GaussianBlur(grey, (0, 0), SURROUNDINGS, borderType=cv2.BORDER_REFLECT)
    variance = cv2.GaussianBlur(deviation**2, (0, 0), SPREAD, borderType=cv2.BORDER_REFLECT)
    return numpy.asarray(deviation / numpy.sqrt(variance + FLATTEST**2), dtype=numpy.float32)


def _packed(waves: NDArray[numpy.bool_]) -> bytes:
    return numpy.packbits(waves[:, :, *WAVES]).tobytes()


def _signs(known: bytes) -> Signs:
    signs = numpy.zeros((PARTS, PARTS, PART_SIDE, PART_SIDE), numpy.int8)
    bits = numpy.unpackbits(numpy.frombuffer(_number(known).to_bytes(BYTES), numpy.uint8))
    signs[:, :, *WAVES] = bits.reshape(PARTS, PARTS, -1).astype(numpy.int8) * 2 - 1
    return signs


def _mirror() -> Signs:
    """What becomes of each wave across, seen in a mirror: the odd ones change their sign."""
    return numpy.where(numpy.arange(PART_SIDE) % 2, -1, 1).astype(numpy.int8)
