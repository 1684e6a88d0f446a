import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ocr_gpu import sandbox
from ocr_gpu.refusals import UnreadableFile
from ocr_gpu.sandbox import Limits

ROOT = Path(__file__).resolve().parents[2]


def call(name: str, data: bytes = b"", *, limits: Limits | None = None, **arguments: object) -> bytes:
    return bytes(sandbox.run(f"tests.ocr_gpu.misbehaviour:{name}", data, arguments, limits))


def code_of(name: str, *, limits: Limits | None = None, **arguments: object) -> str:
    with pytest.raises(UnreadableFile) as caught:
        call(name, limits=limits, **arguments)
    return caught.value.code


def server_pid() -> int:
    return sandbox._owner.current().process.pid


def open_files(pid: int | str) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def run_python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def fresh_server() -> Iterator[None]:
    sandbox.stop()
    yield
    sandbox.stop()


def test_bytes_and_arguments_go_in_and_the_answer_comes_out() -> None:
    assert call("echo", b"data", prefix="some ") == b"some data"


@pytest.mark.usefixtures("fresh_server")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_while_the_server_starts_does_not_end_it(
    sent: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ToldToEnd(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[call-overload]
            self.send_signal(sent)

    masked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    monkeypatch.setattr(subprocess, "Popen", ToldToEnd)
    server = sandbox._owner.current()
    monkeypatch.undo()
    server.process.send_signal(sent)
    assert call("echo", b"data") == b"data"
    assert sandbox._owner.current() is server
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == masked, "the owner itself hears it as before"


def test_large_data_comes_back_whole() -> None:
    data = os.urandom(20 * 1024 * 1024)
    assert call("echo", data) == data


def test_a_refusal_keeps_its_code() -> None:
    assert code_of("refuse") == "too_many_pages"


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_killed_child_is_a_refused_file_and_the_server_lives_on(by: int) -> None:
    before = server_pid()
    assert code_of("die", by=by) == "decoder_crashed"
    assert call("echo", b"next") == b"next"
    assert server_pid() == before


@pytest.mark.parametrize("name", ["leave", "raise_a_bug"])
def test_a_child_that_ends_in_any_other_way_never_passes_as_done(name: str) -> None:
    assert code_of(name) == "decoder_crashed"


def test_a_child_over_its_memory_is_a_refused_file() -> None:
    assert code_of("eat_memory") == "decoder_out_of_memory"


def test_a_child_over_its_processor_time_is_a_refused_file() -> None:
    assert code_of("burn", limits=Limits(cpu_seconds=1)) == "decoder_timed_out"


def test_a_child_that_only_sleeps_is_ended_by_the_clock() -> None:
    assert code_of("sleep", limits=Limits(wall_seconds=0.2)) == "decoder_timed_out"


def test_a_child_cannot_answer_more_than_its_limit() -> None:
    assert code_of("answer_too_much", limits=Limits(output_bytes=1024 * 1024)) == "decoder_crashed"


def test_many_threads_at_once_each_get_their_own_answer() -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: call("echo", str(n).encode()), range(40)))
    assert answers == [str(n).encode() for n in range(40)]


def test_a_slow_file_does_not_hold_up_the_next_one(tmp_path: Path) -> None:
    answers: list[bytes] = []
    gate = tmp_path / "gate"
    slow = threading.Thread(target=lambda: answers.append(call("wait_for", str(gate).encode())))
    slow.start()
    answers.append(call("echo", b"quick"))
    gate.touch()
    slow.join()
    assert answers == [b"quick", b"opened"]


def test_a_server_that_died_is_replaced(fresh_server: None) -> None:
    first = server_pid()
    os.kill(first, signal.SIGKILL)
    assert call("echo", b"again") == b"again"
    assert server_pid() != first


def test_a_file_during_which_the_server_died_is_tried_once_more(fresh_server: None, tmp_path: Path) -> None:
    assert call("kill_the_server_once", str(tmp_path / "mark").encode()) == b"second time"


def test_a_server_lost_twice_is_the_machines_fault_and_not_the_files(fresh_server: None) -> None:
    with pytest.raises(sandbox.SandboxUnavailable):
        call("kill_the_server")
    assert call("echo", b"after") == b"after"


def test_a_server_that_hangs_is_given_up_and_replaced(fresh_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "GRACE_SECONDS", 0.2)
    stuck = server_pid()
    os.kill(stuck, signal.SIGSTOP)
    assert call("echo", b"again", limits=Limits(wall_seconds=4.0)) == b"again"
    assert server_pid() != stuck


def test_callers_do_not_wait_for_ever_for_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "QUEUE_SECONDS", 0.05)
    for _ in range(sandbox.SLOTS):
        sandbox._owner.slots.acquire()
    try:
        with pytest.raises(sandbox.SandboxUnavailable):
            call("echo")
    finally:
        for _ in range(sandbox.SLOTS):
            sandbox._owner.slots.release()
    assert call("echo", b"free") == b"free"


def test_a_server_that_cannot_start_is_the_machines_fault(fresh_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SERVER_MODULE", "ocr_gpu.no_such_module")
    with pytest.raises(sandbox.SandboxUnavailable):
        call("echo")


def test_a_child_sees_no_secret_and_no_socket(fresh_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET_KEY", "do not pass on")
    seen = json.loads(call("surroundings"))
    assert "SOME_SECRET_KEY" not in seen["environment"]
    assert [name for name in seen["open_files"] if name.startswith("socket")] == []


def test_nothing_is_left_open_or_unreaped_after_many_files() -> None:
    call("echo")
    before = open_files("self")
    for _ in range(20):
        call("echo")
        code_of("die")
    assert open_files("self") == before
    assert open_files(server_pid()) <= 8
    assert Path(f"/proc/{server_pid()}/task/{server_pid()}/children").read_text() == ""


def test_a_forked_process_gets_a_server_of_its_own() -> None:
    done = run_python("""
import os
from tests.ocr_gpu.test_sandbox import call, server_pid
mine = server_pid()
child = os.fork()
if child == 0:
    os._exit(0 if call("echo", b"x") == b"x" and server_pid() != mine else 1)
assert os.waitpid(child, 0)[1] == 0
assert call("echo", b"y") == b"y" and server_pid() == mine
print("both")
""")
    assert done.stdout == "both\n", done.stderr


def test_a_daemonic_process_may_decode_too() -> None:
    done = run_python("""
import multiprocessing
from tests.ocr_gpu.test_sandbox import call
def work(): assert call("echo", b"x") == b"x"
worker = multiprocessing.get_context("fork").Process(target=work, daemon=True)
worker.start(); worker.join(); print(worker.exitcode)
""")
    assert done.stdout == "0\n", done.stderr


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "sys.exit()", "os._exit(0)"])
def test_the_server_ends_with_its_owner(end: str) -> None:
    done = run_python(f"""
import os, sys
from tests.ocr_gpu.test_sandbox import server_pid
print(server_pid(), flush=True)
{end}
""")
    server = Path(f"/proc/{int(done.stdout)}/cmdline")
    deadline = time.monotonic() + 15
    while server.exists() and b"sandbox_server" in server.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not server.exists() or b"sandbox_server" not in server.read_bytes()


def test_a_child_finds_all_loaded_that_decoding_takes(fresh_server: None) -> None:
    """One that loads Pillow's plugins itself takes several times as long as decoding does."""
    found = json.loads(call("confinement"))
    assert {"PIL.JpegImagePlugin", "PIL.PngImagePlugin", "pypdfium2"} <= set(found["modules"])
    assert found["collects"] is False


def test_a_child_is_the_first_to_go_when_memory_runs_out_and_can_gain_no_rights(fresh_server: None) -> None:
    found = json.loads(call("confinement"))
    assert (found["goes_first"], found["gains_nothing"]) == ("1000", "1")
