"""A stand-in for BULI2 that speaks its contract over real HTTP. It says everywhere that it is a simulator.

with BuliSimulator(api_key="...", secret="...") as simulator:
    settings.BULI2_API_URL = simulator.url
"""

import html
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

from django.conf import settings

from integrations.simulator_desk import AlreadyClosed, Desk, SimulatedReview, UnknownTicket
from integrations.simulator_faults import Fault

NAME = "BULI2-SIMULATOR"
BANNER = "BULI2 SIMULATOR - not a partner: nobody looks at these reviews unless you decide them here"
MAX_BODY_BYTES = 1024 * 1024
SOCKET_SECONDS = 60
STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}
.banner{background:#7a1f00;color:#fff;padding:.75rem 1rem;font-weight:700}
table{border-collapse:collapse;width:100%;margin-top:1rem}
th,td{text-align:left;padding:.5rem;border-bottom:1px solid #ccc}
form{display:inline}button{font:inherit;min-height:2.75rem;padding:0 1rem}code{font-size:.85em}"""


class SimulatorForbidden(Exception):
    """A simulator has no place in production."""


class BuliSimulator:
    """Starts and stops the server; `desk` holds the reviews and the log of effects."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, api_key: str | None = None, desk: Desk | None = None
    ) -> None:
        """`api_key` None: settings.BULI2_API_KEY. Raises SimulatorForbidden, OSError (port in use)."""
        if settings.PRODUCTION:
            raise SimulatorForbidden("the BULI2 simulator does not run in production")
        self.api_key: str = settings.BULI2_API_KEY if api_key is None else api_key
        secrets = settings.BULI2_SIGNATURE_SECRETS
        self.desk = desk or Desk(secret=secrets[0] if secrets else "", service_key=settings.SERVICE_INTERNAL_KEY)
        self.requests: list[tuple[str, str, dict[str, str]]] = []  # method, path, headers in lower case
        self._server = _Server((host, port), self)

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def fail(self, *faults: str) -> None:
        """Script the next calls, for instance `fail("503:3", "status.cut:1")`."""
        self.desk.script.add(*faults)

    def serve_forever(self) -> None:
        self._server.serve_forever(poll_interval=0.1)

    def __enter__(self) -> "BuliSimulator":
        threading.Thread(target=self.serve_forever, name="buli2-simulator", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.desk.stopping.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], simulator: BuliSimulator) -> None:
        self.simulator = simulator
        super().__init__(address, _Answer)


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    server_version = NAME
    sys_version = ""
    timeout = SOCKET_SECONDS

    def do_GET(self) -> None:
        if self.path == "/":
            self._send(200, page(self.server.simulator.desk).encode(), "text/html; charset=utf-8")
        else:
            self._route({("status",): self._status})

    def do_POST(self) -> None:
        if self.path == "/decide":
            self._decide_on_page()
        elif self.path == "/script":
            self._change()
        else:
            self._route({(): self._submit, ("cancel",): self._cancel})

    # BULI2's own API ----------------------------------------------------------------------------------------

    def _route(self, doors: dict[tuple[str, ...], Callable[[str, dict[str, Any]], None]]) -> None:
        """`/internal/reviews`, or `/internal/reviews/<ticket>/<verb>`, for who has the key."""
        simulator = self.server.simulator
        simulator.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        if not self._has_key():
            return self._json(401, {"error": "unknown key"})
        parts = self.path.removeprefix("/internal/reviews").split("/")
        ticket, door = unquote("".join(parts[1:2])), doors.get(tuple(parts[2:]))
        if not self.path.startswith("/internal/reviews") or door is None or bool(ticket) != bool(parts[2:]):
            return self._json(404, {"error": "no such path"})
        try:
            return door(ticket, self._body() if self.command == "POST" else {})
        except ValueError:
            return self._json(400, {"error": "no JSON object with a reviewId"})
        except UnknownTicket:
            return self._json(404, {"error": "unknown ticket"})
        except AlreadyClosed:
            return self._json(409, {"error": "already closed"})

    def _has_key(self) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Bearer").strip()
        return given == self.server.simulator.api_key

    def _submit(self, ticket: str, body: dict[str, Any]) -> None:
        key = self.headers.get("Idempotency-Key", "")
        if not body.get("reviewId") or not key:
            raise ValueError("reviewId and Idempotency-Key are needed")

        def work() -> dict[str, Any]:
            review = self.server.simulator.desk.submit(key, body)
            return {"taskId": review.ticket, "status": review.status}

        self._answer("submit", work, 201)

    def _answer(self, door: str, work: Callable[[], dict[str, Any]], status: int = 200) -> None:
        """What the script says: before the work, or after it, when the sender can't know that it was done."""
        fault = self.server.simulator.desk.script.next_of(door)
        if fault and fault.is_before_the_work:
            return self._refuse(fault)
        content = work()
        if fault and fault.status:
            return self._refuse(fault)
        if fault:
            return self._misbehave(fault, status, content)
        return self._json(status, content)

    def _refuse(self, fault: Fault) -> None:
        more = {"Retry-After": f"{fault.seconds:g}"} if fault.seconds else {}
        self._json(fault.status, {"error": "as scripted"}, more)

    def _misbehave(self, fault: Fault, status: int, content: dict[str, Any]) -> None:
        if fault.kind == "slow":
            self.server.simulator.desk.stopping.wait(fault.seconds)
            self._json(status, content)
        elif fault.kind == "cut":
            self.close_connection = True
        elif fault.kind == "garbage":
            self._send(200, b"<html>no JSON at all", "application/json")
        elif fault.kind == "redirect":
            self._json(307, {}, {"Location": f"{self.server.simulator.url}/internal/reviews/elsewhere"})
        else:
            self._endless()

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.simulator.desk.stopping.is_set():
            try:
                self.wfile.write(b" " * 65536)
            except OSError:
                return
            time.sleep(0.001)

    def _status(self, ticket: str, body: dict[str, Any]) -> None:
        def work() -> dict[str, Any]:
            review = self.server.simulator.desk.get(ticket)
            answer = {"taskId": review.ticket, "status": review.status}
            return answer | ({"decision": review.decision, "notes": ""} if review.decision else {})

        self._answer("status", work)

    def _cancel(self, ticket: str, body: dict[str, Any]) -> None:
        self._answer("cancel", lambda: {"status": self.server.simulator.desk.cancel(ticket).status})

    def _change(self) -> None:
        """`POST /script`: new habits, for who has the key. Not BULI2's: what tests of a whole FiLot steer it by."""
        if not self._has_key():
            return self._json(401, {"error": "unknown key"})
        try:
            self.server.simulator.desk.change(self._body())
        except (ValueError, TypeError) as error:
            return self._json(400, {"error": str(error)})
        return self._json(200, {"changed": True})

    # The page -----------------------------------------------------------------------------------------------

    def _decide_on_page(self) -> None:
        origin = self.headers.get("Origin", "")
        if origin and origin.partition("://")[2] != self.headers.get("Host"):
            return self._json(403, {"error": "sent from another site"})
        try:
            form = parse_qs(self._raw().decode(errors="replace"))
            self.server.simulator.desk.decide("".join(form.get("ticket", [])), "".join(form.get("decision", [])))
        except (UnknownTicket, AlreadyClosed, ValueError) as error:
            return self._json(409, {"error": type(error).__name__})
        return self._json(303, {}, {"Location": "/"})

    # Bytes --------------------------------------------------------------------------------------------------

    def _raw(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            raise ValueError("no usable Content-Length")
        return self.rfile.read(int(length))

    def _body(self) -> dict[str, Any]:
        body = json.loads(self._raw())
        if not isinstance(body, dict):
            raise ValueError("no JSON object")
        return body

    def _json(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps({**content, "simulator": True}).encode(), "application/json", headers)

    def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "X-Simulator": NAME, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the effects are logged, a path would only repeat them."""


def page(desk: Desk) -> str:
    """The page for a person who plays BULI2."""
    rows = "".join(_row(review) for review in reversed(list(desk.reviews.values())))
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{NAME}</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<p class="banner" role="status">{BANNER}</p><main><h1>Reviews handed over by FiLot</h1>
<p>{len(desk.reviews)} reviews. Reload to see new ones. A decision is sent to FiLot as a signed callback.</p>
<table><thead><tr><th scope="col">Review</th><th scope="col">Type</th><th scope="col">Score</th>
<th scope="col">Status</th><th scope="col">Callback</th><th scope="col">Decide</th></tr></thead>
<tbody>{rows}</tbody></table></main></body></html>"""


def _row(review: SimulatedReview) -> str:
    said = [review.document_type, review.score, review.decision or review.status, review.callback or "-"]
    cells = "".join(f"<td>{html.escape(text)}</td>" for text in said)
    closed = review.decision or review.status == "cancelled"
    buttons = "" if closed else "".join(_button(review, word) for word in ("approved", "rejected"))
    return f"<tr><td><code>{html.escape(review.review_id)}</code></td>{cells}<td>{buttons or '-'}</td></tr>"


def _button(review: SimulatedReview, decision: str) -> str:
    verb = {"approved": "Approve", "rejected": "Reject"}[decision]
    label = html.escape(f"{verb} {review.review_id}", quote=True)
    return (
        f'<form method="post" action="/decide">'
        f'<input type="hidden" name="ticket" value="{html.escape(review.ticket)}">'
        f'<button name="decision" value="{decision}" aria-label="{label}">{verb}</button></form> '
    )
