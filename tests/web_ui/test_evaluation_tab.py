"""The tab "Evaluation" of a sample: what the URL asks for, figures, pictures, conclusion."""

from __future__ import annotations

import re
from html import unescape

import pytest

from presentation.charts import Bar, LimitChart
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

ROW = "row_id"


@pytest.fixture
def dataset(server: LiveServer, reader: Reader) -> int:
    dataset_id = server.new_dataset(reader.api)
    text = "\n".join(["amount", *(f"{100 + row}.50" for row in range(400))]) + "\n"
    server.import_text(dataset_id, text, client=reader.api)
    return dataset_id


def examined(
    server: LiveServer,
    reader: Reader,
    dataset: int,
    method: str,
    parameters: dict[str, object],
    **more: object,
) -> str:
    """The page of a sample of 20 units, of which one has an exception."""
    body = {"rounds": [{"method": method, "parameters": {"seed": 3, **parameters}, **more}]}
    job = server.draw(dataset, body)["id"]
    path = f"/api/sampling/jobs/{job}/findings"
    items = reader.api.get(path).json()["items"]
    found = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    found[0] |= {"outcome": "exception", "audit_value": "50.25"}
    answer = reader.api.post(path, json={"findings": found})
    assert answer.status_code == 200, answer.text
    return f"/jobs/{job}"


@pytest.fixture
def random_path(server: LiveServer, reader: Reader, dataset: int) -> str:
    return examined(server, reader, dataset, "random", {"sample_size": 20})


@pytest.fixture
def money_path(server: LiveServer, reader: Reader, dataset: int) -> str:
    parameters = {"book_column": "amount", "sample_size": 20}
    return examined(server, reader, dataset, "monetary_unit", parameters)


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ({}, ["1 exception in 20 examined rows of 400", "Hypergeometric", "Upper limit 21.00 %"]),
        (
            {"tolerable": "6 %"},
            [
                "doesn't support that errors are tolerable",
                "enlarged now, when its errors are known",
            ],
        ),
        ({"kind": "sequential"}, ["Enter the tolerable rate of deviation"]),
        (
            {"kind": "sequential", "tolerable": "0.3"},
            ["Not yet decided", "<polyline", "&size=40", "Draw more rows"],
        ),
        ({"kind": "monetary_unit"}, ["drawn by monetary units"]),
        (
            {"kind": "variables", "book_column": "amount", "tolerable": "50,000"},
            ["Projected misstatement", "1 examined row is in error", "Standard error SE"],
        ),
        (
            {"kind": "variables", "book_column": "amount", "estimator": "mean_per_unit"},
            ["Each direction alone, by difference", "They don't net to a projection by mean"],
        ),
        ({"kind": "variables"}, ["Choose the column of book values"]),
        (
            {"kind": "variables", "book_column": "amount", "tolerable": "5 %"},
            ["Tolerable: 5.00 % of 120,000.00 = 6,000.00.", "tolerable 6,000.00"],
        ),
        ({"tolerable": "100 %"}, ["100 % isn’t a tolerable amount or share"]),
        ({"tolerable": "1,2,3"}, ["1,2,3 isn’t a tolerable amount or share"]),
        ({"tolerable": "3"}, ["above 0 and below 1"]),
        ({"tolerable": "250.000"}, ["250.000 can be read in two ways. Write 250000"]),
        ({"tolerable": "2,5 %"}, ["below the tolerable 2.50 %", 'value="2,5 %"']),
        (
            {"kind": "variables", "book_column": "amount", "tolerable": "50.000,00"},
            ["tolerable 50,000.00", 'name="tolerable" value="50000"'],
        ),
        ({"confidence": "50", "tolerable": "6 %"}, ['value="50 %"', "Upper limit 8.00 %"]),
        ({"confidence": "97,5 %"}, ['value="97.5 %"', "Upper limit"]),
        ({"confidence": "0.975"}, ['value="97.5 %"', "confidence=0.975"]),
        ({"confidence": "40"}, ["A confidence is from 0.5, and below 1", 'value="40"']),
        (
            {"confidence": "90", "sides": "two"},
            ["P(X ≥ 1) if 1 row is wrong", "Lower limit 0.25 %", '<option value="two" selected>'],
        ),
    ],
)
def test_a_random_sample_is_evaluated_by_exceptions(
    reader: Reader, random_path: str, query: dict[str, str], texts: list[str]
) -> None:
    page = unescape(reader.page(random_path, tab="evaluation", **query))
    for text in texts:
        assert text in page


def test_a_monetary_unit_sample_is_evaluated_by_stringer(reader: Reader, money_path: str) -> None:
    page = unescape(reader.page(money_path, tab="evaluation", tolerable="60,000"))
    assert '<option value="monetary_unit" selected>' in page
    for text in (
        *("Stringer 1963", "Basic precision", "is below the tolerable", 'class="bound"'),
        *("Errors of rows always drawn", "Errors found in the sample, not projected"),
    ):
        assert text in page
    percent = reader.page(money_path, tab="evaluation", tolerable="5 %")
    assert "Tolerable: 5.00 % of 120,000.00 = 6,000.00." in percent
    assert "is not below the tolerable 6,000.00 (5.00 %)" in percent
    query = {"kind": "monetary_unit", "tolerable": "0.05"}
    paper = reader.api.get(f"/api/sampling{money_path}/working-paper", params=query).text
    assert "Tolerable: 5.00 % of 120,000.00 = 6,000.00." in paper


def test_a_sequence_of_amounts_has_a_boundary(
    server: LiveServer, reader: Reader, dataset: int
) -> None:
    parameters = {"book_column": "amount", "sample_size": 60, "selection": "random"}
    path = examined(server, reader, dataset, "monetary_unit", parameters)
    query = {"kind": "sequential", "tolerable": "12,000"}
    page = unescape(reader.page(path, tab="evaluation", **query))
    for text in ("<polyline", ">100<", "left to chance", "overstatements are below the tolerable"):
        assert text in page
    paper = reader.api.get(
        f"/api/sampling{path}/working-paper", params={"kind": "sequential", "tolerable": 12000}
    )
    assert (
        "at 95 % confidence overstatements are below the tolerable 12,000.00: you can stop."
        in paper.text
    )


def test_the_form_begins_with_the_recorded_plan(
    server: LiveServer, reader: Reader, dataset: int
) -> None:
    goal = {"materiality": 0.3, "confidence": 0.9}
    draw = {"method": "random", "parameters": {"sample_size": 5, "seed": 3}, "goal": goal}
    job = server.draw(dataset, {"rounds": [draw]})["id"]
    items = reader.api.get(f"/api/sampling/jobs/{job}/findings").json()["items"]
    entries = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    reader.api.post(f"/api/sampling/jobs/{job}/findings", json={"findings": entries})
    page = unescape(reader.page(f"/jobs/{job}", tab="evaluation"))
    assert 'value="30 %"' in page
    assert 'id="confidence" name="confidence" value="90 %"' in page
    assert "Departs from the plan" not in page
    other = unescape(reader.page(f"/jobs/{job}", tab="evaluation", tolerable="40 %"))
    assert "Planned: tolerable 30 %; evaluated with: tolerable 40 %." in other


def test_a_negative_limit_is_a_bar_to_the_left_of_zero() -> None:
    picture = LimitChart(
        "Limits", [Bar("Upper", 30.0, "30"), Bar("Lower", -10.0, "-10")], None
    ).svg()
    (upper, upper_width), (lower, lower_width) = (
        (float(x), float(width))
        for x, width in re.findall(r'<rect class="sample" x="(.+?)" .*?width="(.+?)"', picture)
    )
    assert lower + lower_width == pytest.approx(upper)
    assert upper_width == pytest.approx(3 * lower_width)


def test_findings_are_estimated_on_the_page(reader: Reader, random_path: str) -> None:
    page = reader.page(random_path, tab="estimates", values="findings")
    assert '<option value="findings" selected>' in page
    assert "name the column of book values" in page
    query = {"values": "findings", "book": "amount", "statistic": "mean"}
    page = unescape(reader.page(random_path, tab="estimates", **query))
    assert "Mean of audit_value" in page
    share = {"statistic": "proportion", "column": "is_exception", "value": "true"}
    assert "Share of is_exception true" in reader.page(
        random_path, tab="estimates", **{**query, **share}
    )
    assert '<option value="amount" selected>' in page


def test_what_holds_a_conclusion_up_stands_beside_it(reader: Reader, random_path: str) -> None:
    for query in ("", "&kind=attributes&tolerable=50+%25"):
        page = unescape(reader.page(f"{random_path}?tab=evaluation{query}"))
        note = page[page.index('<div class="note ') :].split("</div>")[0]
        assert "Proved." in note
        assert "exact for rows drawn at random without replacement" in note


def test_the_pages_lead_from_a_sample_to_a_larger_one(
    server: LiveServer, reader: Reader, dataset: int, random_path: str
) -> None:
    query = {"kind": "sequential", "tolerable": "0.3"}
    page = unescape(reader.page(random_path, tab="evaluation", **query))
    assert "The findings about 20 rows come along: examine the others." in page
    small = random_path.rpartition("/")[2]
    form = unescape(reader.page(f"/datasets/{dataset}/draw", job=small, size="40"))
    assert f"the findings about 20 rows of sample {small[:8]} come along" in form
    body = {"rounds": [{"method": "random", "parameters": {"seed": 3, "sample_size": 40}}]}
    large = server.draw(dataset, body)["id"]
    came = (
        f"The findings about 20 rows came along from sample {small[:8]}, which this one continues"
    )
    assert came in unescape(reader.page(f"/jobs/{large}"))
    findings = unescape(reader.page(f"/jobs/{large}", tab="findings"))
    assert came in findings
    assert findings.count(f", from {small[:8]}") == 20
    page = unescape(reader.page(f"/jobs/{large}", tab="evaluation"))
    assert '<option value="sequential" selected>' in page
    refused = unescape(reader.page(f"/jobs/{large}", tab="evaluation", kind="attributes"))
    assert "takes no account of that look" in refused
    page = unescape(reader.page(f"/jobs/{large}", tab="evaluation", **query))
    note = page[page.index('<div class="note ') :].split("</div>")[0]
    assert f"This sample continues sample {small[:8]}" in note
    assert f'<a href="/jobs/{small}?tab=evaluation">{small[:8]}</a>' in page
    assert "1 exception in 20 rows" in page


def test_a_paper_is_downloaded_in_a_chosen_language(reader: Reader, random_path: str) -> None:
    page = reader.page(random_path, tab="evaluation", tolerable="5 %")
    form = page[page.index('aria-label="Working paper"') :].split("</form>")[0]
    assert '<option value="en" selected>English</option>' in form
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    assert fields == {"kind": "attributes", "confidence": "0.95", "tolerable": "0.05"}
    query = {**fields, "language": "de", "format": "html"}
    paper = reader.api.get(f"/api/sampling{random_path}/working-paper", params=query)
    assert paper.headers["content-disposition"].startswith("attachment")
    assert "Arbeitspapier" in paper.text
    facts = {"language": "fr"}
    answer = reader.api.patch(f"/api/sampling{random_path}/paper-facts", json=facts)
    assert answer.status_code == 200, answer.text
    assert '<option value="fr" selected>' in reader.page(random_path, tab="evaluation")
    assert '<option value="fr" selected>' in reader.page(random_path, tab="paper")


@pytest.mark.parametrize("filters", [None, {"expression": "amount > 120"}])
def test_a_signed_evaluation_stands_once_on_the_page(
    server: LiveServer, reader: Reader, dataset: int, filters: dict[str, str] | None
) -> None:
    random_path = examined(server, reader, dataset, "random", {"sample_size": 20}, filters=filters)
    path = f"/api/sampling{random_path}/review"
    submit = {"action": "submitted", "accept_missing": True, "note": "No cause yet"}
    assert reader.api.post(path, json=submit).status_code == 200
    kept = {"kind": "attributes", "confidence": 0.95, "tolerable": 0.06}
    signed = server.admin.post(path, json={"action": "signed_off", "evaluation": kept})
    assert signed.status_code == 200, signed.text
    page = unescape(reader.page(random_path, tab="evaluation"))
    assert page.count("doesn't support that errors are tolerable") == 1
    assert page.count("Proved.") == 1
    other = unescape(reader.page(random_path, tab="evaluation", kind="attributes", tolerable="5 %"))
    assert "Not the signed evaluation." in other
    assert other.count("doesn't support that errors are tolerable") == 2


def test_risk_scores_are_chosen_for_monetary_units_alone(
    server: LiveServer, reader: Reader, random_path: str
) -> None:
    dataset = server.new_dataset(reader.api)
    lines = [f"{100 + row}.50,{row % 10 / 20}" for row in range(400)]
    server.import_text(dataset, "\n".join(["amount,risk", *lines]) + "\n", client=reader.api)
    parameters = {"book_column": "amount", "sample_size": 20, "selection": "random"}
    path = examined(server, reader, dataset, "monetary_unit", parameters)
    query = {"tab": "evaluation", "kind": "sequential", "tolerable": "50 %"}
    page = unescape(reader.page(path, **query, score_column="risk"))
    assert '<option value="risk" selected>' in page
    for text in ("Mean score", "<polyline", "β", "needn't be right", "Upper limit"):
        assert text in page
    of_rows = reader.page(random_path, **query, book_column="amount")
    assert 'name="score_column"' not in of_rows
    assert "Exceptions by examined rows" in unescape(of_rows)


def test_a_stratified_sample_is_not_sent_to_stop_when_sure(
    server: LiveServer, reader: Reader
) -> None:
    """Whatever its order is: no sequential evaluation is of strata."""
    dataset = server.new_dataset(reader.api)
    lines = [f"{'ab'[row % 2]},{row}.50" for row in range(200)]
    server.import_text(dataset, "\n".join(["region,amount", *lines]) + "\n", client=reader.api)
    design = {"strata_columns": ["region"]}
    examined(server, reader, dataset, "stratified", {**design, "sizes": {"a": 5, "b": 5}})
    body = {**design, "seed": 3, "samples_per_stratum": 5}
    again = server.draw(dataset, {"rounds": [{"method": "stratified", "parameters": body}]})["id"]
    summary = server.admin.get(f"/api/jobs/{again}").json()["output_summary"]
    assert summary["continues"]["in_order"] is True
    for tab in ("overview", "findings"):
        page = unescape(reader.page(f"/jobs/{again}", tab=tab))
        assert "so it is evaluated without a conclusion." in page
        assert "Stop when sure" not in page
