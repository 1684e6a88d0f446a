"""BULI2 is down, slow, cut off in the middle of its answer, or answers with anything at all."""

import time
from datetime import UTC, datetime

from integrations.breaker import OPEN_SECONDS
from tests.stack import wait_for
from tests.torture.checker import CREATED
from tests.torture.driver import Watcher
from tests.torture.house import SIMULATOR
from tests.torture.partner import decide_there, judge_breaker, judge_partner, nothing_waits, steer
from tests.torture.people import click, people
from tests.torture.reviews import NEEDS, Case, all_at_partner, cases, closed, opened
from tests.torture.rows import Run, row

MOST_BLOCKED = 1.0  # seconds that a call of a client may take while BULI2 misbehaves
# Once BULI2 is well again: an exchange waits as long as it has waited so far, and a quarter of it; and the breaker.
CATCHING_UP = 60.0
SLOW = 20  # seconds of an answer; our limit is 30
WELL, CANCEL_WELL = "slow=0", "cancel.slow=0"  # an answer as it should be, between two faults
KINDS = ["garbage", "endless", "redirect", "cut", "after-500", "after-404", "after-200", "429=2"]
LATE = ["slow=40"] * 3
CANCEL_KINDS = ["500", "404", "302", "garbage", "endless", "cut", "redirect", "after-503", "429=2", "after-400"]
AT_ONCE = 40  # cases that are on their way: most of them wait, as long as they have waited so far
LONGEST_STORY = 400.0  # seconds
MET = """
SELECT a.http_status FROM integrations_buli2attempt a JOIN integrations_buli2exchange e ON e.id = a.exchange_id
JOIN review_review r ON r.id = e.review_id JOIN documents_document d ON d.id = r.document_id
WHERE a.started_at >= %s AND d.owner_id = ANY(%s::uuid[])
"""
REFUSED = """
SELECT count(*) FROM integrations_buli2exchange e JOIN review_review r ON r.id = e.review_id
JOIN documents_document d ON d.id = r.document_id
WHERE d.owner_id = ANY(%s::uuid[]) AND e.direction = 'outbound' AND e.state = 'refused'
"""
CANCELS = "SELECT count(*) FROM integrations_buli2exchange WHERE kind = 'cancel' AND review_id = ANY(%s::uuid[])"


@row(
    "partner-down",
    "BULI2 is gone for 60 s, while doubtful cards come at 1/s",
    "0 exchanges lost, one effect each on their side, breaker as in contract.md, no call takes over 1 s",
    NEEDS,
    no_short_form="an open breaker stays open for 30 s; tests/integrations/test_buli2.py",
)
def partner_down(run: Run) -> None:
    house, since = run.house, datetime.now(UTC)
    opened(run, run.size(10, 1))
    seconds = run.seconds(60, 3)
    with Watcher(run.driver) as watcher:
        house.kill(SIMULATOR)
        sending = run.driver.start(round(seconds), rate=1)
        time.sleep(seconds)
        house.start(SIMULATOR)
        steer(house, decide_as="approved", decide_after=1)
        back = time.monotonic()
        sending.answers()
        run.settle()
        all_at_partner(run, seconds * 1.25 + CATCHING_UP)
        nothing_waits(run, CATCHING_UP)
    run.expect_in_time(time.monotonic() - back, seconds * 1.25 + CATCHING_UP, "all of them there after its return")
    _judge_calls(run, watcher)
    judge_breaker(run, since, opens=True if run.full else None)
    judge_partner(run, submitted=len(cases(run)))


@row(
    "partner-slow",
    "BULI2 takes 20 s for each of 24 submissions, and a callback comes while the others wait",
    "0 exchanges lost, one effect each on their side, what was decided is recorded meanwhile, no call takes over 1 s",
    NEEDS,
    no_short_form="slow answers take their time; tests/integrations/test_bounded_http.py and review/test_temporal.py",
)
def partner_slow(run: Run) -> None:
    since, count = datetime.now(UTC), run.size(24, 3)
    slow = run.seconds(SLOW, 1.5)
    (first,) = opened(run, 1)
    steer(run.house, faults=[f"slow={slow}:{count}"], decide_as="approved")
    with Watcher(run.driver) as watcher:
        run.driver.start(count, rate=8).answers()
        run.settle()
        wait_for("the first slow answer under way", lambda: len(cases(run)) > 1, 30)
        decide_there(run.house, first.ticket, "approved")
        run.expect_in_time(closed(run, [first], 15), 15, "a decision recorded meanwhile")
        all_at_partner(run, slow * count / 4 + CATCHING_UP)
    closed(run, cases(run), 60)
    nothing_waits(run, CATCHING_UP)  # it decides before it answers: the callback brings the ticket first
    _judge_calls(run, watcher)
    judge_breaker(run, since, opens=False)
    judge_partner(run, submitted=count + 1)


@row(
    "partner-cut-off",
    "BULI2 does its work and the answer is cut off: of 40 submissions, of the next eight in a row, of 20 cancellations",
    "0 exchanges lost, one effect each on their side, breaker as in contract.md, no call takes over 1 s",
    NEEDS,
    no_short_form="it ends with an open breaker, which stays open for 30 s; tests/integrations/test_buli2.py",
)
def partner_cut_off(run: Run) -> None:
    since, count = datetime.now(UTC), run.size(40, 3)
    many, told = run.size(8, 1), run.size(20, 2)  # five in a row open the breaker
    steer(run.house, faults=[*_between("cut", WELL, count), f"cut:{many}", *_between("cancel.cut", CANCEL_WELL, told)])
    with Watcher(run.driver) as watcher:
        run.driver.start(count + many, rate=8).answers()
        run.settle()
        all_at_partner(run, CATCHING_UP + many * OPEN_SECONDS)
        _decided_by_a_person(run, cases(run)[:told])
    _judge_calls(run, watcher)
    judge_breaker(run, since, opens=True if run.full else None)
    judge_partner(run, submitted=count + many)


@row(
    "partner-any-answer",
    "BULI2 answers submissions with every status from 200 to 599, garbage, an endless body, a redirect, later than our"
    " limit, and with a status after it has done the work; cancellations with some of these",
    "0 exchanges lost, one effect each on their side, breaker as in contract.md, no call takes over 1 s",
    NEEDS,
)
def partner_any_answer(run: Run) -> None:
    since = datetime.now(UTC)
    # Every status, or one of each hundred.
    statuses = (
        list(range(200, 600)) if run.full else [each + run.chance.randrange(100) for each in range(200, 600, 100)]
    )
    kinds = KINDS * run.size(3, 1) + (LATE if run.full else [])
    faults = [*_in_turn(run, statuses), *_now_and_then_well(kinds, each=1 if run.full else 2)]
    steer(run.house, faults=faults)
    with Watcher(run.driver) as watcher:
        _upload_until_met(run, set(statuses), len(faults), since)
        steer(run.house)
        _resend_refused(run)
        all_at_partner(run, 1.25 * LONGEST_STORY)
        if run.full:  # a click waits for ten seconds before anything leaves
            fresh = opened(run, 2 * len(CANCEL_KINDS))
            steer(run.house, faults=[f"cancel.{kind}:1" for each in CANCEL_KINDS for kind in (each, WELL)])
            _decided_by_a_person(run, fresh)
            steer(run.house)
            _resend_refused(run)
        nothing_waits(run, LONGEST_STORY)
    _judge_calls(run, watcher)
    judge_breaker(run, since)
    judge_partner(run, submitted=len(cases(run)))


def _between(fault: str, well: str, count: int) -> list[str]:
    """So many faults with an answer as it should be after each, so that the breaker stays closed."""
    return [f"{each}:1" for _ in range(count) for each in (fault, well)]


def _now_and_then_well(kinds: list[str], each: int) -> list[str]:
    """These faults, with an answer as it should be after `each` of them: five failures in a row open the breaker."""
    cut = [kinds[at : at + each] for at in range(0, len(kinds), each)]
    return [f"{kind}:1" for some in cut for kind in (*some, WELL)]


def _in_turn(run: Run, statuses: list[int]) -> list[str]:
    """Every status once, a 4xx, which shows a partner that lives, after each few others."""
    living = [status for status in statuses if 400 <= status < 500]
    others = [status for status in statuses if not 400 <= status < 500]
    run.chance.shuffle(others)
    each = -(-len(others) // len(living))
    mixed = [[*others[number * each :][:each], status] for number, status in enumerate(living)]
    return [f"{status}:1" for group in mixed for status in group]


def _met(run: Run, since: datetime) -> list[int]:
    return [status for (status,) in run.house.rows(MET, since, run.driver.owner_ids)]


def _upload_until_met(run: Run, statuses: set[int], tries: int, since: datetime) -> None:
    """New cases, some at a time, until each of these statuses was met, and whatever else `tries` met."""
    until = time.monotonic() + LONGEST_STORY
    while True:
        met = _met(run, since)
        run.figures["statuses met"] = len(statuses & set(met))
        if statuses <= set(met) and len(met) >= tries:
            return
        if time.monotonic() > until:
            run.faults.append(f"after {LONGEST_STORY:.0f} s not met: {sorted(statuses - set(met))[:10]}")
            return
        accepted = sum(answer.status == CREATED for answer in run.driver.log)
        waiting = accepted - sum(bool(one.ticket) for one in cases(run)) - _refused(run)
        if waiting < (wanted := run.size(AT_ONCE, 12)):
            run.driver.start(wanted - waiting, rate=12).answers()
        time.sleep(0.5)


def _refused(run: Run) -> int:
    ((count,),) = run.house.rows(REFUSED, run.driver.owner_ids)
    return int(count)


def _resend_refused(run: Run) -> None:
    """As an operator does once the partner is well. What is refused is kept and never sent again by itself."""
    run.figures["refused, then resent"] = run.figures.get("refused, then resent", 0) + _refused(run)
    run.house.manage_beside("buli2_exchanges --state refused --resend all --reason mended")
    run.expect(not _refused(run), "something that was refused could not be sent again")


def _decided_by_a_person(run: Run, found: list[Case]) -> None:
    """Each in the console, and each known at BULI2 afterwards."""
    (person,) = people(run, ["reviewer"])
    for case in found:
        answer = click(person, case, "approved", person.browser.take(case.id), 0)
        run.expect(answer.status == 302, f"a click was answered {answer.status}")
    closed(run, found, 60)
    ids = [case.id for case in found]
    wait_for("the cancellations", lambda: run.house.rows(CANCELS, ids) == [(len(ids),)], 60)
    nothing_waits(run, CATCHING_UP)


def _judge_calls(run: Run, watcher: Watcher) -> None:
    run.figures["calls watched"] = len(watcher.seconds)
    run.expect(set(watcher.statuses) == {200}, f"looks were answered {set(watcher.statuses)}")
    run.expect_in_time(max(watcher.seconds, default=0), MOST_BLOCKED, "slowest look")
