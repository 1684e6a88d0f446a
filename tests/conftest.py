"""Fixtures for every test."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from filot.embedded.throwaway import new_folder
from filot.models import User
from review import looks
from tests.stack import Stack

# Argon2 is slow on purpose, and nearly every test makes a user. The order of the real ones stays below it.
django_settings.PASSWORD_HASHERS.insert(0, "django.contrib.auth.hashers.MD5PasswordHasher")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests that commit are emptied by TRUNCATE, which the audit trail refuses: in this throwaway database it may."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("documents_auditentry", "documents_audithead"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_is_not_emptied")


@pytest.fixture(autouse=True)
def _forget_what_is_cached() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _no_case_is_looked_at_twice_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that wants a second look says so; else one test in twenty would find a look where it expects a case."""
    monkeypatch.setattr(looks, "SHARE_PERCENT", 0)
    monkeypatch.setattr(looks, "TURN_PERCENT", 0)


@pytest.fixture(autouse=True)
def _staff_logged_in_by_force_have_passed_both_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """`force_login` is no log-in: it stands for one that went well. tests/filot/test_second_step.py does it in full."""
    by_force = Client.force_login

    def force_login(self: Client, user: User, backend: str | None = None) -> None:
        backend = backend or "filot.backends.StaffBackend"
        if user.is_staff and user.second_factor_at is None:
            user.second_factor_at = timezone.now()
            User.objects.filter(pk=user.pk).update(second_factor_at=user.second_factor_at)
        by_force(self, user, backend)
        session = self.session
        session["seen_at"] = int(time.time())
        if user.second_factor_at:
            session["second_factor"] = user.second_factor_at.isoformat()
        session.save()

    monkeypatch.setattr(Client, "force_login", force_login)


@pytest.fixture
def owner(db: None) -> User:
    """An API client."""
    return User.objects.create_user("owner", password="a long password")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create_user("stranger", password="another long password")


@pytest.fixture
def reviewer(db: None) -> User:
    return User.objects.create_user("staff-reviewer", password="a third long password", is_staff=True)


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    return client


@pytest.fixture
def api(owner: User) -> APIClient:
    """`owner`'s client."""
    return client_of(owner)


@pytest.fixture
def originals_in(settings: Any, tmp_path: Path) -> Path:
    """A folder of this test's own for the originals."""
    stores = {**settings.STORAGES}
    stores["originals"] = {**stores["originals"], "OPTIONS": {**stores["originals"]["OPTIONS"], "location": tmp_path}}
    settings.STORAGES = stores
    return tmp_path


@pytest.fixture
def published_policy(settings: Any) -> None:
    """Judge by the published policy, which approves what a scripted engine reads: it is never sure of a number."""
    settings.SCORING_POLICY = "baseline"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A whole FiLot out of real processes, shared by the tests that speak to it over HTTP."""
    services = {name: os.environ[name] for name in ("DATABASE_URL", "TEMPORAL_ADDRESS")}
    with Stack(new_folder(), services) as running:
        yield running
