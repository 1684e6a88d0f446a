"""Temporal under reviews: killed, away, told everything twice; and people and the partner who decide at one instant."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.torture.house import TEMPORAL, Needs
from tests.torture.reviews import (
    DOUBTFUL,
    PARTS,
    cases,
    closed,
    decide_there,
    ends,
    judge_partner,
    opened,
    reviewers,
    send_click,
    signal_all,
    steer,
)
from tests.torture.rows import Run, row

CONFLICT = 409


@row(
    "workflows-killed",
    "120 workflows, every signal twice; the worker killed 8 times and Temporal 4 times in between",
    "120 complete, each effect once",
    Needs(parts=PARTS, reading=DOUBTFUL),
)
def workflows_killed(run: Run) -> None:
    house, server = run.house, run.house.own_temporal()
    steer(house, decide_as="approved", decide_after=4, repeat=2)
    count = run.size(120, 6)
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
    run.expect_in_time(closed(run, count, 150), 150, "all closed after the last kill")
    stop.set()
    insisting.join()
    ends(run, cases(run), 60)
    run.figures |= {"kills": f"{run.size(8, 1)} + {run.size(4, 1)}", "extra signals taken": signals[0]}
    run.expect(signals[0], "no signal was sent twice")
    run.expect({one.decision for one in cases(run)} == {"approved"}, "something else was decided")
    judge_partner(run, submitted=count)


@row(
    "two-at-once",
    "20 reviewers click at one instant, half of them the contrary, and BULI2 decides at the same one; 10 cases",
    "one wins, the others are told",
    Needs(parts=PARTS, reading=DOUBTFUL),
)
def two_at_once(run: Run) -> None:
    steer(run.house)
    people = reviewers(run, run.size(20, 4))
    found = opened(run, run.size(10, 2))
    statuses: list[int] = []
    for case in found:
        pages = [person.get(f"/admin/review/review/{case.id}/change/").text for person in people]
        statuses += _all_at_once(run, case, people, pages)
    run.figures["answers to clicks"] = {str(status): statuses.count(status) for status in sorted(set(statuses))}
    run.expect(all(status < 500 for status in statuses), "a click was answered by a 5xx")
    for case in cases(run):
        run.expect(case.decision, f"nobody decided {case.id}")
    told = sum(status != 302 for status in statuses)
    run.expect(told >= len(statuses) - len(found), f"{len(statuses) - told} clicks were told that they won")
    closed(run, len(found), 60)
    judge_partner(run, submitted=len(found))
    sources = (
        "SELECT source, count(*) FROM review_reviewdecision WHERE accepted AND review_id = ANY(%s::uuid[]) GROUP BY 1"
    )
    run.figures["won by"] = dict(run.house.rows(sources, [one.id for one in found]))


def _all_at_once(run: Run, case, people, pages) -> list[int]:  # type: ignore[no-untyped-def]
    start = threading.Barrier(len(people) + 1)

    def one(number: int) -> int:
        start.wait(30)
        return send_click(people[number], case, ("approved", "rejected")[number % 2], pages[number])[0]

    def there() -> int:
        start.wait(30)
        return decide_there(run.house, case.ticket, run.chance.choice(("approved", "rejected")))

    with ThreadPoolExecutor(len(people) + 1) as threads:
        clicks = [threads.submit(one, number) for number in range(len(people))]
        at_buli2 = threads.submit(there)
        found = [future.result() for future in clicks]
    run.expect(at_buli2.result() in (200, CONFLICT), "the partner's page failed")
    return found
