"""Calibration to totals from outside: in the request, or in a census; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_calibration import BOOK, REGION, ROWS, dataset
from tests.contract.test_estimates import COUNT, asked, drawn, estimates
from tests.support.live_server import LiveServer

__all__ = ["dataset"]

TOTAL_PAID = {"statistic": "total", "column": "paid"}
REGIONS = {name: REGION.count(name) for name in sorted(set(REGION))}
SIZES = {size: sum(row % 7 + 1 == size for row in range(ROWS)) for size in range(1, 8)}


@pytest.fixture(scope="module")
def job(server: LiveServer, dataset: int) -> str:
    return drawn(server, dataset, one("random", sample_size=150, seed=5))


def groups(column: str, amounts: dict[Any, float], what: str = "total") -> list[dict[str, Any]]:
    return [{"group": {column: value}, what: amount} for value, amount in amounts.items()]


def by(method: str, *columns: str, **more: Any) -> dict[str, Any]:
    return {"calibrate": {"method": method, "columns": list(columns), **more}}


def figures(found: dict[str, Any]) -> list[tuple[float, float]]:
    return [(each["estimate"], each["standard_error"]) for each in found["estimates"]]


def test_totals_of_a_request_give_the_figures_of_the_tables_own(
    server: LiveServer, job: str
) -> None:
    totals = [*groups("region", REGIONS), *groups("size", SIZES)]
    found = estimates(server, job, TOTAL_PAID, **by("rake", "region", "size", totals=totals))
    own = estimates(server, job, TOTAL_PAID, **by("rake", "region", "size"))
    assert figures(found) == [pytest.approx(each) for each in figures(own)]
    assert (found["calibration"]["source"], own["calibration"]["source"]) == ("request", "table")
    sentence = "Calibrated by rake to the totals of region, size given in the request."
    assert sentence in found["notes"]


def test_shares_are_of_the_stated_or_the_tables_rows(server: LiveServer, job: str) -> None:
    shares = groups("region", {name: rows / ROWS for name, rows in REGIONS.items()}, "share")
    own = estimates(server, job, TOTAL_PAID, **by("poststratify", "region"))
    found = estimates(server, job, TOTAL_PAID, **by("poststratify", "region", totals=shares))
    assert figures(found) == [pytest.approx(each) for each in figures(own)]
    stated = [*shares, {"total": 1200}]
    twice = estimates(server, job, COUNT, **by("poststratify", "region", totals=stated))
    assert twice["estimates"][0]["estimate"] == pytest.approx(1200)
    mixed = [*groups("size", {size: 2 * rows for size, rows in SIZES.items()}), *shares]
    raked = estimates(server, job, COUNT, **by("rake", "region", "size", totals=mixed))
    assert raked["estimates"][0]["estimate"] == pytest.approx(1200)


def test_totals_by_name_are_a_short_form(server: LiveServer, job: str) -> None:
    short = {"region": REGIONS, "size": {str(size): rows for size, rows in SIZES.items()}}
    own = estimates(server, job, TOTAL_PAID, **by("rake", "region", "size"))
    found = estimates(server, job, TOTAL_PAID, **by("rake", "region", "size", totals=short))
    assert figures(found) == [pytest.approx(each) for each in figures(own)]
    shares = {"region": {name: rows / ROWS for name, rows in REGIONS.items()}}
    found = estimates(server, job, TOTAL_PAID, **by("rake", "region", shares=shares))
    own = estimates(server, job, TOTAL_PAID, **by("rake", "region"))
    assert figures(found) == [pytest.approx(each) for each in figures(own)]


def test_groups_of_all_columns_have_the_margins_of_raking(server: LiveServer, job: str) -> None:
    cells: dict[tuple[str, int], int] = {}
    for row in range(ROWS):
        cell = REGION[row], row % 7 + 1
        cells[cell] = cells.get(cell, 0) + 1
    totals = [
        {"group": {"size": size, "region": region}, "total": rows}
        for (region, size), rows in cells.items()
    ]
    for method in ("rake", "poststratify"):
        own = estimates(server, job, TOTAL_PAID, **by(method, "region", "size"))
        found = estimates(server, job, TOTAL_PAID, **by(method, "region", "size", totals=totals))
        assert figures(found) == [pytest.approx(each) for each in figures(own)]


def test_totals_of_numbers(server: LiveServer, job: str) -> None:
    total = [{"column": "book", "total": sum(BOOK)}]
    for method in ("ratio", "regression"):
        own = estimates(server, job, TOTAL_PAID, **by(method, "book"))
        found = estimates(server, job, TOTAL_PAID, **by(method, "book", totals=total))
        assert figures(found) == [pytest.approx(each) for each in figures(own)]
    known = found["calibration"]["totals"]
    assert [each["known"] for each in known] == [ROWS, sum(BOOK)]


def test_values_of_a_request_are_read_by_the_columns_type(server: LiveServer, job: str) -> None:
    texts = groups("size", {f" {size}.0": rows for size, rows in SIZES.items()})
    own = estimates(server, job, TOTAL_PAID, **by("rake", "size"))
    found = estimates(server, job, TOTAL_PAID, **by("rake", "size", totals=texts))
    assert figures(found) == [pytest.approx(each) for each in figures(own)]


def test_a_joint_group_in_another_spelling_is_listed_twice(server: LiveServer, job: str) -> None:
    totals = [
        {"group": {"region": region, "size": size}, "total": 25}
        for region in REGIONS
        for size in SIZES
    ]
    first = next(iter(REGIONS))
    for method in ("rake", "poststratify"):
        for spelled in ("2", "2.0", " 2"):
            again = {"group": {"region": first, "size": spelled}, "total": 25}
            body = by(method, "region", "size", totals=[*totals, again])
            expected = f'The group {first}, {spelled.strip()} of "region", "size" is listed twice.'
            assert expected in refusal(server, job, **body)


def test_groups_of_35_digits_stay_apart(server: LiveServer, tmp_path: Path) -> None:
    accounts = [str(12345678901234567890123456789012340 + last) for last in (0, 1)]
    tables = {
        "rows": "SELECT i, CAST([$1, $2][i % 2 + 1] AS DECIMAL(38, 0)) AS account "
        "FROM range(400) AS t(i)",
        "census": "SELECT CAST(a AS DECIMAL(38, 0)) AS account, n "
        "FROM (VALUES ($1, 500), ($2, 1500)) AS t(a, n)",
    }
    numbers = []
    for name, sql in tables.items():
        file = tmp_path / f"{name}.parquet"
        with duckdb.connect() as connection:
            connection.sql(sql, params=accounts).write_parquet(str(file))
        numbers.append(server.new_dataset())
        server.import_text(numbers[-1], file.read_bytes(), file.name)
    own = drawn(server, numbers[0], one("random", sample_size=100, seed=5))
    listed = groups("account", {accounts[0]: 500, accounts[1]: 1500})
    for source in (
        {"census": {"dataset_id": numbers[1], "rows_column": "n"}},
        {"totals": listed},
    ):
        for method in ("poststratify", "rake"):
            body = {"by": ["account"], **by(method, "account", **source)}
            found = estimates(server, own, COUNT, **body)["estimates"]
            assert [each["estimate"] for each in found] == [pytest.approx(n) for n in (500, 1500)]
    twice = by("rake", "account", totals=[*listed, listed[0]])
    detail = asked(server, own, {"statistics": [COUNT], **twice}).json()["detail"]
    assert f'The group {accounts[0]} of "account" is listed twice.' in detail


def test_a_missing_value_is_a_group(server: LiveServer, job: str) -> None:
    cities = dict.fromkeys(("Oslo", "Lima", "Kyiv", None), ROWS / 4)
    found = estimates(server, job, COUNT, **by("rake", "city", totals=groups("city", cities)))
    assert found["estimates"][0]["estimate"] == pytest.approx(ROWS)


@pytest.fixture(scope="module")
def census(server: LiveServer) -> int:
    """Lines of region and size with rows and the total of book; a row of the table is in one."""
    number = server.new_dataset()
    cells: dict[tuple[str, int], list[int]] = {}
    for row in range(ROWS):
        cell = cells.setdefault((REGION[row], row % 7 + 1), [0, 0])
        cell[0] += 1
        cell[1] += BOOK[row]
    lines = [f"{region},{size},{n},{book}" for (region, size), (n, book) in cells.items()]
    server.import_text(number, "\n".join(["region,size,persons,book", *lines]) + "\n")
    return number


def test_a_census_gives_the_figures_of_the_tables_own(
    server: LiveServer, job: str, census: int
) -> None:
    chosen = {"dataset_id": census, "rows_column": "persons"}
    for method, columns in (
        ("rake", ("region", "size")),
        ("poststratify", ("region", "size")),
        ("regression", ("book",)),
    ):
        own = estimates(server, job, TOTAL_PAID, **by(method, *columns))
        found = estimates(server, job, TOTAL_PAID, **by(method, *columns, census=chosen))
        assert figures(found) == [pytest.approx(each) for each in figures(own)]
        assert found["calibration"]["source"] == "census"
        assert any('in the table "primary" of the dataset' in note for note in found["notes"])


def test_rows_that_totals_add_up_to_are_named(server: LiveServer, job: str) -> None:
    more = {region: REGION.count(region) + 10 for region in set(REGION)}
    body = by("poststratify", "region", totals=groups("region", more))
    found = estimates(server, job, COUNT, **body)
    rows = sum(more.values())
    assert found["estimates"][0]["estimate"] == pytest.approx(rows)
    assert (
        f"The estimates are for {rows:,} rows: the weights add up to these by totals from outside, "
        f"not to the {ROWS:,} rows of primary."
    ) in found["notes"]
    own = estimates(server, job, COUNT, **by("poststratify", "region"))
    assert f"The estimates are for the {ROWS:,} rows of primary." in own["notes"]


def test_a_list_of_the_population_is_a_census(server: LiveServer, dataset: int, job: str) -> None:
    found = estimates(server, job, TOTAL_PAID, **by("rake", "region", census={}))
    own = estimates(server, job, TOTAL_PAID, **by("rake", "region"))
    assert figures(found) == [pytest.approx(each) for each in figures(own)]


def refusal(server: LiveServer, job: str, **body: Any) -> str:
    answer = asked(server, job, {"statistics": [TOTAL_PAID], **body})
    return str(assert_problem(answer, answer.status_code, answer.json()["code"])["detail"])


def test_totals_that_do_not_fit_are_refused_with_both_numbers(server: LiveServer, job: str) -> None:
    regions = groups("region", REGIONS)
    first = next(iter(REGIONS))
    double = groups("size", {size: 2 * rows for size, rows in SIZES.items()})
    cases: list[tuple[dict[str, Any], str]] = [
        (
            by("rake", "region", "size", totals=[*regions, *double]),
            'The groups of "size" have 1,200 rows together, and those of "region" 600.',
        ),
        (
            by("rake", "region", totals=[*regions, {"total": 500}]),
            'The groups of "region" have 600 rows together, and the population 500.',
        ),
        (
            by("rake", "region", totals=regions[1:]),
            f"whose total given in the request is missing or 0: {first}.",
        ),
        (
            by("rake", "region", totals=[*regions, *groups("region", {"east": 5})]),
            '1 of 4 groups of "region" have no sampled row: east.',
        ),
        (
            by("rake", "region", totals=[*regions, regions[0]]),
            f'The group {first} of "region" is listed twice.',
        ),
        (
            by("rake", "region", totals=groups("region", dict.fromkeys(REGIONS, 0.3), "share")),
            'The shares of "region" add up to 0.9, not to 1.',
        ),
        (
            by("rake", "region", totals=[*regions, *groups("size", SIZES)]),
            'Calibration by rake of "region" has no group by "size".',
        ),
        (
            by("rake", "region", "size", totals=regions),
            'No known total is of a group of "size".',
        ),
        (
            by("regression", "book", totals=[{"total": 600}]),
            'No known total is of "book".',
        ),
        (
            by("difference", "book", totals=[{"column": "book", "total": 5}]),
            "takes totals of the table",
        ),
    ]
    for body, sentence in cases:
        assert sentence in refusal(server, job, **body)


def test_shapes_of_a_known_total(server: LiveServer, job: str) -> None:
    for total in (
        {"group": {"region": "north"}},
        {"group": {"region": "north"}, "total": 1, "share": 0.5},
        {"column": "book", "share": 0.5},
        {"column": "book", "group": {"region": "north"}, "total": 1},
    ):
        answer = asked(server, job, {"statistics": [COUNT], **by("rake", "region", totals=[total])})
        assert_problem(answer, 422, "invalid_request")


def test_a_census_that_does_not_fit_is_refused(server: LiveServer, job: str, census: int) -> None:
    def census_of(**more: Any) -> dict[str, Any]:
        return by("rake", "region", census={"dataset_id": census, **more})

    assert "nowhere" in refusal(server, job, **census_of(source_ref="nowhere"))
    assert "persns" in refusal(server, job, **census_of(rows_column="persns"))
    assert "of type VARCHAR" in refusal(server, job, **census_of(rows_column="region"))
    lacking = by("rake", "city", census={"dataset_id": census})
    assert "The census lacks a column." in refusal(server, job, **lacking)
    elsewhere = by("rake", "region", census={"dataset_id": 999_999})
    answer = asked(server, job, {"statistics": [COUNT], **elsewhere})
    assert_problem(answer, 404, "not_found")
    number = server.new_dataset()
    server.import_text(number, "region,persons\nnorth,5\nsouth,\nwest,-1\n")
    body = by("rake", "region", census={"dataset_id": number, "rows_column": "persons"})
    assert "2 lines of the census have no number" in refusal(server, job, **body)
    server.import_text(number, "region,persons,book\nnorth,5,1\nsouth,2,\nwest,1,-1\n")
    of_books = {"dataset_id": number, "rows_column": "persons"}
    detail = refusal(server, job, **by("regression", "book", census=of_books))
    assert '1 line of the census has no number in "book".' in detail
    both = by("rake", "region", census={}, totals=groups("region", REGIONS))
    answer = asked(server, job, {"statistics": [COUNT], **both})
    assert_problem(answer, 422, "invalid_request")


@pytest.mark.parametrize(
    "given",
    [
        {"totals": {"book": 5}, "shares": [{"group": {"region": "north"}, "share": 1}]},
        {"totals": "oops", "shares": {"region": {"north": 0.5, "south": 0.5}}},
        {"totals": {"book": 5}, "shares": "oops"},
    ],
)
def test_totals_and_shares_in_different_forms_are_refused(
    server: LiveServer, job: str, given: dict[str, Any]
) -> None:
    answer = asked(server, job, {"statistics": [COUNT], **by("rake", "region", **given)})
    problem = assert_problem(answer, 422, "invalid_request")
    assert any(name in problem["detail"] for name in ("totals", "shares"))
