"""The OpenAPI document is valid, bodies and answers fit it, and a client made from it works."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from contract.requests.audit_tests import AUDIT_TESTS
from http_api.openapi import operations
from tests.support.live_server import LiveServer

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "JOBS_API_GUIDE.md").read_text(encoding="utf-8")
OLDER_CLIENTS: tuple[dict[str, Any], ...] = (
    {"method": "random", "parameters": {"sample_size": 5, "random_seed": 7}},
    {"method": "random", "sample_size": 5, "seed": "text"},
    {"rounds": [{"method": "reservoir", "sample_size": 5}]},
    {
        "rounds": [
            {
                "method": "stratified",
                "parameters": {"stratify_columns": ["city"], "sample_size": 8},
                "filters": [{"column": "id", "operator": ">", "value": 3}],
                "selection": {"columns": ["id"], "order_by": "id", "order_desc": True},
            }
        ]
    },
    {
        "rounds": [
            {
                "method": "cluster",
                "parameters": {"cluster_column": "city", "num_clusters": 2, "seed": None},
                "filters": {"conditions": [{"column": "city", "operator": "is_not_null"}]},
            },
            {
                "round_number": 2,
                "method": "weighted",
                "parameters": {"sample_size": 3, "weight_column": "amount"},
                "filters": {"expression": "id > 3"},
                "output_name": "second",
            },
        ],
        "export_residual": False,
    },
)
"""The shapes of a sampling job's body that docs/API.md and docs/SAMPLING.md name."""
SAMPLING_JOBS = "/api/sampling/datasets/{dataset_id}/jobs"


@pytest.fixture(scope="module")
def document(server: LiveServer) -> dict[str, Any]:
    found: dict[str, Any] = server.client(None).get("/api/openapi.json").json()
    return found


def errors_of(document: dict[str, Any], schema: dict[str, Any], body: Any) -> list[str]:
    """Where a body doesn't fit a schema of the document."""
    whole = {**schema, "components": document["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(body)]


def body_schema(document: dict[str, Any], path: str, method: str = "post") -> dict[str, Any]:
    content = document["paths"][path][method]["requestBody"]["content"]
    schema: dict[str, Any] = content["application/json"]["schema"]
    return schema


def answer_schema(document: dict[str, Any], path: str, method: str = "get") -> dict[str, Any]:
    content = document["paths"][path][method]["responses"]["200"]["content"]
    schema: dict[str, Any] = content["application/json"]["schema"]
    return schema


def guide_bodies() -> Iterator[dict[str, Any]]:
    """The bodies of sampling jobs in the guide: its JSON block, and its JavaScript's literal."""
    block = re.search(r"### Request Body\n```json\n(.*?)```", GUIDE, re.DOTALL)
    script = re.search(r"body: JSON\.stringify\((\{.*?\})\)\n", GUIDE, re.DOTALL)
    assert block
    assert script
    yield json.loads(re.sub(r"//.*", "", block[1]))
    yield json.loads(re.sub(r"(\w+):", r'"\1":', script[1]))


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert not [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]
    tags = [tag["name"] for tag in document["tags"]]
    assert len(tags) == len(set(tags))
    ids = Counter(operation["operationId"] for operation in operations(document))
    assert set(ids.values()) == {1}


def test_every_answer_has_a_schema(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for media_type, content in operation["responses"]["200"]["content"].items():
            assert content.get("schema"), (operation["operationId"], media_type)


def test_files_and_streams_have_their_media_types(document: dict[str, Any]) -> None:
    rows = document["paths"]["/api/sampling/jobs/{job_id}/data"]["get"]["responses"]["200"]
    assert {"application/json", "text/csv", "application/vnd.apache.parquet"} < set(rows["content"])
    events = document["paths"]["/api/jobs/{job_id}/events"]["get"]["responses"]["200"]
    assert set(events["content"]) == {"text/event-stream"}


def test_job_making_operations_take_an_idempotency_key(document: dict[str, Any]) -> None:
    taking = {
        operation["operationId"]
        for operation in operations(document)
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "Idempotency-Key" and parameter["in"] == "header"
    }
    assert taking == {
        "create_sampling_dataset_job",
        "create_sampling_job_answers_table",
        "create_sampling_panel_wave",
        "create_profiling_dataset_job",
        "create_dataset_row_root",
        "create_exploration_dataset_job",
        *(f"create_dataset_audit_tests_{name.removesuffix('s')}" for name in AUDIT_TESTS),
        "import_dataset_ref",
        "attach_dataset_ref",
        "retry_job",
    }


@pytest.mark.parametrize("body", [*guide_bodies(), *OLDER_CLIENTS])
def test_documented_bodies_fit_the_document(
    server: LiveServer, dataset_id: int, document: dict[str, Any], body: dict[str, Any]
) -> None:
    assert not errors_of(document, body_schema(document, SAMPLING_JOBS), body)
    answer = server.admin.post(f"/api/sampling/datasets/{dataset_id}/plan", json=body)
    plan = answer_schema(document, "/api/sampling/datasets/{dataset_id}/plan", "post")
    assert not errors_of(document, plan, answer.json())


@pytest.mark.parametrize(
    "body",
    [
        {"rounds": [{"method": "random", "parameters": {"sample_size": 0}}]},
        {"rounds": [{"method": "none", "parameters": {"sample_size": 5}}]},
        {"rounds": [{"method": "random", "parameters": {"size": 5}}]},
        {"rounds": []},
    ],
)
def test_wrong_bodies_do_not_fit_the_document(
    document: dict[str, Any], body: dict[str, Any]
) -> None:
    assert errors_of(document, body_schema(document, SAMPLING_JOBS), body)


def test_results_fit_the_document(
    server: LiveServer, dataset_id: int, document: dict[str, Any]
) -> None:
    sample = server.draw(dataset_id, {"method": "stratified", "parameters": STRATIFIED})["id"]
    report = server.explore(dataset_id, {})["id"]
    profile = server.admin.post(f"/api/profiling/datasets/{dataset_id}/jobs", json={}).json()
    asked = {
        "/api/profiling/jobs/{job_id}/result": server.finished(profile["job_id"])["id"],
        "/api/exploration/jobs/{job_id}/result": report,
        "/api/sampling/jobs/{job_id}/data": sample,
        "/api/sampling/jobs/{job_id}/reserves": sample,
        "/api/sampling/jobs/{job_id}/source": sample,
        "/api/sampling/jobs/{job_id}/lookup?value=3": sample,
        "/api/jobs/{job_id}": sample,
    }
    for path, job_id in asked.items():
        answer = server.admin.get(path.replace("{job_id}", job_id))
        assert answer.status_code == 200, answer.text
        schema = answer_schema(document, path.partition("?")[0])
        assert not errors_of(document, schema, answer.json()), path
    analysis = "/api/datasets/{dataset_id}/refs/{ref}/tables/{key}/analysis"
    answer = server.admin.get(f"/api/datasets/{dataset_id}/refs/main/tables/primary/analysis")
    assert not errors_of(document, answer_schema(document, analysis), answer.json())


STRATIFIED = {"strata_columns": ["city"], "sample_size": 8, "seed": 1}


def test_a_generated_client_draws_and_reads_typed_rows(
    server: LiveServer,
    dataset_id: int,
    document: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "settings.yml").write_text("post_hooks: []\n", encoding="utf-8")
    command = "generate --meta none --path openapi.json --config settings.yml --output-path"
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *command.split(), "generated_client"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "WARNING" not in made.stdout.upper(), made.stdout
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module
    models = module("generated_client.models")
    signed_in = module("generated_client").AuthenticatedClient(
        base_url=server.url, token=server.token
    )
    with signed_in as client:
        jobs, sampling, profiling = (
            f"generated_client.api.{tag}" for tag in ("jobs", "sampling", "profiling")
        )
        size = models.RandomParametersIn(sample_size=5, seed=42)
        one = models.RandomRoundIn(method=models.RandomRoundInMethod.RANDOM, parameters=size)
        made_job = module(f"{sampling}.create_sampling_dataset_job").sync(
            dataset_id,
            client=client,
            body=models.SamplingJobIn(rounds=[one]),
            idempotency_key="k 1",
        )
        assert isinstance(made_job, models.JobAcceptedOut)
        server.finished(made_job.job_id)
        job = module(f"{jobs}.get_job").sync(made_job.job_id, client=client)
        assert job.status == "completed"
        rows = module(f"{sampling}.get_sampling_job_data").sync(
            made_job.job_id, client=client, limit=3
        )
        assert isinstance(rows, models.SampleRowsOut)
        assert (rows.total, len(rows.data)) == (5, 3)
        assert set(rows.columns) > {"id", "city", "_design_weight"}
        asked = module(f"{profiling}.create_profiling_dataset_job").sync(
            dataset_id, client=client, body=models.ProfilingJobIn(columns=["amount"])
        )
        server.finished(asked.job_id)
        profile = module(f"{profiling}.get_profiling_job_result").sync(asked.job_id, client=client)
        assert isinstance(profile, models.ProfileResult)
        assert profile.columns[0].name == "amount"
        assert profile.columns[0].nulls.accuracy.kind == models.AccuracyKind.EXACT
        wrong = module(f"{jobs}.get_job").sync("nothing", client=client)
        assert wrong is None or isinstance(wrong, models.Problem)
