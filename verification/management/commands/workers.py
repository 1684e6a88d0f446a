"""Who reads documents: each process, on which device, what it does, and since when its work has not gone forward.

stuck: at work without a step for OCR_GPU_STUCK_TIMEOUT. silent: neither it nor its loop was heard of for a minute; it
was killed or stands still.
"""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from verification.bench_tables import as_text
from verification.models import Worker
from verification.workers import stalled_queues, state_of

TITLE = "Seconds: up since its start, since progress, since it was seen"
COLUMNS = ["worker", "queue", "device", "engine", "threads", "state", "doing", "held", "done", "up", "progress", "seen"]


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one list of objects, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = list(Worker.objects.all())
        if stalled := stalled_queues(settings.OCR_STALLED_AFTER):
            self.stderr.write(f"documents wait and nobody moves: {', '.join(stalled)}")
        if options["json"]:
            self.stdout.write(json.dumps([as_json(row) for row in rows], indent=1))
        elif rows:
            cells = [[str(value) for value in cells_of(row)] for row in rows]
            self.stdout.write(as_text((TITLE, COLUMNS, cells)))
        else:
            self.stdout.write("no worker")


def as_json(row: Worker) -> dict[str, Any]:
    times = {name: getattr(row, name) for name in ("started_at", "seen_at", "progress_at")}
    names = ("name", "queue", "host", "pid", "device", "engine", "engine_version", "threads", "doing", "reason")
    return {
        **{name: getattr(row, name) for name in names},
        "state": state_of(row),
        "held": row.held,
        "done": row.done,
        **{name: at.isoformat(timespec="milliseconds") for name, at in times.items()},
        "progress_age": round((timezone.now() - row.progress_at).total_seconds(), 1),
    }


def cells_of(row: Worker) -> list[Any]:
    now = timezone.now()
    ages = [round((now - at).total_seconds()) for at in (row.started_at, row.progress_at, row.seen_at)]
    doing = f"{row.doing} ({row.reason})" if row.reason else row.doing
    what = [row.name, row.queue, row.device or "-", row.engine or "-", row.threads, state_of(row), doing]
    return [*what, row.held, row.done, *ages]
