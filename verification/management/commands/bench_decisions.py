"""Judge rendered cards, honest and faulty, and print what is decided rightly and wrongly, by level and policy.

The same seed and count give the same cards. With --readings what was read is kept and used again, and the output says
so. Rendered cards are easier than photographs of real ones, so the shares approved are upper bounds.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ocr_gpu.engine import ENGINES, EngineUnavailable, load_engine
from verification.bench_tables import as_markdown, as_text
from verification.decision_bench import Judged, judged, summary, tradeoff
from verification.decision_cards import JUDGED_ON, Scenario, pictures_of
from verification.decision_plot import plot
from verification.decision_readings import key_of, pool_reader
from verification.decision_recipes import planned
from verification.decision_store import Key, Read, Readings
from verification.decision_tables import all_tables
from verification.policy import load_policy
from verification.scoring import Policy, Thresholds
from verification.specimens import LEVELS

FIRST_SEED = 90_001  # far from the seeds that tests, curves and bench_reading use
DEFAULT_COUNT = 260  # of each level: 1,040 honest cards and as many faulty ones
TOLD_EVERY = 50  # pictures
KEPT = "decisions-{engine}.jsonl"


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # needs no secret and no service

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--policy", nargs="+", default=["standard", "baseline"], help="NAME or NAME@VERSION")
        parser.add_argument("--approve", type=int, help="threshold; by default the one in force")
        parser.add_argument("--reject", type=int, help="threshold; by default the one in force")
        parser.add_argument("--levels", nargs="+", choices=LEVELS, default=list(LEVELS))
        parser.add_argument("--count", type=int, default=DEFAULT_COUNT, help="honest cards of each level, and faulty")
        parser.add_argument("--seed", type=int, default=FIRST_SEED)
        parser.add_argument("--engine", choices=sorted(ENGINES), default="rapidocr")
        parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
        parser.add_argument("--threads", type=int, default=1, help="of each process")
        parser.add_argument("--processes", type=int, default=1, help="that read at the same time")
        parser.add_argument("--readings", type=Path, metavar="FOLDER", help="where to keep what was read, to use again")
        parser.add_argument("--json", type=Path, metavar="FILE", help="all figures, and every card's decision")
        parser.add_argument("--markdown", action="store_true")
        parser.add_argument("--plot", type=Path, metavar="FILE", help="where to draw what other thresholds would give")

    def handle(self, *args: Any, **options: Any) -> None:
        policies, thresholds = chosen(options)
        if min(options["count"], options["threads"], options["processes"]) < 1:
            raise CommandError("nothing to do: no card, no thread or no process")
        scenarios = planned(options["levels"], options["count"], options["seed"])
        reads, words = self.read(scenarios, options)
        found = {name: judged(scenarios, reads, policy, thresholds) for name, policy in policies.items()}
        titled = f"Seed {options['seed']}, judged as of {JUDGED_ON}, approve from {thresholds.approve}"
        self.stdout.write(f"{titled}, reject below {thresholds.reject}. {words}\n")
        self.stdout.write("\n".join(map(as_markdown if options["markdown"] else as_text, all_tables(found))))
        if options["json"]:
            kept = json.dumps(as_kept(found, thresholds, words, options), indent=1)
            options["json"].write_text(kept + "\n", encoding="utf-8")
        if options["plot"]:
            self.draw(found, thresholds, options)
        self.stdout.write(json.dumps({name: summary(cards) for name, cards in found.items()}))

    def read(self, scenarios: Sequence[Scenario], options: Mapping[str, Any]) -> tuple[dict[str, Read], str]:
        """The readings by file, and where they come from in words."""
        pictures = pictures_of(scenarios)
        key = self.key(options)
        with tempfile.TemporaryDirectory(prefix="filot-bench-") as passing:
            folder = options["readings"] or Path(passing)
            held = Readings(folder / KEPT.format(engine=key["engine"]), key)
            if held.stale:
                self.stderr.write("the stored readings are of another engine, parser or source: all is read again")
            reader = pool_reader(options["engine"], options["device"], options["threads"], options["processes"])
            reads, reused = held.all(pictures, reader, lambda at: self.tell(at, len(pictures)))
        version = f"{key['version']}, parsers {' '.join(f'{name} {each}' for name, each in key['parsers'].items())}"
        words = f"{len(pictures)} pictures read by {version}; of these {reused} stored readings were used again."
        return {read.file: read for read in reads}, words

    def key(self, options: Mapping[str, Any]) -> Key:
        try:
            return key_of(load_engine(options["engine"], device=options["device"], threads=options["threads"]))
        except EngineUnavailable as unavailable:
            raise CommandError(str(unavailable)) from unavailable

    def tell(self, at: int, of: int) -> None:
        if at % TOLD_EVERY == 0:
            self.stderr.write(f"{at} of at most {of} pictures read")

    def draw(self, found: Mapping[str, Sequence[Judged]], thresholds: Thresholds, options: Mapping[str, Any]) -> None:
        note = f"rendered cards of levels {', '.join(options['levels'])}, seed {options['seed']}"
        lines = {name: tradeoff(cards) for name, cards in found.items()}
        drawn = plot("What a threshold of approval gives and costs", note, lines, thresholds.approve)
        options["plot"].write_text(drawn, encoding="utf-8")
        self.stderr.write(f"plot in {options['plot']}")


def chosen(options: Mapping[str, Any]) -> tuple[dict[str, Policy], Thresholds]:
    """The policies by name, and the thresholds for all of them. CommandError for what is none."""
    given = {"approve": options["approve"], "reject": options["reject"]}
    in_force = {"approve": settings.AI_SCORE_THRESHOLD_AUTO_APPROVE, "reject": settings.AI_SCORE_THRESHOLD_AUTO_REJECT}
    try:
        thresholds = Thresholds(**{name: in_force[name] if each is None else each for name, each in given.items()})
        return {name: load_policy(name) for name in options["policy"]}, thresholds
    except ValueError as refused:
        raise CommandError(str(refused)) from refused


def as_kept(
    found: Mapping[str, Sequence[Judged]], thresholds: Thresholds, words: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything again, for programs: no value of a card is in it, and the cards are of invented people anyway."""
    asked = {name: options[name] for name in ("levels", "count", "seed", "engine", "policy")}
    return {
        "asked": asked | asdict(thresholds) | {"judged_on": JUDGED_ON.isoformat(), "readings": words},
        "summary": {name: summary(cards) for name, cards in found.items()},
        "tradeoff": {
            name: [[each.threshold, each.honest.hits, each.faulty.hits] for each in tradeoff(cards)]
            for name, cards in found.items()
        },
        "cards": {name: [asdict(card) for card in cards] for name, cards in found.items()},
    }
