"""Cases out of the OpenAPI schema, sound and broken ones, against the API: no 5xx, and nothing the schema does not say.

`make fuzz-api` runs 20,000 of them (CASES=...); `make test` some hundred.
"""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework_simplejwt.tokens import AccessToken
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from documents.links import download_token
from documents.models import Document
from documents.status import Status
from filot import logins
from filot.models import User
from filot.wsgi import application
from tests.documents.build import make_document, store_original
from tests.documents.test_api import picture
from tests.review.admin_cases import open_case

load_all_checks()

CASES = int(os.environ.get("FILOT_TEST_API_CASES", "260"))
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_wsgi(
    "/api/schema", application, headers={"Accept": "application/vnd.oai.openapi+json"}
)
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}
MODES = list(schemathesis.GenerationMode)
PER_OPERATION = max(4, CASES // (len(OPERATIONS) * len(MODES)))

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]


class World:
    """Documents in several states, and words that name them."""

    def __init__(self, owner: User, stranger: User) -> None:
        self.owner = owner
        mine = [make_document(owner), open_case(owner).document, make_document(owner, status=Status.auto_reject)]
        for document in mine:  # a row without its object is a store that lost something: 503, and rightly so
            store_original(document, picture())
        self.theirs = open_case(stranger).document
        self.mine = [str(document.pk) for document in mine]
        self.links = [download_token(name) for name in self.mine]
        self.refresh = str(logins.begin(owner))

    def ids(self) -> st.SearchStrategy[str]:
        return st.sampled_from([*self.mine, str(self.theirs.pk), str(uuid.UUID(int=7))])

    def tokens(self) -> st.SearchStrategy[str | None]:
        good = f"Bearer {AccessToken.for_user(self.owner)}"
        return st.sampled_from([good] * 8 + [good[:-3], "Bearer a.b.c", "Basic eDp5", "Bearer \u00ff", None])


@pytest.fixture(autouse=True)
def _connection_stays() -> Iterator[None]:
    """A request of the real WSGI application closes the connection that the test's transaction runs on."""
    for moment in (request_started, request_finished):
        moment.disconnect(close_old_connections)
    yield
    for moment in (request_started, request_finished):
        moment.connect(close_old_connections)


@pytest.fixture
def world(owner: User, stranger: User, settings: Any) -> World:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 10**9)
    settings.OWNER_MAX_WAITING = 0
    return World(owner, stranger)


def pointed(case: Any, world: World, data: st.DataObject) -> None:
    """Let a case name something that is there, more often than chance would."""
    if "document_id" in (case.path_parameters or {}) and data.draw(st.booleans()):
        case.path_parameters["document_id"] = data.draw(world.ids())
    if isinstance(case.body, dict):
        if "documentId" in case.body and data.draw(st.booleans()):
            case.body["documentId"] = data.draw(world.ids())
        if "refresh" in case.body and data.draw(st.booleans()):
            case.body["refresh"] = world.refresh
        if "file" in case.body and data.draw(st.booleans()):
            case.body["file"] = data.draw(st.sampled_from([picture(), picture("PNG"), picture()[:200], b""]))
    given_token = data.draw(world.tokens())
    if given_token is not None:
        case.headers = {**(case.headers or {}), "Authorization": given_token}


def assert_sound(case: Any, response: Any, world: World) -> None:
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= 400 and case.method != "HEAD":
        error = response.json()["error"]
        assert set(error) == {"code", "message", "details", "correlationId"}
        assert "Traceback" not in response.text
    if str(world.theirs.pk) in str(case.path_parameters or {}) or str(world.theirs.pk) in str(case.body):
        assert response.status_code in (400, 401, 404, 405, 415), "somebody else's document"


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_an_operation_answers_every_case_as_its_schema_says(label: str, mode: Any, world: World) -> None:
    cases = OPERATIONS[label].as_strategy(generation_mode=mode)

    @hypothesis_settings(
        max_examples=PER_OPERATION,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, data=st.data())
    def each(case: Any, data: st.DataObject) -> None:
        pointed(case, world, data)
        with transaction.atomic():  # whatever it did is undone
            response = case.call()
            transaction.set_rollback(True)
        assert_sound(case, response, world)

    each()
    assert Document.objects.get(pk=world.theirs.pk).status == Status.needs_review


def test_the_schema_has_operations_to_try() -> None:
    assert len(OPERATIONS) >= 13
