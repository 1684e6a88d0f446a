"""What a policy judges: one reading, what was declared, and what was known of other documents at that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any, Literal

from ocr_gpu.engine import OcrLine
from verification.fields import FieldValue
from verification.kinds import Kind

SURE = 0.9  # a confidence from which a value is taken as it stands
Agreement = Literal["agrees", "differs", "unclear"]


@dataclass(frozen=True, slots=True)
class Applicant:
    """What the client says of the person who sent the document; None where it says nothing. birth_date is ISO."""

    name: str | None = None
    nik: str | None = None
    npwp: str | None = None
    birth_date: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, str | None] | None) -> Applicant:
        """Of the wire's camelCase names. Unknown ones are passed over."""
        data = data or {}
        return cls(data.get("name"), data.get("nik"), data.get("npwp"), data.get("birthDate"))


@dataclass(frozen=True, slots=True)
class Known:
    """What the house knew of other documents when this one was judged: counts and words, no value of a card.

    "Elsewhere" is at another owner. A picture is the same when it is nearly so (ocr_gpu.fingerprint). An agreement is
    None where there was nothing to compare.
    """

    number_elsewhere: int = 0
    file_elsewhere: int = 0
    picture_elsewhere: int = 0
    picture_with_other_number: int = 0  # the same picture, whoever sent it, on which another number was read
    number_with_other_name: int = 0
    number_rejected: int = 0  # documents with this number that a person rejected
    sent_before: int = 0  # by the same owner: this number or this file
    name_with_other_number: int = 0  # of numbers_of_owner: on cards that bear this name, and no other birth date
    numbers_of_owner: int = 0  # other numbers on documents of this type that the owner sent
    other_card_number: Agreement | None = None  # of a KTP with the owner's NPWP, and the other way round
    other_card_name: Agreement | None = None

    def as_json(self) -> dict[str, Any]:
        """Only what is not as in a house without other documents."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Known:
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in (data or {}).items() if name in names})


@dataclass(frozen=True, slots=True)
class Evidence:
    """`issues` are codes of verification.quality. `today` is the day of judging: nothing else asks for the date."""

    document_type: str
    values: Mapping[str, FieldValue]
    lines: Sequence[OcrLine]
    kind: Kind
    today: date
    issues: tuple[str, ...] = ()
    known: Known = field(default_factory=Known)
    applicant: Applicant = field(default_factory=Applicant)

    def value(self, name: str) -> str | None:
        found = self.values.get(name)
        return found.value if found else None

    def sure(self, name: str) -> str | None:
        """The value where it was read with certainty."""
        found = self.values.get(name)
        return found.value if found and found.confidence >= SURE else None

    def stands(self, name: str) -> bool:
        """Whether something stands there on the card, readable or not."""
        found = self.values.get(name)
        return found is not None and bool(found.raw)

    def day(self, name: str) -> date | None:
        """The value as a date; None for anything else."""
        try:
            return date.fromisoformat(self.value(name) or "")
        except ValueError:
            return None
