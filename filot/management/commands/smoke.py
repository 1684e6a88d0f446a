"""Send a SPECIMEN card through a running system from outside and look at every answer on its way; one line a step.

Needs an account of a client (--user, and its password in --password or on standard input with --password -). Its
documents stay: use an account that is for this alone.
"""

import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import requests
from django.core.management.base import BaseCommand, CommandError, CommandParser

from verification.specimens import encode, render

TIMEOUTS = (5, 30)  # seconds to connect, to answer
POLL_SECONDS = 0.5
OUTCOMES = {"auto_approve", "auto_reject", "needs_review"}


class StepFailed(Exception):
    """What was expected and what came."""


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # it looks at another machine's FiLot

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", required=True, help="of a web server or what stands in front of it")
        parser.add_argument("--user", default="client")
        parser.add_argument("--password", default="filot-demo", help="- reads it from standard input")
        parser.add_argument("--metrics-token", default="", help="looks at /metrics too")
        parser.add_argument("--seconds", type=float, default=120.0, help="within which the card must be settled")
        parser.add_argument("--seed", type=int, default=0, help="of the rendered card; by default another each time")

    def handle(self, *args: Any, **options: Any) -> None:
        password = sys.stdin.readline().strip() if options["password"] == "-" else options["password"]  # noqa: S105
        seed = options["seed"] or int(time.time()) % 1_000_000
        walk = Walk(options["url"].rstrip("/"), options["user"], password, seed, options["seconds"])
        steps = walk.steps()
        if options["metrics_token"]:
            steps.append(lambda: walk.metrics(options["metrics_token"]))
        for step in steps:
            began = time.monotonic()
            try:
                said = step()
            except (StepFailed, requests.RequestException, KeyError, ValueError) as failed:
                raise CommandError(f"FAILED {walk.doing}: {failed}") from failed
            self.stdout.write(
                f"ok   {walk.doing:<44} {1000 * (time.monotonic() - began):7.0f} ms  {said or ''}".rstrip()
            )
        self.stdout.write(f"all {len(steps)} steps passed")


class Walk:
    """One card's way. Each step asserts, and says what is worth a look."""

    def __init__(self, url: str, user: str, password: str, seed: int, seconds: float) -> None:
        self.url, self.user, self.password, self.seconds = url, user, password, seconds
        self.session = requests.Session()
        picture, truth = render("ktp", "clean", seed)
        self.card, self.truth = encode(picture, "jpeg"), truth
        self.key, self.correlation_id = uuid.uuid4().hex, f"smoke-{uuid.uuid4().hex[:12]}"
        self.document_id, self.doing = "", ""

    def steps(self) -> list[Callable[[], str | None]]:
        return [
            *(self.live, self.ready, self.without_token, self.log_in, self.junk, self.upload, self.upload_again),
            *(self.somebody_elses, self.settled, self.result, self.unchanged, self.original, self.listed),
        ]

    def live(self) -> str | None:
        self._ask("the web server answers", "GET", "/health/live", 200)
        return None

    def ready(self) -> str:
        parts = self._ask("every part it needs is up", "GET", "/health/ready", 200).json()["components"]
        down = [name for name, part in parts.items() if part["status"] != "up"]
        _expect(not down, f"down: {', '.join(down)}")
        return ", ".join(f"{name} {part['ms']:.0f} ms" for name, part in parts.items())

    def without_token(self) -> None:
        answer = self._ask("nobody gets in without a token", "GET", "/documents", 401)
        _expect("WWW-Authenticate" in answer.headers, "401 without WWW-Authenticate")

    def log_in(self) -> None:
        body = {"username": self.user, "password": self.password}
        answer = self._ask("the client's account gets a token", "POST", "/auth/token", 200, json=body)
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access']}"

    def junk(self) -> None:
        form = {"files": {"file": ("card.jpg", b"no picture", "image/jpeg")}, "data": {"type": "KTP"}}
        answer = self._ask("what is no picture is refused", "POST", "/documents/upload", (415, 422), **form)
        _expect(bool(answer.json()["error"]["correlationId"]), "an error without its correlation id")

    def upload(self) -> str:
        answer = self._upload("a SPECIMEN card is accepted")
        self.document_id = str(answer.json()["documentId"])
        _expect(answer.headers["Location"].endswith(self.document_id), "Location does not name the document")
        _expect(answer.headers["X-Correlation-Id"] == self.correlation_id, "our correlation id did not come back")
        return self.document_id

    def upload_again(self) -> None:
        again = self._upload("the same upload again is the same document")
        _expect(again.json()["documentId"] == self.document_id, "two documents for one idempotency key")

    def somebody_elses(self) -> None:
        self._ask("a document of nobody is not found", "GET", f"/documents/{uuid.uuid4()}", 404)

    def settled(self) -> str:
        deadline, path = time.monotonic() + self.seconds, f"/verification/status/{self.document_id}"
        while True:
            answer = self._ask("it is read and judged", "GET", path, 200).json()
            if answer["aiDecision"]:
                break
            _expect(time.monotonic() < deadline, f"still {answer['status']} after {self.seconds:.0f} s")
            time.sleep(POLL_SECONDS)
        _expect(answer["aiDecision"] in OUTCOMES, f"decision {answer['aiDecision']}")
        _expect(isinstance(answer["aiScore"], int), "no score")
        return f"{answer['verificationStatus']}, score {answer['aiScore']}"

    def result(self) -> str:
        answer = self._ask(
            "its fields are what stands on the card", "GET", f"/documents/{self.document_id}/result", 200
        )
        self.tag = answer.headers["ETag"]
        read = answer.json()["result"]
        wanted = self.truth.get("fields", self.truth)
        _expect(read["nik"] == wanted["nik"], "the number was read otherwise")
        return f"{sum(value is not None for value in read.values())} fields"

    def unchanged(self) -> None:
        path = f"/documents/{self.document_id}/result"
        self._ask("unchanged, it is not sent again", "GET", path, 304, headers={"If-None-Match": self.tag})

    def original(self) -> str:
        path = f"/documents/{self.document_id}/download"
        link = self._ask("a link leads to the original", "GET", path, 200).json()
        answer = requests.get(link["url"], timeout=TIMEOUTS)
        _expect(answer.ok and answer.headers["Content-Type"] == "image/jpeg", f"the link answers {answer.status_code}")
        _expect(answer.content[:2] == b"\xff\xd8", "the original is no JPEG")
        return f"{len(answer.content)} bytes, for {link['expiresIn']} s"

    def listed(self) -> None:
        rows = self._ask("it stands in its owner's list", "GET", "/documents", 200).json()
        _expect(self.document_id in str(rows), "not on the first page")

    def metrics(self, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        text = self._ask("the metrics can be read", "GET", "/metrics", 200, headers=headers).text
        _expect("filot_rows_read 1.0" in text, "the gauges of the rows are missing")

    def _upload(self, doing: str) -> requests.Response:
        return self._ask(
            doing,
            "POST",
            "/documents/upload",
            (200, 201),
            files={"file": ("card.jpg", self.card, "image/jpeg")},
            data={"type": "KTP"},
            headers={"Idempotency-Key": self.key, "X-Correlation-Id": self.correlation_id},
        )

    def _ask(
        self, doing: str, method: str, path: str, wanted: int | tuple[int, ...], **kwargs: Any
    ) -> requests.Response:
        self.doing = doing
        answer = self.session.request(method, self.url + path, timeout=TIMEOUTS, **kwargs)
        right = (wanted,) if isinstance(wanted, int) else wanted
        _expect(answer.status_code in right, f"{method} {path} answered {answer.status_code}: {answer.text[:200]}")
        return answer


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise StepFailed(otherwise)
