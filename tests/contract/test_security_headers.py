"""Every response has the security headers."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

import composition_root
from http_api.server.headers import HEADERS
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module")
def draw(server: LiveServer) -> dict[str, Any]:
    dataset = server.new_table(20)
    return server.draw(dataset, {"method": "random", "sample_size": 4, "export_residual": True})


def assert_protected(answer: httpx.Response, path: str, *, page: bool = False) -> None:
    """Check the headers; a page may have a policy of its own that lets it load its parts."""
    for name, value in HEADERS.items():
        given = answer.headers.get_list(name)
        assert len(given) == 1, (path, answer.status_code, name, given)
        if name not in ("Content-Security-Policy", "Cache-Control"):
            assert given == [value], (path, name)
    policy = answer.headers["Content-Security-Policy"]
    if not page:
        assert policy == HEADERS["Content-Security-Policy"], path
    for part in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert part in policy
    assert "'unsafe-eval'" not in policy
    assert not re.search(r"script-src[^;]*'unsafe-inline'", policy)


def test_every_route_and_method_answers_with_them(server: LiveServer, draw: dict[str, Any]) -> None:
    """Whatever the answer is: as admin, as a stranger, and where nothing is."""
    known = {
        "<int:dataset_id>": str(draw["dataset_id"]),
        "<job_id>": draw["id"],
        "<ref>": "main",
        "<commit_id>": "main",
        "<path:key>": "primary",
        "<user_id>": "me",
    }
    statuses = set()
    nobody = server.client(None)
    for rule in composition_root.build_app(server.service).url_map.iter_rules():
        path = rule.rule
        for name, value in known.items():
            path = path.replace(name, value)
        path = re.sub(r"<[^>]+>", "1", path)
        is_page = rule.endpoint.startswith("pages.") or rule.endpoint == "openapi.docs"
        if path.endswith("/users/logout"):
            continue  # it would end the admin's token
        for method in sorted((rule.methods or set()) | {"HEAD", "TRACE"}):
            for client in (server.admin, nobody):
                if client is server.admin and method == "DELETE":
                    continue
                answer = client.request(method, path)
                assert_protected(answer, rule.rule, page=is_page)
                statuses.add(answer.status_code)
    assert statuses >= {200, 401, 404, 405, 422}


@pytest.mark.parametrize("file_format", ["json", "csv", "parquet", "arrow", "xlsx"])
def test_files_have_them(server: LiveServer, draw: dict[str, Any], file_format: str) -> None:
    path = f"/api/sampling/jobs/{draw['id']}/data"
    answer = server.admin.get(path, params={"format": file_format})
    assert answer.status_code == 200
    assert_protected(answer, path)
    assert answer.headers["Cache-Control"] == "no-store"
    if file_format != "json":
        assert answer.headers["Content-Disposition"].startswith("attachment")


def test_an_event_stream_has_them(server: LiveServer, draw: dict[str, Any]) -> None:
    path = f"/api/jobs/{draw['id']}/events"
    assert_protected(server.admin.get(path), path)


def test_refusals_have_them(server: LiveServer) -> None:
    for answer in (
        server.admin.get("/health", headers={"Host": "evil.example"}),
        server.admin.post("/api/datasets", headers={"Origin": "http://evil.example"}),
        server.admin.post("/api/datasets", content=b"x" * 100_000),
        server.admin.post("/api/datasets", content=b"{", headers={"Content-Type": "text/html"}),
        server.admin.get("/no/such/thing"),
        server.admin.get("/api/datasets/assets/../../etc/passwd"),
    ):
        assert answer.is_error
        assert_protected(answer, "")


def test_the_documentations_page_runs_only_what_it_holds(server: LiveServer) -> None:
    policy = server.client(None).get("/api/docs").headers["Content-Security-Policy"]
    assert re.search(r"script-src 'self' 'sha256-[A-Za-z0-9+/=]{44}';", policy)


def test_assets_of_the_documentation_may_be_kept(server: LiveServer) -> None:
    asset = server.client(None).get("/api/docs/assets/swagger-ui.css")
    assert "max-age=3600" in asset.headers["Cache-Control"]
    assert_protected(asset, "/api/docs/assets/swagger-ui.css")
