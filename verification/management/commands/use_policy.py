"""Show which policy is in force, or put another one in force: an act that is kept with who did it and why.

A policy is named with or without its version ("standard", "standard@1"); what is not given stays as it is. The shadow
judges every document and decides none. The trial decides for a share of the owners, always the same ones. A change is
in force from the next judgement on, in every process.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from documents.status import wire_time
from verification.judging import change_in_force
from verification.models import PolicyChange
from verification.policy import POLICIES
from verification.policy_changes import ChangeRefused, InForce, Wish, change_policy

SHOWN = 5  # latest changes


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        known = ", ".join(sorted(POLICIES))
        parser.add_argument("--policy", help=f"the one that decides: {known}")
        parser.add_argument("--approve", type=int, metavar="SCORE", help="the machine approves from this score on")
        parser.add_argument("--reject", type=int, metavar="SCORE", help="the machine may reject under this score")
        for role in ("shadow", "trial"):
            one = parser.add_mutually_exclusive_group()
            one.add_argument(f"--{role}", metavar="POLICY", help=f"policy of the {role}")
            one.add_argument(f"--no-{role}", action="store_true", help=f"end the {role}")
            parser.add_argument(f"--{role}-approve", type=int, metavar="SCORE", help="as --approve when not given")
            parser.add_argument(f"--{role}-reject", type=int, metavar="SCORE", help="as --reject when not given")
        parser.add_argument("--share", type=float, help="of the owners that the trial decides for, from 0 to 1")
        parser.add_argument("--by", default="", metavar="NAME", help="who makes the change")
        parser.add_argument("--reason", default="", help="why")

    def handle(self, *args: Any, **options: Any) -> None:
        wishes = wishes_of(options)
        if set(wishes.values()) == {Wish()} and not options["by"] and not options["reason"]:
            self.show()
            return
        try:
            before, after = change_policy(by=options["by"], reason=options["reason"], **wishes)
        except ChangeRefused as refused:
            raise CommandError(str(refused)) from refused
        was, now = before.as_words(), after.as_words()
        for role, words in now.items():
            self.stdout.write(f"{role:<8}{was[role]} -> {words}" if was[role] != words else f"{role:<8}{words}")

    def show(self) -> None:
        change = change_in_force()
        self.stdout.write("in force, by the last change:" if change else "in force, by the settings (no change yet):")
        for role, words in InForce.of(change).as_words().items():
            self.stdout.write(f"  {role:<8}{words}")
        for each in PolicyChange.objects.order_by("-at", "-pk")[:SHOWN]:
            held = InForce.of(each).as_words()
            roles = ", ".join(f"{role} {said}" for role, said in held.items() if said != "none")
            self.stdout.write(f"{wire_time(each.at)}  {each.by}: {roles}\n    {each.reason}")


def wishes_of(options: dict[str, Any]) -> dict[str, Wish]:
    return {
        "live": Wish(options["policy"], options["approve"], options["reject"]),
        "shadow": Wish(
            options["shadow"], options["shadow_approve"], options["shadow_reject"], gone=options["no_shadow"]
        ),
        "trial": Wish(
            options["trial"],
            options["trial_approve"],
            options["trial_reject"],
            share=options["share"],
            gone=options["no_trial"],
        ),
    }
