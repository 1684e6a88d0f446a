"""Measure the console's pages over a million documents, and print p95 and queries beside their limits.

PostgreSQL and Redis are its own and thrown away afterwards; no database of yours is touched. `--data FOLDER` keeps the
rows for the next run. What is measured is the whole of the server's part of a page, from the first middleware to the
last byte, in one process, with a PostgreSQL that writes to the disk as in production.
"""

import io
import itertools
import shutil
import statistics
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from documents.models import Document
from filot.console_data import fill
from filot.embedded.postgres import Postgres
from filot.embedded.service import start_all, stop_all
from filot.embedded.throwaway import new_folder
from filot.embedded.valkey import Valkey
from filot.models import User
from filot.second_factor import SESSION_KEY
from review.models import Review
from review.queue import listed

QUEUE = "admin:review_review_changelist"
WARM_UP = 3
NEXT = "take next"


class Page(NamedTuple):
    """`ask` is called again and again; `p95` in ms and `queries` are the limits, None where there is none."""

    name: str
    ask: Callable[[], Any]
    p95: int | None
    queries: int | None


class Measured(NamedTuple):
    name: str
    median: float
    p95: float
    limit: int | None
    queries: int
    most: int | None

    @property
    def holds(self) -> bool:
        return (self.limit is None or self.p95 <= self.limit) and (self.most is None or self.queries <= self.most)

    def line(self) -> str:
        limit = "-" if self.limit is None else str(self.limit)
        most = "-" if self.most is None else str(self.most)
        word = "" if self.holds else "  OVER"
        return f"{self.name:<28}{self.median:>9.1f}{self.p95:>9.1f}{limit:>8}{self.queries:>10}{most:>8}{word}"


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # it brings its own services
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--documents", type=int, default=1_000_000)
        parser.add_argument("--requests", type=int, default=200, help="of each page")
        parser.add_argument("--data", type=Path, help="folder of the rows, kept: filled once, measured again and again")
        parser.add_argument("--only", default="", help="measure pages whose name holds this text; `none` only fills")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["documents"] < 100 or options["requests"] < 10:
            raise CommandError("at least 100 documents and 10 requests")
        with services(options["data"]):
            call_command("migrate", verbosity=0)
            self._fill(options["documents"])
            results = [measured(page, options["requests"]) for page in pages() if options["only"] in page.name]
        self.stdout.write(f"{'page':<28}{'p50 ms':>9}{'p95 ms':>9}{'limit':>8}{'queries':>10}{'limit':>8}")
        for each in results:
            self.stdout.write(each.line())
        if not all(each.holds for each in results):
            raise CommandError("not every limit holds")

    def _fill(self, documents: int) -> None:
        there = Document.objects.count()
        if there not in (0, documents):
            raise CommandError(f"the folder holds {there:,} documents: name another, or delete it")
        if not there:
            started = time.monotonic()
            fill(documents, told=self.stdout.write)
            self.stdout.write(f"filled in {time.monotonic() - started:.0f} s")


@contextmanager
def services(kept: Path | None) -> Iterator[None]:
    """PostgreSQL and Redis of this run's own in the place of whatever the settings name, and folders beside them."""
    folder = kept or new_folder()
    postgres = Postgres(folder / "postgres", password="bench-console")  # noqa: S106
    valkey = Valkey(folder / "valkey", throwaway=True)
    try:
        start_all([postgres, valkey])
        parts = urlsplit(postgres.url)
        connection.close()
        connection.settings_dict.update(
            NAME=parts.path.lstrip("/"),
            USER=parts.username or "",
            PASSWORD=parts.password or "",
            HOST=parts.hostname or "",
            PORT=str(parts.port),
        )
        settings.CACHES["default"]["LOCATION"] = valkey.url
        settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 10**9)
        settings.ALLOWED_HOSTS = ["testserver"]
        settings.SECURE_SSL_REDIRECT = False
        settings.KEY_STORE = {**settings.KEY_STORE, "root": folder / "keys"}
        settings.STORAGES["originals"] = {
            "BACKEND": "documents.storage.Folder",
            "OPTIONS": {"location": folder / "originals"},
        }
        yield
    finally:
        connection.close()
        stop_all([postgres, valkey])
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)


def pages() -> list[Page]:
    call_command("setup_roles", stdout=io.StringIO())
    senior, auditor = _staff("senior"), _staff("auditor")
    waiting = list(Review.objects.filter(decision="").order_by("?")[:400].values_list("pk", flat=True))
    cases = itertools.cycle(waiting)
    exchanges = reverse("admin:integrations_buli2exchange_changelist")
    deep = reverse(QUEUE) + _far_page(User.objects.get(username="bench-senior"))

    first = Document.objects.exclude(number_index="").first()
    by_ref, by_number = (
        reverse(QUEUE, query={"q": term, "state": "all"})
        for term in (first.ref if first else "", f"number:{first.number_index if first else ''}")
    )

    def case() -> Any:
        return senior.get(reverse("admin:review_review_change", args=[next(cases)]))

    found = [
        Page("dashboard", lambda: senior.get(reverse("admin:index")), 150, 8),
        Page("queue", lambda: senior.get(reverse(QUEUE)), 60, 8),
        Page("queue by risk", lambda: senior.get(reverse(QUEUE) + "?order=risk"), 60, 8),
        Page("queue, high risk, KTP", lambda: senior.get(reverse(QUEUE) + "?risk=high&kind=KTP"), 60, 8),
        Page("queue, far page", lambda: senior.get(deep), 60, 8),
        Page("queue, decided", lambda: senior.get(reverse(QUEUE) + "?state=decided"), 60, 8),
        Page("search by reference", lambda: senior.get(by_ref), 60, 8),
        Page("search by number", lambda: senior.get(by_number), 60, 8),
        Page("case", case, 50, 14),
        Page(NEXT, lambda: senior.post(reverse("admin:review_review_take")), 20, None),
        Page("operations", lambda: _root().get(reverse("admin:ops")), None, None),
        Page("BULI2 exchanges", lambda: auditor.get(exchanges), None, None),
    ]
    try:
        audit = reverse("admin:documents_auditentry_changelist")
    except NoReverseMatch:
        return found
    return [*found, Page("audit", lambda: auditor.get(audit), 120, 8)]


def _staff(role: str) -> Client:
    user, _ = User.objects.get_or_create(username=f"bench-{role}", is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    return _logged_in(user)


def _root() -> Client:
    user = User.objects.filter(username="bench-root").first() or User.objects.create_superuser("bench-root")
    return _logged_in(user)


def _logged_in(user: User) -> Client:
    client = Client(raise_request_exception=True)
    user.second_factor_at = timezone.now()  # both steps of the log-in are behind them
    user.save()
    client.force_login(user)
    session = client.session
    session[SESSION_KEY] = user.second_factor_at.isoformat()
    session.save()
    return client


def _far_page(user: User) -> str:
    """The address of the tenth page, reached as a person reaches it."""
    after = ""
    for _ in range(9):
        after = listed({"after": after}, user).after or after
    return f"?after={after}"


def measured(page: Page, requests: int) -> Measured:
    for _ in range(WARM_UP):
        _checked(page)
    with CaptureQueriesContext(connection) as asked:
        _checked(page)
    queries = len(asked)  # now: the next request empties what it counts
    times = []
    for _ in range(requests):
        started = time.perf_counter()
        _checked(page)
        times.append((time.perf_counter() - started) * 1000)
    p95 = statistics.quantiles(times, n=20)[-1]
    return Measured(page.name, statistics.median(times), p95, page.p95, queries, page.queries)


def _checked(page: Page) -> None:
    answer = page.ask()
    wanted = 302 if page.name == NEXT else 200
    if answer.status_code != wanted:
        raise CommandError(f"{page.name}: {answer.status_code}")
