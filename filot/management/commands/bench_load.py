"""Load a running FiLot with uploads, polls, lists and callbacks together, with more and more callers, until it bends.

Prints a row for each number of callers and kind of call: calls a second, p50, p95 and p99 in milliseconds, errors. It
bends where twice the callers bring less than a tenth more calls. Meant for a system of its own on this machine, with
RATE_LIMIT_* and QUEUE_* out of the way: limits are not what it measures.
"""

import itertools
import json
from typing import Any

import requests
from django.core.management.base import BaseCommand, CommandError, CommandParser

from filot.bench.load import TIMEOUTS, Answers, Mix
from verification.specimens import encode, render

LEAST_GAIN = 1.1  # from one number of callers to twice as many: under it the system is at its limit


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8080")
        parser.add_argument("--user", default="client")
        parser.add_argument("--password", default="filot-demo")
        parser.add_argument("--callers", type=int, nargs="+", default=[1, 2, 4, 8, 16])
        parser.add_argument("--seconds", type=float, default=10.0, help="for each number of callers")
        parser.add_argument("--cards", type=int, default=8, help="different cards that are sent in turn")
        parser.add_argument("--webhook-secret", default="", help="BULI2_SIGNATURE_SECRET: callbacks go too")
        parser.add_argument("--json", action="store_true", help="one JSON object a row")

    def handle(self, *args: Any, **options: Any) -> None:
        url = options["url"].rstrip("/")
        login = {"username": options["user"], "password": options["password"]}
        answer = requests.post(f"{url}/auth/token", json=login, timeout=TIMEOUTS)
        if not answer.ok:
            raise CommandError(f"no token: {answer.status_code}")
        cards = [encode(render("ktp", "phone", 7000 + n)[0], "jpeg") for n in range(options["cards"])]
        mix = Mix(url, [answer.json()["access"]], cards, options["webhook_secret"])
        rates: dict[int, float] = {}
        for callers in options["callers"]:
            mix.answers = Answers()
            took = mix.run(callers, options["seconds"])
            rows = [mix.answers.row(kind, took) for kind in sorted(mix.answers.seconds)]
            rates[callers] = sum(row["a second"] for row in rows)
            for row in rows:
                self._say({"callers": callers, **row}, options["json"])
        self.stdout.write(bend(rates))

    def _say(self, row: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(row))
            return
        self.stdout.write(
            f"{row['callers']:>3} callers  {row['call']:<9} {row['a second']:>7.1f}/s  p50 {row['p50']:>7.1f}  "
            f"p95 {row['p95']:>7.1f}  p99 {row['p99']:>7.1f} ms  errors {row['errors %']:.2f} %"
        )


def bend(rates: dict[int, float]) -> str:
    """Where more callers stop bringing more calls a second."""
    told = sorted(rates.items())
    for (fewer, before), (_, after) in itertools.pairwise(told):
        if after < before * LEAST_GAIN:
            return f"bends at {fewer} callers: {before:.1f} calls a second"
    return f"does not bend up to {told[-1][0]} callers: {told[-1][1]:.1f} calls a second"
