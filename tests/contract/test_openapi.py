"""The OpenAPI document, its page, and the table of error codes."""

from __future__ import annotations

import re
from typing import Any

import pytest

import http_api.app
from application.work_limits import work_limits
from domain_errors import DomainError
from http_api.server.statuses import STATUS_OF_CODE
from service.settings import Settings
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module")
def document(server: LiveServer) -> dict[str, Any]:
    answer = server.client(None).get("/api/openapi.json")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def test_every_route_of_the_api_is_documented(document: dict[str, Any]) -> None:
    documented = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    }
    assert ("POST", "/api/sampling/datasets/{dataset_id}/jobs") in documented
    assert ("GET", "/api/jobs/{job_id}") in documented
    assert ("POST", "/api/datasets/{dataset_id}/refs/{ref}/import") in documented
    for operations in document["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                assert operation["summary"]


def test_a_round_is_one_of_the_methods_shapes(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    (shape,) = (schema for schema in schemas.values() if "oneOf" in schema)
    assert set(shape) == {"oneOf", "discriminator"}
    assert set(shape["discriminator"]["mapping"]) == {
        "random",
        "reservoir",
        "stratified",
        "systematic",
        "cluster",
        "weighted",
        "monetary_unit",
        "split",
    }


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert names <= set(document["components"]["schemas"])


def test_every_body_is_required_and_every_request_schema_is_closed(
    document: dict[str, Any],
) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "requestBody" in operation:
                assert operation["requestBody"]["required"] is True


def test_the_documentations_page_loads_nothing_from_elsewhere(server: LiveServer) -> None:
    page = server.client(None).get("/api/docs").text
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    for link in links:
        assert link.startswith("/"), link
        asset = server.client(None).get(link)
        assert asset.status_code == 200, link


def test_the_sign_in_page_and_its_assets_are_there(server: LiveServer) -> None:
    nobody = server.client(None)
    assert nobody.get("/").headers["Location"] == "/sign-in?next=%2F"
    page = nobody.get("/sign-in")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    links = re.findall(r'(?:src|href)="(/pages/[^"]+)"', page.text)
    assert links
    for link in links:
        answer = nobody.get(link)
        assert answer.status_code == 200, link
        assert "immutable" in answer.headers["Cache-Control"]


def test_every_error_code_has_a_status() -> None:
    assert http_api.app.create_app  # every room's errors are loaded with it

    def codes(kind: type[DomainError]) -> set[str]:
        found = {kind.code}
        for child in kind.__subclasses__():
            found |= codes(child)
        return found

    ours = codes(DomainError) - {"error", "broken_thing"}
    ours |= {limit.code for limit in work_limits(Settings()).kinds().values()}
    assert ours <= set(STATUS_OF_CODE), ours - set(STATUS_OF_CODE)


def test_the_document_says_in_which_formats_metrics_come(server: LiveServer) -> None:
    document = server.admin.get("/api/openapi.json").json()
    content = document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]
    answer = server.admin.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    for kind in (
        answer.headers["Content-Type"],
        server.admin.get("/metrics").headers["Content-Type"],
    ):
        assert kind.split(";")[0] in content
