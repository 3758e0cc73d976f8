"""Two readers of a sample over HTTP: their agreement, and estimates that their answers correct."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS, TWICE = 80, 40
QUESTIONS = [
    {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"},
    {"name": "kind", "type": "choice", "text": "Which?", "choices": ["a", "b"], "required": False},
    {"name": "score", "type": "number", "text": "How bad?", "required": False},
    {"name": "why", "type": "text", "text": "Why?", "required": False},
]
SHARE = {"statistic": "proportion", "column": "is_bad", "value": True}
SCORE = {"statistic": "mean", "column": "score"}


def url(job: str, path: str) -> str:
    return f"/api/sampling/jobs/{job}/{path}"


class Reviewed:
    """A sample of which each second row is bad, read by three people."""

    def __init__(self, server: LiveServer, **draw: Any) -> None:
        self.server = server
        self.dataset = server.new_balanced_table(400)
        rounds = [one(**{"method": "random", "sample_size": ROWS, **draw})]
        self.job = str(server.draw(self.dataset, {"rounds": rounds})["id"])
        self.readers = [server.admin, *(self._writer() for _ in range(2))]
        body = {"questions": QUESTIONS, "second_readings": TWICE / ROWS}
        self.send(server.admin.put(url(self.job, "questions"), json=body))
        found = self.answers()
        self.rows = [row["row_id"] for row in found]
        self.twice = [row["row_id"] for row in found if row["second_due"]]

    def _writer(self) -> httpx.Client:
        client, user = self.server.new_user()
        path = f"/api/datasets/{self.dataset}/permissions"
        body = {"user_id": user["id"], "permission": "write"}
        self.send(self.server.admin.put(path, json=body))
        return client

    def send(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def answers(self) -> list[dict[str, Any]]:
        return list(self.send(self.server.admin.get(url(self.job, "answers")))["rows"])

    def enter(self, reader: int, reading: str, answers: dict[str, dict[str, Any]]) -> None:
        entries = [
            {"row_id": row_id, "reading": reading, **given} for row_id, given in answers.items()
        ]
        path = url(self.job, "answers")
        self.send(self.readers[reader].post(path, json={"answers": entries}))

    def agreement(self, **query: Any) -> dict[str, Any]:
        return self.send(self.server.admin.get(url(self.job, "agreement"), params=query))

    def estimates(self, *statistics: Any, **body: Any) -> dict[str, Any]:
        given = {"statistics": list(statistics), "values": "answers", **body}
        return self.send(self.server.admin.post(url(self.job, "estimates"), json=given))


def right(place: int) -> dict[str, Any]:
    """The true answers about the row at a place."""
    is_bad = place % 2 == 0
    return {"is_bad": is_bad, "kind": "a" if is_bad else None, "score": float(place % 7)}


def review(server: LiveServer, **draw: Any) -> Reviewed:
    """The first reader is wrong about 4 of the rows that are read twice, the second never."""
    found = Reviewed(server, **draw)
    places = {row_id: place for place, row_id in enumerate(found.rows)}
    first = {row_id: {"answers": right(place)} for row_id, place in places.items()}
    wrong = found.twice[:4]
    for row_id in wrong:
        answers = first[row_id]["answers"]
        first[row_id] = {
            "answers": {**answers, "is_bad": not answers["is_bad"], "score": answers["score"] + 2}
        }
    found.enter(0, "first", first)
    second = {row_id: {"answers": {**right(places[row_id])}} for row_id in found.twice}
    found.enter(1, "second", second)
    return found


def decided(found: Reviewed) -> Reviewed:
    """A third reader decides rightly."""
    places = {row_id: place for place, row_id in enumerate(found.rows)}
    found.enter(
        2, "decision", {row_id: {"answers": right(places[row_id])} for row_id in found.twice[:4]}
    )
    return found


@pytest.fixture(scope="module")
def reviewed(server: LiveServer) -> Reviewed:
    return decided(review(server))


def test_agreement_has_figures_and_who_said_what(reviewed: Reviewed) -> None:
    found = reviewed.agreement()
    assert found["second_readings"] == {
        "due": TWICE,
        "given": TWICE,
        "differing": 4,
        "decided": 4,
    }
    is_bad, kind, score = found["questions"]
    assert (is_bad["pairs"], is_bad["equal"], is_bad["share"]["estimate"]) == (TWICE, 36, 0.9)
    # Clopper and Pearson's limits of 36 of 40.
    assert is_bad["share"]["ci_low"] == pytest.approx(0.7634, abs=5e-5)
    assert is_bad["share"]["ci_high"] == pytest.approx(0.9721, abs=5e-5)
    table = {(each["first"], each["second"]): each["rows"] for each in is_bad["table"]}
    assert table["Yes", "No"] + table["No", "Yes"] == 4
    assert sum(table.values()) == TWICE
    assert is_bad["kappa"]["ci_low"] < is_bad["kappa"]["estimate"] < is_bad["kappa"]["ci_high"]
    assert is_bad["alpha"]["estimate"] == pytest.approx(is_bad["kappa"]["estimate"], abs=0.01)
    # Only rows that a reader answered count, and all agree in one value.
    assert kind["pairs"] == kind["equal"] == table["Yes", "Yes"] + table["No", "Yes"]
    assert (kind["kappa"]["estimate"], kind["alpha"]["estimate"]) == (None, None)
    assert "aren't defined" in kind["cautions"][0]
    assert (score["pairs"], score["equal"], score["table"]) == (TWICE, 36, [])
    assert score["kappa"]["estimate"] is None
    assert 0.7 < score["alpha"]["estimate"] < 1
    assert "Texts aren't compared." in found["notes"]


def test_the_confidence_is_that_of_the_query(reviewed: Reviewed) -> None:
    wide, narrow = reviewed.agreement(), reviewed.agreement(confidence="80%")
    assert (wide["confidence"], narrow["confidence"]) == (0.95, 0.8)
    for figure in ("share", "kappa", "alpha"):
        lows = [found["questions"][0][figure]["ci_low"] for found in (wide, narrow)]
        assert lows[0] < lows[1]
    refused = reviewed.server.admin.get(url(reviewed.job, "agreement"), params={"confidence": 2})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"] == ["query", "confidence"]


def test_differences_have_both_answers_and_the_decision(reviewed: Reviewed) -> None:
    path = url(reviewed.job, "agreement/differences")
    found = reviewed.send(reviewed.server.admin.get(path, params={"offset": 1, "limit": 2}))
    order = [row_id for row_id in reviewed.rows if row_id in reviewed.twice[:4]]
    assert (found["total"], [row["row_id"] for row in found["rows"]]) == (4, order[1:3])
    row = found["rows"][0]
    assert row["questions"] == ["is_bad", "score"]
    first, second, decision = (row[name]["answers"] for name in ("first", "second", "decision"))
    assert first["is_bad"] != second["is_bad"]
    assert second == decision
    assert len({row[name]["user_soeid"] for name in ("first", "second", "decision")}) == 3


def test_reviewers_see_neither_agreement_nor_differences(reviewed: Reviewed) -> None:
    client, user = reviewed.server.new_user("viewer")
    path = url(reviewed.job, "reviewers")
    reviewed.send(reviewed.server.admin.put(path, json={"reviewers": [user["soeid"]]}))
    assert client.get(url(reviewed.job, "review-queue")).status_code == 200
    for name in ("agreement", "agreement/differences"):
        assert_problem(client.get(url(reviewed.job, name)), 404, "not_found")


def test_second_readings_correct_estimates(reviewed: Reviewed) -> None:
    found = reviewed.estimates(SHARE, SCORE)
    share, score = (each["corrected"] for each in found["estimates"])
    wrong = [place for place, row in enumerate(reviewed.rows) if row in reviewed.twice[:4]]
    # The first reader takes good for bad in these rows, or bad for good.
    surplus = sum(-1 if place % 2 == 0 else 1 for place in wrong)
    first = (ROWS / 2 + surplus) / ROWS
    assert share["correction"] == pytest.approx(-2 * surplus / ROWS)
    assert share["first_answers"] == pytest.approx(first)
    assert share["estimate"] == pytest.approx(first + share["correction"])
    assert score["correction"] == pytest.approx(-2 * 4 * 2 / ROWS)
    for each, plain in zip((share, score), found["estimates"], strict=True):
        assert (each["second_readings"], each["differing"]) == (TWICE, 4)
        assert each["ci_low"] < each["estimate"] < each["ci_high"]
        assert each["ci_high"] - each["ci_low"] > plain["ci_high"] - plain["ci_low"]
        assert "of which 4 changed the value" in each["note"]
    assert any("holds the truth less often" in note for note in found["notes"])


def test_groups_of_the_table_are_corrected(reviewed: Reviewed) -> None:
    total = {"statistic": "total", "column": "score"}
    found = reviewed.estimates(total, by=["region"])["estimates"]
    (whole,) = reviewed.estimates(total)["estimates"]
    assert sum(each["corrected"]["second_readings"] for each in found) == TWICE
    assert sum(each["corrected"]["correction"] for each in found) == pytest.approx(
        whole["corrected"]["correction"]
    )


def test_a_calibrated_figure_is_corrected(reviewed: Reviewed) -> None:
    calibrate = {"method": "regression", "columns": ["amount"]}
    (found,) = reviewed.estimates(SCORE, calibrate=calibrate)["estimates"]
    assert found["corrected"]["correction"] == pytest.approx(-2 * 4 * 2 / ROWS, rel=0.3)
    assert found["corrected"]["ci_low"] < found["corrected"]["estimate"]


def test_both_of_people_and_judge_are_corrected(reviewed: Reviewed) -> None:
    calibrate = {"method": "judge", "columns": ["amount"]}
    (found,) = reviewed.estimates(SCORE, calibrate=calibrate)["estimates"]
    both, corrected = found["judge"]["both"], found["corrected"]
    assert corrected["correction"] == pytest.approx(-2 * 4 * 2 / ROWS)
    assert corrected["estimate"] == pytest.approx(
        corrected["first_answers"] + corrected["correction"]
    )
    # Decisions of 4 rows apart, the first answers have the figure of both.
    assert corrected["first_answers"] == pytest.approx(both["estimate"] + 4 * 2 / ROWS, abs=0.02)
    assert corrected["standard_error"] > both["standard_error"]


def test_figures_that_are_not_corrected_say_why(reviewed: Reviewed) -> None:
    median = {"statistic": "quantile", "column": "score"}
    found = reviewed.estimates(median)
    assert found["estimates"][0]["corrected"] is None
    assert "Second readings correct means, totals and shares" in "".join(found["notes"])
    for body in ({"by": ["kind"]}, {"filters": {"expression": "is_bad = true"}}):
        found = reviewed.estimates(SCORE, **body)
        assert {each["corrected"] for each in found["estimates"]} == {None}
        assert "depend on the readers" in "".join(found["notes"])
    found = reviewed.estimates(SCORE, replicates="jackknife")
    assert "by replicate weights aren't corrected" in "".join(found["notes"])
    table = {"statistic": "mean", "column": "amount"}
    (own,) = reviewed.estimates(table, values="table")["estimates"]
    assert own["corrected"] is None


def test_rows_that_wait_for_a_decision_correct_nothing(server: LiveServer) -> None:
    found = review(server, method="stratified", strata_columns=["region"])
    counts = found.agreement()["second_readings"]
    assert (counts["differing"], counts["decided"]) == (4, 0)
    assert "4 differing rows wait for a decision." in found.agreement()["notes"]
    answer = found.estimates(SHARE)
    assert answer["estimates"][0]["corrected"] is None
    assert "4 differing rows wait for a decision." in "".join(answer["notes"])
    places = {row_id: place for place, row_id in enumerate(found.rows)}
    decided = {row_id: {"answers": right(places[row_id])} for row_id in found.twice[:3]}
    found.enter(2, "decision", {**decided, found.twice[3]: {"outcome": "not_examinable"}})
    answer = found.estimates(SHARE)
    corrected = answer["estimates"][0]["corrected"]
    assert (corrected["second_readings"], corrected["differing"]) == (TWICE - 1, 3)
    assert "In 1 row one of the first and the resolved reading" in "".join(answer["notes"])


def test_second_readings_that_the_seed_did_not_choose_do_not_count(server: LiveServer) -> None:
    found = review(server)
    before = found.estimates(SHARE)["estimates"][0]["corrected"]
    assert before is None  # 4 rows wait
    found = decided(found)
    before = found.estimates(SHARE)["estimates"][0]["corrected"]
    other = next(row_id for row_id in found.rows if row_id not in found.twice)
    place = found.rows.index(other)
    answers = {**right(place), "is_bad": place % 2 != 0}
    found.enter(1, "second", {other: {"answers": answers}})
    counts = found.agreement()
    assert (counts["second_readings"]["given"], counts["second_readings"]["differing"]) == (
        TWICE,
        4,
    )
    note = next(each for each in counts["notes"] if "1 other row has a second reading" in each)
    assert "aren't among the rows that the seed chooses now" in note
    listed = found.send(server.admin.get(url(found.job, "agreement/differences")))
    assert other in [row["row_id"] for row in listed["rows"]]
    answer = found.estimates(SHARE)
    assert answer["estimates"][0]["corrected"] == before
    note = (
        f"{TWICE + 1} rows have a second reading, which doesn’t count by itself. The seed didn’t "
        "choose 1 of them: they correct no figure."
    )
    assert note in answer["notes"]


def test_without_second_readings_there_is_no_agreement(server: LiveServer) -> None:
    found = Reviewed(server)
    empty = found.agreement()
    assert empty["second_readings"]["given"] == 0
    assert empty["questions"][0]["share"]["estimate"] is None
    assert f"{TWICE} of {TWICE} rows due" in "".join(empty["notes"])
    found.enter(0, "first", {row: {"answers": right(at)} for at, row in enumerate(found.rows)})
    answer = found.estimates(SHARE)
    assert answer["estimates"][0]["corrected"] is None


def test_an_outcome_is_a_difference_of_readers(server: LiveServer) -> None:
    found = Reviewed(server)
    row = found.twice[0]
    found.enter(0, "first", {row: {"answers": right(0)}})
    found.enter(1, "second", {row: {"outcome": "not_examinable"}})
    answer = found.agreement()
    is_bad, _, score = answer["questions"]
    assert (is_bad["pairs"], is_bad["equal"]) == (1, 0)
    assert {"first": "Yes", "second": "Can’t be judged", "rows": 1} in is_bad["table"]
    assert score["pairs"] == 0
    assert "1 row has a number of one reader alone" in score["cautions"][0]
