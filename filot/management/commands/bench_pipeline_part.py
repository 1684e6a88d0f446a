"""A process that `bench_pipeline` starts and asks by lines of JSON: the engine alone, or a document's way by steps."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from filot.bench.answering import answer
from filot.bench.inside import Engine, Steps

PARTS: dict[str, type[Engine | Steps]] = {"engine": Engine, "steps": Steps}


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # bench_pipeline has set all of it up

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("part", choices=sorted(PARTS))

    def handle(self, *args: Any, **options: Any) -> None:
        answer(PARTS[options["part"]]().ways, sys.stdin, sys.stdout)
