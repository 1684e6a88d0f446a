"""The other end of `asked`: a line of JSON in, a line of JSON out."""

import json
from collections.abc import Callable, Mapping
from typing import IO, Any


def answer(ways: Mapping[str, Callable[..., Any]], asked: IO[str], said: IO[str]) -> None:
    """Until whoever asks closes the pipe. {"what": name, **facts} calls that way with the facts."""
    for line in asked:
        facts = json.loads(line)
        found = ways[facts.pop("what")](**facts)
        said.write(json.dumps(found) + "\n")
        said.flush()
