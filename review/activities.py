"""Temporal's doors: each calls one verb. They run at least once, so every verb is safe to repeat.

Synchronous on purpose: they use the ORM, and run in the worker's threads. Those that call BULI2 can take minutes: they
beat before each try, so that a dead worker is noticed, and there they give up when they are told to, never in the
middle of a write. The others end within `DATABASE_TIMEOUT`. An error goes into the workflow's history, where nothing of
a card may stand: only its code does.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import close_old_connections
from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError, FailureError

from documents.tracing import followed
from integrations.buli2 import Buli2Refused, Buli2Unavailable
from review import partner, services
from review import workflow_words as words
from review.models import Review

log = structlog.get_logger(__name__)

FOR_GOOD = (Buli2Refused, services.UnknownDecision, Review.DoesNotExist)

P = ParamSpec("P")
R = TypeVar("R")


def review_activity(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """An activity with database connections of its own that raises only codes."""

    def decorate(verb: Callable[P, R]) -> Callable[P, R]:
        @activity.defn(name=name, no_thread_cancel_exception=True)
        @functools.wraps(verb)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            close_old_connections()
            try:
                with followed(services.correlation_of(str(args[0])), f"temporal.{name}"):
                    return verb(*args, **kwargs)
            except FailureError:  # the worker stops, and tells the thread so
                raise
            except Exception as error:
                log.warning(
                    "activity_failed", activity=name, subject_id=str(args[0]), error=type(error).__name__, exc_info=True
                )
                raise _told(error) from None
            finally:
                close_old_connections()

        return run

    return decorate


def _told(error: Exception) -> ApplicationError:
    """The error as the history may hold it; `details` is the number of seconds that BULI2 asked us to wait."""
    code = error.code if isinstance(error, Buli2Refused | Buli2Unavailable) else type(error).__name__
    if isinstance(error, FOR_GOOD):
        return ApplicationError(code, type=words.REFUSED, non_retryable=True)
    wait = error.retry_after if isinstance(error, Buli2Unavailable) else None
    return ApplicationError(code, *([wait] if wait else []), type=type(error).__name__)


def _alive() -> None:
    """Between two tries: say that it moves, and end here if it was cancelled or the worker stops."""
    activity.heartbeat()
    if activity.is_cancelled():
        raise CancelledError


@review_activity(words.SUBMIT_TO_BULI2)
def submit_to_buli2(review_id: str) -> str:
    return partner.submit(review_id, _alive)


@review_activity(words.POLL_BULI2)
def poll_buli2(review_id: str) -> words.DecisionGiven | None:
    found = partner.poll(review_id, _alive)
    if found is None:
        return None
    return words.DecisionGiven(str(found.pk), found.decision, found.decided_by, found.source)


@review_activity(words.TELL_BULI2)
def tell_buli2(review_id: str) -> None:
    partner.tell(review_id, _alive)


@review_activity(words.WITHDRAW_SUBMISSION)
def withdraw_submission(review_id: str) -> None:
    partner.withdraw(review_id)


@review_activity(words.REMIND_OVERDUE)
def remind_overdue(review_id: str) -> None:
    services.remind_overdue(review_id)


@review_activity(words.MARK_ESCALATED)
def mark_escalated(review_id: str, reason: str) -> None:
    services.escalate(Review.objects.get(pk=review_id), by="workflow", reason=reason)


@review_activity(words.RECORD_DECISION)
def record_decision(decision_id: str) -> None:
    services.record_decision(decision_id)


PARTNER_ACTIVITIES: list[Callable[..., Any]] = [submit_to_buli2, poll_buli2, tell_buli2]
DATABASE_ACTIVITIES: list[Callable[..., Any]] = [withdraw_submission, remind_overdue, mark_escalated, record_decision]
