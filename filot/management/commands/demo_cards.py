"""Send a handful of rendered SPECIMEN cards through the HTTP API and show what became of each."""

import time
from typing import Any, NamedTuple

import requests
from django.core.management.base import BaseCommand, CommandError, CommandParser

from verification.specimens import encode, render

TIMEOUTS = (3, 20)  # seconds to connect, to answer
SETTLE_SECONDS = 180
POLL_SECONDS = 0.5


class Card(NamedTuple):
    what: str
    kind: str
    level: str
    seed: int
    document_type: str
    fmt: str


CARDS = [
    Card("a good KTP, JPEG", "ktp", "clean", 11, "KTP", "jpeg"),
    Card("a good KTP, photographed", "ktp", "phone", 12, "KTP", "jpeg"),
    Card("a good KTP, PDF", "ktp", "scan", 20, "KTP", "pdf"),
    Card("a good NPWP, PNG", "npwp", "clean", 14, "NPWP", "png"),
    Card("a new NPWP, JPEG", "npwp16", "phone", 15, "NPWP", "jpeg"),
    Card("a KTP with its number smudged", "ktp-doubtful", "clean", 16, "KTP", "jpeg"),
    Card("an NPWP with its number smudged", "npwp-doubtful", "clean", 17, "NPWP", "png"),
    Card("a till receipt sent as KTP", "receipt", "clean", 18, "KTP", "jpeg"),
    Card("a blank sheet sent as NPWP", "blank", "clean", 19, "NPWP", "png"),
]


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8080")
        parser.add_argument("--user", default="client")
        parser.add_argument("--password", default="filot-demo")

    def handle(self, *args: Any, **options: Any) -> None:
        api = Api(options["url"].rstrip("/"), options["user"], options["password"])
        self.stdout.write(f"Demo: {len(CARDS)} rendered SPECIMEN cards go through {api.url}/documents/upload")
        started = time.monotonic()
        sent = [(card.what, api.upload(card)) for card in CARDS]
        self.stdout.write("Demo: all uploaded, waiting for the decisions")
        for what, document_id in sent:
            answer = api.settled(document_id, started + SETTLE_SECONDS)
            score = "-" if answer["aiScore"] is None else answer["aiScore"]
            self.stdout.write(f"  {what:<34} {answer['verificationStatus']:<22} score {score:>3}   {document_id}")
        self.stdout.write(f"Demo: all settled {time.monotonic() - started:.1f} s after the first upload")


class Api:
    """FiLot's API as a client calls it."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.session = requests.Session()
        token = self._call("POST", "/auth/token", json={"username": user, "password": password})["access"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def upload(self, card: Card) -> str:
        picture, _ = render(card.kind, card.level, card.seed)
        content_type = "application/pdf" if card.fmt == "pdf" else f"image/{card.fmt}"
        file = (f"specimen.{card.fmt}", encode(picture, card.fmt), content_type)
        answer = self._call("POST", "/documents/upload", files={"file": file}, data={"type": card.document_type})
        return str(answer["documentId"])

    def settled(self, document_id: str, deadline: float) -> dict[str, Any]:
        while True:
            answer = self._call("GET", f"/verification/status/{document_id}")
            if answer["aiDecision"]:
                return answer
            if time.monotonic() > deadline:
                raise CommandError(f"{document_id} was not settled in {SETTLE_SECONDS} s: see var/logs")
            time.sleep(POLL_SECONDS)

    def _call(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        answer = self.session.request(method, self.url + path, timeout=TIMEOUTS, **kwargs)
        if answer.status_code == 429 or (answer.status_code == 503 and answer.json()["error"]["code"] == "busy"):
            time.sleep(int(answer.headers.get("Retry-After", "1")))
            return self._call(method, path, **kwargs)
        if not answer.ok:
            raise CommandError(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        body: dict[str, Any] = answer.json()
        return body
