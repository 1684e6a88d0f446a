import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from documents.sealing import CannotOpen
from documents.storage import (
    Folder,
    OriginalMissing,
    StoreUnavailable,
    delete_original,
    originals,
    page_key,
    read_original,
    read_page,
    write_original,
    write_page,
)

S3_OPTIONS = {
    "endpoint_url": os.environ["FILOT_TEST_S3_ENDPOINT"],
    "access_key": os.environ["FILOT_TEST_S3_ACCESS_KEY"],
    "secret_key": os.environ["FILOT_TEST_S3_SECRET_KEY"],
    "bucket_name": os.environ["FILOT_TEST_S3_BUCKET"],
    "region_name": "auto",
}


def on_s3(settings: Any, **options: Any) -> None:
    backend = {"BACKEND": "documents.storage.ObjectStore", "OPTIONS": {**S3_OPTIONS, **options}}
    settings.STORAGES = {**settings.STORAGES, "originals": backend}


def a_key() -> str:
    return f"{uuid.uuid4()}/KTP_{uuid.uuid4()}.jpg"


def test_a_file_in_a_folder_is_sealed_and_for_its_owner_only(originals_in: Path) -> None:
    key = a_key()
    write_original(key, b"the bytes of a card")
    stored = originals_in / key
    assert b"card" not in stored.read_bytes()
    assert stored.stat().st_mode & 0o077 == 0
    assert read_original(key) == b"the bytes of a card"


def test_an_object_in_an_s3_store_is_sealed_and_reads_back(settings: Any) -> None:
    on_s3(settings)
    key = a_key()
    write_original(key, b"the bytes of a card")
    assert read_original(key) == b"the bytes of a card"
    with originals().open(key) as stored:
        assert b"card" not in stored.read()


def test_all_threads_of_a_process_share_one_connection_to_the_store(settings: Any) -> None:
    """One of each thread's own would cost 18 MB a thread."""
    on_s3(settings)

    def there_and_back(number: int) -> tuple[bool, int]:
        key, data = a_key(), b"card %d" % number
        write_original(key, data)
        write_page(key, data)
        return read_original(key) == read_page(key) == data, id(originals().connection)  # type: ignore[attr-defined]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(there_and_back, range(24)))
    assert all(same for same, _ in found)
    assert len({connection for _, connection in found}) == 1


def test_the_bucket_shows_nothing_without_a_signature(settings: Any) -> None:
    on_s3(settings)
    key = a_key()
    write_original(key, b"the bytes of a card")
    answer = requests.get(f"{S3_OPTIONS['endpoint_url']}/{S3_OPTIONS['bucket_name']}/{key}", timeout=5)
    assert answer.status_code == 403


def test_a_wrong_secret_is_a_store_that_is_unavailable(settings: Any) -> None:
    on_s3(settings, secret_key="wrong")
    with pytest.raises(StoreUnavailable):
        write_original(a_key(), b"x")


def test_a_store_that_is_down_is_said_so(settings: Any) -> None:
    on_s3(settings, endpoint_url="http://127.0.0.1:9")
    with pytest.raises(StoreUnavailable):
        write_original(a_key(), b"x")
    with pytest.raises(StoreUnavailable):
        read_original(a_key())


@pytest.mark.parametrize("remote", [False, True])
def test_an_object_that_is_not_there_is_missing_and_not_a_store_that_is_down(
    settings: Any, originals_in: Path, remote: bool
) -> None:
    if remote:
        on_s3(settings)
    with pytest.raises(OriginalMissing):
        read_original(a_key())


def test_requests_are_made_as_r2_wants_them(settings: Any) -> None:
    on_s3(settings)
    config = originals().connection.meta.client.meta.config  # type: ignore[attr-defined]
    assert config.signature_version == "s3v4"
    assert config.s3 == {"addressing_style": "path"}
    assert config.request_checksum_calculation == config.response_checksum_validation == "when_required"
    assert (config.connect_timeout, config.read_timeout) == (3, 10)
    assert originals().connection.meta.client.meta.region_name == "auto"  # type: ignore[attr-defined]


def test_an_object_moved_to_another_key_does_not_open(originals_in: Path) -> None:
    key, other = a_key(), a_key()
    write_original(key, b"x")
    (originals_in / other).parent.mkdir(parents=True)
    (originals_in / key).rename(originals_in / other)
    with pytest.raises(CannotOpen):
        read_original(other)


@pytest.mark.parametrize("remote", [False, True])
def test_a_page_lies_sealed_beside_its_original_and_the_last_one_written_counts(
    settings: Any, originals_in: Path, remote: bool
) -> None:
    if remote:
        on_s3(settings)
    key = a_key()
    write_original(key, b"the bytes of a card")
    for page in (b"a long first page", b"the second"):
        write_page(key, page)
        assert read_page(key) == page
    assert read_original(key) == b"the bytes of a card"
    folder, name = page_key(key).split("/")
    assert sorted(originals().listdir(folder)[1]) == sorted([key.split("/")[1], name])
    with originals().open(page_key(key)) as stored:
        assert b"second" not in stored.read()


def test_a_page_in_a_folder_is_for_its_owner_only(originals_in: Path) -> None:
    key = a_key()
    write_page(key, b"x")
    assert (originals_in / page_key(key)).stat().st_mode & 0o077 == 0
    assert (originals_in / page_key(key)).parent.stat().st_mode & 0o077 == 0


def test_a_page_does_not_open_in_the_place_of_its_original(originals_in: Path) -> None:
    key = a_key()
    write_page(key, b"x")
    (originals_in / page_key(key)).rename(originals_in / key)
    with pytest.raises(CannotOpen):
        read_original(key)


def test_a_death_while_a_page_is_written_leaves_the_one_before(originals_in: Path, monkeypatch: Any) -> None:
    key = a_key()
    write_page(key, b"first")

    class Died(BaseException):
        pass

    def dies(*args: Any) -> None:
        raise Died

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(Died):
        write_page(key, b"second")
    monkeypatch.undo()
    assert read_page(key) == b"first"
    write_page(key, b"third")
    assert read_page(key) == b"third"


def test_a_page_that_cannot_be_written_says_so(originals_in: Path, settings: Any, monkeypatch: Any) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "replace", full)
    with pytest.raises(StoreUnavailable):
        write_page(a_key(), b"x")
    on_s3(settings, endpoint_url="http://127.0.0.1:9")
    for refused in (lambda: write_page(a_key(), b"x"), lambda: read_page(a_key()), lambda: delete_original(a_key())):
        with pytest.raises(StoreUnavailable):
            refused()


@pytest.mark.parametrize("remote", [False, True])
def test_a_deleted_original_takes_its_page_along_and_may_be_deleted_again(
    settings: Any, originals_in: Path, remote: bool
) -> None:
    if remote:
        on_s3(settings)
    key, other = a_key(), a_key()
    for kept in (key, other):
        write_original(kept, b"x")
        write_page(kept, b"y")
    for _ in range(2):
        delete_original(key)
        for read in (read_original, read_page):
            with pytest.raises(OriginalMissing):
                read(key)
    assert (read_original(other), read_page(other)) == (b"x", b"y")
