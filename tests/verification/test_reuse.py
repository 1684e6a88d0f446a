import hashlib
import io
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image

from documents.keys import forget_kept
from documents.models import Document
from documents.services import receive_upload
from documents.status import Status
from documents.storage import StoreUnavailable, page_key, read_page, write_page
from filot.models import User
from tests.documents.build import make_document, store_original
from tests.documents.test_api import picture
from tests.verification.build import KTP_LINES, ScriptedEngine
from verification import reuse, services
from verification.metrics import OCR_SECONDS, REFUSED_WRITES, REUSED
from verification.models import RunOutcome, VerificationRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in", "published_policy")]

CARD = picture()
COPIED = ("engine", "engine_version", "device", "parser_version", "page", "turn", "kind", "lines", "fields", "quality")


@pytest.fixture
def engine(monkeypatch: Any) -> ScriptedEngine:
    engine = ScriptedEngine()
    monkeypatch.setattr(services, "engine_of", lambda queue: engine)
    return engine


def sent(owner: User, data: bytes = CARD, **facts: Any) -> Document:
    return store_original(make_document(owner, sha256=hashlib.sha256(data).hexdigest(), **facts), data)


def verified(document: Document) -> VerificationRun:
    """The run that settled it, or whatever run it has now."""
    assert services.verify_waiting(document.queue, "w1") == 1
    document.refresh_from_db()
    run: VerificationRun = document.runs.get()
    return run


def test_an_identical_file_is_read_once(owner: User, stranger: User, engine: ScriptedEngine) -> None:
    before = REUSED.labels("KTP")._value.get()
    first = verified(sent(owner))
    again = verified(sent(stranger))
    assert engine.reads == 1
    assert (first.reused_from, again.reused_from) == (None, first.pk)
    assert {name: getattr(again, name) for name in COPIED} == {name: getattr(first, name) for name in COPIED}
    assert REUSED.labels("KTP")._value.get() == before + 1


def test_a_reading_of_a_copied_reading_is_that_of_the_file(owner: User, engine: ScriptedEngine) -> None:
    first = verified(sent(owner))
    assert [verified(sent(owner)).reused_from for _ in range(3)] == [first.pk] * 3
    assert engine.reads == 1


def test_what_a_camera_wrote_beside_the_pixels_makes_no_other_file(
    owner: User, stranger: User, engine: ScriptedEngine
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"  # its maker
    buffer = io.BytesIO()
    Image.open(io.BytesIO(CARD)).save(buffer, "JPEG", quality="keep", exif=exif)
    sent_as = {"type": "KTP", "declared_type": "image/jpeg"}
    first = verified(receive_upload(owner=owner, data=CARD, **sent_as))
    document = receive_upload(owner=stranger, data=buffer.getvalue(), **sent_as)
    assert len(buffer.getvalue()) > document.size
    assert verified(document).reused_from == first.pk
    assert engine.reads == 1


def test_a_file_sent_very_often_is_still_known_and_costs_no_more_to_find(
    owner: User, engine: ScriptedEngine, django_assert_num_queries: Any
) -> None:
    first = verified(sent(owner))
    for _ in range(reuse.NEWEST + 2):
        again = verified(sent(owner))
    assert again.reused_from == first.pk
    document = sent(owner)
    with django_assert_num_queries(2):
        assert reuse.stored_reading(document, CARD, engine, first.parser_version)


def test_when_the_reading_is_gone_with_its_document_the_next_is_read_and_then_copied(
    owner: User, engine: ScriptedEngine
) -> None:
    document = sent(owner)
    verified(document)
    verified(sent(owner))
    document.delete()
    second = verified(sent(owner))
    assert (second.reused_from, engine.reads) == (None, 2)
    assert verified(sent(owner)).reused_from == second.pk


def test_the_copy_has_its_own_page_for_people(owner: User, engine: ScriptedEngine) -> None:
    one, two = sent(owner), sent(owner)
    first, again = verified(one), verified(two)
    assert read_page(two.storage_key) == read_page(one.storage_key)
    assert again.picture_sha256 == first.picture_sha256 == hashlib.sha256(read_page(two.storage_key)).hexdigest()


def test_the_copy_is_found_by_the_same_number_and_picture(owner: User, engine: ScriptedEngine) -> None:
    one, two = sent(owner), sent(owner)
    verified(one)
    verified(two)
    assert two.number_index == one.number_index != ""
    assert bytes(two.fingerprint) == bytes(one.fingerprint)
    assert two.picture_bands == one.picture_bands


def test_it_is_judged_anew_and_the_other_owners_card_speaks_against_it(
    owner: User, stranger: User, engine: ScriptedEngine, settings: Any
) -> None:
    settings.SCORING_POLICY = "standard"
    first, again = verified(sent(owner)), verified(sent(stranger))
    assert again.reused_from == first.pk
    assert first.known != again.known
    assert again.document.state is Status.needs_review
    assert again.document.events.filter(after=Status.ai_evaluated).count() == 1


def test_a_copy_takes_its_own_time_and_tells_nothing_of_how_long_ocr_takes(owner: User, engine: ScriptedEngine) -> None:
    first = verified(sent(owner))
    VerificationRun.objects.update(read_seconds=1000.0)
    observed = OCR_SECONDS.labels("cpu", "KTP", "success")._sum.get()
    again = verified(sent(owner))
    assert again.read_seconds < 1000
    assert again.started_at > first.started_at
    assert OCR_SECONDS.labels("cpu", "KTP", "success")._sum.get() == observed


def test_without_the_setting_every_file_is_read(owner: User, engine: ScriptedEngine, settings: Any) -> None:
    settings.OCR_REUSE_READINGS = False
    assert [verified(sent(owner)).reused_from for _ in range(2)] == [None, None]
    assert engine.reads == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"engine": "other"},
        {"engine_version": "another"},
        {"parser_version": "0"},
        {"outcome": RunOutcome.failed},
        {"outcome": RunOutcome.lost},
        {"picture_sha256": ""},
        {"picture_sha256": 64 * "0"},
        {"started_at": timezone.now() - timedelta(days=8)},
    ],
)
def test_a_reading_that_another_engine_made_or_that_is_not_whole_is_not_reused(
    owner: User, engine: ScriptedEngine, changed: dict[str, Any]
) -> None:
    verified(sent(owner))
    VerificationRun.objects.update(**changed)
    assert verified(sent(owner)).reused_from is None
    assert engine.reads == 2


def test_a_reading_whose_texts_cannot_be_opened_any_more_is_not_reused(
    owner: User, stranger: User, engine: ScriptedEngine, settings: Any
) -> None:
    verified(sent(owner))
    run = VerificationRun.objects.get()
    settings.ENCRYPTION_KEYS = {"k2": bytes(32)}
    forget_kept()  # as a process that starts without the key
    assert verified(sent(stranger)).reused_from is None
    assert run.reused_from is None
    assert engine.reads == 2


def test_a_reading_whose_texts_were_erased_is_not_reused(owner: User, engine: ScriptedEngine) -> None:
    run = verified(sent(owner))
    run.fields = run.lines = None
    run.save()
    assert verified(sent(owner)).reused_from is None


def test_a_file_whose_page_is_gone_is_read_anew(owner: User, engine: ScriptedEngine, originals_in: Path) -> None:
    first = sent(owner)
    verified(first)
    (originals_in / page_key(first.storage_key)).unlink()
    assert verified(sent(owner)).reused_from is None
    assert engine.reads == 2


def test_the_same_file_as_another_kind_of_card_is_read_anew(owner: User, engine: ScriptedEngine) -> None:
    verified(sent(owner))
    assert verified(sent(owner, type="NPWP")).reused_from is None


def test_a_file_that_is_not_what_its_row_says_is_read_for_what_it_is(owner: User, engine: ScriptedEngine) -> None:
    verified(sent(owner))
    other = make_document(owner, sha256=hashlib.sha256(CARD).hexdigest())
    store_original(other, picture("JPEG", (640, 400)))
    assert verified(other).reused_from is None
    assert engine.reads == 2


def test_a_copy_outlives_the_document_that_was_read(owner: User, engine: ScriptedEngine) -> None:
    first = sent(owner)
    source = verified(first)
    second = verified(sent(owner))
    first.delete()
    second.refresh_from_db()
    assert second.reused_from == source.pk
    assert second.fields["nik"]["value"] == "3273014107900001"


def test_a_lost_original_is_found_out_though_its_file_was_read_before(owner: User, engine: ScriptedEngine) -> None:
    verified(sent(owner))
    document = make_document(owner, sha256=hashlib.sha256(CARD).hexdigest())
    assert verified(document).reason == "original_missing"
    assert document.state is Status.uploaded


def test_a_worker_that_lost_its_claim_copies_nothing(owner: User, engine: ScriptedEngine, monkeypatch: Any) -> None:
    verified(sent(owner))
    document = sent(owner)
    before = REFUSED_WRITES._value.get()

    def taken_meanwhile(*args: Any) -> Any:
        Document.objects.filter(pk=document.pk).update(claim_token=uuid.uuid4(), claimed_by="another")
        return reuse.stored_reading(*args)

    monkeypatch.setattr(services, "stored_reading", taken_meanwhile)
    run = verified(document)
    assert (run.fields, run.reused_from, run.outcome) == (None, None, RunOutcome.running)
    assert (document.state, document.claimed_by, document.number_index) == (Status.processing, "another", "")
    assert REFUSED_WRITES._value.get() == before + 1


def test_a_claim_that_is_lost_while_the_page_is_stored_commits_nothing(
    owner: User, engine: ScriptedEngine, monkeypatch: Any
) -> None:
    verified(sent(owner))
    document = sent(owner)

    def stored_too_late(key: str, data: bytes) -> None:
        Document.objects.filter(pk=document.pk).update(claim_token=uuid.uuid4())
        write_page(key, data)

    monkeypatch.setattr(services, "write_page", stored_too_late)
    assert verified(document).fields is None
    assert document.state is Status.processing


def test_reusing_that_fails_fails_no_document(owner: User, engine: ScriptedEngine, monkeypatch: Any) -> None:
    verified(sent(owner))
    monkeypatch.setattr(reuse, "read_page", lambda key: 1 / 0)
    document = sent(owner)
    assert verified(document).reused_from is None
    assert document.state is Status.auto_approve


def test_a_page_that_cannot_be_stored_holds_up_no_copy(owner: User, engine: ScriptedEngine, monkeypatch: Any) -> None:
    def down(key: str, data: bytes) -> None:
        raise StoreUnavailable

    verified(sent(owner))
    monkeypatch.setattr(services, "write_page", down)
    document = sent(owner)
    run = verified(document)
    assert (run.picture_sha256, run.reused_from is None, document.state) == ("", False, Status.auto_approve)


def test_of_a_batch_only_what_is_new_is_read(owner: User, monkeypatch: Any) -> None:
    gpu = ScriptedEngine(device="cuda:0")
    monkeypatch.setattr(services, "engine_of", lambda queue: gpu)
    verified(sent(owner, queue="ocr.gpu"))
    pages: list[int] = []
    read = gpu.read
    monkeypatch.setattr(gpu, "read", lambda images, **how: pages.append(len(images)) or read(images, **how))
    documents = [sent(owner, data, queue="ocr.gpu") for data in (CARD, picture("PNG"), CARD)]
    assert services.verify_waiting("ocr.gpu", "w1") == 3
    assert pages[0] == 1
    assert [document.runs.get().reused_from is not None for document in documents] == [True, False, True]
    assert set(Document.objects.values_list("status", flat=True)) == {"auto_approve"}


def test_another_picture_with_the_same_lines_is_read(owner: User, engine: ScriptedEngine) -> None:
    verified(sent(owner))
    assert verified(sent(owner, picture("JPEG", (640, 400)))).reused_from is None
    assert engine.texts == KTP_LINES
