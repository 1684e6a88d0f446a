"""Pictures of the console for the README, of invented people on cards that say SPECIMEN: `make screenshots`."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from PIL import Image, ImageDraw, ImageFont

from documents.models import Document
from documents.storage import write_original
from filot.models import User
from integrations.models import Buli2Exchange
from review.looks import plant_for_all
from review.models import Decision, Review
from review.revealing import reveal
from tests.browser.cases import given_to
from tests.browser.conftest import Opened
from tests.browser.watching import settled
from tests.review.admin_cases import open_case, read_field, staff
from verification.models import VerificationRun, Worker

FOLDER = Path(django_settings.BASE_DIR) / "docs" / "screenshots"
SIZE = (1200, 760)
LINES = {
    "nik": ("NIK", "3305091403905797", "3305091403905797"),
    "name": ("Nama", "DEWI SPECIMEN", "DEWI SPECIMEN"),
    "birthPlace": ("Tempat Lahir", "BANDUNG", "BANDUNG"),
    "birthDate": ("Tgl Lahir", "14-03-1990", "1990-03-14"),
    "gender": ("Jenis Kelamin", "PEREMPUAN", "PEREMPUAN"),
    "address": ("Alamat", "JL CONTOH NO 85", "JL CONTOH NO 85"),
    "religion": ("Agama", "ISLAM", "ISLAM"),
    "occupation": ("Pekerjaan", "KARYAWAN SWASTA", "KARYAWAN SWASTA"),
}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("originals_in")]


def card() -> tuple[bytes, dict[str, Any]]:
    """A drawn card that no one could take for a real one, and its fields with where they stand."""
    picture = Image.new("RGB", SIZE, (84, 78, 72))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((60, 50, SIZE[0] - 60, SIZE[1] - 50), 24, fill=(176, 208, 230))
    draw.text((420, 72), "PROVINSI CONTOH", fill=(20, 25, 35), font=ImageFont.load_default(38))
    draw.text((400, 122), "SPECIMEN - DATA PALSU", fill=(190, 30, 30), font=ImageFont.load_default(30))
    draw.rectangle((890, 220, 1080, 470), fill=(200, 60, 60))
    draw.ellipse((935, 250, 1035, 360), fill=(226, 190, 160))
    draw.pieslice((915, 365, 1055, 560), 180, 360, fill=(50, 60, 110))
    fields = {}
    for at, (name, (label, shown, value)) in enumerate(LINES.items()):
        top = 200 + at * 58
        draw.text((100, top), label, fill=(60, 70, 90), font=ImageFont.load_default(26))
        left, upper, right, lower = draw.textbbox((380, top), shown, font=ImageFont.load_default(30))
        draw.text((380, top), shown, fill=(15, 18, 28), font=ImageFont.load_default(30))
        left, upper, right, lower = left - 6, upper - 6, right + 6, lower + 6  # as loose as boxes of an engine are
        box = [left / SIZE[0], upper / SIZE[1], (right - left) / SIZE[0], (lower - upper) / SIZE[1]]
        sure = 0.99 - at * 0.03
        fields[name] = read_field(value, raw=shown, box=box, confidence=sure)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue(), fields


def cases(me: User, other: User) -> list[Review]:
    owner, second = User.objects.create_user("client-a"), User.objects.create_user("client-b")
    picture, fields = card()
    found = []
    for at, (score, due) in enumerate([(55, 3), (12, -20), (22, -6), (64, 0.6), (71, 9), (38, 1), (47, 22), (80, 14)]):
        review = open_case(
            second if at == 3 else owner, fields=fields, score=score, due_at=timezone.now() + timedelta(hours=due)
        )
        write_original(review.document.storage_key, picture)
        age = timezone.now() - timedelta(hours=24 - due)
        number = "same" if at in (0, 3) else f"n{at}"
        Document.objects.filter(pk=review.document_id).update(number_index=number, created_at=age)
        Review.objects.filter(pk=review.pk).update(risk=100 - score, created_at=age)
        found.append(review)
    given_to(found[0], me)
    given_to(found[1], other)
    return [Review.objects.get(pk=review.pk) for review in found]


def test_pictures(opened: Opened, settings: Any) -> None:
    settings.BULI2_MODE = "sandbox"
    me, other, root = staff("senior", "sari"), staff("reviewer", "rina"), User.objects.create_superuser("budi")
    User.objects.update(language="en")
    reviews = cases(me, other)
    said = [("address_missing", "No complete address was found on the card.")]
    said.append(("score_undecided", "The evidence is not enough for a decision without a person."))
    VerificationRun.objects.update(reasons=[{"code": code, "message": message} for code, message in said])
    message = {"direction": "outbound", "kind": "submit", "method": "POST", "path": "/v1/tickets", "attempt": 2}
    for at, state in enumerate(("done", "pending", "dead")):
        Buli2Exchange.objects.create(
            **message, review_id=reviews[at].pk, state=state, http_status=200 if at == 0 else 503
        )
    callback = {"direction": "inbound", "kind": "callback", "method": "POST", "path": "/internal/buli2/callback"}
    for state, status, error in (("done", 200, ""), ("refused", 401, "INVALID_SIGNATURE")):
        Buli2Exchange.objects.create(**callback, state=state, http_status=status, error=error, duration_ms=9)
    Worker.objects.create(name="ocr-1@specimen", queue="ocr.cpu", host="specimen", pid=1, loop_pid=1, doing="idle")
    mine, same = reviews[0], reviews[3]
    page = opened(me, "")
    shots = {
        "dashboard": "",
        "queue": "review/review/",
        "case": f"review/review/{mine.pk}/change/",
        "held": f"review/review/{reviews[1].pk}/change/",
        "compare": f"review/review/{mine.pk}/compare/{same.document_id}/",
        "preferences": "preferences/",
    }
    for name, address in shots.items():
        shoot(page, name, address)
    page.goto(f"/{django_settings.ADMIN_PATH}{shots['case']}")
    settled(page)
    page.keyboard.press("r")
    page.screenshot(path=FOLDER / "reject.png")
    User.objects.filter(pk=me.pk).update(language="id")
    dark = opened(me, "", color_scheme="dark")
    shoot(dark, "case-dark-id", shots["case"])
    phone = opened(me, "", viewport={"width": 390, "height": 844})
    shoot(phone, "queue-phone", shots["queue"])
    everything = opened(root, "")
    shoot(everything, "exchanges", "integrations/buli2exchange/")
    shoot(everything, "operations", "ops/")
    compliance = staff("compliance", "citra")
    User.objects.filter(pk=compliance.pk).update(language="en")
    for review in reviews[:2]:
        reveal(review, me, reason="compare")
    Review.objects.filter(pk=reviews[7].pk).update(decision="approved", decided_at=timezone.now())
    plant_for_all(Review.objects.get(pk=reviews[7].pk), answer=Decision.approved, by=compliance)
    theirs = opened(compliance, "")
    shoot(theirs, "audit", "documents/auditentry/")
    shoot(theirs, "known-answers", "review/blindlook/known/")
    stranger = opened(None, "login/")
    stranger.screenshot(path=FOLDER / "login.png")


def shoot(page: Any, name: str, address: str) -> None:
    page.goto(f"/{django_settings.ADMIN_PATH}{address}")
    settled(page)
    if page.locator("[data-viewer]").count():
        page.locator("[data-viewer][data-loaded]").first.wait_for()
    page.screenshot(path=FOLDER / f"{name}.png")
