"""The page of pipelines: its steps with Dagster and Airflow, against a server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import Settings
from tests.documented_commands import blocks
from tests.support.attached_world import parquet_file
from tests.support.live_server import LiveServer, live_server
from tests.test_docs import PAGES

(PAGE,) = (page for page in PAGES if page.name == "PIPELINES.md")
STEPS, DAGSTER, AIRFLOW = (block.text for block in blocks(PAGE) if block.language == "python")
MATERIALIZE = """
import sys
import warnings

warnings.simplefilter("ignore")
import dagster
from pipeline import DATASET, definitions, sample, version

import jobsvc_client

assert definitions.get_job_def("nightly").name == "nightly"


def night(day):
    with dagster.DagsterInstance.ephemeral() as instance:
        done = dagster.materialize(
            [version, sample], partition_key=day, instance=instance, raise_on_error=False
        )
        print(done.output_for_node("sample") if done.success else "failure")


night("2026-03-01")
with jobsvc_client.connect() as client:
    client.dataset(DATASET.get_value()).set_data_contract({"min_rows": 10})
night("2026-03-03")
"""


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[tuple[LiveServer, Path]]:
    folder = tmp_path / "lake"
    for day, rows in ((1, 40), (2, 40), (3, 3)):
        part = folder / f"day=2026-03-0{day}"
        part.mkdir(parents=True)
        parquet_file(part / "a.parquet", "SELECT range AS id FROM range(?)", rows)
    settings = Settings(
        data_dir=tmp_path / "data", memory_mb=256, connection_prefixes=f"file://{folder}/"
    )
    with live_server(settings) as live:
        body = {"name": "lake", "prefix": f"file://{folder}/"}
        assert live.admin.post("/api/connections", json=body).status_code == 200
        yield live, folder


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_dagster_attaches_and_draws_each_night(
    lake: tuple[LiveServer, Path], tmp_path: Path
) -> None:
    server, folder = lake
    code = tmp_path / "code"
    code.mkdir()
    for name, text in (("nightly", STEPS), ("pipeline", DAGSTER), ("run", MATERIALIZE)):
        (code / f"{name}.py").write_text(text, encoding="utf-8")
    variables = {
        **_variables(server, folder, tmp_path),
        "DAGSTER_HOME": str(tmp_path),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    done = _run([sys.executable, "run.py"], code, variables)
    assert done.returncode == 0, done.stderr
    job_id, second = done.stdout.split()
    assert second == "failure"
    job = server.admin.get(f"/api/jobs/{job_id}").json()
    assert (job["output_name"], job["output_summary"]["total_sampled"]) == ("nightly-2026-03-01", 5)
    path = f"/api/datasets/{job['dataset_id']}/kept-apart"
    (kept,) = server.admin.get(path).json()["versions"]
    assert kept["state"] == "kept_apart"
    jobs = server.admin.get("/api/jobs", params={"run_type": "sampling"}).json()
    assert jobs["total"] == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_airflow_attaches_and_draws_for_a_day(
    lake: tuple[LiveServer, Path], tmp_path: Path
) -> None:
    server, folder = lake
    code = tmp_path / "dags"
    code.mkdir()
    for name, text in (("nightly", STEPS), ("ledger", AIRFLOW)):
        (code / f"{name}.py").write_text(text, encoding="utf-8")
    variables = {
        **_variables(server, folder, tmp_path),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(code),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(code),
    }
    airflow = str(Path(sys.executable).with_name("airflow"))
    for command in (["db", "migrate"], ["dags", "test", "ledger", "2026-03-03"]):
        done = _run([airflow, *command], code, variables)
        assert done.returncode == 0, done.stdout + done.stderr
    (listed,) = server.admin.get("/api/jobs", params={"run_type": "sampling"}).json()["jobs"]
    job = server.admin.get(f"/api/jobs/{listed['id']}").json()
    assert (job["output_name"], job["output_summary"]["total_sampled"]) == ("nightly-2026-03-02", 5)


def _variables(server: LiveServer, folder: Path, home: Path) -> dict[str, str]:
    return {
        "JOBSVC_SERVER": server.url,
        "JOBSVC_TOKEN": server.token,
        "LEDGER_DATASET": "ledger",
        "LEDGER_FOLDER": f"file://{folder}/",
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
    }


def _run(
    command: list[str], folder: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
