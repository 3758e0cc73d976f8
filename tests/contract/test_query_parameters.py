"""Every address refuses parameters that it doesn't know, and those that are given twice."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.live_server import LiveServer

METHODS = ("get", "post", "put", "patch", "delete")
PLACES = {"name": "verify.html", "user_id": "1"}
"""Values of a path's parameters; others are 1."""


@pytest.fixture(scope="module")
def document(server: LiveServer) -> dict[str, Any]:
    found: dict[str, Any] = server.client(None).get("/api/openapi.json").json()
    return found


def addresses(document: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Method, path and the names of the query's parameters of each operation."""
    return [
        (
            method,
            re.sub(r"\{(\w+)\}", lambda found: PLACES.get(found[1], "1"), path),
            [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"],
        )
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    ]


def refused(server: LiveServer, method: str, path: str, query: Any) -> dict[str, str]:
    """The messages of a refusal by the parameters that they are about."""
    answer = server.admin.request(method, path, params=query)
    assert answer.status_code == 422, (method, path, answer.text)
    assert answer.json()["code"] == "invalid_request", (method, path, answer.text)
    return {
        error["loc"][1]: error["msg"]
        for error in answer.json()["errors"]
        if error["loc"][0] == "query"
    }


def test_every_address_refuses_unknown_parameters(
    server: LiveServer, document: dict[str, Any]
) -> None:
    found = addresses(document)
    assert len(found) > 120
    for method, path, known in [*found, ("get", "/api/openapi.json", [])]:
        messages = refused(server, method, path, {"limti": "5"})
        expected = "Unknown field." if known else "This address takes none."
        assert expected in messages["limti"], (method, path)
        if "limit" in known:
            assert 'Did you mean "limit"?' in messages["limti"], (method, path)


def test_a_parameter_with_one_value_is_refused_twice(
    server: LiveServer, document: dict[str, Any]
) -> None:
    several = {"action", "breaks", "status"}
    for method, path, known in addresses(document):
        if twice := sorted(set(known) - several):
            messages = refused(server, method, path, [(twice[0], "1"), (twice[0], "1")])
            assert messages[twice[0]] == "Given more than once.", (method, path)
    answer = server.admin.get("/api/jobs?status=failed&status=completed")
    assert answer.status_code == 200, answer.text


def test_a_wrong_parameter_is_no_304(server: LiveServer) -> None:
    first = server.admin.get("/api/jobs/none")
    assert first.status_code == 404
    listed = server.admin.get("/api/jobs")
    tags = {"If-None-Match": listed.headers["ETag"]}
    assert server.admin.get("/api/jobs", headers=tags).status_code == 304
    assert server.admin.get("/api/jobs?x=1", headers=tags).status_code == 422
