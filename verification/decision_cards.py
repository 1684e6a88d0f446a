"""The cards that decisions are measured with: who sends what, after what, and whether it is honest.

A scenario is what one house has seen: documents sent one after the other, each judged with those before it known. All
are drawn as of one day and judged on it, so that a card that is valid stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from random import Random
from typing import Literal

from PIL import Image

from verification.specimen_people import still_permitted
from verification.specimens import KINDS, encode, render

JUDGED_ON = date(2026, 7, 1)
Truth = Literal["honest", "faulty", "apart", "before"]
Values = dict[str, str]

COPIES: Mapping[str, Callable[[Image.Image], bytes]] = {
    "": lambda image: encode(image, "jpeg"),
    "saved_again": lambda image: _jpeg(image, 60),
    "smaller": lambda image: _jpeg(image.resize((image.width * 7 // 10, image.height * 7 // 10)), 85),
    "cropped": lambda image: _jpeg(image.crop((4, 3, image.width - 3, image.height - 4)), 88),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One file, drawn from its seed with these values on it. `type` is what it is sent as."""

    file: str
    kind: str
    level: str
    seed: int
    values: Mapping[str, str]
    type: str
    copy: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """One document. `group` is the row of the tables it belongs to, `fault` what was done to it.

    "before" is there only to be known; "apart" is a forgery that nothing tells from an honest card.
    """

    picture: Picture
    owner: str
    truth: Truth
    group: str
    fault: str = ""
    applicant: Mapping[str, str | None] = field(default_factory=dict)


Scenario = tuple[Sent, ...]


def drawn(picture: Picture) -> bytes:
    """The file."""
    image, _ = render(picture.kind, picture.level, picture.seed, values=dict(picture.values))
    return COPIES[picture.copy](image)


def pictures_of(scenarios: Sequence[Scenario]) -> list[Picture]:
    """Each once. ValueError where two different ones have one name."""
    found: dict[str, Picture] = {}
    for scenario in scenarios:
        for sent in scenario:
            if found.setdefault(sent.picture.file, sent.picture) != sent.picture:
                raise ValueError(f"two pictures are called {sent.picture.file}")
    return list(found.values())


def _jpeg(image: Image.Image, quality: int) -> bytes:
    kept = BytesIO()
    image.save(kept, format="JPEG", quality=quality)
    return kept.getvalue()


def invented(kind: str, seed: int) -> Values:
    """Who is on the card of this seed; foreigners with a permit that is valid."""
    values = KINDS[kind].invent(Random(f"{kind}/{seed}"))
    return still_permitted(values, JUDGED_ON) if kind == "ktp-wna" else values


def picture(
    kind: str, level: str, seed: int, values: Values | None = None, *, mark: str = "", copy: str = "", type: str = ""
) -> Picture:
    """`mark` tells its name from others of this kind, level and seed."""
    name = "-".join(part for part in (kind, level, str(seed), mark, copy) if part)
    printed = invented(kind, seed) if values is None else values
    return Picture(f"{name}.jpg", kind, level, seed, printed, type or KINDS[kind].document_type, copy)


def declared(values: Values) -> dict[str, str | None]:
    """What an honest applicant says of the card: the name as people write it."""
    number = values.get("npwpNumber") or values.get("npwp16")
    return {
        "name": values["name"].title(),
        "nik": values.get("nik"),
        "npwp": number,
        "birthDate": values.get("birthDate"),
    }
