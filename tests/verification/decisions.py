"""Readings of planned cards without an engine: everything that is printed is read, and surely."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from ocr_gpu.engine import Box, OcrLine
from tests.verification.cards import ktp_lines, npwp_lines
from verification import ktp, npwp
from verification.decision_bench import Judged
from verification.decision_cards import JUDGED_ON, Picture, Scenario, pictures_of
from verification.decision_store import Read
from verification.fields import FieldValue

TYPES = {"KTP": ktp, "NPWP": npwp}
SOMEWHERE = Box(0.1, 0.1, 0.3, 0.05)


def read_well(picture: Picture) -> Read:
    """A photograph that was painted over is nearly the same; every other one is quite different."""
    believed = {
        name: _believed(picture.type, name, FieldValue(value, _printed(value), 1.0, SOMEWHERE))
        for name, value in picture.values.items()
    }
    photograph = f"{picture.kind}/{picture.level}/{picture.seed}"
    return Read(
        file=picture.file,
        sha256=hashlib.sha256(picture.file.encode()).hexdigest(),
        fields=believed,
        lines=lines_of(picture),
        fingerprint=hashlib.sha256(photograph.encode()).digest(),
    )


def _printed(value: str) -> str:
    """A date stands on a card with its day first."""
    return "-".join(reversed(value.split("-"))) if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else value


def read_all(scenarios: Sequence[Scenario]) -> dict[str, Read]:
    return {picture.file: read_well(picture) for picture in pictures_of(scenarios)}


def lines_of(picture: Picture) -> list[OcrLine]:
    if not picture.values:
        return []
    if "npwp" in picture.kind:
        texts = ("NPWP16 : 3276014107909001",) if picture.kind == "npwp16" else ("NPWP : 09.254.294.3-407.000",)
        return npwp_lines([*texts, "PUSPARINI", "JL. KENANGA", "KPP PRATAMA DEPOK", "Terdaftar : 01-02-2015"])
    return ktp_lines()


def _believed(type: str, name: str, field: FieldValue) -> FieldValue:
    """As a parser takes it: a number that can't be is none."""
    module = TYPES[type]
    digits = "".join(character for character in field.raw if character.isalnum())
    if name in module.NUMBER_DIGITS and not (len(digits) == module.NUMBER_DIGITS[name] and digits.isdigit()):
        return field.without_value()
    return module.believed(name, field, JUDGED_ON)


def card(**changes: object) -> Judged:
    plain = Judged("a.jpg", "clean", "honest", "ktp", "", "approved", 100, approvable=True)
    return replace(plain, **changes)  # type: ignore[arg-type]
