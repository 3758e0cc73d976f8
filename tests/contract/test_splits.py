"""Splits over HTTP: tables of parts, the check, what they refuse, and what they don't have."""

from __future__ import annotations

from typing import Any

import pytest

from storage.versions.row_keys import set_row_key
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

PARTS = {"train": "80%", "validation": 0.1, "test": "10 %"}
KEYED = {"key": ["id"], "duplicates": "refuse"}
ROWS = 900


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    dataset_id = server.new_dataset()
    lines = [f"{row},u{row % 71},{'ab'[row % 2]},{row / 8}" for row in range(ROWS)]
    server.import_text(dataset_id, "\n".join(["id,user,label,score", *lines]) + "\n")
    return dataset_id


def body(order: dict[str, Any] | None = KEYED, **parameters: Any) -> dict[str, Any]:
    given = {"method": "split", "parameters": {"parts": PARTS, "seed": 42, **parameters}}
    return {"rounds": [given if order is None else {**given, "order": order}]}


@pytest.fixture(scope="module")
def job(server: LiveServer, dataset: int) -> dict[str, Any]:
    done = server.draw(dataset, body(group="user", strata_columns=["label"]))
    assert done["status"] == "completed", done
    return done


def all_rows(server: LiveServer, job: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    return server.rows(job["id"], limit=1000, **query)


def test_each_part_is_a_table_of_the_commit(
    server: LiveServer, dataset: int, job: dict[str, Any]
) -> None:
    ref = job["run_parameters"]["output_ref"]
    answer = server.admin.get(f"/api/datasets/{dataset}/refs/{ref}/tables")
    tables = {one["table_key"]: one["row_count"] for one in answer.json()["tables"]}
    assert list(tables) == ["primary", *PARTS]
    assert tables.pop("primary") == ROWS == sum(tables.values())
    rows = all_rows(server, job)
    assert sorted(int(row["id"]) for row in rows) == list(range(ROWS))
    for part in PARTS:
        own = all_rows(server, job, table_key=part)
        assert own == [row for row in rows if row["_part"] == part]
        assert len(own) == tables[part]
        assert list(own[0])[:4] == ["id", "user", "label", "score"]
    users = {(row["user"], row["_part"]) for row in rows}
    assert len(users) == 71
    parted = server.admin.get(f"/api/sampling/jobs/{job['id']}/data?table_key=nothing")
    assert "primary, train, validation, test" in parted.json()["detail"], parted.text
    file = server.admin.get(f"/api/sampling/jobs/{job['id']}/data?table_key=test&format=csv")
    assert file.status_code == 200
    assert len(file.text.splitlines()) == tables["test"] + 1
    assert "-test.csv" in file.headers["content-disposition"]


def test_the_account_has_shares_strata_and_the_check(job: dict[str, Any]) -> None:
    (round_,) = job["output_summary"]["rounds"]
    assert round_["order_version"] == "jobsvc-order-2"
    division = round_["division"]
    assert division["check"] == {
        "missing_rows": 0,
        "repeated_rows": 0,
        "keys_in_two_parts": 0,
        "groups_in_two_parts": 0,
    }
    assert [part["name"] for part in division["parts"]] == list(PARTS)
    assert [part["share"] for part in division["parts"]] == [0.8, 0.1, 0.1]
    ranges = {part["name"]: (part["u_from"], part["u_to"]) for part in division["parts"]}
    assert ranges == {"test": (0, 0.1), "train": (0.1, 0.9), "validation": (0.9, 1)}
    assert sum(part["groups"] for part in division["parts"]) == 71
    assert sum(part["rows"] for part in division["parts"]) == ROWS
    assert [one["key"] for one in division["strata"]] == [{"label": "a"}, {"label": "b"}]
    assert sum(sum(one["parts"]) for one in division["strata"]) == ROWS


def test_the_plan_has_the_parts_that_the_job_writes(
    server: LiveServer, dataset: int, job: dict[str, Any]
) -> None:
    answer = server.admin.post(
        f"/api/sampling/datasets/{dataset}/plan", json=body(group="user", strata_columns=["label"])
    )
    (planned,) = answer.json()["rounds"]
    (drawn,) = job["output_summary"]["rounds"]
    assert planned["rows_planned"] == ROWS
    rows = [[part["rows"] for part in one["division"]["parts"]] for one in (planned, drawn)]
    assert rows[0] == rows[1]
    assert planned["division"]["check"] is None


def test_the_same_request_gives_the_same_parts_at_once(
    server: LiveServer, dataset: int, job: dict[str, Any]
) -> None:
    one = body(group="user")
    answer = server.admin.post(f"/api/sampling/datasets/{dataset}/sample", json=one)
    assert answer.status_code == 200, answer.text
    parts = {row["id"]: row["_part"] for row in answer.json()["data"]}
    assert parts == {row["id"]: row["_part"] for row in all_rows(server, job)}


def test_a_grown_and_shuffled_version_moves_no_row(server: LiveServer, dataset: int) -> None:
    before = {row["id"]: row["_part"] for row in all_rows(server, server.draw(dataset, body()))}
    order = sorted(range(ROWS + 90), key=lambda row: row * 7919 % 991)
    lines = [f"{row},u{row % 71},{'ab'[row % 2]},{row / 8}" for row in order]
    other = server.new_dataset()
    server.import_text(other, "\n".join(["id,user,label,score", *lines]) + "\n")
    after = {row["id"]: row["_part"] for row in all_rows(server, server.draw(other, body()))}
    assert len(after) == ROWS + 90
    assert {key: after[key] for key in before} == before


def test_a_split_has_no_estimates_reserves_or_certificate(
    server: LiveServer, job: dict[str, Any]
) -> None:
    at = f"/api/sampling/jobs/{job['id']}"
    estimates = {"statistics": [{"statistic": "mean", "column": "score"}]}
    answer = server.admin.post(f"{at}/estimates", json=estimates)
    assert_problem(answer, 422, "unsupported_design")
    assert_problem(server.admin.get(f"{at}/reserves"), 422, "no_reserves")
    assert_problem(server.admin.get(f"{at}/certificate"), 422, "no_certificate")
    comparison = server.admin.get(f"{at}/comparison")
    assert "divided all rows among parts" in comparison.json()["verdict"], comparison.text


def test_a_split_of_a_table_with_findings_leaves_no_scratch_files(
    server: LiveServer, dataset: int
) -> None:
    sample = server.draw(
        dataset, {"rounds": [{"method": "random", "parameters": {"sample_size": 3}}]}
    )
    (row, *_) = server.rows(sample["id"])
    finding = {"_logical_row_id": row["_logical_row_id"], "outcome": "exception", "note": "Unpaid"}
    path = f"/api/sampling/jobs/{sample['id']}/findings"
    assert server.admin.post(path, json={"findings": [finding]}).status_code < 300
    split = server.draw(dataset, body())
    assert split["status"] == "completed", split
    assert "continues" not in split["output_summary"]
    assert not list(server.service.directory.scratch_dir.iterdir())


def test_a_part_has_the_row_key_of_its_source(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "id,v\n1,a\n2,b\n3,c\n4,d\n")
    with server.service.database.write() as tx:
        for table, column in (("primary", "id"), ("vendors", "vendor")):
            set_row_key(tx, dataset, table, [column], "refuse", 1, server.service.clock)
    split = server.draw(dataset, body({}, parts={"vendors": "50%", "rest": "50%"}))
    ref = split["run_parameters"]["output_ref"]
    first = {"method": "random", "parameters": {"sample_size": 1}, "order": {}}
    request = {"rounds": [first], "source_ref": ref, "table_key": "vendors"}
    drawn = server.draw(dataset, request)
    assert drawn["run_parameters"]["rounds"][0]["order"]["key"] == ["id"]


def test_a_part_has_no_key_of_another_table(server: LiveServer) -> None:
    """Its source has none, and a table of the part's name has one."""
    dataset = server.new_dataset()
    server.import_text(dataset, "id,v\n1,a\n2,b\n3,c\n4,d\n")
    with server.service.database.write() as tx:
        set_row_key(tx, dataset, "vendors", ["v"], "refuse", 1, server.service.clock)
    split = server.draw(dataset, body(parts={"vendors": "50%", "rest": "50%"}))
    first = {"method": "random", "parameters": {"sample_size": 1}, "order": {}}
    ref = split["run_parameters"]["output_ref"]
    request = {"rounds": [first], "source_ref": ref, "table_key": "vendors"}
    answer = server.admin.post(f"/api/sampling/datasets/{dataset}/jobs", json=request)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "no_row_key"


def test_a_failed_split_leaves_no_files(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "id,v\n1,a\n")
    nothing = {**body()["rounds"][0], "filters": {"expression": "id > 1"}}
    failed = server.draw(dataset, {"rounds": [nothing]})
    assert failed["error_code"] == "empty_sample", failed
    assert not list(server.service.directory.scratch_dir.iterdir())


def test_a_row_has_its_part_and_u(server: LiveServer, job: dict[str, Any]) -> None:
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/rows/primary:5").json()
    part = next(row["_part"] for row in all_rows(server, job) if int(row["id"]) == 5)
    assert f"In the part {part}: its u, 0." in answer["rounds"][0]["reason"], answer


@pytest.mark.parametrize(
    ("one", "field", "code"),
    [
        (body(parts={"train": 0.8, "test": 0.1}), "parts", "invalid_size"),
        (body(parts={"train": 1.0}), "parts", "invalid_request"),
        (body(parts={"train": "120%", "test": 0.1}), "parts", "invalid_request"),
        (body(parts={"train": "much", "test": 0.1}), "parts", "invalid_request"),
        (body(parts={"a b": 0.8, "test": 0.2}), "parts", "invalid_parameter"),
        (body(parts={"residual": 0.8, "test": 0.2}), "parts", "invalid_parameter"),
        (body(group="nothing"), "group", "unknown_column"),
        (body(group="score", order=None), "group", "invalid_key"),
        (body(None), "order", None),
        ({"rounds": body()["rounds"] * 2}, "method", "invalid_rounds"),
        ({**body(), "amount_column": "score"}, "amount_column", "invalid_parameter"),
    ],
)
def test_faults_name_their_field(
    server: LiveServer, dataset: int, one: dict[str, Any], field: str, code: str | None
) -> None:
    answer = server.admin.post(f"/api/sampling/datasets/{dataset}/jobs", json=one)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert field in str(problem), problem
    if code is not None:
        assert problem["code"] == code, problem


def items_csv(rows: range, by: int = 1) -> str:
    order = sorted(rows, key=lambda row: row * by % 991)
    lines = [f"{row},u{row % 71},{'ab'[row % 2]},{row / 8}" for row in order]
    return "\n".join(["id,user,label,score", *lines]) + "\n"


def test_a_golden_set_is_in_no_later_split_or_draw(server: LiveServer) -> None:
    """A tag of a split names its part; later versions come shuffled and larger."""
    dataset = server.new_dataset()
    server.import_text(dataset, items_csv(range(600)))
    golden = server.draw(dataset, body(parts={"golden": 0.1, "other": 0.9}, seed="golden set"))
    refs = f"/api/datasets/{dataset}/refs"
    tag = {"name": "golden", "source_ref": golden["run_parameters"]["output_ref"]}
    assert server.admin.post(refs, json=tag).status_code in (200, 201)
    kept = {row["id"] for row in all_rows(server, golden, table_key="golden")}
    assert 20 < len(kept) < 120

    def without(named: str) -> dict[str, Any]:
        one = body()
        one["rounds"][0]["filters"] = {"not_drawn_by": [named]}
        return one

    first = server.draw(dataset, without("golden:golden"))
    server.import_text(dataset, items_csv(range(660), 7919))
    second = server.draw(dataset, without("golden:golden"))
    before, after = (
        {row["id"]: row["_part"] for row in all_rows(server, one)} for one in (first, second)
    )
    assert set(before) == set(range(600)) - kept
    assert set(after) == set(range(660)) - kept
    assert {key: after[key] for key in before} == before
    excluded = second["run_parameters"]["excluded"]
    assert excluded["filters"] == {"not_drawn_by": [f"{golden['id']}:golden"]}
    assert (excluded["rows"], excluded["parts"]) == (len(kept), [f"{golden['id']}:golden"])
    sample = {
        "rounds": [
            {
                "method": "random",
                "parameters": {"sample_size": 1000, "seed": 1},
                "order": KEYED,
                "filters": {"not_drawn_by": ["golden:golden"]},
            }
        ]
    }
    drawn = {row["id"] for row in all_rows(server, server.draw(dataset, sample))}
    assert drawn == set(range(660)) - kept
    for named, text in (("golden:gold", 'has no part "gold"'), ("silver", "no draw")):
        answer = server.admin.post(f"/api/sampling/datasets/{dataset}/jobs", json=without(named))
        assert answer.status_code == 404, answer.text
        assert text in answer.json()["detail"]


def test_a_golden_set_of_groups_is_kept_out_in_any_case_of_its_column(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, items_csv(range(600)))
    key = {"table_key": "primary", "columns": ["id"]}
    assert server.admin.put(f"/api/datasets/{dataset}/row-key", json=key).status_code == 200
    parts = {"golden": 0.1, "other": 0.9}
    golden = server.draw(dataset, body(parts=parts, group="user", seed=5))
    users = {row["user"] for row in all_rows(server, golden, table_key="golden")}
    later_csv = items_csv(range(660), 7919).replace("id,user,", "id,User,", 1)
    server.import_text(dataset, later_csv)
    later = body(group="User")
    later["rounds"][0]["filters"] = {"not_drawn_by": [f"{golden['id']}:golden"]}
    second = server.draw(dataset, later)
    assert not users & {row["User"] for row in all_rows(server, second)}
    new = [row for row in range(600, 660) if f"u{row % 71}" in users]
    assert second["run_parameters"]["excluded"]["group_rows"] == len(new) > 0


def test_a_golden_set_of_groups_keeps_later_rows_of_its_groups_out(server: LiveServer) -> None:
    """By the row key of the table and without an order; no row moves when the table grows."""
    dataset = server.new_dataset()
    server.import_text(dataset, items_csv(range(600)))
    key = {"table_key": "primary", "columns": ["id"]}
    assert server.admin.put(f"/api/datasets/{dataset}/row-key", json=key).status_code == 200
    golden_parts = {"golden": 0.1, "other": 0.9}
    golden = server.draw(dataset, body(None, parts=golden_parts, group="user", seed=5))
    users = {row["user"] for row in all_rows(server, golden, table_key="golden")}
    assert users
    later = body(None, group="user")
    later["rounds"][0]["filters"] = {"not_drawn_by": [f"{golden['id']}:golden"]}
    first = server.draw(dataset, later)
    server.import_text(dataset, items_csv(range(660), 7919))
    second = server.draw(dataset, later)
    seeds = [one["output_summary"]["rounds"][0]["effective_seed"] for one in (first, second)]
    assert seeds[0] == seeds[1]
    before, after = (
        {row["id"]: row["_part"] for row in all_rows(server, one)} for one in (first, second)
    )
    assert {key: after[key] for key in before} == before
    assert len(after) > len(before)
    assert not users & {row["user"] for row in all_rows(server, second)}
    new = [row for row in range(600, 660) if f"u{row % 71}" in users]
    excluded = second["run_parameters"]["excluded"]
    assert (excluded["group"], excluded["group_rows"]) == ("user", len(new))
    assert not first["run_parameters"]["excluded"].get("group_rows")
    plan = server.admin.post(f"/api/sampling/datasets/{dataset}/plan", json=later).json()
    assert plan["excluded"]["group_rows"] == len(new) > 0
    assert plan["total_rows"] == len(after)
    server.import_text(dataset, items_csv(range(9000, 9600)))  # other rows of the same groups
    warned = server.admin.post(f"/api/sampling/datasets/{dataset}/plan", json=later).json()
    assert warned["excluded"]["group_rows"] > 0
    (warning,) = (each for each in warned["warnings"] if "earlier draws" in each)
    assert "none of them" not in warning
    assert "Rows of their user are left out." in warning
    by_key = body()  # a split by another unit leaves out the drawn rows alone
    by_key["rounds"][0]["filters"] = later["rounds"][0]["filters"]
    assert "group" not in server.draw(dataset, by_key)["run_parameters"]["excluded"]
