"""List the messages to BULI2 that are stuck, send them again or give them up."""

import json
import uuid
from argparse import ArgumentParser
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from documents.status import wire_time
from integrations import buli2
from integrations.models import Buli2Exchange, ExchangeState

log = structlog.get_logger(__name__)

ALL = "all"
SHOWN = 1000
STATES = [ExchangeState.pending.value, *(state.value for state in buli2.STOPPED)]
ACTOR = "system:buli2_exchanges"
VERBS = {"resend": buli2.resend, "cancel": buli2.cancel_exchange}


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--state", choices=STATES, default="dead", help="which ones; default: dead")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument("--limit", type=int, help=f"default: {SHOWN} for a list, none for --resend and --cancel")
        parser.add_argument("--reason", choices=buli2.ACT_REASONS, help="of a resend or cancel, for the audit trail")
        verbs = parser.add_mutually_exclusive_group()
        verbs.add_argument("--resend", metavar="ID", help="make it due again; `all`: every one of that state")
        verbs.add_argument("--cancel", metavar="ID", help="give it up for good; `all`: every one of that state")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = buli2.outstanding().filter(state=options["state"]).order_by("created_at").defer("body", "answer")
        for name, verb in VERBS.items():
            if options[name]:
                return self._act(name, verb, self._chosen(options[name], rows[: options["limit"]]), options["reason"])
        listed = list(rows[: options["limit"] or SHOWN])
        for exchange in listed:
            self.stdout.write(json.dumps(facts(exchange)) if options["json"] else line(exchange))
        if left := rows.count() - len(listed):
            self.stderr.write(f"and {left} more")
        if not listed:
            self.stderr.write(f"none is {options['state']}")
        return None

    def _chosen(self, word: str, rows: QuerySet[Buli2Exchange]) -> list[Buli2Exchange]:
        if word == ALL:
            return list(rows)
        try:
            return [Buli2Exchange.objects.get(pk=uuid.UUID(word))]
        except (ValueError, Buli2Exchange.DoesNotExist) as error:
            raise CommandError(f"no exchange has the id {word!r}") from error

    def _act(self, name: str, verb: Any, chosen: list[Buli2Exchange], reason: str | None) -> None:
        if reason is None:
            raise CommandError("say why: --reason " + ", ".join(buli2.ACT_REASONS))
        done = [exchange for exchange in chosen if verb(exchange, actor=ACTOR, reason=reason)]
        for exchange in done:
            log.info(f"exchange_{name}", exchange_id=str(exchange.pk), review_id=str(exchange.review_id), by="command")
        self.stdout.write(f"{name}: {len(done)} of {len(chosen)}")
        if len(done) < len(chosen):
            raise CommandError("The others are in no state in which that is possible.")


def facts(exchange: Buli2Exchange) -> dict[str, Any]:
    """Ids and codes; the body stays sealed."""
    return {
        "id": str(exchange.pk),
        "kind": exchange.kind,
        "reviewId": str(exchange.review_id),
        "state": exchange.state,
        "attempts": exchange.attempt,
        "maybeReceived": exchange.maybe_received,
        "httpStatus": exchange.http_status,
        "error": exchange.error,
        "createdAt": wire_time(exchange.created_at),
    }


def line(exchange: Buli2Exchange) -> str:
    return "  ".join(str(value) for value in facts(exchange).values())
