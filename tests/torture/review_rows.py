"""Temporal under reviews: killed, away, told everything twice; and people and the partner who decide at one instant."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from filot.embedded.temporal import Temporal as TemporalServer
from tests.torture.house import TEMPORAL
from tests.torture.partner import decide_there, judge_partner, steer
from tests.torture.people import Click, Person, click, people
from tests.torture.reviews import NEEDS, Case, all_at_partner, cases, closed, opened
from tests.torture.rows import Run, row
from tests.torture.runs import all_completed, signal_all

WON, TOLD = 302, (403, 409)
PAGE_LIMIT, RETURN_LIMIT = 0.5, 30.0
DEAD_TRY = 200.0  # seconds: a killed worker's claim on an exchange, 3 tries of 47.5 s and 30 s, and the next sweep
WORDS = ("approved", "rejected")
ROUNDS = 3  # of people who have to agree: a first, a second, and a third where they differ

WON_BY = "SELECT source, count(*) FROM review_reviewdecision WHERE accepted AND review_id = ANY(%s::uuid[]) GROUP BY 1"
NEEDED = """
SELECT r.needs_two FROM review_review r JOIN documents_document d ON d.id = r.document_id
WHERE d.owner_id = ANY(%s::uuid[])
"""
VERSION = "SELECT version FROM review_review WHERE id = %s"
VERDICTS = "SELECT user_id, decision FROM review_verdict WHERE review_id = %s"
DECISIONS = """
SELECT user_id, decision FROM review_reviewdecision WHERE review_id = %s AND accepted AND source = 'console'
"""


@row(
    "workflows-killed",
    "120 workflows, every signal twice; the worker killed 8 times and Temporal 4 times in between",
    "120 complete, each effect once",
    NEEDS,
    no_short_form="a killed worker's try counts as dead after two minutes only; tests/review/test_temporal.py",
)
def workflows_killed(run: Run) -> None:
    house, server = run.house, run.house.own_temporal()
    steer(house, decide_as="approved", decide_after=4, repeat=2)
    count = run.size(120, 4)
    sending = run.driver.start(count, rate=4)
    stop, signals = threading.Event(), [0]

    def insist() -> None:
        while not stop.wait(1):
            signals[0] += signal_all(run, 2)

    insisting = threading.Thread(target=insist, daemon=True)
    insisting.start()
    victims = ["worker"] * run.size(8, 1) + ["server"] * run.size(4, 1)
    run.chance.shuffle(victims)
    for victim in victims:
        time.sleep(run.chance.uniform(1.0, 4.0))
        if victim == "worker":
            house.start_again(TEMPORAL)
        else:
            server.kill()
            time.sleep(run.chance.uniform(0.2, 2.0))
            server.start()
    sending.answers()
    run.settle(beside=30)
    run.expect_in_time(closed(run, cases(run), DEAD_TRY), DEAD_TRY, "all closed after the last kill")
    stop.set()
    insisting.join()
    all_completed(run, cases(run), 60)
    run.figures |= {"kills": f"{run.size(8, 1)} + {run.size(4, 1)}", "extra signals taken": signals[0]}
    run.expect(signals[0] or not run.full, "no signal was sent twice")
    run.expect({one.decision for one in cases(run)} == {"approved"}, "something else was decided")
    judge_partner(run, submitted=count)


@row(
    "temporal-away",
    "Temporal is killed, or frozen so that it accepts and never answers, before reviewers decide; it is away for 30 s",
    "page under 500 ms, decision kept, workflow closed within 30 s of its return",
    NEEDS,
    no_short_form="every part has to be started again with a Temporal that may be killed; tests/test_outages.py",
)
def temporal_away(run: Run) -> None:
    server = run.house.own_temporal()
    steer(run.house)
    persons = people(run, ["reviewer"] * run.size(4, 2))
    clicks: list[Click] = []
    slowest = 0.0
    for way in ("killed", "frozen") if run.full else (run.chance.choice(("killed", "frozen")),):
        held = opened(run, run.size(12, 2))
        pages = [_take(persons[number % len(persons)], case) for number, case in enumerate(held)]
        with _away(server, way):
            gone = time.monotonic()
            for number, case in enumerate(held):
                clicks.append(click(persons[number % len(persons)], case, WORDS[number % 2], pages[number], 0))
            run.driver.start(run.size(4, 1), rate=4).answers()  # what comes meanwhile gets its workflow afterwards
            time.sleep(max(0.0, run.seconds(30, 11) - (time.monotonic() - gone)))
            ids = {case.id for case in held}
            kept = [one for one in cases(run) if one.id in ids]
            run.expect(all(one.decision and not one.closed for one in kept), "a decision is lost, or moved a document")
        back = time.monotonic()
        closed(run, held, RETURN_LIMIT)
        all_completed(run, held, RETURN_LIMIT if run.timed else 2 * RETURN_LIMIT)
        slowest = max(slowest, time.monotonic() - back)
    run.expect({each.status for each in clicks} == {WON}, f"clicks were answered {_statuses(clicks)}")
    run.figures["clicks"] = len(clicks)
    run.expect_in_time(max(each.seconds for each in clicks), PAGE_LIMIT, "slowest click")
    run.expect_in_time(max(each.page for each in clicks), PAGE_LIMIT, "slowest page after it")
    run.expect_in_time(slowest, RETURN_LIMIT, "all closed after its return")
    all_at_partner(run)
    judge_partner(run, submitted=len(cases(run)))


@row(
    "two-at-once",
    "20 reviewers take and decide one case at one instant, some of them the contrary, and BULI2 decides at the same;"
    " the one who holds a case decides it twice; 10 cases, of which some need two people",
    "one wins, the others are told",
    replace(NEEDS, reading=("TORTURE_CARD=1,3",)),
)
def two_at_once(run: Run) -> None:
    steer(run.house)
    half = run.size(10, 2)
    persons = people(run, ["reviewer"] * half + ["senior"] * half)
    clicks: list[Click] = []
    for number in range(run.size(10, 2)):
        (case,) = opened(run, 1)  # one after the other: who has decided is handed the next one that waits
        clicks += _dispute(run, case, persons, held=number % 2 == 1)
    run.figures["answers to clicks"] = _statuses(clicks)
    run.expect({each.status for each in clicks} <= {WON, *TOLD}, "a click was answered by something else")
    closed(run, cases(run), 60)
    all_completed(run, cases(run), 60)  # BULI2 is told before its workflow ends
    judge_partner(run, submitted=len(cases(run)))
    run.figures["won by"] = dict(run.house.rows(WON_BY, [one.id for one in cases(run)]))
    run.figures["needed two"] = sum(bool(needed) for (needed,) in run.house.rows(NEEDED, run.driver.owner_ids))


def _dispute(run: Run, case: Case, persons: list[Person], *, held: bool) -> list[Click]:
    """All of them at one case until it is decided. Whoever was told that it counts must be found in its rows."""
    ((needs_two,),) = run.house.rows("SELECT needs_two FROM review_review WHERE id = %s", case.id)
    clicks: list[Click] = []
    with ThreadPoolExecutor(len(persons) + 2) as threads:
        for turn in range(ROUNDS):
            start = threading.Barrier(len(persons) + 1 + (held and not turn) + (not turn))
            ways = [
                threads.submit(_take_and_click, run, each, case, run.chance.choice(WORDS), start)
                for each in persons[held and not turn :]
            ]
            if not turn:
                wait = run.chance.uniform(0, 6 if needs_two else 1.5)
                said = run.chance.choice(WORDS)
                there = threads.submit(_decide_there, run, case, said, start, wait)
            if held and not turn:
                page = _take(persons[0], case)
                ways += [threads.submit(_click, run, persons[0], case, word, start, page) for word in WORDS]
            start.wait(60)
            clicks += [future.result() for future in ways]
            if not turn:
                run.expect(there.result() in (303, 409), "the partner's page failed")
            if run.house.rows("SELECT 1 FROM review_review WHERE id = %s AND decision <> ''", case.id):
                break
        else:
            run.faults.append(f"nobody decided {case.id}")
    told = sorted((each.person.id, each.decision) for each in clicks if each.status == WON)
    kept = [(str(user), decision) for user, decision in run.house.rows(VERDICTS if needs_two else DECISIONS, case.id)]
    run.expect(told == sorted(kept), f"{case.id}: {told} were told that it counts, {kept} is kept")
    run.expect(len({user for user, _ in kept}) == len(kept), f"{case.id}: one person counts twice")
    return clicks


@contextmanager
def _away(server: TemporalServer, way: str) -> Iterator[None]:
    if way == "killed":
        server.kill()
    else:
        os.kill(server.pid or 0, signal.SIGSTOP)
    try:
        yield
    finally:
        if way == "killed":
            server.start()
        else:
            os.kill(server.pid or 0, signal.SIGCONT)


def _take(person: Person, case: Case) -> str:
    return person.browser.take(case.id)


def _take_and_click(run: Run, person: Person, case: Case, decision: str, start: threading.Barrier) -> Click:
    start.wait(60)
    return _clicked(run, person, case, decision, _take(person, case))


def _click(run: Run, person: Person, case: Case, decision: str, start: threading.Barrier, page: str) -> Click:
    """From one of two windows of the same person."""
    start.wait(60)
    return _clicked(run, person, case, decision, page)


def _clicked(run: Run, person: Person, case: Case, decision: str, page: str) -> Click:
    """Whose page shows no form sends the version of this moment, as somebody does who wants to get past it."""
    ((version,),) = run.house.rows(VERSION, case.id)
    return click(person, case, decision, page, version)


def _decide_there(run: Run, case: Case, decision: str, start: threading.Barrier, wait: float) -> int:
    start.wait(60)
    time.sleep(wait)
    return decide_there(run.house, case.ticket, decision)


def _statuses(clicks: list[Click]) -> dict[str, int]:
    statuses = sorted(str(each.status) for each in clicks)
    return {status: statuses.count(status) for status in dict.fromkeys(statuses)}
