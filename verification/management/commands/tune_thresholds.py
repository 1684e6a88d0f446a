"""Propose thresholds from what people decided, at a stated ceiling of wrong decisions. Changes nothing.

Documents that people approved or rejected are judged again by the policy, without reading them again. For each
threshold it counts what the machine would have decided alone and how much of that people decided otherwise; proposed is
the threshold with the most documents whose upper end of the 95 % interval stays under the ceiling.
"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from verification.bench_tables import as_text, percent
from verification.judging import Choice, change_in_force
from verification.policy_changes import InForce, pinned
from verification.replaying import counted_runs, judge_again, moment
from verification.tuning import (
    MAY_APPROVE,
    MAY_REJECT,
    Decided,
    Line,
    needed,
    proposed_approve,
    proposed_reject,
    table,
)

CEILING = 0.005
APPROVING = "Approving from a score on: wrong is what people rejected"
REJECTING = "Rejecting under a score: wrong is what people approved"
CANNOT_KNOW = (
    "What these tables can't know:",
    "- only documents that went to people are in them: not what the machine decided alone, which nobody has looked at;",
    "- what a person decided is taken for the truth, and a decision of the partner for one of a person;",
    "- the checks are those of this version: a later version of the policy gives other scores, and needs another look;",
    "- the best of a hundred thresholds was chosen on the same documents it is judged by: watch it after a change.",
)


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--policy", required=True, help="with or without its version")
        parser.add_argument("--ceiling", type=float, default=CEILING, help="of wrong decisions, between 0 and 1")
        parser.add_argument("--since", type=moment, metavar="DAY", help="judged since then (UTC)")
        parser.add_argument("--until", type=moment, metavar="DAY", help="and before then")
        parser.add_argument("--type", default="", choices=sorted(settings.DOCUMENT_TYPES))

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["ceiling"] < 1:
            raise CommandError("--ceiling is over 0 and under 1")
        try:
            policy = pinned(options["policy"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        runs = counted_runs(
            since=options["since"], until=options["until"], document_type=options["type"], by_people=True
        )
        decided, troubles = Decided(), 0
        for again in judge_again(runs, Choice(policy, MAY_APPROVE), Choice(policy, MAY_REJECT)):
            if not again.verdicts:
                troubles += 1
                continue
            approving, rejecting = again.verdicts
            decided.add(
                approving.score,
                may_approve=approving.decision == "auto_approve",
                may_reject=rejecting.decision == "auto_reject",
                approved=again.run.document.status == "approved",
            )
        self.tell(policy, decided, options["ceiling"])
        if troubles:
            self.stdout.write(f"{troubles} could not be judged again and are not counted.")

    def tell(self, policy: str, decided: Decided, ceiling: float) -> None:
        approve, reject = proposed_approve(decided, ceiling), proposed_reject(decided, ceiling)
        rejected = decided.documents - decided.approved
        can_approve, can_reject = decided.approving()[0].wrong.of, decided.rejecting()[-1].wrong.of
        self.stdout.write(f"{policy}: people approved {decided.approved} and rejected {rejected} documents")
        self.stdout.write(f"some threshold would approve {can_approve} of them, some would reject {can_reject}\n")
        self.stdout.write(as_text(table(APPROVING, decided.approving())))
        self.stdout.write(words("approve", approve, decided.approving(), ceiling) + "\n")
        self.stdout.write(as_text(table(REJECTING, decided.rejecting())))
        self.stdout.write(words("reject", reject, decided.rejecting(), ceiling) + "\n")
        self.stdout.write("\n".join(CANNOT_KNOW))
        self.stdout.write(command(policy, approve, reject, ceiling))


def words(verb: str, found: Line | None, lines: list[Line], ceiling: float) -> str:
    """One sentence: what is proposed, or how many decisions it would take."""
    if found is not None:
        return f"proposed: --{verb} {found.threshold}, wrong {percent(found.wrong)} of {found.wrong.of}"
    fewest = min((line.wrong.hits for line in lines if line.wrong.of), default=0)
    return (
        f"no threshold to {verb} is under {100 * ceiling:g} %: with {fewest} wrong it takes "
        f"{needed(fewest, ceiling)} decisions"
    )


def command(policy: str, approve: Line | None, reject: Line | None, ceiling: float) -> str:
    """The command that would put the proposal in force; it holds to what is in force where nothing is proposed."""
    if approve is None and reject is None:
        return "Nothing is proposed."
    held = InForce.of(change_in_force()).live.thresholds
    to_approve = approve.threshold if approve else held.approve
    to_reject = reject.threshold if reject else held.reject
    if to_reject >= to_approve:
        return f"Nothing is proposed: {to_reject} to reject is not under {to_approve} to approve."
    return (
        "What would put it in force:\n"
        f"manage.py use_policy --policy {policy} --approve {to_approve} --reject {to_reject} --by NAME "
        f'--reason "proposed at a ceiling of {100 * ceiling:g} %"'
    )
