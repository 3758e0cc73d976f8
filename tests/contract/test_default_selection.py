"""Units of a new draw are selected by cells; a record without a selection has a fixed interval."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from storage.certificates.canonical_json import canonical_json
from storage.certificates.ledger import append_entry
from storage.jobs.templates import add_template
from tests.contract.test_certificates import require_accepted
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader, in_element

PARAMETERS = {"book_column": "amount", "sample_size": 60}
ROUND: dict[str, Any] = {"method": "monetary_unit", "parameters": {**PARAMETERS, "seed": 8}}
UNSEEDED: dict[str, Any] = {"method": "monetary_unit", "parameters": PARAMETERS}
FIXED = {**PARAMETERS, "selection": "fixed_interval"}
CELL = {**PARAMETERS, "selection": "cell"}


@pytest.fixture(scope="module")
def reader(server: LiveServer) -> Reader:
    return Reader(server)


@pytest.fixture(scope="module")
def ledger(server: LiveServer, reader: Reader) -> int:
    dataset = server.new_dataset(reader.api)
    lines = [f"{row},{row * row % 997 + 1}.50" for row in range(900)]
    server.import_text(dataset, "\n".join(["id,amount", *lines]) + "\n", client=reader.api)
    return dataset


@pytest.fixture(scope="module")
def old(server: LiveServer, ledger: int) -> dict[str, Any]:
    """A draw that is recorded as one from before there were defaults: without a selection."""
    job = server.draw(ledger, {"rounds": [ROUND], "draw_version": 2})
    assert parameters_of(job) == PARAMETERS
    return job


def parameters_of(job: Mapping[str, Any]) -> dict[str, Any]:
    (given,) = job["run_parameters"]["rounds"]
    return {name: value for name, value in given["parameters"].items() if name != "seed"}


def selection_of(job: Mapping[str, Any]) -> str:
    (found,) = job["output_summary"]["rounds"]
    return str(found["monetary_unit"]["selection"])


def rows_of(server: LiveServer, job: Mapping[str, Any]) -> list[dict[str, Any]]:
    return server.rows(str(job["id"]), limit=100)


def test_a_new_draw_records_cells(server: LiveServer, ledger: int) -> None:
    job = server.draw(ledger, {"rounds": [ROUND]})
    assert (parameters_of(job), selection_of(job)) == (CELL, "cell")
    stated = server.draw(ledger, {"rounds": [{**ROUND, "parameters": {**CELL, "seed": 8}}]})
    assert rows_of(server, job) == rows_of(server, stated)
    require_accepted(server, job["id"], ledger)
    path = f"/api/sampling/datasets/{ledger}"
    at_once = server.admin.post(f"{path}/sample", json=ROUND).json()
    assert at_once["metadata"]["parameters"]["selection"] == "cell"
    planned = server.admin.post(f"{path}/plan", json=ROUND).json()
    assert planned["rounds"][0]["monetary_unit"]["selection"] == "cell"


@pytest.mark.parametrize("more", [{"interval": 5000}, {"sample_size": 30, "order": "file"}])
def test_cells_take_an_interval_and_the_order_of_the_file(
    server: LiveServer, ledger: int, more: dict[str, Any]
) -> None:
    given = {"book_column": "amount", "seed": 8, **more}
    job = server.draw(ledger, {"method": "monetary_unit", "parameters": given})
    assert (selection_of(job), job["output_summary"]["rounds"][0]["eligible_rows"]) == ("cell", 900)


def test_an_old_draw_is_replayed_by_a_fixed_interval(
    server: LiveServer, ledger: int, old: dict[str, Any]
) -> None:
    stated = server.draw(ledger, {"rounds": [{**ROUND, "parameters": {**FIXED, "seed": 8}}]})
    assert selection_of(old) == "fixed_interval"
    assert rows_of(server, old) == rows_of(server, stated)
    require_accepted(server, old["id"], ledger)
    drawn = rows_of(server, old)[0]["_logical_row_id"]
    answer = server.admin.get(f"/api/sampling/jobs/{old['id']}/rows/{drawn}")
    assert answer.json()["rounds"][0]["outcome"] == "drawn"


def test_an_old_request_as_code_and_form_draws_the_same_rows(
    server: LiveServer, reader: Reader, ledger: int, old: dict[str, Any]
) -> None:
    page = reader.page(f"/jobs/{old['id']}", tab="request")
    body = json.loads(in_element(page, 'aria-label="The request as JSON"><code>', "</code>"))
    again = server.draw(ledger, {**body, "output_name": None})
    assert rows_of(server, again) == rows_of(server, old)
    form = reader.page(f"/datasets/{ledger}/draw", job=old["id"])
    assert '"selection": "fixed_interval"' in form or '"selection":"fixed_interval"' in form


def test_more_rows_of_an_old_draw_state_its_selection(
    server: LiveServer, old: dict[str, Any]
) -> None:
    body = {"statistic": "mean", "column": "amount", "relative_margin": 0.001}
    answer = server.admin.post(f"/api/sampling/jobs/{old['id']}/more-rows", json=body)
    assert answer.status_code == 200, answer.text
    larger = answer.json()["round"]
    assert larger is None or larger["parameters"]["selection"] == "fixed_interval"


def test_a_schedule_repeats_what_it_recorded(
    server: LiveServer, ledger: int, old: dict[str, Any]
) -> None:
    new = server.draw(ledger, {"rounds": [ROUND]})
    for job, selection in ((old, "fixed_interval"), (new, "cell")):
        body = {"job_id": job["id"], "name": f"by {selection}", "cron": "0 6 * * *", "zone": "UTC"}
        made = server.admin.post("/api/schedules", json=body).json()
        run = server.admin.post(f"/api/schedules/{made['id']}/run").json()
        done = server.finished(run["job_id"])
        assert (parameters_of(done)["selection"], selection_of(done)) == (selection, selection)


def test_templates_state_their_selection(server: LiveServer) -> None:
    client, user = server.new_user()
    body = {"rounds": [UNSEEDED]}
    with server.service.database.write() as tx:
        add_template(tx, user["id"], "old", body, server.service.clock)
    made = client.post("/api/sampling/templates", json={"name": "new", "body": body}).json()
    path = f"/api/sampling/templates/{made['id']}"
    changed = client.patch(path, json={"name": "newer", "body": body}).json()
    listed = client.get("/api/sampling/templates").json()["templates"]
    assert listed[0] == changed
    kept = {each["name"]: each["body"]["rounds"][0]["parameters"] for each in listed}
    assert kept == {"newer": CELL, "old": FIXED}
    assert made["body"]["rounds"][0]["parameters"] == CELL


def test_a_plan_states_its_selection(server: LiveServer, ledger: int) -> None:
    body = {"rounds": [UNSEEDED], "commit": True}
    path = f"/api/sampling/datasets/{ledger}/plan"
    plan = server.admin.post(path, json=body).json()["registered"]
    assert json.loads(plan["text"])["rounds"][0]["parameters"] == CELL
    for rounds in ({}, {"rounds": [UNSEEDED]}):
        job = server.draw(ledger, {"plan_id": plan["plan_id"], "seed": 4, **rounds})
        assert (parameters_of(job), selection_of(job)) == (CELL, "cell")


def test_an_old_plan_is_drawn_by_a_fixed_interval(server: LiveServer, ledger: int) -> None:
    path = f"/api/sampling/datasets/{ledger}/plan"
    body = {"rounds": [UNSEEDED], "commit": True}
    plan = server.admin.post(path, json=body).json()["registered"]
    content = json.loads(plan["text"])
    del content["rounds"][0]["parameters"]["selection"]
    text = canonical_json(content)
    digest = hashlib.sha256(text.encode()).hexdigest()
    entry = {"plan_id": "0123456789ab", "text": text, "digest": digest}
    service = server.service
    with service.database.write() as tx:
        append_entry(tx, ledger, "plan", "admin00", entry, service.clock)
    for rounds in ({}, {"rounds": [UNSEEDED]}):
        job = server.draw(ledger, {"plan_id": entry["plan_id"], "seed": 4, **rounds})
        assert (parameters_of(job), selection_of(job)) == (PARAMETERS, "fixed_interval")
    require_accepted(server, job["id"], ledger)
