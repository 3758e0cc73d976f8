"""The one shape of an error answer, checked everywhere."""

from __future__ import annotations

from typing import Any

import httpx

from domain_errors import render


def assert_problem(answer: httpx.Response, status: int, code: str, *parts: str) -> dict[str, Any]:
    """Check an RFC 9457 document, and that its text holds every part."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["code"] == code
    assert document["type"].startswith("urn:jobsvc:problem:")
    assert document["title"]
    assert document["request_id"] == answer.headers["X-Request-ID"]
    assert "errors" in document or status != 422
    for error in document.get("errors", []):
        assert set(error) == {"loc", "msg", "type", "template", "parameters"}
        assert render(error["template"], error["parameters"]) == error["msg"]
        assert error["loc"][0] in ("body", "query", "path", "header")
    for part in parts:
        assert part in document["detail"], document
    return document
