"""An exception that repeats what it refuses brings no value of a card into the log, whichever way it comes there."""

import ast
import asyncio
import json
import logging
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import django_structlog.celery.receivers as celery_receivers
import psycopg
import pytest
import structlog
from django.conf import settings as django_settings
from django.db import DataError, IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from documents.models import Document
from documents.sealing import CannotOpen
from filot.error_texts import OURS, error_text, traceback_text
from filot.models import User
from integrations.temporal import TemporalUnavailable
from review.management.commands import temporal_worker
from tests.filot.test_logs import Written, last, lines

__all__ = ["lines"]
NIK, NAME, BORN = "3174091207900001", "SULASTRI KENARI", "14-03-1990"
TEXT = f"no such person: {NAME}, {NIK}, born {BORN}"


def failing(request: HttpRequest) -> HttpResponse:
    raise ValueError(TEXT)


urlpatterns = [path("fails", failing)]
handler500 = "filot.errors.server_error"


def nothing_told(written: str) -> bool:
    return not [word for word in (NIK, NIK[4:12], NAME, "SULASTRI", BORN, "1990-03-14") if word in written]


def json_error() -> None:
    json.loads(f'{{"name": "{NAME}", {NIK}}}')


def key_error() -> None:
    {}[f"{NAME} {BORN}"]  # type: ignore[index]


def nested() -> None:
    try:
        raise ValueError(TEXT)
    except ValueError as error:
        raise LookupError(f"while looking for {NAME}") from error


def group() -> None:
    raise ExceptionGroup(f"all of {NAME}", [ValueError(TEXT)])


def with_note() -> None:
    error = ValueError(TEXT)
    error.add_note(f"the card says {NAME}")
    raise error


RAISING = [lambda: int(NAME), lambda: date.fromisoformat(BORN), lambda: uuid.UUID(NAME), json_error, key_error]
RAISING += [nested, group, with_note]


@pytest.mark.parametrize("raising", RAISING)
def test_its_type_and_place_are_told_and_not_its_message(lines: Written, raising: Callable[[], Any]) -> None:
    try:
        raising()
    except Exception as error:
        kind = type(error).__qualname__
        structlog.get_logger("x").exception("it_failed", error=error, several=[error], under={"it": error})
        logging.getLogger("django").exception("it failed: %s, %r", error, error)
        logging.getLogger("some.library").error(error)
        logging.getLogger("some.library").error("%(why)s", {"why": error})
    written = lines.getvalue()
    assert nothing_told(written), written
    assert written.count(kind) >= 6
    assert "test_error_texts.py" in written


def test_what_ends_a_thread_or_a_process_tells_no_more(lines: Written) -> None:
    thread = threading.Thread(target=nested)
    thread.start()
    thread.join()
    try:
        nested()
    except LookupError as error:
        sys.excepthook(LookupError, error, error.__traceback__)
    written = lines.getvalue()
    assert "process_failed" in written and "LookupError: ***" in written and "which led to" in written
    assert nothing_told(written), written


@pytest.mark.urls("tests.filot.test_error_texts")
def test_a_request_that_fails_tells_no_more(lines: Written, db: None) -> None:
    answer = Client(raise_request_exception=False).get("/fails")
    assert answer.status_code == 500
    written = lines.getvalue()
    assert "request_failed" in written and "ValueError" in written
    assert nothing_told(written + answer.content.decode()), written


def test_a_task_that_fails_tells_no_more(lines: Written) -> None:
    try:
        raise ValueError(TEXT)
    except ValueError as error:
        receiver = celery_receivers.CeleryReceiver()
        receiver.receiver_task_failure("t", exception=error, traceback=None, sender=None)
    line = last(lines)
    assert (line["event"], line["error"]) == ("task_failed", "ValueError: ***")
    assert nothing_told(lines.getvalue())


@pytest.mark.django_db
def test_of_what_postgresql_refuses_the_state_and_the_place_are_told_and_no_value(lines: Written, owner: User) -> None:
    def refused(kind: type[Exception], act: Callable[[], Any]) -> str:
        with pytest.raises(kind) as caught, transaction.atomic():
            act()
        return traceback_text(caught.value)

    def ask(query: str, *values: Any) -> Callable[[], Any]:
        return lambda: connection.cursor().execute(query, values)

    told = [
        refused(DataError, ask("SELECT %s::date", f"{NAME} {BORN}")),
        refused(DataError, ask("SELECT %s::text::integer", NAME)),
        refused(DataError, lambda: Document.objects.filter(owner=owner).create(owner=owner, type=NAME * 9, size=1)),
        refused(IntegrityError, lambda: User.objects.create_user(owner.username, display_name=NAME)),
        refused(IntegrityError, lambda: Document.objects.create(owner=owner, type="KTP", status=NAME[:9], size=1)),
    ]
    assert all(nothing_told(text) and owner.username not in text.rpartition("Error:")[2] for text in told), told
    assert "sqlstate=22007" in told[0] and "sqlstate=22P02" in told[1] and "sqlstate=22001" in told[2]
    assert "table_name=filot_user" in told[3] and "constraint_name=document_status_is_known" in told[4]


def test_a_part_that_is_away_and_a_mistake_in_the_code_are_told_in_full() -> None:
    with pytest.raises(psycopg.OperationalError) as away:
        psycopg.connect("postgresql://127.0.0.1:9/nothing", connect_timeout=2)
    assert "127.0.0.1" in error_text(away.value)
    assert error_text(AttributeError("'NoneType' object has no attribute 'pk'")).endswith("attribute 'pk'")
    assert error_text(CannotOpen("wrapped by another key")).endswith("CannotOpen: wrapped by another key")
    assert error_text(FileNotFoundError(2, "No such file")) == "FileNotFoundError: [Errno 2] No such file"


def test_an_error_without_a_text_of_its_own_is_told_by_its_type() -> None:
    class Mute(OSError):
        def __str__(self) -> str:
            raise ZeroDivisionError

    assert error_text(Mute()).endswith("Mute: ZeroDivisionError")
    assert error_text(TimeoutError()) == "TimeoutError"


def test_the_temporal_worker_tells_why_it_has_no_server_and_not_what_a_run_of_it_said(
    lines: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([TemporalUnavailable("connection refused"), None, None])

    async def connect() -> object:
        if (away := next(turns)) is not None:
            raise away
        return object()

    async def work(client: object, stop: asyncio.Event) -> None:
        if not worked:
            worked.append(client)
            raise RuntimeError(TEXT)
        stop.set()

    worked: list[object] = []
    monkeypatch.setattr(temporal_worker.temporal, "connect", connect)
    monkeypatch.setattr(temporal_worker, "work", work)
    monkeypatch.setattr(temporal_worker, "PAUSE", 0)
    asyncio.run(temporal_worker.serve())

    told = [json.loads(line).get("error") for line in lines.getvalue().splitlines() if "temporal_unavailable" in line]
    assert told == ["integrations.temporal.TemporalUnavailable: connection refused", "RuntimeError: ***"]
    assert nothing_told(lines.getvalue())


def spelt_out(handler: ast.ExceptHandler) -> list[int]:
    """Lines that log the caught exception as a text of their own making: then nobody knows any more what it was."""

    def is_it(node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == handler.name

    def makes_text(node: ast.AST) -> bool:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id in ("str", "repr", "format", "ascii") and any(map(is_it, node.args))
        if isinstance(node, ast.FormattedValue):
            return is_it(node.value)
        return isinstance(node, ast.Attribute) and node.attr in ("args", "message", "strerror") and is_it(node.value)

    calls = [
        node
        for node in ast.walk(handler)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("log", "logger", "logging")
    ]
    return [call.lineno for call in calls if any(map(makes_text, ast.walk(call)))]


def handlers(source: str) -> list[ast.ExceptHandler]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ExceptHandler) and node.name]


def test_no_line_of_the_project_makes_a_text_of_an_exception_itself() -> None:
    for wrong in ("str(e)", "f'{e}'", "repr(e)[:9]", "e.args", "str(e).splitlines()[0]"):
        source = f"try:\n  pass\nexcept ValueError as e:\n  log.warning('x', error={wrong})\n"
        assert spelt_out(handlers(source)[0]) == [4], wrong
    project = Path(django_settings.BASE_DIR)
    files = [path for room in OURS for path in (project / room).rglob("*.py")]
    found = [(path, line) for path in files for each in handlers(path.read_text()) for line in spelt_out(each)]
    assert len(files) > 200
    assert found == []
