"""Read, parse and judge files without storing them, one JSON object a line; exit 1 when a file could not be read."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ocr_gpu.engine import ENGINES, EngineUnavailable, OcrEngine, load_engine
from ocr_gpu.images import UnreadableFile, check_file
from verification.judging import choice_of_settings, findings_as_json
from verification.reading import evidence_of_reading, fields_as_json, lines_as_json, read_file


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # needs no secret and no service

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", type=Path)
        parser.add_argument("--type", required=True, choices=sorted(settings.DOCUMENT_TYPES))
        parser.add_argument("--engine", default=settings.OCR_ENGINES[settings.OCR_CPU_QUEUE], choices=sorted(ENGINES))
        parser.add_argument("--json", action="store_true", help="JSON lines; without it a short table for people")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            engine = load_engine(
                options["engine"], device=settings.OCR_GPU_DEVICE, threads=settings.OCR_CPU_THREADS or None
            )
        except EngineUnavailable as unavailable:
            raise CommandError(str(unavailable)) from unavailable
        answers = [self.verify(file, options["type"], engine, as_json=options["json"]) for file in options["files"]]
        if not all(answers):
            sys.exit(1)

    def verify(self, file: Path, name: str, engine: OcrEngine, *, as_json: bool) -> bool:
        """Print what was found in one file; False when it could not be read."""
        try:
            answer = look_at(file, name, engine)
        except UnreadableFile as unreadable:
            answer = {"file": str(file), "error": {"code": unreadable.code, "message": unreadable.message}}
        except OSError as error:
            answer = {
                "file": str(file),
                "error": {"code": "file_not_readable", "message": error.strerror or str(error)},
            }
        self.stdout.write(json.dumps(answer, ensure_ascii=False) if as_json else as_table(answer))
        return "error" not in answer


def look_at(file: Path, name: str, engine: OcrEngine) -> dict[str, Any]:
    """The answer for one file. Raises UnreadableFile, OSError."""
    started = time.perf_counter()
    data = file.read_bytes()
    check_file(data, declared=None)
    reading = read_file(engine, name, data)
    verdict = choice_of_settings().judge(evidence_of_reading(name, reading))
    return {
        "file": str(file),
        "type": name,
        "engine": engine.name,
        "seconds": round(time.perf_counter() - started, 3),
        "kind": reading.kind,
        "quality": [{"code": issue.code, "message": issue.message_en} for issue in reading.issues],
        "fields": fields_as_json(name, reading.fields),
        "policy": f"{verdict.policy} {verdict.policy_version}",
        "score": verdict.score,
        "decision": verdict.decision,
        "reasons": [{"code": reason.code, "message": reason.message} for reason in verdict.reasons],
        "findings": findings_as_json(verdict),
        "lines": lines_as_json(reading.lines),
    }


def as_table(answer: dict[str, Any]) -> str:
    if "error" in answer:
        return f"{answer['file']}: {answer['error']['message']} ({answer['error']['code']})"
    head = (
        f"{answer['file']}: {answer['type']} (looks like {answer['kind']}) {answer['decision']}, "
        f"score {answer['score']}, {answer['seconds']} s"
    )
    fields = [f"  {name:<14} {field['value'] or '-'}" for name, field in answer["fields"].items()]
    remarks = [*answer["reasons"], *answer["quality"]]
    return "\n".join([head, *fields, *(f"  ! {remark['message']}" for remark in remarks)])
