"""Effective seeds and draw versions on the page of a job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.live_server import LiveServer, finished
from tests.web_ui.reader import Reader, in_element
from tests.web_ui.staged_jobs import ended_job

JSON = 'aria-label="The request as JSON"><code>'
FORM = 'id="draw-data">'
ONE = {"method": "random", "parameters": {"sample_size": 5, "seed": 42}}


@pytest.fixture(scope="module")
def drawn(server: LiveServer, reader: Reader) -> dict[str, Any]:
    path = f"/api/sampling/datasets/{server.new_table(40, reader.api)}/jobs"
    accepted = reader.api.post(path, json={"rounds": [ONE, ONE]}).json()
    return finished(reader.api, accepted["job_id"])


def test_the_page_shows_the_effective_seed(reader: Reader, drawn: dict[str, Any]) -> None:
    page = reader.text(f"/jobs/{drawn['id']}")
    assert page.count("Effective seed") == 1
    assert "Effective seed 42:round-2" in page
    assert page.count("Origin of the seed Given in the request") == 2
    assert "can't be added up over steps" in page


def test_a_copied_job_has_its_draw_version(
    server: LiveServer, reader: Reader, drawn: dict[str, Any]
) -> None:
    old = {**drawn["run_parameters"], "output_ref": "smpl-old"}
    del old["draw_version"], old["source_draw"]
    given = {"run_type": "sampling", "parameters": old, "source": drawn["source_commit_id"]}
    job = ended_job(server, reader, drawn["dataset_id"], **given)
    assert "Effective seed" not in reader.text(f"/jobs/{job}")
    for job_id, version in ((job, 1), (drawn["id"], 2)):
        body = json.loads(
            in_element(reader.page(f"/jobs/{job_id}", tab="request"), JSON, "</code>")
        )
        form = reader.page(f"/datasets/{drawn['dataset_id']}/draw", job=job_id)
        initial = json.loads(in_element(form, FORM, "</script>"))["body"]
        for source, request in {"tab": body, "form": initial}.items():
            assert request["draw_version"] == version
            assert not {"source_draw", "seed_origins"} & request.keys()
            path = f"/api/sampling/datasets/{drawn['dataset_id']}/plan"
            plan = reader.api.post(path, json=request).json()
            second = "42" if version == 1 else "42:round-2"
            assert plan["rounds"][1]["effective_seed"] == second
            template = {"name": f"{version} {source}", "body": request}
            saved = reader.api.post("/api/sampling/templates", json=template).json()
            assert saved["body"]["draw_version"] == version
