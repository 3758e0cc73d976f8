"""Working papers of samples in an engagement: its facts, names and roles, and who approved."""

from __future__ import annotations

import pytest

from application.audit.working_paper import issuing
from storage.audit.engagements import engagement_of
from tests.contract.problems import assert_problem
from tests.support.engagement_scene import EngagementScene
from tests.support.live_server import LiveServer


@pytest.fixture
def scene(server: LiveServer) -> EngagementScene:
    return EngagementScene(server)


def paper(scene: EngagementScene, **query: str) -> str:
    answer = scene.admin.get(f"{scene.sample}/working-paper", params={"format": "html", **query})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_facts_default_to_those_of_the_engagement(scene: EngagementScene) -> None:
    found = scene.admin.get(f"{scene.sample}/paper-facts").json()
    assert found["facts"]["client_name"] is None
    assert found["defaults"]["client_name"] == "ACME"
    assert found["defaults"]["period"] == "2025-01-01 to 2025-12-31"
    assert found["defaults"]["preparer"] == "preparer Doe"
    assert found["defaults"]["reviewer"] == "reviewer Doe"
    missing = {each["missing"] for each in found["missing"]}
    assert not {each for each in missing if "Client" in each or "Prepared" in each}
    text = paper(scene)
    for shown in ("ACME", "E 7", "preparer Doe", "second partner Doe", "2025-01-01 to 2025-12-31"):
        assert shown in text


def test_a_fact_of_the_sample_wins(scene: EngagementScene) -> None:
    other = {"client_name": "ACME Sub", "preparer": "Someone Else"}
    scene.done(scene.people["preparer"].patch(f"{scene.sample}/paper-facts", json=other))
    text = paper(scene)
    assert "ACME Sub" in text
    assert "Someone Else" in text
    assert "reviewer Doe" in text


def test_the_first_entry_takes_nothing_from_samples_of_another_client(
    scene: EngagementScene,
) -> None:
    preparer = scene.people["preparer"]
    other = {"client_name": "Other Ltd", "preparer": "Someone Else", "language": "fr"}
    scene.done(preparer.patch(f"{scene.sample}/paper-facts", json=other))
    scene.sample = scene.drawn(seed=9)
    assert preparer.get(f"{scene.sample}/paper-facts").json()["suggested_from"] is None
    scene.done(preparer.patch(f"{scene.sample}/paper-facts", json={"objective": "o"}))
    facts = preparer.get(f"{scene.sample}/paper-facts").json()["facts"]
    assert (facts["client_name"], facts["preparer"], facts["language"]) == (None, None, "fr")


def test_a_continued_sample_takes_nothing_that_the_engagement_states(
    scene: EngagementScene,
) -> None:
    """The sample before was drawn for another client."""
    own = ("client_name", "period", "paper_number", "preparer", "preparer_role", "reviewer")
    facts = {**dict.fromkeys((*own, "reviewer_role"), "of others"), "objective": "o"}
    scene.done(scene.people["preparer"].patch(f"{scene.sample}/paper-facts", json=facts))
    scene.examine()
    scene.sample = scene.drawn(sample_size=8)
    found = scene.admin.get(f"{scene.sample}/paper-facts").json()
    assert found["entries"][0]["facts"]["objective"] == "o"
    assert not [name for name in (*own, "reviewer_role") if found["facts"][name]]
    text = paper(scene)
    assert "ACME" in text
    assert "of others" not in text


def test_names_are_those_who_acted(scene: EngagementScene) -> None:
    scene.examine()
    scene.done(scene.step("preparer", "submitted"))
    scene.done(scene.step("second partner", "signed_off"))
    facts = scene.admin.get(f"{scene.sample}/paper-facts").json()["defaults"]
    assert facts["reviewer"] == "second partner Doe"
    assert "Signed off: not approved" in paper(scene)
    scene.done(scene.step("partner", "approved"))
    text = paper(scene)
    assert "not approved" not in text
    assert f"partner Doe ({scene.users['partner']['soeid']})" in text
    assert "Approved by" in text


@pytest.mark.parametrize(
    ("language", "words"),
    [("de", ("Genehmigt von", "Nummer des Auftrags")), ("fr", ("Approuvé par", "Associé"))],
)
def test_papers_of_an_engagement_are_translated(
    scene: EngagementScene, language: str, words: tuple[str, ...]
) -> None:
    scene.bring_to("approved")
    text = paper(scene, language=language)
    for word in words:
        assert word in text


def test_a_change_of_the_team_meanwhile_refuses_the_paper(
    scene: EngagementScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_paper = issuing.write_paper

    def write_later(*given: object) -> None:
        write_paper(*given)  # type: ignore[arg-type]
        scene.join("reviewer", "partner")

    monkeypatch.setattr(issuing, "write_paper", write_later)
    detail = assert_problem(scene.issue("reviewer"), 409, "conflict")["detail"]
    assert "engagement of the sample changed" in detail


def test_the_ledger_has_an_entry_of_an_approval(scene: EngagementScene) -> None:
    scene.bring_to("approved")
    job_id = scene.sample.rpartition("/")[2]
    with scene.server.service.database.read() as tx:
        found = engagement_of(tx, job_id)
    assert found is not None
    assert found.title == "E 7, ACME, 2025-01-01 to 2025-12-31"
    ledger = scene.admin.get(f"/api/datasets/{scene.dataset}/ledger").json()["entries"]
    assert [each["body"]["step"] for each in ledger if each["kind"] == "review"] == [
        *("approved", "signed_off")
    ]
    assert ledger[0]["sentence"].endswith("approved the findings of a sample")
