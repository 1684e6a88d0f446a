"""The virus scanner, against a small fake of its daemon over real sockets."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from pydantic import ValidationError
from rest_framework.test import APIClient

from documents import clamd
from documents.clamd import ScannerUnavailable, check_clean
from documents.models import Document
from filot.env import Env
from ocr_gpu.refusals import UnreadableFile
from tests.documents.fake_clamd import EICAR, FakeClamd
from tests.documents.test_api import picture, send


@pytest.fixture
def scanner(settings: Any) -> Iterator[FakeClamd]:
    with FakeClamd() as running:
        settings.CLAMD_ADDRESS = running.address
        yield running


def with_comment(data: bytes, comment: bytes) -> bytes:
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


def test_without_an_address_nothing_is_scanned() -> None:
    assert django_settings.CLAMD_ADDRESS == ""
    check_clean(EICAR)


@pytest.mark.parametrize("size", [0, 1, clamd.CHUNK_BYTES, clamd.CHUNK_BYTES + 1, 2 * 1024 * 1024])
def test_every_byte_reaches_the_scanner(scanner: FakeClamd, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    check_clean(data[:size])
    assert scanner.streams == [data[:size]]


def test_a_socket_in_the_file_system_will_do(settings: Any, tmp_path: Path) -> None:
    with FakeClamd(path=tmp_path / "clamd.sock") as running:
        settings.CLAMD_ADDRESS = running.address
        check_clean(b"clean")
        with pytest.raises(UnreadableFile, match="malware_found"):
            check_clean(b"x" + EICAR)


@pytest.mark.parametrize("behaviour", ["rude", "garbage", "broken", "strict"])
def test_a_scanner_that_does_not_say_clean_is_a_scanner_that_is_down(settings: Any, behaviour: str) -> None:
    with FakeClamd(behaviour) as running:
        settings.CLAMD_ADDRESS = running.address
        with pytest.raises(ScannerUnavailable):
            check_clean(bytes(3 * 1024 * 1024))


@pytest.mark.parametrize("behaviour", ["silent", "drip"])
def test_a_scanner_that_hangs_is_given_up_after_its_limit(
    settings: Any, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clamd, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(clamd, "SCAN_SECONDS", 0.4)
    with FakeClamd(behaviour) as running:
        settings.CLAMD_ADDRESS = running.address
        began = time.monotonic()
        with pytest.raises(ScannerUnavailable):
            check_clean(b"a file")
        assert time.monotonic() - began < 3


def test_a_scanner_that_is_not_there_is_down(settings: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.CLAMD_ADDRESS = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ScannerUnavailable):
        check_clean(b"a file")
    settings.CLAMD_ADDRESS = "unix:/nowhere/clamd.sock"
    with pytest.raises(ScannerUnavailable):
        check_clean(b"a file")


@pytest.mark.django_db
def test_an_upload_with_a_virus_in_what_would_be_dropped_is_refused_too(
    api: APIClient, originals_in: Path, scanner: FakeClamd
) -> None:
    answer = send(api, with_comment(picture(), EICAR))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "malware_found")
    assert not Document.objects.exists()
    assert not [path for path in originals_in.rglob("*") if path.is_file()]
    assert send(api).status_code == 201


@pytest.mark.django_db
def test_while_the_scanner_is_down_uploads_are_refused_and_nothing_is_stored(
    api: APIClient, originals_in: Path, settings: Any
) -> None:
    with FakeClamd("rude") as running:
        settings.CLAMD_ADDRESS = running.address
        answer = send(api)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "scanner_unavailable")
    assert int(answer["Retry-After"]) > 0
    assert not Document.objects.exists()
    assert not [path for path in originals_in.rglob("*") if path.is_file()]
    assert api.get("/documents").status_code == 200


@pytest.mark.parametrize("address", ["clamd", "clamd:port", "unix:", "http://clamd:3310", "clamd:3310 "])
def test_an_address_that_is_none_is_refused_at_the_start(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAMD_ADDRESS", address)
    with pytest.raises(ValidationError):
        Env(_env_file=None)
