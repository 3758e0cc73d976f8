"""Row keys whose columns have names that samples need, and keys of another type."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from parquet_tables.names import DRAWN_COLUMNS
from sampling_engine.divided_sample import PART_COLUMNS
from sampling_engine.sample_table import HITS_COLUMN, RESERVE_COLUMNS, SAMPLE_COLUMNS
from tests.contract.draw_requests import one
from tests.support.live_server import LiveServer


def test_the_names_of_draws_are_known() -> None:
    assert {*SAMPLE_COLUMNS, *PART_COLUMNS, *HITS_COLUMN, *RESERVE_COLUMNS} == DRAWN_COLUMNS


def dataset_of(server: LiveServer, key: str, rows: range, dataset: int | None = None) -> int:
    """A version with a text key of this name, in the order of the range."""
    made = server.new_dataset() if dataset is None else dataset
    lines = [f"K{row:03},{row}" for row in rows]
    job = server.import_text(made, "\n".join([f"{key},v", *lines]) + "\n")
    proposed = job["output_summary"]["tables"][0]["row_key"]
    assert dataset is not None or proposed["columns"] == ["v"]  # not that of a draw
    body = {"table_key": "primary", "columns": [key]}
    assert server.admin.put(f"/api/datasets/{made}/row-key", json=body).status_code == 200
    return made


def keys_of(server: LiveServer, job: dict[str, Any], **query: Any) -> set[int]:
    return {row["v"] for row in server.rows(job["id"], limit=1000, **query)}


@pytest.mark.parametrize("key", ["_logical_row_id", "_LOGICAL_ROW_ID", "_part", "_design_weight"])
def test_rows_of_a_key_with_a_name_of_draws_are_left_out(server: LiveServer, key: str) -> None:
    dataset = dataset_of(server, key, range(200))
    split = {"method": "split", "parameters": {"parts": {"golden": 0.25, "other": 0.75}, "seed": 5}}
    golden = server.draw(dataset, {"rounds": [{**split, "order": {}}]})
    kept_out = keys_of(server, golden, table_key="golden")
    assert kept_out
    drawn = server.draw(dataset, {"rounds": [{**one("random", sample_size=50), "order": {}}]})
    dataset_of(server, key, range(219, -1, -1), dataset)
    draws = [f"{golden['id']}:golden", drawn["id"]]
    again = {**one("random", sample_size=50), "order": {}, "filters": {"not_drawn_by": draws}}
    second = server.draw(dataset, {"rounds": [again]})
    left_out = kept_out | keys_of(server, drawn)
    assert second["run_parameters"]["excluded"]["rows"] == len(left_out)
    assert not left_out & keys_of(server, second)
    # A draw from the sample goes by the same key, which has another name there.
    ref = drawn["run_parameters"]["output_ref"]
    of_sample = {**one("random", sample_size=20), "order": {}}
    third = server.draw(dataset, {"rounds": [of_sample], "source_ref": ref})
    assert third["status"] == "completed", third
    renamed = key if key == "_part" else f"{key}_source"  # a sample without parts has no _part
    assert third["run_parameters"]["rounds"][0]["order"]["key"] == [renamed]


def test_a_key_has_the_name_that_the_sample_gave_it(server: LiveServer) -> None:
    """The usual other name of its column is one of the table's own."""
    dataset = server.new_dataset()
    lines = [f"{row},x" for row in range(40)]
    server.import_text(dataset, "\n".join(["_stratum,_stratum_source", *lines]) + "\n")
    key = {"table_key": "primary", "columns": ["_stratum"]}
    assert server.admin.put(f"/api/datasets/{dataset}/row-key", json=key).status_code == 200
    step = {**one("random", sample_size=20), "order": {}}
    first = server.draw(dataset, {"rounds": [step]})
    ref = first["run_parameters"]["output_ref"]
    second = server.draw(dataset, {"rounds": [step], "source_ref": ref})
    assert second["status"] == "completed", second
    order = second["run_parameters"]["rounds"][0]["order"]
    assert order["key"] == ["_stratum_source_2"]


def test_a_key_of_another_type_is_warned_of(server: LiveServer) -> None:
    dataset = server.new_dataset()
    for kind in ("{:07}", "{}"):
        lines = [f"{kind.format(row)},{row}" for row in range(1, 200)]
        server.import_text(dataset, "\n".join(["account,v", *lines]) + "\n")
        body = {"table_key": "primary", "columns": ["account"]}
        assert server.admin.put(f"/api/datasets/{dataset}/row-key", json=body).status_code == 200
        if kind == "{:07}":
            first = server.draw(
                dataset, {"rounds": [{**one("random", sample_size=9), "order": {}}]}
            )
    step = {**one("random", sample_size=9), "filters": {"not_drawn_by": [first["id"]]}}
    planned = server.admin.post(f"/api/sampling/datasets/{dataset}/plan", json={"rounds": [step]})
    (warning,) = planned.json()["warnings"]
    assert "no row of the earlier draws, by account" in warning
    differ = "as they are written, so 0007 and 7 differ: account was VARCHAR and is BIGINT."
    assert differ in warning
    done = server.draw(dataset, {"rounds": [step]})
    assert warning in done["output_summary"]["warnings"]


def test_numbers_of_two_types_are_written_alike(server: LiveServer) -> None:
    """Their keys are equal, so the type is no reason that no row is in the table."""
    dataset = server.new_dataset()
    step = {**one("random", sample_size=9), "order": {"key": ["account"]}}
    warnings: list[str] = []
    for kind, start in (("INTEGER", 0), ("BIGINT", 500)):
        path = server.service.directory.scratch_dir / "typed.parquet"
        query = f"SELECT CAST({start} + i AS {kind}) AS account, i AS v FROM range(200) s (i)"
        duckdb.sql(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        server.import_text(dataset, path.read_bytes(), "typed.parquet")
        path.unlink()
        request = {"rounds": [step]}
        if start:
            planned = server.admin.post(f"/api/sampling/datasets/{dataset}/plan", json=request)
            warnings = planned.json()["warnings"]
        else:
            step["filters"] = {"not_drawn_by": [server.draw(dataset, request)["id"]]}
    (warning,) = warnings
    assert "no row of the earlier draws, by account" in warning
    assert "INTEGER" not in warning
