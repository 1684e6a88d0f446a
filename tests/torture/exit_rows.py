"""A process is gone by `os._exit` right after its k-th commit, Redis write, store put or send: for every k."""

import json
import time

from tests.stack import wait_for
from tests.torture.exits import KINDS
from tests.torture.house import DEFAULT, WEB, Needs
from tests.torture.rows import Run, row

OCR = "ocr-1"
PARTS = (WEB, OCR, DEFAULT)
LIFE = {
    WEB: 0.0,
    OCR: 0.0,
    DEFAULT: 6.0,
}  # seconds after the answer that still belong to a document: two sweeps of reviews
EACH = 30  # of a kind every k so far; from there on every fifth: the default worker does the same each second
PATIENCE = 25  # seconds until an armed death must have come


@row(
    "exits",
    "`os._exit` after the k-th commit, Redis write, store put or send of the web server, the OCR worker and the default"
    " worker with beat, for every k in a document's life",
    "K of K end right",
    Needs(parts=PARTS),
)
def exits(run: Run) -> None:
    ended = missed = 0
    for part in PARTS:
        counts = _counted(run, part)
        run.figures[part] = ", ".join(f"{counts.get(kind, 0)} {kind}" for kind in KINDS)
        points = [(kind, k) for kind in KINDS for k in range(1, counts.get(kind, 0) + 1) if k <= EACH or not k % 5]
        if not run.full:
            points = run.chance.sample(points, min(len(points), run.size(40, 1)))
        for kind, k in points:
            died = _die_at(run, part, kind, k)
            ended, missed = ended + died, missed + (not died)
    run.figures["died"], run.figures["did not come that far"] = ended, missed
    run.expect(ended, "nobody died")
    run.settle()


def _counted(run: Run, part: str) -> dict[str, int]:
    """How many events of each kind a document's life has in this part."""
    arm = run.house.arm(part)
    counts = arm.with_name(arm.name + ".counts")
    counts.unlink(missing_ok=True)
    arm.write_text(json.dumps({"kind": "", "k": 0}))
    run.driver.insist(run.driver.new_file())
    _settled(run)
    time.sleep(LIFE[part])
    arm.unlink()
    found: dict[str, int] = json.loads(counts.read_text())
    return found


def _die_at(run: Run, part: str, kind: str, k: int) -> bool:
    """Whether it died there; a life may have fewer events than the one that was counted."""
    arm = run.house.arm(part)
    arm.write_text(json.dumps({"kind": kind, "k": k}))
    answer = run.driver.insist(run.driver.new_file())
    run.expect(answer.status == 201, f"{part} gone after {kind} {k}: an upload that insists got {answer.status}")
    until = time.monotonic() + PATIENCE
    while arm.exists() and time.monotonic() < until:
        if part != DEFAULT and not run.house.unsettled(run.driver.owner_ids):
            break
        time.sleep(0.05)
    died = not arm.exists()
    arm.unlink(missing_ok=True)
    if died and part != WEB:  # the web server's processes are started again by their master
        run.house.processes[part].wait(30)  # where beat died its worker sees it and ends in order
        run.house.start_again(part)
        run.house.wait_until_ready(part)
    _settled(run, f"{part} gone after {kind} {k}")
    return died


def _settled(run: Run, after: str = "the first document") -> None:
    try:
        wait_for(after, lambda: not run.house.unsettled(run.driver.owner_ids), 60, 0.05)
    except AssertionError as late:
        run.faults.append(f"not settled: {late}")
