"""A process that benches start and ask by lines of JSON: the engine alone, a document's way by steps, rows to fill."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from filot.bench.answering import answer
from filot.bench.inside import Engine, Rows, Steps

PARTS: dict[str, type[Engine | Rows | Steps]] = {"engine": Engine, "rows": Rows, "steps": Steps}


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # the bench has set all of it up

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("part", choices=sorted(PARTS))

    def handle(self, *args: Any, **options: Any) -> None:
        answer(PARTS[options["part"]]().ways, sys.stdin, sys.stdout)
