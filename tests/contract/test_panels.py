"""Panels over HTTP: waves of versions with births, deaths and another order of rows."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.settings import Settings
from tests.contract.problems import assert_problem
from tests.contract.test_certificates import require_accepted
from tests.support.live_server import LiveServer, live_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("panels"), memory_mb=256, compare_samples=False
    )
    with live_server(settings) as live:
        yield live


REGIONS = ("north", "south", "south", "east")


@dataclass
class Accounts:
    """A dataset of accounts that gets new versions, with a panel."""

    server: LiveServer
    dataset_id: int
    path: str = ""
    numbers: list[int] = field(default_factory=list)

    def load(self, numbers: Iterable[int]) -> None:
        """Import a version with these accounts, in a random order."""
        self.numbers = list(numbers)
        lines = [f"A{each},{REGIONS[each % 4]},{each % 13 + 1}" for each in self.numbers]
        random.Random(len(lines)).shuffle(lines)
        job = self.server.import_text(
            self.dataset_id, "\n".join(["account,region,amount", *lines]) + "\n"
        )
        assert job["status"] == "completed", job

    def create(self, method: str = "random", rotation: str = "25%", **body: Any) -> dict[str, Any]:
        order = body.pop("order", {"key": ["account"]})
        drawn = {"method": method, "parameters": body, "order": order}
        answer = self.server.admin.post(
            f"/api/sampling/datasets/{self.dataset_id}/panels",
            json={"name": f"panel {method}", "round": drawn, "rotation": rotation},
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        self.path = f"/api/sampling/panels/{found['id']}"
        return found

    def wave(self) -> dict[str, Any]:
        answer = self.server.admin.post(f"{self.path}/waves", json={})
        assert answer.status_code == 200, answer.text
        job = self.server.finished(answer.json()["job_id"])
        assert job["status"] == "completed", job
        return job

    def get(self, part: str = "", **query: Any) -> dict[str, Any]:
        answer = self.server.admin.get(f"{self.path}{part}", params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def drawn(self, job: dict[str, Any]) -> dict[str, str]:
        """The region of each drawn account."""
        rows = self.server.rows(job["id"], limit=1000)
        return {row["account"]: row["region"] for row in rows}


@pytest.fixture
def accounts(server: LiveServer) -> Accounts:
    made = Accounts(server, server.new_dataset())
    made.load(range(400))
    return made


def changed(numbers: list[int], wave: int) -> list[int]:
    """The accounts of the next version: every 25th is closed, as many and six more are opened."""
    closed = set(numbers[wave::25])
    return [each for each in numbers if each not in closed] + list(
        range(1000 * wave, 1000 * wave + len(closed) + 6)
    )


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("random", {"sample_size": 80}),
        ("stratified", {"strata_columns": ["region"], "sample_size": 80}),
        ("stratified", {"strata_columns": ["region"], "samples_per_stratum": 30}),
        ("weighted", {"weight_column": "amount", "sample_size": 80}),
    ],
)
def test_waves_say_what_stayed_what_came_and_what_left(
    accounts: Accounts, method: str, parameters: dict[str, Any]
) -> None:
    made = accounts.create(method, **parameters)
    assert (made["rotation"], made["waves"], made["unit"]) == ("0.25", [], "rows")
    assert made["round"]["order"] == {"key": ["account"], "start": "0", "duplicates": "refuse"}
    first = accounts.wave()
    jobs, versions = [first], [{f"A{each}" for each in accounts.numbers}]
    for wave in (2, 3, 4):
        accounts.load(changed(accounts.numbers, wave))
        versions.append({f"A{each}" for each in accounts.numbers})
        expected = accounts.get("/next")
        jobs.append(accounts.wave())
        before, after = (set(accounts.drawn(job)) for job in jobs[-2:])
        facts = accounts.get()["waves"][-1]
        counted = {name: facts[name] for name in ("kept", "rotated_in", "born")}
        assert counted == {
            "kept": len(after & before),
            "rotated_in": len((after - before) & versions[-2]),
            "born": len(after - versions[-2]),
        }
        assert facts["rotated_out"] == len((before - after) & versions[-1])
        assert facts["died"] == len(before - versions[-1])
        assert sum(cohort["size"] for cohort in facts["cohorts"]) == facts["size"] == len(after)
        same = ("wave", "size", "start", "cohorts", "died", "expected_kept", *counted)
        assert {name: expected[name] for name in same} == {name: facts[name] for name in same}
        assert expected["is_new_version"] is True
        alive = facts["kept"] + facts["rotated_out"]
        assert facts["expected_kept"] == pytest.approx(alive * 0.75, abs=alive * 0.1)
        assert abs(facts["kept"] - facts["expected_kept"]) < 16
    rows = accounts.get("/waves/4/rows", limit=1000)
    states = Counter(row["_panel_state"] for row in rows["data"])
    last = accounts.get()["waves"][-1]
    assert states == {name: last[name] for name in states}
    assert {row["account"] for row in rows["data"] if row["_panel_state"] == "kept"} == set(
        accounts.drawn(jobs[-1])
    ) & set(accounts.drawn(jobs[-2]))
    since = Counter(
        row["_since_wave"]
        for row in rows["data"]
        if row["_panel_state"] in ("kept", "rotated_in", "born")
    )
    assert since == {each["wave"]: each["size"] for each in last["cohorts"]}


def test_each_stratum_moves_by_its_own_fraction(accounts: Accounts) -> None:
    accounts.create("stratified", strata_columns=["region"], samples_per_stratum=20, seed=5)
    first = accounts.wave()
    second = accounts.wave()
    order = second["run_parameters"]["rounds"][0]["order"]
    assert order["starts"] == {"east": "0.05", "north": "0.05", "south": "0.025"}
    assert second["run_parameters"]["panel"]["wave"] == 2
    before, after = accounts.drawn(first), accounts.drawn(second)
    kept = Counter(before[account] for account in before.keys() & after.keys())
    assert all(10 <= kept[region] <= 20 for region in ("north", "south", "east"))
    require_accepted(accounts.server, second["id"], accounts.dataset_id)
    third = accounts.wave()["run_parameters"]["rounds"][0]["order"]
    assert third["starts"] == {"east": "0.1", "north": "0.1", "south": "0.05"}
    parameters = {"strata_columns": ["region"], "samples_per_stratum": 20, "seed": 5}
    drawn = {"method": "stratified", "parameters": parameters, "order": third}
    job = accounts.server.draw(accounts.dataset_id, {"rounds": [drawn]})
    assert accounts.drawn(job) == accounts.drawn({"id": accounts.get()["waves"][-1]["job_id"]})


def test_clusters_leave_and_come_as_a_whole(accounts: Accounts) -> None:
    made = accounts.create(
        "cluster", "50%", order={"key": ["amount"]}, cluster_column="amount", num_clusters=4
    )
    assert made["unit"] == "clusters"
    accounts.wave()
    accounts.wave()
    second = accounts.get()["waves"][1]
    assert second["size"] == 4
    assert second["kept"] + second["rotated_in"] == 4
    assert second["start"] == "0.153846153846153846"


def test_a_wave_of_an_old_version_is_drawn_and_said(accounts: Accounts) -> None:
    accounts.create(sample_size=40)
    accounts.wave()
    assert accounts.get("/next")["is_new_version"] is False
    answer = accounts.server.admin.post(f"{accounts.path}/waves", json={"source_ref": "main"})
    assert "the version is that of the wave before" in answer.json()["message"]
    accounts.server.finished(answer.json()["job_id"])
    waves = accounts.get()["waves"]
    assert [wave["wave"] for wave in waves] == [1, 2]
    assert (waves[1]["born"], waves[1]["died"]) == (0, 0)
    assert waves[1]["output_ref"] == "smpl-panel-random-wave-2"


def test_a_deleted_wave_is_drawn_anew(accounts: Accounts) -> None:
    accounts.create(sample_size=40)
    accounts.wave()
    deleted = accounts.wave()
    answer = accounts.server.admin.delete(
        f"/api/datasets/{accounts.dataset_id}/refs/smpl-{deleted['output_name']}"
    )
    assert answer.status_code == 200, answer.text
    again = accounts.wave()
    assert again["run_parameters"]["panel"]["wave"] == 2
    assert accounts.drawn(again) == accounts.drawn(deleted)
    query = {"dataset_id": accounts.dataset_id}
    (entry,) = accounts.server.admin.get("/api/bin", params=query).json()["entries"]
    restored = accounts.server.admin.post(f"/api/bin/{entry['id']}/restore", json={"name": "old"})
    assert_problem(restored, 409, "conflict", f"as {again['output_name']}: delete that")


def test_the_rows_of_a_filter_are_the_population(accounts: Accounts) -> None:
    drawn = {
        "method": "random",
        "parameters": {"sample_size": 40},
        "filters": {"conditions": [{"column": "amount", "operator": ">", "value": 3}]},
        "order": {"key": ["account"]},
    }
    answer = accounts.server.admin.post(
        f"/api/sampling/datasets/{accounts.dataset_id}/panels",
        json={"name": "large", "round": drawn, "rotation": "0"},
    )
    accounts.path = f"/api/sampling/panels/{answer.json()['id']}"
    first = accounts.wave()
    lines = [f"A{each},south,{(each + 1) % 13 + 1}" for each in range(400)]
    accounts.server.import_text(
        accounts.dataset_id, "\n".join(["account,region,amount", *lines]) + "\n"
    )
    accounts.wave()
    second = accounts.get()["waves"][1]
    amounts = {row["account"]: row["amount"] for row in accounts.server.rows(first["id"])}
    assert second["died"] == sum(amount == 13 for amount in amounts.values())
    assert second["rotated_out"] == 0 or second["born"] > 0


def test_files_of_a_wave_have_its_rows_by_key(accounts: Accounts) -> None:
    accounts.create(sample_size=40)
    accounts.wave()
    accounts.wave()
    answer = accounts.server.admin.get(f"{accounts.path}/waves/2/rows", params={"format": "csv"})
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(lines[0]) == ["account", "_panel_state", "_since_wave"]
    facts = accounts.get()["waves"][1]
    assert Counter(line["_panel_state"] for line in lines) == {
        name: facts[name] for name in ("kept", "rotated_in", "rotated_out")
    }
    only = accounts.get("/waves/2/rows", filters="_panel_state = 'kept'")
    assert only["total"] == facts["kept"]
    missing = accounts.server.admin.get(f"{accounts.path}/waves/3/rows")
    assert "no completed wave 3" in assert_problem(missing, 404, "not_found")["detail"]


def test_files_of_a_wave_number_rows_of_one_key(accounts: Accounts) -> None:
    accounts.load([*range(100), *range(30)])
    accounts.create(order={"key": ["account"], "duplicates": "number"}, sample_size=60)
    accounts.wave()
    accounts.wave()
    answer = accounts.server.admin.get(f"{accounts.path}/waves/2/rows", params={"format": "csv"})
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert len({(line["account"], line["_number"]) for line in lines}) == len(lines) > 60
    doubled = {f"A{number}" for number in range(30)}
    assert {line["_number"] for line in lines if line["account"] in doubled} == {"1", "2"}
    assert {line["_number"] for line in lines if line["account"] not in doubled} == {""}


@pytest.mark.parametrize(
    ("change", "code", "part", "loc"),
    [
        (
            {"round": {"method": "systematic", "parameters": {"interval": 3}}},
            "invalid_key",
            "no keyed order",
            ["body", "round", "method"],
        ),
        (
            {
                "round": {
                    "method": "split",
                    "parameters": {"parts": {"a": 0.5, "b": 0.5}},
                    "order": {"key": ["account"]},
                }
            },
            "invalid_value",
            "random, stratified, cluster, weighted",
            ["body", "round", "method"],
        ),
        (
            {
                "round": {
                    "method": "random",
                    "parameters": {"sample_size": 3},
                    "order": {"key": ["account"]},
                    "filters": {"new_since": "main"},
                }
            },
            "invalid_value",
            "leave `new_since` and `not_drawn_by` out",
            ["body", "round", "filters"],
        ),
        (
            {"round": {"method": "random", "parameters": {"sample_size": 3}}},
            "no_row_key",
            "has no row key",
            ["body", "round", "order"],
        ),
        (
            {"order": {"key": ["acount"]}},
            "unknown_column",
            "account",
            ["body", "round", "order", "key", 0],
        ),
        (
            {"order": {"key": ["region"]}},
            "key_not_unique",
            "isn't unique",
            ["body", "round", "order", "key"],
        ),
        ({"rotation": "120%"}, "invalid_request", "share from 0 to 100%", ["body", "rotation"]),
        ({"table_key": "other"}, "not_found", "other", ["body", "table_key"]),
    ],
)
def test_what_is_no_panel_is_refused(
    accounts: Accounts, change: dict[str, Any], code: str, part: str, loc: list[str]
) -> None:
    drawn = {"method": "random", "parameters": {"sample_size": 3}, "order": {"key": ["account"]}}
    if "order" in change:
        drawn["order"] = change.pop("order")
    body = {"name": "refused", "round": drawn, "rotation": "25%", **change}
    path = f"/api/sampling/datasets/{accounts.dataset_id}/panels"
    answer = accounts.server.admin.post(path, json=body)
    found = assert_problem(answer, 404 if code == "not_found" else 422, code)
    errors = found.get("errors") or [{}]
    assert part in f"{found['detail']} {errors}"
    assert errors[0]["loc"] == loc
    assert accounts.server.admin.get(path).json()["panels"] == []


def test_names_and_versions_of_waves_are_checked(accounts: Accounts) -> None:
    made = accounts.create(sample_size=40)
    path = f"/api/sampling/datasets/{accounts.dataset_id}/panels"
    body = {"name": "Panel-RANDOM", "round": made["round"], "rotation": "10%"}
    answer = accounts.server.admin.post(path, json=body)
    assert "panel random" in assert_problem(answer, 409, "conflict")["detail"]
    first = accounts.wave()
    answer = accounts.server.admin.post(
        f"{accounts.path}/waves", json={"source_ref": f"smpl-{first['output_name']}"}
    )
    assert "has the rows of a sample" in assert_problem(answer, 409, "conflict")["detail"]
    accounts.server.import_text(accounts.dataset_id, "number,amount\n1,2\n")
    answer = accounts.server.admin.post(f"{accounts.path}/waves", json={})
    assert "account" in assert_problem(answer, 422, "unknown_column")["detail"]
    accounts.server.import_text(accounts.dataset_id, "account,region,amount\n1,a,2\n1,b,3\n,a,4\n")
    answer = accounts.server.admin.get(f"{accounts.path}/next")
    assert_problem(answer, 422, "key_missing")
    answer = accounts.server.admin.post(f"{accounts.path}/waves", json={})
    failed = accounts.server.finished(answer.json()["job_id"])
    assert failed["error_code"] == "key_missing"
    found = accounts.get()
    assert found["failed_job_id"] == failed["id"]
    assert [wave["job_id"] for wave in found["waves"]] == [first["id"]]


def test_a_deleted_panel_keeps_its_samples(accounts: Accounts) -> None:
    accounts.create(sample_size=40)
    first = accounts.wave()
    assert accounts.server.admin.delete(accounts.path).status_code == 200
    assert accounts.server.admin.get(accounts.path).status_code == 404
    assert len(accounts.drawn(first)) == 40
