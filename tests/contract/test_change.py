"""The change between two samples over HTTP: by key, position, strata, groups; and what changed."""

from __future__ import annotations

import csv
import io
import random as randomness
from typing import Any

import numpy as np
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS, BORN, DIED = 900, 100, 60
REGIONS = ("north", "south", "east")
ORDER = {"key": ["account"], "duplicates": "refuse"}


def _line(account: int, amount: float) -> str:
    status = "open" if account % 4 else "paid"
    return f"a{account:04},{REGIONS[account % 3]},{amount:.2f},{status},{1 + account % 7}"


def _text(lines: list[str]) -> str:
    return "\n".join(["account,region,amount,status,size", *lines]) + "\n"


@pytest.fixture(scope="module")
def versions(server: LiveServer) -> tuple[int, str, str]:
    """A dataset with the tags ``before`` and ``after``, the second shuffled, with new rows."""
    dataset = server.new_dataset()
    numbers = np.random.default_rng(3)
    amounts = np.round(numbers.normal(100, 20, ROWS + BORN), 2)
    changed = np.where(numbers.random(ROWS + BORN) < 0.4, amounts + 7.5, amounts)
    server.import_text(dataset, _text([_line(row, amounts[row]) for row in range(ROWS)]))
    tag = {"name": "before", "source_ref": "main"}
    assert_made(server.admin.post(f"/api/datasets/{dataset}/refs", json=tag))
    after = [_line(row, changed[row]) for row in range(DIED, ROWS + BORN)]
    randomness.Random(5).shuffle(after)
    server.import_text(dataset, _text(after))
    return dataset, "before", "main"


def assert_made(answer: Any) -> None:
    assert answer.status_code in (200, 201), answer.text


def drawn(server: LiveServer, dataset: int, ref: str, *rounds: dict[str, Any]) -> str:
    job = server.draw_once(dataset, {"rounds": list(rounds), "source_ref": ref})
    assert job["status"] == "completed", job
    return str(job["id"])


def keyed(method: str, seed: int = 11, start: str = "0", **parameters: Any) -> dict[str, Any]:
    return {**one(method, seed=seed, **parameters), "order": {**ORDER, "start": start}}


def asked(server: LiveServer, first: str, second: str, **body: Any) -> Any:
    given = {"statistics": [MEAN], "with_job": second, **body}
    return server.admin.post(f"/api/sampling/jobs/{first}/change", json=given)


def change(server: LiveServer, first: str, second: str, **body: Any) -> dict[str, Any]:
    answer = asked(server, first, second, **body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def amounts_of(server: LiveServer, job: str) -> dict[str, float]:
    return {row["account"]: row["amount"] for row in server.rows(job, limit=1000)}


MEAN = {"statistic": "mean", "column": "amount"}


@pytest.fixture(scope="module")
def waves(server: LiveServer, versions: tuple[int, str, str]) -> tuple[str, str]:
    """Two waves of 150 rows; a quarter is rotated."""
    dataset, before, after = versions
    start = f"{0.25 * 150 / ROWS:.6f}"
    return (
        drawn(server, dataset, before, keyed("random", sample_size=150)),
        drawn(server, dataset, after, keyed("random", start=start, sample_size=150)),
    )


def test_a_change_is_that_of_the_rows_by_hand(server: LiveServer, waves: tuple[str, str]) -> None:
    found = change(server, *waves)
    (figure,) = found["figures"]
    rows = [
        {row["account"]: row["amount"] for row in server.rows(job, limit=1000)} for job in waves
    ]
    common = rows[0].keys() & rows[1].keys()
    assert found["common_rows"] == len(common) > 80
    assert found["only_first"] == found["only_second"] == 150 - len(common)
    assert found["kept_rows"] == ROWS - DIED
    assert found["key"] == ["account"]
    sizes = ROWS, ROWS + BORN - DIED
    means = [np.mean(list(each.values())) for each in rows]
    variances = [
        (1 - 150 / size) * np.var(list(each.values()), ddof=1) / 150
        for each, size in zip(rows, sizes, strict=True)
    ]
    products = sum((rows[0][key] - means[0]) * (rows[1][key] - means[1]) for key in common)
    n_c = len(common)
    s12 = products / (n_c * (1 - 2 / 150 + n_c / 150**2))
    covariance = (n_c / 150**2 - (ROWS - DIED) / (sizes[0] * sizes[1])) * s12
    assert figure["change"]["estimate"] == pytest.approx(means[1] - means[0])
    error = (sum(variances) - 2 * covariance) ** 0.5
    assert figure["change"]["standard_error"] == pytest.approx(error)
    assert figure["change"]["standard_error"] < 0.8 * sum(variances) ** 0.5
    assert figure["rule"] == "common_rows"
    assert figure["change"]["df"] == 149
    assert figure["first"]["estimate"] == pytest.approx(means[0])
    assert any("Qualité and Tillé" in note for note in found["notes"])


def test_a_sample_of_new_rows_shares_with_others_what_its_population_has(
    server: LiveServer, versions: tuple[int, str, str]
) -> None:
    dataset, before, after = versions
    whole = drawn(server, dataset, after, one("random", seed=1, sample_size=200))
    new = drawn(server, dataset, after, only_new(before, keyed("random", seed=2, sample_size=50)))
    found = [change(server, *pair) for pair in ((whole, new), (new, whole))]
    found.append(change(server, whole, new, key=["account"]))
    assert [each["kept_rows"] for each in found] == [BORN] * 3
    errors = {each["figures"][0]["change"]["standard_error"] for each in found}
    assert max(errors) == pytest.approx(min(errors))


def test_equal_keys_are_numbered_by_their_whole_version(server: LiveServer) -> None:
    dataset = server.new_dataset()
    old = [f"k{row % 40},{row}" for row in range(80)]
    new = [f"k{row},{100 + row}" for row in range(40)]
    server.import_text(dataset, "\n".join(["k,amount", *old]) + "\n")
    tag = {"name": "before", "source_ref": "main"}
    assert_made(server.admin.post(f"/api/datasets/{dataset}/refs", json=tag))
    server.import_text(dataset, "\n".join(["k,amount", *old, *new]) + "\n")
    key = {"columns": ["k"], "duplicates": "number"}
    assert_made(server.admin.put(f"/api/datasets/{dataset}/row-key", json=key))
    first = drawn(server, dataset, "before", one("random", seed=1, sample_size=40))
    second = drawn(server, dataset, "main", only_new("before", one("random", sample_size=10)))
    found = change(server, first, second)
    assert (found["common_rows"], found["kept_rows"]) == (0, 0)


def only_new(since: str, given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "filters": {"new_since": since}}


def test_the_change_of_a_whole_sample_is_that_of_differences(
    server: LiveServer, versions: tuple[int, str, str]
) -> None:
    """Of one version and one sample drawn twice: nothing changes, and nothing is uncertain."""
    dataset, before, _ = versions
    small = drawn(server, dataset, before, keyed("random", sample_size=150))
    again = drawn(server, dataset, before, {**keyed("random", sample_size=150), "output_name": "x"})
    found = change(server, small, again)
    assert found["common_rows"] == 150
    assert found["key"] is None
    assert found["figures"][0]["change"]["standard_error"] == pytest.approx(0, abs=1e-6)
    assert any("of one version" in note for note in found["notes"])


def test_groups_totals_shares_and_ratios_change(server: LiveServer, waves: tuple[str, str]) -> None:
    statistics = [
        {"statistic": "total", "column": "amount"},
        {"statistic": "proportion", "column": "status", "value": "paid"},
        {"statistic": "ratio", "column": "amount", "denominator": "size"},
        {"statistic": "count"},
    ]
    found = change(server, *waves, statistics=statistics, by=["region"], confidence=0.9)
    assert len(found["figures"]) == 12
    for figure in found["figures"]:
        first, second, made = figure["first"], figure["second"], figure["change"]
        assert made["estimate"] == pytest.approx(second["estimate"] - first["estimate"])
        assert made["ci_low"] < made["estimate"] < made["ci_high"]
        worst = first["standard_error"] + second["standard_error"]
        assert 0 < made["standard_error"] < worst
    filtered = change(server, *waves, filters={"expression": "region = 'north'"})
    assert filtered["figures"][0]["first"]["n"] < 150


def test_strata_share_rows_within_strata(
    server: LiveServer, versions: tuple[int, str, str]
) -> None:
    dataset, before, after = versions
    parameters = {"strata_columns": ["region"], "sample_size": 150}
    first = drawn(server, dataset, before, keyed("stratified", **parameters))
    second = drawn(server, dataset, after, keyed("stratified", **parameters))
    found = change(server, first, second)
    assert found["figures"][0]["rule"] == "common_rows"
    assert found["kept_rows"] == ROWS - DIED
    assert found["figures"][0]["change"]["correlation"] > 0.5
    random = drawn(server, dataset, after, keyed("random", sample_size=150))
    mixed = change(server, first, random)
    assert mixed["kept_rows"] == ROWS - DIED
    assert mixed["figures"][0]["rule"] == "common_rows"


def test_other_designs_have_what_is_true_of_them(
    server: LiveServer, versions: tuple[int, str, str]
) -> None:
    dataset, before, after = versions
    sizes = {"weight_column": "size", "sample_size": 120}
    first = drawn(server, dataset, before, keyed("weighted", **sizes))
    other = drawn(server, dataset, after, keyed("weighted", seed=12, **sizes))
    (figure,) = change(server, first, other)["figures"]
    assert figure["rule"] == "independent"
    variance = figure["first"]["standard_error"] ** 2 + figure["second"]["standard_error"] ** 2
    assert figure["change"]["standard_error"] == pytest.approx(variance**0.5)
    same = drawn(server, dataset, after, keyed("weighted", **sizes))
    answer = change(server, first, same)
    (figure,) = answer["figures"]
    assert figure["rule"] == "shared_numbers"
    assert figure["change"]["correlation"] > 0.3
    assert figure["change"]["standard_error"] < variance**0.5
    assert any("Berger 2004" in note for note in answer["notes"])
    clusters = {"cluster_column": "size", "num_clusters": 5}
    first, same = (
        drawn(server, dataset, ref, one("cluster", seed=8, **clusters)) for ref in (before, after)
    )
    answer = change(server, first, same, key=["account"])
    (figure,) = answer["figures"]
    assert figure["rule"] == "bound"
    widest = figure["first"]["standard_error"] + figure["second"]["standard_error"]
    assert figure["change"]["standard_error"] == pytest.approx(widest)
    assert any("more often than it says" in note for note in answer["notes"])


def test_a_key_is_needed_across_versions(
    server: LiveServer, versions: tuple[int, str, str]
) -> None:
    dataset, before, after = versions
    first = drawn(server, dataset, before, one("random", sample_size=100, seed=1))
    second = drawn(server, dataset, after, one("random", sample_size=100, seed=2))
    assert_problem(asked(server, first, second), 422, "invalid_key", "row key")
    assert_problem(asked(server, first, second, key=["region"]), 422, "key_not_unique", "region")
    found = change(server, first, second, key=["account"])
    assert found["key"] == ["account"]
    assert found["common_rows"] < 40


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"with_job": "00000000-0000-0000-0000-000000000000"}, 404, "not_found"),
        ({"statistics": [{"statistic": "quantile", "column": "amount"}]}, 422, "invalid_estimate"),
        ({"statistics": [{"statistic": "mean", "column": "nothing"}]}, 422, "unknown_column"),
        ({"statistics": []}, 422, "invalid_request"),
    ],
)
def test_changes_that_are_refused(
    server: LiveServer, waves: tuple[str, str], body: dict[str, Any], status: int, code: str
) -> None:
    assert_problem(asked(server, *waves, **body), status, code)


def test_changed_values_are_listed_and_downloaded(
    server: LiveServer, waves: tuple[str, str]
) -> None:
    rows = [
        {row["account"]: row["amount"] for row in server.rows(job, limit=1000)} for job in waves
    ]
    expected = {
        key: (rows[0][key], rows[1][key])
        for key in rows[0].keys() & rows[1].keys()
        if rows[0][key] != rows[1][key]
    }
    path = f"/api/sampling/jobs/{waves[0]}/changed-values"
    found = server.admin.get(path, params={"with_job": waves[1], "limit": 1000}).json()
    assert found["total"] == found["changed_rows"] == len(expected) > 10
    assert {each["column"]: each["changed"] for each in found["columns"]} == {
        "account": 0,
        "region": 0,
        "amount": len(expected),
        "status": 0,
        "size": 0,
    }
    for each in found["data"]:
        old, new = expected[each["key"]["account"]]
        assert (float(each["old"]), float(each["new"])) == (old, new)
    page = server.admin.get(path, params={"with_job": waves[1], "limit": 3, "offset": 2}).json()
    assert page["data"] == found["data"][2:5]
    file = server.admin.get(path, params={"with_job": waves[1], "format": "csv"})
    lines = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [line["account"] for line in lines] == [each["key"]["account"] for each in found["data"]]
    one_column = server.admin.get(path, params={"with_job": waves[1], "columns": "status"}).json()
    assert one_column["total"] == 0
    unknown = server.admin.get(path, params={"with_job": waves[1], "columns": "nothing"})
    assert_problem(unknown, 422, "unknown_column", "nothing")


def test_changed_values_of_an_upload_by_its_number(
    server: LiveServer, waves: tuple[str, str]
) -> None:
    for at, job in enumerate(waves):
        rows = server.rows(job, limit=1000)
        lines = [f"{row['_logical_row_id']},{row['amount'] - at}" for row in rows]
        text = "\n".join(["_logical_row_id,checked", *lines]) + "\n"
        files = {"file": ("checked.csv", text.encode())}
        sent = server.admin.post(f"/api/sampling/jobs/{job}/values", files=files)
        assert sent.json()["number"] == 1, sent.text
    path = f"/api/sampling/jobs/{waves[0]}/changed-values"
    shared = {"with_job": waves[1], "columns": "checked"}
    found = server.admin.get(path, params={**shared, "values": "1"})
    assert found.status_code == 200, found.text
    assert found.json()["total"] == found.json()["common_rows"] > 80
    latest = server.admin.get(path, params={**shared, "values": "latest"})
    assert latest.json() == found.json()
    file = server.admin.get(path, params={**shared, "values": "1", "format": "csv"})
    assert file.text.count("checked") == found.json()["total"]
    for wrong in ("0", "-1", "\u0661", "1.0", "99999999999", "nothing"):
        refused = server.admin.get(path, params={**shared, "values": wrong})
        assert_problem(refused, 422, "invalid_request", "number of an upload")
    assert_problem(asked(server, *waves, values="1"), 422, "invalid_request", "number of an upload")


def test_a_key_with_a_comma_is_one_column(server: LiveServer) -> None:
    """Queries have such a name in quotes, the body of a change as it is."""
    dataset = server.new_dataset()
    jobs = []
    for added in (0, 5):
        lines = [f"a{row:03},{row % 3},{row + added * (row % 4 == 0)}" for row in range(200)]
        text = '"account, no",kind,amount\n' + "\n".join(lines) + "\n"
        server.import_text(dataset, text)
        jobs.append(drawn(server, dataset, "main", one("random", sample_size=90, seed=4 + added)))
    key = ["account, no"]
    assert change(server, *jobs, key=key)["key"] == key
    path = f"/api/sampling/jobs/{jobs[0]}/changed-values"
    for text in ('"account, no"', ' "account, no" '):
        found = server.admin.get(path, params={"with_job": jobs[1], "key": text})
        assert found.status_code == 200, found.text
        assert {next(iter(each["key"])) for each in found.json()["data"]} == {key[0]}
    refused = server.admin.get(path, params={"with_job": jobs[1], "key": "account"})
    assert_problem(refused, 422, "unknown_column", "account")
    assert refused.json()["errors"][0]["loc"] == ["query", "key", 0]
    now = f"/api/sampling/jobs/{jobs[0]}/rows"
    rows = server.admin.get(now, params={"as_of": "main", "key": '"account, no"'})
    assert rows.json()["metadata"]["key"] == key
