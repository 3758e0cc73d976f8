"""The back-test of a sample: known figures, their intervals and the share that covers."""

from __future__ import annotations

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import drawn
from tests.support.live_server import LiveServer

ROWS = 500


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Columns of numbers a and b, categories city and paid, a text of its own in each row."""
    dataset_id = server.new_dataset()
    lines = [
        f"k{row},{row % 37},{row * row % 101}.5,{('Oslo', 'Lima', '')[row % 3]},"
        f"{'true' if row % 5 else 'false'}"
        for row in range(ROWS)
    ]
    server.import_text(dataset_id, "\n".join(["key,a,b,city,paid", *lines]) + "\n")
    return dataset_id


def test_numbers_and_categories_are_tested(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=120, seed=9))
    path = f"/api/sampling/jobs/{job}/backtest"
    found = server.admin.get(path).json()
    named = [(each["statistic"], each["column"], each["value"]) for each in found["figures"]]
    assert named[:2] == [("mean", "a", None), ("mean", "b", None)]
    of_city = [each[2] for each in named if each[1] == "city"]
    assert len(of_city) == 2
    assert None in of_city
    assert [each[2] for each in named if each[1] == "paid"] == [True]
    assert not any(each[1] == "key" for each in named)
    assert found["intervals"] == len(found["figures"]) == 5
    for each in found["figures"]:
        inside = each["ci_low"] <= each["true_value"] <= each["ci_high"]
        assert each["covers"] == inside
    assert found["covered"] == sum(each["covers"] for each in found["figures"])
    assert found["figures"][0]["true_value"] == pytest.approx(
        sum(r % 37 for r in range(ROWS)) / ROWS
    )
    narrow = server.admin.get(path, params={"confidence": 0.5}).json()
    assert narrow["covered"] <= found["covered"]


def test_figures_known_by_design_are_not_counted(server: LiveServer, dataset: int) -> None:
    strata = one("stratified", strata_columns=["paid"], samples_per_stratum=40)
    job = drawn(server, dataset, strata)
    found = server.admin.get(f"/api/sampling/jobs/{job}/backtest").json()
    (share,) = [each for each in found["figures"] if each["column"] == "paid"]
    assert (share["exact"], share["covers"], share["standard_error"]) == (True, None, 0.0)
    assert found["intervals"] == len(found["figures"]) - 1
    assert any(note.startswith("1 figure is exact by design") for note in found["notes"])


def test_a_census_is_exact(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_fraction=1.0))
    found = server.admin.get(f"/api/sampling/jobs/{job}/backtest").json()
    assert found["covered"] == found["intervals"] == 0
    assert all(each["exact"] for each in found["figures"])


def test_a_wrong_confidence_is_refused(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=20))
    for wrong in ("1", "0.4", "nan", "much"):
        answer = server.admin.get(
            f"/api/sampling/jobs/{job}/backtest", params={"confidence": wrong}
        )
        assert_problem(answer, 422, "invalid_request")


def test_a_column_with_nan_does_not_stop_the_others(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    lines = [f"{row},{'nan' if row % 3 else row}.0".replace("nan.0", "nan") for row in range(60)]
    server.import_text(dataset_id, "\n".join(["a,odd", *lines]) + "\n")
    job = drawn(server, dataset_id, one("random", sample_size=30))
    found = server.admin.get(f"/api/sampling/jobs/{job}/backtest").json()
    assert [each["column"] for each in found["figures"]] == ["a"]
    assert '"odd" has NaN or infinite values: left out.' in found["notes"]
