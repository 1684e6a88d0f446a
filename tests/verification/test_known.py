"""What is found of other documents in a real database when one is judged."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from documents.models import Document
from documents.status import Status
from filot.models import User
from ocr_gpu.fingerprint import BYTES, NEAR
from tests.documents.build import make_document
from tests.verification.build import lines_of
from verification.comparing import bands_of
from verification.evidence import Known
from verification.fields import FieldValue
from verification.known import known_of
from verification.models import RunOutcome, VerificationRun
from verification.reading import fields_as_json, lines_as_json
from verification.runs import fields_of
from verification.services import number_index, settle

pytestmark = pytest.mark.django_db

KTP = {
    "nik": "3273014107909001",
    "name": "PUSPARINI CONTOH",
    "birthDate": "1990-07-01",
    "gender": "PEREMPUAN",
    "address": "JL. CONTOH NO. 12",
    "district": "SUKASARI",
    "regency": "KOTA BANDUNG",
    "province": "JAWA BARAT",
    "religion": "ISLAM",
    "maritalStatus": "KAWIN",
    "nationality": "WNI",
    "validUntil": "SEUMUR HIDUP",
}
TEXTS = [
    "PROVINSI JAWA BARAT",
    "KOTA BANDUNG",
    "NIK : 3273014107909001",
    "Nama : PUSPARINI CONTOH",
    "Tempat/Tgl Lahir : BANDUNG, 01-07-1990",
    "Jenis Kelamin : PEREMPUAN",
    "Alamat : JL. CONTOH NO. 12",
    "RT/RW : 001/002",
    "Kel/Desa : SARIJADI",
    "Kecamatan : SUKASARI",
    "Agama : ISLAM",
    "Status Perkawinan : KAWIN",
    "Pekerjaan : KARYAWAN SWASTA",
    "Kewarganegaraan : WNI",
    "Berlaku Hingga : SEUMUR HIDUP",
]
PICTURE = bytes(range(BYTES))


def near(bits: int) -> bytes:
    """PICTURE with so many bits turned."""
    return (int.from_bytes(PICTURE) ^ ((1 << bits) - 1)).to_bytes(BYTES)


def read(owner: User, values: dict[str, str], picture: bytes | None = None, **facts: Any) -> Document:
    """A document whose reading was just kept, and that is still to be judged."""
    type = facts.setdefault("type", "KTP")
    number = next((values[name] for name in ("nik", "npwp16", "npwpNumber") if name in values), "")
    if type == "NPWP":
        number = values.get("npwp16") or values.get("npwpNumber") or ""
    document = make_document(
        owner,
        status=facts.pop("status", Status.ocr_completed),
        number_index=number_index(type, number) if number else "",
        fingerprint=picture,
        picture_bands=bands_of(picture) or None,
        **facts,
    )
    fields = {name: FieldValue(value, value, 0.99, None) for name, value in values.items()}
    VerificationRun.objects.create(
        document=document,
        attempt=1,
        queue="ocr.cpu",
        worker="w",
        outcome=RunOutcome.read,
        lines=lines_as_json(lines_of(TEXTS)),
        fields=fields_as_json(type, fields),
        quality={"measures": {}, "issues": []},
    )
    return document


def known(document: Document) -> Known:
    return known_of(document, fields_of(document.runs.get()))


def judged(document: Document) -> VerificationRun:
    settle(document, document.runs.get())
    return document.runs.get()


def test_alone_in_the_house_nothing_is_known(owner: User) -> None:
    assert known(read(owner, KTP, PICTURE)) == Known()


def test_the_same_number_file_and_picture_at_another_owner_are_counted(owner: User, stranger: User) -> None:
    first = read(stranger, KTP, near(NEAR))
    found = known(read(owner, KTP, PICTURE, sha256=first.sha256))
    assert (found.number_elsewhere, found.file_elsewhere, found.picture_elsewhere) == (1, 1, 1)
    assert (found.sent_before, found.picture_with_other_number, found.number_with_other_name) == (0, 0, 0)


def test_a_picture_that_is_only_alike_is_another(owner: User, stranger: User) -> None:
    read(stranger, {**KTP, "nik": "3273014107909002"}, near(NEAR + 1))
    assert known(read(owner, KTP, PICTURE)).picture_elsewhere == 0


def test_the_same_picture_with_another_number_is_told_of_ones_own_too(owner: User) -> None:
    read(owner, {**KTP, "nik": "3273014107909002"}, near(3))
    assert known(read(owner, KTP, PICTURE)).picture_with_other_number == 1


def test_what_the_owner_sends_again_is_no_duplicate(owner: User) -> None:
    read(owner, KTP, PICTURE)
    found = known(read(owner, KTP, PICTURE))
    assert found == Known(sent_before=1)


def test_one_number_under_two_names_and_one_rejected_before(owner: User, stranger: User) -> None:
    read(stranger, {**KTP, "name": "BAGASKORO LAINNYA"}, status=Status.rejected)
    found = known(read(owner, KTP))
    assert (found.number_with_other_name, found.number_rejected) == (1, 1)


@pytest.mark.parametrize(
    ("card", "number", "name"),
    [
        ({"npwp16": KTP["nik"], "name": KTP["name"]}, "agrees", "agrees"),
        ({"npwp16": "3273014107909002", "name": KTP["name"]}, "differs", "agrees"),
        ({"npwpNumber": "38.513.519.9-256.000", "nik": KTP["nik"], "name": "BAGASKORO LAINNYA"}, "agrees", "differs"),
        ({"npwpNumber": "38.513.519.9-256.000", "name": KTP["name"]}, None, "agrees"),
    ],
)
def test_a_ktp_is_held_against_the_owners_tax_card(
    owner: User, card: dict[str, str], number: str | None, name: str
) -> None:
    read(owner, card, type="NPWP")
    found = known(read(owner, KTP))
    assert (found.other_card_number, found.other_card_name) == (number, name)


def test_a_tax_card_is_held_against_the_owners_ktp(owner: User) -> None:
    read(owner, KTP)
    found = known(read(owner, {"npwp16": "3273014107909002", "name": KTP["name"]}, type="NPWP"))
    assert (found.other_card_number, found.other_card_name) == ("differs", "agrees")


def test_the_cards_of_an_account_of_several_people_are_not_compared(owner: User) -> None:
    read(owner, {"npwp16": "3273014107909002", "name": "BAGASKORO LAINNYA"}, type="NPWP")
    read(owner, {**KTP, "nik": "3273014107909003"})
    found = known(read(owner, KTP))
    assert (found.numbers_of_owner, found.other_card_number, found.other_card_name) == (1, None, None)


def test_a_card_that_was_refused_is_no_comparison(owner: User) -> None:
    read(owner, {"npwp16": "3273014107909002", "name": "BAGASKORO"}, type="NPWP", status=Status.rejected)
    assert known(read(owner, KTP)).other_card_number is None


def test_a_good_card_alone_is_approved_by_the_standard_policy(owner: User) -> None:
    document = read(owner, KTP, PICTURE)
    run = judged(document)
    assert (run.policy, run.decision, run.score) == ("standard", "auto_approve", 100), run.reasons
    assert sum(run.points.values()) == 100
    assert {finding["outcome"] for finding in run.findings} == {"passed"}
    assert document.state is Status.auto_approve


def test_of_two_owners_with_one_number_the_second_goes_to_a_person(owner: User, stranger: User) -> None:
    first, second = read(stranger, KTP), read(owner, KTP)  # both were read before either is judged
    runs = [judged(first), judged(second)]
    assert [run.decision for run in runs] == ["needs_review", "needs_review"]
    assert all(
        {"code": "number_elsewhere", "outcome": "failed", "points": -40, "gate": True} in r.findings for r in runs
    )
    assert runs[1].known["number_elsewhere"] == 1


def test_what_the_client_declared_is_held_against_the_card(owner: User) -> None:
    same = read(owner, KTP, applicant={"name": "PUSPARINI CONTOH", "nik": KTP["nik"], "birthDate": "1990-07-01"})
    assert judged(same).decision == "auto_approve"
    other = read(owner, KTP, applicant={"name": "BAGASKORO LAINNYA"})
    run = judged(other)
    assert run.decision == "needs_review"
    assert run.reasons[0]["code"] == "declared_name"
    assert run.client_reasons("en")[0].startswith("The card does not match the details that you entered")


def test_the_queries_do_not_grow_with_what_is_found(owner: User, stranger: User) -> None:
    document = read(owner, KTP, PICTURE)
    fields = fields_of(document.runs.get())
    with CaptureQueriesContext(connection) as alone:
        known_of(document, fields)
    for _ in range(20):
        read(stranger, {**KTP, "nik": f"32730141079{uuid.uuid4().int % 10**5:05}"}, PICTURE)
    with CaptureQueriesContext(connection) as among:
        known_of(document, fields)
    assert len(among) == len(alone) + 1  # what is alike is loaded


def test_a_card_is_known_again_behind_the_page_it_lay_on(owner: User, stranger: User) -> None:
    page, other_page = bytes(reversed(PICTURE)), bytes(PICTURE[16:] + PICTURE[:16])
    read(stranger, {**KTP, "nik": "3273014107909002"}, other_page + near(7))
    found = known(read(owner, KTP, page + PICTURE))
    assert (found.picture_elsewhere, found.picture_with_other_number) == (1, 1)


def test_a_page_of_one_colour_is_like_no_other(owner: User, stranger: User) -> None:
    read(stranger, {}, bytes(BYTES))
    assert known(read(owner, {}, bytes(BYTES))) == Known()


def test_neighbours_in_the_index_are_found_whichever_bits_differ(owner: User, stranger: User) -> None:
    step = BYTES * 8 // NEAR
    spread = int.from_bytes(PICTURE)
    for place in range(NEAR):
        spread ^= 1 << (place * step)
    read(stranger, {**KTP, "nik": "3273014107909002"}, spread.to_bytes(BYTES))
    assert known(read(owner, KTP, PICTURE)).picture_elsewhere == 1
