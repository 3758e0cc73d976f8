"""The evaluation of findings over HTTP: figures of the engine, and what is refused."""

from __future__ import annotations

import html
from decimal import Decimal
from typing import Any

import httpx
import pytest

from estimation_engine.audit.limits import binomial_limit
from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROW = "row_id"
WRONG = {"outcome": "exception", "audit_value": "0.05"}


@pytest.fixture
def dataset(server: LiveServer) -> int:
    """1,200 rows with amounts from 0.25 to 300."""
    dataset_id = server.new_dataset()
    lines = [f"{row:05d},{(row + 1) / 4}" for row in range(1200)]
    server.import_text(dataset_id, "\n".join(["invoice,amount", *lines]) + "\n")
    return dataset_id


def drawn(server: LiveServer, dataset: int, draw: dict[str, Any], **more: Any) -> str:
    job = server.draw(dataset, {"rounds": [{**draw, **more}]})
    assert job["status"] == "completed", job
    return str(job["id"])


def examined(server: LiveServer, job: str, *special: dict[str, Any], rows: int = 1000) -> list[Any]:
    """Enter special findings about the first rows, and OK about the others."""
    path = f"/api/sampling/jobs/{job}/findings"
    items: list[Any] = server.admin.get(path, params={"limit": 1000}).json()["items"]
    found = [
        {ROW: item[ROW], "outcome": "ok", **(special[at] if at < len(special) else {})}
        for at, item in enumerate(items[:rows])
    ]
    answer = server.admin.post(path, json={"findings": found})
    assert answer.status_code == 200, answer.text
    return items


def evaluated(server: LiveServer, job: str, kind: str, **more: Any) -> httpx.Response:
    body = {"kind": kind, **more}
    return server.admin.post(f"/api/sampling/jobs/{job}/evaluation", json=body)


def conclusion_part(paper: str) -> str:
    """What stands on the cover between the figures' conclusion and the auditor's own."""
    start = paper.index("<dt>Conclusion</dt>")
    return paper[start : paper.index("<dt>Auditor's conclusion</dt>", start)]


def test_exceptions_have_the_published_limit(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=102))
    examined(server, job, {"outcome": "exception"}, {"outcome": "not_examinable"})
    answer = evaluated(server, job, "attributes", confidence=0.9, tolerable=0.05)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["examined"], found["exceptions"], found["population"]) == (102, 2, 1200)
    assert found["upper_limit"] == pytest.approx(0.0491667, abs=5e-8)
    assert found["conclusion"]["is_tolerable"] is True
    assert found["conclusion"]["sentence"].startswith("The upper limit, 4.92 %, is below")
    assert found["arithmetic"][-1] == {
        "name": "Upper limit",
        "formula": "59 / 1200",
        "value": pytest.approx(59 / 1200),
    }
    above = evaluated(server, job, "attributes", confidence=0.9, tolerable=0.04).json()
    assert above["conclusion"]["is_tolerable"] is False


def test_money_has_stringers_bound(server: LiveServer, dataset: int) -> None:
    draw = one("monetary_unit", book_column="amount", sample_size=50, seed=3)
    job = drawn(server, dataset, draw)
    items = server.admin.get(f"/api/sampling/jobs/{job}/findings").json()["items"]
    book = items[0]["data"]["amount"]
    half = f"{book / 2:.2f}"
    examined(server, job, {"outcome": "exception", "audit_value": half})
    found = evaluated(server, job, "monetary_unit", tolerable=20_000).json()
    total = sum(row + 1 for row in range(1200)) / 4
    taint = (book - float(half)) / book
    basic, first = (binomial_limit(errors, 50, 0.95) for errors in (0, 1))
    over = found["overstatement"]
    assert float(found["book_value"]) == total
    assert float(over["basic_precision"]) == pytest.approx(basic * total, abs=0.01)
    assert float(over["projected"]) == pytest.approx(taint / 50 * total, abs=0.01)
    assert float(over["upper_limit"]) == pytest.approx(
        (basic + (first - basic) * taint) * total, abs=0.01
    )
    assert [row["row_id"] for row in over["arithmetic"]] == [None, items[0][ROW]]
    assert over["found"] == {"rows": 50, "errors": 1, "amount": f"{book - float(half):.2f}"}
    assert found["conclusion"]["is_tolerable"] is True
    assert len(found["understatement"]["arithmetic"]) == 1
    above = evaluated(server, job, "monetary_unit", tolerable=10_000).json()
    likely = f"The most likely misstatement, {float(over['projected']):,.2f} ("
    assert likely in above["conclusion"]["sentence"]
    assert "planned" not in above["conclusion"]["sentence"]


def test_the_upper_limit_is_the_sum_of_its_parts(server: LiveServer) -> None:
    dataset = server.new_dataset()
    rows = ["90000.00", *(f"{100 + row % 50}.37" for row in range(900))]
    server.import_text(dataset, "\n".join(["amount", *rows]) + "\n")
    draw = one("monetary_unit", book_column="amount", sample_size=30, seed=5)
    job = drawn(server, dataset, draw)
    wrong = {"outcome": "exception", "audit_value": "89000"}
    items = examined(server, job, wrong, {"outcome": "exception", "audit_value": "70"})
    assert items[0]["data"]["amount"] == 90000
    for likelihood in ("binomial", "poisson"):
        found = evaluated(server, job, "monetary_unit", likelihood=likelihood).json()
        over = found["overstatement"]
        assert over["take_all"]["amount"] == "1000.00"
        names = ("basic_precision", "projected", "incremental_allowance")
        parts = sum(Decimal(over[name]) for name in names)
        assert parts + Decimal(over["take_all"]["amount"]) == Decimal(over["upper_limit"])
        likely = Decimal(over["projected"]) + Decimal(over["take_all"]["amount"])
        assert Decimal(over["most_likely"]) == likely
        assert over["found"]["errors"] == 2


def test_a_look_is_valid_after_any_row(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=200))
    examined(server, job, rows=100)
    found = evaluated(server, job, "sequential", tolerable=0.10).json()
    assert (found["examined"], found["drawn"], found["decision"]) == (100, 200, "accept")
    assert found["exceptions_by_size"] == [0] * 100
    boundary = found["boundary"]
    assert len(boundary["sizes"]) == len(boundary["accept"]) == len(boundary["reject"]) == 200
    assert boundary["accept"][99] >= 0


def test_replaced_rows_count_as_their_replacements(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=20))
    items = examined(server, job)
    body = {ROW: items[4][ROW], "reason": "no document"}
    answer = server.admin.post(f"/api/sampling/jobs/{job}/replacements", json=body)
    refused = evaluated(server, job, "attributes")
    assert_problem(refused, 422, "invalid_findings")
    row = {ROW: answer.json()["replacement_row_id"], "outcome": "exception"}
    server.admin.post(f"/api/sampling/jobs/{job}/findings", json=row)
    found = evaluated(server, job, "attributes").json()
    assert (found["examined"], found["exceptions"], found["replaced"]) == (20, 1, 1)


@pytest.mark.parametrize(
    ("filters", "scope"),
    [
        ({"expression": "amount > 100"}, "amount > 100"),
        (
            {"conditions": [{"column": "amount", "operator": ">", "value": 100}]},
            '"amount" > 100',
        ),
    ],
)
def test_a_filter_narrows_the_conclusion(
    server: LiveServer, dataset: int, filters: dict[str, Any], scope: str
) -> None:
    draw = one("random", sample_size=50)
    job = drawn(server, dataset, draw, filters=filters)
    examined(server, job, WRONG)
    amounts = {"book_column": "amount", "tolerable": 90_000}
    for kind, more in (
        ("attributes", {"tolerable": 0.2}),
        ("sequential", {"tolerable": 0.2}),
        ("variables", amounts),
    ):
        found = evaluated(server, job, kind, **more).json()
        assert found["scope"] == scope
        assert found["conclusion"]["sentence"].endswith(f"rows that pass {scope} alone.")
    assert float(found["book_value"]) == sum(row + 1 for row in range(400, 1200)) / 4


def test_audit_values_are_projected(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=100))
    items = examined(server, job, *[WRONG] * 30, {"outcome": "not_examinable"})
    books = [item["data"]["amount"] for item in items]
    wrong = sum(books[:31]) - 30 * 0.05
    more = {"book_column": "amount", "tolerable": 60_000, "sides": "two"}
    answer = evaluated(server, job, "variables", **more)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert float(found["book_value"]) == sum(row + 1 for row in range(1200)) / 4
    assert float(found["projected"]) == pytest.approx(wrong * 12, abs=0.01)
    assert (found["examined"], found["errors"]) == (100, 31)
    assert float(found["upper_limit"]) - float(found["projected"]) == pytest.approx(
        float(found["margin"]), abs=0.02
    )
    total = {"statistic": "total", "column": "misstatement"}
    body = {"statistics": [total], "values": "findings", "book_column": "amount"}
    path = f"/api/sampling/jobs/{job}/estimates"
    (estimate,) = server.admin.post(path, json=body).json()["estimates"]
    assert float(found["lower_limit"]) == pytest.approx(estimate["ci_low"], abs=0.01)
    assert "within the tolerable 60,000.00" in found["conclusion"]["sentence"]
    assert float(found["found"]) == pytest.approx(wrong, abs=0.01)
    assert (
        f"errors found in the sample are {wrong:,.2f} in 31 rows"
        in (found["conclusion"]["sentence"])
    )
    ratio = evaluated(server, job, "variables", estimator="ratio", **more).json()
    assert float(ratio["projected"]) == pytest.approx(
        float(found["book_value"]) * wrong / sum(books), rel=1e-6
    )
    assert ratio["formula"] == "B − B·Σ w·a / Σ w·b"


def test_replaced_rows_are_projected_by_their_replacements(
    server: LiveServer, dataset: int
) -> None:
    job = drawn(server, dataset, one("random", sample_size=40))
    examined(server, job)
    items = server.admin.get(f"/api/sampling/jobs/{job}/findings").json()["items"]
    body = {ROW: items[0][ROW], "reason": "internal"}
    made = server.admin.post(f"/api/sampling/jobs/{job}/replacements", json=body).json()
    row = {ROW: made["replacement_row_id"], "outcome": "exception", "audit_value": "0"}
    server.admin.post(f"/api/sampling/jobs/{job}/findings", json=row)
    found = evaluated(server, job, "variables", book_column="amount").json()
    page = server.admin.get(f"/api/sampling/jobs/{job}/findings").json()["items"]
    book = next(item for item in page if item[ROW] == made["replacement_row_id"])["data"]["amount"]
    assert float(found["projected"]) == pytest.approx(book * 30, abs=0.01)
    assert found["caveats"][0].startswith("1 examined row is in error")


def test_amounts_are_tested_after_any_row(server: LiveServer) -> None:
    dataset = server.new_dataset()
    rows = ["90000", *(f"{100 + row % 50}.00" for row in range(2000))]
    server.import_text(dataset, "\n".join(["amount", *rows]) + "\n")
    draw = one("monetary_unit", book_column="amount", sample_size=200, selection="random", seed=5)
    job = drawn(server, dataset, draw)
    path = f"/api/sampling/jobs/{job}"
    items = server.admin.get(f"{path}/findings", params={"limit": 1000}).json()["items"]
    order = server.rows(job, limit=1000)
    assert items[0]["data"]["amount"] == 90000
    clean = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    second = {**clean[1], "outcome": "exception", "audit_value": "50"}
    server.admin.post(f"{path}/findings", json={"findings": [second, *clean[2:]]})
    refused = evaluated(server, job, "sequential", tolerable=20_000)
    assert_problem(refused, 422, "invalid_findings", "1 row that is always drawn has no finding")
    first = {**clean[0], "outcome": "exception", "audit_value": "89000"}
    server.admin.post(f"{path}/findings", json=first)
    found = evaluated(server, job, "sequential", tolerable=20_000).json()
    assert (found["measure"], found["decision"]) == ("amount", "accept")
    assert found["take_all"] == {"rows": 1, "errors": 1, "amount": "1000.00"}
    share = evaluated(server, job, "sequential", tolerable=0.05).json()
    of = f"{float(found['book_value']):,.2f}"
    assert share["notes"][0].startswith(f"Tolerable: 5.00 % of {of} = ")
    assert float(share["tolerable"]) == pytest.approx(0.05 * float(found["book_value"]), abs=0.01)
    left = len([row for row in order if row["_inclusion_probability"] < 1])
    assert (found["drawn"], found["examined"], found["exceptions"]) == (left, left, 1)
    product, before, seen = 1.0, 0.0, 0
    units = round(float(found["sampled_value"]) * 100)
    share = (20_000 - 1_000) * 100 / units
    for line in found["arithmetic"]:
        mean = (units * (1 - share) - before) / (units - seen)
        assert line["null_mean"] == pytest.approx(mean)
        product *= 1 + line["bet"] * (line["value"] - mean)
        assert line["statistic"] == pytest.approx(product)
        before, seen = before + line["units"] * line["value"], seen + line["units"]
    assert found["statistics_by_size"][found["accepted_at"] - 1] >= found["threshold"]
    assert 1_000 < float(found["upper_limit"]) < 20_000
    known = evaluated(server, job, "sequential", tolerable=900).json()
    assert known["decision"] == "reject"
    too_much = evaluated(server, job, "sequential", tolerable=10**9)
    assert_problem(too_much, 422, "invalid_findings", "must be below")


def test_a_replaced_row_of_a_sequence_of_amounts_has_no_misstatement(
    server: LiveServer, dataset: int
) -> None:
    draw = one("monetary_unit", book_column="amount", sample_size=30, selection="random")
    job = drawn(server, dataset, draw)
    items = examined(server, job)
    body = {ROW: items[0][ROW], "reason": "internal"}
    server.admin.post(f"/api/sampling/jobs/{job}/replacements", json=body)
    found = evaluated(server, job, "sequential", tolerable=50_000).json()
    assert (found["examined"], found["exceptions"], found["replaced"]) == (len(items), 0, 1)


MONEY = one("monetary_unit", book_column="amount", sample_size=5)
RANDOM_MONEY = one("monetary_unit", book_column="amount", sample_size=5, selection="random")
AMOUNT = {"tolerable": 5000}
BOOK = {"book_column": "amount"}


@pytest.mark.parametrize(
    ("draw", "special", "kind", "more", "detail"),
    [
        (one("random", sample_size=5), {}, "variables", {}, "with book_column"),
        (one("random", sample_size=5), {}, "variables", BOOK, "No examined row has a misstatement"),
        (
            one("random", sample_size=5),
            {"outcome": "exception"},
            "variables",
            BOOK,
            "has no audit value",
        ),
        (
            one("random", sample_size=5),
            {},
            "attributes",
            {"estimator": "ratio"},
            "by attributes has no `estimator`",
        ),
        (one("random", sample_size=5), None, "variables", BOOK, "5 rows have no finding"),
        (MONEY, {}, "sequential", AMOUNT, "Only units that were selected at random"),
        (RANDOM_MONEY, {}, "attributes", {}, "not for monetary unit: "),
        (
            RANDOM_MONEY,
            {"outcome": "exception", "audit_value": "-1"},
            "sequential",
            AMOUNT,
            "is above its book value",
        ),
        (one("random", sample_size=5), None, "attributes", {}, "or evaluate it as sequential"),
        (one("random", sample_size=5), {}, "monetary_unit", {}, "drawn by monetary units"),
        (one("random", sample_size=5), {}, "attributes", {"tolerable": 2}, "above 0 and below 1"),
        (one("random", sample_size=5), {}, "sequential", {}, "needs a tolerable share"),
        (one("random", sample_size=5), None, "sequential", {"tolerable": 0.1}, "has no finding"),
        (
            one("random", sample_size=5),
            {"outcome": "not_applicable"},
            "attributes",
            {},
            "was not replaced",
        ),
        (
            one("weighted", weight_column="amount", sample_size=5),
            {},
            "attributes",
            {},
            "not for weighted",
        ),
        (
            one("monetary_unit", book_column="amount", sample_size=5),
            {"outcome": "exception"},
            "monetary_unit",
            {},
            "has no audit value",
        ),
    ],
)
def test_what_can_not_be_evaluated_is_refused(
    server: LiveServer,
    dataset: int,
    draw: dict[str, Any],
    special: dict[str, Any] | None,
    kind: str,
    more: dict[str, Any],
    detail: str,
) -> None:
    job = drawn(server, dataset, draw)
    if special is not None:
        examined(server, job, special)
    answer = evaluated(server, job, kind, **more)
    assert_problem(answer, 422, "invalid_findings")
    assert detail in answer.json()["detail"]


def test_a_sequence_follows_the_draw_and_not_the_sorted_file(
    server: LiveServer, dataset: int
) -> None:
    by_amount = {"selection": {"order_by": "amount"}}
    job = drawn(server, dataset, one("random", sample_size=40), **by_amount)
    path = f"/api/sampling/jobs/{job}/findings"
    rows = server.rows(job, limit=40)
    assert rows == sorted(rows, key=lambda row: float(row["amount"]))
    by_draw = sorted(rows, key=lambda row: int(row["_selection_order"]))
    smallest, first = (each[0]["_logical_row_id"] for each in (rows, by_draw))
    assert smallest != first
    server.admin.post(path, json={"findings": [{ROW: smallest, "outcome": "ok"}]})
    refused = evaluated(server, job, "sequential", tolerable=0.1)
    assert first in assert_problem(refused, 422, "invalid_findings")["detail"]
    server.admin.post(path, json={"findings": [{ROW: first, "outcome": "exception"}]})
    found = evaluated(server, job, "sequential", tolerable=0.1).json()
    assert (found["examined"], found["exceptions"]) == (1, 1)


def test_several_rounds_of_units_have_no_sequence(server: LiveServer, dataset: int) -> None:
    draw = one("monetary_unit", book_column="amount", sample_size=5, selection="random")
    job = server.draw(dataset, {"rounds": [draw, {**draw, "round_number": 2}]})["id"]
    refused = evaluated(server, job, "sequential", tolerable=5000)
    detail = assert_problem(refused, 422, "invalid_findings")["detail"]
    assert detail.startswith("A sequential evaluation of amounts needs a sample of one round")
    missing = evaluated(server, job, "monetary_unit")
    assert "sequential" not in assert_problem(missing, 422, "invalid_findings")["detail"]


def test_a_systematic_sample_has_no_sequence(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("systematic", interval=100))
    missing = evaluated(server, job, "attributes")
    assert "sequential" not in assert_problem(missing, 422, "invalid_findings")["detail"]
    examined(server, job)
    assert evaluated(server, job, "attributes").status_code == 200
    refused = evaluated(server, job, "sequential", tolerable=0.1)
    assert_problem(refused, 422, "invalid_findings")


def test_the_replacement_of_a_take_all_row_is_a_selected_unit(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "\n".join(["amount", "5000", *["10"] * 300]) + "\n")
    job = drawn(server, dataset, one("monetary_unit", book_column="amount", sample_size=21))
    first = examined(server, job)[0]
    assert first["data"]["amount"] == 5000
    replaced = server.admin.post(
        f"/api/sampling/jobs/{job}/replacements", json={ROW: first[ROW], "reason": "internal"}
    ).json()
    finding = {ROW: replaced["replacement_row_id"], "outcome": "exception", "audit_value": "0"}
    server.admin.post(f"/api/sampling/jobs/{job}/findings", json=finding)
    found = evaluated(server, job, "monetary_unit").json()
    assert (found["units"], found["book_value"], found["sampled_value"]) == (21, "3000", "3000")
    over = found["overstatement"]
    assert over["take_all"] == {"rows": 0, "errors": 0, "amount": "0"}
    assert over["projected_share"] == pytest.approx(1 / 21)


OUTSIDE = {"outcome": "not_applicable", "note": "void"}


def test_rows_that_nothing_can_replace_make_the_sample_smaller(
    server: LiveServer, dataset: int
) -> None:
    job = drawn(server, dataset, one("systematic", interval=12))
    examined(server, job, OUTSIDE, OUTSIDE, {"outcome": "exception"})
    found = evaluated(server, job, "attributes", tolerable=0.05).json()
    assert (found["examined"], found["exceptions"], found["population"]) == (98, 1, 1198)
    assert found["not_applicable"] == 2
    assert [line["formula"] for line in found["arithmetic"][:3]] == [
        *("100 − 2", "1200 − 2", "1 / 98")
    ]
    assert found["conclusion"]["sentence"].endswith(
        "2 drawn rows aren't applicable, and no row is left to replace them: the sample is smaller "
        "by them."
    )
    assert "can be too high, but not too low" in found["notes"][0]
    whole = drawn(server, dataset, one("systematic", interval=12))
    examined(server, whole, {}, {}, {"outcome": "exception"})
    full = evaluated(server, whole, "attributes").json()
    assert found["upper_limit"] > full["upper_limit"]
    assert full["not_applicable"] == 0
    wrong = {ROW: examined(server, job, OUTSIDE, OUTSIDE)[2][ROW]}
    wrong |= {"outcome": "exception", "audit_value": "0"}
    server.admin.post(f"/api/sampling/jobs/{job}/findings", json=wrong)
    amounts = evaluated(server, job, "variables", book_column="amount").json()
    assert (amounts["examined"], amounts["errors"]) == (100, 1)
    assert any("2 rows. The misstatement of such rows is 0" in text for text in amounts["caveats"])


def test_a_sample_is_evaluated_once_its_reserves_are_used(server: LiveServer) -> None:
    small = server.new_dataset()
    server.import_text(small, "id\n" + "\n".join(str(row) for row in range(9)) + "\n")
    job = drawn(server, small, one("random", sample_size=8))
    rows = [each[ROW] for each in examined(server, job, OUTSIDE, OUTSIDE)]
    refused = evaluated(server, job, "attributes")
    assert_problem(refused, 422, "invalid_findings", "Replace it")
    path = f"/api/sampling/jobs/{job}"
    made = server.admin.post(f"{path}/replacements", json={ROW: rows[0], "reason": "void"}).json()
    new = {ROW: made["replacement_row_id"], "outcome": "ok"}
    assert server.admin.post(f"{path}/findings", json=new).status_code == 200
    last = server.admin.post(f"{path}/replacements", json={ROW: rows[1], "reason": "void"})
    assert_problem(last, 409, "no_row_left", "the evaluation leaves it out")
    found = evaluated(server, job, "attributes").json()
    assert (found["examined"], found["population"], found["not_applicable"]) == (7, 8, 1)
    sequence = evaluated(server, job, "sequential", tolerable=0.5).json()
    assert (sequence["examined"], sequence["population"]) == (7, 8)
    assert sequence["not_applicable"] == 1
    assert sequence["caveats"][0].startswith("1 drawn row isn't applicable")


def test_money_that_nothing_can_replace_makes_the_sample_smaller(server: LiveServer) -> None:
    small = server.new_dataset()
    lines = [f"{row},100.00" for row in range(10)]
    server.import_text(small, "\n".join(["id,amount", *lines]) + "\n")
    parameters = {"book_column": "amount", "sample_size": 9, "selection": "fixed_interval"}
    draw = one("monetary_unit", **parameters, seed=1)
    job = drawn(server, small, draw)
    rows = [each[ROW] for each in examined(server, job, OUTSIDE, OUTSIDE)]
    path = f"/api/sampling/jobs/{job}"
    made = server.admin.post(f"{path}/replacements", json={ROW: rows[0], "reason": "void"}).json()
    new = {ROW: made["replacement_row_id"], "outcome": "ok"}
    assert server.admin.post(f"{path}/findings", json=new).status_code == 200
    found = evaluated(server, job, "monetary_unit", tolerable=500).json()
    assert (found["units"], found["not_applicable"], found["sampled_value"]) == (8, 1, "1000.00")
    basic = 1000 * binomial_limit(0, 8, 0.95)
    assert float(found["overstatement"]["basic_precision"]) == pytest.approx(basic, abs=0.01)
    assert "the sample is smaller by it" in found["conclusion"]["sentence"]


@pytest.mark.parametrize(
    ("method", "kind", "given", "status"),
    [
        (one("random", sample_size=20), "attributes", {}, "proved"),
        (one("systematic", sample_size=20), "attributes", {}, "customary"),
        (one("random", sample_size=20), "sequential", {"tolerable": 0.5}, "proved"),
        (one("random", sample_size=20), "variables", {"book_column": "amount"}, "customary"),
    ],
)
def test_every_kind_says_what_holds_it_up(
    server: LiveServer,
    dataset: int,
    method: dict[str, Any],
    kind: str,
    given: dict[str, Any],
    status: str,
) -> None:
    job = drawn(server, dataset, method)
    examined(server, job, WRONG)
    found = evaluated(server, job, kind, **given).json()
    assert found["assurance"]["status"] == status
    assert set(found["assurance"]) == {"status", "sentence", "source"}
    path = f"/api/sampling/jobs/{job}/working-paper"
    paper = html.unescape(server.admin.get(path, params={"kind": kind, **given}).text)
    beside = conclusion_part(paper)
    assert found["assurance"]["sentence"] in beside
    assert all(caveat in beside for caveat in found["caveats"])


def test_the_refusal_of_uncovered_strata_names_them(server: LiveServer) -> None:
    dataset = server.new_balanced_table(400)
    sizes = {"north": 10, "east": 0, "south": 10, "west": 0}
    draw = one("stratified", strata_columns=["region"], sizes=sizes)
    job = drawn(server, dataset, draw)
    examined(server, job)
    refused = evaluated(server, job, "variables", book_column="amount")
    assert_problem(refused, 422, "invalid_findings", "strata with 200 rows (east, west), so")


def test_a_stratum_without_a_row_is_to_be_left_out(server: LiveServer, dataset: int) -> None:
    """The plan says so, before rows are examined in vain."""
    bands = [{"column": "amount", "breaks": [100]}]
    draw = one("stratified", strata_columns=bands, sizes={"< 100": 0, "≥ 100": 20})
    plan = server.admin.post(f"/api/sampling/datasets/{dataset}/plan", json={"rounds": [draw]})
    (warning,) = plan.json()["rounds"][0]["warnings"]
    assert warning.endswith(
        "so the sample can't be evaluated by amounts: leave them out by a filter instead."
    )
    job = drawn(server, dataset, draw)
    examined(server, job)
    refused = evaluated(server, job, "variables", book_column="amount")
    detail = assert_problem(refused, 422, "invalid_findings")["detail"]
    assert detail.endswith("at least two rows of each stratum, or leave rows out by a filter.")
    draw["filters"] = {"expression": "amount >= 100"}
    draw["parameters"]["sizes"] = {"≥ 100": 20}
    other = drawn(server, dataset, draw)
    examined(server, other, WRONG)
    found = evaluated(server, other, "variables", book_column="amount")
    assert found.status_code == 200, found.text
