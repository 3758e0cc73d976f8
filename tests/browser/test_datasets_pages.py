"""The pages of datasets: create, import, view, share, delete."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.support.live_server import LiveServer, write_csv

Analyst = tuple[Page, httpx.Client]
POST_DEMO = """async () => {
  const csrf = document.querySelector("[name=csrf]").content;
  const answer = await fetch("/demo", { method: "POST", body: new URLSearchParams({ csrf }) });
  return { status: answer.status, text: await answer.text() };
}"""


def test_a_dataset_is_created_with_its_first_file(
    analyst: Analyst, server: LiveServer, tmp_path: Path
) -> None:
    page, client = analyst
    page.get_by_role("link", name="New dataset").first.click()
    page.get_by_label("Name").fill("Sales of the north")
    page.get_by_text("Details").click()
    page.get_by_label("Tags, separated by commas").fill("sales, north")
    page.get_by_label("Purpose").fill("First figures")
    page.get_by_text("Details").click()
    page.get_by_label("File (drop it here").set_input_files(write_csv(tmp_path / "s.csv", 3000))
    preview = page.get_by_role("region", name="First rows of primary")
    expect(preview.get_by_role("columnheader", name="amount, Number")).to_be_visible()
    expect(page.get_by_text("3 columns, 3,000 rows.")).to_be_visible()
    assert client.get("/api/datasets").json()["total"] == 0
    page.get_by_role("button", name="Import file").click()
    expect(page.get_by_role("region", name="Import")).to_contain_text("3,000 rows and 3 columns")
    expect(page.get_by_role("region", name="Rows").get_by_role("columnheader")).to_have_count(3)
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("First figures")).to_be_visible()
    expect(page.get_by_text("primary (3,000 rows)")).to_be_visible()
    page.goto(f"{server.url}/datasets?tag=north")
    expect(page.get_by_role("link", name="Sales of the north")).to_be_visible()


def test_an_invalid_file_is_reported_before_upload(
    analyst: Analyst, server: LiveServer, tmp_path: Path
) -> None:
    page, client = analyst
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n3\n")
    page.goto(f"{server.url}/datasets/{server.new_dataset(client)}/import")
    page.get_by_label("File (drop it here").set_input_files(broken)
    expect(page.get_by_role("alert")).to_contain_text("Line 3")


def test_a_grid_is_filtered_ordered_and_paged(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(400, client)
    page.goto(f"{server.url}/datasets/{dataset}?tab=data")
    page.get_by_role("button", name="Values of city").locator("rect").nth(1).click()
    expect(page.get_by_text("100 of 400 rows")).to_be_visible()
    expect(page.get_by_text("city = 'Lima'")).to_be_visible()
    expect(page.get_by_role("button", name="Values of id")).to_contain_text("100 unique")
    page.get_by_label("Only rows where").fill("amount > 1")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.get_by_text("99 of 400 rows")).to_be_visible()
    page.get_by_role("link", name="Remove the filter amount > 1").click()
    page.get_by_role("link", name="amount").click()
    page.get_by_role("link", name="amount ↑").click()
    first = page.get_by_role("region", name="Rows").get_by_role("row").nth(1)
    expect(first).to_contain_text("397")
    page.keyboard.press("n")
    expect(page.get_by_text("51 to 100 of 100")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("1 to 50 of 100")).to_be_visible()
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("checkbox", name="city").uncheck()
    page.get_by_role("button", name="Show columns").click()
    expect(page.get_by_role("columnheader")).to_have_count(2)


def test_the_first_row_is_near_the_top(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(400, client)}")
    first = page.get_by_role("region", name="Rows").get_by_role("row").nth(1)
    for width, height, limit in ((1280, 900, 220), (360, 740, 740 - 32)):
        page.set_viewport_size({"width": width, "height": height})
        box = first.bounding_box()
        assert box is not None
        assert box["y"] <= limit, (width, box)


def test_a_wrong_filter_shows_no_rows(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(40, client)}?filters=amont+%3E+1")
    expect(page.get_by_role("alert")).to_contain_text("amont")
    expect(page.get_by_role("region", name="Rows")).to_have_count(0)
    expect(page.get_by_text("Download")).to_have_count(0)


def test_version_names_and_permissions_are_managed(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(10, client)
    other, user = server.new_user()
    page.goto(f"{server.url}/datasets/{dataset}?tab=overview")
    page.get_by_text("New version name").click()
    page.get_by_label("Name of the version shown").fill("main")
    page.get_by_role("button", name="Create name").click()
    expect(page.get_by_role("alert")).to_contain_text("already")
    page.get_by_label("Name of the version shown").fill("audited")
    page.get_by_role("button", name="Create name").click()
    expect(page.get_by_role("link", name="audited")).to_be_visible()
    page.get_by_role("button", name="Delete audited").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("link", name="audited")).to_have_count(0)
    assert other.get(f"/api/datasets/{dataset}").status_code == 404
    page.get_by_label("More").click()
    page.get_by_role("link", name="Access").click()
    page.get_by_label("User or group").fill(user["soeid"])
    page.get_by_role("button", name="Grant access").click()
    expect(page.get_by_role("cell", name=user["soeid"], exact=True)).to_be_visible()
    assert other.get(f"/api/datasets/{dataset}").json()["permission"] == "read"


def test_a_viewer_can_not_import(page: Page, server: LiveServer) -> None:
    dataset = server.new_table(10)
    _, user = server.new_user()
    given = {"user_soeid": user["soeid"], "permission": "read"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=given)
    sign_in(page, server.url, user["soeid"], f"/datasets/{dataset}")
    expect(page.get_by_role("link", name="Data", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Import")).to_have_count(0)
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    answer = page.goto(f"{server.url}/datasets/{dataset}/import")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()


def test_deleting_a_dataset_needs_its_name(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(10, client)
    name = client.get(f"/api/datasets/{dataset}").json()["name"]
    page.goto(f"{server.url}/datasets/{dataset}?tab=settings")
    page.get_by_role("button", name="Delete dataset").click()
    expect(page.get_by_role("button", name="Confirm")).to_be_disabled()
    page.get_by_label(f"Type {name}").fill(name)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(f"{server.url}/datasets")
    assert client.get(f"/api/datasets/{dataset}").status_code == 404


@pytest.mark.parametrize("name", ["filters", "filter"])
def test_column_heads_are_of_the_filtered_rows(
    analyst: Analyst, server: LiveServer, name: str
) -> None:
    page, client = analyst
    dataset = server.new_table(200, client)
    with page.expect_response("**/summaries?*") as summaries:
        page.goto(f"{server.url}/datasets/{dataset}?{name}=id < 20")
    assert {column["row_count"] for column in summaries.value.json()["columns"]} == {20}


def test_a_profile_shows_charts_and_hints(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_balanced_table(1200, client)
    page.goto(f"{server.url}/datasets/{dataset}")
    page.get_by_label("More").click()
    page.get_by_role("link", name="Profile").click()
    expect(page.get_by_role("img", name="Histogram of amount")).to_be_visible()
    expect(page.get_by_role("img", name="Most frequent values of region")).to_be_visible()
    page.get_by_text("Suggested design columns").click()
    expect(page.get_by_text("as groups:").first).to_be_visible()


def test_the_profile_of_many_columns_is_searched_and_paged(
    analyst: Analyst, server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_dataset(client)
    names = [f"amount_{place}" for place in range(60)]
    rows = "\n".join(",".join([str(1_999_999_999 + row)] * 60) for row in range(40))
    server.import_text(dataset, f"{','.join(names)}\n{rows}\n", client=client)
    page.goto(f"{server.url}/datasets/{dataset}?tab=profile")
    expect(page.get_by_text("being described for the first time")).to_be_visible()
    page.wait_for_url("**wait=true")  # loaded whole: links don't move any more
    expect(page.get_by_role("heading", level=2)).to_have_count(50)
    expect(page.get_by_text("1,999,999,999 to 2,000,000,038").first).to_be_visible()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("heading", level=2)).to_have_count(10)
    page.get_by_label("Column name").fill("_7")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", level=2)).to_have_text(["amount_7"])


def test_demo_data_are_offered_without_datasets(page: Page, server: LiveServer) -> None:
    _, viewer = server.new_user("viewer")
    sign_in(page, server.url, viewer["soeid"])
    expect(page.get_by_text("Datasets that you can access")).to_be_visible()
    expect(page.get_by_role("button", name="Import demo data")).to_have_count(0)
    client, analyst = server.new_user()
    sign_in(page, server.url, analyst["soeid"])
    page.get_by_role("button", name="Import demo data").click()
    expect(page.locator("#state")).to_have_text("completed", timeout=60_000)
    expect(page.get_by_role("cell", name="80,000")).to_be_visible()
    (made,) = client.get("/api/datasets").json()["datasets"]
    assert (made["name"], made["tags"], made["permission"]) == ("payables", ["demo"], "admin")
    found = server.admin.get("/api/admin/audit", params={"user_soeid": analyst["soeid"]}).json()
    actions = [one["action"] for one in found["entries"]]
    assert (actions.count("dataset_made"), actions.count("import_asked")) == (1, 1)
    page.goto(server.url)
    expect(page.get_by_role("button", name="Import demo data")).to_have_count(0)
    again = page.evaluate(POST_DEMO)
    assert again["status"] == 409
    assert "payables" in again["text"]
    uploads = server.service.directory.uploads_dir
    assert [path for path in uploads.iterdir() if path.name.startswith("incoming-")] == []


def test_a_viewer_can_not_import_the_demo_data(page: Page, server: LiveServer) -> None:
    _, viewer = server.new_user("viewer")
    sign_in(page, server.url, viewer["soeid"])
    assert page.evaluate(POST_DEMO)["status"] == 403


def test_changed_rows_of_two_versions_are_listed(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(400, client)
    lines = "\n".join(f"{row},Oslo,{row / 4}" for row in range(390))
    server.import_text(dataset, f"id,city,amount\n{lines}\n", client=client)
    page.goto(f"{server.url}/datasets/{dataset}?tab=history")
    page.get_by_role("link", name="What changed").first.click()
    expect(page.get_by_text("400 before, 390 now")).to_be_visible()
    expect(page.get_by_text("no longer in city Lima")).to_be_visible()
    columns = page.get_by_role("region", name="Columns compared")
    expect(columns.get_by_role("row", name="city")).to_contain_text("yes")
    expect(page.get_by_label("id", exact=True)).to_be_checked()
    page.get_by_role("button", name="List changed rows").click()
    rows = page.get_by_role("region", name="Changed rows")
    expect(rows.get_by_role("row").nth(1)).to_contain_text("Lima → Oslo")
    page.get_by_role("link", name="Removed 10").click()
    expect(rows.get_by_role("row")).to_have_count(11)
    with page.expect_download() as download:
        page.get_by_role("link", name="xlsx").click()
    assert download.value.suggested_filename.endswith(".xlsx")
