"""The wheels hold all they need: in an empty environment a server serves, a notebook draws."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.import_engine.raw_workbooks import raw_workbook
from tests.support.live_server import finished
from tests.support.server_process import ServerProcess

ROOT = Path(__file__).parents[1]
UV = (sys.executable, "-m", "uv")


def built(project: Path, target: Path) -> Path:
    """The wheel of a project."""
    build = [*UV, "build", "--quiet", "--wheel", "--out-dir", str(target), str(project)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def client_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT / "client", tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="module")
def client_alone(client_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the client and nothing of the server."""
    folder = tmp_path_factory.mktemp("client-alone")
    venv.create(folder / "env")
    python = folder / "env" / "bin" / "python"
    install = [*UV, "pip", "install", "--quiet", "--python", python, client_wheel]
    subprocess.run(install, check=True, cwd=folder)
    return python


@pytest.fixture(scope="module")
def commands(wheel: Path, client_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment with the two wheels."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "env")
    found = folder / "env" / "bin"
    install = [*UV, "pip", "install", "--quiet", "--python", found / "python", wheel]
    subprocess.run([*install, f"{client_wheel}[pandas,notebook]"], check=True, cwd=folder)
    return found


def test_the_wheel_holds_the_schema_the_statements_the_pages_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    modules = (
        "jobsvc",
        "composition_root",
        "domain_errors",
        "lazy_dataclasses",
        "operating_system",
    )
    for needed in ("schema.sql", "storage/queries.sql", *(f"{name}.py" for name in modules)):
        assert names.count(needed) == 1, needed
    assert "web_ui/templates/home.html" in names
    assert "sql_sandbox/allowed_functions.txt" in names
    assert {"jobsvc_client/transport.py", "jobsvc_client/py.typed"} <= set(names)
    assert "web_ui/static/style.css" in names
    for language in ("de", "fr"):
        assert f"presentation/locale/{language}/LC_MESSAGES/papers.po" in names
    for asset in ("font.css", "icons.svg", "codemirror/view.js", "LICENSES.txt"):
        assert f"web_ui/static/vendor/{asset}" in names, asset
    strangers = [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))]
    assert strangers == []


def test_the_clients_wheel_holds_its_package_alone(client_wheel: Path) -> None:
    names = zipfile.ZipFile(client_wheel).namelist()
    assert "jobsvc_client/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"jobsvc_client"}


@pytest.mark.timeout(400)
def test_the_client_alone_connects_without_the_servers_libraries(
    client_alone: Path, commands: Path, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path / "data", command=[str(commands / "jobsvc")]) as server:
        token = server.client().headers["Authorization"].removeprefix("Bearer ")
        code = f"import jobsvc_client as j; print(j.connect({server.url!r}, {token!r}).datasets())"
        answer = subprocess.run([client_alone, "-c", code], capture_output=True, text=True)
    assert (answer.stdout, answer.stderr) == ("[]\n", "")
    missing = "import duckdb"
    assert subprocess.run([client_alone, "-c", missing], capture_output=True).returncode == 1


@pytest.mark.timeout(400)
def test_a_server_installed_in_an_empty_environment_imports_and_draws(
    commands: Path, tmp_path: Path
) -> None:
    command = [str(commands / "jobsvc")]
    with ServerProcess(tmp_path / "data", command=command) as server:
        client = server.client()
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/pages/any/style.css").status_code == 200
        assert client.get("/api/docs/assets/swagger-ui.css").status_code == 200
        dataset_id = client.post("/api/datasets", json={"name": "d"}).json()["id"]
        files = {"file": ("t.csv", b"x\n1\n2\n3\n")}
        path = f"/api/datasets/{dataset_id}/refs/main/import"
        job = finished(client, client.post(path, files=files).json()["job_id"])
        assert job["status"] == "completed"
        files = {"file": ("b.xlsx", raw_workbook())}
        job = finished(client, client.post(path, files=files).json()["job_id"])
        assert job["output_summary"]["tables"][0]["rows"] == 2
        path = f"/api/sampling/datasets/{dataset_id}/jobs"
        body = {"method": "random", "sample_size": 2}
        job = finished(client, client.post(path, json=body).json()["job_id"])
        assert job["output_summary"]["total_sampled"] == 2
        assert server.terminate() == 0


@pytest.mark.timeout(400)
def test_uv_installs_the_server_as_a_tool(wheel: Path, tmp_path: Path) -> None:
    places = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    install = [*UV, "tool", "install", "--quiet", "--python", sys.executable, wheel]
    subprocess.run(install, check=True, env={**os.environ, **places})
    assert [path.name for path in (tmp_path / "bin").iterdir()] == ["jobsvc"]
    command = [str(tmp_path / "bin" / "jobsvc")]
    with ServerProcess(tmp_path / "data", command=command) as server:
        assert server.client().get("/health").json() == {"status": "ok"}
        assert server.terminate() == 0


NOTEBOOK = """import pandas as pd
from jobsvc_client import connect

ledger = pd.DataFrame({"id": range(900), "amount": [n % 97 + 0.5 for n in range(900)]})
dataset = connect().upload(ledger, "ledger")
sample = dataset.sample("random", size=90, seed=1)
print(sample.estimate("total", "amount"))"""


@pytest.mark.timeout(400)
def test_a_short_notebook_in_that_environment_estimates_a_total(
    commands: Path, tmp_path: Path
) -> None:
    assert len(NOTEBOOK.splitlines()) <= 10
    path = tmp_path / "first.ipynb"
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [cell | {"source": NOTEBOOK}]
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    with ServerProcess(tmp_path / "data", command=[str(commands / "jobsvc")]) as server:
        token = server.client().headers["Authorization"].removeprefix("Bearer ")
        execute = [
            str(commands / "jupyter-execute"),
            "--inplace",
            "--kernel_name=python3",
            str(path),
        ]
        environment = {"JOBSVC_SERVER": server.url, "JOBSVC_TOKEN": token}
        subprocess.run(execute, check=True, env={**os.environ, **environment}, capture_output=True)
    # Waiting for a job for long shows a bar, which is cleared; a long print comes in parts.
    outputs = json.loads(path.read_text())["cells"][0]["outputs"]
    streams = [output for output in outputs if output["output_type"] == "stream"]
    bars = [output["data"] for output in outputs if output not in streams]
    assert all(not any(bar.values()) for bar in bars), bars
    assert {output["name"] for output in streams} == {"stdout"}, streams
    printed = "".join(line for output in streams for line in output["text"])
    assert re.fullmatch(r"Total of amount: [\d,.]+ ± [\d,.]+ \(95 %: .*\)\n(Note: .*\n)*", printed)
