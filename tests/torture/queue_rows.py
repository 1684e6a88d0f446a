"""Redis, PostgreSQL and the queue itself: emptied, dead, deaf, restarted, too full."""

import time

import redis

from tests.torture.checker import Answer
from tests.torture.driver import Watcher
from tests.torture.house import DEFAULT, USUAL, WEB, Needs
from tests.torture.rows import Run, row

MOST_BLOCKED = 1.0  # seconds that a call may take while Redis is away
AGAIN_SECONDS = 30  # in which each worker has to take something after an outage
WAITING_LIMIT, OWNERS_LIMIT = 100, 5  # of eight owners: the second is met by a tenth of the uploads too


@row(
    "redis-flushall",
    "FLUSHALL every second or so, while 300 uploads come at 10/s",
    "0 lost, 0 doubled",
    USUAL,
)
def redis_flushall(run: Run) -> None:
    sending = run.driver.start(run.size(300, 20), rate=10)
    flushed = 0
    with redis.Redis.from_url(run.house.valkey.url) as client:
        while sending.goes_on:
            time.sleep(run.chance.uniform(0.3, 1.7))
            client.flushall()
            flushed += 1
    run.figures["flushed"] = flushed
    run.settle()
    _all_take_again(run)


@row(
    "redis-dead",
    "Redis is killed, keeps nothing and comes back after 30 s; uploads go on at 5/s",
    "0 lost, 0 doubled, no call takes over 1 s, no worker needs a restart",
    USUAL,
)
def redis_dead(run: Run) -> None:
    pids = _pids(run)
    _warm_up(run)
    seconds = run.seconds(30, 4)
    sending = run.driver.start(round((seconds + 6) * 5), rate=5)
    time.sleep(2)
    run.house.valkey.kill()
    with Watcher(run.driver) as watcher:
        time.sleep(seconds)
    run.house.start_valkey_again()
    _judge_calls(run, watcher, sending.answers())
    run.settle(beside=10)  # Celery's own pause before it connects again
    _all_take_again(run)
    run.expect(_pids(run) == pids, "a process had to be started again")


@row(
    "redis-deaf",
    "Redis accepts and never answers for 20 s; uploads go on at 5/s",
    "0 lost, 0 doubled, no call takes over 1 s, no worker needs a restart",
    USUAL,
)
def redis_deaf(run: Run) -> None:
    pids = _pids(run)
    _warm_up(run)
    seconds = run.seconds(20, 4)
    sending = run.driver.start(round((seconds + 6) * 5), rate=5)
    time.sleep(2)
    run.house.proxy.deaf = True
    with Watcher(run.driver) as watcher:
        time.sleep(seconds)
    run.house.proxy.deaf = False
    _judge_calls(run, watcher, sending.answers())
    run.figures["bytes not answered"] = run.house.proxy.swallowed
    run.settle(beside=40)  # a worker waits up to 30 s for an answer to BRPOP that was swallowed
    _all_take_again(run)
    run.expect(_pids(run) == pids, "a process had to be started again")


@row(
    "postgres-restart",
    "PostgreSQL is restarted at once (immediate), 10 times, while uploads come at 10/s",
    "0 lost, 0 doubled, no worker needs a restart",
    USUAL,
)
def postgres_restart(run: Run) -> None:
    pids = _pids(run)
    restarts = run.size(10, 1)
    _warm_up(run)
    sending = run.driver.start(restarts * 60, rate=10)
    for _ in range(restarts):
        time.sleep(run.chance.uniform(2, 4))
        run.house.restart_postgres()
    answers = sending.answers()
    run.figures["restarts"] = restarts
    run.expect(any(answer.status == 201 for answer in answers), "nothing was accepted at all")
    # An upload that came just after must be taken: nobody keeps a dead connection.
    late = [run.driver.upload(run.driver.new_file()).status for _ in range(16)]
    run.expect(late == [201] * 16, f"uploads after the restart were answered {late}")
    run.settle()
    _all_take_again(run)
    run.expect(_pids(run) == pids, "a process had to be started again")


@row(
    "workers-stopped",
    "no worker runs, and 500 uploads come at 50/s",
    "refusals are all 429 or 503 with Retry-After; accepted = rows = objects",
    Needs(
        parts=(WEB, DEFAULT),
        variables=(f"QUEUE_MAX_DEPTH={WAITING_LIMIT}", f"OWNER_MAX_WAITING={OWNERS_LIMIT}"),
    ),
)
def workers_stopped(run: Run) -> None:
    answers = run.driver.start(run.size(500, 60), rate=50).answers()
    accepted = sum(answer.status == 201 for answer in answers)
    refused = [answer for answer in answers if answer.status != 201]
    run.expect(all(answer.status in (429, 503) for answer in refused), "a refusal is neither 429 nor 503")
    run.expect(refused, "nothing was refused")
    run.figures["accepted"] = accepted
    objects = run.house.objects_of(run.driver.owner_ids)
    rows = len(run.house.unsettled(run.driver.owner_ids))
    run.expect(accepted == rows == objects, f"{accepted} accepted, {rows} rows, {objects} objects")
    seconds = sorted(answer.seconds for answer in answers)
    run.figures["upload p50 / max"] = f"{seconds[len(seconds) // 2]:.2f} / {seconds[-1]:.2f} s"
    run.house.start("ocr-1")  # and once somebody reads, all of it settles
    run.house.wait_until_ready("ocr-1")
    run.settle(beside=run.size(60, 20))
    run.house.kill("ocr-1")


def _warm_up(run: Run) -> None:
    """What a server does at its first calls is not what an outage does to it."""
    run.driver.start(run.size(40, 4), rate=8).answers()


def _all_take_again(run: Run) -> None:
    """One worker that goes on settles all, and hides that the others never take anything again."""
    began, [(since,)] = time.monotonic(), run.house.rows("SELECT now()")
    missing = {str(run.house.processes[name].pid) for name in run.house.ocr_workers}
    while missing and time.monotonic() - began < AGAIN_SECONDS:
        run.driver.start(len(run.house.ocr_workers), rate=20).answers()
        time.sleep(1)
        query = "SELECT DISTINCT worker FROM verification_verificationrun WHERE started_at > %s"
        missing -= {worker.rpartition(" ")[2] for (worker,) in run.house.rows(query, since)}
    run.figures["all workers took again after"] = f"{time.monotonic() - began:.1f} s"
    run.expect(not missing, f"{len(missing)} workers take nothing any more")
    run.settle()


def _judge_calls(run: Run, watcher: Watcher, answers: list[Answer]) -> None:
    uploads = [answer.seconds for answer in answers]
    run.figures["calls watched"] = len(watcher.seconds)
    run.expect_in_time(max(watcher.seconds, default=0), MOST_BLOCKED, "slowest look")
    run.expect_in_time(max(uploads, default=0), MOST_BLOCKED, "slowest upload")
    run.expect(set(watcher.statuses) == {200}, f"looks were answered {set(watcher.statuses)}")
    refused = [answer.status for answer in answers if answer.status != 201]
    run.expect(not refused, f"uploads were refused: {refused[:5]}")


def _pids(run: Run) -> dict[str, int]:
    alive = {name: process.pid for name, process in run.house.processes.items() if process.poll() is None}
    return {**alive, **{f"web {number}": pid for number, pid in enumerate(run.house.web_processes())}}
