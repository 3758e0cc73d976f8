"""Engagements through the Python client."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date

import pytest
from jobsvc_client import Client, JobsvcError, connect

from tests.support.engagement_scene import EngagementScene
from tests.support.live_server import LiveServer


@pytest.fixture
def scene(server: LiveServer) -> EngagementScene:
    return EngagementScene(server)


@pytest.fixture
def clients(scene: EngagementScene) -> Iterator[dict[str, Client]]:
    with ExitStack() as opened:
        secrets = {
            name: client.headers["Authorization"].split()[1]
            for name, client in scene.people.items()
        }
        yield {
            name: opened.enter_context(connect(scene.server.url, secret))
            for name, secret in secrets.items()
        }


def test_an_engagement_is_created_filled_and_emptied(
    scene: EngagementScene, clients: dict[str, Client]
) -> None:
    admin, soeid = clients["admin"], scene.users["outsider"]["soeid"]
    made = admin.create_engagement("Beta", date(2024, 1, 1), "2024-12-31", number="B 1")
    assert repr(made) == f"Engagement {made.id} (Beta, 2024-01-01 to 2024-12-31)"
    assert made.change(client_name="Beta Ltd").info["client_name"] == "Beta Ltd"
    dataset = scene.server.new_table(10)
    made.add_dataset(dataset)
    assert made.add_member(soeid, "O U", "partner", preview=True).info["team"] == []
    assert [one["before"] for one in made.info["rights"]] == [None]
    assert "O U" in made.add_member(soeid, "O U", "partner")._repr_html_()
    drawn = admin.dataset(dataset).sample("random", size=2)
    assert [one["job_id"] for one in made.samples] == [drawn.id]
    assert made.remove_sample(drawn.id).add_sample(drawn.id).info["samples"] == 1
    assert made.remove_dataset(dataset).remove_member(soeid).info["team"] == []
    assert made.id in [each.id for each in admin.engagements(q="beta", state="open")]
    assert made.delete().info["hidden_as"] == "deleted"
    assert made.id in [each.id for each in admin.engagements(state="deleted")]
    assert made.restore().info["left_out"] == []
    assert made.id not in [each.id for each in admin.engagements(state="deleted")]
    with pytest.raises(JobsvcError) as refused:
        admin.create_engagement("Beta", "2024-12-31", "2024-01-01")
    assert "ends before it begins" in str(refused.value)


def test_an_engagement_is_sealed_and_unsealed(
    scene: EngagementScene, clients: dict[str, Client]
) -> None:
    partner = clients["partner"].engagement(scene.id)
    assert partner.missing[0].endswith("The findings aren't approved.")
    scene.bring_to("approved")
    scene.done(scene.issue("partner"))
    sealed = partner.seal().info["seal_sha256"]
    managed = clients["admin"].engagement(scene.id)
    assert managed.archive().info["hidden_as"] == "archived"
    assert managed.unarchive().info["hidden_as"] is None
    assert hashlib.sha256(partner.seal_content()).hexdigest() == sealed
    assert clients["reviewer"].engagement(scene.id).unseal("why").info["state"] == "open"
