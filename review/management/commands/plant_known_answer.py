"""Set a decided case whose right answer is known before everybody who decides, as a blind look.

Whoever sees it can't tell it from a second look; what they say shows in `reviewer_agreement`. The audit trail keeps
that it was set, by whom, and not what is right.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from review.console import found, query_for
from review.looks import plant_for_all
from review.models import Decision, Review


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("case", help="reference (DOC-...) or id of the case or document")
        parser.add_argument("--answer", choices=Decision.values, required=True, help="what is right")
        parser.add_argument("--by", required=True, help="username of whoever says so; it is not set before them")

    def handle(self, *args: Any, **options: Any) -> None:
        by = get_user_model().objects.filter(username=options["by"]).first()
        if by is None:
            raise CommandError(f"no account is named {options['by']!r}")
        query = query_for(options["case"])
        reviews = list(found(Review.objects.exclude(decision=""), query)[:2]) if query else []
        if len(reviews) != 1:
            raise CommandError("that names no decided case" if not reviews else "that names more than one case")
        count = plant_for_all(reviews[0], answer=Decision(options["answer"]), by=by)
        self.stdout.write(f"set before {count} people")
