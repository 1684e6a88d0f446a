"""From the bytes of a file to fields: decode, OCR, parse. Stores nothing."""

import functools
import importlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from types import ModuleType
from typing import Any

import structlog
from django.conf import settings

from ocr_gpu.card_finder import cards_on, find_card, squared
from ocr_gpu.engine import OcrEngine, OcrLine, Page, load_engine
from ocr_gpu.fingerprint import fingerprint
from ocr_gpu.images import upright_pages
from ocr_gpu.margins import Margins
from ocr_gpu.quality import measure
from ocr_gpu.views import closer_view, on_turned, turned, turned_box, with_light
from verification.calibration import DATE, NUMBER, group_of, with_calibration
from verification.evidence import Evidence
from verification.fields import FieldValue
from verification.kinds import Kind, kind_of
from verification.looks import Look, first_look, found, is_weak, joined, on_page
from verification.quality import QualityIssue, issues_of

log = structlog.get_logger(__name__)

CUT_SHORT = 0.6  # the most that a text is trusted which may go on where nothing is seen
WHOLE_BY_LENGTH = (NUMBER, DATE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from one document: the page that holds the card, turned upright, its lines and its fields.

    All boxes lie on that upright page.
    """

    lines: list[OcrLine]
    fields: Mapping[str, FieldValue]
    page: int
    picture: Page
    engine: str
    engine_version: str
    device: str
    parser_version: str
    turn: int = 0  # degrees clockwise by which `picture` was turned
    kind: str = ""
    seen: Kind | None = None  # what `kind` is the code of, for whoever judges at once
    measures: Mapping[str, float] = field(default_factory=dict)
    issues: Sequence[QualityIssue] = ()
    fingerprint: bytes = b""  # of the page, and behind it of the card alone where it was found; 32 bytes each


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


def read_batch(engine: OcrEngine, files: Sequence[tuple[str, list[Page]]]) -> list[Reading]:
    """Read several files, each a document type and its upright pages: in one pass of the engine, and a finer one over
    the pages of which too little was read.
    """
    lit = [[with_light(page) for page in pages] for _, pages in files]
    lines = iter(engine.read([page for pages in lit for page in pages]))
    firsts = [
        _best_of(engine, document_type(name), pages, [next(lines) for _ in pages])
        for (name, _), pages in zip(files, lit, strict=True)
    ]
    weak = [at for at, (_, look) in enumerate(firsts) if is_weak(document_type(files[at][0]), look)]
    views = {at: closer_view(lit[at][page], look.lines) for at in weak for page, look in [firsts[at]]}
    finer = engine.read([views[at].picture for at in weak], fine=True) if weak else []
    again = dict(zip(weak, finer, strict=True))
    readings = []
    for at, ((name, pages), (page, first)) in enumerate(zip(files, firsts, strict=True)):
        module, look = document_type(name), first
        if at in again:
            second = first_look(engine, module, views[at].picture, again[at])
            look = joined(module, first, on_page(second, views[at]))
        readings.append(_reading(engine, module, page, pages[page], look))
    return readings


def read_file(engine: OcrEngine, name: str, data: bytes) -> Reading:
    """Read one file. Raises ocr_gpu.images.UnreadableFile."""
    return read_batch(engine, [(name, upright_pages(data))])[0]


def _best_of(
    engine: OcrEngine, module: ModuleType, pages: Sequence[Page], lines: Sequence[list[OcrLine]]
) -> tuple[int, Look]:
    """The page on which most fields stand holds the card, the first one where none does; and what it says."""
    looks = [first_look(engine, module, page, read) for page, read in zip(pages, lines, strict=True)]
    best = max(range(len(looks)), key=lambda place: (found(looks[place]), -place))
    return best, looks[best]


def _reading(engine: OcrEngine, module: ModuleType, page: int, picture: Page, look: Look) -> Reading:
    turn = Counter(line.turn for line in look.lines).most_common(1)[0][0] if look.lines else 0
    upright, lines = turned(picture, turn), [on_turned(line) for line in look.lines]
    margins = Margins.of(upright, lines)
    fields = {name: _doubted(name, _upright(field, turn), margins) for name, field in look.fields.items()}
    return Reading(
        lines=lines,
        fields=with_calibration(engine.name, fields),
        page=page,
        picture=upright,
        engine=engine.name,
        engine_version=engine.version,
        device=engine.device,
        parser_version=module.PARSER_VERSION,
        turn=turn,
        **_seen(upright, lines),
    )


def _seen(page: Page, lines: Sequence[OcrLine]) -> dict[str, Any]:
    """What card it is, how good its picture and what it looks like, for the fields of Reading that say so."""
    cards, kind = cards_on(page), kind_of(lines)
    card = find_card(page, lines, cards=cards)
    measures = measure(page, lines, card)
    numbers = {name: value for name, value in asdict(measures).items() if name != "room"}
    room = dict(zip(("room_left", "room_top", "room_right", "room_bottom"), measures.room, strict=True))
    issues = issues_of(measures, kind, cards=len(cards))
    prints = [fingerprint(page), *([fingerprint(squared(page, card))] if card else [])]
    return {
        "kind": kind.code,
        "seen": kind,
        "measures": numbers | room,
        "issues": issues,
        "fingerprint": b"".join(prints),
    }


def _doubted(name: str, field: FieldValue, margins: Margins) -> FieldValue:
    """A text that may go on where nothing is seen is not trusted: KAWIN may be the end of BELUM KAWIN. A number or a
    date has its length to tell that all of it is there.
    """
    if field.box is None or group_of(name) in WHOLE_BY_LENGTH or not margins.may_go_on(field.box):
        return field
    return replace(field, confidence=min(field.confidence, CUT_SHORT))


def _upright(field: FieldValue, turn: int) -> FieldValue:
    return replace(field, box=turned_box(field.box, turn)) if field.box else field


def evidence_of_reading(name: str, reading: Reading) -> Evidence:
    """What a policy can judge of a file that is not stored: nothing is known of other documents."""
    return Evidence(
        document_type=name,
        values=reading.fields,
        lines=reading.lines,
        kind=reading.seen or kind_of(reading.lines),
        today=date.today(),
        issues=tuple(issue.code for issue in reading.issues),
    )


def fields_as_json(name: str, fields: Mapping[str, FieldValue]) -> dict[str, Any]:
    """Every field of the document type by its wire name; a field that was not found has the value null."""
    empty = FieldValue(value=None, raw="", confidence=0.0, box=None)
    return {field: fields.get(field, empty).as_json() for field in document_type(name).FIELDS}


def lines_as_json(lines: Sequence[OcrLine]) -> list[dict[str, Any]]:
    return [{"text": line.text, "confidence": round(line.confidence, 4), "box": list(line.box)} for line in lines]
