"""Celery's settings as the pipeline needs them, and its workers' connections."""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery.signals import task_prerun
from celery.worker import state
from django.conf import settings
from django.db import connection
from kombu.transport.redis import Transport

from documents import queue
from filot.celery import AcksArrive, app
from tests.filot.test_service_figures import a_certificate

BRPOP_SECONDS = 1  # the longest that kombu waits in one command for a message


def test_a_message_stays_invisible_for_longer_than_any_task_may_run() -> None:
    assert (
        app.conf.broker_transport_options["visibility_timeout"] > app.conf.task_time_limit > settings.OCR_GPU_LOCK_TTL
    )


def test_what_a_dead_worker_held_comes_back_with_the_first_look_after_that() -> None:
    options = app.conf.broker_transport_options
    assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] <= 10


def test_every_client_of_redis_has_its_limits() -> None:
    options = app.conf.broker_transport_options
    assert options["socket_connect_timeout"] <= 2
    assert Transport.polling_interval is None, "with one BRPOP would wait for so long"
    assert Transport.brpop_timeout == BRPOP_SECONDS
    assert BRPOP_SECONDS < options["socket_timeout"] <= 3, "a command of a worker whose Redis went deaf"
    assert options["health_check_interval"] <= 5, "a BRPOP that was never answered"
    assert options["retry_on_timeout"] is False
    cache = settings.CACHES["default"]["OPTIONS"]
    assert (cache["retry"], cache["socket_connect_timeout"], cache["socket_timeout"]) == (None, 0.3, 0.4)


def test_a_request_that_meets_a_deaf_redis_wherever_it_can_waits_less_than_a_second() -> None:
    deaf = settings.REDIS_TIMEOUTS["socket_timeout"] + queue.ANSWER_SECONDS
    unreachable = settings.REDIS_TIMEOUTS["socket_connect_timeout"] + queue.CONNECT_SECONDS
    assert max(deaf, unreachable) < 0.8


def test_hints_are_json_acknowledged_late_one_at_a_time_and_leave_no_result() -> None:
    conf = app.conf
    assert (conf.task_serializer, conf.accept_content, conf.result_backend) == ("json", ["json"], None)
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.worker_prefetch_multiplier) == (True, True, 1)


CONNECT = """
import django
django.setup()
import redis
from django.conf import settings
from documents import queue
from filot.celery import AcksArrive, app
for connect in (
    lambda: app.connection_for_write().default_channel.client.ping(),
    lambda: queue._CONNECTION.default_channel.client.ping(),
    lambda: redis.Redis.from_url(settings.REDIS_URL, retry=None, **settings.REDIS_TIMEOUTS).ping(),
):
    try:
        connect()
    except Exception as error:
        print("CERTIFICATE_VERIFY_FAILED" in str(error), error)
"""


def test_a_redis_with_a_strangers_certificate_is_spoken_to_by_nobody(tmp_path: Path) -> None:
    """kombu by itself takes any certificate: whoever sits between would have read the hints, and the password."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*a_certificate(tmp_path, datetime.now(UTC) + timedelta(days=1)))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    with contextlib.suppress(ssl.SSLError), context.wrap_socket(server.accept()[0], True) as line:
                        line.recv(100)

        threading.Thread(target=serve, daemon=True).start()
        env = {**os.environ, "REDIS_URL": f"rediss://127.0.0.1:{server.getsockname()[1]}/0"}
        env["DJANGO_SETTINGS_MODULE"] = "filot.settings"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", CONNECT], env=env, capture_output=True, text=True, check=False
        )
    assert [line.partition(" ")[0] for line in done.stdout.splitlines()] == ["True"] * 3, done.stdout + done.stderr
    assert "insecure" not in done.stderr


@pytest.mark.django_db(transaction=True)
def test_a_connection_outlives_a_task_and_one_that_broke_is_made_anew_before_the_next() -> None:
    connection.close()  # one that an earlier test opened may be past its age
    connection.ensure_connection()
    kept: Any = connection.connection
    task_prerun.send(sender=None)
    connection.ensure_connection()
    assert connection.connection is kept
    kept.close()  # as after a restart of the server
    task_prerun.send(sender=None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert connection.connection is not kept


@pytest.fixture
def consumer() -> Iterator[Any]:
    """What a consumer's step sees of it: a channel to the real Redis whose one message was handed out."""
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        channel.basic_qos(0, 1, False)
        channel.qos.append(SimpleNamespace(delivery_info={"exchange": "", "routing_key": "test"}, _raw={}), "one")
        yield SimpleNamespace(task_consumer=SimpleNamespace(channel=channel), errors=connection.connection_errors)


def test_a_worker_whose_acknowledgement_was_lost_connects_anew(consumer: Any) -> None:
    """As long as Redis is deaf to an acknowledgement: kombu would hand out no other message for ever."""
    channel = consumer.task_consumer.channel
    assert not channel.qos.can_consume()
    step = AcksArrive(consumer)
    step.look(consumer)  # between a task's end and its acknowledgement there is a moment
    with pytest.raises(consumer.errors):
        step.look(consumer)


def test_a_worker_at_work_and_one_that_is_idle_are_left_alone(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    channel, step = consumer.task_consumer.channel, AcksArrive(consumer)
    monkeypatch.setattr(state, "reserved_requests", {object()})
    for _ in range(3):
        step.look(consumer)
    monkeypatch.setattr(state, "reserved_requests", set())
    channel.qos.ack("one")
    for _ in range(3):
        step.look(consumer)
    assert channel.qos.can_consume()
