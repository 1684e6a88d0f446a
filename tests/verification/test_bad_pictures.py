"""What people send instead of a good picture of their card: each has its code, and nothing breaks."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image
from rest_framework.test import APIClient

from documents.models import Document
from ocr_gpu.engine import OcrEngine, load_engine
from tests.documents.test_api import picture, send
from verification import services
from verification.specimens import encode, render

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]

SETTLED = {"auto_approved", "auto_rejected", "pending_manual_review"}


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    return load_engine("rapidocr", threads=2)


def settled(api: APIClient, engine: OcrEngine, monkeypatch: Any, data: bytes, type: str = "KTP") -> dict[str, Any]:
    """The result of a picture that was uploaded and read, with the words of its document."""
    monkeypatch.setattr(services, "engine_of", lambda queue: engine)
    sent = send(api, data, type)
    assert sent.status_code == 201, sent.json()
    assert services.verify_waiting(Document.objects.get().queue, "w1") == 1
    document = api.get(sent.headers["Location"]).json()
    assert document["verificationStatus"] in SETTLED
    result = api.get(f"{sent.headers['Location']}/result")
    assert result.status_code == 200
    return {**document, **result.json()}


def codes(result: dict[str, Any]) -> set[str]:
    assert all(issue["message"] for issue in result["quality"])
    return {issue["code"] for issue in result["quality"]}


@pytest.mark.parametrize(
    ("kind", "level", "seen_as", "code"),
    [
        ("blank", "clean", "none", "nothing_readable"),
        ("noise", "clean", "none", "nothing_readable"),
        ("table", "phone", "none", "nothing_readable"),
        ("chat", "clean", "other_text", None),
        ("receipt", "phone", "other_text", None),
        ("sim", "phone", "sim", None),
        ("passport", "phone", "passport", None),
        ("kk", "scan", "kk", None),
        ("npwp-back", "phone", "npwp_back", None),
        ("two-cards", "phone", "two_cards", "two_cards"),
        ("half", "phone", None, "cut_off"),
        ("tiny", "clean", None, "too_small"),
        ("photocopy", "scan", "ktp", "photocopy"),
    ],
)
def test_what_is_no_good_picture_of_a_card_is_called_by_its_name(
    api: APIClient, engine: OcrEngine, monkeypatch: Any, kind: str, level: str, seen_as: str | None, code: str | None
) -> None:
    image, truth = render(kind, level, 3)
    result = settled(api, engine, monkeypatch, encode(image, "jpeg"), truth["documentType"])
    if seen_as:
        assert result["kind"] == seen_as
    if code:
        assert code in codes(result)


def test_the_grid_of_a_screen_is_seen_where_the_picture_shows_it(
    api: APIClient, engine: OcrEngine, monkeypatch: Any
) -> None:
    image, truth = render("screen", "phone", 6)  # not every photograph of a screen shows it
    assert "screen_photo" in codes(settled(api, engine, monkeypatch, encode(image, "jpeg"), truth["documentType"]))


@pytest.mark.parametrize(("kind", "type", "seen_as"), [("npwp", "KTP", "npwp15"), ("ktp", "NPWP", "ktp")])
def test_a_card_that_is_sent_as_another_is_known_for_what_it_is(
    api: APIClient, engine: OcrEngine, monkeypatch: Any, kind: str, type: str, seen_as: str
) -> None:
    image, _ = render(kind, "phone", 3)
    result = settled(api, engine, monkeypatch, encode(image, "jpeg"), type)
    assert result["kind"] == seen_as
    assert result["verificationStatus"] != "auto_approved"


def test_a_good_picture_has_nothing_to_complain_of(api: APIClient, engine: OcrEngine, monkeypatch: Any) -> None:
    image, truth = render("ktp", "phone", 5)
    result = settled(api, engine, monkeypatch, encode(image, "jpeg"))
    assert (result["kind"], result["quality"]) == ("ktp", [])
    assert result["result"]["nik"] == truth["fields"]["nik"]


def four_hundred_megapixels() -> bytes:
    """The header of a PNG of 20,000 x 20,000 pixels and very little behind it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 60_001))
        + chunk(b"IEND", b"")
    )


def card_cut_short() -> bytes:
    return encode(render("ktp", "clean", 3)[0], "jpeg")[:-4000]


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        (b"", "image/jpeg", 422, "empty_file"),
        (card_cut_short(), "image/jpeg", 422, "not_decodable"),
        (b"<html><body>KTP</body></html>", "application/pdf", 415, "kind_not_accepted"),
        (four_hundred_megapixels(), "image/png", 422, "too_many_pixels"),
        (picture("GIF"), "image/gif", 415, "kind_not_accepted"),
    ],
)
def test_what_is_no_picture_is_refused_at_the_door_with_its_code(
    api: APIClient, data: bytes, content_type: str, status: int, code: str
) -> None:
    answer = send(api, data, content_type=content_type)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not Document.objects.exists()


@pytest.mark.parametrize("mode", ["RGBA", "CMYK", "L", "I;16", "1", "P"])
def test_a_card_is_read_whatever_its_pixels_are_made_of(
    api: APIClient, engine: OcrEngine, monkeypatch: Any, mode: str
) -> None:
    image, truth = render("ktp", "clean", 5)
    kept, fmt = io.BytesIO(), "JPEG" if mode == "CMYK" else "PNG"
    shown = image.convert("L").convert("I").point(lambda level: level * 256) if mode == "I;16" else image.convert(mode)
    (shown.convert("I;16") if mode == "I;16" else shown).save(kept, fmt)
    monkeypatch.setattr(services, "engine_of", lambda queue: engine)
    sent = send(api, kept.getvalue(), content_type=f"image/{fmt.lower()}")
    assert sent.status_code == 201
    services.verify_waiting(Document.objects.get().queue, "w1")
    result = api.get(f"{sent.headers['Location']}/result").json()["result"]
    assert result["nik"] == truth["fields"]["nik"]


def test_the_page_of_a_pdf_that_holds_the_card_is_found(api: APIClient, engine: OcrEngine, monkeypatch: Any) -> None:
    image, truth = render("ktp", "clean", 5)
    letter = Image.new("RGB", image.size, "white")
    kept = io.BytesIO()
    letter.save(kept, "PDF", save_all=True, append_images=[image, letter])
    monkeypatch.setattr(services, "engine_of", lambda queue: engine)
    sent = send(api, kept.getvalue(), content_type="application/pdf")
    assert sent.status_code == 201
    services.verify_waiting(Document.objects.get().queue, "w1")
    assert Document.objects.get().runs.get().page == 1
    assert api.get(f"{sent.headers['Location']}/result").json()["result"]["nik"] == truth["fields"]["nik"]
