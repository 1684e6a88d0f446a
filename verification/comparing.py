"""Comparing one document with others: the same number, file or picture, and the owner's other card."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ocr_gpu.fingerprint import BYTES, NEAR, bands, distance, probes
from verification.evidence import Agreement, Known
from verification.fields import FieldValue
from verification.known_checks import names_agree
from verification.number_checks import nik_of

OTHER_CARD = {"KTP": "NPWP", "NPWP": "KTP"}
NAMES_OPENED = 5  # of the documents with one number, the latest: opening a sealed name costs a query
Fields = Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class Seen:
    """One document as others are compared with it.

    `number` is anything that is equal for equal numbers, empty without one; `fields` opens what was read;
    `fingerprint` is of the page, and behind it of the card alone where that was found.
    """

    owner: Hashable
    type: str
    number: str
    sha256: str
    fingerprint: bytes | None
    fields: Callable[[], Fields]
    rejected: bool = False  # by a person
    refused: bool = False  # by a person or the machine


def known_among(one: Seen, others: Sequence[Seen]) -> Known:
    """What is known of `one`, given the `others` that may have something in common with it, the newest first."""
    same = [other for other in others if one.number and (other.type, other.number) == (one.type, one.number)]
    files = [other for other in others if other.sha256 == one.sha256]
    pictures = [other for other in others if same_picture(one.fingerprint, other.fingerprint)]
    others_of_owner = [other for other in _kept(others, one, one.type) if other.number != one.number]
    numbers = {other.number for other in others_of_owner}
    number, name = (None, None) if numbers else _other_card(one, others)
    return Known(
        number_elsewhere=_elsewhere(one, same),
        file_elsewhere=_elsewhere(one, files),
        picture_elsewhere=_elsewhere(one, pictures),
        picture_with_other_number=sum(_has_other_number(one, other) for other in pictures),
        number_with_other_name=_other_names(one, same),
        number_rejected=sum(other.rejected for other in same),
        sent_before=max(sum(other.owner == one.owner for other in held) for held in (same, files)),
        name_with_other_number=_other_numbers(one, others_of_owner) if one.number else 0,
        numbers_of_owner=len(numbers),
        other_card_number=number,
        other_card_name=name,
    )


def _elsewhere(one: Seen, others: Iterable[Seen]) -> int:
    return sum(other.owner != one.owner for other in others)


def _has_other_number(one: Seen, other: Seen) -> bool:
    """Of one type only: a card sent as another type by mistake has its number read by other rules."""
    return other.type == one.type and bool(one.number and other.number) and other.number != one.number


def same_picture(one: bytes | None, other: bytes | None) -> bool:
    """A card squared up is known again on another photograph, and in a scan that shows nothing else."""
    return any(distance(mine, theirs) <= NEAR for mine in prints_of(one) for theirs in prints_of(other))


def prints_of(fingerprint: bytes | None) -> list[bytes]:
    """The page's print and the card's. Pages of one plain colour all have the same, which says nothing."""
    held = fingerprint or b""
    parts = [held[at : at + BYTES] for at in range(0, len(held), BYTES)]
    return [part for part in parts if part.strip(b"\0")]


def bands_of(fingerprint: bytes | None) -> list[int]:
    """What to store with a fingerprint, to find it by."""
    return [band for part in prints_of(fingerprint) for band in bands(part)]


def probes_of(fingerprint: bytes | None) -> list[int]:
    """What to search with: whatever is near has one of these among its bands."""
    return [probe for part in prints_of(fingerprint) for probe in probes(part)]


def _kept(others: Iterable[Seen], one: Seen, type: str) -> list[Seen]:
    """The owner's documents of a type that have a number and were not refused."""
    return [
        other
        for other in others
        if other.owner == one.owner and other.type == type and other.number and not other.refused
    ]


def _other_names(one: Seen, same: Sequence[Seen]) -> int:
    name = _value(one.fields(), "name") if same else ""
    names = [_value(other.fields(), "name") for other in same[:NAMES_OPENED]] if name else []
    return sum(bool(other) and names_agree(name, other) == "differs" for other in names)


def _other_numbers(one: Seen, cards: Sequence[Seen]) -> int:
    """How many of the owner's latest cards with other numbers are of the same person."""
    name = _value(one.fields(), "name") if cards else ""
    return sum(_same_person(one.fields(), card.fields()) for card in cards[:NAMES_OPENED]) if name else 0


def _same_person(fields: Fields, others: Fields) -> bool:
    """The name agrees, and no birth date that was read on both cards says otherwise."""
    births = {_value(each, "birthDate") for each in (fields, others)} - {""}
    return len(births) < 2 and names_agree(_value(fields, "name"), _value(others, "name")) == "agrees"


def _other_card(one: Seen, others: Sequence[Seen]) -> tuple[Agreement | None, Agreement | None]:
    """How number and name agree with the owner's other card; of several with different numbers nothing is said."""
    cards = _kept(others, one, OTHER_CARD.get(one.type, ""))
    if not cards or len({card.number for card in cards}) > 1:
        return None, None
    own, other = one.fields(), cards[0].fields()
    own_nik, other_nik = nik_of(own), nik_of(other)
    own_name, other_name = _value(own, "name"), _value(other, "name")
    number: Agreement | None = None
    if own_nik and other_nik:
        number = "agrees" if own_nik == other_nik else "differs"
    return number, names_agree(own_name, other_name) if own_name and other_name else None


def _value(fields: Fields, name: str) -> str:
    field = fields.get(name)
    return (field.value or "") if field else ""
