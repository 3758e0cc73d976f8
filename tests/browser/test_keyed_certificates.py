"""The pages about certificates of keyed draws: what a sample's page offers, and the verifier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contract.draw_requests import one
from tests.support.live_server import LiveServer, finished
from tests.verifiers import tamperings

VERIFIER = Path(__file__).parents[2] / "verifiers" / "verify.html"
KNOWN_KEY = """() => {
  const plain = verify;
  verify = (files, options) => plain(files, { ...options, allowKnownKey: true });
}"""


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    """A page without a server."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def opened(page: Page, files: tamperings.Files, folder: Path) -> None:
    """Choose files on the verifier's page, allowing the key that everybody knows."""
    tamperings.write(folder, files)
    page.goto(VERIFIER.as_uri())
    page.evaluate(KNOWN_KEY)
    page.set_input_files("#files", [str(path) for path in folder.iterdir()])
    page.wait_for_selector("#report:not([hidden])")


@pytest.mark.parametrize(
    ("base", "headline", "term", "words"),
    [
        (
            "cluster_stages",
            "ACCEPTED: L0, L1 and L2 checked",
            "Clusters",
            "9 of 30 clusters (school) in strata (region), by their rows; 2 subclusters (class) in "
            "each",
        ),
        (
            "keyed",
            "ACCEPTED: L0, L1 and L2 checked",
            "Order",
            "rows in the order of the digests of their keys, account (VARCHAR), from the place "
            "0.25 of 1; no two rows may share a key",
        ),
        (
            "keyed_numbered",
            "ACCEPTED: L0, L2 and L3 checked",
            "Order",
            "rows in the order of the digests of their keys, pair (VARCHAR), from the place 0.1 of "
            "1; equal keys are numbered",
        ),
        (
            "keyed_clusters",
            "ACCEPTED: L0, L1 and L2 checked",
            "Order",
            "clusters in the order of the digests of their values, club (VARCHAR); their rows by "
            "position",
        ),
    ],
)
def test_the_verifier_tells_the_order_and_the_clusters(
    plain_page: Page, tmp_path: Path, base: str, headline: str, term: str, words: str
) -> None:
    page = plain_page
    opened(page, tamperings.load(base), tmp_path)
    expect(page.locator("#headline")).to_have_text(headline)
    about = page.locator("#about")
    expect(about.locator("dt", has_text=term).locator("+ dd")).to_have_text(words)
    for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.screenshot(path=tmp_path.parent / f"{base}-{width}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_samples_page_says_what_its_data_show(
    analyst: tuple[Page, httpx.Client], server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_balanced_table(60, client)

    def shown(key: list[str], duplicates: str) -> str:
        order: dict[str, Any] = {"key": key, "start": "0", "duplicates": duplicates}
        body = {"rounds": [{**one("random", sample_size=3), "order": order}]}
        answer = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
        job = finished(client, answer.json()["job_id"])
        assert job["status"] == "completed", job
        page.goto(f"{server.url}/jobs/{job['id']}?tab=certificate")
        return page.inner_text("main")

    unique, numbered = shown(["id"], "refuse"), shown(["region"], "number")
    assert "of every row of the table, its key too." in unique
    assert "Needs certificate.json, and sample.csv with the columns of the key." in unique
    assert "; and all columns of rows that share a key." in numbered
    assert "of rounds that number equal keys only L2 shows it." in numbered
