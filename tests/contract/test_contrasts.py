"""Contrasts in estimates over HTTP: two groups, two columns, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contract.group_texts import read_two_groups, two_groups_text
from tests.contract.draw_requests import one
from tests.support.live_server import LiveServer

ROWS = 1200
MODELS = ("a", "b", "c", "")


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Outputs of models with two scores; the second is missing in every tenth row."""
    dataset_id = server.new_dataset()
    random = np.random.default_rng(4)
    lines = []
    for row in range(ROWS):
        score = round(float(random.normal(5 + row % 4, 2)), 3)
        other = "" if row % 10 == 0 else round(score + float(random.normal(0.3, 1)), 3)
        passed = str(score > 6).lower()
        lines.append(f"{row},{MODELS[row % 4]},{row % 3},{score},{other},{passed},{1 + row % 5}")
    text = "\n".join(["id,model,task,score,other,passed,size", *lines]) + "\n"
    server.import_text(dataset_id, text)
    return dataset_id


@pytest.fixture(scope="module")
def sample(server: LiveServer, dataset: int) -> str:
    return drawn(server, dataset, one("random", sample_size=300))


def drawn(server: LiveServer, dataset: int, *rounds: dict[str, Any]) -> str:
    job = server.draw_once(dataset, {"rounds": list(rounds)})
    assert job["status"] == "completed", job
    return str(job["id"])


def asked(server: LiveServer, job: str, body: dict[str, Any]) -> Any:
    return server.admin.post(f"/api/sampling/jobs/{job}/estimates", json=body)


def contrasted(server: LiveServer, job: str, contrast: Any, **more: Any) -> dict[str, Any]:
    body = {"statistics": [MEAN], "contrast": contrast, **more}
    answer = asked(server, job, body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


MEAN = {"statistic": "mean", "column": "score"}
A_OR_B = {"between": {"by": "model", "first": "a", "second": "b"}}
DESIGNS = {
    "random": [one("random", sample_size=300)],
    "stratified": [one("stratified", strata_columns=["task"], sample_size=300)],
    "cluster": [one("cluster", cluster_column="size", num_clusters=4)],
    "systematic": [one("systematic", interval=7)],
    "weighted": [one("weighted", weight_column="size", sample_size=300)],
    "monetary_unit": [one("monetary_unit", book_column="size", sample_size=300)],
    "rounds": [
        one("weighted", weight_column="size", sample_size=100),
        one("systematic", interval=9),
    ],
}


@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_has_contrasts(server: LiveServer, dataset: int, name: str) -> None:
    job = drawn(server, dataset, *DESIGNS[name])
    found = contrasted(server, job, A_OR_B | {"between": {**A_OR_B["between"], "second": "c"}})
    (contrast,) = found["contrasts"]
    first, second = found["estimates"]
    assert contrast["estimate"] == pytest.approx(first["estimate"] - second["estimate"])
    assert contrast["first"]["name"] == "a"
    assert contrast["second"]["standard_error"] == second["standard_error"]
    assert contrast["ci_low"] < contrast["estimate"] < contrast["ci_high"]
    assert contrast["n"] == first["n"] + second["n"]
    assert contrast["df"] > 0


def test_a_difference_is_that_of_the_rows_by_hand(server: LiveServer, sample: str) -> None:
    rows = server.rows(sample, limit=1000)
    (found,) = contrasted(server, sample, A_OR_B)["contrasts"]
    t = np.zeros(300)
    means = []
    for model, sign in (("a", 1), ("b", -1)):
        y = np.array([row["score"] for row in rows])
        inside = np.array([row["model"] == model for row in rows])
        means.append(y[inside].mean())
        t += sign * inside * (y - means[-1]) / inside.sum()
    variance = (1 - 300 / ROWS) * 300 / 299 * (t**2).sum()
    assert found["estimate"] == pytest.approx(means[0] - means[1])
    assert found["standard_error"] == pytest.approx(variance**0.5)
    assert found["p_value"] < 0.01


def test_two_columns_are_paired(server: LiveServer, sample: str) -> None:
    rows = [row for row in server.rows(sample, limit=1000) if row["other"] is not None]
    answer = contrasted(server, sample, {"column": "other"})
    assert [each["column"] for each in answer["estimates"]] == ["score", "other"]
    (found,) = answer["contrasts"]
    differences = np.array([row["score"] - row["other"] for row in rows])
    assert found["estimate"] == pytest.approx(differences.mean())
    assert (found["n"], found["n_missing"]) == (len(rows), 300 - len(rows))
    assert (found["first"]["name"], found["second"]["name"]) == ("score", "other")
    assert found["df"] == len(rows) - 1
    assert any("both values" in note for note in answer["notes"])


def test_ratios_by_groups_have_true_values(server: LiveServer, sample: str) -> None:
    answer = contrasted(
        server, sample, {**A_OR_B, "measure": "ratio"}, by=["task"], true_values=True
    )
    assert [each["group"] for each in answer["contrasts"]] == [{"task": n} for n in (0, 1, 2)]
    for each in answer["contrasts"]:
        ratio = each["first"]["estimate"] / each["second"]["estimate"]
        assert each["estimate"] == pytest.approx(ratio)
        assert each["true_value"] == pytest.approx(ratio, abs=4 * each["standard_error"])
    assert any("one comparison alone" in note for note in answer["notes"])


def test_shares_and_calibrated_totals_are_contrasted(server: LiveServer, sample: str) -> None:
    share = {"statistic": "proportion", "column": "passed", "value": True}
    figures = [share, {"statistic": "total", "column": "score"}]
    known = {"method": "poststratify", "columns": ["model"]}
    answer = contrasted(server, sample, A_OR_B, statistics=figures, calibrate=known)
    of_share, total = answer["contrasts"]
    assert -1 < of_share["estimate"] < 0
    figures = [{"statistic": "total", "column": "score"}]
    (plain,) = contrasted(server, sample, A_OR_B, statistics=figures)["contrasts"]
    assert total["standard_error"] < plain["standard_error"]
    difference = {"method": "difference", "columns": ["size"]}
    (found,) = contrasted(server, sample, A_OR_B, calibrate=difference)["contrasts"]
    assert found["standard_error"] > 0


def test_a_missing_group_and_a_filter_can_be_contrasted(server: LiveServer, sample: str) -> None:
    between = {"by": "model", "first": "a", "second": None}
    answer = contrasted(server, sample, {"between": between}, filters={"expression": "task < 2"})
    (found,) = answer["contrasts"]
    assert found["second"]["name"] is None
    assert found["estimate"] < 0


def test_few_rows_are_warned_about(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=20, seed=3))
    share = {"statistic": "proportion", "column": "passed", "value": True}
    between = {"by": "id", "first": 3, "second": 4}
    found = contrasted(server, job, {"between": between})
    assert found["contrasts"] == []
    assert any("no contrast" in note for note in found["notes"])
    between = {"by": "size", "first": 1, "second": 2}
    found = contrasted(server, job, {"between": between}, by=["passed"], statistics=[share])
    assert any("share that no sampled row" in note for note in found["warnings"])
    found = contrasted(server, job, {"between": between})
    assert any("degrees of freedom" in note for note in found["warnings"])


@pytest.mark.parametrize(
    ("more", "loc", "words"),
    [
        ({"contrast": {}}, ["body", "contrast", "between"], "needs"),
        ({"contrast": {**A_OR_B, "column": "other"}}, ["body", "contrast", "column"], "combined"),
        (
            {"contrast": {"between": {"by": "model", "first": "a"}}},
            ["body", "contrast", "between", "second"],
            "second",
        ),
        (
            {"contrast": {"between": {"by": "model", "first": "a", "second": "a"}}},
            ["body", "contrast", "between", "second"],
            "same group",
        ),
        (
            {"contrast": {"between": {"by": "model", "first": "a", "second": "x"}}},
            ["contrast", "between", "second"],
            "No row of the table",
        ),
        (
            {"contrast": {"between": {"by": "moodel", "first": "a", "second": "x"}}},
            ["contrast", "between", "by"],
            "moodel",
        ),
        ({"contrast": A_OR_B, "by": ["model"]}, ["by"], "leave it out"),
        ({"contrast": {"column": "nothing"}}, ["statistics", 1, "column"], "nothing"),
        (
            {"contrast": A_OR_B, "statistics": [{**MEAN, "statistic": "quantile"}]},
            ["statistics", 0, "statistic"],
            "quantile",
        ),
        (
            {"contrast": {"column": "other"}, "statistics": [{"statistic": "count"}]},
            ["statistics", 0, "column"],
            "two different",
        ),
    ],
)
def test_contrasts_that_are_refused(
    server: LiveServer, sample: str, more: dict[str, Any], loc: list[Any], words: str
) -> None:
    answer = asked(server, sample, {"statistics": [MEAN], **more})
    assert answer.status_code in (400, 422), answer.text
    assert words in answer.text
    assert str(loc[-1]) in answer.text


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("model=a:b", ("model", "a", "b")),
        ('"a=b"="x:y":', ("a=b", "x:y", None)),
        ("size=1:2.5", ("size", "1", "2.5")),
        ('code="1":true', ("code", "1", "true")),
        ('say="say ""a""":b', ("say", 'say "a"', "b")),
    ],
)
def test_two_groups_are_one_text(text: str, groups: tuple[Any, ...]) -> None:
    read = read_two_groups(text)
    assert tuple(read.values()) == groups
    assert read_two_groups(two_groups_text(read)) == read


def test_the_column_says_what_a_text_means(server: LiveServer) -> None:
    """A text of digits is a text in a column of texts, and a number in one of numbers."""
    dataset = server.new_dataset()
    lines = [f"{row},{1 + row % 3},{1 + row % 3:02},{row % 7}" for row in range(300)]
    server.import_text(dataset, "\n".join(["id,level,code,score", *lines]) + "\n")
    job = drawn(server, dataset, one("random", sample_size=150))
    by_number = {"between": {"by": "level", "first": 1, "second": 2}}
    by_text = {"between": {"by": "level", "first": "1", "second": "2.0"}}
    found = [contrasted(server, job, contrast)["contrasts"][0] for contrast in (by_number, by_text)]
    assert found[0]["estimate"] == found[1]["estimate"]
    assert found[1]["first"]["name"] == 1
    (texts,) = contrasted(server, job, {"between": read_two_groups("code=01:02")})["contrasts"]
    assert (texts["first"]["name"], texts["second"]["name"]) == ("01", "02")
    assert texts["estimate"] == found[0]["estimate"]
    share = {"statistic": "proportion", "column": "level", "value": "1"}
    as_number = {**share, "value": 1}
    shares = asked(server, job, {"statistics": [share, as_number]}).json()["estimates"]
    assert shares[0]["estimate"] == shares[1]["estimate"] > 0
    for between, words in (
        ({"by": "level", "first": "1", "second": "1.0"}, "the same group"),
        ({"by": "level", "first": "one", "second": "2"}, "one"),
        ({"by": "code", "first": "1", "second": "02"}, "1"),
    ):
        refused = asked(server, job, {"statistics": [MEAN], "contrast": {"between": between}})
        assert refused.status_code == 422, refused.text
        assert words in refused.text
