"""The wheel holds all it needs: installed in an empty environment, it serves."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.import_engine.raw_workbooks import raw_workbook
from tests.live_server import finished
from tests.server_process import ServerProcess

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(target), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    return built


def test_the_wheel_holds_the_schema_the_statements_the_pages_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    modules = ("jobsvc.py", "composition_root.py", "domain_errors.py")
    for needed in ("schema.sql", "storage/queries.sql", *modules):
        assert names.count(needed) == 1, needed
    assert "web_ui/templates/home.html" in names
    assert "sql_sandbox/allowed_functions.txt" in names
    assert "web_ui/static/style.css" in names
    for asset in ("font.css", "icons.svg", "codemirror/view.js", "LICENSES.txt"):
        assert f"web_ui/static/vendor/{asset}" in names, asset
    strangers = [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))]
    assert strangers == []


@pytest.mark.timeout(400)
def test_a_server_installed_in_an_empty_environment_imports_and_draws(
    wheel: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", str(wheel)]
    subprocess.run(install, check=True, cwd=tmp_path)
    command = [str(tmp_path / "env" / "bin" / "jobsvc")]
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
