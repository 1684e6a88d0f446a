"""What each policy decided, how people decided what it left to them, and what the policy beside it would have done.

Beside the live policy judges the shadow; in a trial without one, the policy of the other arm. An overturn is a document
that it would have decided alone and that a person decided otherwise. A person is a reviewer or the partner.
"""

import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from verification.bench_tables import Table, as_text, percent
from verification.policy_report import PolicyReport, overturned, policy_report, stops_by_approval
from verification.replay_figures import DECISIONS, matrix, share_as_json
from verification.replaying import moment

ENDS = ("approved", "rejected", "waiting")
STOPS = "What stopped documents: many of one reason, nearly all of them approved, is a check that stops too many"


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=moment, metavar="DAY", help="judged since then (UTC)")
        parser.add_argument("--until", type=moment, metavar="DAY", help="and before then")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        period = {"since": options["since"], "until": options["until"]}
        report = policy_report(**period)
        if options["json"]:
            self.stdout.write(json.dumps(as_json(report, list(overturned(**period))), indent=1))
            return
        for table in tables(report):
            self.stdout.write(as_text(table))
        for row in overturned(**period):
            self.stdout.write(
                f"overturned: {row['ref']} {row['type']}, {row['policy']} would {row['would']} "
                f"(score {row['score']}), a person {row['person']} it"
            )


def tables(report: PolicyReport) -> Iterator[Table]:
    yield live_table(report)
    for (key, name), beside in report.beside.items():
        live = f"{key.policy}{f' ({key.arm})' if key.arm else ''}"
        yield matrix(f"{live} decided, {name} would have", "live", beside.moves, DECISIONS)
    if report.beside:
        yield beside_table(report)
    yield stops_table(report)


def live_table(report: PolicyReport) -> Table:
    columns = ["policy", "arm", "documents", *DECISIONS, "people approved", "people rejected", "waiting"]
    rows = [
        [
            key.policy,
            key.arm or "-",
            str(live.documents),
            *(f"{live.decisions[each]}, {percent(live.share(each))}" for each in DECISIONS),
            str(live.people["approved"]),
            str(live.people["rejected"]),
            str(live.waiting),
        ]
        for key, live in report.live.items()
    ]
    return "What each policy decided", columns, rows


def beside_table(report: PolicyReport) -> Table:
    columns = ["live", "arm", "beside", "agree", "approvals overturned", "rejections overturned", "failed"]
    rows = [
        [
            key.policy,
            key.arm or "-",
            name,
            percent(beside.agreement),
            f"{beside.wrong_approvals.hits} of {beside.wrong_approvals.of}, {percent(beside.wrong_approvals)}",
            f"{beside.wrong_rejections.hits} of {beside.wrong_rejections.of}, {percent(beside.wrong_rejections)}",
            str(beside.failed),
        ]
        for (key, name), beside in report.beside.items()
    ]
    return "Beside the live policy: agreement, and overturns by people", columns, rows


def stops_table(report: PolicyReport) -> Table:
    columns = ["policy", "main reason", "to a person", "approved", "rejected", "waiting", "approved of the decided"]
    rows = [
        [policy, reason, str(ended.total()), *(str(ended[each]) for each in ENDS), percent(share)]
        for policy, reason, ended, share in stops_by_approval(report.stops)
    ]
    return (
        STOPS,
        columns,
        rows,
    )


def as_json(report: PolicyReport, overturns: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "live": [{**key._asdict(), **live.as_json()} for key, live in report.live.items()],
        "beside": [
            {**key._asdict(), "beside": name, **beside.as_json()} for (key, name), beside in report.beside.items()
        ],
        "stops": [
            {"policy": policy, "reason": reason, **{each: ended[each] for each in ENDS}}
            | {"approvedShare": share_as_json(share)}
            for policy, reason, ended, share in stops_by_approval(report.stops)
        ],
        "overturned": overturns,
    }
