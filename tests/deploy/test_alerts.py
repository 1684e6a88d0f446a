"""Alerts as code: each can fire and stay silent, has a runbook, and looks at what the code really says."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import filot.traffic  # noqa: F401 - its metrics are looked for
import integrations.metrics  # noqa: F401
import review.metrics  # noqa: F401
import verification.metrics  # noqa: F401
from filot.cloudwatch import MEASURES
from filot.queues import queue_metrics
from filot.service_figures import GAUGES
from tests.deploy.tools import DEPLOY, PROJECT, promtool
from verification.workers import STATES

PROMETHEUS = DEPLOY / "prometheus"
TESTS = [PROMETHEUS / "tests.yml", PROMETHEUS / "tests-of-days.yml"]
RULES = [rule for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
FIGURES: dict[str, Any] = {
    "length": {"q": 1},
    "oldest": {"q": 1},
    "gpu_active": 1,
    "buli2": {"dead": 1},
    "states": {("q", "idle"): 1},
    "progress_age": {"q": 1},
}


class Tagged(yaml.SafeLoader):
    """CloudFormation's short functions, as far as this reads them: their argument."""


def _argument(loader: Any, suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


Tagged.add_multi_constructor("!", _argument)


def emitted() -> set[str]:
    """Every series name that /metrics can hold, as the code makes it."""
    names = {"filot_rows_read", *(name for name, _, _ in GAUGES.values())}
    names |= {metric.name for metric in queue_metrics(FIGURES)}
    for metric in REGISTRY.collect():
        if metric.type == "counter":
            names.add(f"{metric.name}_total")
        elif metric.type == "histogram":
            names |= {f"{metric.name}{part}" for part in ("_bucket", "_count", "_sum")}
    return names


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\bfilot[_:][a-z0-9_:]*[a-z0-9]\b", re.sub(r'"[^"]*"', '""', expression)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_looks_only_at_metrics_that_the_code_emits(rule: dict[str, Any]) -> None:
    assert names_in(rule["expr"]) <= emitted() | RECORDED
    assert names_in(rule["expr"]) or "up{" in rule["expr"]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_urgent_it_is_and_names_a_runbook_that_is_there(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    runbook = PROJECT / alert["annotations"]["runbook"]
    said = runbook.read_text()
    assert re.search(r"```sh|`[^`]*(manage\.py|curl|/health|filot_)", said), f"{runbook.name} has nothing to begin with"
    index = (runbook.parent / "README.md").read_text()
    assert f"| `{name}` | {alert['labels']['severity']} | [{runbook.name}]({runbook.name}) |" in index


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = [case for path in TESTS for case in yaml.safe_load(path.read_text())["tests"]]
    checks = [check for case in cases for check in case["alert_rule_test"]]
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == set(ALERTS)
    assert {check["alertname"] for check in checks if not check["exp_alerts"]} == set(ALERTS)


def test_every_runbook_is_somebodys() -> None:
    named = {alert["annotations"]["runbook"] for alert in ALERTS.values()}
    there = {path.name for path in (PROJECT / "docs" / "runbooks").glob("*.md")} - {"README.md"}
    linked = {link for path in (PROJECT / "docs").rglob("*.md") for link in re.findall(r"[\w-]+\.md", path.read_text())}
    assert there <= linked
    assert {name.rpartition("/")[2] for name in named} <= there


def test_states_and_sweeps_that_alerts_select_exist() -> None:
    told = " ".join(rule["expr"] for rule in RULES)
    states = {word for words in re.findall(r'filot_workers\{state=~?"([^"]+)"', told) for word in words.split("|")}
    assert states <= set(STATES)
    reviews = {word for words in re.findall(r'filot_reviews\{state=~?"([^"]+)"', told) for word in words.split("|")}
    assert reviews <= {"open", "overdue", "unopened", "unstarted", "undelivered", "unrecorded"}
    named = re.findall(r'filot_sweep_age_seconds\{sweep=~?"([a-z_.|]+)"', told)
    sweeps = {word for words in named for word in words.split("|")}
    from filot.service_figures import SWEEPS

    assert sweeps <= set(SWEEPS)


def test_the_slow_ones_are_counted_at_a_bound_that_the_histogram_has() -> None:
    from verification.metrics import LATENCY_SECONDS

    assert 60.0 in LATENCY_SECONDS._upper_bounds
    assert 'le="60.0"' in (PROMETHEUS / "rules.yml").read_text()


def test_promtool_passes_the_rules_and_their_cases() -> None:
    checked = subprocess.run(
        [promtool(), "check", "rules", PROMETHEUS / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    tried = subprocess.run(
        [promtool(), "test", "rules", TESTS[0]], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_promtool_notices_a_rule_that_is_broken(tmp_path: Any) -> None:
    rules = (PROMETHEUS / "rules.yml").read_text().replace("filot_buli2_breaker_open) == 1", "filot_buli2_broken) == 1")
    (tmp_path / "rules.yml").write_text(rules)
    (tmp_path / "tests.yml").write_text(TESTS[0].read_text())
    said = subprocess.run(
        [promtool(), "test", "rules", "tests.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert said.returncode != 0
    assert "FilotBreakerOpen" in said.stdout + said.stderr


# Grafana --------------------------------------------------------------------------------------------------------------


def test_the_dashboard_shows_what_the_code_emits() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "filot.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(expressions) > 15
    for expression in expressions:
        assert names_in(expression) <= emitted() | RECORDED, expression
        assert names_in(expression), expression
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


# CloudWatch -----------------------------------------------------------------------------------------------------------

ALARMS = yaml.load((DEPLOY / "cloudwatch" / "alarms.yaml").read_text(), Loader=Tagged)["Resources"]  # noqa: S506
MEASURED = {measure.name: measure for measure in MEASURES.values()}


def looked_at(alarm: dict[str, Any]) -> list[tuple[str, set[str]]]:
    """(metric, dimensions) of an alarm, whether it has one or computes with several."""
    properties = alarm["Properties"]
    found = [(properties["MetricName"], properties.get("Dimensions", []))] if "MetricName" in properties else []
    for query in properties.get("Metrics", []):
        if "MetricStat" in query:
            metric = query["MetricStat"]["Metric"]
            found.append((metric["MetricName"], metric.get("Dimensions", [])))
    return [(name, {dimension["Name"] for dimension in dimensions}) for name, dimensions in found]


@pytest.mark.parametrize("name", [name for name, alarm in ALARMS.items() if alarm["Type"] == "AWS::CloudWatch::Alarm"])
def test_an_alarm_looks_at_a_metric_with_dimensions_that_the_code_writes(name: str) -> None:
    metrics = looked_at(ALARMS[name])
    assert metrics
    for metric, dimensions in metrics:
        assert dimensions in [set(known) for known in MEASURED[metric].dimensions], metric


def test_every_burn_rate_of_prometheus_has_its_alarm_with_both_windows_in_cloudwatch() -> None:
    for name in (name for name in ALERTS if "Burn" in name):
        whole = name.removeprefix("Filot")
        assert ALARMS[whole]["Type"] == "AWS::CloudWatch::CompositeAlarm"
        topic = {"page": "PageTopic", "ticket": "TicketTopic"}[ALERTS[name]["labels"]["severity"]]
        assert ALARMS[whole]["Properties"]["AlarmActions"] == [topic]
        long, short = (ALARMS[f"{whole}{window}"]["Properties"] for window in ("Long", "Short"))
        over = float(re.findall(r"> ([\d.]+)", ALERTS[name]["expr"])[0])
        wanted = over if "Uploads" in name else 100 * (1 - over)  # CloudWatch counts those that were fast enough
        assert [half["Threshold"] for half in (long, short)] == pytest.approx([wanted] * 2)
        days = {"1h": 3600, "6h": 21600, "1d": 86400, "3d": 3 * 86400, "5m": 300, "30m": 1800, "2h": 7200}
        windows = [days[each] for each in re.findall(r"ratio_rate(\w+)", ALERTS[name]["expr"])]
        assert [_window(half) for half in (long, short)] == windows


def _window(alarm: dict[str, Any]) -> int:
    """Seconds that an alarm looks back on."""
    period = alarm.get("Period") or alarm["Metrics"][0]["MetricStat"]["Period"]
    return int(period) * int(alarm["EvaluationPeriods"])


def test_what_wakes_somebody_in_prometheus_has_its_alarm_in_cloudwatch() -> None:
    """The description names the alert. Prometheus's own targets are no matter of CloudWatch."""
    described = " ".join(str(alarm["Properties"].get("AlarmDescription", "")) for alarm in ALARMS.values())
    own = {"FilotTargetDown", "FilotGone"}
    pages = {name for name, alert in ALERTS.items() if alert["labels"]["severity"] == "page"} - own
    assert {name for name in pages if name not in described} == set()
    for runbook in re.findall(r"docs/runbooks/[\w-]+\.md", described):
        assert (PROJECT / runbook).exists()
