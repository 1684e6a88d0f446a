"""The folder `make run` keeps everything in, and the environment it gives to what it starts."""

import base64
import fcntl
import os
import secrets
import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from filot.embedded.program import ProgramFailed

LOCK_WAIT = 10.0  # as long as the guardian of a killed run may need
PROBE_TIMEOUT = 3.0
KEY_BYTES = 32
LOCAL_HOSTS = ("", "127.0.0.1", "localhost", "::1")
DEFAULT_PORTS = {"DATABASE_URL": 5432, "REDIS_URL": 6379, "TEMPORAL_ADDRESS": 7233, "BULI2_API_URL": 80}


class AlreadyRunning(Exception):
    """Another `make run` uses this folder; the message says which."""


@dataclass(frozen=True)
class VarFolder:
    """`var/`: data, logs, secrets. Nothing in it is in git, and deleting it starts empty."""

    path: Path

    def prepare(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        # As root PostgreSQL runs as another user, who must get through to its own folder; all else is closed.
        self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for name in ("logs", "media", "keys", "prometheus"):
            (self.path / name).mkdir(mode=0o700, exist_ok=True)
        for stale in (self.path / "prometheus").iterdir():  # figures of processes that are gone
            stale.unlink() if stale.is_file() else shutil.rmtree(stale)

    def lock(self) -> int:
        """The descriptor of the lock, held until all who have it are gone. AlreadyRunning if it is taken."""
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / "rundev.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                said = path.read_text().strip()
                if time.monotonic() > until or _is_alive(said):
                    os.close(lock)
                    raise AlreadyRunning(f"FiLot already runs on {self.path} (process {said or 'unknown'})") from None
                time.sleep(0.1)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return lock

    def secrets(self) -> dict[str, str]:
        """Made once and kept: the data can't be read without them."""
        path = self.path / "secrets.env"
        if path.exists():
            return {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}
        if (self.path / "postgres").exists():
            raise ProgramFailed(
                "secrets",
                f"{path} is missing, but {self.path} holds data that only its keys can open: "
                f"put it back, or delete {self.path} to start empty",
            )
        key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        made = {
            "ENCRYPTION_KEYS": f"dev1:{key}",
            "BLIND_INDEX_KEY": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
            "AUDIT_KEYS": f"dev1:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}",
        }
        for name in (
            "SECRET_KEY",
            "JWT_SECRET",
            "BULI2_API_KEY",
            "BULI2_SIGNATURE_SECRET",
            "POSTGRES_PASSWORD",
        ):
            made[name] = secrets.token_urlsafe(KEY_BYTES)
        write_env(path, made)
        return made


def _is_alive(pid: str) -> bool:
    """Not a process that has ended and only waits to be buried."""
    try:
        return Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, ValueError, IndexError):
        return False


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Readable by us alone, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        for name, value in values.items():
            quoted = value.replace("\\", "\\\\").replace("'", "\\'")
            file.write(f"{name}='{quoted}'\n")
    fresh.replace(path)


def callers_environment(env_file: Path) -> dict[str, str]:
    """What the caller set, in `.env` or the environment, which wins; an empty value is none."""
    from_file = dotenv_values(env_file) if env_file.exists() else {}
    return {name: value for name, value in {**from_file, **os.environ}.items() if value}


def is_on_this_machine(url: str) -> bool:
    return (urlsplit(url).hostname or "") in LOCAL_HOSTS


def check_reachable(variable: str, value: str) -> str:
    """host:port of a server that the caller named; ProgramFailed when nothing answers there."""
    parts = urlsplit(value if "://" in value else f"//{value}")
    host, port = (
        parts.hostname or "",
        parts.port or (443 if parts.scheme == "https" else DEFAULT_PORTS[variable]),
    )
    if not host:  # a socket file: its user will say what is wrong with it
        return "a socket file"
    try:
        socket.create_connection((host, port), PROBE_TIMEOUT).close()
    except OSError as error:
        raise ProgramFailed(variable, f"names {host}:{port}, where nothing answers ({error})") from error
    return f"{host}:{port}"


def development_defaults(var: Path, *, port: int, simulator_port: int, gpu: bool) -> dict[str, str]:
    """What the caller's environment may override."""
    web = f"http://127.0.0.1:{port}"
    return {
        "LOG_FORMAT": "console",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "MEDIA_ROOT": str(var / "media"),
        "KEY_STORE_ROOT": str(var / "keys"),
        "PROMETHEUS_MULTIPROC_DIR": str(var / "prometheus"),
        "TEMPORAL_NAMESPACE": "default",
        "BULI2_MODE": "sandbox",
        "BULI2_API_URL": f"http://127.0.0.1:{simulator_port}",
        "BULI2_CALLBACK_BASE_URL": web,
        "OCR_GPU_ENABLED": "true" if gpu else "false",
        "OCR_CPU_ENGINE": "rapidocr",
        "OCR_GPU_ENGINE": "easyocr",
        "OCR_GPU_STUCK_TIMEOUT": "60",
        "OCR_GPU_REAPER_INTERVAL": "10",
    }
