"""Weights, sizes and queries of the pages, and what each has to keep in every theme, language and width."""

import itertools
from base64 import b32decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import Page, Response

from documents.models import Document
from filot import second_factor
from filot.models import User
from integrations.models import Buli2Exchange
from review import looks
from review.looks import take_look
from review.models import Decision
from review.proposals import propose
from tests.browser.cases import case, given_to
from tests.browser.conftest import Opened
from tests.browser.install import installed
from tests.browser.watching import settled
from tests.review.admin_cases import logged_in, staff
from verification.models import Worker

KIB = 1024
THEMES = ("light", "dark", "auto")
LANGUAGES = ("en", "id")
WIDTHS = (1440, 1024)
PHONE = 390
DIALOGS = ("keys-help", "reject", "new-upload", "escalate", "correct", "reveal")
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("originals_in")]


@pytest.fixture
def people() -> dict[str, User]:
    """A senior, who decides, and one person who may see all the rest."""
    senior = staff("senior", "sari")
    everything = User.objects.create_superuser("admin-of-all")
    return {"senior": senior, "all": everything}


@pytest.fixture
def pages(people: dict[str, User]) -> dict[str, str]:
    """Every page of the console with something on it: {name: address}."""
    owner = User.objects.create_user("owner")
    mine = given_to(case(owner, number="n1", due=1), people["senior"])
    other = case(owner, number="n1", score=12, due=-2)
    held = given_to(case(owner, score=80), User.objects.create_user("rina", is_staff=True))
    message = {"direction": "outbound", "kind": "submit", "method": "POST", "path": "/x", "state": "dead"}
    Buli2Exchange.objects.create(**message, review_id=mine.pk)
    Worker.objects.create(name="ocr@machine", queue="ocr.cpu", host="machine", pid=1, loop_pid=1)
    Document.objects.filter(pk=held.document_id).update(
        status="processing", claim_token=held.pk, claimed_by="w", heartbeat_at=timezone.now() - timedelta(days=1)
    )
    return {
        "dashboard": "",
        "queue": "review/review/",
        "empty queue": "review/review/?risk=low&escalated=yes",
        "case": f"review/review/{mine.pk}/change/",
        "case held by another": f"review/review/{held.pk}/change/",
        "compare": f"review/review/{mine.pk}/compare/{other.document_id}/",
        "preferences": "preferences/",
        "documents": "documents/document/",
        "decisions": "review/reviewdecision/",
        "exchanges": "integrations/buli2exchange/",
        "operations": "ops/",
        "password": "password_change/",
    }


FOR_ALL = ("operations", "exchanges")


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG A and AA, each with where."""
    found = page.evaluate("(rules) => axe.run(document, rules)", RULES)
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')[:160]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def wear(page: Page, theme: str) -> None:
    """As the switch of the admin leaves it; `auto` is looked at on a dark machine."""
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)


def open_dialogs(page: Page) -> Iterator[str]:
    for name in DIALOGS:
        if page.locator(f"dialog#{name}").count():
            page.evaluate("(id) => document.getElementById(id).showModal()", name)
            yield name
            page.evaluate("(id) => document.getElementById(id).close()", name)


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_on_any_page_in_any_language_at_any_width(
    opened: Opened, people: dict[str, User], pages: dict[str, str], theme: str
) -> None:
    axe = installed().axe.read_text()
    found: list[str] = []
    scheme = "light" if theme == "light" else "dark"
    for who, language in itertools.product(people, LANGUAGES):
        User.objects.filter(pk=people[who].pk).update(language=language)
        # axe sets styles of its own while it measures; what the policy stops of ours is tested in test_policy.
        page = opened(people[who], "preferences/", color_scheme=scheme, bypass_csp=True)
        for name, address in pages.items():
            if (name in FOR_ALL) != (who == "all"):
                continue
            page.goto(f"/{settings.ADMIN_PATH}{address}")
            wear(page, theme)
            settled(page)
            page.evaluate(axe)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                found += [f"{name} {language} {width}: {line}" for line in violations(page)]
            if name == "case":
                for dialog in open_dialogs(page):
                    found += [f"{dialog} {language}: {line}" for line in violations(page)]
    assert found == []


@pytest.fixture
def rarer_pages(pages: dict[str, str], people: dict[str, User]) -> dict[str, str]:
    """What compliance and operations open now and then, as one who may do all of it; something on each."""
    duties = Group.objects.filter(name__in=("compliance", "ops", "reviewer"))
    people["duties"] = staff("compliance", "citra")
    people["duties"].groups.set(duties)
    decided = case(User.objects.create_user("another"), decision="approved", decided_at=timezone.now())
    looks.plant_for_all(decided, answer=Decision.rejected, by=people["senior"])
    propose(people["duties"], kind="sla", content={"hours": 12})
    callback = {"direction": "inbound", "kind": "callback", "method": "POST", "path": "/x", "state": "refused"}
    refused = Buli2Exchange.objects.create(**callback, error="INVALID_SIGNATURE")
    dead = Buli2Exchange.objects.get(state="dead")
    return {
        "audit": "documents/auditentry/",
        "a look": "review/blindlook/",
        "known answers": "review/blindlook/known/",
        "proposals": "review/proposal/",
        "a new proposal": "review/proposal/add/",
        "reasons": "review/rejectreason/",
        "policy changes": "verification/policychange/",
        "readings": "verification/verificationrun/",
        "workflows": "review/reviewworkflow/",
        "exchanges": "integrations/buli2exchange/",
        "a dead message": f"integrations/buli2exchange/{dead.pk}/change/",
        "a refused callback": f"integrations/buli2exchange/{refused.pk}/change/",
        "operations": "ops/",
    }


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "id")])
def test_axe_finds_nothing_on_the_rarer_pages_and_none_is_wider_than_a_phone(
    opened: Opened, people: dict[str, User], rarer_pages: dict[str, str], theme: str, language: str
) -> None:
    axe, found = installed().axe.read_text(), []
    user = people["duties"]
    User.objects.filter(pk=user.pk).update(language=language)
    page = opened(user, "preferences/", color_scheme=theme, bypass_csp=True)
    assert take_look(user)
    for name, address in rarer_pages.items():
        answer = page.goto(f"/{settings.ADMIN_PATH}{address}")
        assert answer is not None
        assert answer.status == 200, name
        wear(page, theme)
        settled(page)
        page.evaluate(axe)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            found += [f"{name} {language} {width}: {line}" for line in violations(page)]
        page.set_viewport_size({"width": PHONE, "height": 800})
        room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        found += [f"{name} on a phone: {room}"] if room[0] > room[1] else []
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "id")])
def test_axe_finds_nothing_on_the_pages_of_the_second_step(
    contexts: Any, people: dict[str, User], live_server: Any, theme: str, language: str
) -> None:
    axe, found, user = installed().axe.read_text(), [], people["senior"]
    context, watch = contexts(color_scheme=theme, bypass_csp=True)
    watch.expect(403)
    with_a_password_alone(context, user, live_server.url, language)
    page = context.new_page()

    def look(name: str) -> None:
        wear(page, theme)
        page.evaluate(axe)
        found.extend(f"{name} {language}: {line}" for line in violations(page))

    User.objects.filter(pk=user.pk).update(second_factor_at=None, language=language)
    page.goto(f"/{settings.ADMIN_PATH}second-step/")
    look("enrolment")
    secret = page.locator("#content-main code").first.text_content() or ""
    key = b32decode(secret.replace(" ", "")).hex()
    page.locator("input[name=code]").fill(second_factor.current_code(key))
    page.keyboard.press("Enter")
    page.locator(".recovery-codes").wait_for()
    look("recovery codes")
    with_a_password_alone(context, user, live_server.url, language)
    page.goto(f"/{settings.ADMIN_PATH}second-step/")
    look("second step")
    page.locator("input[name=code]").fill("000000")
    page.keyboard.press("Enter")
    page.locator(".errornote").wait_for()
    look("a wrong code")
    assert found == []


def with_a_password_alone(context: Any, user: User, url: str, language: str) -> None:
    client = Client()
    client.force_login(user)
    session = client.session
    session.pop("second_factor", None)
    session.save()
    names = {settings.SESSION_COOKIE_NAME: session.session_key, settings.LANGUAGE_COOKIE_NAME: language}
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in names.items()])


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing_on_the_log_in_page(opened: Opened, language: str) -> None:
    page = opened(None, "login/", bypass_csp=True)
    if language == "en":
        page.locator(".language button").click()
    page.evaluate(installed().axe.read_text())
    assert violations(page) == []


def test_no_page_is_wider_than_a_phone(opened: Opened, people: dict[str, User], pages: dict[str, str]) -> None:
    wide = []
    for who, user in people.items():
        page = opened(user, "preferences/", viewport={"width": PHONE, "height": 800})
        for name, address in pages.items():
            if (name in FOR_ALL) == (who == "all"):
                page.goto(f"/{settings.ADMIN_PATH}{address}")
                room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                wide += [f"{name}: {room}"] if room[0] > room[1] else []
    assert wide == []


def test_styles_and_scripts_of_our_own_are_small() -> None:
    folder = Path(settings.BASE_DIR) / "filot" / "static" / "filot"
    assert sum(path.stat().st_size for path in folder.glob("*.css")) <= 30_000
    assert sum(path.stat().st_size for path in folder.glob("*.js")) <= 20_000


def weight_of(answer: Response) -> int:
    return 0 if answer.url.endswith(".png") else len(answer.body())


def test_a_case_and_a_full_queue_weigh_little(opened: Opened, people: dict[str, User]) -> None:
    owner = User.objects.create_user("owner")
    reviews = [case(owner, number=f"n{number % 3}") for number in range(51)]
    sizes = {}
    for name, address in {"case": f"review/review/{reviews[0].pk}/change/", "queue": "review/review/"}.items():
        page = opened(people["senior"], "preferences/")
        bodies: list[int] = []
        page.on("response", lambda answer, bodies=bodies: bodies.append(weight_of(answer)))
        page.goto(f"/{settings.ADMIN_PATH}{address}")
        settled(page)
        sizes[name] = (sum(bodies), len(page.content().encode()))
    assert sizes["case"][1] <= 120 * KIB
    assert sizes["queue"][0] <= 400 * KIB


LIMITS = {"": 8, "review/review/": 8, "case": 14}


@pytest.mark.parametrize("role", ["reviewer", "senior", "auditor", "superuser"])
def test_pages_ask_the_database_a_fixed_number_of_times(people: dict[str, User], role: str) -> None:
    owner = User.objects.create_user("owner")
    user = people["all"] if role == "superuser" else staff(role, f"one-{role}")
    browser = logged_in(user)
    review = case(owner, number="n")
    counts: dict[str, list[int]] = {}
    for _ in range(2):
        cache.clear()
        for name in LIMITS:
            address = f"review/review/{review.pk}/change/" if name == "case" else name
            with CaptureQueriesContext(connection) as asked:
                answer = browser.get(f"/{settings.ADMIN_PATH}{address}")
            if answer.status_code == 200:
                counts.setdefault(name, []).append(len(asked))
        for _more in range(6):
            case(owner, number="n")
    assert {name: one for name, (one, _) in counts.items()} == {name: many for name, (_, many) in counts.items()}
    assert {name: one for name, (one, _) in counts.items() if one > LIMITS[name]} == {}


def test_charts_are_pictures_with_a_name_and_their_figures_are_text(opened: Opened, people: dict[str, User]) -> None:
    case(User.objects.create_user("owner"))
    page = opened(people["senior"])
    for chart in page.locator("svg.chart").all():
        assert chart.get_attribute("aria-label")
    assert "1 (0)" in (page.locator("svg.chart").first.text_content() or "")
