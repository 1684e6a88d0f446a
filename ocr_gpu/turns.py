"""Photographs taken sideways or upside down: where a box lies on the page as given, and on the page as it is read."""

from ocr_gpu.engine import Box, OcrLine


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
