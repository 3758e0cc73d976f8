"""Sealing: what it needs, what the ledgers get, and what is refused afterwards."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import composition_root
from application.sessions import COOKIE
from storage.certificates.canonical_json import canonical_json
from tests.contract.problems import assert_problem
from tests.contract.test_second_person import (
    RIGHTS,
    Do,
    attach,
    conclude,
    delete,
    fact,
    find,
    issue,
)
from tests.support.engagement_scene import EngagementScene
from tests.support.live_server import LiveServer

SAMPLE = "/api/sampling/jobs/<job_id>/"
QUESTION = {"name": "fine", "type": "yes_no", "text": "Fine?"}


def row_of(scene: EngagementScene) -> str:
    row: str = scene.admin.get(f"{scene.sample}/findings").json()["items"][0]["row_id"]
    return row


def replace(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    body = {"row_id": row_of(scene), "reason": "no document"}
    return client.post(f"{scene.sample}/replacements", json=body)


def answer(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    given = {"row_id": row_of(scene), "outcome": "exception"}
    return client.post(f"{scene.sample}/answers", json={"answers": [given]})


def upload(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    content = f"_logical_row_id,value\n{row_of(scene)},1\n".encode()
    return client.post(f"{scene.sample}/values", files={"file": ("v.csv", content)})


def remove_attachment(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    number = client.get(f"{scene.sample}/attachments").json()["attachments"][0]["id"]
    path = f"{scene.sample}/attachments/{number}"
    return client.request("DELETE", path, json={"reason": "wrong file"})


def sends(method: str, ending: str, body: dict[str, Any]) -> Do:
    return lambda scene, client: client.request(method, f"{scene.sample}/{ending}", json=body)


WRITING: dict[str, Do] = {
    "POST findings": find,
    "PUT attributes": sends("PUT", "attributes", {"attributes": ["a"]}),
    "PUT shown-columns": sends("PUT", "shown-columns", {"columns": ["id"]}),
    "PUT conclusion": conclude,
    "PATCH paper-facts": fact,
    "POST papers": issue,
    "POST replacements": replace,
    "POST review": RIGHTS["reopen approved findings"][1],
    "PUT questions": sends("PUT", "questions", {"questions": [QUESTION]}),
    "POST review-queue/next": sends("POST", "review-queue/next", {}),
    "POST answers": answer,
    "PUT reviewers": sends("PUT", "reviewers", {"reviewers": ["us00001"]}),
    "DELETE reviewers": sends("DELETE", "reviewers", {"reviewer": "us00001"}),
    "POST values": upload,
    "POST attachments": attach,
    "DELETE attachments/<int:attachment_id>": remove_attachment,
}
"""The routes that change the file of a sample."""
OTHER = {
    *("POST estimates", "POST classification", "POST more-rows", "POST weights"),
    *("POST joint-probabilities", "POST change", "POST evaluation", "POST findings/preview"),
    *("POST answers/preview", "POST values/preview"),
    "POST answers/table",  # a table of its own
    "POST review-queue/release",  # frees a row that someone had open before
}
"""The other routes of a sample that aren't GET."""
SEALED: dict[str, Do] = {
    **WRITING,
    "deletion": delete,
    "balance": lambda scene, client: client.post(
        f"/api/datasets/{scene.dataset}/reconciliations",
        json={"column": "amount", "balance": "1.00", "reference": "account 1600"},
    ),
    "client": lambda scene, client: client.patch(scene.path, json={"client_name": "Other"}),
}


def test_each_route_of_a_sample_is_listed(server: LiveServer) -> None:
    found = {
        f"{method} {rule.rule.removeprefix(SAMPLE)}"
        for rule in composition_root.build_app(server.service).url_map.iter_rules()
        if rule.rule.startswith(SAMPLE)
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    assert found == WRITING.keys() | OTHER


@pytest.fixture(scope="module")
def sealed(server: LiveServer) -> EngagementScene:
    scene = EngagementScene(server)
    scene.done(attach(scene, scene.people["preparer"]))
    scene.seal()
    return scene


def lacking(scene: EngagementScene) -> list[str]:
    found: list[str] = scene.people["partner"].get(scene.path).json()["missing"]
    return [each.partition(": ")[2] for each in found]


def test_a_seal_needs_approved_samples_with_papers(server: LiveServer) -> None:
    scene = EngagementScene(server)
    partner = scene.people["partner"]
    assert lacking(scene) == ["The findings aren't approved."]
    assert_problem(partner.post(f"{scene.path}/seal"), 409, "engagement_not_ready")
    scene.bring_to("signed_off")
    scene.done(scene.issue("partner"))
    scene.done(scene.step("partner", "approved"))
    assert lacking(scene) == ["No paper was issued since the approval."]
    other = {"format": "html", "kind": "attributes", "confidence": 0.5}
    scene.done(partner.post(f"{scene.sample}/papers", json=other))
    assert lacking(scene) == [
        "The newest paper has another evaluation than the one that was signed off."
    ]
    scene.done(scene.issue("partner"))
    assert lacking(scene) == []
    for name in ("preparer", "reviewer", "admin"):
        assert_problem(scene.people[name].post(f"{scene.path}/seal"), 403, "forbidden")
    assert_problem(scene.people["outsider"].post(f"{scene.path}/seal"), 404, "not_found")
    found = scene.done(partner.post(f"{scene.path}/seal"))
    assert (found["state"], found["ready"], found["samples"]) == ("sealed", 1, 1)
    assert_problem(partner.post(f"{scene.path}/seal"), 409, "engagement_sealed")


def test_an_engagement_without_samples_isnt_sealed(server: LiveServer) -> None:
    scene = EngagementScene(server)
    scene.done(RIGHTS["take the sample out when it is approved"][1](scene, server.admin))
    answer = scene.people["partner"].post(f"{scene.path}/seal")
    assert "no sample" in assert_problem(answer, 409, "engagement_not_ready")["detail"]


def test_a_paper_with_an_evaluation_that_nobody_signed_lacks(server: LiveServer) -> None:
    scene = EngagementScene(server)
    step = {
        "method": "weighted",
        "parameters": {"sample_size": 4, "seed": 5, "weight_column": "id"},
    }
    drawn = server.draw(scene.dataset, {"rounds": [step]})
    scene.done(delete(scene, scene.admin))
    scene.sample = f"/api/sampling/jobs/{drawn['id']}"
    scene.bring_to("approved")
    scene.done(scene.issue("partner"))
    assert lacking(scene) == []
    partner = scene.people["partner"]
    other = {"kind": "variables", "tolerable": "50%", "book_column": "amount"}
    other |= {"format": "html", "estimator": "mean_per_unit"}
    scene.done(partner.post(f"{scene.sample}/papers", json=other))
    assert lacking(scene) == ["The newest paper has an evaluation, and the sign-off keeps none."]
    (paper, _) = scene.done(partner.get(f"{scene.sample}/papers"))["papers"]
    assert paper["has_other_evaluation"]
    (entry,) = scene.done(partner.get("/api/inbox"))["entries"]
    assert entry["kind"] == "papers_to_issue"
    assert "another evaluation than the one that was signed off" in entry["text"]
    assert_problem(partner.post(f"{scene.path}/seal"), 409, "engagement_not_ready")


def test_the_ledger_has_the_digest_of_the_seal(sealed: EngagementScene) -> None:
    partner = sealed.people["partner"]
    seal = partner.get(f"{sealed.path}/seal")
    assert seal.json()["sealed_at"] == partner.get(sealed.path).json()["sealed_at"]
    digest = hashlib.sha256(seal.content).hexdigest()
    assert seal.text == canonical_json(seal.json())
    assert digest == partner.get(sealed.path).json()["seal_sha256"]
    entry = partner.get(f"/api/datasets/{sealed.dataset}/ledger").json()["entries"][0]
    assert (entry["kind"], entry["body"]["seal_sha256"]) == ("engagement", digest)
    assert entry["sentence"].endswith(f"sealed the engagement {sealed.id}")
    papers = partner.get(f"{sealed.sample}/papers").json()["papers"]
    (sample,) = seal.json()["samples"]
    assert (sample["paper_sha256"], sample["review_state"]) == (papers[0]["sha256"], "approved")
    assert [each["role"] for each in seal.json()["team"]] == [
        *("partner", "partner", "reviewer", "preparer")
    ]


def test_the_evidence_has_the_seal_for_who_can_see_the_engagement(
    sealed: EngagementScene,
) -> None:
    for name, due in (("partner", True), ("outsider", False)):
        content = sealed.people[name].get(f"{sealed.sample}/evidence").content
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert ("seal.json" in archive.namelist()) is due
            if due:
                seal = sealed.people[name].get(f"{sealed.path}/seal").content
                assert archive.read("seal.json") == seal


@pytest.mark.parametrize("what", SEALED)
def test_nothing_of_a_sealed_engagement_changes(sealed: EngagementScene, what: str) -> None:
    for name in ("second partner", "admin"):
        if what == "client" and name != "admin":
            continue
        refused = SEALED[what](sealed, sealed.people[name])
        detail = assert_problem(refused, 409, "engagement_sealed")["detail"]
        assert "is sealed by" in detail


def test_a_later_draw_doesnt_join_a_sealed_engagement(sealed: EngagementScene) -> None:
    sealed.drawn(seed=77)
    assert sealed.admin.get(f"{sealed.path}/samples").json()["total"] == 1


def test_another_person_unseals_with_a_reason(server: LiveServer) -> None:
    scene = EngagementScene(server)
    scene.seal()
    path, body = f"{scene.path}/unseal", {"reason": "a paper lacks a signature"}
    for name in ("partner", "preparer", "admin"):
        assert_problem(scene.people[name].post(path, json=body), 403, "forbidden")
    assert_problem(scene.people["reviewer"].post(path, json={}), 422, "invalid_request")
    assert scene.done(scene.people["reviewer"].post(path, json=body))["state"] == "open"
    assert_problem(scene.people["reviewer"].post(path, json=body), 409, "conflict")
    entry = server.admin.get(f"/api/datasets/{scene.dataset}/ledger").json()["entries"][0]
    assert (entry["body"]["step"], entry["kind"]) == ("unsealed", "engagement")
    again = scene.done(scene.people["partner"].post(f"{scene.path}/seal"))
    history = again["sealings"]
    assert [each["step"] for each in history] == ["sealed", "unsealed", "sealed"]
    assert history[1]["reason"] == body["reason"]
    assert history[0]["seal_sha256"] == again["seal_sha256"] != history[2]["seal_sha256"]
    assert body["reason"] in page(scene, "partner")


def test_a_deleted_sample_of_a_sealed_engagement_isnt_restored(server: LiveServer) -> None:
    scene = EngagementScene(server)
    other = scene.sample
    scene.sample = scene.drawn(seed=6)
    kept, scene.sample = scene.sample, other
    scene.done(delete(scene, scene.people["preparer"]))
    scene.sample = kept
    scene.seal()
    seal = server.admin.get(f"{scene.path}/seal").json()
    assert [each["is_deleted"] for each in seal["samples"]] == [True, False]
    entries = scene.people["preparer"].get("/api/bin").json()["entries"]
    mine = next(each for each in entries if each["dataset_id"] == scene.dataset)
    answer = scene.people["preparer"].post(f"/api/bin/{mine['id']}/restore", json={})
    assert_problem(answer, 409, "engagement_sealed")


def changed_client(scene: EngagementScene) -> httpx.Response:
    return scene.admin.patch(scene.path, json={"client_name": "Other Ltd"})


def changed_period(scene: EngagementScene) -> httpx.Response:
    return scene.admin.patch(scene.path, json={"period_to": "2026-06-30"})


def removed_signer(scene: EngagementScene) -> httpx.Response:
    body = {"user_soeid": scene.users["reviewer"]["soeid"]}
    return scene.admin.request("DELETE", f"{scene.path}/members", json=body)


def changed_name(scene: EngagementScene) -> httpx.Response:
    body = {"user_soeid": scene.users["partner"]["soeid"], "full_name": "X", "role": "partner"}
    return scene.admin.put(f"{scene.path}/members", json=body)


def test_a_seal_needs_papers_of_the_present_facts_and_team(server: LiveServer) -> None:
    scene = EngagementScene(server)
    scene.bring_to("approved")
    scene.done(scene.issue("partner"))
    partner = scene.people["partner"]
    for change in (changed_client, changed_period, removed_signer, changed_name):
        assert lacking(scene) == []
        scene.done(change(scene))
        assert lacking(scene) == [
            "The newest paper is older than the last change of the facts or the team."
        ]
        assert_problem(partner.post(f"{scene.path}/seal"), 409, "engagement_not_ready")
        waiting = [each["kind"] for each in partner.get("/api/inbox").json()["entries"]]
        assert waiting == ["papers_to_issue"]
        scene.done(scene.issue("partner"))
        if change is not removed_signer:
            scene.done(change(scene))
    assert lacking(scene) == []
    scene.done(partner.post(f"{scene.path}/seal"))
    seal = partner.get(f"{scene.path}/seal").json()
    facts = seal["engagement"]
    assert (facts["client_name"], facts["period_to"]) == ("Other Ltd", "2026-06-30")


def test_the_page_of_a_sample_names_its_engagement(sealed: EngagementScene) -> None:
    path = f"/jobs/{sealed.sample.rpartition('/')[2]}"
    assert f"Part of engagement {sealed.id}, " in page(sealed, "partner", path)
    assert "Part of engagement" not in page(sealed, "outsider", path)


def page(scene: EngagementScene, name: str, path: str | None = None) -> str:
    secret = scene.people[name].headers["Authorization"].removeprefix("Bearer ")
    cookie = {"Cookie": f"{COOKIE}={secret}"}
    place = path or f"/engagements/{scene.id}"
    answer = scene.server.client(None).get(place, headers=cookie)
    assert answer.status_code == 200
    return answer.text


def withdrawn(scene: EngagementScene, name: str) -> None:
    path = f"/api/datasets/{scene.dataset}/permissions"
    scene.done(
        scene.admin.put(path, json={"user_id": scene.users[name]["id"], "permission": "read"})
    )


def now_viewer(scene: EngagementScene, name: str) -> None:
    path = f"/api/users/{scene.users[name]['id']}"
    scene.done(scene.admin.patch(path, json={"role_name": "viewer"}))


@pytest.mark.parametrize("lose", [withdrawn, now_viewer])
def test_who_cant_write_the_datasets_neither_seals_nor_unseals(
    server: LiveServer, lose: Callable[[EngagementScene, str], None]
) -> None:
    scene = EngagementScene(server)
    scene.bring_to("approved")
    scene.done(scene.issue("second partner"))
    for name in ("partner", "reviewer"):
        lose(scene, name)
    partner = scene.people["partner"]
    detail = assert_problem(partner.post(f"{scene.path}/seal"), 403, "forbidden")["detail"]
    assert detail.startswith("You need the right write in dataset ")
    assert partner.get("/api/inbox").json()["entries"] == []
    assert "Seal engagement" not in page(scene, "partner")
    assert "Seal engagement" in page(scene, "second partner")
    scene.done(scene.people["second partner"].post(f"{scene.path}/seal"))
    body = {"reason": "a paper lacks a signature"}
    reviewer = scene.people["reviewer"]
    assert_problem(reviewer.post(f"{scene.path}/unseal", json=body), 403, "forbidden")
    assert "Unseal engagement" not in page(scene, "reviewer")
