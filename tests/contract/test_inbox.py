"""What waits for a user, and the lists of samples with how far they are examined."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from application.audit import inbox
from application.audit.findings import audit_counts
from application.audit.inbox import KINDS
from application.audit.review import steps_of
from application.audit.state import audit_state
from application.sessions import COOKIE
from contract.words import InboxKind
from storage.accounts.users import find_user
from storage.audit.progress import progress_of
from storage.jobs.jobs import get_job
from tests.contract.problems import assert_problem
from tests.storage.test_waiting_samples import add_samples, new_dataset, reopen
from tests.support.live_server import LiveServer
from tests.support.reviewed_texts import QUESTION, answer_rows

ROW = "row_id"
SIZE = 4


class Team:
    """A dataset with a preparer and a reviewer, who may write both."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.preparer, self.owner = server.new_user()
        self.dataset = server.new_table(60, self.preparer)
        self.reviewer, self.other = server.new_user()
        self.grant(self.other, "write")

    def grant(self, user: dict[str, Any], level: str) -> None:
        body = {"user_id": user["id"], "permission": level}
        path = f"/api/datasets/{self.dataset}/permissions"
        assert self.preparer.put(path, json=body).is_success

    def draw(self, size: int = SIZE, seed: int = 7, **goal: Any) -> str:
        given: dict[str, Any] = {
            "method": "random",
            "parameters": {"sample_size": size, "seed": seed},
        }
        if goal:
            given["goal"] = goal
        path = f"/api/sampling/datasets/{self.dataset}/jobs"
        answer = self.preparer.post(path, json={"rounds": [given]})
        assert answer.status_code == 200, answer.text
        job: str = answer.json()["job_id"]
        assert self.server.finished(job)["status"] == "completed"
        return job

    def enter(self, job: str, *outcomes: str) -> None:
        path = f"/api/sampling/jobs/{job}/findings"
        items = self.preparer.get(path).json()["items"]
        for item, outcome in zip(items, outcomes, strict=False):
            body = {ROW: item[ROW], "outcome": outcome}
            assert self.preparer.post(path, json=body).is_success

    def step(self, client: httpx.Client, job: str, action: str, **more: Any) -> None:
        body = {"action": action, **more}
        answer = client.post(f"/api/sampling/jobs/{job}/review", json=body)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def team(server: LiveServer) -> Team:
    return Team(server)


def waiting(client: httpx.Client) -> dict[str, tuple[int, str | None]]:
    """The count and the sample of what waits, by kind; pages have the number of entries."""
    entries = entries_of(client)
    assert counted_on_pages(client) == (str(len(entries)) if entries else None)
    return {each["kind"]: (each["count"], each["job_id"]) for each in entries}


def entries_of(client: httpx.Client) -> list[dict[str, Any]]:
    answer = client.get("/api/inbox")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


def counted_on_pages(client: httpx.Client) -> str | None:
    """The number of entries that the head of a page has; None without one."""
    token = client.headers["Authorization"].removeprefix("Bearer ")
    page = client.get("/account", headers={"Cookie": f"{COOKIE}={token}"})
    assert page.status_code == 200, page.text
    found = re.search(
        r'<a class="chip accent" href="/#inbox"[^>]*>([^<]+)'
        r'<span class="visually-hidden"> items? waits? for me<',
        page.text,
    )
    return found and found[1]


def texts(client: httpx.Client) -> list[str]:
    return [each["text"] for each in entries_of(client)]


def examination(client: httpx.Client, job: str) -> Any:
    (found,) = (
        each["examination"]
        for each in client.get("/api/samples").json()["samples"]
        if each["job_id"] == job
    )
    return found


def test_every_kind_is_declared() -> None:
    assert set(KINDS) == set(get_args(InboxKind))


def test_a_review_goes_from_one_inbox_to_the_other(team: Team) -> None:
    preparer, reviewer = team.preparer, team.reviewer
    job = team.draw()
    assert waiting(preparer) == {}  # nobody is to examine the sample
    team.enter(job, "ok")
    assert waiting(preparer) == {"rows_to_examine": (SIZE - 1, job)}
    assert waiting(reviewer) == {}
    team.enter(job, *["ok"] * SIZE)
    assert waiting(preparer) == {"findings_to_submit": (SIZE, job)}
    team.step(preparer, job, "submitted")
    assert (waiting(preparer), waiting(reviewer)) == ({}, {"findings_to_review": (SIZE, job)})
    team.step(reviewer, job, "returned", note="Which invoice?")
    assert (waiting(preparer), waiting(reviewer)) == ({"findings_returned": (SIZE, job)}, {})
    assert texts(preparer) == [
        f"The findings of the sample {job[:8]} were returned: correct them, then submit them for "
        "review. Reason: Which invoice?"
    ]
    team.step(preparer, job, "submitted")
    team.step(preparer, job, "withdrawn")
    assert waiting(preparer) == {"findings_to_submit": (SIZE, job)}
    team.step(preparer, job, "submitted")
    team.step(reviewer, job, "signed_off")
    assert (waiting(preparer), waiting(reviewer)) == ({}, {})
    team.step(reviewer, job, "reopened", note="Row 2 is wrong.")
    (text,) = texts(preparer)
    assert text.endswith(
        "were reopened: correct them, then submit them for review. Reason: Row 2 is wrong."
    )


def test_who_prepared_findings_reviews_none(team: Team) -> None:
    job = team.draw()
    team.enter(job, *["ok"] * SIZE)
    path = f"/api/sampling/jobs/{job}/findings"
    row = team.reviewer.get(path).json()["items"][0][ROW]
    team.reviewer.post(path, json={ROW: row, "outcome": "exception"})
    team.step(team.preparer, job, "submitted")
    assert waiting(team.reviewer) == {}
    client, user = team.server.new_user()
    assert waiting(client) == {}
    team.grant(user, "read")
    assert waiting(client) == {}
    team.grant(user, "write")
    assert waiting(client) == {"findings_to_review": (SIZE, job)}


def test_a_sample_for_a_materiality_waits_at_once(team: Team) -> None:
    job = team.draw(20, materiality=0.2)
    assert waiting(team.preparer) == {"rows_to_examine": (20, job)}
    (entry,) = team.preparer.get("/api/inbox").json()["entries"]
    assert entry["text"] == f"20 rows have no finding in the sample {entry['sample']}."
    assert entry["url"] == f"/jobs/{job}?tab=findings"


def test_rows_of_a_queue_wait_for_its_readers(team: Team) -> None:
    job = team.draw()
    client, user = team.server.new_user("viewer")
    body = {"questions": [QUESTION], "reviewers": [user["soeid"]]}
    path = f"/api/sampling/jobs/{job}/questions"
    assert team.preparer.put(path, json=body).is_success
    assert waiting(client) == {"rows_to_answer": (SIZE, job)}
    assert waiting(team.preparer) == {"rows_to_answer": (SIZE, job)}
    answer_rows(client, job, SIZE)
    assert (waiting(client), waiting(team.preparer)) == ({}, {})
    found = examination(team.preparer, job)
    assert (found["items"], found["examined"], found["exceptions"]) == (SIZE, SIZE, 0)
    assert client.get("/api/samples").json()["samples"] == []


def test_samples_without_an_entry_hide_no_older_one(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, queued = team.draw(20, materiality=0.2), team.draw(20, materiality=0.2)
    questions = {"questions": [QUESTION]}
    path = f"/api/sampling/jobs/{queued}/questions"
    assert team.preparer.put(path, json=questions).is_success
    monkeypatch.setattr(inbox, "MOST", 1)
    assert waiting(team.preparer) == {"rows_to_examine": (20, job), "rows_to_answer": (20, queued)}


def test_second_readings_come_before_the_submission(team: Team) -> None:
    job = team.draw()
    client, user = team.server.new_user("viewer")
    path = f"/api/sampling/jobs/{job}/questions"
    body = {"second_readings": 1, "reviewers": [user["soeid"]]}
    assert team.preparer.put(path, json=body).is_success
    team.enter(job, *["ok"] * SIZE)
    assert waiting(team.preparer) == {}
    assert waiting(client) == {"rows_to_answer": (SIZE, job)}
    for _ in range(SIZE):
        row = client.post(f"/api/sampling/jobs/{job}/review-queue/next", json={}).json()["row"]
        body = {ROW: row[ROW], "outcome": "ok", "reading": "second"}
        answer = client.post(f"/api/sampling/jobs/{job}/answers", json=body)
        assert answer.status_code == 200, answer.text
    assert waiting(client) == {}
    assert waiting(team.preparer) == {"findings_to_submit": (SIZE, job)}


def test_a_lost_file_of_a_queue_hides_the_count_and_no_page(team: Team) -> None:
    job = team.draw()
    path = f"/api/sampling/jobs/{job}/questions"
    assert team.preparer.put(path, json={"second_readings": 0.5}).is_success
    service = team.server.service
    with service.database.read() as tx:
        commit = get_job(tx, job).output_commit_id
        files = tx.execute("SELECT sha256 FROM commit_files WHERE commit_id = ?", (commit,))
        (sha256,) = {row["sha256"] for row in files}
    (file,) = service.directory.files_dir.rglob(f"{sha256}*")
    away = file.rename(file.with_suffix(".away"))
    service.results.drawn.max_entries, most = 0, service.results.drawn.max_entries
    service.results.drawn.put("none", {})  # forgets the rows that were read
    try:
        assert counted_on_pages(team.preparer) is None
    finally:
        service.results.drawn.max_entries = most
        away.rename(file)
    assert team.preparer.patch(f"/api/datasets/{team.dataset}", json={"tags": ["a"]}).is_success
    assert waiting(team.preparer) == {"rows_to_answer": (SIZE, job)}


def test_of_two_readings_the_decision_counts(team: Team) -> None:
    job = team.draw(1)
    path = f"/api/sampling/jobs/{job}"
    assert team.preparer.put(f"{path}/questions", json={"second_readings": 1}).is_success
    people = ((team.preparer, "first", "ok"), (team.reviewer, "second", "exception"))
    for client, reading, outcome in people:
        row = client.post(f"{path}/review-queue/next", json={}).json()["row"][ROW]
        body = {ROW: row, "outcome": outcome, "reading": reading}
        assert client.post(f"{path}/answers", json=body).is_success
    assert examination(team.preparer, job)["exceptions"] == 0
    assert (waiting(team.preparer), waiting(team.reviewer)) == ({}, {})
    third, user = team.server.new_user()
    team.grant(user, "write")
    assert waiting(third) == {"rows_to_decide": (1, job)}
    body = {ROW: row, "outcome": "exception", "reading": "decision"}
    assert third.post(f"{path}/answers", json=body).is_success
    found = examination(team.preparer, job)
    assert (found["examined"], found["exceptions"]) == (1, 1)
    assert_counts_agree(team, job)
    assert (waiting(third), waiting(team.preparer)) == ({}, {"findings_to_submit": (1, job)})


def test_a_deleted_sample_waits_for_nobody(team: Team) -> None:
    job = team.draw()
    team.enter(job, "ok")
    ref = team.preparer.get(f"/api/jobs/{job}").json()["output_summary"]["output_ref"]
    assert team.preparer.delete(f"/api/datasets/{team.dataset}/refs/{ref}").is_success
    assert waiting(team.preparer) == {}


def test_failed_jobs_wait_for_who_submitted_them(team: Team) -> None:
    path = f"/api/datasets/{team.dataset}/refs/main/import"
    file = {"file": ("broken.parquet", b"no Parquet file")}
    job = team.preparer.post(path, files=file).json()["job_id"]
    assert team.server.finished(job)["status"] == "failed"
    assert waiting(team.preparer) == {"failed_jobs": (1, None)}
    assert waiting(team.reviewer) == {}
    kinds = {each["kind"]: each["count"] for each in entries_of(team.server.admin)}
    assert kinds["failed_jobs"] >= 1
    (entry,) = team.preparer.get("/api/inbox").json()["entries"]
    assert entry["url"] == f"/jobs?unresolved=true&user_id={team.owner['id']}"
    assert team.preparer.patch(f"/api/jobs/{job}", json={"dismissed": True}).is_success
    assert waiting(team.preparer) == {}


def assert_counts_agree(team: Team, job: str) -> None:
    """The counts of the lists are those of the findings."""
    service = team.server.service
    with service.database.read() as tx:
        record, progress = get_job(tx, job), progress_of(tx, [job])[job]
    counts = audit_counts(service, record, audit_state(service, record))
    found = examination(team.preparer, job)
    rows = counts.items - counts.replaced
    assert (found["items"], found["open"]) == (rows, counts.open)
    assert (found["examined"], found["exceptions"]) == (rows - counts.open, counts.exception)
    assert (progress.replaced, progress.not_examinable) == (counts.replaced, counts.not_examinable)


def test_corrections_and_replacements_are_counted(team: Team) -> None:
    job = team.draw(6)
    path = f"/api/sampling/jobs/{job}"
    for outcomes in (
        ["ok", "exception", "exception", "not_examinable"],
        ["exception", "ok", "exception", "exception"],
        ["exception", "ok", "ok", "not_examinable", "not_applicable"],
    ):
        team.enter(job, *outcomes)
        assert_counts_agree(team, job)
    row = team.preparer.get(f"{path}/findings").json()["items"][5][ROW]
    body = {ROW: row, "reason": "no purchase"}
    assert team.preparer.post(f"{path}/replacements", json=body).is_success
    assert_counts_agree(team, job)


def test_findings_that_come_along_are_counted(team: Team) -> None:
    team.enter(team.draw(4), "ok", "exception", "ok")
    larger = team.draw(9)
    assert examination(team.preparer, larger)["examined"] == 3
    assert_counts_agree(team, larger)


def test_two_stages_count_the_rows_of_the_reached_one(team: Team) -> None:
    body = {
        "goal": {"materiality": 0.2, "accept": [0, 1], "likelihood": "hypergeometric"},
        "design": {"method": "random", "parameters": {"seed": 3}},
    }
    path = f"/api/sampling/datasets/{team.dataset}"
    planned = team.preparer.post(f"{path}/size", json=body).json()
    first = planned["round"]["goal"]["first_stage"]
    job = team.preparer.post(f"{path}/jobs", json={"rounds": [planned["round"]]}).json()["job_id"]
    assert team.server.finished(job)["status"] == "completed"
    assert_counts_agree(team, job)
    assert waiting(team.preparer) == {"rows_to_examine": (first, job)}
    team.enter(job, *["ok"] * (first - 1))
    assert_counts_agree(team, job)
    team.enter(job, *["ok"] * first)
    assert_counts_agree(team, job)
    assert waiting(team.preparer) == {"findings_to_submit": (first, job)}
    team.enter(job, "exception")
    assert_counts_agree(team, job)
    assert waiting(team.preparer)["rows_to_examine"][0] > 0
    team.enter(job, *["exception", *["ok"] * first])
    assert_counts_agree(team, job)


def test_samples_are_filtered_by_the_state_of_their_review(team: Team) -> None:
    plain, begun, returned, submitted = (team.draw(size) for size in (3, 5, 7, 8))
    team.enter(begun, "ok")
    for job in (returned, submitted):
        team.enter(job, *["ok"] * 8)
        team.step(team.preparer, job, "submitted")
    team.step(team.reviewer, returned, "returned", note="Again.")

    def listed(**query: Any) -> list[str]:
        answer = team.preparer.get("/api/samples", params=query).json()
        assert answer["total"] == len(answer["samples"])
        return [each["job_id"] for each in answer["samples"]]

    assert listed() == [submitted, returned, begun, plain]
    assert listed(order="oldest", dataset_id=team.dataset) == [plain, begun, returned, submitted]
    assert listed(review_state="open") == [begun]
    assert listed(review_state="returned") == [returned]
    assert listed(review_state="submitted") == [submitted]
    assert listed(review_state="signed_off") == []
    assert examination(team.preparer, plain) is None
    answer = team.preparer.get("/api/samples", params={"review_state": "done"})
    assert_problem(answer, 422, "invalid_request", "review_state: Must be one of")


class Engagement(Team):
    """A team whose samples are in an engagement, with three more people."""

    def __init__(self, server: LiveServer) -> None:
        super().__init__(server)
        facts = {"client_name": "ACME", "period_from": "2025-01-01", "period_to": "2025-12-31"}
        answer = self.preparer.post("/api/engagements", json=facts)
        assert answer.status_code == 200, answer.text
        self.id = answer.json()["id"]
        self.path = f"/api/engagements/{self.id}"
        body: dict[str, Any] = {"dataset_id": self.dataset}
        assert self.preparer.put(f"{self.path}/datasets", json=body).is_success
        self.second, second = server.new_user()
        self.partner, partner = server.new_user()
        self.users = [self.owner, second, self.other, partner]
        roles = ("preparer", "preparer", "reviewer", "partner")
        for user, role in zip(self.users, roles, strict=True):
            body = {"user_soeid": user["soeid"], "full_name": "A. B.", "role": role}
            answer = self.preparer.put(f"{self.path}/members", json=body)
            assert answer.status_code == 200, answer.text
        self.outsider, user = server.new_user()
        self.grant(user, "write")

    def everyone(self) -> list[Any]:
        """What waits for the preparer, the second one, the reviewer, the partner and another."""
        people = (self.preparer, self.second, self.reviewer, self.partner, self.outsider)
        return [waiting(each) for each in people]

    def issue(self, client: httpx.Client, job: str) -> None:
        answer = client.post(f"/api/sampling/jobs/{job}/papers", json={})
        assert answer.status_code == 200, answer.text


def test_an_engagement_waits_for_its_members_by_role(server: LiveServer) -> None:
    team = Engagement(server)
    job = team.draw()
    to_examine = {"rows_to_examine": (SIZE, job)}
    assert team.everyone() == [to_examine, to_examine, {}, {}, {}]
    team.enter(job, *["ok"] * SIZE)
    to_submit = {"findings_to_submit": (SIZE, job)}
    assert team.everyone() == [to_submit, to_submit, {}, {}, {}]
    team.step(team.second, job, "submitted")
    to_review = {"findings_to_review": (SIZE, job)}
    assert team.everyone() == [{}, {}, to_review, to_review, {}]
    team.step(team.reviewer, job, "signed_off")
    assert team.everyone() == [{}, {}, {}, {"findings_to_approve": (SIZE, job)}, {}]
    team.step(team.partner, job, "approved")
    to_issue = {"papers_to_issue": (SIZE, job)}
    assert team.everyone() == [{}, {}, to_issue, to_issue, {}]
    assert examination(team.outsider, job)["review_state"] == "approved"
    team.issue(team.reviewer, job)
    assert team.everyone() == [{}, {}, {}, {"engagements_to_seal": (1, None)}, {}]
    (entry,) = team.partner.get("/api/inbox").json()["entries"]
    assert (entry["engagement_id"], entry["url"]) == (team.id, f"/engagements/{team.id}")
    assert "ACME" in entry["text"]
    sealed = team.partner.post(f"{team.path}/seal", json={})
    assert sealed.status_code == 200, sealed.text
    assert team.everyone() == [{}, {}, {}, {}, {}]


def test_an_engagement_with_an_open_sample_is_not_to_seal(server: LiveServer) -> None:
    team = Engagement(server)
    job, other = team.draw(), team.draw(3, seed=9)
    team.enter(job, *["ok"] * SIZE)
    team.step(team.preparer, job, "submitted")
    team.step(team.reviewer, job, "signed_off")
    team.step(team.partner, job, "approved")
    team.issue(team.reviewer, job)
    assert waiting(team.partner) == {}
    ref = team.preparer.get(f"/api/jobs/{other}").json()["output_summary"]["output_ref"]
    assert team.preparer.delete(f"/api/datasets/{team.dataset}/refs/{ref}").is_success
    assert waiting(team.partner) == {"engagements_to_seal": (1, None)}


def test_who_signed_off_approves_nothing(server: LiveServer) -> None:
    team = Engagement(server)
    job = team.draw()
    team.enter(job, *["ok"] * SIZE)
    team.step(team.preparer, job, "submitted")
    team.step(team.partner, job, "signed_off")
    assert team.everyone() == [{}, {}, {}, {}, {}]


def test_what_waits_is_what_may_be_done(server: LiveServer) -> None:
    team = Engagement(server)
    job = team.draw()
    team.enter(job, *["ok"] * SIZE)
    steps = {
        "findings_to_submit": "submitted",
        "findings_to_review": "signed_off",
        "findings_to_approve": "approved",
    }
    clients = (team.preparer, team.second, team.reviewer, team.partner)
    for person, action in ((0, "submitted"), (2, "signed_off"), (3, "approved"), (3, "reopened")):
        for client, user in zip(clients, team.users, strict=True):
            with server.service.database.read() as tx:
                known = find_user(tx, user["soeid"])
                assert known is not None
                allowed = set(steps_of(tx, known, "write", job))
            kinds = {steps[kind] for kind in waiting(client) if kind in steps}
            assert kinds == allowed & set(steps.values()), (user["soeid"], action)
        note = {"note": "Again."} if action == "reopened" else {}
        team.step(clients[person], job, action, **note)


def test_pages_count_more_than_the_list_has_of_a_kind_to_99(server: LiveServer) -> None:
    client, made = server.new_user()
    clock = server.service.clock
    with server.service.database.write() as tx:
        user = find_user(tx, made["soeid"])
        assert user is not None
        dataset = new_dataset(tx, user, clock, f"of {user.soeid}")
        add_samples(tx, dataset, user.id, 120)
        for number in range(1, 61):
            reopen(tx, f"{dataset}-{number}", user.id)
    assert len(entries_of(client)) == inbox.MOST
    assert counted_on_pages(client) == "60"
    with server.service.database.write() as tx:
        for number in range(61, 121):
            reopen(tx, f"{dataset}-{number}", user.id)
    assert counted_on_pages(client) == "99+"


def test_the_documentation_names_every_kind() -> None:
    text = Path("docs/AUDIT.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []


def test_a_sample_that_another_one_continues_waits_until_that_is_examined(team: Team) -> None:
    first = team.draw()
    team.enter(first, *["ok"] * SIZE)
    assert waiting(team.preparer) == {"findings_to_submit": (SIZE, first)}
    larger = team.draw(SIZE + 2)
    assert [each["job_id"] for each in entries_of(team.preparer)] == [larger, first]
    team.enter(larger, *["ok"] * (SIZE + 2))
    assert waiting(team.preparer) == {"findings_to_submit": (SIZE + 2, larger)}
    ref = next(
        each["name"]
        for each in team.preparer.get(f"/api/datasets/{team.dataset}/refs").json()["refs"]
        if each["name"].startswith(f"smpl-{larger[:8]}")
    )
    assert team.preparer.delete(f"/api/datasets/{team.dataset}/refs/{ref}").is_success
    assert waiting(team.preparer) == {"findings_to_submit": (SIZE, first)}
