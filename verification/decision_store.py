"""What was read from the cards of a measurement of decisions, and the file in which it is kept.

Reading takes a hundred times as long as judging. What is kept is what the database would hold of a document, a line of
JSON a picture, under a key of all that reading depends on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocr_gpu.engine import Box, OcrLine
from verification.decision_cards import Picture
from verification.fields import FieldValue

Key = dict[str, Any]
Reader = Callable[[Sequence[Picture]], Iterable["Read"]]  # in their order


@dataclass(frozen=True, slots=True)
class Read:
    """What is known of one file once it was read; `error` where it was refused at the door, and nothing else then."""

    file: str
    sha256: str
    fields: Mapping[str, FieldValue]
    lines: Sequence[OcrLine]
    issues: tuple[str, ...] = ()
    fingerprint: bytes | None = None
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "sha256": self.sha256,
            "fingerprint": self.fingerprint.hex() if self.fingerprint else "",
            "fields": {name: field.as_json() for name, field in self.fields.items()},
            "lines": [{"text": line.text, "confidence": line.confidence, "box": list(line.box)} for line in self.lines],
            "issues": list(self.issues),
            "error": self.error,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Read:
        return cls(
            file=data["file"],
            sha256=data["sha256"],
            fields={name: FieldValue.from_json(field) for name, field in data["fields"].items()},
            lines=[OcrLine(line["text"], line["confidence"], Box(*line["box"])) for line in data["lines"]],
            issues=tuple(data["issues"]),
            fingerprint=bytes.fromhex(data["fingerprint"]) or None,
            error=data["error"],
        )


class Readings:
    """The readings kept in one file: its first line is the key, each other one a picture and what was read from it.

    Those of another key are of no use, and the file begins anew. Those of a run that was cut short are kept.
    """

    def __init__(self, file: Path, key: Key) -> None:
        self.file, self.key = file, key
        self.stale = False  # whether there were readings under another key
        self._kept: dict[str, Read] = {}
        self._lines: list[str] = []  # as they stand in the file, but for one that was cut off
        if file.is_file():
            first, *lines = file.read_text(encoding="utf-8").splitlines() or [""]
            self.stale = first != json.dumps(key)
            for line, mark, read in [] if self.stale else _whole(lines):
                self._lines.append(line)
                self._kept[mark] = read

    def all(self, pictures: Sequence[Picture], reader: Reader, told: Callable[[int], None]) -> tuple[list[Read], int]:
        """The readings of all pictures, and how many of them were there already. Safe to repeat."""
        missing = [picture for picture in pictures if _mark(picture) not in self._kept]
        if missing:
            self._read(missing, reader, told)
        return [self._kept[_mark(picture)] for picture in pictures], len(pictures) - len(missing)

    def _read(self, missing: Sequence[Picture], reader: Reader, told: Callable[[int], None]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("w", encoding="utf-8") as kept:
            kept.writelines(f"{line}\n" for line in (json.dumps(self.key), *self._lines))
            for at, (picture, read) in enumerate(zip(missing, reader(missing), strict=True), 1):
                self._lines.append(_line(picture, read))
                self._kept[_mark(picture)] = read
                kept.write(self._lines[-1] + "\n")
                kept.flush()
                told(at)


def _mark(picture: Picture) -> str:
    """Equal for the same picture, of whichever run."""
    return hashlib.sha256(json.dumps(asdict(picture), sort_keys=True).encode()).hexdigest()


def _line(picture: Picture, read: Read) -> str:
    told = {"mark": _mark(picture), "picture": asdict(picture), "read": read.as_json()}
    return json.dumps(told)


def _whole(lines: Iterable[str]) -> Iterator[tuple[str, str, Read]]:
    """Each line, its mark and what was read; the last one may have been cut off."""
    for line in lines:
        try:
            told = json.loads(line)
        except ValueError:
            return
        yield line, told["mark"], Read.from_json(told["read"])
