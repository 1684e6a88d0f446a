"""The counters of this process, or of all that share PROMETHEUS_MULTIPROC_DIR, and how a worker shows them.

prometheus_client gives each process a file of its own, which stays when the process ends: the counts must not go
back. So that the folder does not grow with every worker that ever died, `fold` adds the files of the dead into one.
"""

import fcntl
import hmac
import ipaddress
import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

log = structlog.get_logger(__name__)

KINDS = ("counter", "histogram")  # what FiLot's processes count; gauges come from the rows
DEAD = 0  # the number under which the counts of all that ended are kept: no process has it
SOCKET_SECONDS = 10  # a scraper that says nothing for so long is hung up on


class Counted:
    """A registry of what was counted, as far as the processes of this host share a folder."""

    def collect(self) -> Iterator[Metric]:
        folder = settings.PROMETHEUS_MULTIPROC_DIR
        if not folder:
            yield from REGISTRY.collect()
            return
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
        with _locked(Path(folder), fcntl.LOCK_SH):
            yield from list(registry.collect())


def fold(folder: Path) -> int:
    """Add the files of processes that are gone into one of each kind. Safe to repeat. Returns how many there were.

    The sum is written beside and put in place whole; a scrape waits meanwhile, or it would see counts twice.
    """
    with _locked(folder, fcntl.LOCK_EX):
        return sum(_fold_kind(folder, kind) for kind in KINDS)


def _fold_kind(folder: Path, kind: str) -> int:
    dead = [path for path in sorted(folder.glob(f"{kind}_*.db")) if _is_dead(path)]
    if not dead:
        return 0
    total, fresh = folder / f"{kind}_{DEAD}.db", folder / f"{kind}_{DEAD}.new"
    sums: dict[str, float] = {}
    for path in [total, *dead]:
        if path.exists():
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
                sums[key] = sums.get(key, 0.0) + value
    fresh.unlink(missing_ok=True)
    written: Any = MmapedDict(str(fresh))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        written.write_value(key, value, 0.0)
    written.close()
    fresh.replace(total)  # dying before the next line counts these twice, once: rates see one step
    for path in dead:
        path.unlink(missing_ok=True)
    return len(dead)


def _is_dead(path: Path) -> bool:
    pid = path.stem.partition("_")[2]
    return pid.isdigit() and int(pid) != DEAD and not Path(f"/proc/{pid}").exists()


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


# A worker's own door -----------------------------------------------------------------------------------------------


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = SOCKET_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a scrape every few seconds is no news."""


def serve(port: int) -> _Server | None:
    """Show the counters on `port` from a thread of this process. None, and a log line, when the port is taken."""
    app = make_wsgi_app(Counted())

    def guarded(environ: dict[str, Any], start_response: Any) -> Any:
        if may_read(environ.get("HTTP_AUTHORIZATION", ""), environ.get("REMOTE_ADDR", "")):
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"The metrics need their token, or a private network.\n"]

    try:
        server = make_server("", port, guarded, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        log.warning("metrics_port_taken", port=port, error=type(error).__name__)
        return None
    os.register_at_fork(after_in_child=server.socket.close)  # the parent alone answers
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    log.info("metrics_served", port=port)
    return server


def may_read(authorization: str, address: str) -> bool:
    """With METRICS_TOKEN whoever has it, else whoever comes from a private network."""
    if settings.METRICS_TOKEN:
        scheme, _, given = authorization.partition(" ")
        token = settings.METRICS_TOKEN.encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token)
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False
