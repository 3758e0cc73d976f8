"""The code that pages show for a request sends that request: curl, Python and the command."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jobsvc_client import Dataset, Sample, connect

import composition_root
from application.request_code.forms import FORMS, ApiRequest
from application.request_code.texts import RequestCode, request_code
from command_line import Composition, command
from tests.client.proxy import FaultyProxy, proxy_of
from tests.support.live_server import LiveServer

DEFAULTS = {name: value for form in FORMS for name, value in form.defaults.items()}
DRAWS: dict[str, dict[str, Any]] = {
    "plain": {"method": "random", "parameters": {"sample_size": 20}},
    "fraction": {"method": "random", "parameters": {"sample_fraction": 0.05, "seed": 7}},
    "filter": {
        "method": "random",
        "parameters": {"sample_size": 5, "seed": "it's"},
        "filters": {"expression": "region = 'north' AND id > 3"},
        "selection": {"columns": ["id", "region"], "order_by": "id", "order_desc": True},
    },
    "bands": {
        "method": "stratified",
        "parameters": {
            "strata_columns": [{"column": "amount", "breaks": [0, 50]}, "region"],
            "sample_size": 40,
            "min_per_stratum": 1,
        },
    },
    "sizes": {
        "method": "stratified",
        "parameters": {"strata_columns": ["region"], "sizes": {"north": "all", "east": 3}},
    },
    "cluster": {
        "method": "cluster",
        "parameters": {"cluster_column": "region", "num_clusters": 2, "samples_per_cluster": 5},
    },
    "monetary unit": {
        "method": "monetary_unit",
        "parameters": {"book_column": "amount", "sample_size": 10, "selection": "cell"},
    },
    "conditions": {
        "method": "random",
        "parameters": {"sample_size": 5},
        "filters": {
            "conditions": [{"column": "region", "operator": "in", "value": ["north", "east"]}],
            "logic": "AND",
        },
    },
    "keyed": {
        "method": "weighted",
        "parameters": {"weight_column": "amount", "sample_size": 6, "seed": 5},
        "order": {"key": ["id"], "start": "0.25", "duplicates": "number"},
    },
    "refused keys": {
        "method": "random",
        "parameters": {"sample_size": 6, "seed": 5},
        "order": {"key": ["id"], "duplicates": "refuse"},
    },
    "labels": {
        "method": "stratified",
        "parameters": {
            "strata_columns": [{"column": "amount", "breaks": [10.125], "labels": ["low", "high"]}],
            "sample_size": 6,
        },
    },
}
BY_BODY = {"conditions", "labels", "steps"}
"""Draws that no options can say."""
FIGURES: dict[str, dict[str, Any]] = {
    "total": {"statistics": [{"statistic": "total", "column": "amount"}]},
    "all": {
        "statistics": [
            {"statistic": "mean", "column": "amount"},
            {"statistic": "proportion", "column": "region", "value": "north"},
            {"statistic": "proportion", "column": "id", "value": "5"},
            {"statistic": "proportion", "column": "region", "value": None},
            {"statistic": "ratio", "column": "amount", "denominator": "id"},
            {"statistic": "quantile", "column": "amount", "q": 0.25},
            {"statistic": "count"},
        ],
        "by": ["region"],
        "filters": {"expression": "id > 1"},
        "confidence": 0.9,
        "true_values": True,
    },
    "calibrated": {
        "statistics": [{"statistic": "total", "column": "amount"}],
        "calibrate": {"method": "regression", "columns": ["id"]},
        "variance": {"lonely_stratum": "adjust"},
    },
    "contrast": {
        "statistics": [{"statistic": "mean", "column": "amount"}],
        "contrast": {
            "between": {"by": "region", "first": "north", "second": "south"},
            "measure": "ratio",
        },
    },
    "contrast of columns": {
        "statistics": [{"statistic": "mean", "column": "amount"}],
        "contrast": {"column": "id"},
    },
}
EXPLORATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "profile": ("profiling", {"columns": ["amount", "region"]}),
    "query": (
        "exploration",
        {"sql": "SELECT '1' AS a\nFROM data", "output_name": "q", "commit_message": "why"},
    ),
    "report": ("exploration", {"compare_to": {"source_ref": "main", "table_key": "primary"}}),
    "changes": (
        "exploration",
        {
            "source_ref": "main",
            "compare_to": {"source_ref": "main"},
            "keys": ["id"],
            "output_name": "c",
        },
    ),
}


@pytest.fixture(scope="module")
def proxy(server: LiveServer) -> Iterator[FaultyProxy]:
    with proxy_of(server.url) as opened:
        yield opened


@pytest.fixture(scope="module")
def sample(dataset: Dataset) -> Sample:
    return dataset.sample(size=60, seed=1)


@pytest.fixture
def in_folder(
    proxy: FaultyProxy,
    server: LiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Code runs in a folder of its own, over the proxy."""
    monkeypatch.setenv("JOBSVC_SERVER", proxy.url)
    monkeypatch.setenv("JOBSVC_TOKEN", server.token)
    monkeypatch.chdir(tmp_path)


def plain(body: Any) -> Any:
    """A body without what is missing, empty or a default."""
    if isinstance(body, list):
        return [plain(each) for each in body]
    if not isinstance(body, dict):
        return body
    kept = {
        name: plain(value)
        for name, value in body.items()
        if name == "value" or not (value is None or DEFAULTS.get(name, ...) == value)
    }
    return {
        name: value for name, value in kept.items() if name not in ("round_number", "order_desc")
    }


def run_python(text: str) -> None:
    names: dict[str, Any] = {}
    exec(compile(text, "shown", "exec"), names)
    for name in ("client", "dataset", "sample"):
        if name in names:
            names[name]._transport.close()


def run_command(text: str) -> None:
    line, _, given = text.partition(" <<'JSON'\n")
    words = shlex.split(line.replace("\\\n", " "))
    assert words[0] == "jobsvc"
    composition = Composition(composition_root.listening, composition_root.serving_in_background)
    given = given.removesuffix("JSON")
    result = CliRunner().invoke(command, words[1:], obj=composition, input=given)
    assert result.exit_code == 0, result.output


def run_curl(text: str) -> None:
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
    assert "urn:jobsvc:problem" not in done.stdout, done.stdout


def check(proxy: FaultyProxy, request: ApiRequest, name: str | int) -> RequestCode:
    """Run all code of a request; each text sends the same body."""
    code = request_code(request, proxy.url, lambda _: name)
    runs = [(run_curl, code.curl), (run_python, code.python)]
    if code.command is not None:
        runs.append((run_command, code.command))
    for run, text in runs:
        proxy.bodies.clear()
        run(text)
        start = request.path.split("-")[0]
        end = request.path.rsplit("/", 1)[1]
        sent = [
            json.loads(content)
            for path, content in proxy.bodies
            if path.startswith(start) and path.endswith(f"/{end}")
        ]
        assert len(sent) == 1, text
        assert plain(sent[0]) == plain(dict(request.body)), text
    return code


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_is_sent_by_all_code(proxy: FaultyProxy, dataset: Dataset, name: str) -> None:
    body = {
        "source_ref": "main",
        "table_key": "primary",
        "rounds": [DRAWS[name]],
        "amount_column": "amount",
        "output_name": f"code {name}".replace(" ", "-"),
        "commit_message": 'a "quoted" purpose, isn\'t it',
        "export_residual": name == "plain",
        "allow_empty": name == "plain",
        "priority": "batch",
        "draw_version": 2,
        "engine": "duckdb",
    }
    path = f"/api/sampling/datasets/{dataset.id}/jobs"
    code = check(proxy, ApiRequest(path, body), dataset.name)
    assert code.command is not None
    assert ("--body" in code.command) is (name in BY_BODY)
    assert "rounds=" not in code.python


@pytest.mark.usefixtures("in_folder")
def test_several_steps_are_sent_as_a_body(proxy: FaultyProxy, dataset: Dataset) -> None:
    body = {"rounds": [DRAWS["plain"], DRAWS["filter"]], "output_name": "code-steps"}
    path = f"/api/sampling/datasets/{dataset.id}/jobs"
    code = check(proxy, ApiRequest(path, body), dataset.name)
    assert code.command is not None
    assert code.command.startswith(f"jobsvc sample '{dataset.name}' --body - <<'JSON'")


@pytest.mark.usefixtures("in_folder")
def test_a_split_is_sent_as_a_split(proxy: FaultyProxy, dataset: Dataset) -> None:
    step = {
        "method": "split",
        "parameters": {
            "parts": {"train": "80%", "test": "0.2"},
            "group": "region",
            "strata_columns": ["region"],
            "exact": True,
            "seed": 5,
        },
        "order": {"key": ["id"], "start": "0.25", "duplicates": "refuse"},
        "filters": {"expression": "id > 3"},
    }
    body = {"rounds": [step], "output_name": "code-split", "table_key": "primary"}
    path = f"/api/sampling/datasets/{dataset.id}/jobs"
    code = check(proxy, ApiRequest(path, body), dataset.name)
    assert "dataset.split(" in code.python
    assert (code.command or "").startswith("jobsvc split ")
    more = {**body, "output_name": "code-split-2", "engine": "duckdb"}
    assert (check(proxy, ApiRequest(path, more), dataset.name).command or "").startswith(
        "jobsvc sample "
    )


@pytest.mark.usefixtures("in_folder")
def test_a_margin_is_sent_with_its_size(
    server: LiveServer, proxy: FaultyProxy, dataset: Dataset
) -> None:
    sizing = {"goal": {"margin": 0.1}, "design": {"method": "random", "parameters": {"seed": 3}}}
    path = f"/api/sampling/datasets/{dataset.id}"
    found = server.admin.post(f"{path}/size", json=sizing).json()
    goal = {"margin": 0.1, "confidence": 0.95}
    step = {"method": "random", "parameters": found["parameters"], "goal": goal}
    body = {"rounds": [step], "output_name": "code-margin"}
    code = check(proxy, ApiRequest(f"{path}/jobs", body), dataset.name)
    assert "margin=0.1" in code.python
    step = {**step, "parameters": {"sample_fraction": 0.5}}
    body = {"rounds": [step], "output_name": "code-margin-of-a-share"}
    code = check(proxy, ApiRequest(f"{path}/jobs", body), dataset.name)
    assert "margin=" not in code.python


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("name", FIGURES)
def test_estimates_are_sent_by_all_code(proxy: FaultyProxy, sample: Sample, name: str) -> None:
    path = f"/api/sampling/jobs/{sample.id}/estimates"
    assert check(proxy, ApiRequest(path, FIGURES[name]), "").command is not None


@pytest.mark.usefixtures("in_folder")
def test_a_change_is_sent_by_all_code(proxy: FaultyProxy, dataset: Dataset) -> None:
    first, second = (dataset.sample(size=size, seed=9) for size in (20, 30))
    body = {
        "with_job": second.id,
        "statistics": [{"statistic": "mean", "column": "amount"}],
        "by": ["region"],
        "key": ["id"],
        "confidence": 0.9,
    }
    path = f"/api/sampling/jobs/{first.id}/change"
    assert check(proxy, ApiRequest(path, body), "").command is not None


@pytest.mark.usefixtures("in_folder")
def test_an_evaluation_is_sent_by_all_code(proxy: FaultyProxy, dataset: Dataset) -> None:
    sample = dataset.sample(size=20, seed=9)
    rows = [item["row_id"] for item in sample.findings()]
    sample.add_findings({"row_id": row, "outcome": "ok"} for row in rows)
    body = {"kind": "sequential", "tolerable": 0.2, "confidence": 0.9}
    path = f"/api/sampling/jobs/{sample.id}/evaluation"
    assert check(proxy, ApiRequest(path, body), "").command is not None


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("name", EXPLORATIONS)
def test_other_jobs_are_sent_by_all_code(proxy: FaultyProxy, dataset: Dataset, name: str) -> None:
    run_type, body = EXPLORATIONS[name]
    path = f"/api/{run_type}/datasets/{dataset.id}/jobs"
    assert check(proxy, ApiRequest(path, body), dataset.name).command is not None


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("is_new", [True, False])
def test_an_import_is_sent_by_all_code(
    server: LiveServer, proxy: FaultyProxy, tmp_path: Path, is_new: bool
) -> None:
    file = "orders; of 2025.csv"
    (tmp_path / file).write_text("title;\nid;amount\n1;2,5\n2;3,5\n", encoding="utf-8")
    options = {"decimal": ",", "header_row": 2, "types": {"id": "VARCHAR"}, "names": {"id": "No"}}
    dataset = server.new_dataset()
    name = server.admin.get(f"/api/datasets/{dataset}").json()["name"]
    path = "/api/datasets/{dataset_id}/refs/main/import"
    if not is_new:
        path = path.format(dataset_id=dataset)
    body = {"options": options, "commit_message": "orders; of July"}
    request = ApiRequest(path, body, file, "created by code" if is_new else None)
    code = request_code(request, proxy.url, lambda _: name)
    curl = code.curl
    if is_new:
        curl = curl.splitlines()[-1] if "\\\n" not in curl else curl[curl.rindex("curl ") :]
        curl = curl.replace("DATASET_ID", str(dataset))
    assert code.command is not None
    for run, text in ((run_curl, curl), (run_python, code.python), (run_command, code.command)):
        run(text)
    found = server.admin.get("/api/jobs", params={"run_type": "import", "limit": 3}).json()["jobs"]
    jobs = [server.finished(each["id"]) for each in found]
    for job in jobs:
        assert job["status"] == "completed", job
        assert job["run_parameters"]["options"] == options
        assert job["purpose"] == "orders; of July"
        assert job["dataset_name"] in (name, "created by code")


def test_a_request_without_a_form_has_code_of_the_api(dataset: Dataset, proxy: FaultyProxy) -> None:
    code = request_code(ApiRequest("/api/groups", {"name": "g"}), proxy.url, str)
    assert code.command is None
    assert 'client.request("POST", "/api/groups", {"name": "g"})' in code.python
    odd = {"rounds": [DRAWS["plain"]], "unknown": 1}
    path = f"/api/sampling/datasets/{dataset.id}/jobs"
    assert "client.request" in request_code(ApiRequest(path, odd), proxy.url, str).python


def test_names_that_look_like_options_become_ids() -> None:
    body = {"rounds": [DRAWS["plain"]]}
    code = request_code(ApiRequest("/api/sampling/datasets/3/jobs", body), "", lambda _: "--x")
    assert code.command == "jobsvc sample 3 --method random --size 20"
    sql = ApiRequest("/api/exploration/datasets/3/jobs", {"sql": "-- all\nSELECT 1"})
    assert request_code(sql, "", lambda _: "x").command is None


ODD = (
    'a"b',
    "it's $HOME `date` !! {x} {0} {arguments}",
    "C:\\temp\\n%s two\nlines\t\r\n end",
    "band:1,2",
    "--size a/b=5",
    " 名前 é\u202e🙂\u2028 ",
    "true",
)


@pytest.fixture(scope="module")
def odd(server: LiveServer) -> Iterator[Dataset]:
    """A dataset whose columns are numbers under odd names."""
    header = ",".join('"' + name.replace('"', '""') + '"' for name in ODD)
    lines = "".join(
        ",".join(str(1 + (row * 3 + at) % 5) for at in range(len(ODD))) + "\n" for row in range(60)
    )
    number = server.new_named("odd names of columns", f"{header}\n{lines}")
    table = server.admin.get(f"/api/datasets/{number}/refs/main/tables/primary/schema").json()
    assert tuple(each["name"] for each in table["columns"]) == ODD
    with connect(server.url, token=server.token) as client:
        yield client.dataset(number)


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("name", ODD)
def test_odd_names_of_columns_are_sent_by_all_code(
    proxy: FaultyProxy, odd: Dataset, name: str
) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    first = ODD[0] if name != ODD[0] else ODD[1]
    steps = [
        {
            "method": "stratified",
            "parameters": {"strata_columns": [name, first], "sample_size": 30},
            "filters": {"expression": f"{quoted} > 1"},
            "selection": {"columns": [first, name], "order_by": name},
        },
        {
            "method": "stratified",
            "parameters": {"strata_columns": [{"column": name, "breaks": [2]}], "sample_size": 9},
        },
        {"method": "weighted", "parameters": {"weight_column": name, "sample_size": 9}},
        {"method": "cluster", "parameters": {"cluster_column": name, "num_clusters": 2}},
    ]
    path = f"/api/sampling/datasets/{odd.id}/jobs"
    for step in steps:
        check(proxy, ApiRequest(path, {"rounds": [step]}), odd.name)
    sample = odd.sample(size=30, seed=1)
    figures = {
        "statistics": [
            {"statistic": "total", "column": name},
            {"statistic": "proportion", "column": name, "value": "1"},
            {"statistic": "ratio", "column": name, "denominator": first},
            {"statistic": "quantile", "column": name, "q": 0.5},
        ],
        "filters": {"expression": f"{quoted} > 0"},
        "calibrate": {"method": "regression", "columns": [name]},
    }
    check(proxy, ApiRequest(f"/api/sampling/jobs/{sample.id}/estimates", figures), "")
    by = {"statistics": [{"statistic": "count"}], "by": [name]}
    check(proxy, ApiRequest(f"/api/sampling/jobs/{sample.id}/estimates", by), "")
    profile = {"columns": [name]}
    check(proxy, ApiRequest(f"/api/profiling/datasets/{odd.id}/jobs", profile), odd.name)
