import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filot import child as child_module
from filot.embedded.program import Program, ProgramFailed
from filot.embedded.valkey import Valkey
from filot.management.commands.rundev import DevelopmentRun, VarFolder
from filot.supervisor import Stopped, Supervisor

SLEEP = "import time; print('it is ready.', flush=True); time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN); "
WAIT = 20.0


def python(name: str, code: str, *, ready_line: str = "ready.", **more: object) -> Program:
    return Program(name, [sys.executable, "-c", code], ready_line=ready_line, **more)  # type: ignore[arg-type]


def with_grandchild(note: Path) -> str:
    """A program with a deaf child of its own, whose number it notes."""
    return (
        "import subprocess, sys; from pathlib import Path; "
        f"inner = subprocess.Popen([sys.executable, '-c', {DEAF + SLEEP!r}]); "
        f"Path({str(note)!r}).write_text(str(inner.pid)); " + SLEEP
    )


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def comes_true(fact: Callable[[], bool]) -> bool:
    until = time.monotonic() + WAIT
    while not fact() and time.monotonic() < until:
        time.sleep(0.02)
    return fact()


class Terminal(list[str]):
    """What was said; the word in `stop_at` makes it ask for the end, as Ctrl-C would."""

    stop_at = ""

    def __call__(self, line: str) -> None:
        self.append(line)
        if self.stop_at and self.stop_at in line:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def supervisor(tmp_path: Path, terminal: Terminal) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "logs", terminal) as running:
        yield running


def pid_of(supervisor: Supervisor, name: str) -> int:
    (found,) = [child for stage in supervisor._stages for child in stage if child.program.name == name]
    return found.process.pid


def test_what_a_program_says_is_prefixed_and_kept(supervisor: Supervisor, terminal: Terminal, tmp_path: Path) -> None:
    supervisor.start([python("worker", SLEEP)])

    assert "worker     | it is ready." in terminal
    assert (tmp_path / "logs" / "worker.log").read_text() == "it is ready.\n"


def test_a_quiet_program_and_a_silenced_supervisor_write_to_the_file_only(
    supervisor: Supervisor, terminal: Terminal, tmp_path: Path
) -> None:
    supervisor.start([python("server", SLEEP, quiet=True)])
    supervisor.talking = False
    supervisor.start([python("worker", SLEEP)])

    assert not any("|" in line for line in terminal)
    assert (tmp_path / "logs" / "server.log").exists()
    assert (tmp_path / "logs" / "worker.log").exists()


def test_the_log_of_the_start_before_is_kept_beside_the_new_one(tmp_path: Path, terminal: Terminal) -> None:
    for word in ("first", "second"):
        with Supervisor(tmp_path, terminal) as supervisor:
            supervisor.run(python("step", f"print({word!r})"))

    assert (tmp_path / "step.log").read_text() == "second\n"
    assert (tmp_path / "step.log.1").read_text() == "first\n"


def test_a_stage_is_up_when_the_slowest_of_it_is(supervisor: Supervisor, terminal: Terminal, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    slow = f"import time; from pathlib import Path; time.sleep(0.5); Path({str(flag)!r}).touch(); time.sleep(600)"

    supervisor.start([python("slow", slow, ready_line="", ready=flag.exists, where="here"), python("fast", SLEEP)])

    assert flag.exists()
    assert [line.split(":")[0] for line in terminal if ": ready in" in line] == ["fast", "slow"]
    assert any(line.endswith("(here)") for line in terminal)


def test_a_program_that_dies_while_it_starts_fails_the_start_with_its_last_words(supervisor: Supervisor) -> None:
    with pytest.raises(ProgramFailed, match="exit code 3 before it was ready") as failure:
        supervisor.start([python("worker", "print('no such queue'); raise SystemExit(3)")])

    assert "no such queue" in str(failure.value)
    assert "worker.log" in str(failure.value)


def test_a_program_that_never_answers_fails_the_start(supervisor: Supervisor) -> None:
    with pytest.raises(ProgramFailed, match="did not answer"):
        supervisor.start([python("worker", SLEEP, ready_line="never said")], timeout=0.3)


def test_a_step_is_run_to_its_end_and_aloud_its_lines_are_shown_as_they_are(
    supervisor: Supervisor, terminal: Terminal
) -> None:
    supervisor.run(python("cards", "print('card 1'); print('card 2')"), aloud=True)

    assert terminal[-2:] == ["card 1", "card 2"]


def test_a_step_that_fails_says_why(supervisor: Supervisor) -> None:
    with pytest.raises(ProgramFailed, match="exit code 1") as failure:
        supervisor.run(python("migrate", "raise ValueError('no such table')"))

    assert "no such table" in failure.value.said


def test_a_child_that_dies_is_named_with_its_last_words_and_started_again(
    supervisor: Supervisor, terminal: Terminal
) -> None:
    terminal.stop_at = "worker: ready again"
    supervisor.start([python("worker", SLEEP)])
    first = pid_of(supervisor, "worker")
    os.kill(first, signal.SIGKILL)

    supervisor.watch()

    said = "\n".join(terminal)
    assert "worker: was ended by SIGKILL; it is started again in 0.5 s" in said
    assert "    it is ready." in said
    assert pid_of(supervisor, "worker") != first
    assert supervisor.stop_reason == "SIGTERM"


def test_what_a_dead_child_started_is_ended_before_it_is_started_again(
    supervisor: Supervisor, terminal: Terminal, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    terminal.stop_at = "worker: ready again"
    supervisor.start([python("worker", with_grandchild(note))])
    grandchild = int(note.read_text())
    os.kill(pid_of(supervisor, "worker"), signal.SIGKILL)

    supervisor.watch()

    assert comes_true(lambda: not is_running(grandchild))


def test_a_crash_loop_ends_the_run_with_exit_code_1_and_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class CrashingRun(DevelopmentRun):
        def _start(self, supervisor: Supervisor) -> None:
            code = "import time; print('it is ready.', flush=True); time.sleep(0.3); raise SystemExit(7)"
            supervisor.start([python("worker", code)])

    monkeypatch.setattr(child_module, "FIRST_BACKOFF", 0.01)

    code = CrashingRun(VarFolder(tmp_path), caller={}, gpu=False, demo=False).until_stopped()

    said = capsys.readouterr().out
    assert code == 1
    assert "worker: ended with exit code 7, 5 times within 60 s" in said
    assert "All stopped" in said


def test_stop_goes_backwards_through_the_stages(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    for name in ("database", "worker"):
        code = (
            f"import signal, sys, time\ndef end(*_):\n    open({str(order)!r}, 'a').write('{name} ')\n    sys.exit()\n"
            f"signal.signal(signal.SIGTERM, end)\n{SLEEP}"
        )
        supervisor.start([python(name, code)])

    supervisor.stop()

    assert order.read_text() == "worker database "


def test_stop_kills_the_deaf_and_what_they_started(supervisor: Supervisor, terminal: Terminal, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    supervisor.start([python("worker", DEAF + with_grandchild(note), grace=0.2)])
    worker, grandchild = pid_of(supervisor, "worker"), int(note.read_text())

    supervisor.stop()

    assert "worker: did not end in time and was killed" in terminal
    assert not is_running(worker)
    assert comes_true(lambda: not is_running(grandchild))


def test_an_end_asked_for_during_the_start_is_not_lost(supervisor: Supervisor, terminal: Terminal) -> None:
    terminal.stop_at = "first: ready"

    with pytest.raises(Stopped):
        supervisor.start([python("first", SLEEP), python("second", SLEEP, ready_line="never said")])


def test_a_guardian_that_was_killed_is_replaced_and_knows_the_children(
    supervisor: Supervisor, terminal: Terminal
) -> None:
    supervisor.start([python("worker", SLEEP)])
    first, worker = supervisor._guardian, pid_of(supervisor, "worker")
    first.kill()
    assert comes_true(lambda: supervisor._turn() is None and supervisor._guardian is not first)

    assert supervisor._guardian.stdin
    supervisor._guardian.stdin.close()  # all that it learns when the supervisor is gone

    assert comes_true(lambda: not is_running(worker))


def test_kill_9_of_the_supervisor_leaves_nobody_and_frees_its_lock(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom filot.embedded.program import Program\n"
        "from filot.embedded.environment import VarFolder\nfrom filot.supervisor import Supervisor\n"
        f"lock = VarFolder(Path({str(tmp_path)!r})).lock()\n"
        f"with Supervisor(Path({str(tmp_path)!r}), lambda line: None, lock=lock) as supervisor:\n"
        f"    code = {with_grandchild(note)!r}\n"
        "    supervisor.start([Program('worker', [sys.executable, '-c', code], ready_line='ready.')])\n"
        "    print(supervisor._stages[0][0].process.pid, flush=True)\n"
        "    supervisor.watch()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout
        worker = int(killed.stdout.readline())
        grandchild = int(note.read_text())
        killed.kill()

    assert comes_true(lambda: not is_running(worker) and not is_running(grandchild))
    os.close(VarFolder(tmp_path).lock())


def test_a_server_whose_port_was_taken_meanwhile_is_started_on_another(supervisor: Supervisor, tmp_path: Path) -> None:
    with Valkey(tmp_path / "one", throwaway=True) as other:

        class StolenPort(Valkey):
            def choose_ports(self) -> None:
                if self.port:
                    super().choose_ports()
                else:
                    self.port = other.port

        server = StolenPort(tmp_path / "two", throwaway=True)
        supervisor.start_services([server])

        assert server.port != other.port
        assert is_running(pid_of(supervisor, "valkey"))
