"""Read the same rendered cards with every engine, number of processes, threads and batch size asked for, and say which
settings suit this machine.

Each way of reading runs in processes of its own, one way after the other, so a machine that is busy with other work
misleads: CPU seconds a card hardly change then, cards a minute do. Nothing is said of a GPU that is not there.
"""

import json
import sys
import tempfile
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ocr_gpu.cores import available, threads_for
from ocr_gpu.engine import ENGINES
from verification.bench_runs import Reader, ReaderFailed, Run, run
from verification.bench_tables import Table, as_markdown, as_text
from verification.management.commands.bench_reading import draw
from verification.specimens import LEVELS

FIRST_SEED = 70_001  # as bench_reading: the same cards
GPU_BATCHES = [1, 4, 8, 16, 32]
NEARLY = 0.97  # of the best: what costs less memory is preferred to a gain within the noise
COLUMNS = ["engine", "device", "processes", "threads", "batch", "cards a minute", "to the first", "s a card"]
COLUMNS += ["CPU s a card", "RSS MB", "all MB", "cold start s"]
TITLE = "Cards of level {level}, {count} for each process, {cores} cores, seed {seed}"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of reading: so many processes of so many threads each, so many cards together through the engine."""

    engine: str
    processes: int
    threads: int
    batch: int


@dataclass(frozen=True, slots=True)
class Measured:
    way: Way
    device: str
    cards_a_minute: float
    seconds: float  # of one card, from its file to its fields: its share of the batch
    cpu_seconds: float | None  # of one card
    rss_megabytes: float | None  # of the largest process
    cold_start_seconds: float

    @property
    def megabytes(self) -> float | None:
        return self.rss_megabytes and self.rss_megabytes * self.way.processes


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # needs no secret and no service

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--engines", nargs="+", choices=sorted(ENGINES), default=["rapidocr"])
        parser.add_argument("--processes", nargs="+", type=count, help="default: 1, and one for each core")
        parser.add_argument("--threads", nargs="+", type=count, help="default: the share of each process in the cores")
        parser.add_argument("--batches", nargs="+", type=count, help=f"default: 1, on CUDA {GPU_BATCHES}")
        parser.add_argument("--device", default="cpu", help="for easyocr: cpu, auto or cuda:N")
        parser.add_argument("--level", choices=LEVELS, default="phone")
        parser.add_argument("--count", type=count, default=12, help="cards for each process")
        parser.add_argument("--seed", type=int, default=FIRST_SEED)
        parser.add_argument("--json", type=Path, metavar="FILE")
        parser.add_argument("--markdown", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        measured = []
        for way in ways(options):
            self.stderr.write(f"{way.engine}: {way.processes} x {way.threads} threads, batches of {way.batch} ...")
            measured.append(self.measure(way, options))
        self.stdout.write((as_markdown if options["markdown"] else as_text)(table(measured, options)))
        for line in recommended(measured):
            self.stdout.write(line)
        if options["json"]:
            options["json"].write_text(json.dumps([asdict(each) for each in measured], indent=1) + "\n")

    def measure(self, way: Way, options: Mapping[str, Any]) -> Measured:
        cards = {"processes": way.processes, "count": options["count"] * way.processes, "seed": options["seed"]}
        with tempfile.TemporaryDirectory(prefix="filot-bench-") as folder:
            _, folders = draw(Path(folder), {**cards, "levels": [options["level"]], "kinds": ["ktp"]})
            try:
                held = run(reader(way, options["device"]), folders, way.threads)
            except (OSError, ReaderFailed) as failed:
                raise CommandError(f"{way.engine}: {failed}") from failed
        return measured_of(way, held)


def count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def ways(options: Mapping[str, Any]) -> list[Way]:
    """What is asked for; by default one process with all cores, one with one, and one for each core."""
    cores = available()
    on_cuda = options["device"].startswith("cuda")
    processes = options["processes"] or ([1] if on_cuda else sorted({1, cores}))
    batches = options["batches"] or (GPU_BATCHES if on_cuda else [1])
    found = []
    for engine, many, batch in product(options["engines"], processes, batches):
        usual = {threads_for(many), 1} if many == 1 and not on_cuda else {threads_for(many)}
        for threads in sorted(options["threads"] or usual):
            found.append(Way(engine, many, threads, batch))
    return found


def reader(way: Way, device: str) -> Reader:
    device = device if way.engine == "easyocr" else "cpu"
    command = (sys.executable, str(settings.BASE_DIR / "manage.py"), "bench_worker")
    words = ("--device", device, "--batch", str(way.batch), way.engine)
    return Reader(way.engine, (*command, *words), tuple(settings.DOCUMENT_TYPES), {"OCR_CPU_THREADS": str(way.threads)})


def measured_of(way: Way, held: Run) -> Measured:
    cards = len(held.said)
    seconds = sorted(answer["seconds"] for answer in held.said.values())
    return Measured(
        way=way,
        device=held.version.rpartition(" on ")[2],
        cards_a_minute=60 * cards / held.wall_seconds,
        seconds=seconds[cards // 2],
        cpu_seconds=held.cpu_seconds / cards if held.cpu_seconds is not None else None,
        rss_megabytes=held.rss_megabytes,
        cold_start_seconds=held.cold_start_seconds,
    )


def table(measured: Sequence[Measured], options: Mapping[str, Any]) -> Table:
    first = measured[0].cards_a_minute
    rows = [
        [
            each.way.engine,
            each.device,
            str(each.way.processes),
            str(each.way.threads),
            str(each.way.batch),
            f"{each.cards_a_minute:.0f}",
            f"{each.cards_a_minute / first:.2f}",
            f"{each.seconds:.2f}",
            _shown(each.cpu_seconds, 2),
            _shown(each.rss_megabytes, 0),
            _shown(each.megabytes, 0),
            f"{each.cold_start_seconds:.1f}",
        ]
        for each in measured
    ]
    facts = {"level": options["level"], "count": options["count"], "seed": options["seed"], "cores": available()}
    return TITLE.format(**facts), COLUMNS, rows


def recommended(measured: Sequence[Measured]) -> list[str]:
    """Settings for the CPU out of what was measured on it, and for a GPU out of what was measured on that."""
    lines = []
    on_cpu = [each for each in measured if each.device == "cpu" and each.way.batch == 1]
    if on_cpu:
        best = cheapest(on_cpu)
        fits = best.way.threads == threads_for(best.way.processes)
        threads = "0 (its share of the cores)" if fits else str(best.way.threads)
        engine = f"OCR_CPU_ENGINE={best.way.engine} OCR_CPU_WORKERS={best.way.processes}"
        lines.append(f"For the CPU here: {engine} OCR_CPU_THREADS={threads}")
    on_gpu = [each for each in measured if each.device.startswith("cuda")]
    if on_gpu:
        best = cheapest(on_gpu)
        lines.append(
            f"For {best.device} here: OCR_GPU_BATCH_SIZE={best.way.batch} OCR_GPU_CONCURRENCY={best.way.processes}"
        )
    return lines


def cheapest(measured: Sequence[Measured]) -> Measured:
    """Of those that are nearly the fastest the one with the fewest processes, then the smallest batch."""
    most = max(each.cards_a_minute for each in measured)
    nearly = [each for each in measured if each.cards_a_minute >= NEARLY * most]
    return min(nearly, key=lambda each: (each.way.processes, each.way.batch, -each.cards_a_minute))


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
