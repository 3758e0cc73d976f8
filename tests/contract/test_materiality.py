"""Sizes of audit samples for a materiality over HTTP, of rows and of money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from scipy.stats import hypergeom

from tests.support.live_server import LiveServer

AMOUNTS = [Decimal(row * row % 9_973) / 100 + 1 for row in range(1_200)] + [Decimal("-20.00")]
TOTAL = sum(AMOUNTS) + 20
ROWS = {"method": "random", "parameters": {}}
MONEY = {"method": "monetary_unit", "parameters": {"book_column": "amount"}}


@pytest.fixture(scope="module")
def ledger(server: LiveServer) -> int:
    dataset = server.new_dataset()
    lines = [f"{row},{amount:.2f}" for row, amount in enumerate(AMOUNTS)]
    server.import_text(dataset, "\n".join(["id,amount", *lines]) + "\n")
    return dataset


def size(server: LiveServer, ledger: int, goal: dict[str, Any], design: dict[str, Any]) -> Any:
    body = {"goal": goal, "design": design}
    return server.admin.post(f"/api/sampling/datasets/{ledger}/size", json=body)


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ({"materiality": 0.03, "likelihood": "poisson"}, 100),
        ({"materiality": 0.03, "expected": 0.01, "likelihood": "binomial"}, 257),
        ({"materiality": 0.05, "confidence": 0.9}, 45),
        ({"materiality": 0.05, "expected": 1, "likelihood": "binomial"}, 93),
        ({"materiality": 0.05, "likelihood": "hypergeometric", "confidence": 0.9}, 45),
    ],
)
def test_attributes_have_the_published_sizes(
    server: LiveServer, ledger: int, goal: dict[str, Any], expected: int
) -> None:
    design = {**ROWS, "filters": {"expression": "amount > 0"}}
    found = size(server, ledger, goal, design).json()
    assert (found["sample_size"], found["eligible_rows"]) == (expected, 1_200)
    assert found["parameters"] == {"sample_size": expected}
    arithmetic = found["materiality"]
    assert arithmetic["upper_limit"] < goal["materiality"] <= arithmetic["limit_of_one_less"]
    assert (arithmetic["two_stages"] is None) == ("expected" in goal)
    if stages := arithmetic["two_stages"]:
        start = f"Examine {stages['first']} rows: with no exception accept, with more than 1 don't."
        assert stages["rule"].startswith(start)
    assert (found["margin_of_error"], found["goals"]) == (None, [])


@pytest.mark.parametrize("share", [True, False])
def test_money_is_sized_by_a_share_or_an_amount(
    server: LiveServer, ledger: int, share: bool
) -> None:
    goal: dict[str, Any] = {"materiality": 0.03, "expected": 0.01}
    if not share:
        goal = {"materiality": float(TOTAL) * 0.03, "expected": float(TOTAL) * 0.01}
    found = size(server, ledger, {**goal, "book_column": "amount"}, MONEY).json()
    assert found["sample_size"] == 220
    assert found["materiality"]["materiality"] == pytest.approx(0.03)
    assert Decimal(found["materiality"]["book_total"]) == TOTAL
    assert float(found["materiality"]["interval"]) == pytest.approx(float(TOTAL) / 220, abs=0.01)


def test_the_round_of_an_answer_is_drawn_and_records_its_goal(
    server: LiveServer, ledger: int
) -> None:
    found = size(server, ledger, {"materiality": 0.05}, MONEY).json()
    assert found["materiality"]["two_stages"] is None  # a larger draw has other first units
    assert found["notes"][0].startswith(
        "If the taints of the rows that aren't always drawn add up to 0 at most, and those always "
        "drawn have no error, errors are below"
    )
    job = server.draw(ledger, {"rounds": [found["round"]]})
    drawn = job["output_summary"]["rounds"][0]["monetary_unit"]
    assert drawn["units"] + drawn["take_all"]["rows"] == found["sample_size"] == 60
    goal = job["run_parameters"]["rounds"][0]["goal"]
    assert goal == {"materiality": 0.05, "confidence": 0.95, "likelihood": "poisson"}


def test_rows_are_planned_with_a_whole_number_of_errors(server: LiveServer, ledger: int) -> None:
    """AICPA's table A-1 has 93 rows with 1 error, also by the binomial likelihood."""
    goal = {"materiality": 0.05, "expected": 0.01}
    for likelihood, rows in (("binomial", 93), ("hypergeometric", 89), ("poisson", 95)):
        found = size(server, ledger, {**goal, "likelihood": likelihood}, ROWS).json()
        arithmetic = found["materiality"]
        assert (found["sample_size"], arithmetic["tolerated_errors"]) == (rows, 1)
        # 13 of 1,201 rows are 1 %, rounded up
        chance = hypergeom.cdf(1, 1_201, 13, rows)
        assert arithmetic["pass_chance"] == pytest.approx(chance)
        assert found["notes"][1] == (
            "With 1.0 % of the rows in error, as expected, the sample has no more with a "
            f"probability of {100 * chance:.1f} %."
        )
    assert size(server, ledger, goal, MONEY).json()["materiality"]["pass_chance"] is None


@pytest.mark.parametrize(("design", "likelihood"), [(ROWS, "hypergeometric"), (MONEY, "poisson")])
@pytest.mark.parametrize("is_sized", [True, False])
def test_a_sample_is_evaluated_by_the_likelihood_of_its_plan(
    server: LiveServer, ledger: int, design: dict[str, Any], likelihood: str, is_sized: bool
) -> None:
    goal: dict[str, Any] = {"materiality": 0.05}
    found = size(server, ledger, goal, design).json()
    assert found["round"]["goal"]["likelihood"] == likelihood
    assert found["materiality"]["likelihood"] == likelihood
    drawn = found["round"] if is_sized else {**found["round"], "goal": goal}
    job = server.draw(ledger, {"rounds": [drawn]})
    assert job["run_parameters"]["rounds"][0]["goal"]["likelihood"] == likelihood
    path = f"/api/sampling/jobs/{job['id']}"
    items = server.admin.get(f"{path}/findings", params={"limit": 1000}).json()["items"]
    findings = [{"row_id": item["row_id"], "outcome": "ok"} for item in items]
    server.admin.post(f"{path}/findings", json={"findings": findings})
    answer = server.admin.post(f"{path}/evaluation", json={}).json()
    assert (answer["likelihood"], answer["departure"]) == (likelihood, None)
    assert answer["conclusion"]["is_tolerable"]
    other = server.admin.post(f"{path}/evaluation", json={"likelihood": "binomial"}).json()
    assert other["departure"] == (
        f"Planned: likelihood {likelihood}; evaluated with: likelihood binomial."
    )
    body = {
        "kind": "variables",
        "book_column": "amount",
        "estimator": "mean_per_unit",
        "confidence": 0.8,
    }
    amounts = server.admin.post(f"{path}/evaluation", json=body)
    assert amounts.status_code == 200, amounts.text
    assert amounts.json()["confidence"] == 0.8
    assert "evaluated with: " in amounts.json()["departure"]
    assert "confidence 80 %" in amounts.json()["departure"]


@pytest.mark.parametrize(
    ("goal", "design", "loc"),
    [
        ({"materiality": 0}, ROWS, ["goal", "materiality"]),
        ({"materiality": 0.03, "margin": 0.1}, ROWS, ["goal", "margin"]),
        ({"expected": 0.03, "margin": 0.1}, ROWS, ["goal", "expected"]),
        ({"materiality": 0.03, "expected": 0.03}, ROWS, ["goal", "expected"]),
        ({"materiality": 5_000}, ROWS, ["goal", "materiality"]),
        ({"materiality": 0.03, "book_column": "amount"}, ROWS, ["goal", "book_column"]),
        ({"materiality": 0.03, "likelihood": "hypergeometric"}, MONEY, ["goal", "likelihood"]),
        ({"materiality": 1e9}, MONEY, ["goal", "materiality"]),
        ({"materiality": 0.03, "expected": 0.029}, MONEY, ["goal", "expected"]),
        (
            {"materiality": 0.03},
            {"method": "weighted", "parameters": {"weight_column": "amount"}},
            ["design", "method"],
        ),
        (
            {"materiality": 0.03},
            {"method": "monetary_unit", "parameters": {"book_column": "amont"}},
            ["design", "parameters", "book_column"],
        ),
    ],
)
def test_goals_that_do_not_fit_are_refused(
    server: LiveServer, ledger: int, goal: object, design: object, loc: list[Any]
) -> None:
    answer = size(server, ledger, goal, design)  # type: ignore[arg-type]
    assert answer.status_code == 422, answer.text
    assert ["body", *loc] in [error["loc"] for error in answer.json()["errors"]]


def test_money_is_not_drawn_with_a_likelihood_of_rows(server: LiveServer, ledger: int) -> None:
    """It would be recorded, and refused by the evaluation."""
    goal = {"materiality": 0.05, "likelihood": "hypergeometric"}
    parameters = {**MONEY["parameters"], "sample_size": 20}  # type: ignore[dict-item]
    body = {"rounds": [{**MONEY, "parameters": parameters, "goal": goal}]}
    answer = server.admin.post(f"/api/sampling/datasets/{ledger}/jobs", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "rounds", 0, "goal", "likelihood"]


@pytest.mark.parametrize(
    ("goal", "shares"),
    [
        ({"materiality": "5 %", "expected": "0,5%", "confidence": "95"}, (0.05, 0.005, 0.95)),
        ({"materiality": "60,05", "expected": "1", "confidence": "50 %"}, (0.05, 1, 0.5)),
        ({"materiality": "60.05", "confidence": "99,9%"}, (0.05, 0, 0.999)),
    ],
)
def test_numbers_are_read_as_they_are_written(
    server: LiveServer, ledger: int, goal: dict[str, Any], shares: tuple[float, ...]
) -> None:
    found = size(server, ledger, goal, ROWS).json()
    arithmetic = found["materiality"]
    read = (arithmetic["materiality"], arithmetic["expected"], found["confidence"])
    assert read == pytest.approx(shares)
    assert isinstance(found["round"]["goal"]["materiality"], float)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("materiality", "250.000", "250.000 can be read in two ways. Write 250000, or 250.0000"),
        ("materiality", "1,000%", "can be read in two ways"),
        ("materiality", "100 %", "below 100%"),
        ("expected", "few", '"few" is no number'),
        ("materiality", "1e999", "is not a finite number"),
        ("confidence", "49 %", "from 0.5, and below 1"),
        ("confidence", 1, "from 0.5, and below 1"),
        ("confidence", "100 %", "from 0.5, and below 1"),
        ("materiality", True, "Must be a number, not true"),
    ],
)
def test_numbers_that_can_not_be_read_are_refused(
    server: LiveServer, ledger: int, name: str, text: Any, message: str
) -> None:
    answer = size(server, ledger, {"materiality": 0.05, name: text}, ROWS)
    (error,) = answer.json()["errors"]
    assert error["loc"] == ["body", "goal", name]
    assert message in error["msg"]


def test_a_materiality_is_the_only_goal(server: LiveServer, ledger: int) -> None:
    body = {"goals": [{"materiality": 0.03}, {"margin": 0.03}], "design": ROWS}
    answer = server.admin.post(f"/api/sampling/datasets/{ledger}/size", json=body)
    assert answer.json()["errors"][0]["loc"] == ["body", "goals"]


@pytest.mark.parametrize(
    ("design", "parameters", "template"),
    [
        (ROWS, {}, "The plan needs {} rows; {} were drawn."),
        (MONEY, MONEY["parameters"], "The plan needs {} monetary units; {} were drawn."),
    ],
)
def test_a_draw_of_another_size_than_its_plan_says_so(
    server: LiveServer, ledger: int, design: dict[str, Any], parameters: Any, template: str
) -> None:
    goal = {"materiality": 0.08, "expected": 0.02, "confidence": 0.95}
    needed = size(server, ledger, goal, design).json()["sample_size"]
    for drawn in (needed - 30, needed, needed + 30):
        step = {**design, "parameters": {**parameters, "sample_size": drawn}, "goal": goal}
        body = {"rounds": [step]}
        sentence = template.format(needed, drawn)
        warnings = [sentence] if drawn < needed else []
        planned = server.admin.post(f"/api/sampling/datasets/{ledger}/plan", json=body).json()
        job = server.draw(ledger, body)
        assert planned["warnings"] == job["output_summary"]["warnings"] == warnings
        path = f"/api/sampling/jobs/{job['id']}"
        facts = server.admin.get(f"{path}/paper-facts").json()
        missing = [each["missing"] for each in facts["missing"]]
        is_planned = drawn == needed
        assert (facts["defaults"]["design_reason"] is not None) == is_planned
        assert ("Reason for method and size" in missing) != is_planned
        items = server.admin.get(f"{path}/findings", params={"limit": 1000}).json()["items"]
        findings = [{"row_id": item["row_id"], "outcome": "ok"} for item in items]
        server.admin.post(f"{path}/findings", json={"findings": findings})
        paper = server.admin.get(f"{path}/working-paper", params={"format": "html"}).text
        assert (sentence in paper) != is_planned


@pytest.mark.parametrize(
    "design",
    [ROWS, {**MONEY, "parameters": {**MONEY["parameters"], "selection": "random"}}],
)
def test_a_sequential_evaluation_takes_the_planned_materiality(
    server: LiveServer, ledger: int, design: dict[str, Any]
) -> None:
    drawn = size(server, ledger, {"materiality": 0.05}, design).json()["round"]
    path = f"/api/sampling/jobs/{server.draw(ledger, {'rounds': [drawn]})['id']}"
    items = server.admin.get(f"{path}/findings", params={"limit": 1000}).json()["items"]
    findings = [{"row_id": item["row_id"], "outcome": "ok"} for item in items]
    server.admin.post(f"{path}/findings", json={"findings": findings})
    answers = [
        server.admin.post(f"{path}/evaluation", json={"kind": "sequential", **more})
        for more in ({}, {"tolerable": 0.05})
    ]
    assert answers[0].status_code == 200, answers[0].text
    assert answers[0].json() == answers[1].json()
