"""Read the pictures of a folder with one engine, for bench_reading: see verification.bench_runs for what it says.

The folder holds one folder for each document type, by its code, with *.jpg in it.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ocr_gpu.engine import ENGINES, EngineUnavailable, OcrEngine, load_engine
from ocr_gpu.images import UnreadableFile
from verification.reading import read_file


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # needs no secret and no service

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("engine", choices=sorted(ENGINES))
        parser.add_argument("folder", type=Path)
        parser.add_argument("threads", type=int)
        parser.add_argument("--device", default="auto")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            engine = load_engine(options["engine"], device=options["device"], threads=options["threads"])
            engine.warm_up()
        except EngineUnavailable as unavailable:
            raise CommandError(str(unavailable)) from unavailable
        self.say({"ready": f"{engine.version} on {engine.device}"})
        sys.stdin.readline()
        for file in sorted(options["folder"].glob("*/*.jpg")):
            self.say({"file": file.name, **answer(engine, file)})
        self.say({"done": True})
        sys.stdin.read()  # stay until our memory has been looked at

    def say(self, words: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(words))
        self.stdout.flush()


def answer(engine: OcrEngine, file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    started = time.perf_counter()
    try:
        fields = read_file(engine, file.parent.name, data).fields
    except UnreadableFile as unreadable:
        return {"seconds": time.perf_counter() - started, "error": unreadable.code}
    return {
        "seconds": time.perf_counter() - started,
        "fields": {name: {"value": field.value, "confidence": field.confidence} for name, field in fields.items()},
    }
