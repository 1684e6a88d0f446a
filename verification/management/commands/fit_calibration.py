"""Fit what the confidences of an engine are worth: read rendered cards, store curves, check them on other cards.

Writes verification/calibration_curves/<engine>.json and docs/reliability-<engine>.svg. To be run again, and the result
committed, when an engine or a parser changes.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ocr_gpu.engine import ENGINES, EngineUnavailable, OcrEngine, load_engine
from ocr_gpu.images import UnreadableFile
from verification.bench import SURE, Answer, Stated
from verification.bench_tables import percent
from verification.calibration import (
    GROUPS,
    NUMBER,
    Curves,
    Said,
    curve_file,
    curves,
    fit,
    group_of,
    meant,
    raw_confidences,
)
from verification.management.commands.bench_reading import CARD_KINDS, as_card
from verification.reading import document_type, read_file
from verification.reliability import expected_error, plot, sure_share
from verification.specimens import LEVELS, encode, render

FIRST_SEED = 40_001
DEFAULT_COUNT = 120
TOLD_EVERY = 50  # cards
_PAIR = re.compile(r"\[\s+([\d.]+),\s+([\d.]+)\s+\]")

Grouped = dict[str, list[Said]]


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # needs no secret and no service

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--engine", choices=sorted(ENGINES), default="rapidocr")
        parser.add_argument("--count", type=int, default=DEFAULT_COUNT, help="cards of each level, the kinds in turn")
        parser.add_argument("--check", type=int, help="cards of each level to check with; by default half of --count")
        parser.add_argument("--seed", type=int, default=FIRST_SEED, help="the cards of the check follow after --count")
        parser.add_argument("--levels", nargs="+", choices=LEVELS, default=list(LEVELS))
        parser.add_argument("--kinds", nargs="+", choices=CARD_KINDS, default=list(CARD_KINDS))
        parser.add_argument("--threads", type=int, default=2)
        parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
        parser.add_argument("--check-only", action="store_true", help="fit nothing: check the stored curves")
        parser.add_argument("--curves", type=Path, metavar="FILE", help="where to store the curves instead")
        parser.add_argument("--plot", type=Path, metavar="FILE", help="where to store the plot instead")

    def handle(self, *args: Any, **options: Any) -> None:
        count, seed = options["count"], options["seed"]
        check = options["check"] or max(1, count // 2)
        try:
            engine = load_engine(options["engine"], device=options["device"], threads=options["threads"])
        except EngineUnavailable as unavailable:
            raise CommandError(str(unavailable)) from unavailable
        if options["check_only"]:
            fitted = curves(engine.name)
        else:
            seen = self.seen(engine, options, range(seed, seed + count))
            fitted = {group: points for group in GROUPS if (points := fit(to_fit(group, seen[group])))}
            self.keep(engine, fitted, seen, options)
        held_out = self.seen(engine, options, range(seed + count, seed + count + check))
        self.report(engine, fitted, held_out, options)

    def seen(self, engine: OcrEngine, options: Mapping[str, Any], seeds: range) -> Grouped:
        """Raw confidences of all values that were read, by group, each with whether the value is right."""
        found: Grouped = {group: [] for group in GROUPS}
        for at, answer in enumerate(read_cards(engine, options["levels"], options["kinds"], seeds), 1):
            for name, stated in answer.read.items():
                if stated.value is not None:
                    right = name in answer.card.truth and answer.right(name)
                    found[group_of(name)].append((stated.confidence, right))
            if at % TOLD_EVERY == 0:
                self.stderr.write(f"{at} of {len(seeds) * len(options['levels'])} cards")
        return found

    def keep(self, engine: OcrEngine, fitted: Curves, seen: Grouped, options: Mapping[str, Any]) -> None:
        kept = {
            "engine": engine.name,
            "version": engine.version,
            "parsers": {name: document_type(name).PARSER_VERSION for name in settings.DOCUMENT_TYPES},
            "fitted": datetime.now(UTC).date().isoformat(),
            "command": f"manage.py fit_calibration --engine {engine.name} --count {options['count']}"
            f" --seed {options['seed']} --levels {' '.join(options['levels'])} --kinds {' '.join(options['kinds'])}",
            "groups": {
                group: {
                    "values": len(to_fit(group, seen[group])),
                    "right": sum(right for _, right in to_fit(group, seen[group])),
                    "points": points,
                }
                for group, points in fitted.items()
            },
        }
        file = options["curves"] or curve_file(engine.name)
        file.parent.mkdir(exist_ok=True)
        text = _PAIR.sub(r"[\1, \2]", json.dumps(kept, indent=1))
        file.write_text(text + "\n", encoding="utf-8")
        curves.cache_clear()
        self.stdout.write(f"curves of {', '.join(fitted) or 'no group'} in {file}")

    def report(self, engine: OcrEngine, fitted: Curves, held_out: Grouped, options: Mapping[str, Any]) -> None:
        after = {group: [(meant(fitted, group, raw), right) for raw, right in held_out[group]] for group in GROUPS}
        for group in GROUPS:
            before, now = held_out[group], after[group]
            self.stdout.write(
                f"{group}: {len(now)} values; error {100 * expected_error(before):.1f} % raw, "
                f"{100 * expected_error(now):.1f} % calibrated; right of those stated from {SURE}: "
                f"{percent(sure_share(before))} of {sure_share(before).of} raw, "
                f"{percent(sure_share(now))} of {sure_share(now).of} calibrated"
            )
        file = options["plot"] or settings.BASE_DIR / "docs" / f"reliability-{engine.name}.svg"
        note = f"{engine.version}; rendered cards of levels {', '.join(options['levels'])} that no curve was fitted on"
        file.write_text(plot(f"What the confidences of {engine.name} are worth", note, after), encoding="utf-8")
        self.stdout.write(f"plot in {file}")


def to_fit(group: str, seen: Sequence[Said]) -> list[Said]:
    """A number that was confirmed keeps its confidence, and teaches nothing about one that was not."""
    return [pair for pair in seen if group != NUMBER or pair[0] < SURE]


def read_cards(engine: OcrEngine, levels: Sequence[str], kinds: Sequence[str], seeds: range) -> Iterator[Answer]:
    """Each level and seed, the kinds in turn, with raw confidences."""
    for at, seed in enumerate(seeds):
        for level in levels:
            image, truth = render(kinds[at % len(kinds)], level, seed)
            card = as_card(truth)
            with raw_confidences():
                try:
                    fields = read_file(engine, card.document_type, encode(image, "jpeg")).fields
                except UnreadableFile as unreadable:
                    yield Answer(card, {}, 0.0, unreadable.code)
                    continue
            yield Answer(card, {name: Stated(each.value, each.confidence) for name, each in fields.items()}, 0.0)
