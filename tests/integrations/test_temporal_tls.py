"""The settings of a cluster behind TLS, against a real one: a TLS door before the real development server."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations import temporal
from integrations.temporal import TemporalUnavailable

NAME = "temporal.internal"
LIMIT = 5.0


@dataclass
class Authority:
    """Signs certificates, each into two files of `folder`."""

    folder: Path
    name: str

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed(self.name, self.key, authority=True)
        self.file = self.folder / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        files[0].write_bytes(self._signed(name, key).public_bytes(serialization.Encoding.PEM))
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
        return files

    def _signed(self, name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        who, by = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, self.name)]
        made = x509.CertificateBuilder().subject_name(who).issuer_name(by).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return made.sign(self.key, hashes.SHA256())


def door(context: ssl.SSLContext, behind: str) -> socket.socket:
    """Listens, and hands what comes through TLS on to the server at `behind`, which is the real one."""
    listening = socket.create_server(("127.0.0.1", 0))
    host, _, port = behind.rpartition(":")

    def hand_on(plain: socket.socket) -> None:
        with (
            suppress(OSError),
            context.wrap_socket(plain, server_side=True) as outer,
            socket.create_connection((host, int(port))) as inner,
        ):
            threading.Thread(target=copy, args=(inner, outer), daemon=True).start()
            copy(outer, inner)

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listening.accept()
                threading.Thread(target=hand_on, args=(plain,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listening


def copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    folder = tmp_path_factory.mktemp("authorities")
    return Authority(folder / "ours", "ours"), Authority(folder / "strange", "strange")


@pytest.fixture
def behind_tls(settings: Any, authorities: tuple[Authority, Authority]) -> Iterator[None]:
    """A server that takes certificates of ours only, and settings that fit it. A door for each test: a connection that
    stands is not made anew when settings change.
    """
    ours, _ = authorities
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours.issue(NAME))
    context.load_verify_locations(ours.file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    with door(context, settings.TEMPORAL_ADDRESS) as listening:
        settings.TEMPORAL_TLS_CERT, settings.TEMPORAL_TLS_KEY = ours.issue("filot")
        settings.TEMPORAL_TLS_CA, settings.TEMPORAL_TLS_SERVER_NAME = ours.file, NAME
        settings.TEMPORAL_ADDRESS = f"127.0.0.1:{listening.getsockname()[1]}"
        yield


def test_a_cluster_that_asks_for_a_certificate_is_reached_with_ours(behind_tls: None) -> None:
    assert temporal.ping(LIMIT) < LIMIT
    with pytest.raises(temporal.WorkflowGone):  # an answer of the server itself
        temporal.signal_workflow("kyc-review-nobody", "reviewDecision", {}, timeout=LIMIT)


def without_a_certificate(settings: Any, strange: Authority) -> None:
    settings.TEMPORAL_TLS_CERT = settings.TEMPORAL_TLS_KEY = ""


def with_a_strange_certificate(settings: Any, strange: Authority) -> None:
    settings.TEMPORAL_TLS_CERT, settings.TEMPORAL_TLS_KEY = strange.issue("filot")


def trusting_a_strange_authority(settings: Any, strange: Authority) -> None:
    settings.TEMPORAL_TLS_CA = strange.file


def expecting_another_name(settings: Any, strange: Authority) -> None:
    settings.TEMPORAL_TLS_SERVER_NAME = "temporal.example"


def in_the_clear(settings: Any, strange: Authority) -> None:
    settings.TEMPORAL_TLS_CERT = settings.TEMPORAL_TLS_KEY = settings.TEMPORAL_TLS_CA = ""
    settings.TEMPORAL_TLS_SERVER_NAME = ""


@pytest.mark.parametrize(
    "changed",
    [
        without_a_certificate,
        with_a_strange_certificate,
        trusting_a_strange_authority,
        expecting_another_name,
        in_the_clear,
    ],
)
def test_who_does_not_fit_gets_no_connection(
    behind_tls: None,
    settings: Any,
    authorities: tuple[Authority, Authority],
    changed: Callable[[Any, Authority], None],
) -> None:
    changed(settings, authorities[1])
    with pytest.raises(TemporalUnavailable):
        temporal.ping(LIMIT)
