"""The web server's settings.

`python -m gunicorn -c deploy/gunicorn.conf.py filot.wsgi:application`, in the project's folder.
"""

from typing import Any

from prometheus_client import multiprocess

from filot.settings import LOGGING, PORT, PROMETHEUS_MULTIPROC_DIR

bind = f"127.0.0.1:{PORT}"
worker_class = "gthread"
workers = 2
threads = 8
graceful_timeout = 20  # seconds for running requests after SIGTERM
keepalive = 5
logconfig_dict = LOGGING  # the master's lines too are JSON and masked


def child_exit(server: Any, worker: Any) -> None:
    """Live gauges of a process that is gone would be reported for ever."""
    if PROMETHEUS_MULTIPROC_DIR:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
