"""The card's page as a reviewer sees it: upright, with its boxes on its words and its number covered."""

import hashlib
import io
import re
from datetime import timedelta
from typing import Any

import numpy
import pytest
from django.utils import timezone
from PIL import Image, ImageChops

from documents.models import Document
from documents.storage import StoreUnavailable, delete_original, originals, page_key, write_page
from filot.models import User
from ocr_gpu.pictures import page_jpeg
from review import case
from review.masking import PAINT
from review.models import Review
from tests.documents.build import make_document, store_original
from tests.review.admin_cases import has_ink, logged_in, open_case, specimen, staff, with_picture
from tests.review.test_admin_case import address
from verification import services
from verification.models import VerificationRun
from verification.specimens import encode, render

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]

AGAINST_THE_CLOCK = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}
WORDS = ("name", "address", "religion", "occupation")


def run_of(review: Review) -> VerificationRun:
    run: VerificationRun = review.document.runs.get()
    return run


def case_read_from(owner: User, data: bytes, content_type: str = "image/jpeg") -> Review:
    """A document that was really read, and a case of it whatever was decided."""
    document = store_original(make_document(owner, content_type=content_type), data)
    assert services.verify_waiting("ocr.cpu", "w1") == 1
    document.refresh_from_db()
    return Review.objects.create(document=document, due_at=timezone.now() + timedelta(hours=4))


def has_page(review: Review) -> bool:
    return originals().exists(page_key(review.document.storage_key))


def shown_in(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def covered_share(picture: Image.Image, box: list[float]) -> float:
    x, y, w, h = (round(side * size) for side, size in zip(box, picture.size * 2, strict=True))
    pixels = numpy.asarray(picture.crop((x, y, x + w, y + h)))
    return float((pixels == PAINT).all(axis=2).mean())


def is_within(box: list[float], around: list[float]) -> bool:
    """Whether the middle of a box lies in another."""
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return around[0] <= x <= around[0] + around[2] and around[1] <= y <= around[1] + around[3]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_card_that_was_sent_on_its_side_stands_upright_with_its_number_covered(owner: User, turn: int) -> None:
    upright, truth = render("ktp", "clean", 611)
    review = case_read_from(owner, encode(upright.transpose(AGAINST_THE_CLOCK[turn]), "jpeg"))
    run = run_of(review)
    assert run.turn == turn
    client = logged_in(staff("reviewer"))
    assert has_page(review)
    for _ in range(2):  # then without the stored page
        picture = shown_in(client.get(address(review, "page/0.png")).content)
        assert picture.size == upright.size
        assert covered_share(picture, truth["boxes"]["nik"]) == 1
        apart = numpy.asarray(ImageChops.difference(picture, upright)).mean(axis=2)
        assert numpy.median(apart) < 6, "all but the number is the card as it was drawn"
        for name in WORDS:
            assert is_within(run.fields[name]["box"], truth["boxes"][name]), name
            assert covered_share(picture, truth["boxes"][name]) < 0.01
        originals().delete(page_key(review.document.storage_key))
        assert not has_page(review)


def test_the_boxes_on_the_page_are_those_of_the_run(owner: User) -> None:
    review = with_picture(open_case(owner))

    text = logged_in(staff("reviewer")).get(address(review)).content.decode()

    assert re.search(r'<rect data-field="nik" class="low" x="0.3" y="0.2" width="0.4" height="0.1"', text)


def stored_page(review: Review, png: bytes, **facts: Any) -> Review:
    """Beside the original a page that was made of this picture, and a run that knows it."""
    page = page_jpeg(numpy.asarray(shown_in(png)))
    write_page(review.document.storage_key, page)
    digest = hashlib.sha256(page).hexdigest()
    review.document.runs.update(**{"picture_sha256": digest, **facts})
    return review


def test_the_stored_page_is_what_is_shown_also_where_the_original_is_gone(owner: User) -> None:
    review = stored_page(open_case(owner), specimen())
    client = logged_in(staff("senior"))

    covered = client.get(address(review, "page/0.png"))
    client.post(address(review, "reveal/"), {"reason": "compare"})
    revealed = client.get(address(review, "page/0.png")).content

    assert covered.status_code == 200
    assert not has_ink(covered.content)
    assert has_ink(revealed)


def test_a_page_of_another_reading_is_not_shown_under_this_ones_cover(owner: User) -> None:
    review = stored_page(with_picture(open_case(owner)), specimen(number_box=[0.3, 0.7, 0.4, 0.1]))
    client = logged_in(staff("reviewer"))
    assert has_ink(client.get(address(review, "page/0.png")).content), "its number stands elsewhere"

    review.document.runs.update(picture_sha256="0" * 64)

    answer = client.get(address(review, "page/0.png"))
    assert answer.status_code == 200
    assert not has_ink(answer.content)


def test_a_page_that_was_changed_in_the_store_gives_way_to_the_original(owner: User, originals_in: Any) -> None:
    review = stored_page(with_picture(open_case(owner)), specimen())
    path = originals_in / page_key(review.document.storage_key)
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    answer = logged_in(staff("reviewer")).get(address(review, "page/0.png"))

    assert answer.status_code == 200
    assert not has_ink(answer.content)


def test_a_page_whose_number_has_no_known_place_is_blurred(owner: User) -> None:
    review = stored_page(open_case(owner, fields={}), specimen())

    answer = logged_in(staff("reviewer")).get(address(review, "page/0.png"))

    assert answer.status_code == 200
    assert not has_ink(answer.content)


def test_a_store_that_is_away_is_said(owner: User, monkeypatch: Any) -> None:
    review = stored_page(with_picture(open_case(owner)), specimen())

    def away(key: str) -> bytes:
        raise StoreUnavailable

    monkeypatch.setattr(case, "read_page", away)
    assert logged_in(staff("reviewer")).get(address(review, "page/0.png")).status_code == 503


def test_a_case_opens_at_the_page_that_holds_the_card_and_the_others_come_from_the_original(owner: User) -> None:
    letter, card = (shown_in(specimen(number_box=box)) for box in ([0.3, 0.7, 0.4, 0.1], [0.3, 0.2, 0.4, 0.1]))
    out = io.BytesIO()
    letter.save(out, "PDF", save_all=True, append_images=[card])
    review = open_case(owner)
    Document.objects.filter(pk=review.document_id).update(content_type="application/pdf")
    stored_page(with_picture(review, out.getvalue()), specimen(), page=1)
    client = logged_in(staff("reviewer"))

    text = client.get(address(review)).content.decode()

    assert address(review, "page/1.png") in text
    assert '<rect data-field="nik"' in text
    assert '<rect data-field="nik"' not in client.get(address(review), {"page": 0}).content.decode()
    card_shown, letter_shown = (client.get(address(review, f"page/{number}.png")).content for number in (1, 0))
    assert shown_in(card_shown).getpixel((10, 10)) == pytest.approx((200, 220, 235), abs=3)
    assert covered_share(shown_in(card_shown), [0.3, 0.2, 0.4, 0.1]) == 1
    assert not has_ink(letter_shown)


def test_the_page_says_what_the_picture_shows_and_what_is_wrong_with_it(owner: User) -> None:
    review = with_picture(open_case(owner))
    client = logged_in(staff("reviewer"))
    assert "It shows:" not in client.get(address(review)).content.decode()

    review.document.runs.update(kind="ktp", quality={"measures": {"glare": 0.2}, "issues": ["glare"]})
    text = client.get(address(review)).content.decode()
    assert "It shows: KTP." in text
    assert "Take it again without the lamp" in text

    review.document.runs.update(kind="sim", quality={"issues": []})
    assert "It shows: <strong>driving licence (SIM)</strong>." in client.get(address(review)).content.decode()


def test_after_an_erasure_nothing_of_the_picture_is_left_to_show(owner: User) -> None:
    review = stored_page(with_picture(open_case(owner)), specimen())

    delete_original(review.document.storage_key)

    assert logged_in(staff("senior")).get(address(review, "page/0.png")).status_code == 503
