"""What is wrong with a picture, in words that tell its sender how to take a better one.

A good picture must not be blamed: what only makes reading harder (blur, darkness) is said only where reading did fail
in part, and what hides part of a card (glare, an edge) from a size on that can hide a field.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from verification.kind_words import KTP, KTP_LABELS, NONE, NPWP15, NPWP16, OTHER_TEXT, TWO_CARDS
from verification.kinds import Kind

READ_WELL = 0.85  # of what a card has: nobody needs to be told that such a picture is hard to read
LEAST_SHARPNESS, POOR_SHARPNESS = 0.03, 0.25
DARK_LIGHT, DARKEST_LIGHT = 0.3, 0.2
FEW_LINES = 8  # on a dark page: else it is white writing on black, as screens have it
BRIGHT_LIGHT, PALE_CONTRAST = 0.97, 0.25
LEAST_TEXT = 10.0  # pixels from the top to the foot of a line
LEAST_SIDE = 400  # pixels of the long side, of a picture on which nothing was read
LEAST_GLARE, LEAST_BLOB = 0.01, 1.2  # share of the card, and heights of text
CUT_SHARE, CUT_LINES = 0.06, 2
NEAR_EDGE = 0.8  # heights of text
CUT_LABELS = 4  # missing at the foot or the head of the card
LEAST_COLOUR = {KTP: 0.085, NPWP15: 0.005, NPWP16: 0.005}  # a KTP has a portrait on red or blue, tax cards have less
LEAST_COLOUR_LIGHT, COLOUR_CONTRAST = (
    0.1,
    0.25,
)  # contrast against the light: in the dark and on pale print none is seen
SURE_TURNING = 3.0  # colours that turn as no print's do
DOUBTFUL_TURNING = 0.95  # one honest picture in a hundred comes so far
GRID_PEAK = 8.0  # a grid finer than print: of a screen, but halftone has it too
PEAK_TURNING = 1.2  # of colours on such a grid
LEAST_BARS = 0.08  # of the page
LEAST_WINDOW_WORDS = 2
MANY_CARDS = 2

MESSAGES: dict[str, tuple[str, str]] = {
    "nothing_readable": (
        "Tidak ada tulisan yang terbaca. Foto kartu dari depan, dari dekat, di tempat yang terang, dan tahan ponsel.",
        "Nothing can be read. Take the card from the front and close by, in good light, and hold the phone still.",
    ),
    "two_cards": (
        "Ada lebih dari satu kartu di foto ini. Kirim satu kartu untuk setiap foto.",
        "There is more than one card in this picture. Send one card in each picture.",
    ),
    "cut_off": (
        "Sebagian kartu berada di luar foto. Foto lagi sampai keempat sudut kartu terlihat.",
        "Part of the card is outside the picture. Take it again so that all four corners are seen.",
    ),
    "glare": (
        "Foto lagi tanpa lampu atau lampu kilat: pantulan cahaya menutupi sebagian kartu.",
        "Take it again without the lamp or the flash: the light burns out part of the card.",
    ),
    "too_dark": (
        "Foto terlalu gelap. Foto lagi di dekat jendela atau di bawah cahaya yang merata.",
        "The picture is too dark. Take it again near a window or in even light.",
    ),
    "too_bright": (
        "Foto terlalu terang sehingga tulisan memudar. Foto lagi dengan cahaya yang lebih lembut.",
        "The picture is too bright and the writing fades. Take it again in softer light.",
    ),
    "too_small": (
        "Kartu terlalu kecil di foto. Dekatkan kamera, dan kirim foto asli tanpa diperkecil.",
        "The card is too small in the picture. Go closer, and send the picture itself, not a smaller copy.",
    ),
    "too_blurred": (
        "Foto kabur. Letakkan kartu di meja, tahan ponsel, dan tunggu sampai fokus.",
        "The picture is blurred. Lay the card on a table, hold the phone still and wait until it is in focus.",
    ),
    "photocopy": (
        "Ini tampak seperti fotokopi atau foto hitam putih. Foto kartu aslinya, berwarna.",
        "This looks like a photocopy or a black and white picture. Take the card itself, in colour.",
    ),
    "screen_photo": (
        "Ini tampak seperti foto dari layar. Foto kartu aslinya.",
        "This looks like a picture of a screen. Take the card itself.",
    ),
    "screen_suspected": (
        "Mungkin ini foto layar atau tangkapan layar: lihat apakah kartu itu sendiri yang difoto.",
        "This may be a picture of a screen or a screenshot: look whether the card itself was taken.",
    ),
}
REVIEWER_ONLY = frozenset(
    {"screen_suspected"}
)  # too often wrong to be told to a sender; keeps a machine from approving


class Measured(Protocol):
    """What is asked of the measures of a page; ocr_gpu.quality.Measures has it, and says what each one means."""

    @property
    def sharpness(self) -> float: ...
    @property
    def light(self) -> float: ...
    @property
    def contrast(self) -> float: ...
    @property
    def glare(self) -> float: ...
    @property
    def glare_text(self) -> float: ...
    @property
    def text_height(self) -> float: ...
    @property
    def side(self) -> int: ...
    @property
    def cut_lines(self) -> float: ...
    @property
    def room(self) -> tuple[float, float, float, float]: ...
    @property
    def colourfulness(self) -> float: ...
    @property
    def screen(self) -> float: ...
    @property
    def turning(self) -> float: ...
    @property
    def bars(self) -> float: ...
    @property
    def window_words(self) -> int: ...
    @property
    def lines(self) -> int: ...


@dataclass(frozen=True, slots=True)
class QualityIssue:
    """`code` is stable and one of MESSAGES; if it is none of REVIEWER_ONLY, the messages may be shown to a client."""

    code: str
    message_id: str
    message_en: str


def issues_of(measures: Measured, kind: Kind, *, cards: int = 0) -> list[QualityIssue]:
    """What is wrong, the worst first; empty for a good picture. `cards` is how many outlines of cards were seen."""
    return [QualityIssue(code, *MESSAGES[code]) for code in _codes(measures, kind, cards)]


def _codes(measures: Measured, kind: Kind, cards: int) -> Iterator[str]:
    is_card = kind.code in LEAST_COLOUR
    if kind.code == NONE:
        yield "nothing_readable"
        if _is_night(measures):
            yield "too_dark"
        if measures.side < LEAST_SIDE:
            yield "too_small"
        return
    if kind.code == TWO_CARDS or (is_card and cards >= MANY_CARDS):
        yield "two_cards"
    cut = _is_cut(measures, kind)
    if cut:
        yield "cut_off"
    if measures.glare >= LEAST_GLARE and measures.glare_text >= LEAST_BLOB:
        yield "glare"
    if measures.text_height < LEAST_TEXT:
        yield "too_small"
    yield from _hard_to_read(measures, kind)
    if is_card and not cut and _shows_colours(measures) and measures.colourfulness < LEAST_COLOUR[kind.code]:
        yield "photocopy"
    if _is_screen(measures):
        yield "screen_photo"
    elif _may_be_screen(measures):
        yield "screen_suspected"


def _shows_colours(measures: Measured) -> bool:
    """Whether there is light enough to tell colours from black and white."""
    return measures.light >= LEAST_COLOUR_LIGHT and measures.contrast >= COLOUR_CONTRAST * measures.light


def _is_screen(measures: Measured) -> bool:
    """Surely: two signs that halftone and security lines don't have together, or one that print doesn't have."""
    return measures.turning >= SURE_TURNING or (measures.screen >= GRID_PEAK and measures.turning >= PEAK_TURNING)


def _may_be_screen(measures: Measured) -> bool:
    return (
        measures.turning >= DOUBTFUL_TURNING
        or measures.screen >= GRID_PEAK
        or measures.bars >= LEAST_BARS
        or measures.window_words >= LEAST_WINDOW_WORDS
    )


def _hard_to_read(measures: Measured, kind: Kind) -> Iterator[str]:
    failed = kind.legible < READ_WELL
    if (failed and measures.light < DARK_LIGHT) or (kind.code == OTHER_TEXT and _is_night(measures)):
        yield "too_dark"
    elif failed and measures.light > BRIGHT_LIGHT and measures.contrast < PALE_CONTRAST:
        yield "too_bright"
    elif measures.text_height >= LEAST_TEXT and (
        measures.sharpness < LEAST_SHARPNESS or (failed and measures.sharpness < POOR_SHARPNESS)
    ):
        yield "too_blurred"


def _is_night(measures: Measured) -> bool:
    return measures.light < DARKEST_LIGHT and measures.lines < FEW_LINES


def _is_cut(measures: Measured, kind: Kind) -> bool:
    """Lines that run into the edge; or the lowest or uppermost labels missing where the writing ends at an edge."""
    if measures.cut_lines >= CUT_SHARE and round(measures.cut_lines * measures.lines) >= CUT_LINES:
        return True
    if kind.code != KTP:
        return False
    order = list(KTP_LABELS)
    gone = max(_missing_first(order, kind), _missing_first(order[::-1], kind))
    return gone >= CUT_LABELS and min(measures.room) < NEAR_EDGE


def _missing_first(order: list[str], kind: Kind) -> int:
    return next((place for place, name in enumerate(order) if name not in kind.missing), len(order))
