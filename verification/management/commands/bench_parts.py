"""Where the time of reading a card goes."""

import cProfile
import pstats
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ocr_gpu.engine import ENGINES, load_engine
from verification.reading import read_file
from verification.specimens import KINDS, LEVELS, encode, render

# What is told of, by the end of its file's name and its function. Each counts all that it calls.
PARTS = {
    "all of it": ("verification/reading.py", "read_file"),
    "decoding in the sandbox": ("ocr_gpu/images.py", "upright_pages"),
    "engine: first and second look": ("_engine.py", "read"),
    "  detector (rapidocr)": ("ocr_gpu/ppocr.py", "find_lines"),
    "  recogniser (rapidocr)": ("ocr_gpu/ppocr.py", "read_line"),
    "  both networks (easyocr)": ("ocr_gpu/devices.py", "__call__"),
    "parsing, blanks, number again": ("verification/looks.py", "first_look"),
    "  the number's strips": ("verification/numbers.py", "confirmed"),
    "kind, quality, outline": ("verification/reading.py", "_seen"),
    "margins": ("ocr_gpu/margins.py", "of"),
}


class Command(BaseCommand):
    help = "Read specimens under the profiler and print how many seconds a card each part takes, with what it calls."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--engine", choices=sorted(ENGINES), default="rapidocr")
        parser.add_argument("--kind", choices=sorted(KINDS), default="ktp")
        parser.add_argument("--level", choices=LEVELS, default="phone")
        parser.add_argument("--count", type=int, default=8)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--threads", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        made = [render(options["kind"], options["level"], options["seed"] + place) for place in range(options["count"])]
        engine = load_engine(options["engine"], device="cpu", threads=options["threads"])
        engine.warm_up()
        profile = cProfile.Profile()
        for image, truth in made:
            data = encode(image, "jpeg")
            profile.runcall(read_file, engine, truth["documentType"], data)
        self.stdout.write(
            f"{engine.version}, {options['count']} x {options['kind']} {options['level']}, seconds a card"
        )
        for part, seconds in seconds_of(profile).items():
            self.stdout.write(f"{part:<32}{seconds / options['count']:8.3f}")


def seconds_of(profile: cProfile.Profile) -> dict[str, float]:
    """Of each of PARTS that ran: from its beginning to its end, all calls together."""
    spent: dict[str, float] = {}
    for (file, _, function), (*_, seconds, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        for part, (ending, name) in PARTS.items():
            if function == name and file.endswith(ending):
                spent[part] = spent.get(part, 0.0) + seconds
    return {part: spent[part] for part in PARTS if part in spent}
