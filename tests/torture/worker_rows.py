"""Workers that are killed, frozen, woken again and told to end."""

import signal
import time

from tests.stack import wait_for
from tests.torture.house import DEFAULT, REAL, STUCK_SECONDS, SWEEP_SECONDS, USUAL, WEB, Needs
from tests.torture.rows import Run, row

PARTS = (WEB, "ocr-1", "ocr-2", DEFAULT)


@row(
    "idle-kill",
    "1,200 uploads at 20/s while a random worker is killed (-9) every 3 s",
    "0 lost, 0 doubled, all settled in claim limit + sweep + 15 s",
    USUAL,
)
def idle_kill(run: Run) -> None:
    """Workers keep up with the uploads, so that most are idle when they die: a message then dies with them."""
    sending = run.driver.start(run.size(1200, 30), rate=20)
    killed = 0
    while sending.goes_on:
        time.sleep(run.chance.uniform(2.5, 3.5))
        victim = run.chance.choice([*run.house.ocr_workers, *run.house.ocr_workers, DEFAULT])
        run.house.start_again(victim)
        killed += 1
    run.figures["killed"] = killed
    run.settle()


@row(
    "pause-then-kill",
    "a random worker is frozen (SIGSTOP) for 1 s, then killed (-9): 60 times, at 4 uploads/s",
    "0 lost, 0 doubled",
    USUAL,
)
def pause_then_kill(run: Run) -> None:
    """What is frozen while it is idle takes the next message along when it dies."""
    faults = run.size(60, 2)
    sending = run.driver.start(round(faults * 3 * 4), rate=4)
    for _ in range(faults):
        victim = run.chance.choice([*run.house.ocr_workers, *run.house.ocr_workers, DEFAULT])
        run.house.signal(victim, signal.SIGSTOP)
        time.sleep(run.chance.uniform(0.5, 1.5))
        run.house.start_again(victim)
        time.sleep(run.chance.uniform(1.0, 2.5))
    sending.answers()
    run.figures["frozen and killed"] = faults
    run.settle()


@row(
    "zombie",
    "a worker is frozen while it holds a document, past its claim's limit, and wakes up again: 30 times",
    "0 lost, 0 doubled, its writes are refused and counted",
    USUAL,
)
def zombie(run: Run) -> None:
    faults, zombies, in_transaction = run.size(30, 1), 0, 0
    before, refused_before = run.house.metric("filot_refused_writes_total"), run.house.said("claim_lost")
    for _ in range(faults * 10):
        if zombies == faults:
            break
        for _ in range(3):  # a document is held for a tenth of a second only
            run.driver.upload(run.driver.new_file())
        victim, document_id = wait_for("a held document", lambda: _holder(run), 60, 0)
        time.sleep(run.chance.uniform(0, 0.15))  # at different points of its work
        run.house.signal(victim, signal.SIGSTOP)
        if run.house.held_by(victim) == document_id:  # else it was settled just before
            time.sleep(STUCK_SECONDS + SWEEP_SECONDS + run.chance.uniform(0.5, 3))
            if run.house.held_by(victim) != document_id:
                zombies += 1
            else:  # frozen in the very moment of its write: nobody can take the row, and PostgreSQL ends that in time
                in_transaction += 1
                run.expect(run.house.open_transactions(), f"{document_id} was not taken from a frozen worker")
        run.house.signal(victim, signal.SIGCONT)
    run.figures["zombies"], run.figures["frozen while they wrote"] = zombies, in_transaction
    run.settle()
    # Their refused writes come when they have worked on for a while.
    logged = wait_for("refused writes", lambda: _at_least(run.house.said("claim_lost") - refused_before, zombies), 20)
    counted = run.house.metric("filot_refused_writes_total") - before
    run.figures["refused writes logged"], run.figures["counted"] = logged, int(counted)
    run.expect(zombies, "nobody was frozen while they held a document")
    run.expect(counted >= zombies, f"{zombies} zombies, {counted:.0f} refused writes counted")


@row(
    "all-frozen",
    "every worker, beat and the web server are frozen together for longer than a claim lasts, and wake up together",
    "0 lost, 0 doubled",
    USUAL,
)
def all_frozen(run: Run) -> None:
    """As a machine that is suspended: whoever wakes first, sweep or worker, nobody may write what it has lost."""
    for _ in range(run.size(5, 1)):
        sending = run.driver.start(20, rate=10)
        wait_for("a held document", lambda: _holder(run), 60, 0)
        for name in list(run.house.processes):
            run.house.signal(name, signal.SIGSTOP)
        time.sleep(STUCK_SECONDS + run.chance.uniform(1, 4))
        for name in run.chance.sample(list(run.house.processes), len(run.house.processes)):
            run.house.signal(name, signal.SIGCONT)
        sending.answers()
    run.settle()


@row(
    "two-of-each",
    "two beats and `reap_stuck` from eight processes at once, while workers are killed",
    "0 lost, 0 doubled, each claim is taken from its dead worker once",
    Needs(parts=(WEB, "ocr-1", "ocr-2", "default-1", "default-2"), reading=("TORTURE_READ_SECONDS=0.4",)),
)
def two_of_each(run: Run) -> None:
    for _ in range(run.size(10, 1)):
        run.driver.start(12, rate=12).answers()
        victims = list(run.house.ocr_workers)
        wait_for("a held document", lambda: _holder(run), 60, 0)
        for victim in victims:
            run.house.kill(victim)
        time.sleep(STUCK_SECONDS - 0.5)
        run.house.manage_at_once("reap_stuck", run.size(8, 2))
        for victim in victims:
            run.house.start(victim)
    run.settle()
    query = (
        "SELECT count(*) FROM documents_documentevent e JOIN documents_document d ON d.id = e.document_id"
        " WHERE d.owner_id = ANY(%s::uuid[]) AND e.actor = 'reaper'"
    )
    [(taken,)] = run.house.rows(query, run.driver.owner_ids)
    lost = "SELECT count(*) FROM verification_verificationrun r JOIN documents_document d ON d.id = r.document_id"
    lost += " WHERE d.owner_id = ANY(%s::uuid[]) AND r.outcome = 'lost'"
    [(runs,)] = run.house.rows(lost, run.driver.owner_ids)
    run.figures["taken from dead workers"] = taken
    run.expect(taken == runs, f"{taken} claims were taken, {runs} runs are marked as lost")
    run.expect(taken, "no claim was taken from a dead worker")


@row(
    "clocks",
    "one worker's clock is ten minutes slow, another's ten minutes fast, that of the sweep a minute slow; workers are"
    " killed",
    "0 lost, 0 doubled, no living worker loses a claim, dead ones do within the limits",
    Needs(parts=PARTS, reading=("TORTURE_READ_SECONDS=0.4",), clocks=("ocr-1=-600", "ocr-2=600", "default=-60")),
)
def clocks(run: Run) -> None:
    run.driver.start(run.size(60, 8), rate=3).answers()
    run.settle()
    taken = len(run.house.reaped(run.driver.owner_ids))
    run.figures["taken from living workers"] = taken
    if run.timed:  # on a busy machine a worker may really be silent for the few seconds that are a claim's limit here
        run.expect(not taken, "a claim was taken from a worker that lives")
    for _ in range(run.size(10, 1)):
        run.driver.start(4, rate=8).answers()
        victim, document_id = wait_for("a held document", lambda: _holder(run), 60, 0)
        run.house.start_again(victim)
        began = time.monotonic()
        wait_for(f"{document_id} to be settled by another", lambda: not run.house.unsettled(run.driver.owner_ids), 90)
        run.figures["longest until settled"] = max(
            run.figures.get("longest until settled", 0.0), round(time.monotonic() - began, 1)
        )
    run.settle()


@row(
    "sigterm",
    "SIGTERM to every worker in turn under load, real engine; then to the web server",
    "running tasks end or are released in 30 s, nothing is held by who has gone",
    Needs(parts=PARTS, engine=REAL, reading=("OCR_CPU_THREADS=1", "OCR_STOP_SECONDS=5")),
)
def sigterm(run: Run) -> None:
    count = run.size(80, 2)
    sending = run.driver.start(count, rate=4, files=run.driver.specimens(run.house.folder / "cards", count, run.seed))
    worst, ended = 0.0, 0
    for _ in range(run.size(4, 1)):
        for name in [*run.house.ocr_workers, DEFAULT, WEB][:: 1 if run.full else 3]:
            wait_for("work", lambda: run.house.holding(run.driver.owner_ids) or not sending.goes_on, 60, 0.02)
            time.sleep(run.chance.uniform(0, 0.5))
            pid = run.house.processes[name].pid
            seconds = run.house.end(name)
            run.expect(seconds is not None, f"{name} had to be killed 30 s after SIGTERM")
            held = [
                document for document, worker in run.house.holding(run.driver.owner_ids) if worker.endswith(f" {pid}")
            ]
            run.expect(not held, f"{name} has gone and holds {held}")
            worst, ended = max(worst, seconds or 30), ended + 1
            run.house.start(name)
            run.house.wait_until_ready(name)
    sending.answers()
    run.figures["ended"], run.figures["slowest end"] = ended, f"{worst:.1f} s"
    run.settle(beside=60)
    if run.timed:
        run.expect(not run.house.reaped(run.driver.owner_ids), "something was left to the reaper")


def _holder(run: Run) -> tuple[str, str] | None:
    """(worker, document) of one that is held; when all was read before anybody looked, another is sent."""
    found = run.house.holder()
    if found is None and not run.house.unsettled(run.driver.owner_ids):
        run.driver.upload(run.driver.new_file())
    return found


def _at_least(count: int, wanted: int) -> int:
    return count if count >= wanted else 0
