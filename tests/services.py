"""A pytest plugin (`-p tests.services`): real PostgreSQL, Redis, Temporal and S3 store for one run.

It is loaded before Django's settings, which read what it puts into the environment. With several test processes the
first one starts the servers and the others inherit their addresses, each with a database, a Redis number and a task
queue of its own.
"""

import atexit
import base64
import os
import shutil
import tempfile

from filot.embedded.throwaway import ThrowawayServices

MARK = "FILOT_TEST_S3_ENDPOINT"


def _start() -> None:
    services = ThrowawayServices.start()
    atexit.register(services.stop)
    store = services.seaweedfs
    os.environ.update(services.environment())
    os.environ.update(
        {
            MARK: store.url,
            "FILOT_TEST_S3_ACCESS_KEY": store.access_key,
            "FILOT_TEST_S3_SECRET_KEY": store.secret_key,
            "FILOT_TEST_S3_BUCKET": store.bucket,
        }
    )


def _settings() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    folder = tempfile.mkdtemp(prefix="filot-test-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(
        {
            "FILOT_ENV": "test",
            "REDIS_URL": os.environ["REDIS_URL"].rsplit("/", 1)[0] + f"/{int(worker) + 1}",
            "TEMPORAL_TASK_QUEUE": f"test-{worker}",
            "MEDIA_ROOT": f"{folder}/media",
            "KEY_STORE_ROOT": f"{folder}/keys",
            "SECRET_KEY": "test-secret-key-of-the-test-settings-only",
            "JWT_SECRET": "test-jwt-secret-of-the-test-settings-only",
            "ENCRYPTION_KEYS": "k1:" + base64.b64encode(bytes(range(32))).decode(),
            "BLIND_INDEX_KEY": base64.b64encode(bytes(range(32, 64))).decode(),
            "AUDIT_KEYS": "a1:" + base64.b64encode(bytes(range(64, 96))).decode(),
            "BULI2_MODE": "local",
            "BULI2_SIGNATURE_SECRET": "test-signature-secret",
            "BULI2_API_KEY": "test-api-key",
            "METRICS_TOKEN": "test-metrics-token",
        }
    )


if MARK not in os.environ:
    _start()
_settings()
