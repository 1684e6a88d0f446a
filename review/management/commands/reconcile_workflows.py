"""Compare the database with Temporal, both ways, and report where they differ; with --fix put it right.

Ends with status 1 while there is a difference that was not put right. Safe to repeat, and beside running workers.
"""

import json
from argparse import ArgumentParser
from collections import Counter
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from documents.sweeps import LEFT, noted
from integrations.temporal import TemporalUnavailable, WorkflowGone
from review.reconciling import OLDER_THAN, RECONCILE, Drift, NotMendable, drift

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fix", action="store_true", help="put each difference right")
        seconds = int(OLDER_THAN.total_seconds())
        parser.add_argument("--older-than", type=int, default=seconds, metavar="SECONDS", help="default: %(default)s")
        parser.add_argument("--json", action="store_true", help="one JSON object for each difference")

    def handle(self, *args: Any, **options: Any) -> None:
        counts: Counter[str] = Counter()
        left = 0
        try:
            with noted(RECONCILE) as done:
                for found in drift(timedelta(seconds=options["older_than"])):
                    outcome = _mended(found) if options["fix"] else "found"
                    counts[found.kind] += 1
                    left += outcome != "mended"
                    self.stdout.write(_line(found, outcome, as_json=options["json"]))
                done[LEFT], done["mended"] = left, counts.total() - left
        except TemporalUnavailable as error:
            raise CommandError(
                f"Temporal at {settings.TEMPORAL_ADDRESS} does not answer: {error}", returncode=2
            ) from error
        total = ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items())) or "no drift"
        self.stderr.write(total)
        log.info("workflows_reconciled", left=left, fix=options["fix"], **counts)
        if left:
            raise CommandError(f"{left} differences are left", returncode=1)


def _mended(found: Drift) -> str:
    """mended, or the code of what stood in the way: one that fails does not keep the others."""
    try:
        found.mend()
    except NotMendable:
        return "left"
    except TemporalUnavailable:
        raise
    except WorkflowGone:
        return "mended"  # it ended meanwhile
    except Exception as error:
        log.exception("drift_not_mended", kind=found.kind, subject=found.subject)
        return type(error).__name__
    return "mended"


def _line(found: Drift, outcome: str, *, as_json: bool) -> str:
    facts = {"kind": str(found.kind), "id": found.subject, "detail": found.detail, "outcome": outcome}
    return json.dumps(facts) if as_json else "  ".join(facts.values())
