"""A process of its own that is asked by lines of JSON on its standard input and answers each with one."""

import json
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

END_SECONDS = 30.0


class NoAnswer(Exception):
    """The process ended instead of answering; the text says what it complained of."""


class Asked:
    """Use it in a `with`. What it logs goes into the file `log`."""

    def __init__(self, argv: list[str], env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self.log = log
        with log.open("wb") as complaints:
            self.process = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                start_new_session=True,
            )

    def ask(self, what: str, **facts: Any) -> Any:
        """Its answer. Raises NoAnswer."""
        assert self.process.stdin and self.process.stdout  # noqa: S101 - both are pipes
        with suppress(BrokenPipeError):  # it is gone, and the answer that is missing says so
            self.process.stdin.write(json.dumps({"what": what, **facts}) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(END_SECONDS)
            raise NoAnswer(f"{what}: {self.log.read_text(errors='replace')[-3000:]}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                if pipe:
                    pipe.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
