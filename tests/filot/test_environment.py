import os
import socket
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from filot.embedded.environment import (
    AlreadyRunning,
    VarFolder,
    callers_environment,
    check_reachable,
    is_on_this_machine,
    write_env,
)
from filot.embedded.program import ProgramFailed, free_port


def test_secrets_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    made = VarFolder(tmp_path).secrets()

    assert VarFolder(tmp_path).secrets() == made
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600
    assert len(set(made.values())) == len(made) == 8
    assert all(len(value) >= 32 for value in made.values())


def test_new_secrets_are_not_made_for_data_that_only_the_old_ones_open(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()

    with pytest.raises(ProgramFailed, match="put it back, or delete"):
        VarFolder(tmp_path).secrets()


def test_a_second_run_on_one_folder_is_told_who_has_it(tmp_path: Path) -> None:
    lock = VarFolder(tmp_path).lock()

    with pytest.raises(AlreadyRunning, match=f"already runs on .* \\(process {os.getpid()}\\)"):
        VarFolder(tmp_path).lock()

    os.close(lock)
    os.close(VarFolder(tmp_path).lock())


def test_the_folder_is_closed_to_others_and_the_figures_of_dead_processes_are_dropped(tmp_path: Path) -> None:
    var = VarFolder(tmp_path / "var")
    var.prepare()
    (var.path / "prometheus" / "counter_7.db").touch()

    var.prepare()

    assert stat.S_IMODE(var.path.stat().st_mode) & 0o066 == 0
    assert stat.S_IMODE((var.path / "media").stat().st_mode) == 0o700
    assert list((var.path / "prometheus").iterdir()) == []


def test_values_come_back_from_an_env_file_as_they_were(tmp_path: Path) -> None:
    values = {"PLAIN": "a-b_c=", "HARD": 'it\'s a \\ "quoted" # value $HOME'}
    write_env(tmp_path / "embedded.env", values)

    assert dotenv_values(tmp_path / "embedded.env", interpolate=False) == values
    assert stat.S_IMODE((tmp_path / "embedded.env").stat().st_mode) == 0o600


def test_the_environment_wins_over_the_file_and_an_empty_value_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("REDIS_URL=redis://file/0\nTEMPORAL_ADDRESS=file:7233\nDATABASE_URL=\n")
    monkeypatch.setenv("REDIS_URL", "redis://environment/0")
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)

    caller = callers_environment(tmp_path / ".env")

    assert caller["REDIS_URL"] == "redis://environment/0"
    assert caller["TEMPORAL_ADDRESS"] == "file:7233"
    assert "DATABASE_URL" not in caller


def test_a_named_server_is_used_when_it_answers_and_named_with_its_variable_when_it_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert check_reachable("REDIS_URL", f"redis://:secret@{address}/0") == address
        assert check_reachable("TEMPORAL_ADDRESS", address) == address

    with pytest.raises(ProgramFailed, match="REDIS_URL: names 127") as failure:
        check_reachable("REDIS_URL", f"redis://:secret@127.0.0.1:{free_port()}/0")
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("postgresql://u:p@127.0.0.1:5432/filot", True),
        ("postgresql://u:p@localhost/filot", True),
        ("postgresql:///filot?host=/run/postgresql", True),
        ("postgresql://u:p@database.example/filot", False),
    ],
)
def test_demo_accounts_can_tell_a_database_of_this_machine_from_another(url: str, here: bool) -> None:
    assert is_on_this_machine(url) is here
