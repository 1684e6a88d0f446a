"""How long documents are kept: shows the rules as JSON, or changes one, with who and why in the audit trail."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from documents import audit
from documents.status import Status
from privacy.models import ANY, CountsFrom, RetentionRule
from privacy.retention import as_table


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--type", default=ANY, choices=[ANY, *settings.DOCUMENT_TYPES], help="* is any")
        parser.add_argument("--state", default=ANY, choices=[ANY, *(str(state) for state in Status)], help="* is any")
        parser.add_argument("--years", type=int, help="change the rule, or make it")
        parser.add_argument("--counts-from", choices=CountsFrom.values, default=CountsFrom.decision)
        parser.add_argument("--legal-hold", action="store_true", help="an erasure waits until these years are over")
        parser.add_argument("--delete", action="store_true", help="take the rule away: a less exact one counts then")
        parser.add_argument("--by", default="", help="who changes it: an id, no name")
        parser.add_argument("--reason", default="", help="why, as a code, for instance pojk-8-2023")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["delete"] or options["years"] is not None:
            if not options["by"] or not options["reason"]:
                raise CommandError("say --by and --reason")
            self._change(options)
        self.stdout.write(json.dumps(as_table(RetentionRule.objects.all()), indent=2))

    def _change(self, options: dict[str, Any]) -> None:
        which = {"type": options["type"], "state": options["state"]}
        facts: dict[str, Any] = {
            "years": options["years"],
            "counts_from": options["counts_from"],
            "legal_hold": options["legal_hold"],
        }
        with transaction.atomic():
            if options["delete"]:
                facts = {"deleted": RetentionRule.objects.filter(**which).delete()[0]}
            else:
                RetentionRule.objects.update_or_create(**which, defaults=facts)
            audit.note(
                "retention.changed",
                actor=options["by"],
                document=None,
                subject="",
                reason=options["reason"],
                of="any" if which["type"] == ANY else which["type"],
                state="any" if which["state"] == ANY else which["state"],
                **{name: str(value) if name == "counts_from" else value for name, value in facts.items()},
            )
