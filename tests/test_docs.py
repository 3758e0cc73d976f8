"""Every route, command and error status is in the documentation, and every link leads somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import composition_root
from application.work_limits import work_limits
from command_line import command
from contract.declarations import Declared
from contract.fields import Choice, Count, Items, Mapped, Number, SeedKind, SizeKind
from contract.requests.estimate import EstimatesRequest
from contract.requests.evaluate import KINDS
from contract.words import ACTIONS
from http_api.schemas.contract import body_schema
from http_api.schemas.rounds import AnyRoundIn
from http_api.server.metrics import Metrics
from http_api.server.statuses import STATUS_OF_CODE
from sampling_engine import MAX_SEED_LENGTH, METHODS
from service.settings import Settings
from storage.jobs.changes import JobChange
from tests.command_line.conftest import paths_of
from tests.derived import with_tables

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "client/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
MONITORING = (ROOT / "docs" / "MONITORING.md").read_text(encoding="utf-8")
API = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")


def test_the_api_page_lists_every_route_and_no_other(tmp_path: Path) -> None:
    with composition_root.running_service(
        Settings(data_dir=tmp_path, memory_mb=128), "tests"
    ) as service:
        rules = list(composition_root.build_app(service).url_map.iter_rules())
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


def value_of(own: Declared) -> str:
    """The type, bounds, choices and default of a parameter, as its row in the table has them."""
    parts = [own.kind.json_type]
    match own.kind:
        case Choice(titles):
            parts = [" or ".join(f"`{choice}`" for choice in titles)]
        case Count(bounds) | Number(bounds) | Mapped(SizeKind(bounds)):
            low = f"{bounds.least} or more" if bounds.above is None else f"above {bounds.above}"
            parts.append(low if bounds.most is None else f"{low} and up to {bounds.most}")
        case SeedKind():
            parts.append(f"at most {MAX_SEED_LENGTH:,} characters")
    if isinstance(own.kind, Items | Mapped):
        parts.append(f"at most {own.kind.most:,} items")
    if own.is_required:
        parts.append("required")
    if own.usual is not None:
        parts.append(f"default `{own.usual}`")
    return ", ".join(parts)


def parameter_lines() -> list[str]:
    """The lines of the table of parameters in docs/SAMPLING.md."""
    return [
        f"| `{method.name}` | `{own.name}` | `{own.option}` | {value_of(own)} | {own.help} |"
        for method in METHODS
        if not method.is_other_name
        for own in method.parameters
    ]


def test_the_sampling_page_lists_every_parameter() -> None:
    page = (ROOT / "docs" / "SAMPLING.md").read_text(encoding="utf-8")
    section = page.split("### Parameters\n")[1].split("\n#")[0]
    listed = [line for line in section.splitlines() if line.startswith("| `")]
    assert listed == parameter_lines()


def test_the_audit_page_lists_every_kind_and_parameter() -> None:
    page = (ROOT / "docs" / "AUDIT.md").read_text(encoding="utf-8")
    for name, kind in KINDS.items():
        assert f"| `{name}` | {kind.samples} | {kind.result} |" in page
        assert f"### `{name}`" in page


@pytest.mark.parametrize("name", ["AUDIT.md", "ESTIMATES.md"])
def test_tables_of_fields_are_as_declared(name: str) -> None:
    """``python -m tests.derived`` writes them."""
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert "<!-- fields of " in page
    assert with_tables(page) == page


def test_the_command_line_page_lists_every_command() -> None:
    page = (ROOT / "docs" / "CLI.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(jobsvc [^`]+)`", page, re.MULTILINE))
    assert listed == {" ".join(("jobsvc", *path)) for path in paths_of(command)}


def test_the_monitoring_page_lists_every_metric_with_its_kind_and_labels(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.job_changed(JobChange("job-1", "import", "short", "started", 1.0))
    metrics.job_changed(JobChange("job-1", "import", "short", "completed", 1.0))
    metrics.answered("GET", "/health", 200, 0.001, 10)
    metrics.refused("too_large")
    settings = Settings(data_dir=tmp_path, memory_mb=128)
    with composition_root.running_service(settings, "tests") as service:
        composition_root.build_app(service, metrics)
        families = list(metrics.registry.collect())
    suffixes = {"counter": "_total", "info": "_info"}
    known = {
        f"{family.name}{suffixes.get(family.type, '')}": (
            "gauge" if family.type == "info" else family.type,
            {label for sample in family.samples for label in sample.labels} - {"le"},
        )
        for family in families
    }
    rows = [line.split("|") for line in MONITORING.splitlines() if line.startswith("| `")]
    documented = {
        name.strip(" `"): (kind.strip(), set(re.findall(r"`(\w+)`", labels)))
        for _, name, kind, labels, *_ in rows
    }
    assert documented == known


def test_kinds_of_slow_work_are_documented() -> None:
    (row,) = (line for line in MONITORING.splitlines() if line.startswith("| `jobsvc_slow_work` "))
    assert set(re.findall(r"`(\w+)`", row)) == {
        *("jobsvc_slow_work", "kind"),
        *work_limits(Settings()).kinds(),
    }


def test_the_alerts_are_about_metrics_that_there_are() -> None:
    known = set(re.findall(r"^\| `(\w+)`", MONITORING, re.MULTILINE))
    rules = MONITORING[MONITORING.index("groups:") :]
    rules = rules[: rules.index("```")]
    used = {name.removesuffix("_bucket") for name in re.findall(r"\bjobsvc_\w+", rules)}
    assert len(used) > 8
    assert used <= known


def headings_of(page: Path) -> set[str]:
    """The names of a page's headings in links."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link, heading in re.findall(
        r"\]\(([^)#]*)(?:#([^)]+))?\)", page.read_text(encoding="utf-8")
    ):
        if not link.startswith("http"):
            target = page.parent / link if link else page
            assert target.exists(), link
            assert not heading or heading in headings_of(target), f"{link}#{heading}"


def links_of(page: Path) -> set[Path]:
    """The files of this repository to which a page links; of a folder, its pages."""
    found = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    targets = {(page.parent / link).resolve() for link in found if not link.startswith("http")}
    return {
        inner for each in targets for inner in (each.glob("*.md") if each.is_dir() else (each,))
    }


def test_every_page_is_two_links_from_the_readme() -> None:
    near = links_of(ROOT / "README.md")
    reached = near.union(*(links_of(page) for page in near if page.suffix == ".md"))
    assert set(PAGES) - {ROOT / "README.md"} - reached == set()


def test_the_json_of_the_pages_is_what_the_api_takes() -> None:
    schemas = {"ESTIMATES.md": body_schema(EstimatesRequest), "SAMPLING.md": AnyRoundIn}
    found = set()
    for page, schema in schemas.items():
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        for block in re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            if '"statistics"' in block or '"method": "stratified"' in block:
                schema().load(json.loads(block))
                found.add(page)
    assert found == set(schemas)
