"""Names that people give are one line that reads as it is written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

UNSAFE = {
    "\r\n": "U+000D",
    "\n": "U+000A",
    "\t": "U+0009",
    "\x1b": "U+001B",
    "\x85": "U+0085",
    "\u2028": "U+2028",
    "\u202e": "U+202E",
    "\u2066": "U+2066",
}
DRAW = {"method": "random", "parameters": {"sample_size": 3, "seed": 1}}


def requests(name: str, dataset: int, job: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Each request that names something: method, path and body."""
    of_dataset, sampling = f"/api/datasets/{dataset}", f"/api/sampling/datasets/{dataset}"
    explore = {"sql": "SELECT 1 AS one", "output_name": name}
    connection = {"name": name, "prefix": "file:///nowhere/"}
    schedule = {"job_id": job, "name": name, "cron": "0 6 * * 1"}
    attach = {"tables": [{"table_key": name, "connection": "lake", "files": ["a.parquet"]}]}
    plan_named = {**DRAW, "output_name": name}
    rounds = {"rounds": [{**DRAW, "output_name": name}]}
    finding = {"attributes": ["approved", name]}
    user = {"soeid": name, "role_name": "viewer"}
    return {
        "dataset": ("POST", "/api/datasets", {"name": name}),
        "tag": ("POST", "/api/datasets", {"name": "tagged", "tags": [name]}),
        "new name": ("PATCH", of_dataset, {"name": name}),
        "ref": ("POST", f"{of_dataset}/refs", {"name": name, "source_ref": "main"}),
        "user": ("POST", "/api/users", user),
        "group": ("POST", "/api/groups", {"name": name}),
        "token": ("POST", "/api/tokens", {"name": name}),
        "template": ("POST", "/api/sampling/templates", {"name": name, "rounds": [DRAW]}),
        "connection": ("POST", "/api/connections", connection),
        "schedule": ("POST", "/api/schedules", schedule),
        "sample": ("POST", f"{sampling}/jobs", plan_named),
        "round": ("POST", f"{sampling}/jobs", rounds),
        "saved query": ("POST", f"/api/exploration/datasets/{dataset}/jobs", explore),
        "attached table": ("POST", f"{of_dataset}/refs/main/attach", attach),
        "attribute": ("PUT", f"/api/sampling/jobs/{job}/attributes", finding),
    }


@pytest.fixture(scope="module")
def drawn(server: LiveServer, dataset_id: int) -> str:
    return str(server.draw(dataset_id, DRAW)["id"])


@pytest.mark.parametrize("what", requests("", 0, ""))
def test_unsafe_characters_are_refused(
    server: LiveServer, dataset_id: int, drawn: str, what: str
) -> None:
    for sign, shown in UNSAFE.items():
        for name in (f"x{sign}y", f"xy{sign}", f"{sign}xy"):
            method, path, body = requests(name, dataset_id, drawn)[what]
            answer = server.admin.request(method, path, json=body)
            part = "" if what == "ref" else shown  # a ref has letters of ASCII alone
            code = "invalid_value" if what == "ref" else "invalid_request"
            assert_problem(answer, 422, code, part)


def test_the_name_of_a_file_is_one_line(server: LiveServer, dataset_id: int) -> None:
    answer = server.admin.post(
        f"/api/datasets/{dataset_id}/refs/main/import",
        files={"file": ("invoice\u202evsc.exe", b"a\n1\n")},
    )
    assert_problem(answer, 422, "invalid_request", "U+202E")


@pytest.mark.parametrize("name", ["حساب ١", "חשבון", "a\u200fb", "👩\u200d💻", "naïve", "{} % ?"])
def test_names_of_other_scripts_are_taken(server: LiveServer, name: str) -> None:
    answer = server.admin.post("/api/datasets", json={"name": name})
    assert answer.status_code == 200, answer.text
    path = f"/api/datasets/{answer.json()['dataset_id']}"
    assert server.admin.get(path).json()["name"] == name


def test_columns_may_have_such_names(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    names = ["a\u202eb", "two\nlines", "tab\there"]
    header = ",".join(f'"{name}"' for name in names)
    job = server.import_text(dataset_id, f"{header}\n1,2,3\n4,5,6\n")
    assert job["status"] == "completed", job
    shown = server.admin.get(f"/api/datasets/{dataset_id}/refs/main/tables/primary/schema").json()
    assert [column["name"] for column in shown["columns"]] == names
