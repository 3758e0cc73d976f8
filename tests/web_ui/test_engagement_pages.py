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


def test_only_who_may_read_it_sees_its_title_on_a_sample(server: LiveServer) -> None:
    scene = EngagementScene(server)
    sample = scene.sample.removeprefix("/api/sampling")
    link = f'href="/engagements/{scene.id}"'
    for person, sees in (("preparer", True), ("outsider", False)):
        overview = page_of(scene, person, sample)
        assert (link in overview) == sees
        assert ("ACME" in overview) == sees
        assert (link in page_of(scene, person, f"{sample}?tab=paper")) == sees
