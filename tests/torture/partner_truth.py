"""What the partner's journal, which is its truth, and our rows say of each other. Pure; called by the checker."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from integrations.breaker import FAILURES, OPEN_SECONDS

ONCE = ("submitted", "decided", "cancelled")
EFFECT_OF = {"submit": "submitted", "cancel": "cancelled"}
LEFT = ("pending", "dead", "refused")  # of an exchange: nothing of it has arrived for certain, and it still may
BULI2 = "buli2"
SLACK = 1.5  # seconds between what a row says of a try and what the breaker saw of it


@dataclass(frozen=True, slots=True)
class PartnerEffect:
    """A line of its journal: something that it did. `said` is the decision, or how its callback was answered."""

    effect: str
    review: str
    ticket: str = ""
    said: str = ""


@dataclass(slots=True)
class ReviewRow:
    """A review as the database has it."""

    id: str
    ticket: str = ""
    decision: str = ""
    source: str = ""  # of the accepted decision
    refused: list[tuple[str, str]] = field(default_factory=list)  # source, decision
    exchanges: list[tuple[str, str]] = field(default_factory=list)  # kind, state: of those that we sent


@dataclass(frozen=True, slots=True)
class Try:
    """One HTTP try of ours, in seconds of one clock. `failed`: as the breaker counts, so a 4xx has not."""

    began: float
    ended: float
    failed: bool


def partner_faults(effects: Sequence[PartnerEffect], reviews: Mapping[str, ReviewRow]) -> Iterator[str]:
    yield from _doubled(effects)
    yield from _submissions(effects, reviews)
    yield from _exchanges(effects, reviews)
    yield from _decisions(effects, reviews)


def _doubled(effects: Sequence[PartnerEffect]) -> Iterator[str]:
    counted = Counter((done.effect, done.review) for done in effects if done.effect in ONCE)
    yield from (f"the partner did {count} times: {what} {name}" for (what, name), count in counted.items() if count > 1)


def _submissions(effects: Sequence[PartnerEffect], reviews: Mapping[str, ReviewRow]) -> Iterator[str]:
    there = {done.review: done.ticket for done in effects if done.effect == "submitted"}
    for name, ticket in there.items():
        if name not in reviews:
            yield f"the partner holds {name}, of which there is no review"
        elif reviews[name].ticket != ticket:
            yield f"lost: the partner's ticket of {name} is {ticket}, its row says {reviews[name].ticket or 'nothing'}"
    for row in reviews.values():
        if row.ticket and row.id not in there:
            yield f"{row.id} has the ticket {row.ticket}, and the partner has never heard of it"


def _exchanges(effects: Sequence[PartnerEffect], reviews: Mapping[str, ReviewRow]) -> Iterator[str]:
    done = {(each.effect, each.review) for each in effects}
    for row in reviews.values():
        for kind, state in row.exchanges:
            # Taken back is what it has not decided: of that it says 409, which is an answer and nothing that waits.
            settled = kind == "cancel" and state == "refused" and ("decided", row.id) in done
            if state in LEFT and not settled:
                yield f"the {kind} of {row.id} is still {state}"
            if state == "done" and (EFFECT_OF[kind], row.id) not in done:
                yield f"lost: the {kind} of {row.id} is done, and the partner did nothing"


def _decisions(effects: Sequence[PartnerEffect], reviews: Mapping[str, ReviewRow]) -> Iterator[str]:
    """What it decided counts, or somebody was first: then its own is kept as refused, unless it said the same."""
    decided = {done.review: done.said for done in effects if done.effect == "decided"}
    for name, said in decided.items():
        row = reviews.get(name, ReviewRow(name))
        if row.decision != said and (BULI2, said) not in row.refused:
            yield f"lost: the partner decided {said} of {name}, which is {row.decision or 'undecided'} here"
    for row in reviews.values():
        if row.source == BULI2 and decided.get(row.id) != row.decision:
            yield f"{row.id} is {row.decision} by the partner, which decided {decided.get(row.id) or 'nothing'}"
    for done in effects:
        if done.effect == "callback" and done.said in ("200", "409") and done.review in decided:
            agrees = reviews[done.review].decision == decided[done.review] if done.review in reviews else False
            if done.said != ("200" if agrees else "409"):
                yield f"the partner was told {done.said} of {done.review}"


def breaker_faults(tries: Sequence[Try]) -> Iterator[str]:
    """Five failures in a row open it for 30 s, and then one try at a time is let through until one succeeds."""
    left = list(tries)
    while opened := _opened(left):
        closed = False
        while not closed:
            # What began before was under way when it opened.
            left = sorted((each for each in left if each.began >= opened + SLACK), key=lambda each: each.began)
            if not left:
                return
            probe, *others = left
            if probe.began < opened + OPEN_SECONDS - SLACK:
                yield f"a try began {probe.began - opened:.1f} s after the breaker had opened"
            if beside := sum(each.began < probe.ended - SLACK for each in others):
                yield f"{beside} tries beside a probe"
            opened, closed, left = probe.ended, not probe.failed, others


def _opened(tries: Sequence[Try]) -> float:
    """When the fifth failure in a row was over; 0 when there was none."""
    failures = 0
    for each in sorted(tries, key=lambda each: each.ended):
        failures = failures + 1 if each.failed else 0
        if failures == FAILURES:
            return each.ended
    return 0.0


def times_opened(tries: Sequence[Try]) -> int:
    """How often five failures in a row came together."""
    count = failures = 0
    for each in sorted(tries, key=lambda each: each.ended):
        failures = failures + 1 if each.failed else 0
        count += failures == FAILURES
    return count
