"""The web server's settings.

`python -m gunicorn -c deploy/gunicorn.conf.py filot.wsgi:application`, in the project's folder.
"""

import ctypes
from typing import Any

from filot.counters import fold
from filot.settings import LOGGING, PORT, PROMETHEUS_MULTIPROC_DIR

bind = f"127.0.0.1:{PORT}"
worker_class = "gthread"
workers = 2
threads = 8
graceful_timeout = 20  # seconds for running requests after SIGTERM
keepalive = 5
control_socket_disable = True  # a door that nobody uses, in a home folder that a container has not
limit_request_field_size = 16380  # bytes: a token over 8 KB is then our own 401, and not a page of gunicorn

# A file of two megabytes passes through a dozen buffers. glibc learns from the first to keep such blocks, in an arena
# for each thread, for good: 200 MB that nobody uses. With a threshold that is set it gives each back when it is free.
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
libc = ctypes.CDLL(None)
if hasattr(libc, "mallopt"):  # musl has none, and gives back by itself
    libc.mallopt(M_MMAP_THRESHOLD, 128 * 1024)
    libc.mallopt(M_ARENA_MAX, 2)


def on_starting(server: Any) -> None:
    """What the processes of an earlier run counted is kept in one file."""
    if PROMETHEUS_MULTIPROC_DIR:
        PROMETHEUS_MULTIPROC_DIR.mkdir(parents=True, exist_ok=True)
        fold(PROMETHEUS_MULTIPROC_DIR)


def child_exit(server: Any, worker: Any) -> None:
    if PROMETHEUS_MULTIPROC_DIR:
        fold(PROMETHEUS_MULTIPROC_DIR)


logconfig_dict = LOGGING  # the master's lines too are JSON and masked
