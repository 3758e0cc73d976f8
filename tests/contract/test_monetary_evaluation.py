"""Evaluations of monetary units over HTTP: bounds, selections, directions and strata."""

from __future__ import annotations

import html
from decimal import Decimal
from typing import Any

import pytest

from estimation_engine.audit import gaffke_limit
from estimation_engine.audit.limits import binomial_limit
from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_evaluation import conclusion_part, drawn, evaluated, examined
from tests.support.live_server import LiveServer


def table_of(server: LiveServer, *amounts: object) -> int:
    dataset = server.new_dataset()
    server.import_text(dataset, "\n".join(["amount", *map(str, amounts)]) + "\n")
    return dataset


def money(server: LiveServer, dataset: int, size: int, **more: Any) -> str:
    return drawn(
        server, dataset, one("monetary_unit", book_column="amount", sample_size=size, **more)
    )


def wrong(value: object) -> dict[str, Any]:
    return {"outcome": "exception", "audit_value": str(value)}


@pytest.fixture
def ledger(server: LiveServer) -> int:
    """900 rows of 100.37 to 149.37."""
    return table_of(server, *(f"{100 + row % 50}.37" for row in range(900)))


def test_random_units_have_gaffkes_bound(server: LiveServer, ledger: int) -> None:
    job = money(server, ledger, 50, selection="random")
    book = examined(server, job)[0]["data"]["amount"]
    half = f"{book / 2:.2f}"
    examined(server, job, wrong(half))
    found = evaluated(server, job, "monetary_unit", bound="gaffke", tolerable=20_000).json()
    taint, total = (book - float(half)) / book, float(found["sampled_value"])
    over = found["overstatement"]
    limit = total * gaffke_limit([taint], 50, 0.95)
    assert float(over["upper_limit"]) == pytest.approx(limit, abs=0.01)
    basic = total * binomial_limit(0, 50, 0.95)
    assert float(over["basic_precision"]) == pytest.approx(basic, abs=0.01)
    names = ("basic_precision", "projected", "incremental_allowance")
    assert sum(Decimal(over[name]) for name in names) == Decimal(over["upper_limit"])
    assert found["assurance"]["status"] == "proved"
    assert "percentage points" in found["assurance"]["sentence"]
    assert found["conclusion"]["is_tolerable"] is True
    assert found["bound"] == "gaffke"
    stringer = evaluated(server, job, "monetary_unit").json()
    assert stringer["bound"] == "stringer"
    assert float(stringer["overstatement"]["upper_limit"]) > limit
    poisson = evaluated(server, job, "monetary_unit", bound="gaffke", likelihood="poisson").json()
    assert poisson["overstatement"] == over
    assert any("likelihood poisson isn't used" in note for note in poisson["notes"])
    path = f"/api/sampling/jobs/{job}/working-paper"
    query = {"kind": "monetary_unit", "bound": "gaffke", "tolerable": 20_000}
    paper = html.unescape(server.admin.get(path, params=query).text)
    assert found["assurance"]["sentence"] in paper


def test_gaffkes_bound_of_few_units_is_not_called_proved(server: LiveServer) -> None:
    job = money(server, table_of(server, *[1] * 30), 9, selection="random")
    examined(server, job)
    found = evaluated(server, job, "monetary_unit", bound="gaffke").json()
    assert found["assurance"]["status"] == "customary"
    assert "isn't proved for them" in found["assurance"]["sentence"]


@pytest.mark.parametrize("selection", ["cell", "fixed_interval"])
def test_other_units_have_no_gaffke_bound(server: LiveServer, ledger: int, selection: str) -> None:
    job = money(server, ledger, 20, selection=selection)
    examined(server, job)
    refused = evaluated(server, job, "monetary_unit", bound="gaffke")
    assert_problem(refused, 422, "invalid_findings", "selected at random alone")
    assert_problem(evaluated(server, job, "attributes", bound="gaffke"), 422, "invalid_findings")


@pytest.mark.parametrize(
    ("selection", "order", "status"),
    [
        ("random", "seeded", "customary"),
        ("cell", "seeded", "customary"),
        ("cell", "file", "customary"),
        ("fixed_interval", "seeded", "customary"),
        ("fixed_interval", "file", "can_fail"),
    ],
)
def test_stringers_bound_says_what_holds_it_up(
    server: LiveServer, ledger: int, selection: str, order: str, status: str
) -> None:
    job = money(server, ledger, 60, selection=selection, order=order)
    examined(server, job)
    found = evaluated(server, job, "monetary_unit", tolerable=0.06).json()
    assert found["assurance"]["status"] == status
    doubted = status == "can_fail"
    assert found["conclusion"]["is_tolerable"] is (None if doubted else True)
    assert len(found["caveats"]) == doubted
    start = found["overstatement"]["one_start_limit"]
    if not doubted:
        assert start is None
        return
    assert "selected at a fixed interval" in found["conclusion"]["sentence"]
    assert "in the order of the file" in found["caveats"][0]
    share = min(0.95, float(start) / float(found["book_value"]))
    assert share > 0.9


@pytest.mark.parametrize(
    ("large", "small", "rows", "tolerable"), [(95, 5, 60, 0.055), (97, 3, 100, 0.0298)]
)
def test_amounts_just_below_a_fixed_interval_are_doubted(
    server: LiveServer, large: int, small: int, rows: int, tolerable: float
) -> None:
    """Where nearly all money was examined, the limit of what wasn't is a conclusion, too."""
    dataset = table_of(server, *[large] * rows, *[small] * rows)
    fixed = money(server, dataset, rows, selection="fixed_interval")
    examined(server, fixed)
    found = evaluated(server, fixed, "monetary_unit", tolerable=tolerable).json()
    assert found["assurance"]["status"] == "can_fail"
    assert found["conclusion"]["is_tolerable"] is None
    assert f"have {large} % of the money" in found["caveats"][0]
    path = f"/api/sampling/jobs/{fixed}/working-paper"
    paper = html.unescape(server.admin.get(path, params={"tolerable": tolerable}).text)
    assert found["caveats"][0] in conclusion_part(paper)
    unseen = float(found["overstatement"]["one_start_limit"]) / float(found["book_value"])
    assert tolerable < unseen < 0.2
    known = evaluated(server, fixed, "monetary_unit", tolerable=0.2).json()
    assert known["conclusion"]["is_tolerable"] is True
    above = evaluated(server, fixed, "monetary_unit", tolerable=0.01).json()
    assert above["conclusion"]["is_tolerable"] is False
    dataset = table_of(server, *[large] * rows, *[small] * rows)
    cells = money(server, dataset, rows, selection="cell")
    examined(server, cells)
    found = evaluated(server, cells, "monetary_unit", tolerable=tolerable).json()
    assert (found["conclusion"]["is_tolerable"], found["caveats"]) == (True, [])


@pytest.mark.parametrize("selection", ["fixed_interval", "cell"])
def test_variables_of_amounts_near_the_interval_are_doubted(
    server: LiveServer, selection: str
) -> None:
    dataset = table_of(server, *[95] * 60, *[5] * 60)
    job = money(server, dataset, 60, selection=selection)
    examined(server, job, *[wrong(90)] * 25)
    found = evaluated(server, job, "variables", tolerable=0.5).json()
    doubted = selection == "fixed_interval"
    assert any("about 30 % in place of 95 %" in each for each in found["caveats"]) is doubted
    assert found["assurance"]["status"] == ("can_fail" if doubted else "customary")
    if doubted:
        assert found["conclusion"]["is_tolerable"] is None


@pytest.mark.parametrize("kind", ["monetary_unit", "variables"])
def test_rows_that_are_all_drawn_leave_no_doubt(server: LiveServer, kind: str) -> None:
    dataset = table_of(server, *[95] * 20)
    job = money(server, dataset, 20, selection="fixed_interval")
    assert examined(server, job, wrong(90))
    answer = evaluated(server, job, kind, tolerable=0.5)
    assert answer.status_code == 200, answer.text
    assert answer.json()["caveats"] == []
    assert answer.json()["conclusion"]["is_tolerable"] is True


# --- directions ---


def test_a_credit_that_is_too_small_overstates_the_balance(server: LiveServer) -> None:
    dataset = table_of(server, *["-365.50"] * 400)
    job = money(server, dataset, 40, selection="random", population="absolute")
    rows = len(examined(server, job, wrong("-731.00")))
    found = evaluated(server, job, "monetary_unit", tolerable=50_000).json()
    assert found["overstatement"]["found"] == {"rows": rows, "errors": 1, "amount": "365.50"}
    assert found["overstatement"]["arithmetic"][1]["taint"] == 1
    assert found["understatement"]["found"]["errors"] == 0
    assert found["concludes_on"] == ["overstatement", "understatement"]
    assert (
        "that overstatements and understatements are tolerable" in found["conclusion"]["sentence"]
    )
    assert any("a credit that is too small" in note for note in found["notes"])


@pytest.mark.parametrize("population", ["absolute", "negative"])
def test_conclusions_on_credits_cover_both_directions(server: LiveServer, population: str) -> None:
    dataset = table_of(server, *["-100"] * 400)
    job = money(server, dataset, 40, selection="random", population=population)
    examined(server, job, *[wrong("-10")] * 8)
    found = evaluated(server, job, "monetary_unit", tolerable=0.2).json()
    assert found["overstatement"]["found"]["errors"] == 0
    assert found["conclusion"]["is_tolerable"] is False
    assert "upper limit of understatements" in found["conclusion"]["sentence"]
    sequence = evaluated(server, job, "sequential", tolerable=0.2).json()
    assert (sequence["decision"], sequence["exceptions"]) == ("continue", 8)
    assert any(
        text.startswith("Overstatements and understatements both count")
        for text in sequence["caveats"]
    )


def test_conclusions_name_the_direction(server: LiveServer, ledger: int) -> None:
    job = money(server, ledger, 120, selection="random")
    examined(server, job)
    found = evaluated(server, job, "monetary_unit", tolerable=0.1).json()
    assert found["concludes_on"] == ["overstatement"]
    assert "sample supports that overstatements are tolerable" in found["conclusion"]["sentence"]
    sequence = evaluated(server, job, "sequential", tolerable=0.1).json()
    sentence = sequence["conclusion"]["sentence"]
    assert "at 95 % confidence overstatements are below the tolerable 11,238.30" in sentence
    assert "by more than its book amount" in sequence["assurance"]["sentence"]


# --- strata ---


@pytest.fixture
def programmes(server: LiveServer) -> int:
    """Two programmes of 300 rows with amounts from 1 to 300, and credits in between."""
    dataset = server.new_dataset()
    lines = [
        f"{name},{sign}{row}.00"
        for name in ("A", "B")
        for row in range(1, 301)
        for sign in (("", "-") if row % 10 == 0 else ("",))
    ]
    server.import_text(dataset, "\n".join(["programme,amount", *lines]) + "\n")
    return dataset


def rounds_of(*filters: str | None, sizes: tuple[int, ...], **more: Any) -> dict[str, Any]:
    return {
        "rounds": [
            {
                "round_number": at,
                **one(
                    "monetary_unit", text, book_column="amount", sample_size=size, seed=at, **more
                ),
            }
            for at, (text, size) in enumerate(zip(filters, sizes, strict=True), start=1)
        ]
    }


STRATA = ("programme = 'A'", "programme = 'B'")


@pytest.mark.parametrize("selection", ["cell", "random"])
def test_rounds_of_several_programmes_are_strata(
    server: LiveServer, programmes: int, selection: str
) -> None:
    body = rounds_of(*STRATA, sizes=(30, 60), selection=selection)
    job = server.draw(programmes, body)["id"]
    first = examined(server, job)[0]
    book = Decimal(str(first["data"]["amount"]))
    examined(server, job, wrong(book / 2))
    found = evaluated(server, job, "monetary_unit", tolerable=0.1).json()
    value = sum(range(1, 301))
    assert (found["units"], found["book_value"], found["strata"]) == (90, f"{2 * value}.00", 2)
    basic = binomial_limit(0, 90, 0.95) * 90 * value / 30
    assert float(found["overstatement"]["basic_precision"]) == pytest.approx(basic, abs=0.01)
    assert float(found["overstatement"]["projected"]) == pytest.approx(0.5 * value / 30, abs=0.01)
    assert "strata" in found["assurance"]["sentence"]
    assert any("step 2, 60 units" in note for note in found["notes"])
    gaffke = evaluated(server, job, "monetary_unit", bound="gaffke")
    if selection == "cell":
        assert_problem(gaffke, 422, "invalid_findings")
        return
    limit = value * (gaffke_limit([0.5], 30, 0.975) + gaffke_limit([], 60, 0.975))
    over = gaffke.json()["overstatement"]
    assert float(over["upper_limit"]) == pytest.approx(limit, abs=0.01)
    assert gaffke.json()["assurance"]["status"] == "proved"


@pytest.mark.parametrize(
    ("filters", "rows"), [((None, "programme = 'B'"), 300), (("amount > 250", STRATA[0]), 50)]
)
def test_rounds_that_share_rows_are_no_strata(
    server: LiveServer, programmes: int, filters: tuple[str | None, ...], rows: int
) -> None:
    job = server.draw(programmes, rounds_of(*filters, sizes=(5, 5), selection="cell"))["id"]
    examined(server, job)
    refused = evaluated(server, job, "monetary_unit")
    detail = assert_problem(refused, 422, "invalid_findings")["detail"]
    assert detail.startswith(f"{rows} rows could be drawn by several steps")


@pytest.mark.parametrize("estimator", ["mean_per_unit", "difference", "ratio"])
def test_variables_of_strata_have_the_book_value_that_could_be_drawn(
    server: LiveServer, programmes: int, estimator: str
) -> None:
    job = server.draw(programmes, rounds_of(*STRATA, sizes=(30, 60), selection="cell"))["id"]
    book = Decimal(str(examined(server, job)[0]["data"]["amount"]))
    examined(server, job, wrong(book / 2))
    body = {"estimator": estimator, "book_column": "amount"}
    found = evaluated(server, job, "variables", **body).json()
    assert found["book_value"] == "90300.00"
    if estimator == "mean_per_unit":
        # Each unit of the book value counts once, so that the estimate is that of the taints.
        assert float(found["projected"]) == pytest.approx(0.5 * 45_150 / 30, rel=1e-6)


def test_a_banded_draw_records_its_tolerable_misstatement(server: LiveServer) -> None:
    """It sizes no group, but the evaluation opens with it and the paper states it."""
    dataset = table_of(server, *(f"{10 + row % 90}.37" for row in range(400)))
    banded = one(
        "stratified",
        strata_columns=[{"column": "amount", "breaks": [50]}],
        samples_per_stratum=20,
    )
    job = drawn(server, dataset, banded, goal={"materiality": 3000, "confidence": 0.9})
    examined(server, job, wrong(1), wrong(2))
    found = evaluated(server, job, "variables").json()
    assert "tolerable" in found, found
    assert (Decimal(found["tolerable"]), found["confidence"]) == (3000, 0.9)
    assert found["departure"] is None
    other = evaluated(server, job, "variables", tolerable=2000).json()
    assert other["departure"] == ("Planned: tolerable 3,000; evaluated with: tolerable 2,000.")
    page = server.admin.get(f"/api/sampling/jobs/{job}/working-paper").text
    assert "<dt>Tolerable misstatement</dt><dd>3,000.00</dd>" in page
    assert "3,000, at 90 % confidence, which sizes no group" in page
    share = drawn(server, dataset, banded, goal={"materiality": 0.1, "confidence": 0.9})
    examined(server, share, wrong(1), wrong(2))
    half = evaluated(server, share, "variables").json()
    assert abs(10 * Decimal(half["tolerable"]) - Decimal(half["book_value"])) < Decimal("0.1")
    assert half["departure"] is None


@pytest.fixture
def scored(server: LiveServer) -> int:
    """1,000 invoices with risk scores, weights of amount by risk, and columns that don't fit."""
    dataset = server.new_dataset()
    lines = ["amount,risk,weight,bad_risk,gaps,few"]
    for row in range(1000):
        amount, risk = 100 + row * 37 % 900, 0.8 if row % 25 == 0 else 0.02
        gap = "" if row == 7 else 0.5
        weight = amount * (0.4 + risk)
        few = 0 if row % 2 else amount
        lines.append(f"{amount}.00,{risk},{weight:.2f},{1.5 - risk},{gap},{few}.00")
    server.import_text(dataset, "\n".join(lines) + "\n")
    return dataset


def risky(server: LiveServer, job: str) -> list[Any]:
    """Enter 90 % overstatements of the rows with a high score."""
    items = server.admin.get(f"/api/sampling/jobs/{job}/findings", params={"limit": 1000}).json()[
        "items"
    ]
    found = [
        wrong(f"{item['data']['amount'] / 10:.2f}") if item["data"]["risk"] > 0.5 else {}
        for item in items
    ]
    return examined(server, job, *found)


def test_scores_that_match_the_errors_decide_sooner(server: LiveServer, scored: int) -> None:
    job = money(server, scored, 300, selection="random")
    items = risky(server, job)
    plain = evaluated(server, job, "sequential", tolerable=0.06).json()
    answer = evaluated(server, job, "sequential", tolerable="6 %", score_column="RISK")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["score_column"] == "risk"
    assert found["decision"] == "accept"
    assert found["accepted_at"] < (plain["accepted_at"] or len(items)) / 2
    assert float(found["upper_limit"]) < float(plain["upper_limit"])
    assert found["assurance"]["status"] == "proved"
    assert "before the first finding, which isn't checked" in found["assurance"]["sentence"]
    rows = [100 + row * 37 % 900 for row in range(1000)]
    risks = [0.8 if row % 25 == 0 else 0.02 for row in range(1000)]
    total = sum(amount * risk for amount, risk in zip(rows, risks, strict=True))
    assert float(found["score_total"]) == pytest.approx(total, abs=1e-6)
    assert found["score_mean"] == pytest.approx(total / sum(rows))
    first = found["arithmetic"][0]
    assert (first["slope"], first["score"]) == (1.0, items[0]["data"]["risk"])
    assert first["value"] == pytest.approx(
        1 - first["taint"] + first["score"] - found["score_mean"]
    )
    path = f"/api/sampling/jobs/{job}/working-paper"
    query = {"kind": "sequential", "score_column": "risk", "tolerable": 0.06}
    paper = html.unescape(server.admin.get(path, params=query).text)
    assert found["assurance"]["sentence"] in paper
    assert "Mean score, by book value" in paper


def test_rows_drawn_by_risk_are_evaluated_by_their_book_values(
    server: LiveServer, scored: int
) -> None:
    draw = one("monetary_unit", book_column="weight", sample_size=300, selection="random")
    job = drawn(server, scored, draw)
    risky(server, job)
    more = {"tolerable": 0.06, "book_column": "amount", "score_column": "risk"}
    found = evaluated(server, job, "sequential", **more).json()
    assert (found["book_column"], found["weight_column"]) == ("amount", "weight")
    assert float(found["book_value"]) == sum(100 + row * 37 % 900 for row in range(1000))
    assert found["decision"] == "accept"
    ratio = max(1 / 0.42, 1 / 1.2) * float(found["weight_total"]) / float(found["sampled_value"])
    assert found["largest_ratio"] == pytest.approx(ratio, rel=1e-3)
    assert found["arithmetic"][0]["weight"] != found["arithmetic"][0]["units"]
    assert "the columns of scores" in found["assurance"]["sentence"]
    del more["score_column"]
    by_weights = evaluated(server, job, "sequential", **more).json()["assurance"]["sentence"]
    assert "if the column of book values was chosen before the first finding" in by_weights
    assert "scores" not in by_weights


def test_known_errors_above_what_is_tolerable_reject(server: LiveServer, scored: int) -> None:
    job = money(server, scored, 300, selection="random")
    examined(server, job, *[wrong(0)] * 30)
    found = evaluated(server, job, "sequential", tolerable=2000, score_column="risk").json()
    assert (found["decision"], found["accepted_at"]) == ("reject", None)


@pytest.mark.parametrize(
    ("book", "more", "field", "detail"),
    [
        ("amount", {"score_column": "bad_risk"}, "score_column", "no score from 0 to 1"),
        ("amount", {"score_column": "gaps"}, "score_column", "1 row that could be drawn has no"),
        ("amount", {"score_column": "nothing"}, "score_column", "nothing"),
        ("few", {"book_column": "amount"}, "book_column", "500 rows have a value"),
        ("amount", {"book_column": "gaps"}, "book_column", "no number"),
    ],
)
def test_scores_and_book_values_that_do_not_fit_are_refused(
    server: LiveServer, scored: int, book: str, more: dict[str, Any], field: str, detail: str
) -> None:
    draw = one("monetary_unit", book_column=book, sample_size=5, selection="random")
    job = drawn(server, scored, draw)
    examined(server, job)
    refused = evaluated(server, job, "sequential", tolerable=0.5, **more)
    assert refused.json()["errors"][0]["loc"][-1] == field
    assert detail in refused.text


@pytest.mark.parametrize(
    ("draw", "more", "detail"),
    [
        (one("random", sample_size=5), {"score_column": "risk"}, "`score_column` is for monetary"),
        (one("random", sample_size=5), {"book_column": "amount"}, "`book_column` is for monetary"),
        (one("weighted", sample_size=5, weight_column="weight"), {}, "one after the other"),
        (
            one("monetary_unit", sample_size=5, book_column="amount"),
            {"score_column": "risk"},
            "at random",
        ),
    ],
)
def test_samples_in_another_order_have_no_scores(
    server: LiveServer, scored: int, draw: dict[str, Any], more: dict[str, Any], detail: str
) -> None:
    job = drawn(server, scored, draw)
    examined(server, job)
    refused = evaluated(server, job, "sequential", tolerable=0.5, **more)
    assert_problem(refused, 422, "invalid_findings", detail)


def test_a_larger_draw_continues_a_scored_test(server: LiveServer, scored: int) -> None:
    """The rows of the first draw are the first of the second, with their findings."""
    first = money(server, scored, 60, selection="random", seed=4)
    risky(server, first)
    more = {"tolerable": 0.06, "score_column": "risk"}
    before = evaluated(server, first, "sequential", **more).json()
    second = money(server, scored, 200, selection="random", seed=4)
    found = evaluated(server, second, "sequential", **more).json()
    assert found["statistics_by_size"] == pytest.approx(before["statistics_by_size"])
    risky(server, second)
    after = evaluated(server, second, "sequential", **more).json()
    assert after["statistics_by_size"][: before["examined"]] == before["statistics_by_size"]
    assert after["examined"] > before["examined"]


def test_a_row_without_a_finding_ends_a_scored_sequence(server: LiveServer, scored: int) -> None:
    job = money(server, scored, 60, selection="random")
    items = examined(server, job, rows=20)
    path = f"/api/sampling/jobs/{job}/findings"
    server.admin.post(path, json={"row_id": items[30]["row_id"], "outcome": "ok"})
    found = evaluated(server, job, "sequential", tolerable=0.06, score_column="risk").json()
    assert (found["examined"], found["drawn"]) == (20, len(items))


def test_scores_of_a_population_with_credits_count_by_size(server: LiveServer) -> None:
    dataset = server.new_dataset()
    lines = [
        f"{'-' if row % 5 == 0 else ''}{100 + row % 70}.00,{row % 4 / 10}" for row in range(400)
    ]
    server.import_text(dataset, "\n".join(["amount,risk", *lines]) + "\n")
    job = money(server, dataset, 80, selection="random", population="absolute")
    items = server.admin.get(f"/api/sampling/jobs/{job}/findings").json()["items"]
    book = items[0]["data"]["amount"]
    examined(server, job, wrong(book * 0.5))
    found = evaluated(server, job, "sequential", tolerable=0.1, score_column="risk").json()
    total = sum((100 + row % 70) * (row % 4) / 10 for row in range(400))
    assert float(found["score_total"]) == pytest.approx(total)
    assert found["arithmetic"][0]["taint"] == pytest.approx(0.5)
    assert any("both count" in text for text in found["caveats"])
    examined(server, job, wrong(book * -0.5))
    refused = evaluated(server, job, "sequential", tolerable=0.1, score_column="risk")
    assert_problem(refused, 422, "invalid_findings", "above its book value")


def test_a_signed_evaluation_keeps_its_scores(server: LiveServer, scored: int) -> None:
    job = money(server, scored, 60, selection="random")
    risky(server, job)
    path = f"/api/sampling/jobs/{job}/review"
    assert server.admin.post(path, json={"action": "submitted"}).status_code == 200
    reviewer, user = server.new_user("analyst")
    right = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{scored}/permissions", json=right)
    more = {"kind": "sequential", "tolerable": 0.06, "score_column": "risk"}
    answer = reviewer.post(path, json={"action": "signed_off", "evaluation": more})
    assert answer.status_code == 200, answer.text
    kept = server.admin.post(f"/api/sampling/jobs/{job}/evaluation", json={}).json()
    assert (kept["score_column"], kept["signed"]["difference"]) == ("risk", None)
