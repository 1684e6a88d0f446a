"""How the scenarios are made by which decisions are measured: honest people, and each kind of fault and forgery.

A forgery that the card itself can't tell comes with what does: what was declared, another card, the same picture. Those
without are apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count as counted
from random import Random

from verification.decision_cards import COPIES, Scenario, Sent, Truth, Values, declared, invented, picture
from verification.specimen_alterations import CHECKED_PLACES, SERIAL_PLACES
from verification.specimen_faults import plant
from verification.specimen_people import tax_card_of
from verification.specimens import KINDS, LEVELS

FAULTY_FROM, APART_FROM = 100_000, 200_000  # added to the seed: nobody is honest and a forger
LEVEL_FROM = 20_000  # added for each level: nobody is met at two of them
ANOTHER_PHOTO = 300_000  # added to the seed of a layout
APART_SHARE = 10  # one for so many faulty ones
Recipe = Callable[[str, int], Scenario]  # level, seed


def planned(levels: Sequence[str], count: int, seed: int) -> list[Scenario]:
    """At each level at least `count` honest cards and as many faulty ones, and some apart."""
    scenarios: list[Scenario] = []
    for level in levels:
        scenarios += _until(count, "honest", HONEST, level, seed)
        scenarios += _until(count, "faulty", FAULTY, level, seed + FAULTY_FROM)
        scenarios += _until(max(1, count // APART_SHARE), "apart", APART, level, seed + APART_FROM)
    return scenarios


def _until(count: int, truth: Truth, recipes: Sequence[Recipe], level: str, seed: int) -> Iterator[Scenario]:
    """The recipes in turn; the levels begin at different ones, so that a small run has more of them."""
    place, made = LEVELS.index(level), 0
    start, seed = place * len(recipes) // len(LEVELS), seed + place * LEVEL_FROM
    for at in counted():
        if made >= count:
            return
        scenario = recipes[(start + at) % len(recipes)](level, seed + at)
        made += sum(sent.truth == truth for sent in scenario)
        yield scenario


def _residents_card(kind: str, seed: int) -> Values:
    return tax_card_of(invented("ktp", seed), invented(kind, seed))


def _honest(kind: str) -> Recipe:
    return lambda level, seed: (Sent(picture(kind, level, seed), "A", "honest", kind),)


def _honest_declared(kind: str) -> Recipe:
    def made(level: str, seed: int) -> Scenario:
        card = picture(kind, level, seed)
        return (Sent(card, "A", "honest", f"{kind}, declared", applicant=declared(dict(card.values))),)

    return made


def _both_cards(kind: str) -> Recipe:
    def made(level: str, seed: int) -> Scenario:
        own = picture(kind, level, seed, _residents_card(kind, seed), mark="own")
        group = f"ktp and {kind} of one owner"
        return (Sent(picture("ktp", level, seed), "A", "honest", group), Sent(own, "A", "honest", group))

    return made


def _sent_again(level: str, seed: int) -> Scenario:
    """The same file, or another photograph of the same card."""
    first = picture("ktp", level, seed)
    again = first if seed % 2 else picture("ktp", level, seed + ANOTHER_PHOTO, dict(first.values), mark="again")
    return Sent(first, "A", "honest", "ktp"), Sent(again, "A", "honest", "ktp, sent again")


def _altered(kind: str, seed: int, fault: str, values: Values | None = None) -> Values:
    return plant(fault, invented(kind, seed) if values is None else values, Random(f"{kind}/{seed}/{fault}"))


def _alone(kind: str, fault: str, group: str, truth: Truth = "faulty") -> Recipe:
    """Nothing but the card tells it. A firm's new card has no NIK to alter, so that it is always a resident's."""

    def made(level: str, seed: int) -> Scenario:
        values = _residents_card(kind, seed) if kind == "npwp16" else None
        card = picture(kind, level, seed, _altered(kind, seed, fault, values), mark=fault)
        return (Sent(card, "A", truth, group, fault),)

    return made


def _against_declared(kind: str, fault: str, group: str) -> Recipe:
    """The applicant declares what is true."""

    def made(level: str, seed: int) -> Scenario:
        card = picture(kind, level, seed, _altered(kind, seed, fault), mark=fault)
        return (Sent(card, "A", "faulty", group, fault, declared(invented(kind, seed))),)

    return made


def _against_own_card(fault: str, group: str) -> Recipe:
    """The owner's new tax card, sent before, has the true number and name."""

    def made(level: str, seed: int) -> Scenario:
        own = picture("npwp16", level, seed, _residents_card("npwp16", seed), mark="own")
        card = picture("ktp", level, seed, _altered("ktp", seed, fault), mark=fault)
        return Sent(own, "A", "before", "before"), Sent(card, "A", "faulty", group, fault)

    return made


def _same_photograph(kind: str, fault: str, group: str) -> Recipe:
    """The honest card is known, from another owner or this one; then its picture comes with digits painted over."""

    def made(level: str, seed: int) -> Scenario:
        card = picture(kind, level, seed, _altered(kind, seed, fault), mark=fault)
        owner = "B" if seed % 2 else "A"
        return Sent(picture(kind, level, seed), owner, "before", "before"), Sent(card, "A", "faulty", group, fault)

    return made


def _number_known(kind: str, fault: str, group: str) -> Recipe:
    """Another photograph, with this fault, of a card whose number another owner has sent."""

    def made(level: str, seed: int) -> Scenario:
        first = picture(kind, level, seed)
        values = dict(first.values) if not fault else _altered(kind, seed, fault)
        card = picture(kind, level, seed + ANOTHER_PHOTO, values, mark=fault or "again")
        return Sent(first, "B", "before", "before"), Sent(card, "A", "faulty", group, fault or "another photograph")

    return made


def _copied(kind: str, copy: str) -> Recipe:
    """The picture that another owner has sent, or what was made of it."""

    def made(level: str, seed: int) -> Scenario:
        first = picture(kind, level, seed)
        card = picture(kind, level, seed, dict(first.values), copy=copy) if copy else first
        return (
            Sent(first, "B", "before", "before"),
            Sent(card, "A", "faulty", "duplicate", copy or "the same file"),
        )

    return made


def _another_kind(kind: str, type: str = "") -> Recipe:
    def made(level: str, seed: int) -> Scenario:
        group = f"another kind: {kind}{f' as {type}' if type else ''}"
        card = picture(kind, level, seed, type=type, mark=f"as-{type}" if type else "")
        return (Sent(card, "A", "faulty", group, group),)

    return made


NIK_FAULTS = (
    *((f"nik_digit_{place}", "NIK digit 1-6") for place in range(1, 7)),
    *((f"nik_digit_{place}", "NIK digit 7-12") for place in range(7, 13)),
)
CARD_FAULTS = (
    *((fault, "birth date") for fault in ("birth_day", "birth_month", "birth_year", "birth_decade")),
    ("sex", "sex"),
    *((fault, "number of another region") for fault in ("region", "regency", "district")),
    *((fault, "number that can't be") for fault in ("serial_zero", "short_number", "letter_in_number")),
    *((fault, "impossible dates") for fault in ("before_birth", "issued_to_child", "child", "future_date")),
)
TAX_FAULTS = (
    *((f"npwp_digit_{place}", "NPWP digit 1-9") for place in CHECKED_PLACES),
    *((fault, "number that can't be") for fault in ("short_number", "letter_in_number")),
    ("future_date", "impossible dates"),
)
OTHER_KINDS = tuple(kind for kind, shape in KINDS.items() if shape.junk or shape.damaged)

HONEST: Sequence[Recipe] = (
    _honest("ktp"),
    _both_cards("npwp16"),
    _honest_declared("ktp"),
    _honest("npwp"),
    _honest("ktp-wna"),
    _honest("npwp16"),
    _honest("ktp"),
    _sent_again,
    _both_cards("npwp"),
    _honest_declared("npwp"),
    _honest_declared("npwp16"),
)
FAULTY: Sequence[Recipe] = (
    *(_alone("ktp", fault, group) for fault, group in NIK_FAULTS),
    *(_another_kind(kind) for kind in OTHER_KINDS[::2]),
    *(_against_declared("ktp", f"nik_digit_{place}", "NIK serial, declared") for place in SERIAL_PLACES),
    *(_alone("ktp", fault, group) for fault, group in CARD_FAULTS),
    _against_declared("ktp", "another_name", "name, declared"),
    _against_own_card("another_name", "name, owner's other card"),
    _number_known("ktp", "another_name", "name, number known"),
    *(_against_own_card(f"nik_digit_{place}", "NIK serial, owner's other card") for place in SERIAL_PLACES),
    *(_copied(kind, copy) for kind, copy in zip(("ktp", "npwp") * 2, COPIES, strict=True)),
    *(_alone("npwp", fault, group) for fault, group in TAX_FAULTS),
    *(_another_kind(kind) for kind in OTHER_KINDS[1::2]),
    *(_same_photograph("ktp", f"nik_digit_{place}", "NIK serial, same photograph") for place in SERIAL_PLACES),
    _alone("npwp16", "npwp16_not_nik", "NPWP16 is not the NIK"),
    _alone("npwp16", "short_number", "number that can't be"),
    _alone("ktp-wna", "expired", "expired foreigner"),
    *(_against_declared("npwp", fault, "NPWP office, declared") for fault in ("npwp_office", "npwp_branch")),
    *(_same_photograph("npwp", fault, "NPWP office, same photograph") for fault in ("npwp_office", "npwp_branch")),
    _against_declared("npwp16", "another_name", "name, declared"),
    *(_number_known(kind, "", "duplicate") for kind in ("ktp", "npwp", "npwp16")),
    *(_another_kind(kind, type) for kind, type in (("ktp", "NPWP"), ("npwp", "KTP"), ("npwp16", "KTP"))),
)
APART: Sequence[Recipe] = (
    *(_alone("ktp", f"nik_digit_{place}", "NIK serial alone", "apart") for place in SERIAL_PLACES),
    *(_alone("npwp", fault, "NPWP office alone", "apart") for fault in ("npwp_office", "npwp_branch")),
    _alone("npwp16", "npwp16_serial", "NPWP16 serial alone", "apart"),
)
