"""The whole way of a document out of real processes, beside the engine alone on the same files and a bare view.

Starts PostgreSQL, Valkey, the web server, the OCR worker and the default worker in a throw-away folder, as `make run`
does, and ends them. Ratios are of neighbouring rounds: a machine that gets busier meanwhile hardly changes them. The
last line is one JSON object. Costs about fifteen minutes; --rounds, --documents and --parts make it shorter.
"""

import json
import shutil
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from filot.bench.asked import NoAnswer
from filot.bench.cards import Cards
from filot.bench.client import Refused
from filot.bench.figures import rounded
from filot.bench.measures import Found, growth, throughput, uploads
from filot.bench.parts import Parts
from filot.embedded.program import ProgramFailed
from filot.embedded.throwaway import new_folder
from ocr_gpu.cores import available, threads_for
from verification.bench_tables import as_markdown, as_text

UPLOADS, THROUGHPUT, GROWTH = "uploads", "throughput", "growth"
FIRST_SEED = 910_000
ROWS = [1_000, 10_000, 100_000]
UPLOADED_CARDS = 40


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # needs no secret and no service: it brings its own

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--parts", nargs="+", choices=[UPLOADS, THROUGHPUT, GROWTH], help="default: all three")
        parser.add_argument("--rounds", type=count, default=4)
        parser.add_argument("--documents", type=count, default=80, help="of a round of throughput")
        parser.add_argument("--low-load", type=count, default=60, help="documents that are timed one by one")
        parser.add_argument("--seconds", type=float, default=6.0, help="of a round of uploads")
        parser.add_argument("--rows", nargs="+", type=count, default=ROWS, help="that wait")
        parser.add_argument("--steps", type=count, default=40, help="documents that are timed before so many rows")
        parser.add_argument("--processes", type=count, default=available(), help="that read (default: one a core)")
        parser.add_argument("--threads", type=count, help="of each (default: its share of the cores)")
        parser.add_argument("--s3", action="store_true", help="originals in a SeaweedFS instead of a folder")
        parser.add_argument("--seed", type=int, default=FIRST_SEED)
        parser.add_argument("--markdown", action="store_true")
        parser.add_argument("--keep", action="store_true", help="leave the folder with all logs, and say where")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = new_folder()
        try:
            found = self.measure(folder, options)
        except (ProgramFailed, NoAnswer, Refused) as failed:
            raise CommandError(str(failed)) from failed
        finally:
            if options["keep"]:
                self.stderr.write(f"all logs: {folder}")
            else:
                shutil.rmtree(folder, ignore_errors=True)
        for table in found.tables:
            self.stdout.write((as_markdown if options["markdown"] else as_text)(table))
        self.stdout.write(json.dumps(rounded(found.figures)))

    def measure(self, folder: Path, options: dict[str, Any]) -> Found:
        wanted = options["parts"] or [UPLOADS, THROUGHPUT, GROWTH]
        processes, rounds = options["processes"], options["rounds"]
        threads = options["threads"] or threads_for(processes)
        found = Found(figures={"processes": processes, "threads": threads, "cores": available()})
        cards = Cards(folder, options["seed"])
        with Parts(folder, processes=processes, threads=threads, s3=options["s3"]) as parts:
            if UPLOADS in wanted:
                some = cards.take(UPLOADED_CARDS)
                found.add(uploads(parts, some, rounds=rounds, seconds=options["seconds"], say=self.stderr.write))
            if THROUGHPUT in wanted:
                sizes = {"documents": options["documents"], "low_load": options["low_load"], "processes": processes}
                found.add(throughput(parts, cards, rounds=rounds, **sizes, say=self.stderr.write))
            if GROWTH in wanted:
                some = cards.take(options["steps"] + 1)  # one to load the engine with: no file is read twice
                found.add(growth(parts, some, rows=options["rows"], count=options["steps"], say=self.stderr.write))
        return found


def count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)
