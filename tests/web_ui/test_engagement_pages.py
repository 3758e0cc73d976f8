"""The pages of engagements, and the steps that the page of a sample offers to each person."""

from __future__ import annotations

import re

import pytest

from application.sessions import COOKIE
from tests.support.engagement_scene import EngagementScene
from tests.support.live_server import LiveServer
from tests.web_ui.reader import words

STEPS: dict[str, dict[str, set[str]]] = {
    "open": {"preparer": {"submitted"}},
    "submitted": {
        "preparer": {"withdrawn"},
        "reviewer": {"returned"},
        "partner": {"returned"},
        "second partner": {"returned"},
    },
    "signed_off": {
        "reviewer": {"reopened"},
        "partner": {"approved", "reopened"},
        "second partner": {"approved", "reopened"},
    },
    "approved": {"partner": {"reopened"}, "second partner": {"reopened"}},
}
"""The forms of the tab Findings by the state of the review; the sign-off is a link."""


def page_of(scene: EngagementScene, person: str, path: str) -> str:
    token = scene.people[person].headers["Authorization"].split()[1]
    answer = scene.server.client(None).get(path, headers={"Cookie": f"{COOKIE}={token}"})
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("state", STEPS)
def test_each_person_sees_the_own_steps(server: LiveServer, state: str) -> None:
    scene = EngagementScene(server)
    scene.bring_to(state)
    path = scene.sample.removeprefix("/api/sampling") + "?tab=findings"
    for person in ("preparer", "reviewer", "partner", "second partner", "outsider"):
        page = page_of(scene, person, path)
        steps = set(re.findall(r'name="action" value="([a-z_]+)"', page))
        assert steps == STEPS[state].get(person, set()), person
        may_sign = state == "submitted" and "returned" in steps
        assert ("Evaluate and sign off" in page) == may_sign


def test_a_sealed_engagement_offers_no_step(server: LiveServer) -> None:
    scene = EngagementScene(server)
    scene.seal()
    job = scene.sample.removeprefix("/api/sampling")
    findings = page_of(scene, "second partner", f"{job}?tab=findings")
    assert 'name="action"' not in findings
    assert "The engagement is sealed." in findings
    assert "no paper is issued" in page_of(scene, "partner", f"{job}?tab=paper")
    page = page_of(scene, "reviewer", f"/engagements/{scene.id}")
    assert "Unseal engagement" in page
    assert "Unseal engagement" not in page_of(scene, "partner", f"/engagements/{scene.id}")
    assert "Add member" not in page


def test_the_page_says_what_is_missing(server: LiveServer) -> None:
    scene = EngagementScene(server)
    page = words(page_of(scene, "reviewer", f"/engagements/{scene.id}"))
    assert "Missing before it can be sealed" in page
    assert "The findings aren't approved." in page
    assert "reviewer Doe" in page
    assert "Add member" not in page
    scene.bring_to("approved")
    scene.done(scene.issue("partner"))
    assert "Seal engagement" in page_of(scene, "partner", f"/engagements/{scene.id}")
    assert "Seal engagement" not in page_of(scene, "reviewer", f"/engagements/{scene.id}")
    listed = page_of(scene, "reviewer", "/engagements?q=acme")
    assert f'href="/engagements/{scene.id}"' in listed
    assert "New engagement" in listed
    assert "No engagement matches" in page_of(scene, "reviewer", "/engagements?q=nothing")


def test_a_paper_with_another_evaluation_is_named(server: LiveServer) -> None:
    scene = EngagementScene(server)
    sample, partner = scene.sample.removeprefix("/api/sampling"), scene.people["partner"]
    other = {"format": "html", "kind": "attributes", "confidence": 0.5}
    scene.bring_to("submitted")
    scene.done(partner.post(f"{scene.sample}/papers", json=other))  # before the sign-off
    scene.done(scene.step("reviewer", "signed_off"))
    scene.done(scene.step("partner", "approved"))

    def named() -> tuple[list[bool], bool, bool, list[str]]:
        papers = scene.done(partner.get(f"{scene.sample}/papers"))["papers"]
        return (
            [each["has_other_evaluation"] for each in papers],
            "has another evaluation than the one that was signed off"
            in words(page_of(scene, "preparer", sample)),
            "Other evaluation than signed off" in page_of(scene, "preparer", f"{sample}?tab=paper"),
            [
                each["text"].partition(" has ")[2]
                for each in scene.done(partner.get("/api/inbox"))["entries"]
                if each["kind"] == "papers_to_issue"
            ],
        )

    assert named() == ([False], False, False, [""])
    scene.done(partner.post(f"{scene.sample}/papers", json=other))
    text = "another evaluation than the one that was signed off: issue the working paper again."
    assert named() == ([True, False], True, True, [text])
    scene.done(scene.issue("partner"))
    assert named() == ([False, True, False], False, True, [])
    scene.done(partner.post(f"{scene.sample}/papers", json=other))
    assert named()[3] == [text]
    scene.done(scene.step("partner", "reopened", "Again."))
    assert named() == ([False] * 4, False, False, [])


def test_an_engagement_is_deleted_restored_and_archived_on_its_page(server: LiveServer) -> None:
    scene = EngagementScene(server)
    client, made = server.new_user()
    scene.people["owner"], scene.users["owner"] = client, made
    facts = {"client_name": "Own", "period_from": "2025-01-01", "period_to": "2025-12-31"}
    path = f"/engagements/{client.post('/api/engagements', json=facts).json()['id']}"
    assert "Delete engagement" in page_of(scene, "owner", path)
    scene.done(client.delete(f"/api{path}"))
    page = page_of(scene, "owner", path)
    assert "Restore engagement" in page
    for absent in ("Delete engagement", "Add member", "Change facts", "Missing before"):
        assert absent not in page
    assert f'href="{path}"' not in page_of(scene, "owner", "/engagements")
    assert f'href="{path}"' in page_of(scene, "owner", "/engagements?state=deleted")
    page = page_of(scene, "preparer", f"/engagements/{scene.id}")
    assert "Delete engagement" not in page
    scene.seal()
    scene.done(scene.admin.post(f"{scene.path}/archive"))
    page = page_of(scene, "reviewer", f"/engagements/{scene.id}")
    assert "<strong>Archived by" in page
    assert "Unseal engagement" not in page
    findings = page_of(
        scene, "partner", f"{scene.sample.removeprefix('/api/sampling')}?tab=findings"
    )
    assert "The engagement is archived." in findings


def test_samples_in_no_engagement_are_offered(server: LiveServer) -> None:
    scene = EngagementScene(server)
    client, made = server.new_user()
    scene.people["owner"], scene.users["owner"] = client, made
    dataset = server.new_table(12, client)
    draw = {"method": "random", "parameters": {"sample_size": 3, "seed": 3}}
    job = server.draw(dataset, {"rounds": [draw]})["id"]
    facts = {"client_name": "Own", "period_from": "2025-01-01", "period_to": "2025-12-31"}
    path = f"/engagements/{client.post('/api/engagements', json=facts).json()['id']}"
    assert "Assign sample" not in page_of(scene, "owner", path)
    client.put(f"/api{path}/datasets", json={"dataset_id": dataset})
    assert f'<option value="{job}">' in page_of(scene, "owner", path)
    client.put(f"/api{path}/samples", json={"job_id": job})
    assert "Assign sample" not in page_of(scene, "owner", path)


def test_only_who_may_read_it_sees_its_title_on_a_sample(server: LiveServer) -> None:
    scene = EngagementScene(server)
    sample = scene.sample.removeprefix("/api/sampling")
    link = f'href="/engagements/{scene.id}"'
    for person, sees in (("preparer", True), ("outsider", False)):
        overview = page_of(scene, person, sample)
        assert (link in overview) == sees
        assert ("ACME" in overview) == sees
        assert (link in page_of(scene, person, f"{sample}?tab=paper")) == sees
