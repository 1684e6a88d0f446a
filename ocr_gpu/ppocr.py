"""PP-OCR's two networks on onnxruntime: where writing stands, and what a line says. The one module that imports them.

The models come out of the rapidocr package (PP-OCRv6 small, Apache-2.0), the loop around them is ours: a card takes
less time and memory, because lines are cut from the page's own pixels and read one by one, and the
recogniser knows the characters of Indonesian cards only. No picture passes through a network twice.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from ocr_gpu.engine import Page
from ocr_gpu.quads import Quad

DETECTOR, RECOGNISER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
LAST_LAYER = ("linear_8.w_0", "linear_8.b_0")  # weights (features x classes) and biases of the recogniser's head
STRIDE = 32  # the detector's sides are multiples of it
INK, INK_FAINT = 0.3, 0.2  # chance of writing from which a pixel is taken for it
LINE, LINE_FAINT = 0.5, 0.35  # mean chance within a box from which it is a line
SHORTEST_SIDE = 3  # pixels of the detector's map
MARGIN = 1.6  # the detector marks the kernel of a line: how far it is widened, as a multiple of area / circumference
MOST_LINES = 400  # a card has 40, a page of print 100; more is a pattern

Probabilities = NDArray[numpy.float32]  # time steps x classes; class 0 is "nothing new"


@dataclass(frozen=True, slots=True)
class Networks:
    detector: onnxruntime.InferenceSession
    recogniser: onnxruntime.InferenceSession
    characters: tuple[str, ...]  # of each class of the recogniser; "" is class 0

    def find_lines(self, page: Page, side: int, *, faint: bool = False) -> list[Quad]:
        """The corners of each line in pixels of the page, seen with its long side made `side` pixels."""
        height, width = page.shape[:2]
        share = side / max(height, width)
        rows, columns = (max(STRIDE, round(length * share / STRIDE) * STRIDE) for length in (height, width))
        smooth = cv2.INTER_AREA if share < 1 else cv2.INTER_LINEAR
        seen = cv2.resize(page, (columns, rows), interpolation=smooth)
        chance = self.detector.run(None, {"x": _as_input(seen)})[0][0, 0]
        quads = _boxes(chance, ink=INK_FAINT if faint else INK, line=LINE_FAINT if faint else LINE)
        scale = numpy.array([width / columns, height / rows], dtype=numpy.float32)
        return [quad * scale for quad in quads]

    def read_line(self, strip: Page) -> Probabilities:
        """What stands in a picture of one line, 48 pixels high, from left to right."""
        probabilities: Probabilities = self.recogniser.run(None, {"x": _as_input(strip)})[0][0]
        return probabilities


def load_networks(threads: int | None = None) -> Networks:
    """Both networks, ready to run. OSError or ImportError when the package or its models are not there."""
    package = find_spec("rapidocr")  # it is not imported: that alone would take a second and 60 MB
    if package is None or package.origin is None:
        raise ImportError("the package rapidocr, which holds the models, is not installed")
    models = Path(package.origin).parent / "models"
    head, characters = cut_recogniser((models / RECOGNISER).read_bytes())
    return Networks(
        detector=_session((models / DETECTOR).read_bytes(), threads),
        recogniser=_session(head, threads),
        characters=characters,
    )


def cut_recogniser(model: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The model with the classes of ASCII characters only, and the characters of its classes.

    The packaged head tells 18,708 characters apart, most of them Chinese, which no card here has. What
    is left of the weights is untouched, so the scores of the kept classes are the same before the last softmax; cut in
    memory at each start (0.1 s), so there is no second model file that could grow stale.
    """
    graph = onnx.load_from_string(model)
    [names] = [entry.value for entry in graph.metadata_props if entry.key == "character"]
    classes = ["", *names.splitlines(), " "]
    kept = [place for place, name in enumerate(classes) if name == "" or (len(name) == 1 and " " <= name <= "~")]
    for weights in graph.graph.initializer:
        if weights.name in LAST_LAYER:
            values = numpy_helper.to_array(weights)
            weights.CopyFrom(numpy_helper.from_array(numpy.ascontiguousarray(values[..., kept]), weights.name))
    graph.graph.output[0].type.tensor_type.shape.dim[2].dim_value = len(kept)
    del graph.metadata_props[:]
    return graph.SerializeToString(), tuple(classes[place] for place in kept)


def _session(model: bytes, threads: int | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take a sixth more of the cores, and twice the time when others need those too.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # lines of all lengths: the arena would keep the largest of everything
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _as_input(picture: NDArray[Any]) -> NDArray[numpy.float32]:
    """1 x 3 x height x width from -1 to 1, in OpenCV's order of colours, as both networks were trained."""
    scaled = picture[:, :, ::-1].astype(numpy.float32) / 127.5 - 1
    return numpy.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def _boxes(chance: NDArray[numpy.float32], *, ink: float, line: float) -> list[Quad]:
    """Lines out of the detector's map, as rectangles in its own pixels."""
    mask = cv2.dilate((chance > ink).astype(numpy.uint8), numpy.ones((2, 2), numpy.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found: list[Quad] = []
    for contour in contours[:MOST_LINES]:
        centre, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < SHORTEST_SIDE:
            continue
        kernel = cv2.boxPoints((centre, (width, height), angle))
        if _mean_within(chance, kernel) < line:
            continue
        wider = MARGIN * width * height / (width + height)  # twice the distance: on either side
        found.append(cv2.boxPoints((centre, (width + wider, height + wider), angle)).astype(numpy.float32))
    return found


def _mean_within(chance: NDArray[numpy.float32], quad: NDArray[Any]) -> float:
    left, top = numpy.maximum(numpy.floor(quad.min(axis=0)).astype(int), 0)
    right, bottom = numpy.ceil(quad.max(axis=0)).astype(int) + 1
    part = chance[top:bottom, left:right]
    mask = numpy.zeros(part.shape, numpy.uint8)
    cv2.fillPoly(mask, [(quad - (left, top)).astype(numpy.int32)], 1)
    return float(cv2.mean(part, mask)[0])
