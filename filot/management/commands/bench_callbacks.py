"""How long the answers to BULI2's callbacks take: a real web server over PostgreSQL and Redis that keep what they get.

All of it is thrown away afterwards; no database of yours is touched. Every case is decided once; beside some decisions
go copies at the same instant, the contrary, or one with a forged signature. Ends with status 1 when the p99 of any
number of callers is over the limit, or when a callback had another answer or effect than it must have.
"""

import json
import random
import shutil
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from filot import programs
from filot.bench.callbacks import CONTRARY, DECISION, EXPECTED, Callback, Open, drawn, send_all
from filot.bench.figures import percentile
from filot.bench.load import Answers
from filot.bench.parts import NO_LIMIT, Parts
from filot.console_data import WAITING_SHARE
from filot.embedded.program import free_port
from filot.embedded.throwaway import new_folder

LIMIT_MS = 250
WARM_UP = 50
SECRET = "bench-callbacks-signature-secret"  # noqa: S105 of a server that is thrown away
OPEN = "SELECT id::text, document_id::text FROM review_review WHERE decision = '' ORDER BY id"
KEPT = """
SELECT review_id::text, count(*) FILTER (WHERE accepted), count(*) FILTER (WHERE NOT accepted)
FROM review_reviewdecision WHERE source = 'buli2' GROUP BY 1
"""


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # it brings its own services
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cases", type=int, default=1000, help="that are decided for each number of callers")
        parser.add_argument("--callers", type=int, nargs="+", default=[1, 4, 8], help="at the same time")
        parser.add_argument("--limit", type=float, default=LIMIT_MS, metavar="MS", help="of p99; default: %(default)s")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--json", action="store_true", help="one JSON object a row")

    def handle(self, *args: Any, **options: Any) -> None:
        chance, self.as_json, self.limit = random.Random(options["seed"]), options["json"], options["limit"]
        needed = WARM_UP + options["cases"] * len(options["callers"])
        folder = new_folder()
        try:
            with Parts(folder, processes=1, threads=1, s3=False) as parts:
                name = parts.make_database("callbacks")
                with parts.asked("rows", parts.env(name)) as desk:
                    desk.ask("fill", documents=round(needed / WAITING_SHARE) + 1)
                cases = [Open(*row) for row in parts.rows(name, OPEN)]
                chance.shuffle(cases)
                problems = self._measure(parts, name, cases, options["cases"], options["callers"], chance)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if problems:
            raise CommandError("; ".join(problems))

    def _measure(
        self, parts: Parts, name: str, cases: list[Open], many: int, levels: list[int], chance: random.Random
    ) -> list[str]:
        problems, sent, port = [], [], free_port()
        env = parts.env(name, BULI2_SIGNATURE_SECRET=SECRET, RATE_LIMIT_WEBHOOK_PER_MINUTE=NO_LIMIT)
        with parts.started(programs.web(env, port)):
            url = f"http://127.0.0.1:{port}"
            warm, cases = drawn(cases[:WARM_UP], chance), cases[WARM_UP:]
            send_all(url, SECRET, warm, max(levels))
            sent += warm
            for number, callers in enumerate(levels):
                callbacks = drawn(cases[number * many :][:many], chance)
                answers, took = send_all(url, SECRET, callbacks, callers)
                problems += self._told(callers, answers, took)
                sent += callbacks
        return problems + _wrong_effects(sent, parts.rows(name, KEPT))

    def _told(self, callers: int, answers: Answers, took: float) -> list[str]:
        """A row for each kind and one for all of them; what is wrong with it."""
        problems = []
        for kind in EXPECTED:
            if answers.seconds[kind]:
                self._say({"callers": callers, **answers.row(kind, took)})
            if odd := {code: count for code, count in answers.codes[kind].items() if code not in EXPECTED[kind]}:
                problems.append(f"{callers} callers: {kind} was answered {odd}")
        every = [each for kind in EXPECTED for each in answers.seconds[kind]]
        whole = Answers()
        for each in every:
            whole.note("all", each, 200)
        self._say({"callers": callers, **whole.row("all", took), "codes": {}})
        if (p99 := 1000 * percentile(every, 99)) > self.limit:
            problems.append(f"{callers} callers: p99 is {p99:.0f} ms, the limit {self.limit:g}")
        return problems

    def _say(self, row: dict[str, Any]) -> None:
        if self.as_json:
            self.stdout.write(json.dumps(row))
            return
        codes = ", ".join(f"{count} x {code}" for code, count in sorted(row["codes"].items()))
        self.stdout.write(
            f"{row['callers']:>3} callers  {row['call']:<9} {row['count']:>5} {row['a second']:>7.1f}/s  "
            f"p50 {row['p50']:>6.1f}  p95 {row['p95']:>6.1f}  p99 {row['p99']:>6.1f} ms  {codes}"
        )


def _wrong_effects(sent: list[Callback], kept: list[tuple[Any, ...]]) -> list[str]:
    """One decision counts of each case, and the contrary, where there was one, is kept as refused."""
    decided = {callback.case.review_id for callback in sent if callback.kind == DECISION}
    contrary = {callback.case.review_id for callback in sent if callback.kind == CONTRARY}
    wanted = {(name, 1, int(name in contrary)) for name in decided}
    wrong = wanted ^ {tuple(row) for row in kept}
    return [f"{len(wrong)} cases are not decided as they must be"] if wrong else []
