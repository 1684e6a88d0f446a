"""A fake clamd that speaks INSTREAM over a real socket: loudly none, it knows one signature (EICAR's test string)."""

import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + rb"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
STREAM_MAX = 4 * 1024 * 1024


class FakeClamd:
    """`behaviour`: scan, silent (accepts and never answers), drip, rude (closes at once), garbage, broken, strict."""

    def __init__(self, behaviour: str = "scan", path: Path | None = None) -> None:
        self.behaviour, self.streams = behaviour, [b""][:0]
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.socket.bind(str(path) if path else ("127.0.0.1", 0))
        self.socket.listen(16)
        self.address = f"unix:{path}" if path else f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "FakeClamd":
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()
        for line in self.open:
            line.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.socket.accept()
            except OSError:
                return
            self.open.append(line)
            threading.Thread(target=self._one, args=(line,), daemon=True).start()

    def _one(self, line: socket.socket) -> None:
        try:
            getattr(self, f"_{self.behaviour}")(line)
        except OSError:
            pass
        finally:
            if self.behaviour != "silent":
                line.close()

    def _heard(self, line: socket.socket) -> bytes:
        stream = line.makefile("rb")
        assert stream.read(10) == b"zINSTREAM\0"
        data = b""
        while length := struct.unpack(">I", stream.read(4))[0]:
            data += stream.read(length)
        self.streams.append(data)
        return data

    def _scan(self, line: socket.socket) -> None:
        found = EICAR in self._heard(line)
        line.sendall(b"stream: Eicar-Test-Signature FOUND\0" if found else b"stream: OK\0")

    def _strict(self, line: socket.socket) -> None:
        """Over StreamMaxLength it answers in the middle of the stream, and hangs up."""
        line.recv(14)
        line.sendall(b"INSTREAM size limit exceeded. ERROR\0")

    def _broken(self, line: socket.socket) -> None:
        self._heard(line)
        line.sendall(b"stream: Can't allocate memory ERROR\0")

    def _garbage(self, line: socket.socket) -> None:
        self._heard(line)
        line.sendall(b"\xff" * 5000)

    def _rude(self, line: socket.socket) -> None: ...

    def _silent(self, line: socket.socket) -> None:
        self._heard(line)

    def _drip(self, line: socket.socket) -> Any:
        self._heard(line)
        for byte in b"stream: OK\0":
            line.sendall(bytes([byte]))
            time.sleep(0.2)
