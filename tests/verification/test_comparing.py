"""What is known of a document among others: the same number, file, picture; the owner's other card."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ocr_gpu.fingerprint import BYTES, NEAR
from tests.verification.judged import KTP_VALUES, NIK, NPWP_VALUES, OLD, field
from verification.comparing import NAMES_OPENED, Seen, known_among, same_picture
from verification.evidence import Known
from verification.fields import FieldValue

PICTURE = bytes(range(7, 7 + BYTES))
CARD = bytes(range(101, 101 + BYTES))
BLANK = bytes(BYTES)


def bits_off(count: int) -> bytes:
    return (int.from_bytes(PICTURE) ^ ((1 << count) - 1)).to_bytes(BYTES)


def read(values: Mapping[str, str], **changes: str | None) -> Mapping[str, FieldValue]:
    return {name: field(value) for name, value in {**values, **changes}.items() if value}


def seen(owner: str = "ani", document_type: str = "KTP", **told: Any) -> Seen:
    """A document that has nothing in common with another but its kind."""
    values = told.pop("values", None)
    fields = read(NPWP_VALUES if document_type == "NPWP" else KTP_VALUES) if values is None else values
    other = {"number": "", "sha256": f"{owner}-{document_type}", "fingerprint": None, **told}
    return Seen(owner=owner, type=document_type, fields=lambda: fields, **other)


ONE = seen(number="1", sha256="file", fingerprint=PICTURE)


def test_alone_in_the_house_nothing_is_known() -> None:
    assert known_among(ONE, []) == Known()


@pytest.mark.parametrize(
    ("other", "known"),
    [
        (seen("budi", number="1"), Known(number_elsewhere=1)),
        (seen("budi", number="2"), Known()),
        (seen("budi", "NPWP", number="1"), Known()),  # numbers of two types are two kinds of number
        (seen("budi", sha256="file"), Known(file_elsewhere=1)),
        (seen("budi", number="2", fingerprint=bits_off(NEAR)), Known(picture_elsewhere=1, picture_with_other_number=1)),
        (seen("budi", number="2", fingerprint=bits_off(NEAR + 1)), Known()),
        (seen("budi", fingerprint=PICTURE), Known(picture_elsewhere=1)),  # no number was read there
        (seen("budi", "NPWP", number="2", fingerprint=PICTURE), Known(picture_elsewhere=1)),
        (seen(number="1"), Known(sent_before=1)),
        (seen(sha256="file"), Known(sent_before=1)),
        (seen(number="1", sha256="file", fingerprint=PICTURE), Known(sent_before=1)),
        (
            seen(number="2", fingerprint=PICTURE),
            Known(picture_with_other_number=1, name_with_other_number=1, numbers_of_owner=1),
        ),
        (seen("budi", number="1", rejected=True), Known(number_elsewhere=1, number_rejected=1)),
        (seen(number="1", rejected=True, refused=True), Known(number_rejected=1, sent_before=1)),
    ],
)
def test_what_one_other_document_has_in_common(other: Seen, known: Known) -> None:
    assert known_among(ONE, [other]) == known


def test_a_document_without_number_or_fingerprint_shares_none() -> None:
    blank = seen(sha256="x")
    assert known_among(blank, [seen("budi", sha256="y"), seen("cici", sha256="z")]) == Known()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (PICTURE, PICTURE, True),
        (PICTURE + CARD, PICTURE, True),
        (PICTURE + CARD, CARD[::-1] + CARD, True),  # the same card in another photograph
        (PICTURE + CARD, CARD, True),
        (PICTURE + CARD, CARD[::-1] + CARD[::-1], False),
        (BLANK, BLANK, False),  # pages of one colour
        (BLANK + CARD, BLANK + PICTURE, False),
        (None, PICTURE, False),
        (None, None, False),
    ],
)
def test_a_picture_is_the_same_by_its_page_or_by_the_card_on_it(
    one: bytes | None, other: bytes | None, same: bool
) -> None:
    assert same_picture(one, other) is same_picture(other, one) is same


def test_everything_is_counted() -> None:
    others = [seen(f"owner{number}", number="1", sha256="file", fingerprint=PICTURE) for number in range(7)]
    assert known_among(ONE, others) == Known(number_elsewhere=7, file_elsewhere=7, picture_elsewhere=7)


def test_a_number_under_another_name_is_known_and_a_badly_read_name_is_not_another() -> None:
    another, misread = read(KTP_VALUES, name="BUDI SIREGAR"), read(KTP_VALUES, name="PUSPAR1NI KUSUMALACA")
    unread = read(KTP_VALUES, name=None)
    others = [seen("budi", number="1", values=values) for values in (another, misread, unread)]
    assert known_among(ONE, others).number_with_other_name == 1


def test_one_name_with_two_numbers_at_one_owner_is_known_unless_the_births_differ() -> None:
    same, other = read(KTP_VALUES, birthDate=None), read(KTP_VALUES, birthDate="1971-02-03")
    another = read(KTP_VALUES, name="BUDI SIREGAR")
    others = [seen(number=str(place), values=values) for place, values in enumerate((same, other, another), 2)]
    found = known_among(ONE, others)
    assert (found.name_with_other_number, found.numbers_of_owner) == (1, 3)
    assert known_among(ONE, [replace(each, owner="budi") for each in others]).name_with_other_number == 0


def test_only_the_latest_names_are_opened() -> None:
    opened: list[int] = []

    def opener(number: int) -> Mapping[str, FieldValue]:
        opened.append(number)
        return read(KTP_VALUES)

    others = [replace(seen("budi", number="1"), fields=lambda number=n: opener(number)) for n in range(20)]  # type: ignore[misc]
    known_among(ONE, others)
    assert opened == list(range(NAMES_OPENED))


def test_numbers_of_the_owner_count_once_each_and_not_those_refused() -> None:
    others = [
        seen(number="2"),
        seen(number="2"),
        seen(number="3"),
        seen(number="4", refused=True),
        seen("b", number="5"),
    ]
    assert known_among(ONE, others).numbers_of_owner == 2


TAX = {"document_type": "NPWP", "number": "t"}


@pytest.mark.parametrize(
    ("values", "number", "name"),
    [
        (read(NPWP_VALUES), None, "agrees"),  # an old card without the NIK
        (read(NPWP_VALUES, nik=NIK), "agrees", "agrees"),
        (read(NPWP_VALUES, npwp16=NIK), "agrees", "agrees"),
        (read(NPWP_VALUES, npwp16=f"0{OLD}"), None, "agrees"),
        (read(NPWP_VALUES, nik=f"{NIK[:12]}0001"), "differs", "agrees"),
        (read(NPWP_VALUES, nik=NIK, name="BUDI SIREGAR"), "agrees", "differs"),
        (read(NPWP_VALUES, name="PUSPARINI"), None, "unclear"),
        (read(NPWP_VALUES, name=None), None, None),
    ],
)
def test_an_identity_card_and_the_owners_tax_card(
    values: Mapping[str, FieldValue], number: str | None, name: str | None
) -> None:
    known = known_among(ONE, [seen(**TAX, values=values)])
    assert (known.other_card_number, known.other_card_name) == (number, name)
    the_other_way = known_among(seen(**TAX, values=values), [ONE])
    assert (the_other_way.other_card_number, the_other_way.other_card_name) == (number, name)


@pytest.mark.parametrize(
    "others",
    [
        [seen("budi", **TAX)],  # somebody else's
        [seen(**{**TAX, "number": ""})],  # no number was read
        [seen(**TAX, refused=True)],
        [seen(**TAX), seen(**{**TAX, "number": "u"})],  # which of the two is it?
        [seen(**TAX), seen(number="2")],  # the account has cards of several people
    ],
)
def test_no_other_card_is_compared_where_it_may_be_somebody_elses(others: list[Seen]) -> None:
    known = known_among(ONE, others)
    assert (known.other_card_number, known.other_card_name) == (None, None)
