"""Become a worker that reads documents: pinned to its device, with the pool, threads and name that suit the queue.

This process turns into Celery's, so that a supervisor's signals reach it.
"""

import os
import shlex
import sys
from argparse import ArgumentTypeError
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

GPU, CPU = "gpu", "cpu"
AUTO, CUDA = "auto", "cuda"


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # Celery's own start makes them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=[GPU, CPU], help="whose queue: ocr.gpu or ocr.cpu")
        parser.add_argument(
            "--device", type=device, help="of a GPU worker: cuda:N, auto or cpu (default: OCR_GPU_DEVICE)"
        )
        parser.add_argument("--processes", type=count, help="default: OCR_CPU_WORKERS or OCR_GPU_CONCURRENCY")
        parser.add_argument("--threads", type=count, help="of each (default: OCR_CPU_THREADS)")
        parser.add_argument("--name", help="in place of ocr-gpu, ocr-gpu-N or ocr-cpu: two of one name on a host clash")
        parser.add_argument(
            "--celery", default="", metavar="TEXT", help="more for Celery: --celery='--loglevel=debug -E'"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["kind"] == CPU and options["device"] not in (None, "cpu"):
            raise CommandError("the CPU queue is read on the CPU")
        environment = pinned(options, os.environ)
        os.chdir(settings.BASE_DIR)
        os.execve(sys.executable, command(options), environment)  # noqa: S606 - ourselves, with arguments of our own


def device(text: str) -> str:
    kind, _, index = text.partition(":")
    if text in (AUTO, CPU, CUDA) or (kind == CUDA and index.isdigit()):
        return text
    raise ArgumentTypeError(f"{text!r} is none of auto, cpu, cuda, cuda:N")


def count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def pinned(options: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the worker: it sees its own GPU alone, and calls it cuda:0.

    What is not seen cannot be filled by mistake. Set before the process begins: torch looks once. Indices are those of
    nvidia-smi, or, where the environment names some already, those among them.
    """
    found = dict(environment)
    if options["threads"]:
        found["OCR_CPU_THREADS"] = str(options["threads"])
    if options["kind"] == CPU:
        shares = {"OCR_CPU_WORKERS": str(_processes(options))}  # the threads of each follow from it
        return found | shares | {"CUDA_VISIBLE_DEVICES": ""}
    asked = options["device"] or settings.OCR_GPU_DEVICE
    kind, _, index = asked.partition(":")
    if kind != CUDA or not index:
        return found | {"OCR_GPU_DEVICE": asked}
    visible = [name for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    if visible and int(index) >= len(visible):
        raise CommandError(f"{asked}: CUDA_VISIBLE_DEVICES names {len(visible)} only")
    own = visible[int(index)] if visible else index
    order = {} if visible else {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return found | order | {"CUDA_VISIBLE_DEVICES": own, "OCR_GPU_DEVICE": "cuda:0"}


def command(options: Mapping[str, Any]) -> list[str]:
    """A single process for the CPU needs no pool: no driver in it could hang. CUDA must live in a child alone."""
    kind, processes = options["kind"], _processes(options)
    queue = settings.OCR_GPU_QUEUE if kind == GPU else settings.OCR_CPU_QUEUE
    pool = ["--pool=solo"] if kind == CPU and processes == 1 else ["--pool=prefork", f"--concurrency={processes}"]
    words = ["-n", f"{options['name'] or _name(options)}@%h", "--loglevel=info", "-Q", queue, *pool]
    # Workers need no news of others, are ready a second sooner without, and say by their rows that they live.
    words += ["--without-mingle", "--without-gossip", "--without-heartbeat", *shlex.split(options["celery"])]
    return [sys.executable, "-m", "celery", "-A", "filot", "worker", *words]


def _processes(options: Mapping[str, Any]) -> int:
    usual = settings.CELERY_WORKER_CONCURRENCY if options["kind"] == GPU else settings.OCR_CPU_WORKERS
    return int(options["processes"] or usual)


def _name(options: Mapping[str, Any]) -> str:
    kind, _, index = (options["device"] or "").partition(":")
    return f"ocr-gpu-{index}" if kind == CUDA and index else f"ocr-{options['kind']}"
