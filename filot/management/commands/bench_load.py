"""Uploads, polls, lists, reviews in the console and callbacks together, with more and more callers, until it bends.

Without --url it starts a FiLot of its own out of real processes, once for each of --web-processes; with --url it loads
a running one whose accounts are the demo ones and whose RATE_LIMIT_*, OWNER_* and QUEUE_* are out of the way, since
limits are not what it measures. Prints a row for each number of callers and kind of call: calls a second, p50, p95 and
p99 in milliseconds, errors. It bends where twice the callers bring less than a tenth more calls.
"""

import itertools
import json
import shutil
import time
from pathlib import Path
from typing import Any

import requests
from django.core.management.base import BaseCommand, CommandError, CommandParser

from filot.bench.asked import NoAnswer
from filot.bench.load import TIMEOUTS, Mix, Owner, of_sound_calls
from filot.bench.loaded import OWNERS, Loaded, loaded
from filot.bench.parts import Parts
from filot.bench.person import NotLoggedIn, Person
from filot.embedded.program import ProgramFailed
from filot.embedded.temporal import Temporal
from filot.embedded.throwaway import new_folder
from ocr_gpu.cores import threads_for
from verification.specimens import encode, render

LEAST_GAIN = 1.1  # from one number of callers to twice as many: under it the system is at its limit
KIND, FIRST_SEED = "ktp-doubtful", 7_000  # cards that go before a person
PATIENCE = 120.0  # seconds for the first reviews, and for all that is left afterwards


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="", help="of a running FiLot")
        parser.add_argument("--user", default="client")
        parser.add_argument("--people", nargs="*", default=["reviewer", "senior"], help="demo accounts that decide")
        parser.add_argument("--password", default="filot-demo", help="of all of them")
        parser.add_argument("--webhook-secret", default="", help="BULI2_SIGNATURE_SECRET of --url: callbacks go too")
        parser.add_argument("--web-processes", type=int, nargs="+", default=[1, 2, 4])
        parser.add_argument("--callers", type=int, nargs="+", default=[1, 2, 4, 8, 16])
        parser.add_argument("--seconds", type=float, default=10.0, help="for each number of callers")
        parser.add_argument("--cards", type=int, default=2 * OWNERS, help="different cards that are sent in turn")
        parser.add_argument("--reviews", type=int, default=200, help="that wait before the load begins")
        parser.add_argument("--json", action="store_true", help="one JSON object a row")

    def handle(self, *args: Any, **options: Any) -> None:
        cards = [encode(render(KIND, "phone", FIRST_SEED + n)[0], "jpeg") for n in range(options["cards"])]
        if options["url"]:
            url = options["url"].rstrip("/")
            self._load(url, [Owner(self._token(url, options), cards)], options["webhook_secret"], options)
            return
        folder = new_folder()
        try:
            self._load_own(folder, cards, options)
        except (ProgramFailed, NoAnswer) as failed:
            raise CommandError(str(failed)) from failed
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _load_own(self, folder: Path, cards: list[bytes], options: dict[str, Any]) -> None:
        temporal = Temporal(folder / "temporal")
        with Parts(folder, processes=1, threads=threads_for(1), s3=True) as parts:
            temporal.start()
            try:
                for count in options["web_processes"]:
                    with loaded(parts, temporal, count) as system:
                        self.stdout.write(f"web processes: {count}")
                        self._load(system.url, system.owners(cards), system.secret, options)
                        self._settle(system)
            finally:
                temporal.stop()

    def _token(self, url: str, options: dict[str, Any]) -> str:
        login = {"username": options["user"], "password": options["password"]}
        answer = requests.post(f"{url}/auth/token", json=login, timeout=TIMEOUTS)
        if not answer.ok:
            raise CommandError(f"no token: {answer.status_code}")
        return str(answer.json()["access"])

    def _load(self, url: str, owners: list[Owner], secret: str, options: dict[str, Any]) -> None:
        try:
            people = [Person(url, name, options["password"]) for name in options["people"]]
        except NotLoggedIn as failed:
            raise CommandError(str(failed)) from failed
        mix = Mix(url, owners, secret, people)
        waiting = mix.prepare(options["reviews"], PATIENCE)
        self.stdout.write(f"reviews that wait: {waiting}")
        rates: dict[int, float] = {}
        for callers in options["callers"]:
            mix.answers = of_sound_calls()
            took = mix.run(callers, options["seconds"])
            rows = [mix.answers.row(kind, took) for kind in sorted(mix.answers.seconds)]
            rates[callers] = sum(row["a second"] for row in rows)
            for row in rows:
                self._say({"callers": callers, **row}, options["json"])
        self.stdout.write(bend(rates))

    def _settle(self, system: Loaded) -> None:
        """Nothing that was accepted may be left behind."""
        began = time.monotonic()
        while (left := system.left()) and time.monotonic() - began < PATIENCE:
            time.sleep(1)
        waited = time.monotonic() - began
        self.stdout.write(f"{waited:.0f} s later {left} are on their way; decided: {json.dumps(system.decided())}")

    def _say(self, row: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(row))
            return
        self.stdout.write(
            f"{row['callers']:>3} callers  {row['call']:<14} {row['a second']:>7.1f}/s  p50 {row['p50']:>7.1f}  "
            f"p95 {row['p95']:>7.1f}  p99 {row['p99']:>7.1f} ms  errors {row['errors %']:.2f} %"
        )


def bend(rates: dict[int, float]) -> str:
    """Where more callers stop bringing more calls a second."""
    told = sorted(rates.items())
    for (fewer, before), (_, after) in itertools.pairwise(told):
        if after < before * LEAST_GAIN:
            return f"bends at {fewer} callers: {before:.1f} calls a second"
    return f"does not bend up to {told[-1][0]} callers: {told[-1][1]:.1f} calls a second"
