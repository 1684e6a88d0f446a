"""Cases for the tests of the console: a specimen picture, a run with its fields, an open review."""

import io
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from PIL import Image, ImageDraw

from documents.models import Document
from documents.sealing import blind_index
from documents.status import Status
from documents.storage import write_original
from filot.models import User
from review.four_eyes import risk_number, standing_reasons
from review.models import Review
from tests.documents.build import make_document
from verification.models import RunOutcome, VerificationRun

NIK = "3305091403905797"  # invented
INK = (255, 0, 255)  # of the number alone, so that a test can look for it
NUMBER_BOX = [0.3, 0.2, 0.4, 0.1]
SIZE = (600, 400)


def specimen(number_box: list[float] | None = NUMBER_BOX) -> bytes:
    """A PNG that says SPECIMEN, with its number drawn as stripes of INK inside the box."""
    picture = Image.new("RGB", SIZE, (200, 220, 235))
    draw = ImageDraw.Draw(picture)
    draw.text((20, 360), "SPECIMEN", fill=(180, 0, 0))
    if number_box:
        left, top = number_box[0] * SIZE[0], number_box[1] * SIZE[1]
        width, height = number_box[2] * SIZE[0], number_box[3] * SIZE[1]
        for stripe in range(16):
            x = left + width * stripe / 16
            draw.rectangle((x, top, x + width / 40, top + height), fill=INK)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def has_ink(png: bytes) -> bool:
    """Whether stripes of the number can be made out."""
    with Image.open(io.BytesIO(png)) as opened:
        colours = opened.convert("RGB").getcolors(maxcolors=10**6) or []
    return any(red > 200 and green < 90 and blue > 200 for _, (red, green, blue) in colours)


def read_field(value: str | None, *, raw: str = "", box: list[float] | None = None, **more: Any) -> dict[str, Any]:
    return {"value": value, "raw": raw or value or "", "confidence": 0.93, "box": box, "proposed": None, **more}


def fields_of_card(**changes: Any) -> dict[str, Any]:
    fields = {
        "nik": read_field(NIK, box=NUMBER_BOX),
        "name": read_field("DEWI CONTOH", box=[0.3, 0.35, 0.3, 0.08], confidence=0.88),
        "birthDate": read_field("1990-03-14", raw="14-03-1990", box=[0.3, 0.45, 0.3, 0.08]),
        "address": read_field(None),
    }
    return {**fields, **changes}


def open_case(
    owner: User,
    *,
    fields: dict[str, Any] | None = None,
    score: int | None = 55,
    number: str = NIK,
    findings: list[dict[str, Any]] | None = None,
    **facts: Any,
) -> Review:
    """A document in needs_review with a judged run and its open review; `facts` are of the review."""
    document = make_document(
        owner,
        status=Status.needs_review,
        queue="",
        queued_at=None,
        attempts=1,
        ai_score=score,
        ai_decision="needs_review",
        number_index=blind_index("KTP", number) if number else "",
        content_type="image/png",
    )
    run = VerificationRun(
        document=document,
        attempt=1,
        queue="ocr.cpu",
        worker="worker-1",
        outcome=RunOutcome.judged,
        engine="rapidocr",
        engine_version="3.10",
        device="cpu",
        parser_version="ktp-1",
        policy="baseline",
        policy_version="1",
        score=score,
        decision="needs_review",
        thresholds={"approve": 85, "reject": 35},
        points={"nik": 30, "name": 20},
        findings=findings or [],
        reasons=[
            {"code": "address_missing", "message": "The address was not found."},
            {"code": "score_low", "message": "The score is under the limit."},
        ],
    )
    run.fields, run.lines = fields_of_card() if fields is None else fields, []
    run.save()
    because = standing_reasons(document)
    defaults: dict[str, Any] = {
        "due_at": timezone.now() + timedelta(hours=4),
        "risk": risk_number(document),
        "needs_two": bool(because),
        "two_because": because,
    }
    return Review.objects.create(document=document, **{**defaults, **facts})


def with_picture(review: Review, png: bytes | None = None) -> Review:
    write_original(review.document.storage_key, specimen() if png is None else png)
    return review


def staff(role: str, name: str = "") -> User:
    """A member of staff with this role's rights."""
    call_command("setup_roles", verbosity=0, stdout=io.StringIO())
    user = User.objects.create_user(name or f"a-{role}", is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    return user


def logged_in(user: User) -> Client:
    """Reads English, whatever the console's own language is."""
    client = Client()
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    client.force_login(user)
    return client


def state_of(document: Document) -> Status:
    document.refresh_from_db()
    return document.state


def act(client: Client, review: Review, door: str, **data: Any) -> Any:
    """Take the case and press one of its buttons, as its page would."""
    client.post(f"/admin/review/review/{review.pk}/claim/")
    version = Review.objects.values_list("version", flat=True).get(pk=review.pk)
    return client.post(f"/admin/review/review/{review.pk}/{door}/", {"version": version, **data})
