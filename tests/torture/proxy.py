"""A TCP proxy in front of a server, which can go deaf: it accepts, reads, and never answers."""

import contextlib
import socket
import threading

from filot.embedded.program import free_port

CHUNK = 65_536


class Proxy:
    """Listens on a port of its own until `close`."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, free_port()
        self.deaf = False
        self.swallowed = 0  # bytes that were read and never answered
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Bytes that are swallowed while it is deaf are lost: when it hears again, the connection ends."""
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            client.close()
            return
        server.settimeout(None)  # a connection may be silent for as long as it likes
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        lost = False
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if self.deaf:
                    self.swallowed += len(data)
                    lost = True
                elif lost:
                    break
                else:
                    sink.sendall(data)
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
