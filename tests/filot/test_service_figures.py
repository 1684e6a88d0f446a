"""What an operator is woken for, against rows that were made to deserve it."""

import ssl
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.cache import cache
from django.utils import timezone

from documents.models import Document
from documents.status import Status
from documents.sweeps import last_run, noted
from filot import certificates
from filot.models import User
from filot.service_figures import GAUGES, GROWING, service_figures, service_metrics
from filot.tasks import report_service
from integrations import breaker
from review.models import Review, ReviewDecision
from verification.models import VerificationRun
from verification.tasks import sweep

pytestmark = pytest.mark.django_db(transaction=True)


def a_document(owner: User, **values: Any) -> Document:
    facts = {"type": "KTP", "storage_key": uuid.uuid4().hex, "content_type": "image/png", "size": 1, "sha256": "0"}
    document: Document = Document.objects.create(owner=owner, **facts, **values)
    return document


def long_ago(**how: int) -> datetime:
    return timezone.now() - timedelta(**how)


def test_a_document_without_an_outcome_after_an_hour_is_overdue(owner: User) -> None:
    a_document(owner, queue="ocr.cpu", created_at=long_ago(minutes=61))
    a_document(owner, queue="ocr.cpu", created_at=long_ago(minutes=59))
    a_document(owner, queue="", created_at=long_ago(days=2))  # nobody asked for it yet
    a_document(owner, queue="ocr.cpu", status=Status.needs_review, created_at=long_ago(days=2))
    assert service_figures()["overdue"] == 1


def test_an_original_that_is_not_in_the_store_counts_once_and_for_a_day(owner: User) -> None:
    for days, attempts in ((0, 3), (2, 1)):
        document = a_document(owner)
        for attempt in range(attempts):
            VerificationRun.objects.create(
                document=document, attempt=attempt, reason="original_missing", started_at=long_ago(days=days)
            )
    assert service_figures()["missing"] == 1


def test_reviews_are_counted_by_what_they_wait_for(owner: User) -> None:
    a_document(owner, status=Status.needs_review, status_since=long_ago(minutes=6))
    reviews = []
    for due, started in ((long_ago(hours=1), None), (timezone.now() + timedelta(hours=1), timezone.now())):
        document = a_document(owner, status=Status.needs_review, status_since=long_ago(minutes=6))
        reviews.append(Review.objects.create(document=document, due_at=due, workflow_started_at=started))
    Review.objects.update(created_at=long_ago(minutes=6))
    ReviewDecision.objects.create(
        review=reviews[1], decision="approved", source="buli2", accepted=True, created_at=long_ago(minutes=6)
    )
    expected = {"open": 2, "overdue": 1, "unopened": 1, "unstarted": 1, "undelivered": 1, "unrecorded": 0}
    assert service_figures()["reviews"] == expected


def test_a_decision_that_no_worker_of_temporal_records_is_counted(owner: User) -> None:
    """With the worker gone Temporal takes the signal, and the document stands where it stood."""
    document = a_document(owner, status=Status.needs_review, status_since=long_ago(minutes=6))
    facts = {"due_at": timezone.now(), "workflow_started_at": timezone.now(), "decision": "approved"}
    review = Review.objects.create(document=document, decided_at=long_ago(minutes=4), **facts)
    assert service_figures()["reviews"]["unrecorded"] == 0
    Review.objects.update(decided_at=long_ago(minutes=6))
    assert service_figures()["reviews"]["unrecorded"] == 1
    Review.objects.filter(pk=review.pk).update(closed_at=timezone.now())
    assert service_figures()["reviews"]["unrecorded"] == 0


def test_the_clock_is_compared_with_the_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    assert abs(service_figures()["clock"]) < 0.5
    import filot.service_figures as module

    class Fast:
        time = staticmethod(lambda: timezone.now().timestamp() + 90)

    monkeypatch.setattr(module, "time", Fast)
    assert 89 < service_figures()["clock"] < 91


def test_a_sweep_tells_when_it_came_through_and_one_that_fails_does_not() -> None:
    assert "verification.sweep" not in service_figures()["sweep_age"]
    sweep()
    assert service_figures()["sweep_age"]["verification.sweep"] < 5
    before = last_run("verification.sweep")
    with pytest.raises(ZeroDivisionError), noted("verification.sweep"):
        _ = 1 / 0
    assert last_run("verification.sweep") == before


def test_the_breaker_counts_where_there_is_a_partner(settings: Any) -> None:
    assert "breaker_open" not in service_figures()
    settings.BULI2_MODE = "sandbox"
    breaker._built.cache_clear()
    assert service_figures()["breaker_open"] == 0
    from integrations.tries import _is_failure

    breaker.shared_breaker("buli2", _is_failure)._shared.state = "open"
    assert service_figures()["breaker_open"] == 1


def test_every_growing_table_is_there_and_has_a_size() -> None:
    sizes = service_figures()["tables"]
    assert set(sizes) == set(GROWING)
    assert min(sizes.values()) > 0


def test_with_redis_away_the_figures_of_the_rows_remain(settings: Any) -> None:
    cache.clear()
    assert {"overdue", "missing", "reviews", "clock", "tables"} <= set(service_figures())


def test_every_figure_has_its_gauge() -> None:
    certificates_seen = {"buli2": 1.0}
    cache.set(certificates.KEY, certificates_seen)
    figures = service_figures()
    assert set(figures) <= set(GAUGES)
    names = {metric.name for metric in service_metrics(figures)}
    assert names == {GAUGES[figure][0] for figure in figures}


def test_the_same_figures_become_lines_for_cloudwatch(capsys: pytest.CaptureFixture[str]) -> None:
    sweep()
    cache.set(certificates.KEY, {"buli2": timezone.now().timestamp() + 86400 * 10})
    report_service()
    said = capsys.readouterr().err
    assert '"event": "sweep_age"' in said
    assert '"event": "certificate_days"' in said
    assert '"event": "documents_overdue"' in said


# Certificates -------------------------------------------------------------------------------------------------------


def a_certificate(folder: Path, ends: datetime) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - timedelta(days=30))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return paths


def test_the_end_of_a_certificate_is_seen_even_when_it_has_passed(settings: Any, tmp_path: Path) -> None:
    import socket
    import threading

    ends = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    certificate, key = a_certificate(tmp_path, ends)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with context.wrap_socket(server.accept()[0], server_side=True) as line:
                line.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        settings.BULI2_API_URL = f"https://127.0.0.1:{server.getsockname()[1]}"
        settings.TEMPORAL_TLS_CERT = certificate
        assert certificates.look() == {"buli2": ends.timestamp(), "temporal-client": ends.timestamp()}
    assert certificates.days_left(ends.timestamp()) < -0.9
    assert certificates.look() == {"buli2": ends.timestamp(), "temporal-client": ends.timestamp()}  # known from before
    assert service_figures()["certificates"]["buli2"] == ends.timestamp()
