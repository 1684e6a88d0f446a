import re
from typing import Any

import pytest
from django.urls import get_resolver

pytestmark = pytest.mark.django_db


def test_the_schema_is_openapi_3_1_and_has_every_call_of_the_client_api(client: Any) -> None:
    schema = client.get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    assert schema["openapi"].startswith("3.1")
    assert {(method, path) for path, methods in schema["paths"].items() for method in methods} == {
        ("post", "/auth/token"),
        ("post", "/auth/token/refresh"),
        ("post", "/auth/verify"),
        ("get", "/documents"),
        ("post", "/documents/upload"),
        ("get", "/documents/{document_id}"),
        ("post", "/documents/{document_id}/process"),
        ("get", "/documents/{document_id}/result"),
        ("get", "/documents/{document_id}/download"),
        ("post", "/verification/evaluate"),
        ("get", "/verification/status/{document_id}"),
        ("post", "/verification/{document_id}/escalate"),
    }


def test_the_browsable_page_runs_only_scripts_of_our_own(client: Any) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    text = page.content.decode()
    assert not re.findall(r"<style|<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", text)
    sources = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert sources
    assert all(source.startswith("/") for source in sources)
    script = client.get(sources[-1].replace("&amp;", "&"))
    assert script.headers["Content-Type"].startswith("application/javascript")


def test_every_route_is_known_by_name() -> None:
    assert all(
        getattr(route, "name", "") or getattr(route, "url_patterns", []) for route in get_resolver().url_patterns
    )
