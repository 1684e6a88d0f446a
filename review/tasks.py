"""Celery's doors to reviews. What they do is safe to run twice at once, and a lost run is made up for by the next."""

import time

import structlog
from celery import shared_task
from django.core.cache import cache

from documents.sweeps import LEFT, noted
from integrations import buli2
from integrations.temporal import TemporalUnavailable
from review import delivery, partner, services
from review.reconciling import OLDER_THAN, RECONCILE, drift

log = structlog.get_logger(__name__)

DELIVER = "review.deliver"
SWEEP = "review.sweep"
FORGET = "review.forget_exchanges"
FORGET_SECONDS = 600  # of each hour
EXCHANGES_LOCK = "review.exchanges"
EXCHANGES_SECONDS = 120  # longer than one round takes: while BULI2 is slow, more rounds would only hold more threads


@shared_task(name=DELIVER)
def deliver() -> None:
    """On a hint that a document came to review or was decided: bring it to Temporal at once."""
    services.open_reviews()
    delivery.deliver()


@shared_task(name=SWEEP)
def sweep() -> None:
    """Whatever was left lying, in the order in which one step makes work for the next."""
    with noted(SWEEP) as done:
        done["opened"] = services.open_reviews()
        done["forgotten"] = delivery.forget_lost_deliveries()
        done["started"], done["delivered"] = delivery.deliver()
    if delivery.has_partner() and cache.add(EXCHANGES_LOCK, 1, EXCHANGES_SECONDS):
        try:
            partner.send_waiting()
            partner.tell_untold()
        finally:
            cache.delete(EXCHANGES_LOCK)


@shared_task(name=RECONCILE)
def reconcile() -> None:
    """Count where rows and Temporal differ, and mend nothing: what sweeps do not see is for somebody to look at."""
    try:
        with noted(RECONCILE) as done:
            done[LEFT] = sum(1 for _ in drift(OLDER_THAN))
    except TemporalUnavailable as error:
        log.warning("workflows_not_compared", error=type(error).__name__)


@shared_task(name=FORGET)
def forget_exchanges() -> int:
    """Each open review asks BULI2 every five minutes, so a busy day leaves millions of polls: until none is left."""
    began, forgotten = time.monotonic(), 0
    while (some := buli2.forget_old()) and time.monotonic() - began < FORGET_SECONDS:
        forgotten += some
    return forgotten + some
