"""Writes specimen documents and, beside each, its truth as JSON."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from verification.specimens import FAULTS, FORMATS, KINDS, LEVELS, encode, render


class Command(BaseCommand):
    help = (
        "Draw specimen documents (invented people, marked SPECIMEN), and beside each its truth as JSON: what is "
        "printed, where it stands, where the card's corners are, what glare or the edge hides. The same kind, "
        "level, seed and fault give the same picture."
    )
    requires_system_checks = ()  # needs no secret and no service: runs on a machine where nothing is set up

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--kind",
            choices=sorted(KINDS),
            default="ktp",
            help=f"cards: {_named(junk=False)}; what is none, or none that can be used: {_named(junk=True)}",
        )
        parser.add_argument(
            "--level",
            choices=LEVELS,
            default="clean",
            help="clean: as printed; scan: from a scanner; phone: askew on a table, in uneven light; hard: 640 pixels, "
            "turned, shaken, with glare, dark or cut off",
        )
        parser.add_argument("--fault", choices=sorted(FAULTS), help="a fault printed on the card; the truth names it")
        parser.add_argument("--count", type=int, default=1, help="how many, each with a seed of its own")
        parser.add_argument("--seed", type=int, default=1, help="of the first; the next one counts up")
        parser.add_argument("--font", help="a font file; by default the seed chooses one of those installed")
        parser.add_argument("--out", type=Path, required=True, help="folder, made when it is not there")
        parser.add_argument("--format", choices=sorted(FORMATS), default="jpeg", help="of the pictures")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["out"]
        folder.mkdir(parents=True, exist_ok=True)
        kind, level, fault, ending = options["kind"], options["level"], options["fault"], options["format"]
        stem = "-".join(part for part in (kind, level, fault) if part)
        for seed in range(options["seed"], options["seed"] + options["count"]):
            try:
                image, truth = render(kind, level, seed, font_name=options["font"], fault=fault)
            except (ValueError, OSError) as refused:
                raise CommandError(str(refused)) from refused
            path = folder / f"{stem}-{seed}.{ending}"
            path.write_bytes(encode(image, ending))
            path.with_suffix(".json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
            self.stdout.write(str(path))


def _named(*, junk: bool) -> str:
    return ", ".join(name for name, kind in KINDS.items() if kind.junk == junk)
