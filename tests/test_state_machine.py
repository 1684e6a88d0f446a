"""Whatever happens to documents, in any order, by API, worker, console, webhook and sweep: no illegal move, no 5xx.

Hypothesis draws the order (rules.md, "The long test"). A worker is real but for its engine; Temporal's part, applying
an accepted decision, is called as its activity calls it. FILOT_TEST_EXAMPLES=1000 for a long run.
"""

import json
import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from rest_framework.test import APIClient

from documents.models import Document, DocumentEvent
from documents.status import FINAL, LEGAL_MOVES, Status
from filot.models import User
from integrations.signatures import sign
from review.models import Review, ReviewDecision
from review.services import MovedMeanwhile, open_reviews, record_decision
from tests.conftest import client_of
from tests.documents.test_api import picture
from tests.review.admin_cases import logged_in, staff
from tests.verification.build import KTP_LINES, ScriptedEngine
from verification import claims, services, sweeping

SECRET = "test-signature-secret"
UNSURE = KTP_LINES[:4]  # a person has to look
EXAMPLES = int(os.environ.get("FILOT_TEST_EXAMPLES", "12"))

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in", "published_policy")]


class Life(RuleBasedStateMachine):
    """Documents of one owner, and everybody who may touch them."""

    documents = Bundle("documents")
    owner: User
    stranger: User
    engine: ScriptedEngine
    reached: set[str] = set()

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.api, self.foreign = client_of(self.owner), client_of(self.stranger)
        self.people = [logged_in(staff("reviewer")), logged_in(staff("senior")), logged_in(staff("auditor"))]
        self.final: dict[uuid.UUID, str] = {}
        self.size = 200

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    @initialize(target=documents)
    def one_waits_for_a_person(self) -> str | None:
        document = self.upload("", False)
        self.a_worker_reads(False)
        self.the_sweep_opens_reviews()
        return document

    def ask(self, client: Any, method: str, path: str, **kwargs: Any) -> Any:
        response = getattr(client, method)(path, **kwargs)
        assert response.status_code < 500, f"{method} {path}: {response.status_code} {response.content[:300]!r}"
        return response

    @rule(target=documents, key=st.sampled_from(["", "", "k1", "k2"]), same=st.booleans())
    def upload(self, key: str, same: bool) -> str | None:
        self.size += 0 if same else 1
        file = SimpleUploadedFile("card.jpg", picture(size=(self.size, 200)), "image/jpeg")
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.ask(
            self.api,
            "post",
            "/documents/upload",
            data={"file": file, "type": "KTP"},
            format="multipart",
            headers=headers,
        )
        assert answer.status_code in (201, 422)
        return answer.json()["documentId"] if answer.status_code == 201 else None

    @rule(document=documents, path=st.sampled_from(["process", "escalate", "evaluate"]))
    def act(self, document: str | None, path: str) -> None:
        if path == "evaluate":
            self.ask(self.api, "post", "/verification/evaluate", data={"documentId": document}, format="json")
        elif document:
            place = "documents" if path == "process" else "verification"
            self.ask(self.api, "post", f"/{place}/{document}/{path}")

    @rule(document=documents, path=st.sampled_from(["", "/result", "/download"]))
    def look(self, document: str | None, path: str) -> None:
        if document:
            assert self.ask(self.api, "get", f"/documents/{document}{path}").status_code == 200
            assert self.ask(self.foreign, "get", f"/documents/{document}{path}").status_code == 404
            assert self.ask(self.api, "get", f"/verification/status/{document}").status_code == 200

    @rule(sure=st.booleans())
    def a_worker_reads(self, sure: bool) -> None:
        self.engine.texts = KTP_LINES if sure else UNSURE
        services.verify_waiting("ocr.cpu", "w1")

    @rule()
    def a_worker_takes_one_and_dies(self) -> None:
        claims.claim("ocr.cpu", "dead-worker")

    @rule(late=st.booleans())
    def silence_is_noticed(self, late: bool) -> None:
        if late:
            long_ago = timezone.now() - timedelta(hours=1)
            Document.objects.filter(status=Status.processing).update(heartbeat_at=long_ago, claimed_at=long_ago)
        sweeping.reap_stuck()
        sweeping.judge_forgotten()

    @rule()
    def the_sweep_opens_reviews(self) -> None:
        open_reviews()

    @rule(who=st.integers(0, 2), act=st.sampled_from(["approve", "reject", "escalate", "reveal"]), data=st.data())
    def somebody_at_the_console(self, who: int, act: str, data: st.DataObject) -> None:
        if review := self.drawn_review(data):
            form = {"reason": data.draw(st.sampled_from(["", "photo_unclear", "other", "nonsense"])), "note": "seen"}
            person: Client = self.people[who]
            self.ask(person, "get", f"/admin/review/review/{review.pk}/change/")
            before = ReviewDecision.objects.count()
            self.ask(person, "post", f"/admin/review/review/{review.pk}/{act}/", data=form)
            if who == 2:  # an auditor
                assert ReviewDecision.objects.count() == before

    @rule(
        decision=st.sampled_from(["approved", "rejected", "approved", "rejected", "maybe"]),
        signed=st.sampled_from([True, True, False]),
        data=st.data(),
    )
    def buli2_calls(self, decision: str, signed: bool, data: st.DataObject) -> None:
        if review := self.drawn_review(data):
            body = json.dumps({"decision": decision, "reviewId": str(review.pk)}).encode()
            signature = sign(body, SECRET if signed else "another secret")
            headers = {"x-buli2-signature": signature}
            path = f"/internal/reviews/{review.pk}/callback"
            before = ReviewDecision.objects.count()
            answer = self.ask(APIClient(), "post", path, data=body, content_type="application/json", headers=headers)
            assert answer.status_code in ((200, 400, 409) if signed else (401,))
            if not signed or decision == "maybe":
                assert ReviewDecision.objects.count() == before

    @rule(twice=st.booleans())
    def decisions_are_delivered(self, twice: bool) -> None:
        for decision in ReviewDecision.objects.filter(accepted=True):
            for _ in range(1 + twice):
                try:
                    record_decision(decision.pk)
                except MovedMeanwhile as error:
                    raise AssertionError("a decision that its document does not explain") from error

    @rule(document=consumes(documents))
    def a_client_forgets_one(self, document: str | None) -> None:
        """So that later steps are about few documents."""

    def drawn_review(self, data: st.DataObject) -> Review | None:
        reviews = list(Review.objects.order_by("pk"))
        return data.draw(st.sampled_from(reviews)) if reviews else None

    @invariant()
    def every_chain_of_events_is_legal_and_ends_where_the_row_stands(self) -> None:
        for document in Document.objects.all():
            stands = Status.uploaded
            for event in DocumentEvent.objects.filter(document=document).order_by("pk"):
                if event.before:
                    assert event.before == stands
                    assert Status(event.after) in LEGAL_MOVES[stands]
                stands = Status(event.after)
            assert document.status == stands

    @invariant()
    def what_was_final_is_final(self) -> None:
        stands = dict(Document.objects.values_list("pk", "status"))
        assert {pk: stands[pk] for pk in self.final} == self.final
        Life.reached |= set(stands.values())
        self.final |= {pk: status for pk, status in stands.items() if status in FINAL}

    @invariant()
    def one_decision_counts(self) -> None:
        accepted = list(ReviewDecision.objects.filter(accepted=True).values_list("review_id", flat=True))
        assert len(accepted) == len(set(accepted))


@pytest.fixture
def _scripted(monkeypatch: pytest.MonkeyPatch, owner: User, stranger: User, settings: Any) -> Iterator[None]:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 10**9)
    settings.OCR_REUSE_READINGS = False
    engine = ScriptedEngine()
    monkeypatch.setattr(services, "engine_of", lambda queue: engine)
    Life.owner, Life.stranger, Life.engine = owner, stranger, engine
    yield


@pytest.mark.usefixtures("_scripted")
def test_no_order_of_events_makes_an_illegal_move_or_a_server_error() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life,
        settings=hypothesis_settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            database=None,
            derandomize=EXAMPLES < 100,
            suppress_health_check=list(HealthCheck),
        ),
    )
    # A machine that never gets anywhere would pass too.
    assert Life.reached >= {"uploaded", "processing", "needs_review"}
    assert Life.reached & {"approved", "rejected"}
