import io
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from documents.models import Document, DocumentEvent
from documents.queue import hints_waiting, ring
from documents.services import KeyReused, receive_upload, sweep_originals
from documents.storage import UNFINISHED, page_key, read_original, write_original, write_page
from filot.models import User
from ocr_gpu.images import upright_pages
from tests.documents.build import make_document
from tests.documents.test_api import picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]


def receive(owner: User, **facts: Any) -> Document:
    defaults: dict[str, Any] = {"owner": owner, "type": "KTP", "data": picture(), "declared_type": "image/jpeg"}
    return receive_upload(**{**defaults, **facts})


def test_a_received_upload_has_its_row_its_object_and_its_first_event(owner: User) -> None:
    data = picture()
    document = receive(owner, data=data)
    assert read_original(document.storage_key) == data
    event = DocumentEvent.objects.get(document=document)
    assert (event.before, event.after, event.actor) == ("", "uploaded", str(owner.pk))


def test_with_a_gpu_uploads_go_to_its_queue(owner: User, settings: Any) -> None:
    settings.OCR_GPU_ENABLED = True
    assert receive(owner).queue == "ocr.gpu"


def test_two_owners_may_use_the_same_idempotency_key(owner: User, stranger: User) -> None:
    first, second = receive(owner, idempotency_key="k"), receive(stranger, idempotency_key="k")
    assert first.pk != second.pk


def test_an_idempotency_key_for_another_type_is_refused(owner: User) -> None:
    receive(owner, idempotency_key="k")
    with pytest.raises(KeyReused):
        receive(owner, idempotency_key="k", type="NPWP")


def test_an_object_whose_row_was_never_committed_is_swept_once_it_is_old(owner: User, originals_in: Path) -> None:
    kept = receive(owner)
    orphan = f"{owner.pk}/KTP_{uuid.uuid4()}.jpg"
    write_original(orphan, b"x")
    assert sweep_originals() == 0
    assert sweep_originals(older_than=timedelta(0)) == 1
    assert not (originals_in / orphan).exists()
    assert (originals_in / kept.storage_key).exists()


@pytest.mark.parametrize("ending", ["jpg", "png", "pdf"])
def test_the_page_of_a_living_document_stays_and_one_of_none_goes_once_it_is_old(
    owner: User, originals_in: Path, ending: str
) -> None:
    living = make_document(owner, storage_key=f"{owner.pk}/KTP_{uuid.uuid4()}.{ending}").storage_key
    gone = f"{owner.pk}/KTP_{uuid.uuid4()}.{ending}"
    for key in (living, gone):
        write_page(key, b"x")
    assert sweep_originals() == 0
    assert sweep_originals(older_than=timedelta(0)) == 1
    assert (originals_in / page_key(living)).exists()
    assert not (originals_in / page_key(gone)).exists()


def test_an_orphan_is_swept_together_with_its_page(owner: User, originals_in: Path) -> None:
    orphan = f"{owner.pk}/KTP_{uuid.uuid4()}.jpg"
    write_original(orphan, b"x")
    write_page(orphan, b"x")
    assert sweep_originals(older_than=timedelta(0)) == 2
    assert not any(path.is_file() for path in originals_in.rglob("*"))


def test_what_a_death_in_the_middle_of_writing_a_page_left_is_swept(owner: User, originals_in: Path) -> None:
    kept = receive(owner).storage_key
    write_page(kept, b"x")
    left = originals_in / f"{page_key(kept)}.{uuid.uuid4()}{UNFINISHED}"
    left.write_bytes(b"half")
    assert sweep_originals() == 0
    assert sweep_originals(older_than=timedelta(0)) == 1
    assert sorted(path.name for path in originals_in.rglob("*.*")) == sorted(
        Path(key).name for key in (kept, page_key(kept))
    )


def test_the_sweep_leaves_alone_what_is_not_named_as_an_original(owner: User, originals_in: Path) -> None:
    mine = originals_in / str(owner.pk)
    strangers = [originals_in / "log" / "syslog", mine / "notes.txt", mine / "holiday.page.jpg", mine / "download.part"]
    for stranger in strangers:
        stranger.parent.mkdir(parents=True, exist_ok=True)
        stranger.write_bytes(b"x")
    assert sweep_originals(older_than=timedelta(0)) == 0
    assert all(stranger.exists() for stranger in strangers)


def test_before_the_first_upload_there_is_nothing_to_sweep(settings: Any, tmp_path: Path) -> None:
    stores = {**settings.STORAGES}
    stores["originals"] = {**stores["originals"], "OPTIONS": {"location": tmp_path / "not-made-yet"}}
    settings.STORAGES = stores
    assert sweep_originals() == 0


def test_an_idempotency_key_made_of_a_number_is_in_no_column(owner: User) -> None:
    document = receive(owner, idempotency_key="3273014107900001")
    assert receive(owner, idempotency_key="3273014107900001").pk == document.pk
    row = Document.objects.filter(pk=document.pk).values().get()
    assert "3273014107900001" not in {str(value) for value in row.values()}


def test_a_ring_leaves_a_hint_in_the_broker() -> None:
    queue = f"test.{uuid.uuid4()}"
    assert ring(queue, 3)
    assert hints_waiting(queue) == 3


def test_where_and_with_what_a_picture_was_taken_is_not_kept(owner: User) -> None:
    block = Image.Exif()
    block[0x010F], block[0x0112] = "JUDGECAM 3000", 6
    buffer = io.BytesIO()
    Image.new("RGB", (320, 200), "white").save(buffer, "JPEG", exif=block)
    kept = read_original(receive(owner, data=buffer.getvalue()).storage_key)
    assert b"JUDGECAM" in buffer.getvalue()
    assert b"JUDGECAM" not in kept
    assert upright_pages(kept)[0].shape == upright_pages(buffer.getvalue())[0].shape == (320, 200, 3)
