"""Each right of review in an engagement needs a second person, administrators included."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.engagement_scene import EngagementScene
from tests.support.live_server import LiveServer

Do = Callable[[EngagementScene, httpx.Client], httpx.Response]
EVERYONE = ("preparer", "reviewer", "partner", "second partner", "outsider", "admin")


def review(action: str, **body: str) -> Do:
    return lambda scene, client: client.post(
        f"{scene.sample}/review", json={"action": action, **body}
    )


def issue(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    return client.post(f"{scene.sample}/papers", json={"format": "html"})


def delete(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    samples = scene.admin.get(f"{scene.path}/samples").json()["samples"]
    job_id = scene.sample.rpartition("/")[2]
    ref = next(each["output_ref"] for each in samples if each["job_id"] == job_id)
    return client.delete(f"/api/datasets/{scene.dataset}/refs/{ref}")


def delete_dataset(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    return client.delete(f"/api/datasets/{scene.dataset}")


def unassign(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    body = {"job_id": scene.sample.rpartition("/")[2]}
    return client.request("DELETE", f"{scene.path}/samples", json=body)


def find(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    row = client.get(f"{scene.sample}/findings").json()["items"][0]["row_id"]
    found = {"row_id": row, "outcome": "exception"}
    return client.post(f"{scene.sample}/findings", json={"findings": [found]})


def fact(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    return client.patch(f"{scene.sample}/paper-facts", json={"objective": "o"})


def attach(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    return client.post(f"{scene.sample}/attachments", files={"file": ("a.txt", b"a")})


def conclude(scene: EngagementScene, client: httpx.Client) -> httpx.Response:
    return client.put(f"{scene.sample}/conclusion", json={"text": "c"})


REOPEN = review("reopened", note="why")
RETURN = review("returned", note="why")
RIGHTS: dict[str, tuple[str, Do, tuple[str, ...]]] = {
    "submit": ("open", review("submitted"), ("preparer",)),
    "withdraw": ("submitted", review("withdrawn"), ("preparer",)),
    "return": ("submitted", RETURN, ("reviewer", "partner", "second partner")),
    "sign off": (
        "submitted",
        review("signed_off"),
        ("reviewer", "partner", "second partner"),
    ),
    "approve": ("signed_off", review("approved"), ("partner", "second partner")),
    "approve before the sign-off": ("submitted", review("approved"), ()),
    "reopen signed-off findings": (
        "signed_off",
        REOPEN,
        ("reviewer", "partner", "second partner"),
    ),
    "reopen approved findings": ("approved", REOPEN, ("partner", "second partner")),
    "delete a signed-off sample": (
        "signed_off",
        delete,
        ("reviewer", "partner", "second partner"),
    ),
    "delete an approved sample": ("approved", delete, ("partner", "second partner")),
    "delete the dataset": ("approved", delete_dataset, ()),
    "issue the final paper": (
        "approved",
        issue,
        ("reviewer", "partner", "second partner"),
    ),
    "take the sample out while it is submitted": ("submitted", unassign, ()),
    "take the sample out when it is approved": ("approved", unassign, ()),
    "enter a finding after the submission": ("submitted", find, ()),
    "enter a fact after the submission": ("submitted", fact, ()),
    "attach a file after the submission": ("submitted", attach, ()),
    "conclude after the submission": ("submitted", conclude, ()),
    "enter a finding after the approval": ("approved", find, ()),
    "enter a fact after the approval": ("approved", fact, ()),
    "attach a file after the approval": ("approved", attach, ()),
}
"""Each right: the state, the request, and who may send it."""


@pytest.mark.parametrize("right", RIGHTS)
def test_only_the_roles_of_a_right_have_it(server: LiveServer, right: str) -> None:
    state, do, allowed = RIGHTS[right]
    scene = EngagementScene(server)
    scene.bring_to(state)
    refused = [name for name in EVERYONE if name not in allowed]
    for name in refused:
        assert do(scene, scene.people[name]).status_code in (403, 404, 409), name
    if allowed:
        assert do(scene, scene.people[allowed[0]]).status_code == 200


@pytest.mark.parametrize("person", ["admin", "partner", "reviewer", "preparer"])
def test_one_person_who_changes_roles_cant_do_both_sides(server: LiveServer, person: str) -> None:
    scene = EngagementScene(server)
    if person == "admin":
        scene.users["admin"] = server.admin.get("/api/users/me").json()
    scene.join(person, "preparer")
    scene.examine(person)
    scene.done(scene.step(person, "submitted"))
    for role in ("reviewer", "partner"):
        scene.join(person, role)
        for action in ("signed_off", "returned"):
            answer = scene.step(person, action, "why")
            assert "Another person" in assert_problem(answer, 403, "forbidden")["detail"]
    scene.done(scene.step("second partner", "signed_off"))
    assert_problem(scene.step(person, "approved"), 403, "forbidden")
    assert_problem(scene.step(person, "reopened", "why"), 403, "forbidden")
    answer = scene.step("second partner", "approved")
    assert "you signed them off" in assert_problem(answer, 403, "forbidden")["detail"]
    third = next(each for each in ("partner", "reviewer") if each != person)
    scene.join(third, "partner")
    scene.done(scene.step(third, "approved"))
    assert_problem(scene.issue(person), 403, "forbidden")
    scene.done(scene.issue(third))
    answer = scene.people[person].post(f"{scene.path}/seal")
    assert "you prepared its sample" in assert_problem(answer, 403, "forbidden")["detail"]


def test_who_signed_off_before_cant_approve_a_later_sign_off(server: LiveServer) -> None:
    scene = EngagementScene(server)
    scene.examine()
    scene.done(scene.step("preparer", "submitted"))
    scene.done(scene.step("partner", "signed_off"))
    scene.done(scene.step("partner", "reopened", "look again"))
    scene.done(scene.step("preparer", "submitted"))
    scene.done(scene.step("reviewer", "signed_off"))
    assert_problem(scene.step("partner", "approved"), 403, "forbidden")
    scene.done(scene.step("second partner", "approved"))


def test_naming_oneself_a_reviewer_gives_no_second_side(server: LiveServer) -> None:
    scene = EngagementScene(server)
    names = {"reviewers": [scene.users["preparer"]["soeid"]]}
    scene.done(scene.people["preparer"].put(f"{scene.sample}/reviewers", json=names))
    scene.examine()
    scene.done(scene.step("preparer", "submitted"))
    assert_problem(scene.step("preparer", "signed_off"), 403, "forbidden")


def test_who_chose_the_tested_attributes_signs_nothing_off(server: LiveServer) -> None:
    scene = EngagementScene(server)
    names = {"attributes": ["approved", "amount agrees"]}
    scene.done(scene.people["reviewer"].put(f"{scene.sample}/attributes", json=names))
    columns = {"columns": ["id"]}
    scene.done(scene.people["partner"].put(f"{scene.sample}/shown-columns", json=columns))
    scene.done(scene.people["preparer"].put(f"{scene.sample}/attributes", json=names))
    scene.examine()
    scene.done(scene.step("preparer", "submitted"))
    answer = scene.step("reviewer", "signed_off")
    assert "chose the tested attributes" in assert_problem(answer, 403, "forbidden")["detail"]
    scene.done(scene.step("partner", "signed_off"))


def test_each_reading_and_the_decision_are_by_other_persons(server: LiveServer) -> None:
    scene = EngagementScene(server)
    question = {"name": "fine", "type": "yes_no", "text": "Fine?"}
    body = {"questions": [question], "second_readings": "100%"}
    scene.done(scene.people["preparer"].put(f"{scene.sample}/questions", json=body))
    row = scene.people["preparer"].get(f"{scene.sample}/findings").json()["items"][0]["row_id"]

    def answer(by: str, reading: str, value: bool) -> httpx.Response:
        entry = {"row_id": row, "reading": reading, "answers": {"fine": value}}
        return scene.people[by].post(f"{scene.sample}/answers", json={"answers": [entry]})

    scene.done(answer("preparer", "first", True))
    assert_problem(answer("preparer", "second", False), 409, "own_reading")
    scene.done(answer("reviewer", "second", False))
    for name in ("preparer", "reviewer"):
        assert_problem(answer(name, "decision", True), 409, "own_reading")
    scene.done(answer("partner", "decision", True))


def test_without_an_engagement_nothing_is_approved(server: LiveServer) -> None:
    scene = EngagementScene(server)
    scene.done(unassign(scene, server.admin))
    scene.examine()
    scene.done(scene.step("preparer", "submitted"))
    scene.done(scene.step("outsider", "signed_off"))
    answer = scene.step("partner", "approved")
    assert "in an engagement" in assert_problem(answer, 409, "conflict")["detail"]
    scene.done(scene.step("outsider", "reopened", "why"))
