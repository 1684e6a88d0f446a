"""What each manifest gives a process is enough for production to serve: nothing that check_env asks for is missing."""

import io
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from dotenv import dotenv_values

from filot.env import Env
from tests.deploy.test_manifests import COMPOSE, ECS, KUBERNETES, OURS, containers
from tests.deploy.tools import DEPLOY

# A Secret or a key of Secrets Manager is filled from the sample; these have no value in it, and need none to be given.
ANY = "x7Qm2vRb9LcT4zKpW8fY"
# Without one of these a production process does not start. check_env names each, and each manifest has to give it.
DEMANDED = (
    *("SECRET_KEY", "JWT_SECRET", "ENCRYPTION_KEYS", "BLIND_INDEX_KEY", "AUDIT_KEYS", "METRICS_TOKEN"),
    *("DATABASE_URL", "KEY_STORE_BUCKET_NAME"),
)


def sample() -> dict[str, str]:
    """deploy/production.env.sample as make_env fills it."""
    out = io.StringIO()
    call_command("make_env", stdout=out)
    filled = dotenv_values(stream=io.StringIO(out.getvalue()), interpolate=False)
    return {name: value or ANY for name, value in filled.items()}


def given_by_kubernetes(container: dict[str, Any]) -> dict[str, str]:
    maps = {d["metadata"]["name"]: d["data"] for d in KUBERNETES if d["kind"] == "ConfigMap"}
    given: dict[str, str] = {}
    for source in container.get("envFrom", []):
        given |= maps[source["configMapRef"]["name"]] if "configMapRef" in source else _of_the_secret(maps["filot"])
    return given | {each["name"]: str(each["value"]) for each in container.get("env", []) if "value" in each}


def _of_the_secret(plain: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in sample().items() if name not in plain}


def processes() -> Iterator[tuple[str, dict[str, str]]]:
    filled = sample()
    for name, service in OURS.items():
        own = {key: str(value).replace("${POSTGRES_PASSWORD:?in .env}", ANY) for key, value in _flat(service).items()}
        assert service["env_file"] == ["../.env"], name
        yield f"compose {name}", {**filled, **own}
    for name, container, _ in containers():
        yield f"kubernetes {name}", given_by_kubernetes(container)
    for name, resource in ECS.items():
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            (container,) = resource["Properties"]["ContainerDefinitions"]
            given = {each["Name"]: each["Value"] for each in container["Environment"]}
            given |= {each["Name"]: filled.get(each["Name"], "") for each in container["Secrets"]}
            yield f"ecs {name}", given
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        text = path.read_text()
        assert "\nEnvironmentFile=/etc/filot.env\n" in text, (
            path.name
        )  # the sample, filled: a dash would forgive its absence
        own = dict(
            word.split("=", 1) for line in re.findall(r"^Environment=(.*)$", text, re.M) for word in line.split()
        )
        yield f"systemd {path.stem}", {**filled, **own}
    yield "procfile", filled


def _flat(service: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = service["environment"]
    return found


PROCESSES = dict(processes())


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this test's own environment stands in for what a manifest leaves out."""
    known = {name.upper() for name in Env.model_fields}
    for name in list(os.environ):
        if name in known:
            monkeypatch.delenv(name)


def problems(given: dict[str, str]) -> list[str]:
    return Env(_env_file=None, **{name.lower(): value for name, value in given.items()}).problems()  # type: ignore[arg-type]


@pytest.mark.usefixtures("only")
@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_given_all_that_production_asks_for(name: str) -> None:
    assert problems(PROCESSES[name]) == []


@pytest.mark.usefixtures("only")
@pytest.mark.parametrize("place", ["compose", "kubernetes", "ecs", "systemd", "procfile"])
@pytest.mark.parametrize("variable", DEMANDED)
def test_without_one_of_them_it_would_not_start(place: str, variable: str) -> None:
    """So the test before this one would notice a manifest that leaves it out."""
    given = next(given for name, given in PROCESSES.items() if name.startswith(place))
    assert variable in given
    assert any(variable in problem for problem in problems({k: v for k, v in given.items() if k != variable}))


@pytest.mark.usefixtures("only")
def test_a_plain_redis_of_compose_is_said_to_be_on_a_network_of_its_own() -> None:
    given = PROCESSES["compose web"]
    assert given["REDIS_TRUSTED_NETWORK"] == "true"
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    untold = {name: value for name, value in given.items() if name != "REDIS_TRUSTED_NETWORK"}
    assert any("REDIS_URL is plain" in problem for problem in problems(untold))
