"""The parts of `bench_pipeline`, each by itself; the whole of it takes minutes and is run by hand."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from django.core.management import call_command
from django.test import Client as Browser
from django.test import override_settings
from rest_framework_simplejwt.tokens import AccessToken

from documents.models import Document, DocumentEvent
from documents.status import Status
from filot.bench import bare_settings, inside
from filot.bench.answering import answer
from filot.bench.asked import Asked, NoAnswer
from filot.bench.cards import Cards
from filot.bench.client import Client, Refused, Sending, call_for, multipart, upload_all, wait_until
from filot.bench.counts import StoreCalls, cpu_of_tree
from filot.bench.inside import READING, Engine, Steps
from filot.bench.measures import Found
from filot.bench.parts import Parts
from filot.bench.whole import CARDS_OF_OWNER, Whole
from filot.management.commands import bench_pipeline
from filot.models import User
from ocr_gpu.pictures import page_jpeg
from ocr_gpu.sample_page import sample_page
from tests.conftest import client_of
from tests.verification.build import ScriptedEngine

ECHO = "import sys, json; [print(json.dumps(json.loads(line)), flush=True) for line in sys.stdin]"
PICTURE = page_jpeg(sample_page())


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "card.jpg").write_bytes(PICTURE)
    return tmp_path / "card.jpg"


@pytest.fixture
def steps(db: None, originals_in: Path, monkeypatch: Any) -> Steps:
    monkeypatch.setattr(inside, "_engine", ScriptedEngine)
    return Steps()


# The parts that are asked


def test_what_is_asked_is_answered_line_by_line(tmp_path: Path) -> None:
    with Asked([sys.executable, "-c", ECHO], {}, tmp_path, tmp_path / "log") as process:
        assert process.ask("add", one=1) == {"what": "add", "one": 1}
    assert process.process.returncode == 0


def test_a_part_that_ends_says_why(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('no engine here')"]
    with Asked(argv, {}, tmp_path, tmp_path / "log") as process, pytest.raises(NoAnswer, match="no engine here"):
        process.ask("load")


def test_the_other_end_calls_what_it_is_asked_for() -> None:
    said = io.StringIO()
    answer({"add": lambda one, two: one + two}, io.StringIO('{"what": "add", "one": 1, "two": 2}\n'), said)
    assert said.getvalue() == "3\n"


def test_the_engine_alone_decodes_reads_and_parses_as_a_worker_does(card: Path, monkeypatch: Any) -> None:
    engine = ScriptedEngine()
    monkeypatch.setattr(inside, "_engine", lambda: engine)
    ways = Engine().ways
    assert ways["load"]() == "0 on cpu"
    assert ways["read"](file=str(card), type="KTP") > 0
    assert engine.reads == 1


@pytest.mark.parametrize("part", ["engine", "steps"])
def test_the_command_ends_with_its_standard_input(part: str, db: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    call_command("bench_pipeline_part", part)


# The steps of a document


def test_the_steps_of_a_document_are_timed_and_counted(steps: Steps, card: Path) -> None:
    ((owner, token),) = steps.owners(1)
    walked = steps.walk(str(card), "KTP", owner)
    document = Document.objects.get()
    assert document.is_evaluated and str(document.owner_id) == owner and token
    assert list(walked) == ["receive", "ring", "claim", "load", READING, "keep", "settle"]
    assert all(step["seconds"] > 0 for step in walked.values())
    stored = {name: step["store"] for name, step in walked.items() if step["store"]}
    assert stored == {"receive": 1, "load": 1, "keep": 1}, "written, read, and the page"
    assert walked["claim"]["queries"] > 3


def test_rows_that_wait_are_like_those_of_uploads(steps: Steps, monkeypatch: Any) -> None:
    monkeypatch.setattr(inside, "VACUUM", "SELECT 1")  # a test's transaction allows none
    assert steps.fill(30) == 30
    waiting = Document.objects.waiting("ocr.cpu")
    assert waiting.count() == 30
    assert DocumentEvent.objects.count() == 30
    assert len(set(waiting.values_list("storage_key", "sha256"))) == 30
    assert len(set(waiting.values_list("owner"))) == 30
    assert len(steps.claims(3)) == 3
    assert Document.objects.filter(status=Status.processing).count() == 3
    assert all(seconds > 0 for seconds in steps.questions().values())


# Counting


def test_calls_that_a_storage_makes_of_its_own_are_not_counted() -> None:
    storage = InMemoryStorage()
    counted = StoreCalls(storage)
    storage.save("a", ContentFile(b"1"))
    storage.open("a").read()
    assert dict(counted.calls) == {"save": 1, "open": 1}


def test_what_a_process_and_its_children_computed_is_one_sum(tmp_path: Path) -> None:
    for pid, parent, ticks in ((10, 1, 5), (11, 10, 7), (12, 1, 100)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a b) S {parent} {'0 ' * 9}{ticks} 1 0 2 0")
    assert cpu_of_tree(10, tmp_path) == 5 + 1 + 2 + 7 + 1 + 2
    assert cpu_of_tree(99, tmp_path) == 0


# The client


def test_the_client_uploads_to_a_real_server(live_server: Any, originals_in: Path, settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 10_000)
    owner = User.objects.create_user("sender")
    kind, body = multipart("KTP", "card.jpg", PICTURE)
    sending = Sending({"Content-Type": kind, "Authorization": f"Bearer {AccessToken.for_user(owner)}"}, body)
    client = Client(live_server.thread.port)
    ids = upload_all(client, [sending] * 3, 2)
    assert {str(document.pk) for document in Document.objects.all()} == set(ids)
    count, seconds = call_for(client, [sending], 1, 0.2)
    assert count >= 1
    assert seconds >= 0.2
    with pytest.raises(Refused, match="401"):
        client.upload(Sending({"Content-Type": kind}, body))
    client.close()


def test_waiting_ends() -> None:
    assert wait_until(iter([False, True]).__next__, 5, 0) == 2
    with pytest.raises(Refused):
        wait_until(lambda: False, 0, 0)


def test_two_cards_are_sent_by_each_owner(tmp_path: Path) -> None:
    cards = Cards(tmp_path, 5).take(3)

    class Desk:
        def ask(self, what: str, count: int) -> list[list[str]]:
            return [[str(at), f"token-{at}"] for at in range(count)]

    whole = Whole(None, "work", Client(1), Desk())  # type: ignore[arg-type]
    sent = [sending.headers["Authorization"] for sending in whole.sendings(cards)]
    assert sent == ["Bearer token-0"] * CARDS_OF_OWNER + ["Bearer token-1"]


# The bare view


@override_settings(ROOT_URLCONF=bare_settings.ROOT_URLCONF, MIDDLEWARE=bare_settings.MIDDLEWARE)
def test_the_bare_view_checks_the_token_and_keeps_the_file(owner: User, originals_in: Path, card: Path) -> None:
    token = client_of(owner)._credentials["HTTP_AUTHORIZATION"]  # type: ignore[attr-defined]
    with card.open("rb") as file:
        told = Browser().post("/documents/upload", {"type": "KTP", "file": file}, headers={"Authorization": token})
    assert told.status_code == 201
    (kept,) = [path for path in originals_in.rglob("KTP_*") if path.is_file()]
    assert kept.read_bytes() == PICTURE
    with card.open("rb") as file:
        refused = Browser().post(
            "/documents/upload", {"type": "KTP", "file": file}, headers={"Authorization": "Bearer x"}
        )
    assert refused.status_code == 401


# The whole


def test_a_program_is_given_nothing_of_the_callers_settings(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SCORING_POLICY", "baseline")
    monkeypatch.setenv("CF_R2_ENDPOINT", "https://elsewhere.example")
    parts = Parts(tmp_path, processes=2, threads=1, s3=False)
    env = parts.env("filot", PORT="1")
    assert "SCORING_POLICY" not in env
    assert "CF_R2_ENDPOINT" not in env
    assert (env["OCR_CPU_WORKERS"], env["OCR_CPU_THREADS"], env["PORT"]) == ("2", "1", "1")


def test_the_last_line_is_one_json_object(monkeypatch: Any) -> None:
    figures = {"pipeline_to_engine": 0.91234567, "upload_to_bare_view": 0.5}
    monkeypatch.setattr(bench_pipeline.Command, "measure", lambda self, folder, options: Found([], dict(figures)))
    out = io.StringIO()
    call_command("bench_pipeline", stdout=out)
    assert json.loads(out.getvalue().splitlines()[-1]) == {"pipeline_to_engine": 0.9123, "upload_to_bare_view": 0.5}
