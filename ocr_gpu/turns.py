"""Photographs taken sideways or upside down: reading them in the turn in which they make sense."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy

from ocr_gpu.engine import Box, OcrLine, Page

ENOUGH_LETTERS = 40  # a card has some hundreds; a handful may be the pattern of a table cloth
LONG_TEXT = 4  # shorter ones are about as tall as they are wide in any turn
ENOUGH_LONG_LINES = 5  # with fewer of them the way they lie proves nothing
FLAT_SHARE = 0.6
TALL_SHARE = 0.4


def read_in_best_turn(page: Page, read: Callable[[Page], list[OcrLine]], *, sure: float) -> list[OcrLine]:
    """Read the page as it is; if that makes no sense read it turned too, and keep the best.

    `read` answers the lines of one picture in reading order. `sure` is the mean confidence that the engine reaches
    on upright text and never on text that stands on its head. The boxes that come back are of the page as given, the
    order is that of reading. An upright card costs one reading, as does a page without text; a turned one two to four.
    """
    best = read(page)
    if not best or _makes_sense(best, page, sure):
        return best
    best_worth = _worth(best, page)
    for turn in _turns_to_try(best, page, sure):
        turned = numpy.ascontiguousarray(numpy.rot90(page, -(turn // 90)))
        lines = read(turned)
        if _worth(lines, turned) > best_worth:
            best_worth = _worth(lines, turned)
            best = [replace(line, box=given_box(line.box, turn), turn=turn) for line in lines]
            if _makes_sense(lines, turned, sure):
                break
    return best


def given_box(box: Box, turn: int) -> Box:
    """From a page turned clockwise by `turn` degrees back to the page as given."""
    x, y, w, h = box
    if turn == 90:
        return Box(y, 1 - x - w, h, w)
    if turn == 180:
        return Box(1 - x - w, 1 - y - h, w, h)
    if turn == 270:
        return Box(1 - y - h, x, h, w)
    return box


def reading_box(line: OcrLine) -> Box:
    """Where the line lies on the page once that is turned to be read; its own box if the page was upright."""
    return given_box(line.box, (360 - line.turn) % 360)


def _letters(line: OcrLine) -> int:
    return sum(character.isalnum() for character in line.text)


def _confidence(lines: Sequence[OcrLine]) -> float:
    letters = sum(map(_letters, lines))
    return sum(_letters(line) * line.confidence for line in lines) / letters if letters else 0.0


def _is_flat(line: OcrLine, page: Page) -> bool:
    height, width = page.shape[:2]
    return bool(line.box.w * width >= line.box.h * height)


def _flat_share(lines: Sequence[OcrLine], page: Page) -> float | None:
    """Of the long lines, how many lie flat; None when there are too few to tell."""
    flat = [_is_flat(line, page) for line in lines if len(line.text) >= LONG_TEXT]
    return sum(flat) / len(flat) if len(flat) >= ENOUGH_LONG_LINES else None


def _worth(lines: Sequence[OcrLine], page: Page) -> float:
    """Letters that were read with confidence, on lines that lie as lines should."""
    return sum(_letters(line) * line.confidence**2 for line in lines if _is_flat(line, page))


def _makes_sense(lines: Sequence[OcrLine], page: Page, sure: float) -> bool:
    share = _flat_share(lines, page)
    if share is None or share < FLAT_SHARE:
        return False
    return sum(map(_letters, lines)) >= ENOUGH_LETTERS and _confidence(lines) >= sure


def _turns_to_try(lines: Sequence[OcrLine], page: Page, sure: float) -> tuple[int, ...]:
    share = _flat_share(lines, page)
    if share is None:
        return (90, 270, 180)
    if share > TALL_SHARE:
        return (180,)
    # Engines turn tall lines to the left before they read them: where that went well, so does the page.
    return (270, 90) if _confidence(lines) >= sure else (90, 270)
