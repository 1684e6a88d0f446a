"""Every address of the URL conf, asked with every method by every role: what `tests/access_table.txt` says of them."""

import re
import uuid
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken

from documents.links import download_token
from documents.models import Document
from filot.management.commands.setup_roles import ROLES
from filot.models import User
from integrations.models import Buli2Exchange, Direction
from review.models import Review, ReviewDecision
from tests.review.admin_cases import open_case, staff, with_picture
from verification.models import PolicyChange, VerificationRun

TABLE = Path(__file__).parent / "access_table.txt"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
COLUMNS = ("nobody", "owner", "stranger", *ROLES, "superuser")
CONSOLE = settings.ADMIN_PATH
LOGIN = f"/{CONSOLE}login/"
HEAD = """\
# Who may open what: one line an address and method, one column a role. Made by `make access-table`; compared by
# tests/test_access.py, which also checks what the table may say at all. The owner is the one of the documents and of
# the case; staff hold no case. A number is the status of the answer, `login` a redirect to the login page.
"""


class Row(NamedTuple):
    route: str
    method: str


class World(NamedTuple):
    """One of everything that an address can name."""

    owner: User
    stranger: User
    document: Document
    review: Review
    rows: dict[str, Any]  # app/model -> one row of it


def routes(resolver: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each address as the URL conf writes it, with its view."""
    for pattern in (resolver or get_resolver()).url_patterns:
        # Django lists the installed applications here, in the order in which they were loaded.
        route = re.sub(r"\^?\(\?P<app_label>[^)]*\)", "<app_label>", prefix + str(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern, route)
        else:
            yield route, pattern.callback


def build_world() -> World:
    owner = User.objects.create_user("owner", password="a long password")
    stranger = User.objects.create_user("stranger", password="another long password")
    review = with_picture(open_case(owner))
    document = review.document
    exchange = Buli2Exchange.objects.create(
        direction=Direction.outbound, kind="submit", method="POST", path="/x", review_id=review.pk, state="pending"
    )
    kept: dict[str, Any] = {"decision": "rejected", "source": "buli2", "decided_by": "buli2", "accepted": False}
    decision = ReviewDecision.objects.create(review=review, **kept)
    policy = PolicyChange.objects.create(by="x", reason="x", live={"policy": "standard@1", "approve": 85, "reject": 35})
    rows = {
        "auth/group": Group.objects.create(name="some-group"),
        "filot/user": stranger,
        "documents/document": document,
        "integrations/buli2exchange": exchange,
        "verification/verificationrun": VerificationRun.objects.get(document=document),
        "verification/policychange": policy,
        "review/review": review,
        "review/reviewdecision": decision,
    }
    return World(owner, stranger, document, review, rows)


def address_of(route: str, world: World) -> str:
    """A real address for a route: its placeholders name rows that are there."""
    if route.endswith("(?P<url>.*)$"):
        return f"/{CONSOLE}nowhere/"
    values = {
        "document_id": world.document.pk,
        "review_id": world.review.pk,
        "exchange_id": world.rows["integrations/buli2exchange"].pk,
        "token": download_token(str(world.document.pk)),
        "page": 0,
        "content_type_id": 1,
        "app_label": "documents",
    }
    model = "/".join(route.removeprefix(CONSOLE).split("/")[:2])
    row = world.rows.get(model)
    values["object_id"] = values["id"] = row.pk if row else uuid.UUID(int=0)
    plain = re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).replace("^", "").replace("$", "")
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda name: str(values.get(name[1], 0)), plain)


def client_of_role(role: str, world: World) -> Client:
    """Logged in to the console and with a token for the API, as far as the role can be."""
    if role == "nobody":
        return Client(raise_request_exception=False)
    if role == "superuser":
        user = User.objects.create_superuser("root", password="a third long password")
    elif role in ROLES:
        user = staff(role)
    else:
        user = getattr(world, role)
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {AccessToken.for_user(user)}"})
    client.force_login(user)
    return client


def asked(client: Client, method: str, address: str) -> str:
    """The cell of the table. Whatever the call did is undone."""
    cookies = client.cookies
    client.cookies = SimpleCookie({name: morsel.value for name, morsel in cookies.items()})
    content_type = "application/x-www-form-urlencoded" if address.startswith(f"/{CONSOLE}") else "application/json"
    body = b"" if method == "GET" or "urlencoded" in content_type else b"{}"
    try:
        with transaction.atomic():
            response = client.generic(method, address, body, content_type=content_type)
            transaction.set_rollback(True)
    finally:
        client.cookies = cookies
    if response.status_code in (301, 302) and response["Location"].startswith(LOGIN):
        return "login"
    if address.startswith("/health") and response.status_code == 503:
        return "200"  # it answered, that something is down
    return str(response.status_code)


def column(role: str) -> dict[Row, str]:
    world = build_world()
    client = client_of_role(role, world)
    return {
        Row(route, method): asked(client, method, address_of(route, world))
        for route, _ in routes()
        for method in METHODS
    }


def read_table() -> dict[Row, dict[str, str]]:
    lines = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    _, _, *columns = lines[0]
    return {Row(route, method): dict(zip(columns, cells, strict=True)) for method, route, *cells in lines[1:]}


def write_column(role: str, cells: dict[Row, str]) -> None:
    """Put one column into the table; rows of addresses that are gone go, new ones come."""
    table = read_table() if TABLE.exists() else {}
    rows = {row: {**dict.fromkeys(COLUMNS, "-"), **table.get(row, {}), role: cells[row]} for row in cells}
    width = max(len(row.route) for row in rows) + 2
    head = f"{'method':<8}{'address':<{width}}" + "".join(f"{name:<12}" for name in COLUMNS)
    lines = [head] + [
        f"{row.method:<8}{row.route or '^$':<{width}}" + "".join(f"{found[name]:<12}" for name in COLUMNS)
        for row, found in rows.items()
    ]
    TABLE.write_text(HEAD + "".join(line.rstrip() + "\n" for line in lines))


def is_api(view: Any) -> bool:
    return issubclass(getattr(view, "cls", object), APIView)
