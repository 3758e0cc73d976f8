"""A flag against the truth over HTTP: figures by hand, sources of values, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.contract.draw_requests import one
from tests.contract.test_sample_values import csv_of, send
from tests.support.live_server import LiveServer

ROWS = 3000


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Outputs with a judge, its score, classes by people and by a model, and amounts."""
    dataset_id = server.new_dataset()
    random = np.random.default_rng(12)
    lines = []
    for row in range(ROWS):
        bad = bool(random.random() < 0.15)
        score = round(float(random.beta(5, 3) if bad else random.beta(1.5, 6)), 4)
        flag = "" if row % 50 == 0 else str(score >= 0.5).lower()
        label = ("good", "rude", "wrong")[0 if not bad else 1 + row % 2]
        guess = label if random.random() < 0.8 else ("good", "rude", "wrong")[row % 3]
        amount = round(float(random.gamma(2, 50)), 2)
        refund = amount if bad and row % 7 else ""
        lines.append(
            f"{row},{str(bad).lower()},{int(bad)},{flag},{int(score >= 0.5)},{score},{label},"
            f"{guess},{amount},{('a', 'b')[row % 2]},{row % 5},{refund}"
        )
    head = "id,is_bad,bad_number,judge,judge_number,score,label,guess,amount,model,rating,refund"
    server.import_text(dataset_id, "\n".join([head, *lines]) + "\n")
    return dataset_id


def drawn(server: LiveServer, dataset: int, *rounds: dict[str, Any]) -> str:
    job = server.draw_once(dataset, {"rounds": list(rounds)})
    assert job["status"] == "completed", job
    return str(job["id"])


@pytest.fixture(scope="module")
def sample(server: LiveServer, dataset: int) -> str:
    return drawn(server, dataset, one("random", sample_size=400))


def asked(server: LiveServer, job: str, **body: Any) -> Any:
    return server.admin.post(f"/api/sampling/jobs/{job}/classification", json=body)


def found(server: LiveServer, job: str, **body: Any) -> dict[str, Any]:
    answer = asked(server, job, **{"truth": "is_bad", "flagged": "judge_number", **body})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def by_name(group: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in group["figures"]}


def test_figures_are_those_by_hand(server: LiveServer, dataset: int, sample: str) -> None:
    answer = found(server, sample, amount_column="amount")
    rows = server.rows(sample, limit=1000)
    bad = np.array([row["is_bad"] for row in rows])
    flag = np.array([row["judge_number"] == 1 for row in rows])
    everything = server.admin.get(
        f"/api/datasets/{dataset}/tables/primary/data", params={"limit": 5000, "ref": "main"}
    )
    table = everything.json()["data"] if everything.status_code == 200 else None
    (group,) = answer["groups"]
    figures = by_name(group)
    share = figures["flagged_share"]["estimate"]
    if table is not None and len(table) == ROWS:
        assert share == np.mean([row["judge_number"] for row in table])
    assert figures["flagged_share"]["interval"] == "known"
    precision, elusion = bad[flag].mean(), bad[~flag].mean()
    assert figures["precision"]["estimate"] == pytest.approx(precision)
    assert figures["elusion"]["estimate"] == pytest.approx(elusion)
    hits, missed = share * precision, (1 - share) * elusion
    assert figures["recall"]["estimate"] == pytest.approx(hits / (hits + missed))
    assert figures["f1"]["estimate"] == pytest.approx(2 * hits / (share + hits + missed))
    assert figures["missed_rows"]["estimate"] == pytest.approx(ROWS * missed)
    amounts = np.array([row["amount"] for row in rows])
    average = np.where(bad & ~flag, amounts, 0)[~flag].mean()
    assert group["missed_amount"]["estimate"] == pytest.approx(ROWS * (1 - share) * average)
    cells = {(each["truth"], each["flagged"]): each for each in group["confusion"]}
    assert sum(each["estimate"] for each in cells.values()) == pytest.approx(ROWS)
    assert sum(each["n"] for each in cells.values()) == group["n"] == 400
    for each in figures.values():
        assert each["ci_low"] <= each["estimate"] <= each["ci_high"]


@pytest.mark.parametrize(
    ("proportion", "words"),
    [
        ("korn_graubard", "have Korn and Graubard's interval; what"),
        ("wilson", "have Wilson's interval; what"),
        ("logit", "have the interval of the logit; what"),
        ("exact", "have Clopper and Pearson's interval; what"),
    ],
)
def test_the_note_names_the_intervals(
    server: LiveServer, sample: str, proportion: str, words: str
) -> None:
    answer = found(server, sample, interval={"proportion": proportion})
    assert any(words in note for note in answer["notes"])


def test_a_missed_row_without_an_amount_adds_nothing(server: LiveServer, dataset: int) -> None:
    sample = drawn(server, dataset, one("random", sample_size=1000))
    rows = [row for row in server.rows(sample, limit=1000) if row["judge_number"] == 0]
    refunds = [row["refund"] for row in rows if row["is_bad"]]
    lacking = refunds.count(None)
    assert lacking > 1
    total = sum(filter(None, refunds))
    answer = found(server, sample, amount_column="refund")
    (group,) = answer["groups"]
    share = by_name(group)["flagged_share"]["estimate"]
    estimate = ROWS * (1 - share) * total / len(rows)
    assert group["missed_amount"]["estimate"] == pytest.approx(estimate)
    note = (
        f"{lacking} bad rows without a flag in the sample have no value in refund: the missed "
        "amount takes it as 0."
    )
    assert note in answer["notes"]


DESIGNS = {
    "stratified": [one("stratified", strata_columns=["judge_number"], sample_size=300)],
    "by score": [
        one(
            "stratified",
            strata_columns=[{"column": "score", "breaks": [0.2, 0.5, 0.8]}],
            sample_size=300,
        )
    ],
    "cluster": [one("cluster", cluster_column="rating", num_clusters=4)],
    "systematic": [one("systematic", interval=9)],
    "weighted": [one("weighted", weight_column="amount", sample_size=300)],
    "rounds": [
        one("weighted", weight_column="amount", sample_size=100),
        one("systematic", interval=9),
    ],
}


@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_has_figures(server: LiveServer, dataset: int, name: str) -> None:
    job = drawn(server, dataset, *DESIGNS[name])
    answer = found(server, job)
    figures = by_name(answer["groups"][0])
    assert answer["uses_table_flags"], answer["notes"]
    assert figures["recall"]["ci_low"] < figures["recall"]["estimate"]
    assert figures["recall"]["estimate"] < figures["recall"]["ci_high"]
    assert figures["recall"]["standard_error"] > 0


def test_a_score_states_its_threshold(server: LiveServer, sample: str) -> None:
    plain = found(server, sample)
    scored = found(server, sample, flagged="score", threshold=0.5)
    assert scored["threshold"] == 0.5
    assert scored["flagged_if"] == "score is 0.5 or more"
    assert scored["groups"][0]["figures"] == plain["groups"][0]["figures"]
    text = found(server, sample, flagged="score", threshold="0.5")
    assert text["groups"] == scored["groups"]


def test_truth_may_be_a_number_or_a_value(server: LiveServer, sample: str) -> None:
    plain = found(server, sample)["groups"]
    assert found(server, sample, truth="bad_number")["groups"] == plain
    valued = found(server, sample, truth="label", positive=["rude", "wrong"])
    assert valued["groups"] == plain
    assert valued["bad_if"] == "label is rude or wrong"
    single = found(server, sample, truth="label", positive="rude")
    assert by_name(single["groups"][0])["prevalence"]["estimate"] < 0.15


def test_rows_without_a_flag_are_counted(server: LiveServer, sample: str) -> None:
    answer = found(server, sample, flagged="judge")
    (group,) = answer["groups"]
    rows = server.rows(sample, limit=1000)
    without = sum(row["judge"] is None for row in rows)
    assert without > 0
    assert (group["n"], group["n_without_flag"]) == (400 - without, without)
    assert sum(each["estimate"] for each in group["confusion"]) == pytest.approx(ROWS - ROWS / 50)
    assert any("no flag" in note for note in answer["notes"])


def test_groups_have_their_own_rows(server: LiveServer, sample: str) -> None:
    answer = found(server, sample, by=["model"], filters={"expression": "rating < 4"})
    assert [each["group"] for each in answer["groups"]] == [{"model": "a"}, {"model": "b"}]
    rows = [row for row in server.rows(sample, limit=1000) if row["rating"] < 4]
    for group in answer["groups"]:
        own = [row for row in rows if row["model"] == group["group"]["model"]]
        flagged = [row["is_bad"] for row in own if row["judge_number"] == 1]
        assert group["n"] == len(own)
        assert by_name(group)["precision"]["estimate"] == pytest.approx(np.mean(flagged))
        assert sum(each["estimate"] for each in group["confusion"]) == pytest.approx(1200)


def test_texts_are_compared_class_by_class(server: LiveServer, sample: str) -> None:
    answer = found(server, sample, truth="label", flagged="guess")
    assert answer["classes"] == ["good", "rude", "wrong"]
    (group,) = answer["groups"]
    assert [each["label"] for each in group["classes"]] == answer["classes"]
    figures = by_name(group)
    recalls = [by_name(each)["recall"]["estimate"] for each in group["classes"]]
    assert figures["recall"]["estimate"] == pytest.approx(np.mean(recalls))
    assert set(figures) == {"accuracy", "precision", "recall", "f1"}
    assert len(group["confusion"]) == 9
    assert sum(each["estimate"] for each in group["confusion"]) == pytest.approx(ROWS)


def test_answers_may_come_from_a_file(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, {"rounds": [one("random", sample_size=200)]})["id"]
    rows = [row | {"checked": row["is_bad"]} for row in server.rows(job, limit=1000)][:150]
    assert send(server, job, csv_of(rows, "id", "checked"), "id").status_code == 200
    answer = found(server, job, truth="checked", values="latest")
    (group,) = answer["groups"]
    assert answer["values"]["number"] == 1
    assert answer["uses_table_flags"]
    assert (group["n"], group["n_unanswered"]) == (150, 50)
    assert any("no truth" in note for note in answer["notes"])


def test_a_flag_from_a_file_isnt_known_for_the_table(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, {"rounds": [one("random", sample_size=200)]})["id"]
    rows = [row | {"mine": row["judge_number"]} for row in server.rows(job, limit=1000)]
    assert send(server, job, csv_of(rows, "id", "mine"), "id").status_code == 200
    answer = found(server, job, flagged="mine", values="latest")
    figures = by_name(answer["groups"][0])
    assert not answer["uses_table_flags"]
    assert any("isn't in the table" in note for note in answer["notes"])
    bad = np.array([row["is_bad"] for row in rows])
    flag = np.array([row["mine"] == 1 for row in rows])
    assert figures["recall"]["estimate"] == pytest.approx(flag[bad].mean())
    assert figures["flagged_share"]["standard_error"] > 0


def test_a_flag_without_values_is_refused(server: LiveServer, dataset: int) -> None:
    sql = 'SELECT *, CAST(NULL AS BOOLEAN) AS no_flag FROM "primary"'
    stored = server.explore(dataset, {"sql": sql, "output_name": "without_flag"})
    ref = stored["output_summary"]["output_ref"]
    rounds = [one("random", sample_size=20)]
    drawn_ = server.draw(dataset, {"source_ref": ref, "rounds": rounds})
    answer = asked(server, drawn_["id"], truth="is_bad", flagged="no_flag")
    assert answer.status_code == 422, answer.text
    assert 'No sampled row has a value in "no_flag"' in answer.json()["detail"]


def test_no_missed_row_doesnt_prove_a_recall(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=400))
    answer = found(server, job, flagged="score", threshold=0.01)
    figures = by_name(answer["groups"][0])
    assert figures["recall"]["estimate"] == 1.0
    assert figures["recall"]["ci_low"] < 1.0
    assert figures["missed_rows"]["ci_high"] > 0
    assert "No bad row was found" in answer["warnings"][0]
    words = "Korn and Graubard's interval, or the exact hypergeometric interval; what follows"
    assert any(words in note for note in answer["notes"])


@pytest.mark.parametrize(
    ("body", "loc", "words"),
    [
        ({"flagged": "score"}, ["flagged"], "two ways"),
        ({"flagged": "guess"}, ["flagged"], "two ways"),
        ({"truth": "label"}, ["truth"], "two ways"),
        ({"truth": "rating"}, ["truth"], "positive"),
        ({"flagged": "is_bad"}, ["flagged"], "same column"),
        ({"flagged": "judge", "threshold": 0.5}, ["threshold"], "numbers"),
        ({"flagged": "nothing"}, ["flagged"], "nothing"),
        ({"flagged": "guess", "flagged_value": "rood"}, ["flagged_value", "0"], "rude"),
        ({"positive": [None]}, ["positive"], "null"),
        ({"amount_column": "model"}, ["amount_column"], "numbers"),
        ({"truth": "label", "flagged": "guess", "amount_column": "amount"}, ["amount_column"], ""),
        (
            {"flagged": "score", "threshold": 0.5, "flagged_value": 1},
            ["flagged_value"],
            "threshold",
        ),
    ],
)
def test_what_is_refused(
    server: LiveServer, sample: str, body: dict[str, Any], loc: list[str], words: str
) -> None:
    answer = asked(server, sample, **{"truth": "is_bad", "flagged": "judge_number", **body})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert words in error["msg"]
    assert [str(part) for part in error["loc"]] == ["body", *loc]


def test_answers_of_reviewers_are_the_truth(server: LiveServer, dataset: int) -> None:
    job = str(server.draw(dataset, {"rounds": [one("random", sample_size=60)]})["id"])
    url = f"/api/sampling/jobs/{job}"
    question = {"name": "is_rude", "type": "yes_no", "text": "Is it rude?"}
    asked_for = server.admin.put(f"{url}/questions", json={"questions": [question]})
    assert asked_for.status_code == 200, asked_for.text
    none = asked(server, job, truth="is_rude", flagged="judge_number", values="answers")
    assert none.status_code == 422
    assert "No drawn row has an answer" in none.text
    rows = server.rows(job, limit=1000)
    for row in rows[:40]:
        body = {"row_id": row["_logical_row_id"], "answers": {"is_rude": row["label"] == "rude"}}
        answer = server.admin.post(f"{url}/answers", json=body)
        assert answer.status_code == 200, answer.text
    found_answers = found(server, job, truth="is_rude", values="answers")
    (group,) = found_answers["groups"]
    assert (group["n"], group["n_unanswered"]) == (40, 20)
    flagged = [row["label"] == "rude" for row in rows[:40] if row["judge_number"] == 1]
    assert by_name(group)["precision"]["estimate"] == pytest.approx(np.mean(flagged))
    assert any("20 of 60 drawn rows have no answer" in note for note in found_answers["notes"])
