"""The letters on specimen cards: free fonts of the packages of the `dev` extra, or the one bundled with Pillow.

Nothing here needs the packages: without them every card is set in the bundled font, and its truth says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from random import Random

from PIL import ImageFont

BUNDLED = "bundled with Pillow"
STROKES = "strokes like OCR-A"
REGULAR_WEIGHTS = (400, 400, 500, 600)
BOLD_WEIGHT = 700
STROKES_SHARE = 0.45  # of cards whose number is set in strokes, as most identity cards have it
MONOSPACED_SHARE = 0.35
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Face:
    """A font: its file of regular weight and that of the bold one, the same where the weight can be chosen."""

    name: str
    regular: Path | None  # None: the bundled font
    bold: Path | None


@dataclass(frozen=True, slots=True)
class Lettering:
    """What one card is set in."""

    text: Face
    number: Face | None  # None: drawn in strokes
    weight: int = REGULAR_WEIGHTS[0]

    @property
    def note(self) -> str:
        number = self.number.name if self.number else STROKES
        return self.text.name if number == self.text.name else f"{self.text.name}; numbers: {number}"


# package, file of regular weight, file of bold weight
TEXT_FACES = (
    ("fontpkg_arimo", "Arimo[wght].ttf", "Arimo[wght].ttf"),  # as wide as Arial, which most cards are set in
    ("fontpkg_archivo_narrow", "ArchivoNarrow[wght].ttf", "ArchivoNarrow[wght].ttf"),
    ("fontpkg_barlow_semi_condensed", "BarlowSemiCondensed-Medium.ttf", "BarlowSemiCondensed-Bold.ttf"),
    ("fontpkg_lato", "Lato-Regular.ttf", "Lato-Bold.ttf"),
    ("fontpkg_open_sans", "OpenSans[wdth,wght].ttf", "OpenSans[wdth,wght].ttf"),
    ("fontpkg_overpass", "Overpass[wght].ttf", "Overpass[wght].ttf"),
    ("fontpkg_roboto", "Roboto[wdth,wght].ttf", "Roboto[wdth,wght].ttf"),
    ("fontpkg_share_tech", "ShareTech-Regular.ttf", "ShareTech-Regular.ttf"),
    ("fontpkg_source_sans_3", "SourceSans3[wght].ttf", "SourceSans3[wght].ttf"),
    ("fontpkg_work_sans", "WorkSans[wght].ttf", "WorkSans[wght].ttf"),
)
MONOSPACED_FACES = (
    ("fontpkg_roboto_mono", "RobotoMono[wght].ttf", "RobotoMono[wght].ttf"),
    ("fontpkg_ibm_plex_mono", "IBMPlexMono-Medium.ttf", "IBMPlexMono-Bold.ttf"),
    ("fontpkg_space_mono", "SpaceMono-Regular.ttf", "SpaceMono-Bold.ttf"),
)


@cache
def faces(monospaced: bool = False) -> tuple[Face, ...]:
    """The faces whose packages are installed, in a fixed order."""
    found = []
    for package, regular, bold in MONOSPACED_FACES if monospaced else TEXT_FACES:
        spec = find_spec(package)
        if spec and spec.origin:
            folder = Path(spec.origin).parent / "files"
            name = package.removeprefix("fontpkg_").replace("_", " ")
            found.append(Face(name, folder / regular, folder / bold))
    return tuple(found)


def choose_lettering(random: Random, font_name: str | None) -> Lettering:
    """The font asked for, else one by chance. OSError when the font asked for is not there."""
    if font_name is not None:
        ImageFont.truetype(font_name, 20)
        face = Face(Path(font_name).stem, Path(font_name), Path(font_name))
        return Lettering(face, face)
    chance, weight = random.random(), random.choice(REGULAR_WEIGHTS)
    pick, pick_number = random.random(), random.random()
    bundled = Face(BUNDLED, None, None)
    text = _picked(faces(), pick) or bundled
    if chance < STROKES_SHARE:
        return Lettering(text, None, weight)
    if chance < STROKES_SHARE + MONOSPACED_SHARE:
        return Lettering(text, _picked(faces(monospaced=True), pick_number) or text, weight)
    return Lettering(text, text, weight)


def _picked(among: tuple[Face, ...], share: float) -> Face | None:
    return among[int(share * len(among))] if among else None


@lru_cache(maxsize=512)
def font(face: Face, size: int, weight: int) -> Font:
    """A face at a size, and at a weight where it has one."""
    path = face.bold if weight >= BOLD_WEIGHT else face.regular
    if path is None:
        return ImageFont.load_default(size)
    loaded = ImageFont.truetype(str(path), size)
    if "[" in path.name:  # a variable font: its axes are in brackets
        axes = loaded.get_variation_axes()
        loaded.set_variation_by_axes([_along(axis, weight) for axis in axes])
    return loaded


def _along(axis: ImageFont.Axis, weight: int) -> float:
    return float(weight if axis["name"] == b"Weight" else axis["default"] or 0)
