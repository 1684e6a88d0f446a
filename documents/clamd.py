"""A virus scanner beside us, ClamAV's daemon, spoken to by its INSTREAM command; off while no address is set.

Protocol (clamd(8)): `zINSTREAM\\0`, then chunks as four bytes of length (network order) and the bytes, a length of
zero, and one answer that ends with a zero byte: `stream: OK`, `stream: <name> FOUND`, or `... ERROR`.
"""

import socket
import struct
import time
from contextlib import suppress

import structlog
from django.conf import settings

from ocr_gpu.refusals import UnreadableFile

CHUNK_BYTES = 64 * 1024
LONGEST_ANSWER = 1024
CONNECT_SECONDS = 2.0
SCAN_SECONDS = 15.0  # for all of it, however slowly the daemon takes and answers

log = structlog.get_logger(__name__)


class ScannerUnavailable(Exception):
    """The daemon did not answer, or said that it could not scan: whether the file is clean is not known."""


def check_clean(data: bytes) -> None:
    """Nothing without an address. Raises UnreadableFile("malware_found"), or ScannerUnavailable."""
    if not settings.CLAMD_ADDRESS:
        return
    try:
        answer = _scanned(settings.CLAMD_ADDRESS, data)
    except OSError as error:
        log.error("scanner_unavailable", error=type(error).__name__)
        raise ScannerUnavailable from error
    if answer == "stream: OK":
        return
    if answer.startswith("stream: ") and answer.endswith(" FOUND"):
        log.warning("malware_found", signature=answer.removeprefix("stream: ").removesuffix(" FOUND")[:100])
        raise UnreadableFile("malware_found")
    log.error("scanner_unavailable", error="answer", said=answer[:100])
    raise ScannerUnavailable


def _scanned(address: str, data: bytes) -> str:
    """What the daemon says of the bytes. Raises OSError (a TimeoutError too)."""
    deadline = time.monotonic() + CONNECT_SECONDS + SCAN_SECONDS
    with _connected(address) as line:
        with suppress(BrokenPipeError, ConnectionResetError):  # over its own limit it answers before it heard all
            _send(line, b"zINSTREAM\0", deadline)
            for start in range(0, len(data), CHUNK_BYTES):
                chunk = data[start : start + CHUNK_BYTES]
                _send(line, struct.pack(">I", len(chunk)) + chunk, deadline)
            _send(line, struct.pack(">I", 0), deadline)
        return _answer(line, deadline)


def _connected(address: str) -> socket.socket:
    """`host:port`, or `unix:/path`."""
    kind, _, path = address.partition(":")
    if kind == "unix":
        line = socket.socket(socket.AF_UNIX)
        try:
            line.settimeout(CONNECT_SECONDS)
            line.connect(path)
        except BaseException:
            line.close()
            raise
        return line
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS)


def _send(line: socket.socket, message: bytes, deadline: float) -> None:
    line.settimeout(_left(deadline))
    line.sendall(message)


def _answer(line: socket.socket, deadline: float) -> str:
    said = b""
    while b"\0" not in said:
        line.settimeout(_left(deadline))
        more = line.recv(LONGEST_ANSWER)
        if not more or len(said) > LONGEST_ANSWER:
            raise ConnectionError("no whole answer")
        said += more
    return said.partition(b"\0")[0].decode(errors="replace").strip()


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
