"""A real browser in front of a live server on real PostgreSQL. Any violation of the policy or script error fails."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from filot.models import User
from tests.browser.install import installed
from tests.browser.watching import Watch

FLAGS = [
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TIMEOUT_MS = 15_000
DESKTOP = {"width": 1440, "height": 900}

Opened = Callable[..., Page]


@pytest.fixture(autouse=True)
def _as_many_pages_as_it_takes(settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 100000)


# Of this folder only: Playwright's loop would be in the way of every later test that has one of its own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    program = installed()
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    # Playwright's own loop runs in this thread; the tests' ORM calls stand beside it, never inside.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(program.program), args=FLAGS, env={**os.environ, **program.environment}
        )
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def contexts(chromium: Browser, live_server: Any) -> Iterator[Callable[..., tuple[BrowserContext, Watch]]]:
    """Makes browsers of their own: each with cookies, a size and a theme; checked when the test ends."""
    made: list[tuple[BrowserContext, Watch]] = []

    def make(user: User | None = None, **options: Any) -> tuple[BrowserContext, Watch]:
        options = {"viewport": DESKTOP, "locale": "en-GB", **options}
        context = chromium.new_context(base_url=live_server.url, **options)
        context.set_default_timeout(TIMEOUT_MS)
        watch = Watch(context, live_server.url)
        made.append((context, watch))
        if user is not None:
            log_in(context, user, live_server.url)
        return context, watch

    yield make
    found = [line for _, watch in made for line in watch.found]
    for context, _ in made:
        context.close()
    assert found == []


@pytest.fixture
def opened(contexts: Any) -> Opened:
    """A page of this user's browser at an address of the console: `opened(user, "review/review/")`."""

    def open_page(user: User | None, address: str = "", **options: Any) -> Page:
        context, watch = contexts(user, **options)
        page: Page = context.new_page()
        page.watch = watch  # type: ignore[attr-defined]
        page.goto(f"/{django_settings.ADMIN_PATH}{address}")
        return page

    return open_page


def log_in(context: BrowserContext, user: User, url: str) -> None:
    """A session without the form, which has tests of its own."""
    client = Client()
    client.force_login(user)
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": url}])
