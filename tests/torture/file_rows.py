"""Files that are made to hurt: whoever decodes them, at the door or in a worker."""

import time
from pathlib import Path

from tests.stack import wait_for
from tests.torture import hostile
from tests.torture.decoder import POISONS, poison
from tests.torture.driver import File
from tests.torture.evidence import gathered
from tests.torture.house import DEFAULT, REAL, WEB, Needs
from tests.torture.rows import Run, row

MOST_GROWTH = 64  # MB of all web processes together
WARM_UP = 300  # files: what a process loads once is not growth


@row(
    "poison",
    "five files that kill their decoder, hit its limits or take the worker along, among 100 good ones, real engine",
    "100 good ones settle, each poisoned one is needs_review with its reason",
    Needs(parts=(WEB, "ocr-1", "ocr-2", DEFAULT), engine=REAL, reading=("TORTURE_POISON=1", "OCR_CPU_THREADS=1")),
)
def poisoned(run: Run) -> None:
    count = run.size(100, 3)
    cards = run.driver.specimens(run.house.folder / f"poison-{run.seed}", count, run.seed)
    files = [cards(number) for number in range(count)]
    chosen = list(POISONS) if run.full else run.chance.sample(list(POISONS), 2)
    for name in chosen:
        files.insert(run.chance.randrange(len(files)), File(poison(name), "image/png"))
    sending = run.driver.start(len(files), rate=4, files=lambda number: files[number])
    deaths = 0
    until = time.monotonic() + run.seconds(300, 150)
    while time.monotonic() < until and (sending.goes_on or run.house.unsettled(run.driver.owner_ids)):
        deaths += _start_the_dead(run)
        time.sleep(0.2)
    run.settle()
    run.figures["workers that a file took along"] = deaths
    digests = {answer.document_id: answer.sha256 for answer in sending.answers()}
    for name in chosen:
        own = File(poison(name), "image/png").sha256
        ids = [document_id for document_id, digest in digests.items() if digest == own]
        query = "SELECT status FROM documents_document WHERE id = ANY(%s::uuid[])"
        said = (
            "SELECT reason FROM documents_documentevent WHERE document_id = ANY(%s::uuid[]) AND after = 'needs_review'"
        )
        found = [value for each in (query, said) for (value,) in run.house.rows(each, ids)]
        run.expect(found == ["needs_review", POISONS[name].reason], f"the poison {name} ended as {found}")
    settled = sum(row.runs["judged"] == 1 for row in gathered(run.house, run.driver, None).rows.values())
    run.expect(settled == count, f"{settled} of {count} good files were read and judged")


@row(
    "hostile-files",
    "10,000 damaged files and 19 bombs over HTTP, and forms that are none",
    "0 answers of 5xx, 0 dead processes, the web server grows by less than 64 MB",
    Needs(parts=(WEB, "ocr-1", DEFAULT)),
)
def hostile_files(run: Run) -> None:
    bases = hostile.bases()
    pids = _pids(run)
    _send(run, [hostile.damaged(run.chance.choice(bases), run.chance) for _ in range(run.size(WARM_UP, 20))])
    before = _memory(run)
    total, peak = run.size(10_000, 100), before
    for start in range(0, total, 500):
        wave = min(500, total - start)
        _send(run, [hostile.damaged(run.chance.choice(bases), run.chance) for _ in range(wave)])
        peak = max(peak, _memory(run))
    run.figures["web server before, after"] = f"{before:.0f}, {_memory(run):.0f} MB"
    for name in hostile.BOMBS if run.full else run.chance.sample(list(hostile.BOMBS), 5):
        answer = run.driver.upload(hostile.BOMBS[name]())
        run.expect(400 <= answer.status < 500 or answer.status == 201, f"{name}: {answer.status} {answer.error}")
        run.figures["longest bomb"] = max(run.figures.get("longest bomb", 0.0), round(answer.seconds, 1))
        peak = max(peak, _memory(run))
    for kind, body in hostile.broken_requests("torture"):
        headers = {"Content-Type": kind}
        status, _, said, error = run.driver.call("POST", "/documents/upload", run.driver.names[0], body, headers)
        run.expect(400 <= status < 500, f"a form that is none ({kind[:60]}): {status} {error} {said}")
    run.figures["grown by"] = f"{peak - before:.0f} MB"
    if run.full:  # before a few hundred files every thread still takes what it will keep
        run.expect(peak - before < MOST_GROWTH, f"the web server grew by {peak - before:.0f} MB")
    run.expect(all(answer.status < 500 for answer in run.driver.log), "a file was answered with 5xx")
    run.expect(all(answer.status for answer in run.driver.log), "a file was not answered")
    run.settle(beside=60)
    run.expect(_pids(run) == pids, "a process had to be started again")


def _send(run: Run, files: list[File]) -> None:
    run.driver.start(len(files), rate=1000, files=lambda number: files[number]).answers()


def _memory(run: Run) -> float:
    """MB that all web processes hold, without the decoders that come and go."""
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in run.house.web_processes()]
    return sum(pages) * 4096 / 1024**2


def _pids(run: Run) -> list[int]:
    return sorted([*run.house.web_processes(), *(process.pid for process in run.house.processes.values())])


def _start_the_dead(run: Run) -> int:
    dead = [name for name in run.house.ocr_workers if run.house.processes[name].poll() is not None]
    for name in dead:
        run.house.start_again(name)
        wait_for(f"{name}", lambda name=name: "ready." in run.house.log(name))
    return len(dead)
