import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import get_resolver

pytestmark = pytest.mark.django_db


def test_the_schema_is_openapi_3_1_and_has_every_call_of_the_client_api(client: Any) -> None:
    schema = client.get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    assert schema["openapi"].startswith("3.1")
    assert {(method, path) for path, methods in schema["paths"].items() for method in methods} == {
        ("post", "/auth/token"),
        ("post", "/auth/token/refresh"),
        ("post", "/auth/logout"),
        ("post", "/auth/verify"),
        ("get", "/documents"),
        ("post", "/documents/upload"),
        ("get", "/documents/{document_id}"),
        ("post", "/documents/{document_id}/process"),
        ("get", "/documents/{document_id}/result"),
        ("get", "/documents/{document_id}/download"),
        ("post", "/documents/{document_id}/second-look"),
        ("get", "/privacy/requests"),
        ("post", "/privacy/requests"),
        ("post", "/verification/evaluate"),
        ("get", "/verification/status/{document_id}"),
        ("post", "/verification/{document_id}/escalate"),
    }


@pytest.fixture
def schema(client: Any) -> Any:
    return client.get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()


def test_the_schema_is_valid_and_nothing_in_it_was_guessed(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(tmp_path / "schema.yaml"))


def test_every_operation_declares_the_one_shape_of_errors(schema: Any) -> None:
    operations = [operation for methods in schema["paths"].values() for operation in methods.values()]
    for operation in operations:
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Error"}
        assert operation["responses"]["401"] == {"$ref": "#/components/responses/Unauthorized"}
    for response in schema["components"]["responses"].values():
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_the_declared_error_is_the_one_that_is_answered(schema: Any, client: Any) -> None:
    answer, declared = client.get("/documents").json(), schema["components"]["schemas"]["Error"]
    assert set(answer) == set(declared["required"]) == set(declared["properties"])
    assert set(answer["error"]) == set(declared["properties"]["error"]["required"])


def test_the_list_of_documents_is_declared_as_the_page_that_it_is(schema: Any, api: Any) -> None:
    declared = schema["paths"]["/documents"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    page = schema["components"]["schemas"][declared["$ref"].rpartition("/")[2]]
    assert set(page["properties"]) == set(api.get("/documents").json()) == {"next", "previous", "results"}


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
