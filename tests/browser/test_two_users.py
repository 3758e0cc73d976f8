"""Two users with different rights, side by side in a browser each."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, sign_in
from tests.live_server import LiveServer

OFFERS = re.compile(
    "^(Import|Import a file|Import another file|Draw a sample|Draw from this|New dataset|Settings"
    "|Make a report|Cancel|Do again|New ref|Make|Give|Remove it|Profile the table"
    "|Import the demo data)$"
)


@pytest.fixture
def side_by_side(open_page: OpenPage, server: LiveServer) -> tuple[Page, Page, dict[str, str]]:
    """A page of an owner and one of a viewer, and where both look.

    The viewer may read one of the owner's two datasets.
    """
    client, owner = server.new_user()
    _, viewer = server.new_user("viewer")
    shared, hidden = server.new_table(40, client), server.new_table(40, client)
    given = {"user_soeid": viewer["soeid"], "permission": "write"}
    client.put(f"/api/datasets/{shared}/permissions", json=given)
    body = {"method": "random", "parameters": {"sample_size": 5}}
    jobs = {name: server.draw(of, body)["id"] for name, of in (("s", shared), ("h", hidden))}
    failed = server.import_text(shared, "a,b\n1,2\n3,4,5\n", client=client)
    pages = (open_page(), open_page())
    for page, user in zip(pages, (owner, viewer), strict=True):
        sign_in(page, server.url, user["soeid"])
    where = {
        "shared": f"/datasets/{shared}",
        "hidden": f"/datasets/{hidden}",
        "drawn": f"/jobs/{jobs['s']}",
        "hidden job": f"/jobs/{jobs['h']}",
        "failed": f"/jobs/{failed['id']}",
        "viewer": viewer["soeid"],
    }
    return *pages, where


def offers(page: Page) -> int:
    """How much a page offers that takes more than reading, also in its palette."""
    seen = page.get_by_role("link", name=OFFERS).or_(page.get_by_role("button", name=OFFERS))
    commands = page.locator("[data-command]").evaluate_all("all => all.map(e => e.dataset.command)")
    words = ("New dataset", "Import", "Draw a", "again", "Cancel this", "Start a new", "Tick")
    return seen.count() + sum(any(word in command for word in words) for command in commands)


def test_a_viewer_is_offered_nothing_but_to_read_where_the_owner_is(
    side_by_side: tuple[Page, Page, dict[str, str]], server: LiveServer
) -> None:
    owner, viewer, where = side_by_side
    looked_at = [
        "/",
        "/datasets",
        *(where["shared"] + tab for tab in ("", "?tab=profile", "?tab=access", "?tab=settings")),
        where["drawn"],
        where["failed"],
        "/jobs",
    ]
    for path in looked_at:
        for page in (owner, viewer):
            page.goto(f"{server.url}{path}")
        assert offers(owner) > 0, path
        assert offers(viewer) == 0, path
    expect(viewer.get_by_role("heading", level=1, name="Jobs")).to_be_visible()
    expect(viewer.get_by_role("link", name=where["drawn"][6:14])).to_be_visible()
    for path in (f"{where['shared']}/draw", f"{where['shared']}/import", "/datasets/new"):
        answer = viewer.goto(f"{server.url}{path}")
        assert answer is not None
        assert answer.status == 403
        expect(viewer.get_by_role("heading", level=1)).to_have_text("Not allowed")
        expect(viewer.get_by_text("yours is viewer")).to_be_visible()


def test_what_one_user_keeps_for_themselves_is_not_there_for_the_other(
    side_by_side: tuple[Page, Page, dict[str, str]], server: LiveServer
) -> None:
    owner, viewer, where = side_by_side
    hidden, job = where["hidden"], where["hidden job"]
    for path in (hidden, f"{hidden}?tab=data", f"{hidden}/draw", f"{hidden}/import", job):
        for page, status in ((owner, 200), (viewer, 404)):
            answer = page.goto(f"{server.url}{path}")
            assert answer is not None
            assert answer.status == status, path
        expect(viewer.get_by_role("heading", level=1)).to_have_text("Not found")
    viewer.goto(f"{server.url}/datasets")
    expect(viewer.get_by_role("region", name="Datasets").get_by_role("row")).to_have_count(2)
    viewer.goto(f"{server.url}/jobs")
    expect(viewer.get_by_role("link", name=job[6:14])).to_have_count(0)
    viewer.keyboard.press("Control+k")
    viewer.keyboard.type("dataset")
    expect(viewer.get_by_role("option", name=re.compile("Dataset dataset"))).to_have_count(1)


def test_who_loses_a_dataset_finds_it_gone_at_the_next_look(
    side_by_side: tuple[Page, Page, dict[str, str]], server: LiveServer
) -> None:
    owner, viewer, where = side_by_side
    viewer.goto(f"{server.url}{where['shared']}?tab=data&filter={quote('id < 3')}")
    expect(viewer.get_by_text("3 rows pass, of 40")).to_be_visible()
    owner.goto(f"{server.url}{where['shared']}?tab=access")
    owner.get_by_role("button", name=f"Take it away from {where['viewer']}").click()
    owner.get_by_role("button", name="Yes, do it").click()
    expect(owner.get_by_role("cell", name=where["viewer"])).to_have_count(0)
    viewer.reload()
    expect(viewer.get_by_role("heading", level=1)).to_have_text("Not found")
