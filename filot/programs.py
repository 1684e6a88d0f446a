"""FiLot's own processes, as `make run` starts them; deploy/Procfile says the same for other supervisors."""

import contextlib
import socket
import sys
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from django.conf import settings

from filot.embedded.program import Program

PROBE_TIMEOUT = 2.0
SERVER_ERROR = 500
WEB_GRACE = 4  # less than deploy/gunicorn.conf.py gives: all must be gone in ten seconds
OCR_GRACE = 4
CELERY_READY = " ready."
DEVICE = """
from ocr_gpu.devices import probe
device = probe()
if device.kind == "cuda":
    print(f"GPU: EasyOCR reads on {device.name}")
else:
    print(f"GPU: EasyOCR reads on the CPU, several seconds a card: {device.reason}")
"""
# One process for all of it: starting Django costs more than the work.
PREPARE = """
import sys
import django
from django.core.management import call_command
django.setup()
for step in sys.argv[1:]:
    call_command(*step.split(), verbosity=0)
"""


def prepare(env: Mapping[str, str], *steps: str) -> Program:
    """Runs the commands one after the other; none of them asks a question."""
    return Program("prepare", [sys.executable, "-c", PREPARE, *steps], env=env, label="Database")


def manage(name: str, env: Mapping[str, str], *words: str, label: str = "") -> Program:
    return Program(name, [sys.executable, str(settings.BASE_DIR / "manage.py"), *words], env=env, label=label)


def device_report(env: Mapping[str, str]) -> Program:
    return Program("gpu", [sys.executable, "-c", DEVICE], env=env)


def web(env: Mapping[str, str], port: int) -> Program:
    address = f"127.0.0.1:{port}"
    argv = [sys.executable, "-m", "gunicorn", "-c", str(settings.BASE_DIR / "deploy" / "gunicorn.conf.py")]
    argv += ["filot.wsgi:application", "--bind", address, "--graceful-timeout", str(WEB_GRACE), "--no-control-socket"]
    return Program(
        "web",
        argv,
        env=env,
        label="Web server",
        where=address,
        ready=lambda: _web_answers(f"http://{address}/health/live"),
    )


def ocr_worker(env: Mapping[str, str], queue: str) -> Program:
    """A queue named `ocr.cpu` gets the worker `ocr-cpu`: OCR_CPU_WORKERS or OCR_GPU_CONCURRENCY processes."""
    kind = queue.rpartition(".")[2]
    argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), "ocr_worker", kind]
    own = {**env, "OCR_STOP_SECONDS": str(OCR_GRACE)}
    return Program(f"ocr-{kind}", argv, env=own, label=f"OCR worker ({queue})", ready_line=CELERY_READY)


def default_worker(env: Mapping[str, str], schedule: Path) -> Program:
    words = ["-B", "--pool=threads", "--concurrency", "4", "-s", str(schedule)]
    return _celery("default", env, "-Q", settings.DEFAULT_QUEUE, *words, label="Default worker with beat")


def temporal_worker(env: Mapping[str, str]) -> Program:
    argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), "temporal_worker"]
    return Program("temporal-worker", argv, env=env, label="Temporal worker", ready_line="temporal_worker_started")


def simulator(env: Mapping[str, str], port: int, journal: Path) -> Program:
    argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), "buli2_simulator", "--port", str(port)]
    argv += ["--log", str(journal)]  # so that it still knows its reviews after a restart, as a partner would
    return Program(
        "buli2",
        argv,
        env=env,
        label="BULI2 simulator",
        where=f"127.0.0.1:{port}",
        ready=lambda: _listens(port),
    )


def _celery(name: str, env: Mapping[str, str], *words: str, label: str) -> Program:
    argv = [sys.executable, "-m", "celery", "-A", "filot", "worker", "-n", f"{name}@%h", "--loglevel=info"]
    # Ready a second sooner; workers need no news of others, and say by their rows that they live.
    argv += ["--without-mingle", "--without-gossip", "--without-heartbeat", *words]
    return Program(name, argv, env=env, label=label, ready_line=CELERY_READY)


def _web_answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=PROBE_TIMEOUT):  # noqa: S310 - our own address
            return True
    except HTTPError as error:
        return error.code < SERVER_ERROR
    except (OSError, HTTPException):
        return False


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), PROBE_TIMEOUT).close()
        return True
    return False
