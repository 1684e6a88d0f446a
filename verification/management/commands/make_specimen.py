"""Writes specimen documents and, beside each, its truth as JSON."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from verification.specimens import FORMATS, KINDS, LEVELS, encode, render


class Command(BaseCommand):
    help = "Draw specimen cards (invented people, marked SPECIMEN) with their truth."
    requires_system_checks = ()  # needs no secret and no service: runs on a machine where nothing is set up

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--kind", choices=sorted(KINDS), default="ktp")
        parser.add_argument("--level", choices=LEVELS, default="clean")
        parser.add_argument("--count", type=int, default=1)
        parser.add_argument("--seed", type=int, default=1, help="of the first; the next one counts up")
        parser.add_argument("--out", type=Path, required=True, help="folder, made when it is not there")
        parser.add_argument("--format", choices=sorted(FORMATS), default="jpeg")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["out"]
        folder.mkdir(parents=True, exist_ok=True)
        for seed in range(options["seed"], options["seed"] + options["count"]):
            image, truth = render(options["kind"], options["level"], seed)
            stem = folder / f"{options['kind']}-{options['level']}-{seed}"
            path = stem.with_suffix(f".{options['format']}")
            path.write_bytes(encode(image, options["format"]))
            stem.with_suffix(".json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
            self.stdout.write(str(path))
