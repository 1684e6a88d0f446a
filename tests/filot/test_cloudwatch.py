"""CloudWatch's lines: valid by the published schema of the embedded metric format, and with few dimensions."""

import json
import time
from typing import Any

import pytest
import structlog
from django.conf import settings as django_settings
from jsonschema import Draft202012Validator

from filot.cloudwatch import MEASURES, with_metric
from filot.logs import logging_settings

UNITS = "Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Percent|Count|None"
# The schema in "Specification: Embedded metric format" of CloudWatch's manual.
EMF = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                        "Unit": {"type": "string", "pattern": f"^({UNITS})$"},
                                        "StorageResolution": {"enum": [1, 60]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
UNBOUNDED = {"document_id", "review_id", "user_id", "correlation_id", "owner_id", "worker", "run_id"}
VALUES: dict[str, Any] = {
    "processor": "cpu",
    "type": "KTP",
    "outcome": "success",
    "queue": "gpu",
    "state": "dead",
    "sweep": "review.sweep",
    "decided": "automatically",
    "certificate": "buli2",
}


def line_of(event: str) -> dict[str, Any]:
    measure = MEASURES[event]
    given = {"event": event, "document_id": "d1", measure.value: 1.5}
    given |= {name: VALUES[name] for names in measure.dimensions for name in names}
    return dict(with_metric(given, "FiLot"))


@pytest.mark.parametrize("event", sorted(MEASURES))
def test_every_measure_becomes_a_line_that_the_schema_allows(event: str) -> None:
    line = line_of(event)
    Draft202012Validator(EMF).validate(line)
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    (name,) = [metric["Name"] for metric in metrics["Metrics"]]
    assert isinstance(line[name], int | float)  # a target of the line, as the specification wants it
    for dimensions in metrics["Dimensions"]:
        assert all(isinstance(line[dimension], str) for dimension in dimensions)
        assert not UNBOUNDED & set(dimensions)
    assert abs(line["_aws"]["Timestamp"] - time.time() * 1000) < 60_000  # milliseconds, not seconds


def test_the_schema_refuses_what_cloudwatch_would_not_take() -> None:
    line = line_of("processing_done")
    del line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert list(Draft202012Validator(EMF).iter_errors(line))


def test_a_line_without_its_figure_is_no_metric() -> None:
    assert "_aws" not in with_metric({"event": "processing_done", "seconds": None}, "FiLot")


def test_a_time_can_be_looked_at_whole_and_by_its_dimensions() -> None:
    assert line_of("ai_evaluation_done")["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [
        ["type", "outcome"],
        ["decided"],
    ]


def test_the_line_is_one_line_of_json_after_masking(capsys: pytest.CaptureFixture[str]) -> None:
    import logging.config

    before = structlog.get_config()
    logging.config.dictConfig(logging_settings("info", "json", [], emf_namespace="FiLot"))
    try:
        structlog.get_logger("x").info("buli2_pending", state="dead", count=2)
        (line,) = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    finally:
        structlog.configure(**before)
        logging.config.dictConfig(django_settings.LOGGING)
    Draft202012Validator(EMF).validate(line)
    assert line["filot.buli2.retry_count"] == 2
