"""From the bytes of a file to fields: decode, OCR, parse. Stores nothing."""

import functools
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy
import structlog
from django.conf import settings

from ocr_gpu.engine import OcrEngine, OcrLine, load_engine
from ocr_gpu.images import upright_pages
from verification.fields import FieldValue
from verification.scoring import Thresholds, Verdict, load_policy

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from one document: the lines of the page that holds the card, and its fields."""

    lines: list[OcrLine]
    fields: Mapping[str, FieldValue]
    page: int
    engine: str
    engine_version: str
    device: str
    parser_version: str


def document_type(name: str) -> ModuleType:
    """The module of a document type: its fields, parser and number."""
    return importlib.import_module(settings.DOCUMENT_TYPES[name])


@functools.cache
def engine_of(queue: str) -> OcrEngine:
    """The engine of this process for a queue, loaded once. Raises ocr_gpu.engine.EngineUnavailable."""
    device = settings.OCR_GPU_DEVICE if queue == settings.OCR_GPU_QUEUE else "cpu"
    engine = load_engine(settings.OCR_ENGINES[queue], device=device, threads=settings.OCR_CPU_THREADS or None)
    engine.warm_up()
    log.info("engine_ready", queue=queue, engine=engine.name, version=engine.version, device=engine.device)
    return engine


def read_batch(engine: OcrEngine, files: Sequence[tuple[str, list[numpy.ndarray[Any, Any]]]]) -> list[Reading]:
    """Read several files, each a document type and its upright pages, in one pass of the engine."""
    lines = iter(engine.read([page for _, pages in files for page in pages]))
    by_file = [(name, [next(lines) for _ in pages]) for name, pages in files]
    return [_best_page(engine, name, pages) for name, pages in by_file]


def read_file(engine: OcrEngine, name: str, data: bytes) -> Reading:
    """Read one file. Raises ocr_gpu.images.UnreadableFile."""
    return read_batch(engine, [(name, upright_pages(data))])[0]


def _best_page(engine: OcrEngine, name: str, pages: Sequence[list[OcrLine]]) -> Reading:
    """The page on which most fields stand holds the card; the first one where none does."""
    module = document_type(name)
    parsed = [module.parse(lines) for lines in pages]
    best = max(range(len(pages)), key=lambda page: (_found(parsed[page]), -page))
    return Reading(
        lines=pages[best],
        fields=parsed[best],
        page=best,
        engine=engine.name,
        engine_version=engine.version,
        device=engine.device,
        parser_version=module.PARSER_VERSION,
    )


def _found(fields: Mapping[str, FieldValue]) -> int:
    return sum(field.value is not None for field in fields.values())


def judge(name: str, fields: Mapping[str, FieldValue], lines: Sequence[OcrLine]) -> Verdict:
    """Judge fields under the policy and thresholds that settings name."""
    thresholds = Thresholds(
        approve=settings.AI_SCORE_THRESHOLD_AUTO_APPROVE, reject=settings.AI_SCORE_THRESHOLD_AUTO_REJECT
    )
    verdict: Verdict = load_policy(settings.SCORING_POLICY).judge(name, fields, lines, thresholds)
    return verdict


def fields_as_json(name: str, fields: Mapping[str, FieldValue]) -> dict[str, Any]:
    """Every field of the document type by its wire name; a field that was not found has the value null."""
    empty = FieldValue(value=None, raw="", confidence=0.0, box=None)
    return {field: fields.get(field, empty).as_json() for field in document_type(name).FIELDS}


def lines_as_json(lines: Sequence[OcrLine]) -> list[dict[str, Any]]:
    return [{"text": line.text, "confidence": round(line.confidence, 4), "box": list(line.box)} for line in lines]
