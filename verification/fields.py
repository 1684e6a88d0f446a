"""One field of a document as it was read: what it means, what stood there, how sure, and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ocr_gpu.engine import Box

LEAST_CONFIDENCE = 0.35  # of free text. Engines differ: EasyOCR gives right addresses 0.4, so more would lose them


@dataclass(frozen=True, slots=True)
class FieldValue:
    """value is normalised, or None when the text on the card gives none; raw is the text itself.

    proposed is a repaired reading for a person to look at. It is never the value and never earns a point.
    box is in fractions of the upright page; confidence is 0..1.
    """

    value: str | None
    raw: str
    confidence: float
    box: Box | None
    proposed: str | None = None

    def without_value(self, proposed: str | None = None) -> FieldValue:
        """The same text, of which nothing is said but that it stands there."""
        return replace(self, value=None, proposed=proposed)

    def if_legible(self) -> FieldValue:
        """Without its value where that was read with too little confidence."""
        return self if self.confidence >= LEAST_CONFIDENCE else self.without_value(self.proposed)

    def as_json(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "raw": self.raw,
            "confidence": self.confidence,
            "box": list(self.box) if self.box else None,
            "proposed": self.proposed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FieldValue:
        box = data.get("box")
        return cls(
            value=data["value"],
            raw=data["raw"],
            confidence=data["confidence"],
            box=Box(*box) if box else None,
            proposed=data.get("proposed"),
        )


def box_around(boxes: Iterable[Box]) -> Box | None:
    """The smallest box that holds them all."""
    held = list(boxes)
    if not held:
        return None
    left, top = min(b.x for b in held), min(b.y for b in held)
    right, bottom = max(b.x + b.w for b in held), max(b.y + b.h for b in held)
    return Box(left, top, right - left, bottom - top)
