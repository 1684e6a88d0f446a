"""How long the certificates last that FiLot shows and is shown: looked at hourly, kept for whoever asks /metrics."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from cryptography import x509
from django.conf import settings
from django.core.cache import cache

KEY, KEPT_SECONDS = "certificates", 7 * 86400
LIMIT = 3.0  # seconds for one server

log = structlog.get_logger(__name__)


def look() -> dict[str, float]:
    """{certificate: epoch second of its end}; one that cannot be seen now keeps what was known of it."""
    found = known()
    for name, certificate in _files():
        found[name] = _end(certificate)
    for name, host, port in _servers():
        try:
            found[name] = _end(_shown_by(host, port))
        except (OSError, ValueError) as error:
            log.warning("certificate_not_seen", certificate=name, error=type(error).__name__)
    cache.set(KEY, found, KEPT_SECONDS)
    return found


def known() -> dict[str, float]:
    return dict(cache.get(KEY) or {})


def _files() -> Iterator[tuple[str, x509.Certificate]]:
    for name, path in (("temporal-client", settings.TEMPORAL_TLS_CERT), ("temporal-ca", settings.TEMPORAL_TLS_CA)):
        if path:
            try:
                yield name, x509.load_pem_x509_certificate(Path(path).read_bytes())
            except (OSError, ValueError) as error:
                log.warning("certificate_not_seen", certificate=name, error=type(error).__name__)


def _servers() -> Iterator[tuple[str, str, int]]:
    """What we speak to over TLS, and how the world sees ourselves."""
    store = settings.STORAGES["originals"]["OPTIONS"].get("endpoint_url", "")
    addresses = {"buli2": settings.BULI2_API_URL, "store": store, "web": settings.BULI2_CALLBACK_BASE_URL}
    for name, url in addresses.items():
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            yield name, parts.hostname, parts.port or 443


def _shown_by(host: str, port: int) -> x509.Certificate:
    """Unchecked on purpose: of one that has ended the end is wanted too, and nothing is sent."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, port), LIMIT) as line:
        line.settimeout(LIMIT)
        with context.wrap_socket(line, server_hostname=host) as shown:
            return x509.load_der_x509_certificate(shown.getpeercert(binary_form=True) or b"")


def _end(certificate: x509.Certificate) -> float:
    return certificate.not_valid_after_utc.astimezone(UTC).timestamp()


def days_left(ends: float) -> float:
    return (ends - datetime.now(UTC).timestamp()) / 86400
