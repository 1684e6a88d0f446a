"""The words of the review workflow: names, limits, and the shapes that travel. Pure: no Django.

Whatever is here goes into Temporal's history, so it is ids and codes, never a name, number or text of a card.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio.common import RetryPolicy

WORKFLOW = "kycReviewWorkflow"
SIGNAL_DECISION = "reviewDecision"
SIGNAL_CANCEL = "cancelReview"
QUERY_STATE = "getWorkflowState"
UPDATE_DECISION = "decideReview"

SUBMIT_TO_BULI2 = "submit_to_buli2"
POLL_BULI2 = "poll_buli2"
TELL_BULI2 = "tell_buli2"
WITHDRAW_SUBMISSION = "withdraw_submission"
REMIND_OVERDUE = "remind_overdue"
MARK_ESCALATED = "mark_escalated"
RECORD_DECISION = "record_decision"

REFUSED = "refused"  # type of an activity's error that no repetition mends
DECISIONS = ("approved", "rejected")
SOURCE_BULI2 = "buli2"

ESCALATE_AFTER_SLAS = 2  # reminded once the SLA has passed, escalated once it has passed twice
OVERDUE, NO_DECISION = "overdue", "no_decision_in_time"  # codes of the reasons for an escalation

# Changes of the workflow that runs of earlier code don't have in their histories: `workflow.patched`.
PATCH_WITHDRAW = "withdraw-submission"  # 2026-11: a decision takes back what BULI2 has never heard of
PATCH_RESENT = "resent-after-refusal"  # 2026-11: what a person sent again after a refusal is asked for, and taken back

# What operators find runs by in Temporal's own pages: `FilotRiskBand = "high" AND FilotStage = "pending"`.
DOCUMENT_TYPE, RISK_BAND, POLICY, STAGE = "FilotDocumentType", "FilotRiskBand", "FilotPolicy", "FilotStage"
SEARCH_ATTRIBUTES = (DOCUMENT_TYPE, RISK_BAND, POLICY, STAGE)  # keywords, codes all of them
STAGE_ESCALATED = "escalated"  # a stage beside the words of WorkflowStatus

# BULI2 has a queue, and in the worker threads, of its own: while it hangs, a decision is recorded all the same.
PARTNER_QUEUE_SUFFIX = "-partner"

# Longer than the 3 tries of one attempt to reach BULI2 can take with the largest limits that settings allow:
# 3 x (30 + 60) s and the pauses between. A try beats before it begins, so a dead worker is noticed sooner.
PARTNER_TIMEOUT = timedelta(seconds=330)
PARTNER_HEARTBEAT = timedelta(seconds=120)  # the longest try and the pause before it: 102.5 s
PARTNER_WAIT = timedelta(minutes=10)  # for a free thread, or for any worker of that queue; then it is tried anew
DATABASE_TIMEOUT = timedelta(seconds=30)
ONCE = RetryPolicy(maximum_attempts=1)  # the workflow repeats it itself, so that its state tells of the failures
UNTIL_DONE = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
    non_retryable_error_types=[REFUSED],
)
TELL_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=10),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=15),
    non_retryable_error_types=[REFUSED],
)
TELL_FOR = timedelta(hours=24)  # after that the exchange is dead, and a person resends it
FIRST_PAUSE, LONGEST_PAUSE = 15, 900  # seconds between two attempts to submit

HISTORY_LIMIT = 4_000  # events; the server warns at 10,000 and ends a run at 50,000


class WorkflowStatus(StrEnum):
    """What `getWorkflowState` says.

    pending: BULI2 does not have it yet. sent_to_reviewer: BULI2 took it. awaiting_decision: BULI2 was asked and has not
    decided, or only people of ours are asked. completed: the document was moved. failed: the time was up; the review
    waits on, escalated, in the console. cancelled: by `cancelReview`; the same.
    """

    pending = "pending"
    sent_to_reviewer = "sent_to_reviewer"
    awaiting_decision = "awaiting_decision"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"


@dataclass(frozen=True)
class DecisionGiven:
    """The signal's payload, and what a poll found: the row `decisionId` holds everything else."""

    decisionId: str
    decision: str
    decidedBy: str
    source: str


@dataclass
class Progress:
    """How far it has come; carried over when the workflow continues as new."""

    started_at: str  # as wire_time makes it
    updated_at: str
    status: WorkflowStatus = WorkflowStatus.pending
    retry_count: int = 0
    submit_failures: int = 0
    last_error: str | None = None
    ticket: str | None = None
    refused: bool = False
    done: list[str] = field(default_factory=list)  # of reminder and escalation

    def shown(self, given: DecisionGiven | None) -> dict[str, Any]:
        """As `getWorkflowState` answers."""
        return {
            "status": self.status.value,
            "retryCount": self.retry_count,
            "lastError": self.last_error,
            "buli2TaskId": self.ticket,
            "decision": given.decision if given else None,
            "startedAt": self.started_at,
            "updatedAt": self.updated_at,
        }


@dataclass(frozen=True)
class ReviewArguments:
    review_id: str
    document_id: str
    partner: bool
    sla_seconds: int
    max_seconds: int
    poll_seconds: int
    history_limit: int = HISTORY_LIMIT
    carried: Progress | None = None
