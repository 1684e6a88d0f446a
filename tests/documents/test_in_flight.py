"""One idempotency key: one document, one answer, one request at a time; and no key that stays taken."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, connections
from rest_framework.test import APIClient

from documents import services
from documents.in_flight import KeyInFlight, alone_with
from documents.models import Document
from documents.sealing import blind_index
from documents.status import Status
from filot.models import User
from tests.documents.test_api import picture, send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("originals_in")]

KEY = {"Idempotency-Key": "k-1"}


def held_by_another(owner: User) -> psycopg.Connection[Any]:
    """Another process in the middle of an upload with the key: another connection that holds it."""
    facts = connections["default"].get_connection_params()
    other = psycopg.connect(
        host=facts["host"], port=facts["port"], dbname=facts["dbname"], user=facts["user"], password=facts["password"]
    )
    number = f"{owner.pk}:{blind_index('idempotency key', KEY['Idempotency-Key'])}"
    taken = other.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [number]).fetchone()
    assert taken == (True,)
    return other


def locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        return int(cursor.fetchone()[0])


def test_while_the_first_is_on_its_way_a_second_is_409_and_stores_nothing(api: APIClient, owner: User) -> None:
    with held_by_another(owner):
        answer = send(api, **KEY)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_key_in_flight")
        assert int(answer["Retry-After"]) >= 1
        assert not Document.objects.exists()
        assert send(api, **{"Idempotency-Key": "k-2"}).status_code == 201
        assert send(api).status_code == 201


def test_a_key_whose_request_died_is_free_at_once(api: APIClient, owner: User) -> None:
    held_by_another(owner).close()
    assert send(api, **KEY).status_code == 201


def test_of_many_at_once_one_is_stored_and_the_rest_hear_the_same_or_wait(
    api: APIClient, owner: User, settings: Any
) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "action": 100}
    together, answers = threading.Barrier(6), []

    def call() -> None:
        together.wait()
        answers.append(send(api, **KEY))
        connections.close_all()

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    accepted = {answer.json()["documentId"] for answer in answers if answer.status_code == 201}
    assert accepted == {str(Document.objects.get().pk)}
    assert locks() == 0


def test_the_same_key_is_the_same_answer_however_far_the_document_came(api: APIClient) -> None:
    first = send(api, **KEY)
    Document.objects.update(status=Status.auto_approve)
    again = send(api, **KEY)
    assert (again.status_code, again.json(), again["Location"]) == (201, first.json(), first["Location"])


@pytest.mark.parametrize("failing", ["check_file", "write_original", "_commit"])
def test_a_key_is_free_again_after_an_error(api: APIClient, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    def fail(*args: Any, **facts: Any) -> None:
        raise RuntimeError

    api.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr(services, failing, fail)
        assert send(api, **KEY).status_code == 500
    assert locks() == 0
    assert send(api, **KEY).status_code == 201


def test_a_refused_file_takes_no_key(api: APIClient) -> None:
    assert send(api, picture()[:300], **KEY).status_code == 422
    assert send(api, **KEY).status_code == 201


def test_two_that_lost_sight_of_each_other_still_make_one_document(api: APIClient, monkeypatch: Any) -> None:
    """The second's lock went with a connection that was lost: the first commits in the middle of the second."""
    real, inner = services.write_original, []

    def overtaken(key: str, data: bytes) -> None:
        monkeypatch.setattr(services, "write_original", real)
        monkeypatch.setattr(services, "alone_with", lambda *args: threading.Lock())
        inner.append(send(api, **KEY))
        real(key, data)

    monkeypatch.setattr(services, "write_original", overtaken)
    outer = send(api, **KEY)
    assert outer.json() == inner[0].json()
    assert Document.objects.count() == 1


def test_a_process_that_is_killed_in_the_middle_leaves_no_key_taken(owner: User, tmp_path: Path) -> None:
    script = (
        "import django, time; django.setup()\n"
        "from documents.in_flight import alone_with\n"
        f"with alone_with('{owner.pk}', 'k'):\n    print('holds', flush=True); time.sleep(60)\n"
    )
    facts = connections["default"].settings_dict
    url = f"postgresql://{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "filot.settings", "DATABASE_URL": url}
    holder = subprocess.Popen([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "holds\n"
    with pytest.raises(KeyInFlight), alone_with(owner.pk, "k"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            with alone_with(owner.pk, "k"):
                return
        except KeyInFlight:
            time.sleep(0.05)
    raise AssertionError("the key stayed taken")
