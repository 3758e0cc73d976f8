"""The pages that create a connection and attach files of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Page, expect

from service.settings import Settings
from tests.browser.axe import violations
from tests.browser.conftest import sign_in
from tests.support.lake_tables import delete_by_vector, delta_sales
from tests.support.live_server import LiveServer, live_server


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake") / "region=AT"
    folder.mkdir()
    with duckdb.connect() as connection:
        for name, start in (("a", 0), ("b", 300)):
            connection.execute(
                f"COPY (SELECT range AS id, 'x' AS word FROM range({start}, {start + 300})) "
                f"TO '{folder}/{name}.parquet' (FORMAT parquet)"
            )
    return folder


@pytest.fixture(scope="module")
def lake_server(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        memory_mb=256,
        connection_prefixes=f"file://{lake.parent}/",  # only folders below it state columns
    )
    with live_server(settings) as live:
        yield live


def test_connection_is_created_and_files_are_attached(
    page: Page, lake: Path, lake_server: LiveServer
) -> None:
    _, user = lake_server.new_user("admin")
    sign_in(page, lake_server.url, user["soeid"], "/admin/connections")
    expect(page.get_by_text("No connections.")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("lake")
    page.get_by_label("Can be used by").fill("everyone")
    page.get_by_role("button", name="Create connection").click()
    row = page.get_by_role("region", name="Connections").get_by_role("row", name="lake")
    expect(row.get_by_role("textbox")).to_have_value("everyone")
    assert violations(page) == []

    dataset = lake_server.new_dataset()
    page.goto(f"{lake_server.url}/datasets/{dataset}/import")
    page.get_by_text("Attach files that stay where they are").click()
    uris = page.get_by_label("Files, folders or patterns")
    expect(uris).to_have_value(f"file://{lake.parent}/")
    uris.fill("file:///etc/passwd")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_contain_text("isn't under the prefix")
    attach = page.get_by_role("button", name="Attach files")
    expect(attach).to_be_disabled()
    uris.fill(f"file://{lake}/")
    page.get_by_role("button", name="Preview").click()
    files = page.get_by_role("region", name="Files")
    expect(files.get_by_role("row")).to_have_count(3)
    expect(page.locator("#attached")).to_contain_text("600")
    expect(page.locator("#attached .notes")).to_contain_text("in names of folders: region")
    assert violations(page) == []
    page.get_by_label("Read the files whole").check()
    expect(attach).to_be_enabled()
    attach.click()
    expect(page.get_by_role("region", name="Import")).to_contain_text("600 rows and 3 columns")
    expect(page.get_by_role("region", name="Import")).to_contain_text("attached from")

    page.goto(f"{lake_server.url}/datasets/{dataset}?tab=overview")
    listed = page.get_by_role("region", name="Attached files")
    expect(listed.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("main")).to_contain_text("statistics of the attached files: read")
    page.go_back()

    (lake / "b.parquet").unlink()
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("b.parquet doesn't exist any more")


def test_version_of_a_delta_table_is_previewed_and_attached(
    page: Page, lake: Path, lake_server: LiveServer
) -> None:
    table = lake / "sales"
    delta_sales(table, files=3, rows=100, partition_by=["region"])
    delete_by_vector(table, 0.1)
    _, user = lake_server.new_user("admin")
    lake_server.admin.post("/api/connections", json={"name": "delta", "prefix": f"file://{lake}/"})
    dataset = lake_server.new_dataset()
    sign_in(page, lake_server.url, user["soeid"], f"/datasets/{dataset}/import?attach=1")
    page.get_by_label("Connection", exact=True).select_option("delta")
    version = page.get_by_label("Version of the table")
    expect(version).to_be_hidden()
    page.get_by_label("Format").select_option("Delta table")
    version.fill("1")
    page.get_by_role("textbox", name="Files, folders").fill(f"file://{table}/")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#attached")).to_contain_text("200")
    expect(page.locator("#attached")).to_contain_text("Version")
    assert violations(page) == []
    page.screenshot(path="/tmp/lake-preview.png", full_page=True)
    page.get_by_role("button", name="Attach files").click()
    expect(page.get_by_role("region", name="Import")).to_contain_text("200 rows and 5 columns")

    page.goto(f"{lake_server.url}/datasets/{dataset}?tab=overview")
    expect(page.get_by_role("main")).to_contain_text("Version 1 of the Delta table")
    assert violations(page) == []
    page.screenshot(path="/tmp/lake-overview.png", full_page=True)
    page.get_by_role("link", name="Attach the newer version 3").click()
    expect(page.get_by_role("textbox", name="Files, folders")).to_have_value(f"file://{table}/")
    expect(page.get_by_label("Version of the table")).to_have_value("3")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#attached")).to_contain_text("Deleted rows")
    page.get_by_role("button", name="Attach files").click()
    expect(page.get_by_role("region", name="Import")).to_contain_text("rows and 5 columns")
