import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError

from filot.embedded import postgres as postgres_module
from filot.embedded import seaweedfs
from filot.embedded.postgres import Postgres
from filot.embedded.program import Program, ProgramFailed, free_port, spawn
from filot.embedded.seaweedfs import SeaweedFs
from filot.embedded.service import start_all, stop_all
from filot.embedded.temporal import Temporal, temporal_binary, time_skipping_binary
from filot.embedded.throwaway import new_folder
from filot.embedded.valkey import Valkey, find_binary


@pytest.fixture
def folder() -> Iterator[Path]:
    made = new_folder()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def postgres(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder / "postgres", password="specimen", throwaway=True)
    yield server
    server.stop()


@pytest.fixture
def kept(folder: Path) -> Iterator[Postgres]:
    """As `make run` has it: with its data safe."""
    server = Postgres(folder / "postgres", password="specimen")
    yield server
    server.stop()


def ask(server: Postgres, question: str) -> object:
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(question)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ping(server: Valkey) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(b"PING\r\n")
        return line.recv(16)


class StolenPort(Valkey):
    """Its first choice is taken between the choice and the start."""

    taken = 0

    def choose_ports(self) -> None:
        if self.port:
            super().choose_ports()
        else:
            self.port = self.taken


def test_postgres_has_the_database_in_utf8_and_asks_for_the_password(postgres: Postgres) -> None:
    postgres.start()

    assert ask(postgres, "SHOW server_encoding") == "UTF8"
    assert ask(postgres, "SELECT current_database()") == "filot"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url.replace("specimen", "guess"))


def test_postgres_listens_on_this_machine_only_and_not_as_root(postgres: Postgres) -> None:
    postgres.start()

    assert ask(postgres, "SHOW listen_addresses") == "127.0.0.1"
    owner = Path(str(ask(postgres, "SHOW data_directory"))).stat()
    assert owner.st_uid != 0
    assert stat.S_IMODE(owner.st_mode) == 0o700


def test_a_stopped_postgres_listens_no_more_and_keeps_data_and_port_for_its_next_start(kept: Postgres) -> None:
    kept.start()
    port = kept.port
    ask(kept, "CREATE TABLE kept AS SELECT 42 AS answer")
    kept.stop()
    assert not listens(port)

    kept.start()

    assert kept.port == port
    assert ask(kept, "SELECT answer FROM kept") == 42


def test_postgres_starts_after_kill_9_although_its_pid_file_names_a_living_process(kept: Postgres) -> None:
    kept.start()
    ask(kept, "CREATE TABLE kept AS SELECT 42 AS answer")
    kept.kill()
    pid_file = kept.folder.resolve() / "data" / "postmaster.pid"
    _, *rest = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getppid()), *rest]) + "\n")

    kept.start()

    assert ask(kept, "SELECT answer FROM kept") == 42


def test_a_postmaster_left_running_is_ended_by_the_next_start(folder: Path) -> None:
    left = Postgres(folder / "postgres", password="specimen", throwaway=True).start()
    ask(left, "CREATE TABLE kept AS SELECT 42 AS answer")

    with Postgres(folder / "postgres", password="specimen", throwaway=True) as successor:
        assert ask(successor, "SELECT answer FROM kept") == 42
        assert not listens(left.port)


def test_a_cluster_that_was_cut_short_while_it_was_made_is_made_again(postgres: Postgres) -> None:
    half = postgres.folder / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    postgres.start()

    assert ask(postgres, "SELECT 1") == 1


def test_postgres_starts_in_a_folder_that_other_users_can_not_enter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, elsewhere = folder / "closed", folder / "elsewhere"
    closed.mkdir(mode=0o700)
    elsewhere.mkdir(mode=0o711)
    monkeypatch.setattr(postgres_module, "OPEN_FOLDERS", (str(elsewhere),))

    for _ in range(2):
        with Postgres(closed / "postgres", password="specimen", throwaway=True) as server:
            ask(server, "CREATE TABLE IF NOT EXISTS starts (at timestamptz)")
            ask(server, "INSERT INTO starts VALUES (now())")
            starts = ask(server, "SELECT count(*) FROM starts")

    assert starts == 2


def test_binaries_are_copied_with_their_libraries_when_their_folder_is_closed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = postgres_module._owner()
    package = postgres_module.find_binaries(folder, owner, print).parent.parent

    copy = postgres_module._copy_wheel(package, folder)

    assert folder in copy.parents
    assert postgres_module._runs(copy, owner)
    assert postgres_module._copy_wheel(package, folder) == copy


def test_data_of_another_postgres_version_is_refused_by_name(postgres: Postgres) -> None:
    postgres.start()
    postgres.stop()
    (postgres.folder.resolve() / "data" / "PG_VERSION").write_text("9\n")

    with pytest.raises(ProgramFailed, match="was made by PostgreSQL 9"):
        postgres.start()


def test_a_lost_password_is_said_instead_of_waited_for(postgres: Postgres) -> None:
    postgres.start()
    postgres.stop()
    postgres.password = "other"

    with pytest.raises(ProgramFailed, match="another password"):
        postgres.start()


def test_valkey_answers_keeps_its_data_and_stops(folder: Path) -> None:
    server = Valkey(folder / "valkey")
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(b"SET card specimen\r\n")
        assert line.recv(16) == b"+OK\r\n"
    server.stop()
    assert not listens(server.port)

    with server, socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(b"GET card\r\n")
        assert line.recv(64) == b"$8\r\nspecimen\r\n"


def test_a_port_taken_between_choice_and_start_is_replaced(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = StolenPort(folder / "valkey", throwaway=True)
        server.taken = other.getsockname()[1]
        with server:
            assert server.port != server.taken
            assert ping(server).startswith(b"+PONG")


def test_the_preferred_port_is_used_when_free_and_a_near_one_when_taken() -> None:
    preferred = free_port()
    assert free_port(preferred) == preferred
    with socket.create_server(("127.0.0.1", preferred)):
        assert preferred < free_port(preferred) < preferred + 10


def test_a_server_that_can_not_start_is_named_with_the_end_of_its_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Valkey(folder / "valkey", throwaway=True)
    wrong = Program("valkey", [str(find_binary()), "--no-such-option", "1"], ready=lambda: False)
    monkeypatch.setattr(server, "program", lambda: wrong)

    with pytest.raises(ProgramFailed, match="no-such-option") as failure:
        server.start()

    assert failure.value.name == "valkey"
    assert str(server.log) in str(failure.value)


def test_when_one_of_several_fails_none_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = Valkey(folder / "good", throwaway=True), Valkey(folder / "bad", throwaway=True)
    monkeypatch.setattr(bad, "program", lambda: Program("valkey", ["/bin/false"], ready=lambda: False))

    with pytest.raises(ProgramFailed):
        start_all([good, bad])

    assert not listens(good.port)


def test_temporal_has_its_namespace_and_survives_kill_9(folder: Path) -> None:
    server = Temporal(folder / "temporal")
    server.start()
    assert listens(server.port)
    server.kill()

    with server:
        assert listens(server.port)
        assert (folder / "temporal" / "temporal.db").stat().st_size > 0


def test_both_temporal_binaries_run() -> None:
    for binary in (temporal_binary(), time_skipping_binary()):
        assert subprocess.run([str(binary), "--version"], capture_output=True, check=False).returncode in (0, 1)
        assert os.access(binary, os.X_OK)


def test_the_s3_store_takes_the_right_secret_and_refuses_a_wrong_one(folder: Path) -> None:
    with SeaweedFs(folder / "seaweedfs", secret_key="right-secret") as store:
        keys = {"aws_access_key_id": store.access_key, "endpoint_url": store.url, "region_name": "auto"}
        right = boto3.client("s3", aws_secret_access_key="right-secret", **keys)
        wrong = boto3.client("s3", aws_secret_access_key="wrong-secret", **keys)

        right.put_object(Bucket=store.bucket, Key="card", Body=b"SPECIMEN")
        assert right.get_object(Bucket=store.bucket, Key="card")["Body"].read() == b"SPECIMEN"
        with pytest.raises(ClientError):
            wrong.get_object(Bucket=store.bucket, Key="card")


def test_servers_of_one_kind_run_side_by_side(folder: Path) -> None:
    servers = [Valkey(folder / name, throwaway=True) for name in ("one", "two")]
    start_all(servers)
    try:
        assert [ping(server)[:5] for server in servers] == [b"+PONG", b"+PONG"]
    finally:
        stop_all(servers)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ProgramFailed, match="nowhere: could not be started"):
        spawn(Program("nowhere", ["/no/such/program"]), output=subprocess.DEVNULL)


def test_a_program_is_told_to_end_when_its_parent_is_killed(folder: Path) -> None:
    script = (
        "import subprocess, sys, time; from filot.embedded.program import Program, spawn; "
        "print(spawn(Program('sleep', ['sleep', '600']), output=subprocess.DEVNULL).pid, flush=True); time.sleep(600)"
    )
    python = [sys.executable, "-c", script]
    with subprocess.Popen(python, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while is_running(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_no_port_of_the_store_is_another_ones_second_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens each port plus 10,000 too, and refused to start where the two met: once in some hundred runs."""
    offered = iter([18_000, 28_000, 18_001, 28_001, 18_002, 18_002, 18_003, 18_004])
    monkeypatch.setattr(seaweedfs, "free_port", lambda *args, **kwargs: next(offered))
    store = SeaweedFs(tmp_path, secret_key="a-secret")
    store.choose_ports()
    assert (store.port, sorted(store._ports.values())) == (18_000, [18_001, 18_002, 18_003, 18_004])
