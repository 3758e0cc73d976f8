"""Schedules with questions: each sample's queue, the rate over the weeks, and what they refuse."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from job_runner.scheduler import run_due
from service.settings import Settings
from tests.contract.problems import assert_problem
from tests.contract.test_schedules import SetClock
from tests.support.live_server import LiveServer, live_server

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROWS = 40
QUESTION = {"name": "is_bad", "type": "yes_no", "text": "Is the reply bad?"}
KIND = {"name": "kind", "type": "choice", "text": "Which?", "choices": ["wrong", "rude"]}
SCORE = {"name": "stars", "type": "number", "text": "How many stars?"}
PLANTED = "planted-verdict"
RATE = {"statistic": "proportion", "column": "is_bad", "value": True, "values": "answers"}
weeks = itertools.count()


class World:
    """A server whose clock the tests set, with a dataset that grows each week."""

    def __init__(self, server: LiveServer, clock: SetClock) -> None:
        self.server, self.clock = server, clock
        self.dataset = server.new_dataset()
        self.load(0)
        self.ann, ann = server.new_user("viewer", timedelta(days=1000))
        self.ben, ben = server.new_user("viewer", timedelta(days=1000))
        self.names = [ann["soeid"], ben["soeid"]]

    def load(self, week: int, header: str = "id,reply,judge") -> None:
        """A version with the rows of all weeks until now."""
        rows = "".join(
            f"{row},reply {row},{PLANTED if row % 3 else 'fine'}\n"
            for row in range((week + 1) * ROWS)
        )
        job = self.server.import_text(self.dataset, f"{header}\n{rows}")
        assert job["status"] == "completed", job

    def draw(self, size: int = 10) -> dict[str, Any]:
        one = {"method": "random", "parameters": {"sample_size": size}}
        return self.server.draw(self.dataset, {"rounds": [one]})

    def questions(self, **more: Any) -> dict[str, Any]:
        asked = {"questions": [QUESTION, KIND, SCORE], "hidden": ["judge"], "second_readings": 0.2}
        return {**asked, "reviewers": self.names, **more}

    def schedule(self, job_id: str, **more: Any) -> httpx.Response:
        body = {"job_id": job_id, "name": f"weekly {next(weeks)}", "cron": "0 6 * * MON"}
        return self.server.admin.post("/api/schedules", json={**body, **more})

    def week(self, schedule_id: int, name: str) -> dict[str, Any]:
        """The sample of the next Monday at 6."""
        self.clock.now += timedelta(days=7)
        run_due(self.server.service)
        listed = self.server.admin.get("/api/schedules", params={"dataset_id": self.dataset})
        (found,) = (each for each in listed.json()["schedules"] if each["id"] == schedule_id)
        assert found["problem"] is None
        job = self.server.finished(found["last_job_id"])
        assert job["output_name"].startswith(name.replace(" ", "-"))
        return job

    def figures(self, schedule_id: int, **body: Any) -> dict[str, Any]:
        answer = self.server.admin.post(f"/api/schedules/{schedule_id}/figures", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    clock = SetClock()
    clock.now, clock.step = START, timedelta(microseconds=1)
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("questions"), memory_mb=256, compare_samples=False
    )
    with live_server(settings, clock=clock) as live:
        yield World(live, clock)


def answer_all(reader: httpx.Client, job_id: str, bad: int, most: int = 1000) -> list[str]:
    """Answer what the queue gives, the first rows as bad; return all that the reader was sent."""
    path, seen = f"/api/sampling/jobs/{job_id}", []
    for place in range(most):
        got = reader.post(f"{path}/review-queue/next", json={})
        seen.append(got.text)
        row = got.json()["row"]
        if row is None:
            break
        answers = {"is_bad": place < bad, "kind": "wrong" if place < bad else "rude", "stars": 3}
        sent = reader.post(f"{path}/answers", json={"row_id": row["row_id"], "answers": answers})
        assert sent.status_code == 200, sent.text
        seen.append(sent.text)
    return seen


def test_each_sample_of_a_schedule_has_its_questions(world: World) -> None:
    made = world.schedule(world.draw()["id"], questions=world.questions()).json()
    for week, bad in ((1, 4), (2, 2), (3, 1)):
        world.load(week)
        job = world.week(made["id"], made["name"])
        path = f"/api/sampling/jobs/{job['id']}"
        asked = world.server.admin.get(f"{path}/questions").json()
        assert [each["name"] for each in asked["questions"]] == ["is_bad", "kind", "stars"]
        assert (asked["shown"], asked["hidden"]) == (["id", "reply"], ["judge"])
        query = {"action": "questions_chosen", "dataset_id": world.dataset, "limit": 1}
        (entry,) = world.server.admin.get("/api/admin/audit", params=query).json()["entries"]
        assert entry["object_id"] == job["id"]
        assert entry["details"]["hidden"] == "judge"
        reviewers = world.server.admin.get(f"{path}/reviewers").json()["reviewers"]
        assert sorted(each["soeid"] for each in reviewers) == sorted(world.names)
        if week == 3:
            break
        seen = answer_all(world.ann, job["id"], bad)
        seen += answer_all(world.ben, job["id"], 10)
        assert not any(PLANTED in text or "judge" in text for text in seen)

    empty = world.figures(made["id"], **RATE)
    assert [run["answered"] for run in empty["runs"]] == [10, 10, 0]
    assert empty["runs"][2]["problem"] == "No row is answered yet."
    answer_all(world.ann, job["id"], 1, most=5)

    found = world.figures(made["id"], **RATE)
    first, second, third = found["runs"]
    assert [run["estimate"] for run in (first, second, third)] == [0.4, 0.2, 0.2]
    assert [run["population"] for run in (first, second, third)] == [80, 120, 160]
    assert (third["drawn"], third["answered"], third["is_complete"]) == (10, 5, False)
    assert second["since_last"]["estimate"] == pytest.approx(-0.2)
    assert third["since_first"]["estimate"] == pytest.approx(-0.2)
    assert second["since_last"]["ci_low"] < -0.2 < second["since_last"]["ci_high"]
    assert found["pooled"]["estimate"] == pytest.approx(0.8 / 3)
    assert found["pooled"]["preliminary_runs"] >= 1
    assert "preliminary: 5 of" in found["notes"][0]
    mean = world.figures(made["id"], statistic="mean", column="stars", values="answers")
    assert [run["estimate"] for run in mean["runs"]] == [3, 3, 3]
    share = world.figures(
        made["id"], statistic="proportion", column="kind", value="wrong", values="answers"
    )
    assert [run["estimate"] for run in share["runs"]] == [0.4, 0.2, 0.2]


def test_differences_of_second_readings_keep_a_run_preliminary(world: World) -> None:
    made = world.schedule(
        world.draw()["id"], questions=world.questions(questions=[QUESTION])
    ).json()
    job = world.week(made["id"], made["name"])
    for reader, bad in ((world.ann, 0), (world.ben, 10)):
        while (row := next_row(reader, job["id"])) is not None:
            body = {"row_id": row["row_id"], "answers": {"is_bad": bad > 0}}
            path = f"/api/sampling/jobs/{job['id']}/answers"
            assert reader.post(path, json=body).status_code == 200
    (run,) = world.figures(made["id"], **RATE)["runs"]
    assert (run["answered"], run["is_complete"]) == (10, False)
    queue = world.server.admin.get(f"/api/sampling/jobs/{job['id']}/review-queue").json()
    differences = queue["progress"]["differences"]
    assert differences == 2
    for _ in range(differences):
        row = next_row(world.server.admin, job["id"], task="decide")
        body = {"row_id": row["row_id"], "answers": {"is_bad": False}}
        answer = world.server.admin.post(f"/api/sampling/jobs/{job['id']}/answers", json=body)
        assert answer.status_code == 200, answer.text
    (run,) = world.figures(made["id"], **RATE)["runs"]
    assert (run["estimate"], run["is_complete"]) == (0, True)


def next_row(reader: httpx.Client, job_id: str, **task: str) -> Any:
    return reader.post(f"/api/sampling/jobs/{job_id}/review-queue/next", json=task).json()["row"]


def test_a_schedule_asks_what_its_sample_asks(world: World) -> None:
    drawn = world.draw()
    refused = world.schedule(drawn["id"], same_questions=True)
    assert "The sample asks no questions." in assert_problem(refused, 409, "conflict")["detail"]
    path = f"/api/sampling/jobs/{drawn['id']}/questions"
    assert world.server.admin.put(path, json=world.questions()).status_code == 200
    made = world.schedule(drawn["id"], same_questions=True).json()
    assert made["request"]["questions"]["reviewers"] == sorted(world.names)
    job = world.week(made["id"], made["name"])
    here, there = (
        world.server.admin.get(f"/api/sampling/jobs/{each}/questions").json()
        for each in (drawn["id"], job["id"])
    )
    assert {**here, "job_id": None} == {**there, "job_id": None}


def test_a_new_column_is_not_shown_and_a_lacking_one_is_left_out(world: World) -> None:
    made = world.schedule(world.draw()["id"], questions=world.questions()).json()
    rows = "".join(f"{row},reply {row},{PLANTED}\n" for row in range(ROWS))
    job = world.server.import_text(world.dataset, f"id,reply,second_judge\n{rows}")
    assert job["status"] == "completed", job
    run = world.week(made["id"], made["name"])
    asked = world.server.admin.get(f"/api/sampling/jobs/{run['id']}/questions").json()
    assert (asked["shown"], asked["hidden"]) == (["id", "reply"], [])
    assert PLANTED not in "".join(answer_all(world.ann, run["id"], 1))
    world.load(4)


def test_a_column_with_the_name_of_a_question_stops_the_run(world: World) -> None:
    made = world.schedule(world.draw()["id"], questions=world.questions()).json()
    rows = "".join(f"{row},reply {row},true\n" for row in range(ROWS))
    job = world.server.import_text(world.dataset, f"id,reply,is_bad\n{rows}")
    assert job["status"] == "completed", job
    world.clock.now += timedelta(days=7)
    run_due(world.server.service)
    listed = world.server.admin.get("/api/schedules", params={"dataset_id": world.dataset}).json()
    (found,) = (each for each in listed["schedules"] if each["id"] == made["id"])
    assert 'has a column "is_bad"' in found["problem"]
    assert found["last_job_id"] is None
    world.load(4)


def test_other_questions_are_asked_from_the_next_run_on(world: World) -> None:
    made = world.schedule(world.draw()["id"], questions=world.questions()).json()
    path = f"/api/schedules/{made['id']}"
    kept = world.server.admin.patch(path, json={"cron": "0 6 * * MON"}).json()
    assert kept["request"] == made["request"]
    world.server.admin.patch(path, json={"questions": {"questions": [KIND]}}).raise_for_status()
    job = world.week(made["id"], made["name"])
    asked = world.server.admin.get(f"/api/sampling/jobs/{job['id']}/questions").json()
    assert [each["name"] for each in asked["questions"]] == ["kind"]
    assert asked["shown"] == ["id", "reply", "judge"]
    ended = world.server.admin.patch(path, json={"questions": None}).json()
    assert "questions" not in ended["request"]


def test_a_run_that_continues_an_examined_sample_shows_no_more_columns(world: World) -> None:
    """The entries answer an audit's questions; the run's reviewers and hidden columns count."""
    step = {"method": "systematic", "parameters": {"interval": 1}}
    drawn = world.server.draw(world.dataset, {"rounds": [step]})["id"]
    path = f"/api/sampling/jobs/{drawn}/findings"
    row = world.server.admin.get(path).json()["items"][0]["row_id"]
    world.server.admin.post(path, json={"row_id": row, "outcome": "ok"}).raise_for_status()
    _, user = world.server.new_user("viewer")
    names = [*world.names, user["soeid"]]
    made = world.schedule(drawn, questions=world.questions(reviewers=names)).json()
    world.server.admin.delete(f"/api/users/{user['id']}").raise_for_status()
    run = world.week(made["id"], made["name"])
    assert run["output_summary"]["continues"]["job_id"] == drawn
    path = f"/api/sampling/jobs/{run['id']}"
    asked = world.server.admin.get(f"{path}/questions").json()
    assert (asked["is_audit"], asked["shown"], asked["hidden"]) == (
        True,
        ["id", "reply"],
        ["judge"],
    )
    reviewers = world.server.admin.get(f"{path}/reviewers").json()["reviewers"]
    assert sorted(each["soeid"] for each in reviewers) == sorted(world.names)
    other, left_out = run["output_summary"]["warnings"][-2:]
    assert "whose entries answer other questions" in other
    assert left_out.endswith(f"no such users any more: {user['soeid']}.")


@pytest.mark.parametrize(
    ("body", "place", "part"),
    [
        ({"questions": {"questions": [{**QUESTION, "name": "judge"}]}}, "name", 'column "judge"'),
        ({"questions": {"questions": [QUESTION], "hidden": ["jugde"]}}, "hidden", "jugde"),
        ({"questions": {"reviewers": ["nobody"]}}, "reviewers", 'no user "nobody"'),
        (
            {"questions": {"hidden": ["judge"]}, "same_questions": True},
            "same_questions",
            "either",
        ),
    ],
)
def test_wrong_questions_are_refused_with_their_field(
    world: World, body: dict[str, Any], place: str, part: str
) -> None:
    answer = world.schedule(world.draw()["id"], **body)
    assert answer.status_code in (404, 422), answer.text
    assert part in answer.json()["detail"]
    assert place in answer.json()["errors"][0]["loc"]


def test_profiles_have_no_questions(world: World) -> None:
    path = f"/api/profiling/datasets/{world.dataset}/jobs"
    job = world.server.finished(world.server.admin.post(path, json={}).json()["job_id"])
    answer = world.schedule(job["id"], questions=world.questions())
    assert "Only draws have questions." in assert_problem(answer, 409, "conflict")["detail"]


def test_a_judge_makes_the_figures_of_runs_more_precise(world: World) -> None:
    """Both is the estimate of the sample by itself; the average adds variances."""
    dataset = world.server.new_dataset()
    rows = "".join(f"{row},{row % 7 == 0},{row % 5}\n" for row in range(400))
    world.server.import_text(dataset, f"id,flag,other\n{rows}")
    one = {"method": "random", "parameters": {"sample_size": 100}}
    drawn = world.server.draw(dataset, {"rounds": [one]})
    asked = {"questions": [QUESTION], "hidden": ["flag"]}
    made = world.schedule(drawn["id"], questions=asked).json()
    for _ in range(2):
        job = world.server.admin.post(f"/api/schedules/{made['id']}/run").json()["job_id"]
        assert world.server.finished(job)["status"] == "completed"
        flags = {row["_logical_row_id"]: row["flag"] for row in world.server.rows(job)}
        answers = [
            {"row_id": row_id, "answers": {"is_bad": flag if place % 10 else not flag}}
            for place, (row_id, flag) in enumerate(flags.items())
        ]
        path = f"/api/sampling/jobs/{job}/answers"
        assert world.server.admin.post(path, json={"answers": answers}).status_code == 200
    alone, both = (world.figures(made["id"], **RATE, **more) for more in ({}, {"judge": ["flag"]}))
    for before, after in zip(alone["runs"], both["runs"], strict=True):
        assert after["standard_error"] < before["standard_error"]
    errors = [run["standard_error"] for run in both["runs"]]
    pooled = both["pooled"]
    assert pooled["standard_error"] == pytest.approx(sum(e * e for e in errors) ** 0.5 / 2)
    assert pooled["estimate"] == pytest.approx(sum(run["estimate"] for run in both["runs"]) / 2)
    assert "people and flag together" in both["notes"][0]
    assert any("take what people found as right" in note for note in both["notes"])
    calibrate = {"method": "judge", "columns": ["flag"]}
    figure = {name: value for name, value in RATE.items() if name != "values"}
    body = {"statistics": [figure], "values": "answers", "calibrate": calibrate}
    path = f"/api/sampling/jobs/{both['runs'][1]['job_id']}/estimates"
    (single,) = world.server.admin.post(path, json=body).json()["estimates"]
    assert both["runs"][1]["estimate"] == single["estimate"]
    refused = world.server.admin.post(
        f"/api/schedules/{made['id']}/figures",
        json={**RATE, "judge": ["flag"], "pooling": "strata"},
    )
    assert assert_problem(refused, 422, "invalid_request")["errors"][0]["loc"][-1] == "pooling"


def test_a_value_that_one_table_lacks_has_a_figure_with_a_judge(world: World) -> None:
    """As without a judge: the share is 0 where a version has no row with the value."""
    dataset = world.server.new_dataset()

    def load(values: str) -> None:
        rows = "".join(f"{row},{values[row % len(values)]},{row % 5 / 5}\n" for row in range(300))
        world.server.import_text(dataset, f"id,found,score\n{rows}")

    load("10")
    one = {"method": "random", "parameters": {"sample_size": 100}}
    drawn = world.server.draw(dataset, {"rounds": [one]})
    made = world.schedule(drawn["id"]).json()
    for values in ("10", "0"):
        load(values)
        job = world.server.admin.post(f"/api/schedules/{made['id']}/run").json()["job_id"]
        assert world.server.finished(job)["status"] == "completed"
    share = {"statistic": "proportion", "column": "found", "value": 1}
    for more in ({}, {"judge": ["score"]}):
        first, second = world.figures(made["id"], **share, **more)["runs"]
        assert first["estimate"] > 0.3
        assert (second["estimate"], second["problem"]) == (0, None)
