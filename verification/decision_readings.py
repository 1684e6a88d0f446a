"""Reading the cards of a measurement of decisions, in several processes."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import django
from django.conf import settings

from ocr_gpu.engine import OcrEngine, load_engine
from ocr_gpu.fingerprint import fingerprint
from ocr_gpu.images import UnreadableFile
from verification.bench_runs import THREAD_VARIABLES
from verification.decision_cards import Picture, drawn
from verification.decision_store import Key, Read, Reader
from verification.reading import document_type, fields_as_json, lines_as_json, read_file

ROOT = Path(__file__).parent.parent
# What pictures are drawn, measured and compared by, which has no version as engines and parsers have.
SOURCES = ("ocr_gpu/*.py", "verification/quality.py", "verification/specimen*.py")


def key_of(engine: OcrEngine) -> Key:
    """What a reading depends on besides its picture's own seed and values."""
    parsers = {name: document_type(name).PARSER_VERSION for name in settings.DOCUMENT_TYPES}
    return {"engine": engine.name, "version": engine.version, "parsers": parsers, "sources": _digest(SOURCES)}


def _digest(patterns: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for file in sorted(file for pattern in patterns for file in ROOT.glob(pattern)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def read_picture(engine: OcrEngine, picture: Picture) -> Read:
    data = drawn(picture)
    digest = hashlib.sha256(data).hexdigest()
    try:
        reading = read_file(engine, picture.type, data)
    except UnreadableFile as refused:
        return Read(picture.file, digest, {}, [], error=refused.code)
    told = {
        "file": picture.file,
        "sha256": digest,
        "fields": fields_as_json(picture.type, reading.fields),
        "lines": lines_as_json(reading.lines),
        "issues": [issue.code for issue in reading.issues],
        "fingerprint": fingerprint(reading.picture).hex(),
        "error": "",
    }
    return Read.from_json(told)  # rounded as what is stored is


_engine: list[OcrEngine] = []  # of a process of the pool


def pool_reader(name: str, device: str, threads: int, processes: int) -> Reader:
    """Reads with so many processes, each with an engine of its own."""

    def read(pictures: Sequence[Picture]) -> Iterator[Read]:
        before = {variable: os.environ.get(variable) for variable in THREAD_VARIABLES}
        os.environ |= dict.fromkeys(THREAD_VARIABLES, str(threads))  # read once, as the libraries are loaded
        try:
            context = multiprocessing.get_context("spawn")  # an engine's threads don't live through a fork
            with ProcessPoolExecutor(processes, context, _start, (name, device, threads)) as pool:
                yield from pool.map(_read_one, pictures)
        finally:
            for variable, value in before.items():
                os.environ.pop(variable) if value is None else os.environ.update({variable: value})

    return read


def _start(name: str, device: str, threads: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    django.setup()
    _engine[:] = [load_engine(name, device=device, threads=threads)]


def _end_with_parent() -> None:
    """A process of a pool whose maker was killed waits for work for ever."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _read_one(picture: Picture) -> Read:
    return read_picture(_engine[0], picture)
