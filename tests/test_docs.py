"""Every route, command and error status is in the documentation, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import jobsvc
from command_line import command
from http_api.problems import STATUS_OF_CODE
from job_runner.settings import Settings
from storage.audit import ACTIONS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
API = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")


def test_the_api_page_lists_every_route_and_no_other(tmp_path: Path) -> None:
    with jobsvc.running_service(Settings(data_dir=tmp_path, memory_mb=128), "tests") as service:
        rules = list(jobsvc.build_app(service).url_map.iter_rules())
    routes = {
        f"{method} " + re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", rule.rule)
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.endpoint.startswith("pages.") and not rule.rule.startswith("/api/docs/assets/")
    }
    documented = set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)`", API, re.MULTILINE))
    assert documented == routes


def test_the_api_page_lists_every_status_of_an_error() -> None:
    documented = {int(status) for status in re.findall(r"^\| (\d{3}) \|", API, re.MULTILINE)}
    assert documented == set(STATUS_OF_CODE.values()) - {500} | {413}


def test_the_security_page_lists_every_action_of_the_audit_trail() -> None:
    page = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)) == set(ACTIONS)


def test_the_command_line_page_lists_every_command() -> None:
    def names(group: click.Group, prefix: str) -> set[str]:
        found: set[str] = set()
        for name, one in group.commands.items():
            path = f"{prefix} {name}"
            found |= names(one, path) if isinstance(one, click.Group) else {path}
        return found

    page = (ROOT / "docs" / "CLI.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(jobsvc [^`]+)`", page, re.MULTILINE)) == names(command, "jobsvc")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link
