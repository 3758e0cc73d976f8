"""Calibrated estimates over HTTP: exact totals of the table for every design, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import COUNT, DESIGNS, asked, drawn, estimates
from tests.support.live_server import LiveServer

ROWS = 600
REGIONS = ("north", "south", "west")
REGION = [REGIONS[row * row % 7 % 3] for row in range(ROWS)]
BOOK = [100 + row * 37 % 401 for row in range(ROWS)]
PAID = [book + row % 11 - 5 for row, book in enumerate(BOOK)]


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Paid is nearly book; gap lacks a value in every twelfth row; some text is in city."""
    dataset_id = server.new_dataset()
    lines = [
        f"{row},{('Oslo', 'Lima', 'Kyiv', '')[row % 4]},{REGION[row]},{BOOK[row]},{PAID[row]}.5,"
        f"{'' if row % 12 == 3 else BOOK[row] + 0.25},{row % 7 + 1},s{row // 20},{row}"
        for row in range(ROWS)
    ]
    names = "id,city,region,book,paid,gap,size,shop,serial"
    server.import_text(dataset_id, "\n".join([names, *lines]) + "\n")
    return dataset_id


@pytest.fixture(scope="module")
def job(server: LiveServer, dataset: int) -> str:
    return drawn(server, dataset, one("random", sample_size=150, seed=5))


TOTAL_BOOK = {"statistic": "total", "column": "book"}
TOTAL_PAID = {"statistic": "total", "column": "paid"}
MEAN_PAID = {"statistic": "mean", "column": "paid"}


def by(method: str, *columns: str) -> dict[str, Any]:
    return {"calibrate": {"method": method, "columns": list(columns)}}


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("method", ["difference", "ratio", "regression"])
def test_totals_of_numbers_are_reproduced(
    server: LiveServer, dataset: int, name: str, method: str
) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    found = estimates(server, job, TOTAL_BOOK, TOTAL_PAID, **by(method, "book"))
    book, paid = found["estimates"]
    assert book["estimate"] == pytest.approx(sum(BOOK))
    assert book["standard_error"] == 0
    truth = sum(PAID) + 0.5 * ROWS
    assert paid["estimate"] == pytest.approx(truth, abs=5 * paid["standard_error"])
    assert paid["standard_error"] < 0.3 * paid["uncalibrated"]["standard_error"]
    assert paid["design_effect"] < 0.2
    assert any("changes the widths of the intervals by -100 %" in note for note in found["notes"])
    known = found["calibration"]["totals"][-1]
    assert (known["column"], known["known"]) == ("book", sum(BOOK))


@pytest.mark.parametrize("name", DESIGNS)
def test_numbers_of_rows_are_reproduced(server: LiveServer, dataset: int, name: str) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    for method, columns in (("poststratify", ["region"]), ("rake", ["region", "city"])):
        found = estimates(server, job, COUNT, by=["region"], **by(method, *columns))
        for each in found["estimates"]:
            assert each["estimate"] == pytest.approx(REGION.count(each["group"]["region"]))
            assert each["standard_error"] == 0
        totals = found["calibration"]["totals"]
        assert len(totals) == (3 if method == "poststratify" else 7)
        assert sum(each["known"] for each in totals[:3]) == ROWS
        assert found["calibration"]["g_min"] > 0


def test_a_difference_knows_the_totals_of_groups(server: LiveServer, job: str) -> None:
    where = {"expression": "book > 200"}
    found = estimates(
        server, job, TOTAL_PAID, MEAN_PAID, by=["region"], filters=where, **by("difference", "book")
    )
    for at, region in enumerate(REGIONS):
        rows = [row for row in range(ROWS) if REGION[row] == region and BOOK[row] > 200]
        truth = sum(PAID[row] + 0.5 for row in rows)
        total, mean = found["estimates"][at], found["estimates"][3 + at]
        assert total["estimate"] == pytest.approx(truth, abs=5 * total["standard_error"])
        assert total["standard_error"] < 0.2 * total["uncalibrated"]["standard_error"]
        assert mean["estimate"] == pytest.approx(total["estimate"] / len(rows))


def test_rows_without_a_value_count_as_the_mean(server: LiveServer, job: str) -> None:
    for method in ("difference", "ratio", "regression"):
        found = estimates(server, job, TOTAL_PAID, **by(method, "gap"))
        (paid,) = found["estimates"]
        truth = sum(PAID) + 0.5 * ROWS
        assert paid["estimate"] == pytest.approx(truth, abs=5 * paid["standard_error"])
        assert any('50 rows have no value in "gap"' in note for note in found["notes"])


def test_a_filter_of_the_draw_limits_the_totals(server: LiveServer, dataset: int) -> None:
    filtered = one("random", "book > 200", sample_size=60)
    found = estimates(server, drawn(server, dataset, filtered), TOTAL_BOOK, **by("ratio", "book"))
    assert found["estimates"][0]["estimate"] == pytest.approx(sum(b for b in BOOK if b > 200))


def test_shares_and_medians_are_calibrated(server: LiveServer, job: str) -> None:
    share = {"statistic": "proportion", "column": "region", "value": "north"}
    median = {"statistic": "quantile", "column": "book", "q": 0.5}
    found = estimates(server, job, share, median, **by("poststratify", "region"))
    north, middle = found["estimates"]
    assert north["estimate"] == pytest.approx(REGION.count("north") / ROWS)
    assert north["ci_low"] == north["ci_high"]
    assert middle["ci_low"] <= middle["estimate"] <= middle["ci_high"]


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (by("regression", "city"), "invalid_calibration", '"city" is of type VARCHAR'),
        (by("regression", "book", "book"), "invalid_calibration", "named twice"),
        (by("ratio", "book", "size"), "invalid_calibration", "up to 1 columns"),
        (by("ratio", "boook"), "unknown_column", "book"),
        (by("poststratify", "serial"), "invalid_calibration", "no sampled row"),
        (by("rake", "shop", "region", "city"), None, ""),
        (by("smooth", "book"), "invalid_request", ""),
        ({"calibrate": {"method": "ratio", "columns": []}}, "invalid_request", ""),
    ],
)
def test_columns_that_do_not_fit_are_explained(
    server: LiveServer, job: str, given: dict[str, Any], code: str | None, says: str
) -> None:
    answer = asked(server, job, {"statistics": [COUNT], **given})
    if code is None:
        assert answer.status_code == 200, answer.text
        return
    assert_problem(answer, 422, code)
    assert says in answer.json()["detail"] or says in answer.text


def test_collinear_columns_are_named(server: LiveServer, dataset: int) -> None:
    copied = server.new_dataset()
    lines = [f"{row},{row % 9},{2 * (row % 9) + 1}" for row in range(100)]
    server.import_text(copied, "\n".join(["id,a,b", *lines]) + "\n")
    job = drawn(server, copied, one("random", sample_size=40))
    answer = asked(server, job, {"statistics": [COUNT], **by("regression", "a", "b")})
    assert_problem(answer, 422, "invalid_calibration", '"b" is constant or a combination')
    assert answer.json()["errors"][0]["loc"] == ["body", "calibrate", "columns"]


def test_strata_that_were_not_drawn_refuse_a_calibration(server: LiveServer, dataset: int) -> None:
    sizes = one("stratified", strata_columns=["region"], sizes={"north": 20, "south": 20})
    answer = asked(
        server, drawn(server, dataset, sizes), {"statistics": [COUNT], **by("ratio", "book")}
    )
    assert_problem(answer, 422, "invalid_calibration", "no row of strata")


@pytest.mark.parametrize(
    ("design", "remainders"),
    [
        (one("weighted", weight_column="size", sample_size=80), (2, 3, 4)),
        (one("monetary_unit", book_column="size", sample_size=80), (2, 3, 4)),
        (one("monetary_unit", book_column="size", sample_size=60, population="negative"), (0,)),
    ],
)
def test_rows_that_could_not_be_drawn_are_not_in_the_totals(
    server: LiveServer, design: dict[str, Any], remainders: tuple[int, ...]
) -> None:
    """Of five rows, one has a negative size, one has 0, and every fiftieth none."""
    dataset = server.new_dataset()
    rows = range(1 if design["method"] == "weighted" else 0, 500)
    sizes = {
        row: "" if row % 50 == 2 else max(row % 5 - 1, 0 if design["method"] == "weighted" else -1)
        for row in rows
    }
    lines = [f"{row},{sizes[row]},{row + 1}" for row in rows]
    server.import_text(dataset, "\n".join(["id,size,book", *lines]) + "\n")
    total = {"statistic": "total", "column": "book"}
    found = estimates(
        server, drawn(server, dataset, design), total, true_values=True, **by("ratio", "book")
    )
    covered = sum(row + 1 for row in rows if row % 5 in remainders and row % 50 != 2)
    assert found["estimates"][0]["estimate"] == pytest.approx(covered)
    assert found["estimates"][0]["true_value"] == covered


def test_rounds_that_are_not_one_sample_are_calibrated(server: LiveServer, dataset: int) -> None:
    job = drawn(
        server,
        dataset,
        one("random", "region = 'north'", sample_size=40),
        one("stratified", strata_columns=["region"], sample_size=80),
    )
    for given in (by("regression", "book"), by("rake", "region", "city"), by("ratio", "book")):
        found = estimates(server, job, COUNT, TOTAL_PAID, **given)
        paid = found["estimates"][1]
        truth = sum(PAID) + 0.5 * ROWS
        assert paid["estimate"] == pytest.approx(truth, abs=5 * paid["standard_error"])
    assert found["design"]["method"] == "rounds"


def test_infinite_values_have_no_total(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "id,x\n" + "".join(f"{row},{row}.5\n" for row in range(50)))
    body = {"sql": "SELECT id, if(id = 7, 'inf'::DOUBLE, x) AS x FROM \"primary\""}
    stored = server.explore(dataset, body | {"output_name": "wild"})
    ref = stored["output_summary"]["output_ref"]
    drawn_ = server.draw(dataset, {"source_ref": ref, "rounds": [one("random", sample_size=20)]})
    answer = asked(server, drawn_["id"], {"statistics": [COUNT], **by("ratio", "x")})
    assert_problem(answer, 422, "invalid_calibration", "NaN or infinite values")
