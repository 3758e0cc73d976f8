"""JSON bodies: their content type, and null for what is left out, on every operation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

LOGINS = ("/api/users/login", "/api/users/token")
"""They take a form, too."""
METHODS = {
    "random": {"sample_size": 5},
    "stratified": {"strata_columns": ["city"], "sample_size": 5},
    "systematic": {"interval": 9},
    "cluster": {"cluster_column": "city", "num_clusters": 2},
    "weighted": {"weight_column": "amount", "sample_size": 5},
}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and body schema of each operation that takes JSON; no path leads anywhere."""
    for path, by_method in document["paths"].items():
        for method, operation in by_method.items():
            content = isinstance(operation, dict) and operation.get("requestBody", {}).get(
                "content", {}
            )
            if content and "application/json" in content:
                schema = content["application/json"]["schema"]
                name = schema.get("$ref", "").rpartition("/")[2]
                found = document["components"]["schemas"].get(name, schema)
                yield method, re.sub(r"\{\w+\}", "999999", path), found


@pytest.fixture(scope="module")
def document(server: LiveServer) -> dict[str, Any]:
    found: dict[str, Any] = server.admin.get("/api/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def analyst(server: LiveServer) -> httpx.Client:
    return server.new_user()[0]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_of_another_content_type_is_a_415(
    analyst: httpx.Client, document: dict[str, Any], kind: str | None
) -> None:
    tried = 0
    for method, path, _ in operations(document):
        if path in LOGINS and kind == "application/x-www-form-urlencoded":
            continue
        headers = {} if kind is None else {"Content-Type": kind}
        answer = analyst.request(method, path, content=b'{"x": 1}', headers=headers)
        assert_problem(answer, 415, "unsupported_media_type", kind or "missing", "application/json")
        tried += 1
    assert tried > 15


def test_null_means_left_out_on_every_operation(
    analyst: httpx.Client, document: dict[str, Any]
) -> None:
    tried = 0
    for method, path, schema in operations(document):
        optional = set(schema["properties"]) - set(schema.get("required", []))
        without = analyst.request(method, path, json={})
        given = analyst.request(method, path, json=dict.fromkeys(optional))
        for answer in (without, given):
            assert answer.status_code in (200, 403, 404, 422), (path, answer.text)
        same = [(one.status_code, one.json().get("errors")) for one in (without, given)]
        assert same[0] == same[1], path
        tried += len(optional)
    assert tried > 40


@pytest.mark.parametrize("method", METHODS)
def test_null_means_left_out_in_every_round(
    server: LiveServer, dataset_id: int, document: dict[str, Any], method: str
) -> None:
    schemas = document["components"]["schemas"]

    def nulls(name: str) -> dict[str, None]:
        schema = schemas[name]
        return dict.fromkeys(set(schema["properties"]) - set(schema.get("required", [])))

    kind = method.title()
    given = {**METHODS[method], "seed": 4}
    parameters = {**nulls(f"{kind}ParametersIn"), "random_seed": None, **given}
    one = {**nulls(f"{kind}RoundIn"), "method": method, "parameters": parameters, "seed": None}
    path = f"/api/sampling/datasets/{dataset_id}/plan"
    without = server.admin.post(path, json={"method": method, "parameters": given}).json()
    body = {**nulls("SamplingJobIn"), "rounds": [one], "method": None, "sample_size": None}
    assert server.admin.post(path, json=body).json() == without
    at_top = {**body, "rounds": None, "method": method, "parameters": parameters}
    assert server.admin.post(path, json=at_top).json() == without


def test_null_means_left_out_in_filters(server: LiveServer, dataset_id: int) -> None:
    path = f"/api/sampling/datasets/{dataset_id}/filters"
    found = [
        server.admin.post(path, json={"filters": one}).json()
        for one in (
            {"expression": "city IS NULL", "conditions": None, "logic": None},
            {"conditions": [{"column": "city", "operator": "is_null", "value": None}]},
            {
                "expression": None,
                "conditions": [{"column": "city", "operator": "is_null"}],
                "logic": None,
            },
        )
    ]
    assert found[0] == found[1] == found[2]
    assert found[0]["row_count"] == 500


def test_null_in_a_required_field_is_refused(server: LiveServer) -> None:
    answer = server.admin.post("/api/datasets", json={"name": None})
    assert_problem(answer, 422, "invalid_request", "name")


def test_an_unknown_field_is_refused_though_null(server: LiveServer) -> None:
    answer = server.admin.post("/api/datasets", json={"name": "x", "descripton": None})
    assert_problem(answer, 422, "invalid_request", 'Did you mean "description"?')
