"""Engagements that are deleted and restored, or archived, and equal numbers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.problems import assert_problem
from tests.support.engagement_scene import FACTS, EngagementScene
from tests.support.live_server import LiveServer

BALANCE = {"column": "amount", "balance": "1.00", "reference": "account 1600"}


@pytest.fixture
def scene(server: LiveServer) -> EngagementScene:
    return EngagementScene(server)


def listed(scene: EngagementScene, person: str, **query: Any) -> list[int]:
    answer = scene.people[person].get("/api/engagements", params={"limit": 1000, **query})
    return [each["id"] for each in scene.done(answer)["engagements"]]


def jobs_of(scene: EngagementScene) -> list[str]:
    found = scene.done(scene.admin.get(f"{scene.path}/samples"))
    return [each["job_id"] for each in found["samples"]]


def test_a_deleted_engagement_can_be_restored(scene: EngagementScene) -> None:
    before = scene.done(scene.admin.get(scene.path))
    job = scene.sample.rpartition("/")[2]
    assert_problem(scene.people["partner"].delete(scene.path), 403, "forbidden")
    deleted = scene.done(scene.admin.delete(scene.path))
    assert (deleted["hidden_as"], deleted["team"], deleted["datasets"]) == ("deleted", [], [])
    assert_problem(scene.people["partner"].get(scene.path), 404, "not_found")
    assert scene.id not in listed(scene, "admin")
    assert scene.id in listed(scene, "admin", state="deleted")
    refused = scene.admin.patch(scene.path, json={"number": "E 8"})
    detail = assert_problem(refused, 409, "conflict")["detail"]
    assert detail == f"The engagement {scene.id} is deleted. Restore it first."
    assert scene.people["outsider"].get(f"/api/jobs/{job}").is_success
    restored = scene.done(scene.admin.post(f"{scene.path}/restore"))
    assert restored.pop("left_out") == []
    assert restored == before
    assert jobs_of(scene) == [job]
    assert scene.id in listed(scene, "partner", state="open")
    assert_problem(scene.admin.post(f"{scene.path}/restore"), 409, "conflict")


def test_a_sample_of_another_engagement_isnt_restored(scene: EngagementScene) -> None:
    other = EngagementScene(scene.server)
    taken, kept, submitted = (scene.drawn(seed=seed).rpartition("/")[2] for seed in (6, 7, 8))
    scene.done(scene.admin.delete(scene.path))
    scene.done(scene.admin.put(f"{other.path}/datasets", json={"dataset_id": scene.dataset}))
    scene.done(scene.admin.put(f"{other.path}/samples", json={"job_id": taken}))
    scene.sample = f"/api/sampling/jobs/{submitted}"
    scene.examine("admin")
    scene.done(scene.step("admin", "submitted"))
    restored = scene.done(scene.admin.post(f"{scene.path}/restore"))
    assert restored["left_out"] == sorted([taken, submitted])
    audit = {"action": "engagement_restored", "limit": 1}
    (entry,) = scene.done(scene.server.admin.get("/api/admin/audit", params=audit))["entries"]
    assert entry["details"]["left_out"] == restored["left_out"]
    assert set(jobs_of(scene)) >= {kept}
    assert {taken, submitted}.isdisjoint(jobs_of(scene))


def test_only_an_engagement_without_steps_and_papers_is_deleted(scene: EngagementScene) -> None:
    scene.bring_to("submitted")
    detail = assert_problem(scene.admin.delete(scene.path), 409, "conflict")["detail"]
    assert "Withdraw or reopen them first." in detail
    scene.done(scene.step("preparer", "withdrawn"))
    scene.done(scene.issue("preparer"))
    detail = assert_problem(scene.admin.delete(scene.path), 409, "conflict")["detail"]
    assert "A working paper on the sample" in detail
    assert jobs_of(scene) == [scene.sample.rpartition("/")[2]]


def test_a_sealed_engagement_is_archived(scene: EngagementScene) -> None:
    path = f"{scene.path}/archive"
    detail = assert_problem(scene.admin.post(path), 409, "conflict")["detail"]
    assert detail.endswith("The findings aren't approved.")
    scene.seal()
    assert_problem(scene.admin.delete(scene.path), 409, "engagement_sealed")
    assert_problem(scene.people["partner"].post(path), 403, "forbidden")
    archived = scene.done(scene.admin.post(path))
    assert (archived["state"], archived["hidden_as"]) == ("sealed", "archived")
    assert scene.id not in listed(scene, "partner")
    assert scene.id not in listed(scene, "partner", state="sealed")
    assert listed(scene, "partner", state="archived") == [scene.id]
    unseal = scene.people["reviewer"].post(f"{scene.path}/unseal", json={"reason": "an error"})
    assert "Unarchive it first." in assert_problem(unseal, 409, "conflict")["detail"]
    assert_problem(scene.admin.post(path), 409, "conflict")
    scene.done(scene.admin.post(f"{scene.path}/unarchive"))
    assert scene.id in listed(scene, "partner", state="sealed")
    assert_problem(scene.admin.post(f"{scene.path}/unarchive"), 409, "conflict")


def test_nothing_of_a_finished_archived_engagement_changes(scene: EngagementScene) -> None:
    scene.bring_to("approved")
    scene.done(scene.issue("partner"))
    partner = scene.people["partner"]
    assert [each["kind"] for each in scene.done(partner.get("/api/inbox"))["entries"]] == [
        "engagements_to_seal"
    ]
    scene.done(scene.admin.post(f"{scene.path}/archive"))
    assert scene.done(partner.get("/api/inbox"))["entries"] == []
    for refused in (
        scene.step("partner", "reopened", "Again."),
        scene.issue("partner"),
        partner.post(f"{scene.path}/seal"),
        scene.admin.patch(scene.path, json={"number": "E 8"}),
        scene.admin.post(f"/api/datasets/{scene.dataset}/reconciliations", json=BALANCE),
    ):
        assert "is archived" in assert_problem(refused, 409, "conflict")["detail"]
    scene.drawn(seed=9)
    assert len(jobs_of(scene)) == 1


def test_equal_numbers_are_named_not_refused(server: LiveServer) -> None:
    client, _ = server.new_user()
    other, _ = server.new_user()
    facts = {**FACTS, "number": "N-4711"}
    one = client.post("/api/engagements", json=facts).json()
    assert one["notices"] == []
    two = client.post("/api/engagements", json={**facts, "client_name": "Other"}).json()
    assert two["notices"] == [
        f"Engagement {one['id']} has this number, too: N-4711, ACME, 2025-01-01 to 2025-12-31."
    ]
    path = f"/api/engagements/{two['id']}"
    assert client.patch(path, json={"number": "N-4712"}).json()["notices"] == []
    assert client.patch(path, json={"number": "n-4711"}).json()["notices"] == two["notices"]
    hidden = "An engagement that you can't see has this number, too."
    assert other.post("/api/engagements", json=facts).json()["notices"] == [hidden]
    assert client.patch(path, json={"number": ""}).json()["notices"] == []
    client.delete(path)
    client.patch(f"/api/engagements/{one['id']}", json={"number": ""})
    assert client.post("/api/engagements", json={**FACTS, "number": ""}).json()["notices"] == []
