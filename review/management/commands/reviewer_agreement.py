"""How far each reviewer agrees with others who judged the same case without knowing of them: Cohen's kappa.

From cases that two had to decide, from second looks, and from cases with a known answer. Names and figures only.
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from review.agreement import Agreement, agreements


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=90, help="of the past; 90 when not given")

    def handle(self, *args: Any, **options: Any) -> None:
        found = agreements(timezone.now() - timedelta(days=options["days"]))
        names = dict(get_user_model().objects.filter(pk__in=found).values_list("pk", "username"))
        self.stdout.write(f"{'who':<24} {'pairs':>6} {'agreed':>6} {'kappa':>6} {'known':>6} {'right':>6}")
        for user, each in sorted(found.items(), key=lambda item: names.get(item[0], "")):
            self.stdout.write(line(names.get(user, str(user)), each))


def line(name: str, each: Agreement) -> str:
    kappa = "-" if each.kappa is None else f"{each.kappa:.2f}"
    return f"{name:<24} {each.pairs:>6} {each.agreed:>6} {kappa:>6} {each.known:>6} {each.right:>6}"
