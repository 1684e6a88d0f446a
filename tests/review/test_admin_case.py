"""The case page: the picture with its number covered, the fields, and what a reveal shows."""

import base64
import io
import re
import uuid
from typing import Any

import pytest
import structlog
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from documents.models import AuditEntry, Document
from filot.models import User
from integrations.models import Buli2Exchange
from review.models import Review
from tests.review.admin_cases import (
    NIK,
    NUMBER_BOX,
    fields_of_card,
    has_ink,
    logged_in,
    open_case,
    read_field,
    specimen,
    staff,
    with_picture,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]


def address(review: Review, tail: str = "change/") -> str:
    return f"/admin/review/review/{review.pk}/{tail}"


def picture_in(page: Any) -> bytes:
    found = re.search(r'src="data:image/png;base64,([^"]+)"', page.content.decode())
    assert found
    return base64.b64decode(found[1])


@pytest.mark.parametrize("role", ["reviewer", "senior", "compliance", "auditor"])
def test_the_page_shows_fields_reasons_and_history_but_never_the_whole_number(owner: User, role: str) -> None:
    review = with_picture(open_case(owner))

    page = logged_in(staff(role)).get(address(review))

    text = page.content.decode()
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    for shown in ("DEWI CONTOH", "Tgl Lahir", "88%", "•••• 5797", "The address was not found.", review.workflow_id):
        assert shown in text
    assert NIK not in text
    assert NIK[:8] not in text


def test_numbers_in_other_fields_and_proposed_readings_are_cut_too(owner: User) -> None:
    fields = fields_of_card(
        nik=read_field(None, raw="33050914O39O5797", proposed=NIK),
        address=read_field(f"JL CONTOH 5 NIK {NIK}"),
    )
    review = with_picture(open_case(owner, fields=fields))

    text = logged_in(staff("reviewer")).get(address(review)).content.decode()

    assert "JL CONTOH 5 NIK •••• 5797" in text
    assert "330509" not in text


def test_ops_see_no_case_and_no_picture(owner: User) -> None:
    review = with_picture(open_case(owner))
    client = logged_in(staff("ops"))

    assert client.get(address(review)).status_code == 403
    assert client.get(address(review, "page/0.png")).status_code == 403


def test_the_picture_comes_with_its_number_painted_over(owner: User) -> None:
    review = with_picture(open_case(owner))

    answer = logged_in(staff("senior")).get(address(review, "page/0.png"))

    assert answer["Content-Type"] == "image/png"
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert has_ink(specimen())
    assert not has_ink(answer.content)
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert shown.convert("RGB").getpixel((10, 10)) == (200, 220, 235)


def test_on_a_card_of_the_new_kind_the_newer_number_is_the_one_that_is_covered(owner: User) -> None:
    fields = {"npwpNumber": read_field(None), "npwp16": read_field("3305091403905797", box=NUMBER_BOX)}
    review = open_case(owner, fields=fields)
    Document.objects.filter(pk=review.document_id).update(type="NPWP")
    with_picture(review)
    client = logged_in(staff("reviewer"))

    answer = client.get(address(review, "page/0.png"))

    assert not has_ink(answer.content)
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert shown.convert("RGB").getpixel((10, 10)) == (200, 220, 235)
    assert "•••• 5797" in client.get("/admin/review/review/").content.decode()


def test_a_picture_whose_number_was_not_found_is_blurred(owner: User) -> None:
    review = with_picture(open_case(owner, fields=fields_of_card(nik=read_field(None))))

    answer = logged_in(staff("reviewer")).get(address(review, "page/0.png"))

    assert answer.status_code == 200
    assert not has_ink(answer.content)


def test_a_number_read_in_part_is_covered_across_the_page(owner: User) -> None:
    part = read_field(None, raw="3305 0914", box=[0.3, 0.2, 0.15, 0.1])
    review = with_picture(open_case(owner, fields=fields_of_card(nik=part)))

    answer = logged_in(staff("reviewer")).get(address(review, "page/0.png"))

    assert not has_ink(answer.content)


def test_a_number_that_stands_a_second_time_on_the_card_is_covered_there_too(owner: User) -> None:
    below = [0.3, 0.7, 0.4, 0.1]
    review = with_picture(open_case(owner), specimen(number_box=below))
    run = review.document.runs.get()
    run.lines = [{"text": f"NIK:{NIK}", "confidence": 0.9, "box": below}]
    run.save()

    answer = logged_in(staff("reviewer")).get(address(review, "page/0.png"))

    assert not has_ink(answer.content)


def test_every_page_of_a_longer_file_is_blurred(owner: User) -> None:
    page = Image.open(io.BytesIO(specimen())).convert("RGB")
    out = io.BytesIO()
    page.save(out, "PDF", save_all=True, append_images=[page])
    review = open_case(owner)
    Document.objects.filter(pk=review.document_id).update(content_type="application/pdf")
    with_picture(review, out.getvalue())
    client = logged_in(staff("reviewer"))

    text = client.get(address(review), {"page": 1}).content.decode()

    assert f'href="{address(review)}?page=0"' in text
    assert "page/1.png" in text
    for number in (0, 1):
        assert not has_ink(client.get(address(review, f"page/{number}.png")).content)
    assert client.get(address(review, "page/2.png")).status_code == 404


def test_a_lost_original_is_said_and_the_page_still_opens(owner: User) -> None:
    review = open_case(owner)
    client = logged_in(staff("reviewer"))

    assert client.get(address(review)).status_code == 200
    assert client.get(address(review, "page/0.png")).status_code == 503
    client.post(address(review, "claim/"))
    client.post(address(review, "reveal/"), {"reason": "compare"})
    assert client.get(address(review, "page/0.png")).status_code == 503


def test_a_case_that_nobody_could_read_is_shown_with_its_reason(owner: User) -> None:
    review = with_picture(open_case(owner, score=None))
    review.document.runs.all().delete()
    review.document.runs.create(attempt=3, queue="ocr.cpu", worker="w", outcome="failed", reason="ocr_failed")

    text = logged_in(staff("reviewer")).get(address(review)).content.decode()

    assert "It could not be read: ocr_failed" in text
    assert "not judged" in text


def test_whoever_may_asks_and_sees_the_number_under_a_grant_that_ends(owner: User) -> None:
    review, user = with_picture(open_case(owner)), staff("senior")
    client = logged_in(user)

    with structlog.testing.capture_logs() as logged:
        page = client.post(address(review, "reveal/"), {"reason": "compare"}, follow=True)

    assert NIK in page.content.decode()
    assert has_ink(client.get(address(review, "page/0.png")).content)
    entry = AuditEntry.objects.get(action="number.revealed")
    assert (entry.actor, entry.subject, entry.facts["reason"]) == (str(user.pk), str(review.pk), "compare")
    assert NIK not in str(logged)
    other = logged_in(staff("compliance"))
    assert NIK not in other.get(address(review)).content.decode()
    assert not has_ink(other.get(address(review, "page/0.png")).content)
    client.post(address(review, "cover/"))
    assert NIK not in client.get(address(review)).content.decode()
    assert not has_ink(client.get(address(review, "page/0.png")).content)


@pytest.mark.parametrize(("role", "status"), [("auditor", 302), ("ops", 403), ("compliance", 302), ("reviewer", 403)])
def test_only_some_roles_may_see_the_number_of_a_case_they_do_not_hold(owner: User, role: str, status: int) -> None:
    review = with_picture(open_case(owner))

    answer = logged_in(staff(role)).post(address(review, "reveal/"), {"reason": "investigation"})

    assert answer.status_code == status
    assert AuditEntry.objects.filter(action="number.revealed").exists() is (status == 302)


def test_a_superuser_reveals_nothing_by_being_one(owner: User) -> None:
    review = with_picture(open_case(owner))
    client = logged_in(User.objects.create_superuser("root"))

    assert client.post(address(review, "reveal/"), {"reason": "compare"}).status_code == 403


@pytest.mark.parametrize("reason", ["", "because"])
def test_without_a_known_reason_nothing_is_revealed(owner: User, reason: str) -> None:
    review = with_picture(open_case(owner))

    answer = logged_in(staff("senior")).post(address(review, "reveal/"), {"reason": reason})

    assert answer.status_code == 400
    assert NIK not in answer.content.decode()


def test_another_document_with_the_same_number_is_pointed_out(owner: User, stranger: User) -> None:
    review, other = open_case(owner), open_case(stranger)

    text = logged_in(staff("reviewer")).get(address(review)).content.decode()

    assert other.document.ref in text
    assert "another owner" in text


def test_messages_with_buli2_are_listed_without_their_bodies(owner: User) -> None:
    review = open_case(owner)
    exchange = Buli2Exchange(
        direction="outbound",
        kind="submit",
        method="POST",
        path="/x",
        review_id=review.pk,
        state="done",
        http_status=201,
    )
    exchange.body = {"parsedData": {"nik": NIK}}
    exchange.save()

    text = logged_in(staff("reviewer")).get(address(review)).content.decode()

    assert ": done, HTTP 201" in text
    assert NIK not in text


def test_a_case_page_costs_a_fixed_number_of_queries(owner: User) -> None:
    review = open_case(owner)
    for _ in range(5):
        open_case(owner)
    client = logged_in(staff("reviewer"))

    with CaptureQueriesContext(connection) as queries:
        client.get(address(review))

    assert len(queries) <= 14


@pytest.mark.parametrize("key", [str(uuid.uuid4()), "no-uuid"])
def test_an_unknown_case_is_not_found(key: str) -> None:
    assert logged_in(staff("reviewer")).get(f"/admin/review/review/{key}/change/").status_code == 404
