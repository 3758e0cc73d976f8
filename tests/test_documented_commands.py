"""The commands of the documentation run, page by page, against a real server."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import fields
from pathlib import Path

import click
import openpyxl
import pytest
import yaml

from application.demo_data import write_demo_file
from command_line import command
from service.settings import Settings
from tests.command_line.conftest import paths_of
from tests.contract.uri_sources import object_store
from tests.documented_commands import (
    ROOT,
    SHELLS,
    Command,
    PageRun,
    blocks,
    commands,
    usage_fault,
)
from tests.support.lake_tables import delta_sales
from tests.support.live_server import LiveServer, live_server
from tests.test_docs import API, PAGES

NOT_RUN: dict[str, dict[str, str]] = {
    "README.md": {
        "./run-demo": "installs; tests/command_line/test_first_run.py runs the demo",
        "./run-tests": "runs this test",
    },
    "CONTRIBUTING.md": {"./run-tests": "runs this test"},
    "client/README.md": {"pip install": "installs; tests/test_packaging.py installs the wheel"},
    "docs/ATTACHED.md": {"JOBSVC_CONNECTION_PREFIXES=": "serves; the test's server is set so"},
    "docs/BENCHMARKS.md": {
        "pip install": "installs",
        "python -m benchmarks.": "takes minutes; tests/test_benchmarks.py runs small ones",
    },
    "docs/CLI.md": {
        'eval "$(_JOBSVC_COMPLETE=zsh_source': "needs zsh",
        "_JOBSVC_COMPLETE=fish_source": "needs fish",
    },
    "docs/CLIENT.md": {"pip install": "installs; tests/test_packaging.py installs the wheel"},
    "docs/DISTRIBUTED.md": {
        "pip install": "installs",
        "JOBSVC_SPARK_REMOTE=": "serves; tests/spark draws with a cluster",
        "$SPARK_HOME": "needs a Spark installation",
    },
    "docs/ENGAGEMENTS.md": {"": "tests/command_line/test_engagements_page.py runs it"},
    "docs/EVALUATE_A_MODEL.md": {"": "tests/client/test_evaluate_page.py runs it"},
    "docs/EMAIL.md": {
        "jobsvc email test": "sends by a mail server; tests/contract/test_emails.py has one",
    },
    "docs/IMPORT.md": {"JOBSVC_IMPORT_PREFIXES=": "serves"},
    "docs/INSTALL.md": {
        "pip wheel": "builds; tests/test_packaging.py builds the wheel",
        "jobsvc service": "needs systemd; tests/command_line/test_user_service.py reads the unit",
        "journalctl": "needs systemd",
        "useradd": "adds a user to the machine",
        "python3 -m venv": "installs; tests/test_packaging.py installs the wheel",
        "cp deploy/": "writes to /etc; tests/deployment reads the unit",
        "printf": "writes to /etc",
        "systemctl": "needs systemd",
        "cd deploy": "the folder of the next commands",
        "export JOBSVC_NAME": "a variable of the next commands",
        "docker": "needs docker",
    },
    "docs/JOBS_API_GUIDE.md": {"": "tests/contract/test_guide_curl.py runs it"},
    "docs/OPERATIONS.md": {
        "jobsvc prune  ": "asks; tests/command_line/test_maintenance.py answers",
    },
    "docs/PIPELINES.md": {"": "tests/client/test_pipelines_page.py runs it"},
    "docs/PROFILING.md": {"": "tests/profiling_engine/test_docs_page.py runs it"},
    "docs/RELIABILITY.md": {"./run-tests": "takes an hour; tests/faults does less of it"},
    "docs/SETTINGS.md": {"JOBSVC_MEMORY_MB=": "serves"},
    "docs/SIGN_IN.md": {"curl": "needs a proxy; tests/contract/test_proxy_header.py sends headers"},
    "docs/TUTORIAL.md": {"": "tests/browser/test_tutorial.py follows it"},
    "docs/TUTORIAL_AUDIT.md": {"": "tests/browser/test_tutorial.py follows it"},
    "docs/WEBHOOKS.md": {
        "jobsvc webhook test": "sends to another machine; tests/contract/test_webhooks.py sends",
        "from standardwebhooks": "is code of a receiver; tests/support/webhook_receiver.py has it",
    },
}
"""How commands begin that aren't run, by page, with the reason; an empty text is the whole page."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with the demo's ledger, a sample, and the same ledger in an object store."""
    folder = tmp_path_factory.mktemp("documented")
    settings = Settings(
        data_dir=folder / "data",
        memory_mb=512,
        compare_samples=False,  # those that are requested are compared
        connection_prefixes="s3://audit-lake/, file:///data/lake/",
        webhook_prefixes="https://hooks.example.org/",
        smtp_server="mail.bank.example",
        smtp_sender="jobsvc@bank.example",
        email_domains="bank.example",
        public_url="https://jobs.bank.example",
    )
    write_demo_file(folder / "payables.csv")
    with (
        pytest.MonkeyPatch.context() as patch,
        object_store(patch) as objects,
        live_server(settings) as live,
    ):
        patch.setenv("LAKE_AWS_ACCESS_KEY_ID", "key")
        patch.setenv("LAKE_AWS_SECRET_ACCESS_KEY", "secret")
        datasets = [
            live.admin.post("/api/datasets", json={"name": name}).json()["dataset_id"]
            for name in ("payables", "b", "c", "d", "e", "f", "ledger")
        ]
        assert datasets == [1, 2, 3, 4, 5, 6, 7]  # the ids that the pages name
        job = live.import_text(1, (folder / "payables.csv").read_bytes(), "payables.csv")
        assert job["status"] == "completed", job
        (stored,) = (folder / "data" / "files").glob("??/*.parquet")
        objects.create_bucket(Bucket="audit-lake")
        objects.put_object(
            Bucket="audit-lake", Key="2025/ledger/01.parquet", Body=stored.read_bytes()
        )
        for month in ("01", "02"):
            key = f"days/year=2025/month={month}/a.parquet"
            objects.put_object(Bucket="audit-lake", Key=key, Body=stored.read_bytes())
        delta_sales(folder / "sales", files=3)
        for path in (folder / "sales").rglob("*.*"):
            key = path.relative_to(folder).as_posix()
            objects.put_object(Bucket="audit-lake", Key=key, Body=path.read_bytes())
        live.draw(1, {"method": "random", "sample_size": 100, "output_name": "q1"})
        live.admin.post("/api/groups", json={"name": "Auditors"}).raise_for_status()
        yield live


PROGRAMME = (ROOT / "docs" / "PROGRAMMES.md").read_text(encoding="utf-8")
FILES = {
    "state-claims.toml": PROGRAMME.split("```toml\n")[1].split("```")[0],
    "sales.csv": "id,region,amount\n"
    + "".join(f"{row},{('north', 'south')[row % 2]},{row / 4}\n" for row in range(2_000)),
    "invoice.pdf": "%PDF-1.7 an invoice",
    "sums.sql": "SELECT company, sum(amount) AS total FROM data GROUP BY company\n",
    "verify_sample.py": (ROOT / "verifiers" / "verify_sample.py").read_text(encoding="utf-8"),
}
"""The reader's files, by their names on the pages."""


def fill_in(folder: Path) -> None:
    """Write an outcome into each line of the entry list."""
    workbook = openpyxl.load_workbook(folder / "list.xlsx")
    for sheet in workbook:
        titles = [cell.value for cell in sheet[1]]
        if "outcome" in titles:
            for (cell,) in sheet.iter_rows(
                2, min_col=titles.index("outcome") + 1, max_col=titles.index("outcome") + 1
            ):
                cell.value = cell.value or "ok"
    workbook.save(folder / "list.xlsx")


BY_HAND = {"findings 917f045a --file list.xlsx --preview": fill_in}
"""What the reader does before a command."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_run(
    world: LiveServer, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (*FILES.items(), ("ledger.csv", FILES["sales.csv"])):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("JOBSVC_SERVER", world.url)
    monkeypatch.setenv("JOBSVC_TOKEN", world.token)
    settings = world.service.settings
    monkeypatch.setenv("JOBSVC_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("JOBSVC_CONNECTION_PREFIXES", settings.connection_prefixes)
    monkeypatch.chdir(tmp_path)
    not_run = NOT_RUN.get(str(page.relative_to(ROOT)), {})
    run = PageRun(page, tmp_path, world, not_run, BY_HAND)
    run.run()
    assert run.skipped == set(not_run), "the page has no such command"


def shell_commands() -> Iterator[tuple[Path, Command]]:
    """All commands of all pages, run or not."""
    for page in PAGES:
        for block in blocks(page):
            if block.language in SHELLS:
                for each in commands(block):
                    yield page, each


def test_the_commands_of_jobsvc_have_their_options() -> None:
    """In the text and the commands' own help, too, and where they can't run."""
    written = [(page, each.words) for page, each in shell_commands()]
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        for code in re.findall(r"`(jobsvc [^`]+)`", text):
            written.append((page, code.split()))
    for path in paths_of(command):
        found: click.Command = command
        for name in path:
            assert isinstance(found, click.Group)
            inner = found.get_command(click.Context(found), name)
            assert inner is not None
            found = inner
        for paragraph in (found.help or "").split("\n\n"):
            for line in paragraph.splitlines()[1:] if paragraph.startswith("\b") else ():
                written.append((Path(" ".join(path)), shlex.split(line)))
    assert len(written) > 200
    for page, words in written:
        assert usage_fault(words) is None, f"{page.name}: {' '.join(words)}: {usage_fault(words)}"


def test_every_command_is_in_a_shell_block() -> None:
    """So that it runs, and isn't taken for output."""
    for page in PAGES:
        for block in blocks(page):
            if block.language not in SHELLS:
                command_line = r"^(\.venv/bin/|jobsvc [a-z]|curl |pip |python )"
                found = re.search(command_line, block.text, re.MULTILINE)
                assert found is None, f"{page.name}:{block.line}: {found}"


def test_what_cannot_run_names_what_there_is() -> None:
    """Files of this repository, its extras, and the options of a benchmark."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text(encoding="utf-8"))
    extras = {*setup["options.extras_require"], *client["project"]["optional-dependencies"]}
    for page, each in shell_commands():
        if page.stem.startswith("TUTORIAL"):
            continue
        if each.program == "pip":
            for extra in re.findall(r"\[([\w,]+)\]", each.text):
                assert extra in extras, each
        if "benchmarks." in each.text:
            module, *rest = each.words[2:]
            place = ROOT / module.replace(".", "/")
            if place.is_dir():
                place /= rest.pop(0) if rest and rest[0][0] != "-" else "designs"
            source = place.with_suffix(".py").read_text(encoding="utf-8")
            shared = re.findall(r"^from benchmarks\.(\w+) import", source, re.MULTILINE)
            source += "".join((ROOT / f"benchmarks/{one}.py").read_text("utf-8") for one in shared)
            for option in (word for word in rest if word.startswith("--")):
                assert f'"{option}"' in source, each
        for word in each.words:
            if re.match(r"(\./|(tests|deploy|client|verifiers)/)\w", word):
                assert (ROOT / word.split("[")[0]).exists(), each


def test_the_variables_of_the_pages_are_read() -> None:
    known = {f"JOBSVC_{field.name.upper()}" for field in fields(Settings)}
    known |= {"JOBSVC_SERVER", "JOBSVC_TOKEN", "JOBSVC_NAME", "JOBSVC_COMPLETE"}
    for page in PAGES:
        found = set(re.findall(r"JOBSVC_[A-Z_]+", page.read_text(encoding="utf-8")))
        assert found <= known, page.name


def test_the_routes_of_the_pages_exist() -> None:
    """Those of the API page do: tests/test_docs.py compares them with the server's."""
    rows = re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)`", API, re.MULTILINE)
    routes = re.compile("|".join(re.sub(r"{[^}]*}", "[^/ ]+", row) for row in rows))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found = re.findall(r"\b(GET|POST|PUT|PATCH|DELETE) +(/api/[\w/{}.-]+)", text)
        for method, path in found:
            assert routes.fullmatch(f"{method} {path}"), f"{page.name}: {method} {path}"


def test_the_compose_file_names_what_there_is() -> None:
    deploy = ROOT / "deploy"
    services = yaml.safe_load((deploy / "compose.yaml").read_text(encoding="utf-8"))["services"]
    build = services["jobsvc"]["build"]
    dockerfile = (deploy / build["context"] / build["dockerfile"]).read_text(encoding="utf-8")
    assert 'CMD ["jobsvc", "serve"]' in dockerfile
    known = {f"JOBSVC_{field.name.upper()}" for field in fields(Settings)}
    assert set(services["jobsvc"]["environment"]) <= known
    assert set(re.findall(r"JOBSVC_\w+(?==)", dockerfile)) <= known
    for volume in services["caddy"]["volumes"]:
        source = volume.split(":")[0]
        assert not source.startswith(".") or (deploy / source).is_file()
