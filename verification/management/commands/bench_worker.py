"""Read the pictures of a folder with one engine, for bench_reading: see verification.bench_runs for what it says.

The folder holds one folder for each document type, by its code, with *.jpg in it.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ocr_gpu.engine import ENGINES, EngineUnavailable, OcrEngine, load_engine
from ocr_gpu.images import UnreadableFile, upright_pages
from verification.reading import Reading, read_batch, read_file


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # needs no secret and no service

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("engine", choices=sorted(ENGINES))
        parser.add_argument("folder", type=Path)
        parser.add_argument("threads", type=int)
        parser.add_argument("--device", default="auto")
        parser.add_argument("--batch", type=int, default=1, help="files read together")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            engine = load_engine(options["engine"], device=options["device"], threads=options["threads"])
            engine.warm_up()
        except EngineUnavailable as unavailable:
            raise CommandError(str(unavailable)) from unavailable
        self.say({"ready": f"{engine.version} on {engine.device}"})
        sys.stdin.readline()
        files, together = sorted(options["folder"].glob("*/*.jpg")), options["batch"]
        for place in range(0, len(files), together):
            for said in answers(engine, files[place : place + together]):
                self.say(said)
        self.say({"done": True})
        sys.stdin.read()  # stay until our memory has been looked at

    def say(self, words: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(words))
        self.stdout.flush()


def answers(engine: OcrEngine, files: Sequence[Path]) -> list[dict[str, Any]]:
    """What is said of each file. Of several that are read together each took its share of the time."""
    if len(files) == 1:
        return [{"file": files[0].name, **answer(engine, files[0])}]
    started = time.perf_counter()
    readings = read_batch(engine, [(file.parent.name, upright_pages(file.read_bytes())) for file in files])
    seconds = (time.perf_counter() - started) / len(files)
    return [
        {"file": file.name, "seconds": seconds, "fields": as_said(reading)}
        for file, reading in zip(files, readings, strict=True)
    ]


def answer(engine: OcrEngine, file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    started = time.perf_counter()
    try:
        reading = read_file(engine, file.parent.name, data)
    except UnreadableFile as unreadable:
        return {"seconds": time.perf_counter() - started, "error": unreadable.code}
    return {"seconds": time.perf_counter() - started, "fields": as_said(reading)}


def as_said(reading: Reading) -> dict[str, Any]:
    return {name: {"value": field.value, "confidence": field.confidence} for name, field in reading.fields.items()}
