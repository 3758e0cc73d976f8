"""Issued papers on several samples: ledgers, people, the seal, the inbox and withdrawals."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from application.administration.pruning import prune
from application.audit import combined_issuing, inbox
from application.sessions import COOKIE
from service.settings import Settings
from storage.accounts.users import find_user
from tests.contract.problems import assert_problem
from tests.contract.test_second_person import delete
from tests.support.combined_scene import PATH, ROWS, CombinedScene
from tests.support.live_server import LiveServer, live_server
from tests.web_ui.reader import Reader


@pytest.fixture
def scene(server: LiveServer) -> CombinedScene:
    return CombinedScene(server)


@pytest.fixture
def two(server: LiveServer) -> TwoDatasets:
    return TwoDatasets(server)


class TwoDatasets(CombinedScene):
    """The second sample is one of another dataset, in the same engagement."""

    def __init__(self, server: LiveServer) -> None:
        super().__init__(server)
        first, self.dataset = self.dataset, self.table(ROWS)
        self.datasets = [first, self.dataset]
        self.done(self.admin.put(f"{self.path}/datasets", json={"dataset_id": self.dataset}))
        self.samples[1] = self.drawn(seed=6)
        self.dataset = first


def entries(scene: CombinedScene, dataset: int | None = None) -> list[dict[str, Any]]:
    """The entries of a ledger about papers on several samples, newest first."""
    path = f"/api/datasets/{dataset or scene.dataset}/ledger"
    found = scene.admin.get(path).json()["entries"]
    return [each for each in found if each["kind"] == "combined_paper"]


def reads_of_engagements(scene: CombinedScene, most: int) -> int:
    """How often the samples of an engagement are read for what waits for the partner."""
    statements: list[str] = []
    with scene.server.service.database.read() as tx:
        user = find_user(tx, scene.users["partner"]["soeid"])
        assert user is not None
        tx.set_trace_callback(statements.append)
        found = list(inbox._of_engagements(tx, user, most))
        tx.set_trace_callback(None)
    assert len(found) == min(most, 1)
    return sum("AS paper_sha256" in each for each in statements)


def test_the_ledger_has_the_hash_of_the_kept_file(scene: CombinedScene) -> None:
    scene.bring_both_to("approved")
    paper = scene.done(scene.issue_together("reviewer"))
    assert (paper["number"], paper["review_state"], paper["is_tolerable"]) == (1, "approved", True)
    assert paper["jobs"] == sorted(scene.jobs)
    content = scene.people["reviewer"].get(f"{PATH}/papers/{paper['id']}").content
    assert hashlib.sha256(content).hexdigest() == paper["sha256"]
    (entry,) = entries(scene)
    assert entry["body"] == {
        "paper_id": paper["id"],
        "step": "issued",
        "job_ids": paper["jobs"],
        "review_state": "approved",
        "evaluation_sha256": paper["evaluation_sha256"],
        "sha256": paper["sha256"],
    }
    assert entry["sentence"].endswith(f"issued paper {paper['id']} on several samples together")
    for job in scene.jobs:
        found = scene.admin.get(f"{PATH}/papers", params={"job_id": job}).json()
        assert [each["id"] for each in found["papers"]] == [paper["id"]]
    assert scene.done(scene.issue_together("reviewer"))["number"] == 2


def test_the_paper_names_who_prepared_signed_off_and_approved(scene: CombinedScene) -> None:
    scene.bring_both_to("approved")
    paper = scene.done(scene.issue_together("reviewer", language="de"))
    text = scene.admin.get(f"{PATH}/papers/{paper['id']}").text
    for name in ("preparer", "reviewer", "partner"):
        assert f"{name} Doe ({scene.users[name]['soeid']})" in text
    for word in ("Erstellt von", "Freigegeben von", "Genehmigt von", "Herausgegeben von"):
        assert word in text


def test_only_who_prepared_nothing_issues_approved_papers(scene: CombinedScene) -> None:
    scene.bring_both_to("approved")
    for person in ("preparer", "outsider"):
        problem = assert_problem(scene.issue_together(person), 403, "forbidden")
        assert "A reviewer or partner of the engagement" in problem["detail"]
    stranger, _ = scene.server.new_user()
    body = {"jobs": scene.jobs, "tolerable": "60%"}
    assert_problem(stranger.post(f"{PATH}/papers", json=body), 404, "not_found")


def test_the_seal_needs_and_names_the_newest_paper(scene: CombinedScene) -> None:
    scene.bring_both_to("signed_off")
    draft = scene.done(scene.issue_together("preparer"))
    assert draft["review_state"] == "signed_off"
    assert scene.papers()[0]["lacks"] == "The findings of its samples aren't all approved."
    for sample in scene.samples:
        scene.sample = sample
        scene.done(scene.step("partner", "approved"))
        scene.done(scene.issue("partner"))
    (listed,) = scene.papers()
    lacks = "No paper on these samples together was issued since their approval."
    assert listed["lacks"] == lacks
    missing = scene.admin.get(scene.path).json()["missing"]
    assert missing == [f"{listed['title']}: {lacks}"]
    partner = scene.people["partner"]
    assert_problem(partner.post(f"{scene.path}/seal"), 409, "engagement_not_ready")
    assert "combined_papers_to_issue" not in [kind for kind, _ in scene.waiting("preparer")]
    waiting = dict(scene.waiting("reviewer"))
    assert "engagements_to_seal" not in dict(scene.waiting("partner"))
    page = waiting["combined_papers_to_issue"]
    assert page.startswith("/evaluate-together?jobs=")
    paper = scene.done(scene.issue_together("reviewer"))
    assert "combined_papers_to_issue" not in dict(scene.waiting("reviewer"))
    assert "engagements_to_seal" in dict(scene.waiting("partner"))
    assert [reads_of_engagements(scene, most) for most in (0, 1, 50)] == [0, 1, 1]
    scene.done(partner.post(f"{scene.path}/seal"))
    seal = json.loads(partner.get(f"{scene.path}/seal").content)
    (sealed,) = seal["combined_papers"]
    assert (sealed["sha256"], sealed["jobs"]) == (paper["sha256"], sorted(scene.jobs))
    assert sealed["conclusion"].startswith("The upper limit of overstatements, ")
    assert_problem(scene.issue_together("reviewer"), 409, "engagement_sealed")
    withdraw = partner.post(f"{PATH}/papers/{paper['id']}/withdraw", json={"reason": "why"})
    assert_problem(withdraw, 409, "engagement_sealed")


def test_conclusions_are_shown_to_who_can_read_all_datasets(scene: CombinedScene) -> None:
    reader = Reader(scene.server)
    preparer, me = reader.api, scene.done(reader.api.get("/api/users/me"))
    scene.users["reader"] = me
    scene.join("reader", "preparer")
    scene.bring_both_to("signed_off")
    scene.done(scene.issue_together("preparer"))
    for sample in scene.samples:
        scene.sample = sample
        scene.done(scene.step("partner", "approved"))
        scene.done(scene.issue("partner"))
    paper = scene.done(scene.issue_together("partner"))
    scene.done(scene.people["partner"].post(f"{scene.path}/seal"))
    before = scene.done(preparer.get(f"{scene.path}/combined-papers"))["papers"][0]
    assert (before["is_readable"], before["conclusion"]) == (True, paper["conclusion"])
    page = f"/engagements/{scene.id}"
    assert "The upper limit of overstatements" in reader.text(page)
    removed = {"user_id": me["id"]}
    scene.admin.request(
        "DELETE", f"/api/datasets/{scene.dataset}/permissions", json=removed
    ).raise_for_status()
    found = scene.done(preparer.get(f"{scene.path}/combined-papers"))["papers"][0]
    assert found == {
        **before,
        "is_readable": False,
        "conclusion": None,
        "is_tolerable": None,
        "request": {},
        "query": found["query"],
    }
    assert found["query"].endswith("&tolerable=")
    text = reader.text(page)
    assert "Not shown" in text
    assert "The upper limit of overstatements" not in text
    assert_problem(preparer.get(f"{scene.path}/seal"), 403, "forbidden")


def test_a_change_of_the_facts_needs_a_newer_paper(scene: CombinedScene) -> None:
    scene.bring_both_to("approved")
    scene.done(scene.issue_together("partner"))
    assert scene.papers()[0]["lacks"] is None
    scene.done(scene.admin.patch(scene.path, json={"number": "E 8"}))
    assert "older than the last change" in scene.papers()[0]["lacks"]


def test_a_withdrawn_paper_is_not_needed(scene: CombinedScene) -> None:
    scene.bring_both_to("signed_off")
    paper = scene.done(scene.issue_together("preparer"))
    path = f"{PATH}/papers/{paper['id']}/withdraw"
    assert_problem(
        scene.people["preparer"].post(path, json={"reason": " "}), 422, "invalid_request"
    )
    found = scene.done(scene.people["preparer"].post(path, json={"reason": "not needed"}))
    assert (found["reason"], found["withdrawn_by_soeid"]) == (
        "not needed",
        scene.users["preparer"]["soeid"],
    )
    assert_problem(scene.people["preparer"].post(path, json={"reason": "again"}), 409, "conflict")
    assert scene.papers() == []
    assert [each["body"]["step"] for each in entries(scene)] == ["withdrawn", "issued"]
    content = scene.admin.get(f"{PATH}/papers/{paper['id']}").content
    assert hashlib.sha256(content).hexdigest() == paper["sha256"]


def test_an_older_paper_counts_again_when_the_newest_is_withdrawn(scene: CombinedScene) -> None:
    scene.bring_both_to("approved")
    older, newer = (scene.done(scene.issue_together("reviewer"))["id"] for _ in range(2))
    assert [each["id"] for each in scene.papers()] == [newer]
    scene.done(scene.withdraw("reviewer", newer))
    assert [(each["id"], each["lacks"]) for each in scene.papers()] == [(older, None)]


def test_a_preparer_never_withdraws_a_paper_of_approved_findings(scene: CombinedScene) -> None:
    scene.bring_both_to("approved")
    paper = scene.done(scene.issue_together("reviewer"))["id"]
    for sample in scene.samples:
        scene.sample = sample
        scene.done(scene.step("partner", "reopened", "a row is missing"))
    detail = assert_problem(scene.withdraw("preparer", paper), 403, "forbidden")["detail"]
    assert "issues or withdraws it" in detail
    query = {"jobs": ",".join(scene.jobs), "tolerable": "60%"}
    for person, may in (("preparer", False), ("reviewer", True)):
        token = scene.people[person].headers["Authorization"].removeprefix("Bearer ")
        cookie = {"Cookie": f"{COOKIE}={token}"}
        client = scene.server.client(None)
        page = client.get("/evaluate-together", params=query, headers=cookie).text
        assert ("Withdraw paper" in page) is may
        assert "Issue paper</button>" in page
    scene.done(scene.withdraw("reviewer", paper))


def test_a_full_quota_of_one_dataset_takes_no_paper(two: TwoDatasets) -> None:
    two.bring_both_to("open")
    path, file = f"/api/datasets/{two.datasets[1]}/quota", {"file": ("scan.pdf", bytes(2**20))}
    two.done(two.admin.post(f"{two.samples[1]}/attachments", files=file))
    two.done(two.admin.put(path, json={"size_mb": 1}))
    refused = two.issue_together("preparer", covered_only=True)
    assert "The dataset's data files use" in refused.json()["detail"]
    assert refused.json()["code"] == "quota_exceeded"
    two.done(two.admin.put(path, json={"size_mb": None}))
    two.done(two.issue_together("preparer", covered_only=True))


def test_a_paper_on_two_datasets_needs_the_rights_of_both(two: TwoDatasets) -> None:
    two.bring_both_to("open")
    paper = two.done(two.issue_together("preparer", covered_only=True))
    assert paper["datasets"] == sorted(two.datasets)
    path, query = f"{PATH}/papers/{paper['id']}", {"job_id": two.jobs[0]}
    for right, seen, status in ((None, 404, 404), ("read", 200, 403), ("write", 200, 200)):
        if right is not None:
            grant = {"user_id": two.users["outsider"]["id"], "permission": right}
            two.done(two.admin.put(f"/api/datasets/{two.datasets[1]}/permissions", json=grant))
        outsider = two.people["outsider"]
        assert outsider.get(path).status_code == seen
        listed = outsider.get(f"{PATH}/papers", params=query).json()["papers"]
        assert len(listed) == (seen == 200)
        assert two.withdraw("outsider", paper["id"]).status_code == status
        assert two.issue_together("outsider", covered_only=True).status_code == status


def test_the_ledger_and_the_trail_of_each_dataset_have_a_paper(two: TwoDatasets) -> None:
    two.bring_both_to("open")
    paper = two.done(two.issue_together("preparer", covered_only=True))
    for job, dataset in zip(two.jobs, two.datasets, strict=True):
        (entry,) = entries(two, dataset)
        assert entry["body"]["sha256"] == paper["sha256"]
        asked: dict[str, str | int] = {"action": "combined_paper_issued", "dataset_id": dataset}
        (done,) = two.admin.get("/api/admin/audit", params=asked).json()["entries"]
        assert (done["object_type"], done["object_id"]) == ("job", job)


def test_a_paper_of_a_pruned_sample_is_downloaded_and_withdrawn(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", memory_mb=256, compare_samples=False)
    with live_server(settings) as server:
        scene = CombinedScene(server)
        scene.bring_both_to("open")
        paper = scene.done(scene.issue_together("preparer"))
        entry = scene.done(delete(scene, scene.admin))["bin_id"]
        scene.done(scene.admin.delete(f"/api/bin/{entry}"))
        prune(server.service, dry_run=False)
        assert scene.admin.get(scene.sample).status_code == 404
        content = scene.admin.get(f"{PATH}/papers/{paper['id']}").content
        assert hashlib.sha256(content).hexdigest() == paper["sha256"]
        scene.done(scene.withdraw("preparer", paper["id"]))
        assert [each["body"]["step"] for each in entries(scene)] == ["withdrawn", "issued"]


def test_an_engagement_with_a_paper_on_several_samples_is_not_deleted(
    scene: CombinedScene,
) -> None:
    scene.bring_both_to("open")
    page = Reader(scene.server, "admin")
    assert "Delete engagement" in page.text(f"/engagements/{scene.id}")
    paper = scene.done(scene.issue_together("preparer"))["id"]
    body = {"job_id": scene.jobs[1]}
    for change in (
        lambda: None,
        lambda: scene.done(scene.withdraw("preparer", paper)),
        lambda: scene.done(scene.admin.request("DELETE", f"{scene.path}/samples", json=body)),
    ):
        change()
        assert_problem(scene.admin.delete(scene.path), 409, "conflict")
        assert "Delete engagement" not in page.text(f"/engagements/{scene.id}")


def test_samples_outside_the_engagement_are_no_part_of_its_seal(scene: CombinedScene) -> None:
    scene.bring_both_to("submitted")
    scene.done(scene.issue_together("preparer"))
    scene.done(scene.step("preparer", "withdrawn"))
    body = {"job_id": scene.jobs[1]}
    scene.done(scene.admin.request("DELETE", f"{scene.path}/samples", json=body))
    assert scene.papers() == []


def test_a_deleted_sample_needs_no_paper(scene: CombinedScene) -> None:
    scene.bring_both_to("open")
    scene.done(scene.issue_together("preparer"))
    assert delete(scene, scene.admin).is_success
    (listed,) = scene.papers()
    assert (listed["is_deleted"], listed["lacks"]) == (True, None)


def test_a_paper_is_refused_if_a_finding_came_meanwhile(
    scene: CombinedScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.bring_both_to("open")
    write = combined_issuing.write_combined

    def write_later(*given: Any) -> None:
        write(*given)
        scene.examine()

    monkeypatch.setattr(combined_issuing, "write_combined", write_later)
    detail = assert_problem(scene.issue_together("preparer"), 409, "conflict")["detail"]
    assert "changed meanwhile" in detail


def test_the_evidence_has_the_papers_of_both_kinds(scene: CombinedScene) -> None:
    scene.bring_both_to("approved")
    scene.done(scene.issue("partner"))
    paper = scene.done(scene.issue_together("partner"))
    content = scene.admin.get(f"{scene.sample}/evidence").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        held = archive.read(f"papers/together-{paper['id']}.html")
        assert "papers/paper-1.html" in archive.namelist()
    assert hashlib.sha256(held).hexdigest() == paper["sha256"]
