"""Judge stored runs again by another policy, and print who would change. Reads no picture and writes nothing.

What was known of other documents is taken as it was then. Runs from before that was kept count as if nothing was known.
The checks are those of this version of the software, whatever version read the card.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from verification.bench_tables import as_text
from verification.judging import Choice, change_in_force, findings_as_json
from verification.models import VerificationRun
from verification.policy_changes import InForce, pinned
from verification.replay_figures import (
    DECISIONS,
    PEOPLE,
    THRESHOLDS,
    Judgement,
    ReplayFigures,
    difference,
    matrix,
    wrong_words,
)
from verification.replaying import counted_runs, judge_again, moment
from verification.scoring import Thresholds, Verdict


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--policy", required=True, help="with or without its version")
        parser.add_argument("--approve", type=int, metavar="SCORE", help="as in force when not given")
        parser.add_argument("--reject", type=int, metavar="SCORE", help="as in force when not given")
        parser.add_argument("--since", required=True, type=moment, metavar="DAY", help="judged since then (UTC)")
        parser.add_argument("--until", type=moment, metavar="DAY", help="and before then")
        parser.add_argument("--type", default="", choices=sorted(settings.DOCUMENT_TYPES))
        parser.add_argument("--limit", type=int, metavar="N", help="only the N that were judged last")
        parser.add_argument("--json", type=Path, metavar="FILE", help="all of it for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        choice = choice_of(options)
        runs = counted_runs(since=options["since"], until=options["until"], document_type=options["type"])
        if options["limit"] is not None:
            if options["limit"] < 1:
                raise CommandError("--limit is at least 1")
            runs = runs[: options["limit"]]
        self.stdout.write(f"judged again by {choice}")
        figures = ReplayFigures()
        changes = self.changes(runs, choice, figures)
        if options["json"]:
            with options["json"].open("w", encoding="utf-8") as file:
                write_json(file, choice, changes, figures)
        else:
            for _ in changes:
                pass
        self.tell(figures)

    def changes(self, runs: Any, choice: Choice, figures: ReplayFigures) -> Iterator[dict[str, Any]]:
        """Who would change, each printed when it is found: none of them is kept."""
        for again in judge_again(runs, choice):
            if not again.verdicts:
                figures.troubles[again.trouble] += 1
                continue
            (verdict,), document = again.verdicts, again.run.document
            figures.add(again.run.decision, verdict.decision, document.status)
            if again.run.decision != verdict.decision:
                row = change_of(again.run, verdict)
                self.stdout.write(as_line(row))
                yield row

    def tell(self, figures: ReplayFigures) -> None:
        self.stdout.write("")
        self.stdout.write(as_text(matrix("What was decided, and what would be", "then", figures.moves, DECISIONS)))
        decided = matrix("What people decided, and what the policy would", "people", figures.by_people, PEOPLE)
        self.stdout.write(as_text(decided))
        self.stdout.write("\n".join(wrong_words(figures)))
        self.stdout.write(f"{figures.judged} judged again, {figures.changed} would change")
        for trouble, count in sorted(figures.troubles.items()):
            self.stdout.write(f"{count} could not be judged again: {trouble}")


def choice_of(options: dict[str, Any]) -> Choice:
    """The policy that was asked for, with the thresholds in force where none are given. CommandError for none."""
    held = InForce.of(change_in_force()).live.thresholds
    approve = held.approve if options["approve"] is None else options["approve"]
    reject = held.reject if options["reject"] is None else options["reject"]
    try:
        return Choice(pinned(options["policy"]), Thresholds(approve=approve, reject=reject))
    except ValueError as error:
        raise CommandError(str(error)) from error


def change_of(run: VerificationRun, verdict: Verdict) -> dict[str, Any]:
    """Codes and figures only: no value of the card."""
    was = Judgement(run.decision, run.score or 0, run.findings, [reason["code"] for reason in run.reasons])
    would = Judgement(
        verdict.decision, verdict.score, findings_as_json(verdict), [reason.code for reason in verdict.reasons]
    )
    document = run.document
    return {
        "ref": document.ref,
        "documentId": str(document.pk),
        "type": document.type,
        "policyThen": f"{run.policy}@{run.policy_version}",
        "then": was.decision,
        "now": would.decision,
        "scoreThen": was.score,
        "scoreNow": would.score,
        "person": document.status if document.status in PEOPLE else None,
        "checks": difference(was, would),
    }


def as_line(row: dict[str, Any]) -> str:
    person = f", a person {row['person']} it" if row["person"] else ""
    return (
        f"{row['ref']} {row['type']} {row['then']} -> {row['now']}, score {row['scoreThen']} -> {row['scoreNow']}"
        f"{person}: {', '.join(row['checks']) or THRESHOLDS}"
    )


def write_json(file: TextIO, choice: Choice, changes: Iterator[dict[str, Any]], figures: ReplayFigures) -> None:
    """One object, written as its rows come: they are never in memory together."""
    file.write(f'{{"judgedBy": {json.dumps(choice.as_json())},\n"changes": [')
    for place, row in enumerate(changes):
        file.write(("," if place else "") + "\n" + json.dumps(row))
    file.write(f'\n],\n"figures": {json.dumps(figures.as_json())}}}\n')
