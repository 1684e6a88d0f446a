"""The four things that `bench_pipeline` measures, each out of real processes over databases of its own."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from filot.bench.cards import Card, Cards
from filot.bench.client import Refused, Sending, call_for
from filot.bench.figures import (
    Round,
    a_document,
    counts_table,
    difference,
    growth_of,
    growth_table,
    ratio_of,
    rounds_table,
    spread,
    spread_table,
)
from filot.bench.inside import READING
from filot.bench.parts import Parts
from filot.bench.whole import RawEngine, Whole, running
from verification.bench_tables import Table

Say = Callable[[str], None]

CALLERS = 8  # of an upload, side by side: as many as a web process has threads
WARM_CARDS = 4  # for each process that reads, before anything is measured
IDLE_SECONDS = 15.0
LOOKS = 5  # into each card, to know what one costs
LOW_LOAD_PAUSE = 0.3  # seconds from a decision to the next upload
UPLOAD, REST = "upload call", "all but reading"


@dataclass(slots=True)
class Found:
    """Tables for people and figures for programs."""

    tables: list[Table] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, more: "Found") -> None:
        self.tables += more.tables
        self.figures |= more.figures


@dataclass(slots=True)
class _Calls:
    """What was answered in all rounds, and what that cost."""

    answered: int = 0
    cpu: dict[str, float] = field(default_factory=dict)

    def a_second(self, parts: Parts, whole: Whole, sendings: Sequence[Sending], seconds: float) -> float:
        computed = parts.cpu_seconds()
        count, took = call_for(whole.client, sendings, CALLERS, seconds)
        _add(self.cpu, difference(computed, parts.cpu_seconds()))
        self.answered += count
        return count / took

    def milliseconds(self) -> dict[str, float]:
        of_each = {name: 1000 * seconds / self.answered for name, seconds in self.cpu.items()}
        return of_each | {"all": sum(of_each.values())}


def uploads(parts: Parts, cards: Sequence[Card], *, rounds: int, seconds: float, say: Say) -> Found:
    """Upload calls a second beside the bare view's, and what one asks of the servers. Nothing is read meanwhile."""
    own, bare = parts.make_database("uploads"), parts.make_database("bare")
    ours, theirs, done = _Calls(), _Calls(), []
    with running(parts, own, workers=False) as filot, running(parts, bare, workers=False, bare=True) as view:
        to_filot, to_view = filot.sendings(cards), view.sendings(cards)
        for whole, sendings in ((filot, to_filot), (view, to_view)):
            call_for(whole.client, sendings, CALLERS, min(2.0, seconds))
        counted = parts.servers.counted(own)
        before = theirs.a_second(parts, view, to_view, seconds)
        for at in range(rounds):
            rate = ours.a_second(parts, filot, to_filot, seconds)
            after = theirs.a_second(parts, view, to_view, seconds)
            done.append(Round(before, rate, after))
            before = after
            say(f"uploads, round {at + 1} of {rounds}: {done[-1].ratio:.3f} of the bare view")
        asked = difference(counted, parts.servers.counted(own))
        look: dict[str, float] = filot.desk.ask("looks", files=[str(card.file) for card in cards] * LOOKS)
    costs = {name: count / ours.answered for name, count in asked.items()}
    tables = [
        rounds_table("Upload calls a second", ("FiLot", "bare view"), done),
        counts_table("CPU milliseconds of a call", {"FiLot": ours.milliseconds(), "bare view": theirs.milliseconds()}),
        counts_table("CPU milliseconds of the look into a file", {"FiLot": {k: 1000 * v for k, v in look.items()}}),
        counts_table("Asked of the servers by a call", {"FiLot": costs}),
    ]
    figures = {
        "upload_to_bare_view": ratio_of(done),
        "upload_to_bare_view_rounds": [each.ratio for each in done],
        "upload_to_bare_view_cpu": theirs.milliseconds()["all"] / ours.milliseconds()["all"],
        "uploads_a_second": median(each.own for each in done),
        "look_cpu_seconds": look,
        "an_upload": costs,
    }
    return Found(tables, figures)


def _add(kept: dict[str, float], more: Mapping[str, float]) -> None:
    for name, value in more.items():
        kept[name] = kept.get(name, 0) + value


@dataclass(slots=True)
class _Costs:
    """What was counted in the rounds of the whole, and what computing both took."""

    documents: int = 0
    seconds: float = 0.0
    counts: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    engine_cpu: float = 0.0
    engine_cards: int = 0


def throughput(
    parts: Parts, cards: Cards, *, rounds: int, documents: int, low_load: int, processes: int, say: Say
) -> Found:
    """Documents a minute beside the engine alone; then the times of single ones. Both read the same files."""
    database, costs, done = parts.make_database("work"), _Costs(), []
    with running(parts, database) as whole, RawEngine(parts, database, processes) as engine:
        warm = cards.take(WARM_CARDS * processes)
        engine.read_all(warm)
        whole.settle_all(whole.sendings(warm))
        idle, idle_cpu = _idle(parts, database)
        for at in range(rounds):
            done.append(_round(parts, whole, engine, cards.take(documents), costs))
            say(f"throughput, round {at + 1} of {rounds}: {done[-1].ratio:.3f} of the engine")
        calls, decisions = _single(whole, cards.take(low_load), say)
        if failed := whole.failed_attempts():
            raise Refused(f"{failed} attempts failed: see the log of the OCR worker")
    return _throughput_found(done, costs, (idle, idle_cpu), calls, decisions)


def _round(parts: Parts, whole: Whole, engine: RawEngine, cards: Sequence[Card], costs: _Costs) -> Round:
    sendings = whole.sendings(cards)
    before = _read(engine, cards, costs)
    counted, computed = parts.servers.counted(whole.database), parts.cpu_seconds()
    settled = whole.settle_all(sendings)
    _add(costs.cpu, difference(computed, parts.cpu_seconds()))
    counts = difference(counted, parts.servers.counted(whole.database))
    _add(costs.counts, counts | {"commits": counts["commits"] - settled.asked})
    costs.documents, costs.seconds = costs.documents + len(cards), costs.seconds + settled.seconds
    return Round(before, 60 * len(cards) / settled.seconds, _read(engine, cards, costs))


def _read(engine: RawEngine, cards: Sequence[Card], costs: _Costs) -> float:
    computed = engine.cpu_seconds()
    seconds = engine.read_all(cards)
    costs.engine_cpu += engine.cpu_seconds() - computed
    costs.engine_cards += len(cards)
    return 60 * len(cards) / seconds


def _idle(parts: Parts, database: str) -> tuple[dict[str, float], dict[str, float]]:
    """What is counted and computed in a second in which nothing is to be done."""
    counted, computed = parts.servers.counted(database), parts.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    idle = difference(counted, parts.servers.counted(database)), difference(computed, parts.cpu_seconds())
    counts, cpu = ({name: value / IDLE_SECONDS for name, value in each.items()} for each in idle)
    return counts, cpu


def _single(whole: Whole, cards: Sequence[Card], say: Say) -> tuple[list[float], list[float]]:
    """Seconds of each upload call, and from its first byte to the decision, one document after the other."""
    sendings = whole.sendings(cards)
    began, calls = {}, []
    for sending in sendings:
        whole.client.close()
        at = time.time()
        id = whole.client.upload(sending)
        calls.append(time.time() - at)
        began[id] = at
        whole.settled_at([id])  # on a slow machine too nobody waits behind another
        time.sleep(LOW_LOAD_PAUSE)
    decided = whole.decided(list(began))
    say(f"low load: {len(calls)} documents")
    return calls, [decided[id] - at for id, at in began.items()]


def _throughput_found(
    done: Sequence[Round],
    costs: _Costs,
    idle: tuple[Mapping[str, float], Mapping[str, float]],
    calls: Sequence[float],
    decisions: Sequence[float],
) -> Found:
    counts = a_document(idle[0], 1.0, costs.counts, costs.seconds, costs.documents)
    cpu = {name: seconds / costs.documents for name, seconds in costs.cpu.items()}
    engine_cpu = costs.engine_cpu / costs.engine_cards
    tables = [
        rounds_table("Documents a minute, from the first upload to the last decision", ("FiLot", "engine"), done),
        counts_table("CPU milliseconds a document", _in_milliseconds(cpu, engine_cpu)),
        counts_table("Asked of the servers for one document, all in all", {"document": counts, "idle second": idle[0]}),
        spread_table("At low load", {"upload call": calls, "upload to decision": decisions}),
    ]
    figures = {
        "pipeline_to_engine": ratio_of(done),
        "pipeline_to_engine_rounds": [each.ratio for each in done],
        "documents_a_minute": median(each.own for each in done),
        "engine_a_minute": median((each.before + each.after) / 2 for each in done),
        "cpu_seconds_a_document": {"FiLot": sum(cpu.values()), "engine": engine_cpu},
        "a_document": counts,
        "upload_call_seconds": spread(calls),
        "upload_to_decision_seconds": spread(decisions),
    }
    return Found(tables, figures)


def _in_milliseconds(cpu: Mapping[str, float], engine_cpu: float) -> dict[str, dict[str, float]]:
    each = {name: 1000 * seconds for name, seconds in cpu.items()}
    return {"FiLot": each | {"all": sum(each.values())}, "engine": {"all": 1000 * engine_cpu}}


def growth(parts: Parts, cards: Sequence[Card], *, rows: Sequence[int], count: int, say: Say) -> Found:
    """How long the steps of a document take with so many waiting before it, all sizes in turn."""
    times: dict[str, dict[int, list[float]]] = {}
    steps: dict[str, dict[str, float]] = {}
    questions: dict[str, dict[int, list[float]]] = {}
    with ExitStack() as stack:
        wholes = {size: stack.enter_context(_filled(parts, size, say)) for size in sorted(rows)}
        sendings = {size: whole.sendings(cards) for size, whole in wholes.items()}
        for at in range(-1, count):
            for size, whole in wholes.items():
                found, steps = _walked(whole, sendings[size][at % len(cards)], cards[at % len(cards)])
                for name, seconds in found.items() if at >= 0 else ():  # the first one loads the engine
                    times.setdefault(name, {}).setdefault(size, []).append(seconds)
        for size, whole in wholes.items():
            for _ in range(5):
                for name, seconds in whole.desk.ask("questions").items():
                    questions.setdefault(name, {}).setdefault(size, []).append(seconds)
            times.setdefault("a claim of many", {})[size] = whole.desk.ask("claims", count=200)
        say("growth: measured")
    tables = [
        growth_table("A document's way with so many waiting (medians)", times),
        growth_table("What is asked about all that waits (medians)", questions),
        counts_table("Each step of one document", steps),
    ]
    grown = {name: growth_of(measured) for name, measured in times.items()}
    figures = {
        "growth": {name: grown[name] for name in (UPLOAD, REST)},
        "growth_worst": max(share for name in (UPLOAD, REST) for share in grown[name].values()),
        "store_calls_a_document": sum(step["store"] for step in steps.values()),
    }
    return Found(tables, figures)


@contextmanager
def _filled(parts: Parts, size: int, say: Say) -> Iterator[Whole]:
    with running(parts, parts.make_database(f"rows-{size}"), workers=False) as whole:
        say(f"growth: {whole.desk.ask('fill', rows=size):,} rows wait")
        yield whole


def _walked(whole: Whole, sending: Sending, card: Card) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Seconds of each step; and what each asked for."""
    whole.client.close()  # the server lets go of a connection that says nothing for seconds
    began = time.perf_counter()
    whole.client.upload(sending)
    called = time.perf_counter() - began
    ((owner, _),) = whole.desk.ask("owners", count=1)
    steps = whole.desk.ask("walk", file=str(card.file), type=card.type, owner=owner)
    seconds = {name: step["seconds"] for name, step in steps.items() if name != READING}
    counted = {name: {what: of for what, of in step.items() if what != "seconds"} for name, step in steps.items()}
    return {UPLOAD: called, REST: sum(seconds.values()), **seconds}, counted
