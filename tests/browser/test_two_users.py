"""Two users with different rights, each in a browser."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, sign_in
from tests.support.live_server import LiveServer

OFFERS = re.compile(
    "^(Import file|Import another file|Draw sample|Copy design|New dataset|Settings|Create report"
    "|Cancel jobs?|Retry jobs?|New version name|Create name|Grant access|Delete dataset"
    "|Profile table|Import demo data)$"
)


@pytest.fixture
def side_by_side(open_page: OpenPage, server: LiveServer) -> tuple[Page, Page, dict[str, str]]:
    """A page of an owner, a page of a viewer of one of two datasets, and paths."""
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
    """The number of controls and commands that need more than view access."""
    seen = page.get_by_role("link", name=OFFERS).or_(page.get_by_role("button", name=OFFERS))
    commands = page.locator("[data-command]").evaluate_all("all => all.map(e => e.dataset.command)")
    words = ("New dataset", "Import", "Draw a", "Retry", "Cancel this", "Copy this", "Select all")
    return seen.count() + sum(any(word in command for word in words) for command in commands)


def test_a_viewer_gets_no_controls_for_changes(
    side_by_side: tuple[Page, Page, dict[str, str]], server: LiveServer
) -> None:
    owner, viewer, where = side_by_side
    paths = [
        "/",
        "/datasets",
        *(where["shared"] + tab for tab in ("", "?tab=profile", "?tab=access", "?tab=settings")),
        where["drawn"],
        where["failed"],
        "/jobs",
    ]
    for path in paths:
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


def test_private_datasets_and_jobs_are_hidden_from_others(
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


def test_a_dataset_is_hidden_after_access_is_removed(
    side_by_side: tuple[Page, Page, dict[str, str]], server: LiveServer
) -> None:
    owner, viewer, where = side_by_side
    viewer.goto(f"{server.url}{where['shared']}?tab=data&filters={quote('id < 3')}")
    expect(viewer.get_by_text("3 of 40 rows")).to_be_visible()
    owner.goto(f"{server.url}{where['shared']}?tab=access")
    owner.get_by_role("button", name=f"Remove access of {where['viewer']}").click()
    owner.get_by_role("button", name="Confirm").click()
    expect(owner.get_by_role("cell", name=where["viewer"])).to_have_count(0)
    viewer.reload()
    expect(viewer.get_by_role("heading", level=1)).to_have_text("Not found")
