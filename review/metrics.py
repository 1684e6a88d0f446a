"""What reviews tell the operators."""

from prometheus_client import Counter, Histogram

DECISIONS = Counter(
    "filot_review_decisions_total", "Decisions of people and of BULI2", ["source", "decision", "outcome"]
)
ESCALATIONS = Counter("filot_review_escalations_total", "Reviews that were escalated", ["reason"])
OVERDUE = Counter("filot_review_overdue_total", "Reminders that a review is overdue")
DELIVERIES = Counter("filot_review_deliveries_total", "Starts and decisions brought to Temporal", ["kind", "outcome"])
REVIEW_SECONDS = Histogram(
    "filot_review_duration_seconds",
    "From needs_review to the decision",
    ["source"],
    buckets=(60, 300, 900, 3600, 4 * 3600, 8 * 3600, 24 * 3600, 48 * 3600, 7 * 24 * 3600),
)
