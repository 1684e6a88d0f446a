"""What reaches the log, and what never does."""

import json
import logging
import logging.config
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from django.conf import settings as django_settings

from filot.logs import StderrHandler, logging_settings
from filot.masking import Mask

NIK = "3174091207900001"
NPWP = "09.254.294.3-407.000"
SECRET = "correct horse/battery+staple"


class Written:
    """Standard error, as far as it was written."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self._text = capsys, ""

    def getvalue(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """What a server writes under a configuration with SECRET among its secrets."""
    before = structlog.get_config()
    logging.config.dictConfig(logging_settings("info", "json", [SECRET]))
    yield Written(capsys)
    structlog.configure(**before)
    logging.config.dictConfig(django_settings.LOGGING)


def last(lines: Written) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(lines.getvalue().splitlines()[-1])
    return line


@pytest.fixture
def mask() -> Mask:
    return Mask([SECRET])


def test_a_line_has_time_level_logger_event_and_correlation_id(lines: Written) -> None:
    with structlog.contextvars.bound_contextvars(correlation_id="req-1"):
        structlog.get_logger("documents.services").info("document_received", size=7)
    line = last(lines)
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is not None
    assert line == {
        "level": "info",
        "logger": "documents.services",
        "event": "document_received",
        "correlation_id": "req-1",
        "size": 7,
    }


def test_lines_of_other_libraries_take_the_same_way(lines: Written) -> None:
    with structlog.contextvars.bound_contextvars(correlation_id="req-2"):
        for name in ("django.security", "celery.worker", "temporalio.activity", "gunicorn.error", "py.warnings"):
            logging.getLogger(name).warning("card %s seen", NIK)
            line = last(lines)
            assert (line["logger"], line["level"], line["correlation_id"]) == (name, "warning", "req-2")
            assert line["event"] == "card 3174********0001 seen"


def test_sql_is_never_logged(lines: Written) -> None:
    for name in ("django.db.backends", "django.db.backends.schema"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.error("INSERT INTO documents VALUES (%s)", NIK)
    assert lines.getvalue() == ""


def test_the_level_holds_for_both_kinds_of_loggers(lines: Written) -> None:
    structlog.get_logger("review").debug("quiet")
    logging.getLogger("django").debug("quiet")
    logging.getLogger("botocore.endpoint").info("quiet")
    assert lines.getvalue() == ""


def test_exceptions_are_logged_with_their_text_masked(lines: Written) -> None:
    def fail() -> None:
        raise ConnectionError(f"NIK {NIK} of budi@example.org, token {SECRET}")

    try:
        fail()
    except ConnectionError:
        structlog.get_logger("x").exception("it_failed")
        logging.getLogger("django").error("it failed", exc_info=True)
    first, second = (json.loads(line) for line in lines.getvalue().splitlines())
    for line in (first, second):
        assert "in fail" in line["exception"]
        assert "ConnectionError: NIK 3174********0001 of ***" in line["exception"]
    assert not [word for word in (NIK, "budi@", "battery") if word in lines.getvalue()]


def test_a_line_that_cannot_be_formatted_does_not_print_its_arguments(lines: Written) -> None:
    handler = next(handler for handler in logging.getLogger().handlers if isinstance(handler, StderrHandler))
    handler.handle(logging.makeLogRecord({"name": "some.library", "msg": "two %s %s", "args": (NIK,)}))
    assert last(lines)["event"] == "log_line_failed"
    assert NIK not in lines.getvalue()


def test_what_ends_a_process_is_a_masked_line(lines: Written) -> None:
    try:
        raise RuntimeError(f"row of {NIK}")
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    line = last(lines)
    assert line["event"] == "process_failed"
    assert line["exception"].endswith("\nRuntimeError: ***")


def test_the_console_shows_the_same_masked_values(lines: Written) -> None:
    logging.config.dictConfig(logging_settings("INFO", "console", []))
    structlog.get_logger("x").info("card_read", nik=NIK, note="Jalan Melati 5", seconds=1.5)
    assert "card_read" in lines.getvalue()
    assert "3174********0001" in lines.getvalue()
    assert "1.5" in lines.getvalue()
    assert "Melati" not in lines.getvalue()


@pytest.mark.parametrize(
    "spelling",
    [
        NIK,
        "3174 0912 0790 0001",
        "3174-0912-0790-0001",
        "317409.120790.0001",
        "31 74 09 12 07 90 00 01",
        "3174\u00a00912\u20130790\u20110001",
        "３１７４０９１２０７９００００１",
        f"NIK{NIK}ISLAM",
        f"nik_{NIK}_front",
        f"{{'nik': '{NIK}'}}",
        f'{{"nik": "{NIK}"}}',
        f"/documents?nik={NIK}",
        f"{NIK} 3201010101900002",
        f"00{NIK}00",
    ],
)
def test_a_nik_does_not_pass_in_any_spelling(mask: Mask, spelling: str) -> None:
    masked = mask.text(spelling)
    digits = "".join(str(int(character)) for character in masked if character.isdigit())
    assert "09120790" not in digits
    assert len(digits) <= 8


def test_the_first_and_last_four_digits_of_a_number_stay(mask: Mask) -> None:
    assert mask.text(f"card {NIK} read") == "card 3174********0001 read"
    assert mask.text(NPWP) == "0925*******7000"
    assert mask.value({"npwpNumber": NPWP, "nik": NIK}) == {
        "npwpNumber": "0925*******7000",
        "nik": "3174********0001",
    }
    assert mask.value(int(NIK)) == "3174********0001"


@pytest.mark.parametrize(
    "harmless",
    [
        "12345678-1234-4234-8234-123456789012",
        "e29b0000-4716-4716-9716-446655440000",
        "KTP_12345678-1234-4234-8234-123456789012.png",
        "12345678123442348234123456789012",
        "00000000000000001111111111111111ffffffffffffffff0000000000000000",
        "2026-11-24T20:36:00.123456Z",
        "2026-11-24 20:36:00,123 1234567890",
        "2026-11-24T20:36:00+07:00",
        "took 0.0812345678 s",
        "127.0.0.1:54321",
        "queue ocr.cpu holds 1234567890123",
        "GET /documents/12345678-1234-4234-8234-123456789012/result",
        "celery@ocr-1732480000 ready.",
        "DOC-3F2A9C11",
    ],
)
def test_ids_times_and_other_figures_survive(mask: Mask, harmless: str) -> None:
    assert mask.text(harmless) == harmless


def test_ids_and_times_survive_as_objects(mask: Mask) -> None:
    document_id, now = uuid.UUID("12345678-1234-4234-8234-123456789012"), datetime(2026, 11, 24, 20, 36, tzinfo=UTC)
    values = {"document_id": document_id, "at": now, "seconds": 0.1234567890123456, "epoch_ms": 1_795_552_560_000}
    assert mask.value(values) == {**values, "document_id": str(document_id), "at": str(now)}


@pytest.mark.parametrize(
    "text",
    [
        "mail to budi.santoso+ktp@mail.example.co.id now",
        "call 081234567890 now",
        "call 0812-3456-7890 now",
        "call +62 812 3456 7890 now",
        "call 6281234567890 now",
        "call +62 (21) 555-0123 now",
        "with eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.c2lnbmF0dXJlLW9mLXRoaXM now",  # pragma: allowlist secret
        "sent Authorization: Bearer abcdef123456 now",
        "opened /files/IjEyMyI:1tZ:sig now",
        "got /admin/documents/document/?q=BUDI+SANTOSO now",
        "https://store.example/kyc/a.png?X-Amz-Credential=AKIA&X-Amz-Signature=abc now",
        "redis://:s3cret-word@cache:6379/0 now",
        f"key {SECRET} now",
        "url https://x/?k=correct%20horse%2Fbattery%2Bstaple now",
        "{'name': 'BUDI SANTOSO', 'x': 1} now",
        '{"address": "JL. MELATI 5"} now',
        "login with password=hunter22 now",
        'api_key: "abcdef" now',
    ],
)
def test_contacts_links_and_secrets_do_not_pass(mask: Mask, text: str) -> None:
    masked = mask.text(text)
    kept = ("budi.santoso", "0812", "812", "3456", "555", "eyJ", "abcdef", "IjEy", "BUDI", "AKIA", "abc", "s3cret")
    assert "***" in masked
    assert not [word for word in (*kept, "horse", "MELATI", "hunter22") if word in masked]
    assert masked.endswith(" now")


def test_what_a_caller_writes_into_an_address_or_calls_itself_does_not_pass(mask: Mask) -> None:
    line = mask.mapping({"request": "GET /nowhere/BUDI%20SANTOSO/x?q=1", "user_agent": "app of BUDI SANTOSO"})
    assert line == {"request": "GET /nowhere/***/x?***", "user_agent": "***"}
    assert mask.text("GET /documents/upload took 50%") == "GET /documents/upload took 50%"


def test_values_that_postgresql_repeats_do_not_pass(mask: Mask) -> None:
    error = (
        'duplicate key value violates unique constraint "one_user"\n'
        "DETAIL:  Key (display_name)=(BUDI SANTOSO) already exists.\n"
        "CONTEXT:  unnamed portal parameter $3 = 'JL. MELATI 5'"
    )
    masked = mask.text(error)
    assert 'unique constraint "one_user"' in masked
    assert "BUDI" not in masked
    assert "MELATI" not in masked


def test_personal_keys_are_masked_at_any_depth_and_in_any_case(mask: Mask) -> None:
    event = {
        "runs": [{"Fields": {"x": "BUDI"}}, ({"birthPlace": "JAKARTA", "birth_date": "1990-07-12"},)],
        "headers": {"X-Service-Key": "k", "Set-Cookie": "sessionid=1", "Accept": "*/*"},
        "access_token": "t",
        "buli2_api_key": "k",
        "name": "",
        "address": None,
        "lines": 12,
    }
    assert mask.value(event) == {
        "runs": [{"Fields": "***"}, [{"birthPlace": "***", "birth_date": "***"}]],
        "headers": {"X-Service-Key": "***", "Set-Cookie": "***", "Accept": "*/*"},
        "access_token": "***",
        "buli2_api_key": "***",
        "name": "",
        "address": None,
        "lines": 12,
    }


def test_objects_are_masked_before_a_renderer_can_print_them(mask: Mask) -> None:
    class Card:
        def __repr__(self) -> str:
            return f"<Card name='BUDI' nik={NIK}>"

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

    assert mask.value([Card(), b"NIK 3174091207900001", Broken()]) == [
        "<Card name='***' nik=***>",
        "b'NIK 3174********0001'",
        "<Broken: RuntimeError>",
    ]


def test_a_number_as_a_key_is_masked_too(mask: Mask) -> None:
    assert mask.value({NIK: 1, 5: "x"}) == {"3174********0001": 1, "5": "x"}


def test_endless_nesting_ends(mask: Mask) -> None:
    knot: list[Any] = []
    knot.append(knot)
    assert "***" in json.dumps(mask.value(knot))


def test_masking_twice_changes_nothing(mask: Mask) -> None:
    text = f"{NIK} a@b.example 081234567890 /files/abc {SECRET} password=hunter22"
    assert mask.text(mask.text(text)) == mask.text(text)


def test_a_line_with_a_metric_is_one_that_cloudwatch_reads(lines: Written) -> None:
    logging.config.dictConfig(logging_settings("INFO", "json", [], emf_namespace="FiLot"))
    structlog.get_logger("verification.services").info(
        "processing_done", document_id=str(uuid.uuid4()), processor="cpu", type="KTP", outcome="success", seconds=1.25
    )
    line = last(lines)
    assert line["filot.gpu.processing_time_ms"] == 1250
    assert abs(line["_aws"]["Timestamp"] / 1000 - datetime.now(UTC).timestamp()) < 60
    assert line["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "FiLot",
            "Dimensions": [["processor", "type", "outcome"], ["outcome"]],
            "Metrics": [{"Name": "filot.gpu.processing_time_ms", "Unit": "Milliseconds"}],
        }
    ]


def test_other_lines_and_other_places_have_no_metric(lines: Written) -> None:
    structlog.get_logger("x").info("processing_done", seconds=1.25)
    assert "_aws" not in last(lines)
    logging.config.dictConfig(logging_settings("INFO", "json", [], emf_namespace="FiLot"))
    structlog.get_logger("x").info("processing_done", seconds=None)
    structlog.get_logger("x").info("review_decided", seconds=1.25)
    assert "_aws" not in lines.getvalue()
