"""What owners asked for by right and nobody has answered yet, the most pressing first; or answers one."""

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from privacy.models import PersonalRequest
from privacy.requests import UNANSWERED, NotOpen, answer
from privacy.second_look import close_answered


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--answer", type=uuid.UUID, metavar="ID", help="say what became of this request")
        parser.add_argument("--outcome", default="", help="a code, for instance corrected or identity-unclear")
        parser.add_argument("--refused", action="store_true")
        parser.add_argument("--by", default="operator", help="who does it, for the audit trail: an id, no name")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["answer"]:
            self._answer(options)
        close_answered()
        now = timezone.now()
        waiting = PersonalRequest.objects.filter(state__in=UNANSWERED)
        for asked in waiting:
            late = " OVERDUE" if asked.due_at < now else ""
            self.stdout.write(
                f"{asked.pk} {asked.kind} {asked.state} of {asked.owner_id}, by {asked.due_at:%F %R}{late}"
            )
        self.stdout.write(f"{waiting.count()} unanswered")

    def _answer(self, options: dict[str, Any]) -> None:
        if not options["outcome"]:
            raise CommandError("say --outcome")
        try:
            answer(options["answer"], by=options["by"], outcome=options["outcome"], refused=options["refused"])
        except PersonalRequest.DoesNotExist as error:
            raise CommandError("no such request") from error
        except NotOpen as error:
            raise CommandError("it was answered before") from error
