"""Read rendered cards with several readers and print side by side how much is right, how fast, and at what size.

Each reader runs in a process of its own. The same seed gives the same cards. Rendered cards are easier than
photographs of real ones, so what is printed is an upper bound.
"""

import json
import sys
import tempfile
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ocr_gpu.engine import ENGINES
from verification.bench import Answer, Card, Stated
from verification.bench_runs import Reader, ReaderFailed, Run, run
from verification.bench_tables import Table, as_markdown, as_text, by_level, field_table, level_table
from verification.reading import document_type
from verification.specimens import LEVELS, encode, render

PEERS = {"akshara-ocr": "akshara_ocr_peer.py", "fktd": "fktd_peer.py"}  # in deploy/peers/; they know KTPs only
CARD_KINDS = ("ktp", "npwp", "npwp16")
FIRST_SEED = 70_001  # far from the seeds that tests and the fitting of curves use


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # needs no secret and no service

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--engines", nargs="*", choices=sorted(ENGINES), default=["rapidocr"])
        parser.add_argument("--levels", nargs="+", choices=LEVELS, default=list(LEVELS))
        parser.add_argument("--kinds", nargs="+", choices=CARD_KINDS, default=list(CARD_KINDS))
        parser.add_argument("--count", type=int, default=60, help="cards of each level, the kinds in turn")
        parser.add_argument("--seed", type=int, default=FIRST_SEED)
        parser.add_argument("--threads", type=int, default=2, help="of each process")
        parser.add_argument("--processes", type=int, default=1, help="of each reader at the same time: cards a minute")
        parser.add_argument("--device", default="auto", help="for the engines: auto, cpu or cuda:N")
        parser.add_argument("--peer", action="append", default=[], type=peer, metavar="NAME=PYTHON", help=PEER_HELP)
        parser.add_argument("--json", type=Path, metavar="FILE", help="all figures, and each value that is not right")
        parser.add_argument("--markdown", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        readers = [engine_reader(name, options["threads"], options["device"]) for name in options["engines"]] + options[
            "peer"
        ]
        if not readers or min(options["count"], options["threads"], options["processes"]) < 1:
            raise CommandError("nothing to do: no reader, no card, no thread or no process")
        if options["processes"] > options["count"] * len(options["levels"]):
            raise CommandError("there are more processes than cards")
        with tempfile.TemporaryDirectory(prefix="filot-bench-") as folder:
            cards, folders = draw(Path(folder), options)
            runs: dict[str, Run] = {}
            answers: dict[str, list[Answer]] = {}
            for reader in readers:
                self.stderr.write(f"{reader.name} reads ...")
                runs[reader.name] = self.run(reader, folders, options["threads"])
                answers[reader.name] = answers_of(runs[reader.name], cards, reader.document_types)
        tables = all_tables(runs, answers, options)
        self.stdout.write("\n".join(map(as_markdown if options["markdown"] else as_text, tables)))
        if options["json"]:
            kept = json.dumps(as_kept(runs, answers, options), indent=1, ensure_ascii=False)
            options["json"].write_text(kept + "\n", encoding="utf-8")

    def run(self, reader: Reader, folders: Sequence[Path], threads: int) -> Run:
        only = reader.document_types[0] if len(reader.document_types) == 1 else None
        try:
            return run(reader, [folder / only if only else folder for folder in folders], threads)
        except (OSError, ReaderFailed) as failed:
            raise CommandError(f"{reader.name}: {failed}") from failed


PEER_HELP = f"a reader from an environment of its own ({', '.join(PEERS)}): see deploy/peers/"


def peer(text: str) -> Reader:
    """NAME=PYTHON, the interpreter of the environment in which that peer is installed."""
    name, _, python = text.partition("=")
    if name not in PEERS or not python:
        raise ArgumentTypeError(f"NAME=PYTHON, where NAME is one of {', '.join(PEERS)}")
    script = settings.BASE_DIR / "deploy" / "peers" / PEERS[name]
    return Reader(name, (python, str(script)), ("KTP",), {})


def engine_reader(name: str, threads: int, device: str) -> Reader:
    command = (sys.executable, str(settings.BASE_DIR / "manage.py"), "bench_worker", "--device", device, name)
    return Reader(name, command, tuple(settings.DOCUMENT_TYPES), {"OCR_CPU_THREADS": str(threads)})


def draw(folder: Path, options: Mapping[str, Any]) -> tuple[list[Card], list[Path]]:
    """Pictures on disk, dealt out to as many folders as there are processes, each with a folder a document type."""
    folders = [folder / str(at) for at in range(options["processes"])]
    for each in folders:
        for name in settings.DOCUMENT_TYPES:
            (each / name).mkdir(parents=True)
    cards: list[Card] = []
    for level in options["levels"]:
        for at in range(options["count"]):
            kind = options["kinds"][at % len(options["kinds"])]
            image, truth = render(kind, level, options["seed"] + at)
            card = as_card(truth)
            file = folders[len(cards) % len(folders)] / card.document_type / card.file
            file.write_bytes(encode(image, "jpeg"))
            cards.append(card)
    return cards, folders


def as_card(truth: Mapping[str, Any]) -> Card:
    return Card(
        file=f"{truth['kind']}-{truth['level']}-{truth['seed']}.jpg",
        document_type=truth["documentType"],
        kind=truth["kind"],
        level=truth["level"],
        truth=truth["fields"],
        numbers=tuple(document_type(truth["documentType"]).NUMBER_FIELDS),
        hidden=frozenset(truth["unreadable"]) | frozenset(truth.get("lost", ())),
    )


def answers_of(held: Run, cards: Sequence[Card], document_types: Sequence[str]) -> list[Answer]:
    """The answers to all cards that the reader was given. KeyError where it passed one over."""
    found = []
    for card in cards:
        if card.document_type in document_types:
            said = held.said[card.file]
            read = {name: Stated(each["value"], each["confidence"]) for name, each in said.get("fields", {}).items()}
            found.append(Answer(card, read, said["seconds"], said.get("error")))
    return found


def sections(answers: Mapping[str, Sequence[Answer]]) -> dict[str, dict[str, list[Answer]]]:
    """The answers of all readers to the same cards: to all of them, then to those of each document type."""
    types = list(dict.fromkeys(answer.card.document_type for given in answers.values() for answer in given))
    most = max(len(given) for given in answers.values())
    found = {}
    if len(types) > 1:
        found[" and ".join(types)] = {reader: list(given) for reader, given in answers.items() if len(given) == most}
    for name in types:
        of_type = {
            reader: [answer for answer in given if answer.card.document_type == name]
            for reader, given in answers.items()
        }
        found[name] = {reader: given for reader, given in of_type.items() if given}
    return found


def all_tables(
    runs: Mapping[str, Run], answers: Mapping[str, Sequence[Answer]], options: Mapping[str, Any]
) -> list[Table]:
    parts = sections(answers)
    tables = [level_table(f"{name}, by level", by_level(held)) for name, held in parts.items()]
    tables.append(reader_table(runs, answers, options))
    title = "{}, by field: exact, characters wrong, wrong values stated"
    named = [name for name in settings.DOCUMENT_TYPES if name in parts]
    return tables + [field_table(title.format(name), by_level(parts[name])) for name in named]


def reader_table(runs: Mapping[str, Run], answers: Mapping[str, Sequence[Answer]], options: Mapping[str, Any]) -> Table:
    title = f"Readers: {options['processes']} x {options['threads']} threads, seed {options['seed']}"
    columns = [
        "reader",
        "version",
        "cold start s",
        "RSS MB",
        "cards a minute",
        "CPU s a card",
        "refused or failed",
        "invented values",
    ]
    rows = [
        [
            name,
            held.version,
            f"{held.cold_start_seconds:.1f}",
            f"{held.rss_megabytes:.0f}" if held.rss_megabytes is not None else "-",
            f"{60 * len(answers[name]) / held.wall_seconds:.0f}",
            f"{held.cpu_seconds / len(answers[name]):.2f}" if held.cpu_seconds is not None else "-",
            str(sum(answer.error is not None for answer in answers[name])),
            str(sum(len(answer.invented()) for answer in answers[name])),
        ]
        for name, held in runs.items()
    ]
    return title, columns, rows


def as_kept(
    runs: Mapping[str, Run], answers: Mapping[str, Sequence[Answer]], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything again, for programs. The values are those of invented people."""
    asked = {name: options[name] for name in ("levels", "kinds", "count", "seed", "threads", "processes")}
    readers = {
        name: {key: value for key, value in asdict(held).items() if key != "said"} for name, held in runs.items()
    }
    shares = {
        name: {reader: {level: asdict(each) for level, each in of.items()} for reader, of in by_level(held).items()}
        for name, held in sections(answers).items()
    }
    missed = [
        {"reader": reader, "file": answer.card.file, "field": name, "truth": truth, "error": answer.error}
        | {"hidden": name in answer.card.hidden}
        | (asdict(answer.read[name]) if name in answer.read else {"value": None, "confidence": 0.0})
        for reader, given in answers.items()
        for answer in given
        for name, truth in answer.card.truth.items()
        if not answer.right(name)
    ]
    return {"asked": asked, "readers": readers, "figures": shares, "missed": missed}
