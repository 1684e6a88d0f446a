"""`python -m tests.torture`: run rows of faults and print what came of them. See the package's docstring."""

import argparse
import importlib
import json
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from filot.embedded.throwaway import ThrowawayServices, new_folder
from tests.torture.house import USUAL, House, s3_environment
from tests.torture.rows import ROWS, Result, Row, carry_out

ROW_MODULES = (
    *("worker_rows", "queue_rows", "exit_rows", "file_rows"),
    *("callback_rows", "review_rows", "partner_rows"),
)
OUT = Path("var/torture.json")


def known_rows() -> dict[str, Row]:
    for module in ROW_MODULES:
        importlib.import_module(f"tests.torture.{module}")
    return dict(sorted(ROWS.items(), key=lambda item: item[1].needs != USUAL))


def main(arguments: Sequence[str] | None = None) -> int:
    known = known_rows()
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--rows", default="", help=f"of {', '.join(known)}; all when not said")
    parser.add_argument("--seed", type=int, default=1, help="the times and victims of the faults follow from it")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 is a tenth of each row")
    parser.add_argument("--busy", action="store_true", help="the machine has other work: tell times and judge none")
    parser.add_argument("--json", type=Path, default=OUT, help=f"where the results go (default: {OUT})")
    parser.add_argument("--keep", action="store_true", help="keep the logs of all processes, and say where")
    options = parser.parse_args(arguments)
    names = [name for name in options.rows.split(",") if name] or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no row is called {', '.join(unknown)}")
    results = run_rows([known[name] for name in names], options)
    print(table(results))
    failed = sum(not result.passed for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


def run_rows(rows: Sequence[Row], options: argparse.Namespace) -> list[Result]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the house is closed too
    services = ThrowawayServices.start()
    folder = new_folder()
    results = []
    try:
        with House(folder, services.environment() | s3_environment(services)) as house:
            for row in rows:
                print(f"{row.name}: {row.fault} ...", flush=True)
                timed = options.scale >= 1 and not options.busy
                results.append(carry_out(row, house, seed=options.seed, scale=options.scale, timed=timed))
                for fault in results[-1].faults:
                    print(f"    {fault}", flush=True)
                keep(results, options.json)  # hours may follow, and then somebody ends it
    finally:
        services.stop()
        if options.keep:
            print(f"logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return results


def keep(results: Sequence[Result], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(result) | {"passed": result.passed} for result in results], indent=1))


def table(results: Sequence[Result]) -> str:
    """Markdown, as it stands in docs/benchmarks.md."""
    lines = ["| row | fault | result | what was counted | seconds |", "|---|---|---|---|---|"]
    for result in results:
        figures = "; ".join(f"{name} {_shown(value)}" for name, value in result.figures.items())
        verdict = "passed" if result.passed else f"**failed**: {len(result.faults)} breaches"
        lines.append(f"| {result.name} | {result.fault} | {verdict} | {figures} | {result.seconds:.0f} |")
    return "\n".join(lines)


def _shown(value: object) -> str:
    return ", ".join(f"{count} {name}" for name, count in value.items()) if isinstance(value, dict) else str(value)


if __name__ == "__main__":
    sys.exit(main())
