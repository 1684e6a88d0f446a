"""Log lines of every process: a JSON object each (or colours for people), masked as the last step.

`filot.settings` calls `logging_settings` while it loads, so nothing here may read Django's settings.
"""

import json
import logging
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from filot.cloudwatch import with_metric
from filot.error_texts import error_text, render_error, without_messages
from filot.masking import Mask

# At DEBUG these print bodies, headers or signatures of what passes through them.
TALKATIVE = ["asyncio", "boto3", "botocore", "kombu", "PIL", "s3transfer", "urllib3"]
# django_structlog says the same once, with a correlation id: request_finished, task_started ...
REPEATING = {
    "django.request": "CRITICAL",
    "django.server": "WARNING",
    "gunicorn.access": "WARNING",
    "celery.app.trace": "CRITICAL",
    "celery.worker.strategy": "WARNING",
    "celery.beat": "WARNING",
    "django_structlog.celery.receivers": "WARNING",  # a sweep every few seconds would drown the rest
}
# gunicorn puts handlers of its own on these, with propagation off.
FOREIGN = [
    "django",
    "celery",
    "celery.task",
    "gunicorn.error",
    "gunicorn.access",
    "temporalio",
    "py.warnings",
]


class ErrorsTold(logging.Filter):
    """Of exceptions among what a line is made of, the text that may be told."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.args = without_messages(record.args)
        if isinstance(record.msg, BaseException):
            record.msg, record.args = error_text(record.msg), ()
        return True


def errors_told(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """django_structlog gives a failed task or request its exception, and the message once more as a text."""
    error = event.get("exception")
    if isinstance(error, BaseException):
        event["exception"] = error_text(error)
        event.update({name: event["exception"] for name, value in event.items() if value == str(error)})
    return event


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what standard error is by then; never prints the arguments of a line it cannot format."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[0]
        failure = {"level": "error", "event": "log_line_failed", "logger": record.name}
        sys.stderr.write(json.dumps({**failure, "error": error.__name__ if error else ""}) + "\n")


def logging_settings(level: str, fmt: str, secrets: Sequence[str], *, emf_namespace: str = "") -> dict[str, Any]:
    """Configure structlog for this process; return the dictConfig for the standard library's loggers.

    `fmt` is "json" or "console"; none of the `secrets` will appear in a line, wherever it comes from.
    With an `emf_namespace` the lines that hold a metric say so to CloudWatch.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return _dict_config(level.upper(), shared, _rendering(fmt, Mask(secrets), emf_namespace))


def _rendering(fmt: str, mask: Mask, emf_namespace: str) -> list[Processor]:
    def masked(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("correlation_id", None)
        cleaned: EventDict = mask.mapping(event, keep=("logger", "level", "timestamp"))
        return with_metric(cleaned, emf_namespace) if emf_namespace else cleaned

    renderer: Processor = structlog.processors.JSONRenderer()
    if fmt == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        errors_told,
        structlog.processors.ExceptionRenderer(render_error),
        masked,
        renderer,
    ]


def _dict_config(level: str, shared: list[Processor], rendering: list[Processor]) -> dict[str, Any]:
    through_root: dict[str, Any] = {"handlers": [], "propagate": True}
    loggers: dict[str, dict[str, Any]] = {name: dict(through_root) for name in FOREIGN}
    for name in TALKATIVE:
        loggers[name] = {**through_root, "level": "WARNING"}
    for name, least in REPEATING.items():
        loggers[name] = {**through_root, "level": least}
    # SQL carries its parameters: not even at DEBUG.
    loggers["django.db.backends"] = {"handlers": ["nowhere"], "propagate": False, "level": "CRITICAL"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "masked": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": rendering,
            }
        },
        "filters": {"errors": {"()": ErrorsTold}},
        "handlers": {
            "stderr": {"()": StderrHandler, "formatter": "masked", "filters": ["errors"]},
            "nowhere": {"class": "logging.NullHandler"},
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": loggers,
    }


def log_uncaught() -> None:
    """What ends a process or thread becomes a masked line too: Python would print it as it is."""
    logging.captureWarnings(True)
    logger = structlog.get_logger(__name__)

    def process_failed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            logger.critical("process_failed", exc_info=(kind, error, trace))

    def thread_failed(failure: threading.ExceptHookArgs) -> None:
        error = (failure.exc_type, failure.exc_value, failure.exc_traceback)
        logger.error("thread_failed", thread=getattr(failure.thread, "name", None), exc_info=error)

    sys.excepthook, threading.excepthook = process_failed, thread_failed
