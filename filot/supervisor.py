"""Starts programs in order, keeps them running, and ends them all: what `make run` stands on.

One thread and one loop: it reads what the programs say, notices which one ended, and asks the starting ones
whether they are up. Programs are started by the main thread only: the kernel's death signal goes by thread.
"""

import contextlib
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from filot.child import Child, Log
from filot.embedded.program import (
    Program,
    ProgramFailed,
    describe_exit,
    exit_code,
    says_port_is_taken,
    send,
    signal_group,
)
from filot.embedded.service import START_ATTEMPTS, Service

TURN = 0.05  # seconds between two looks at everything
START_TIMEOUT = 90.0
RUN_TIMEOUT = 900.0
STOP_BUDGET = 9.0  # of the 10 s that a stop may take
GUARDIAN_TIMEOUT = 5.0
NAME_WIDTH = 10
GUARDIAN = Path(__file__).with_name("guardian.py")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked for the end while something was awaited."""


class Supervisor:
    """Use it in a `with`: at its end every program that was started is gone.

    `say` gets each line for the terminal. `lock` is a descriptor that stays open until nothing is left, also
    when this process is killed. `talking`: whether the programs' own lines go to the terminal.
    """

    def __init__(self, logs: Path, say: Callable[[str], None], *, lock: int | None = None) -> None:
        self.say = say
        self.talking = True
        self._logs = logs
        self._lock = lock
        self._stages: list[list[Child]] = []
        self._stop_reason = ""
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._old_handlers: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        for number in STOP_SIGNALS:
            self._old_handlers[number] = signal.signal(number, self._asked_to_stop)
        self._start_guardian()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal.signal gave us

    # What can be asked of it

    def start_services(self, services: Sequence[Service]) -> None:
        """Start them side by side; on a port that was taken meanwhile choose another."""
        stage: list[Child] = []
        self._stages.append(stage)
        for service in services:
            stage.append(self._launch_service(service))
        for child, service in zip(list(stage), services, strict=True):
            self._wait_for_service(stage, child, service)

    def start(self, programs: Sequence[Program], *, timeout: float = START_TIMEOUT) -> None:
        """Start them side by side and return when all are up; ProgramFailed if one dies or stays mute."""
        stage: list[Child] = []
        self._stages.append(stage)
        for program in programs:
            stage.append(self._launch(program))
        self._wait_for(stage, timeout)

    def run(self, program: Program, *, timeout: float = RUN_TIMEOUT, aloud: bool = False) -> None:
        """Run it to its end; `aloud`: its lines go to the terminal as they are. ProgramFailed if it fails."""
        child = self._launch(program, aloud=aloud)
        self._stages.append([child])
        until = time.monotonic() + timeout
        code = None
        while code is None:
            self._turn(skip=child)
            self._check_stop()
            code = exit_code(child.process)
            if time.monotonic() > until:
                raise child.failure(f"was not done after {timeout:.0f} s")
        self._stages.remove([child])
        self._forget(child, aloud=aloud)
        if code:
            raise child.failure(describe_exit(code))

    def watch(self) -> None:
        """Keep all of them running until somebody asks for the end. ProgramFailed if one keeps dying."""
        while not self._stop_reason:
            self._turn()

    def stop(self) -> None:
        """End all in the reverse order, within ten seconds whatever they do. Safe to repeat."""
        self._stopping = True
        until = time.monotonic() + STOP_BUDGET
        while self._stages:
            self._stop_stage(self._stages.pop(), until)
        self._end_guardian()

    @property
    def stop_reason(self) -> str:
        return self._stop_reason

    # How it does it

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_reason = self._stop_reason or signal.Signals(number).name

    def _check_stop(self) -> None:
        if self._stop_reason:
            raise Stopped

    def _launch(self, program: Program, *, aloud: bool = False) -> Child:
        self._check_stop()
        child = Child(program, Log(self._logs / f"{program.name}.log"))
        self._follow(child, aloud=aloud)
        return child

    def _launch_service(self, service: Service) -> Child:
        began = time.monotonic()
        service.choose_ports()
        child = self._launch(service.program())
        child.since = began  # what making its data folder took is part of its start
        return child

    def _follow(self, child: Child, *, aloud: bool = False) -> None:
        self._selector.register(child.pipe_number, selectors.EVENT_READ, (child, aloud))
        self._tell_guardian(f"+{child.process.pid} {int(child.program.death_signal)}")

    def _wait_for(self, stage: Sequence[Child], timeout: float = START_TIMEOUT) -> None:
        until = time.monotonic() + timeout
        while not all(child.was_up for child in stage):
            self._turn()
            self._check_stop()
            for child in stage:
                if not child.was_up and time.monotonic() > until:
                    raise child.failure(f"did not answer within {timeout:.0f} s")

    def _wait_for_service(self, stage: list[Child], child: Child, service: Service) -> None:
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                self._wait_for([child])
                return
            except ProgramFailed as failure:
                if attempt == START_ATTEMPTS or not says_port_is_taken(failure.said):
                    raise
                stage.remove(child)
                child = self._launch_service(service)
                stage.append(child)

    def _turn(self, skip: Child | None = None) -> None:
        """Read what came, then look after each child."""
        for key, _ in self._selector.select(TURN):
            child, aloud = key.data
            self._read(child, aloud=aloud)
        if self._stopping:
            return
        for stage in self._stages:
            for child in stage:
                if child is not skip:
                    self._look_after(child)
        if self._guardian.poll() is not None:
            self._start_guardian()

    def _read(self, child: Child, *, aloud: bool = False) -> bool:
        number = child.pipe_number
        lines = child.read()
        if lines is None:
            self._selector.unregister(number)
            return False
        for line in lines:
            if aloud:
                self.say(line)
            elif self.talking and not child.program.quiet:
                self.say(f"{child.program.name:<{NAME_WIDTH}} | {line}")
        return bool(lines)

    def _look_after(self, child: Child) -> None:
        if child.restart_at is not None:
            if time.monotonic() >= child.restart_at:
                child.start()
                self._follow(child)
            return
        code = exit_code(child.process)
        if code is not None:
            self._mourn(child, describe_exit(code))
        elif not child.up and child.answers():
            again = " again" if child.was_up else ""
            child.up = child.was_up = True
            where = f" ({child.program.where})" if child.program.where else ""
            self.say(f"{child.program.shown}: ready{again} in {child.seconds()}{where}")

    def _mourn(self, child: Child, reason: str) -> None:
        self._forget(child)
        if not child.was_up:
            raise child.failure(f"{reason} before it was ready")
        child.has_died(reason)
        wait = (child.restart_at or 0) - time.monotonic()
        self.say(f"{child.failure(f'{reason}; it is started again in {wait:.1f} s')}")

    def _forget(self, child: Child, *, aloud: bool = False) -> None:
        """Take the rest of what it said, and let go of it."""
        number = child.pipe_number
        while number >= 0 and self._read(child, aloud=aloud):
            pass
        if child.pipe_number >= 0:  # somebody outside its group still holds the other end
            self._selector.unregister(number)
            child.close_pipe()
        self._tell_guardian(f"-{child.process.pid}")

    def _stop_stage(self, stage: Sequence[Child], until: float) -> None:
        running = [child for child in stage if child.restart_at is None]
        for child in reversed(running):
            send(child.process, child.program.stop_signal)
        started = time.monotonic()
        while any(exit_code(child.process) is None for child in running):
            self._turn()
            for child in running:
                if time.monotonic() > min(started + child.program.grace, until):
                    self._kill(child)
        for child in running:
            self._forget(child)

    def _kill(self, child: Child) -> None:
        if exit_code(child.process) is None:
            self.say(f"{child.program.shown}: did not end in time and was killed")
            signal_group(child.process.pid, signal.SIGKILL)
            child.process.wait()

    # The guardian

    def _start_guardian(self) -> None:
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARDIAN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[self._lock] if self._lock is not None else [],
        )
        for stage in self._stages:
            for child in stage:
                if child.restart_at is None:
                    self._tell_guardian(f"+{child.process.pid} {int(child.program.death_signal)}")

    def _tell_guardian(self, line: str) -> None:
        pipe = self._guardian.stdin
        with contextlib.suppress(OSError):  # a guardian that was killed is replaced and told again
            if pipe and not pipe.closed:
                pipe.write(f"{line}\n".encode())
                pipe.flush()

    def _end_guardian(self) -> None:
        with contextlib.suppress(OSError):
            if self._guardian.stdin:
                self._guardian.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guardian.wait(GUARDIAN_TIMEOUT)
