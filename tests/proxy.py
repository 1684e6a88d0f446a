"""A door in front of a server that can be shut or left standing open in silence: how a part goes away in tests."""

import socket
import threading
from contextlib import suppress

OPEN, SHUT, SILENT = "open", "shut", "silent"


class Proxy:
    """Passes bytes to `host:port` while OPEN. SHUT: connections are refused and cut. SILENT: taken, never answered."""

    def __init__(self, host: str, port: int) -> None:
        self.target = host, port
        self.state = OPEN
        self._listener = self._listen(0)
        self.port = self._listener.getsockname()[1]
        self._lines: list[socket.socket] = []

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def turn(self, state: str) -> None:
        """What is under way ends as it would: cut when SHUT, without another byte when SILENT."""
        before, self.state = self.state, state
        if state == SHUT:
            _close(self._listener)
        if before == SHUT:
            self._listener = self._listen(self.port)
        if state == SHUT or before == SILENT:
            for line in self._lines:
                _close(line)
            self._lines.clear()

    def close(self) -> None:
        self.turn(SHUT)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                self._lines.append(near)
                threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        if self.state != OPEN:
            return
        try:
            far = socket.create_connection(self.target, 5)
        except OSError:
            _close(near)
            return
        self._lines.append(far)
        threading.Thread(target=self._copy, args=(far, near), daemon=True).start()
        self._copy(near, far)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.state == SILENT:  # swallowed
                    continue
                target.sendall(data)
        _close(source)
        _close(target)


def _close(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
