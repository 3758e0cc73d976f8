"""The import form: preview and upload."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser.conftest import sign_in
from tests.browser.messy_files import ambiguous_dates, german_ledger, titled_workbook
from tests.browser.watching import watch_of
from tests.support.live_server import LiveServer

DROPPED = """() => {
  const dropped = new DataTransfer();
  dropped.items.add(new File(["a\\n1\\n"], "Ledger 2025.csv"));
  return dropped;
}"""
Analyst = tuple[Page, httpx.Client]


def file(content: str, name: str = "table.csv") -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": content.encode()}


@pytest.fixture
def importing(analyst: Analyst, server: LiveServer) -> Page:
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_dataset(client)}/import")
    return page


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (file(""), "The file is empty."),
        (file("x", "letter.docx"), "is unknown"),
        (file("a,b\n1,2\n3\n"), "Line 3"),
        (file("a,b\n1\n" + "1,2\n" * 200_000), "Line 2"),
    ],
    ids=["empty", "ending", "ragged", "ragged at its beginning"],
)
def test_a_refused_file_can_be_replaced(importing: Page, refused: FilePayload, why: str) -> None:
    send = importing.get_by_role("button", name="Import file")
    importing.get_by_label("File (drop it here").set_input_files(refused)
    expect(importing.get_by_role("alert")).to_contain_text(why)
    expect(send).to_be_disabled()
    importing.get_by_label("File (drop it here").set_input_files(file("a,b\n1,2\n"))
    expect(importing.get_by_text("2 columns, 1 row.")).to_be_visible()
    send.click()
    expect(importing.get_by_role("region", name="Import")).to_contain_text("1 row and 2 columns")


def test_a_file_without_a_preview_can_be_imported(importing: Page) -> None:
    def too_slow(route: Route) -> None:
        problem = {"detail": "Reading takes more than a moment.", "code": "preview_too_slow"}
        route.fulfill(status=422, json={**problem, "errors": []})

    importing.route("**/preview", too_slow)
    importing.get_by_label("File (drop it here").set_input_files(file("a,b\n1,2\n"))
    expect(importing.get_by_role("alert")).to_contain_text("more than a moment")
    expect(importing.get_by_role("button", name="Import file")).to_be_enabled()


def test_a_partial_preview_shows_no_type_for_empty_columns(
    importing: Page,
) -> None:
    content = f"id,text\n1,{'x' * 600_000}\n,{'y' * 70_000}\n"
    importing.get_by_label("File (drop it here").set_input_files(file(content))
    region = importing.get_by_role("region", name="First rows of primary")
    expect(region.get_by_role("columnheader", name="id, no value")).to_be_visible()
    expect(importing.get_by_text("determine the type of an empty column")).to_be_visible()
    expect(importing.get_by_role("button", name="Import file")).to_be_enabled()


@pytest.fixture
def new_dataset(analyst: Analyst, server: LiveServer) -> Analyst:
    """The form for a new dataset, with a name."""
    page, client = analyst
    page.goto(f"{server.url}/datasets/new")
    page.get_by_label("Name").fill("Sales")
    return page, client


def names(client: httpx.Client) -> list[str]:
    return [one["name"] for one in client.get("/api/datasets").json()["datasets"]]


def test_no_dataset_is_left_after_a_failed_upload(new_dataset: Analyst) -> None:
    page, client = new_dataset
    make = page.get_by_role("button", name="Import file")
    page.get_by_label("File (drop it here").set_input_files(file(""))
    expect(page.get_by_role("alert")).to_contain_text("The file is empty.")
    expect(make).to_be_disabled()
    page.get_by_label("File (drop it here").set_input_files(file("a,b\n1,2\n"))
    expect(page.get_by_role("region", name="First rows of primary")).to_be_visible()
    problem = {"status": 503, "detail": "The disk is full."}
    page.route("**/import", lambda route: route.fulfill(status=503, json=problem))
    make.click()
    expect(page.get_by_role("alert")).to_contain_text("The disk is full.")
    assert names(client) == []
    page.unroute_all()
    make.click()
    expect(page.get_by_role("region", name="Import")).to_contain_text("1 row and 2 columns")
    assert names(client) == ["Sales"]


def test_a_dataset_stays_with_its_failed_import(new_dataset: Analyst) -> None:
    page, client = new_dataset
    make = page.get_by_role("button", name="Import file")
    rows = "1,2\n" * 200_000
    page.get_by_label("File (drop it here").set_input_files(file(f"a,b\n{rows}3\n{rows}"))
    expect(make).to_be_enabled()
    make.click()
    expect(page.get_by_role("alert")).to_contain_text("Line 200002: expected 2 values")
    assert names(client) == ["Sales"]
    page.get_by_label("Name", exact=True).fill("Sales 2")
    page.get_by_label("File (drop it here").set_input_files(file("a,b\n1,2\n"))
    expect(page.get_by_text("2 columns, 1 row.")).to_be_visible()
    make.click()
    expect(page.get_by_role("region", name="Import")).to_contain_text("1 row and 2 columns")
    assert names(client) == ["Sales 2"]


def test_an_empty_dataset_is_created(new_dataset: Analyst, server: LiveServer) -> None:
    page, client = new_dataset
    page.get_by_label("Name").fill("")
    page.get_by_role("button", name="Create empty dataset").click()
    page.get_by_label("Name").fill("  ")
    page.get_by_role("button", name="Create empty dataset").click()
    expect(page.get_by_role("alert")).to_have_text("Missing data for required field.")
    assert names(client) == []
    page.get_by_label("Name").fill("Sales")
    page.get_by_role("button", name="Create empty dataset").click()
    expect(page.get_by_role("heading", level=1, name="Sales")).to_be_visible()
    assert names(client) == ["Sales"]
    page.goto(f"{server.url}/datasets/new")
    page.get_by_label("Name").fill("sales")
    page.get_by_role("button", name="Create empty dataset").click()
    expect(page.get_by_role("alert")).to_contain_text('You have a dataset named "sales" already.')


@pytest.mark.parametrize("button", ["Create empty dataset", "Import file"])
def test_a_dataset_is_created_after_a_connection_error(new_dataset: Analyst, button: str) -> None:
    page, client = new_dataset
    page.get_by_label("Name").fill("Sales")
    page.locator("#file").set_input_files(file("a\n1\n"))
    make = page.get_by_role("button", name=button)
    expect(make).to_be_enabled()
    with watch_of(page).expect("net::ERR_CONNECTION_REFUSED"):
        page.route("**/api/datasets", lambda route: route.abort("connectionrefused"), times=1)
        make.click()
        expect(page.get_by_text("The server does not respond. Is it running?")).to_be_visible()
    make.click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("New dataset")
    assert names(client) == ["Sales"]


def test_a_file_dropped_at_home_lands_on_its_rows(analyst: Analyst) -> None:
    """The dataset takes the file's name; a second one is numbered."""
    page, client = analyst
    for name in ("Ledger 2025", "Ledger 2025 2"):
        page.goto(page.url.split("/datasets")[0])
        dropped = page.evaluate_handle(DROPPED)
        page.dispatch_event("body", "drop", {"dataTransfer": dropped})
        expect(page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()
        expect(page.get_by_role("region", name="Import")).to_contain_text("1 row and 1 column")
    assert sorted(names(client)) == ["Ledger 2025", "Ledger 2025 2"]
    page.get_by_role("link", name="Dismiss").click()
    expect(page.get_by_role("region", name="Rows")).to_be_visible()
    expect(page.get_by_role("region", name="Import")).to_have_count(0)


def test_a_column_is_renamed_and_rows_are_skipped(importing: Page) -> None:
    content = "id;when\n1;x\n2;y\nchecked by A;\n"
    importing.get_by_label("File (drop it here").set_input_files(file(content))
    expect(importing.get_by_label("Delimiter")).to_contain_text("Detected: semicolon")
    importing.get_by_label("Name of when").fill("day")
    importing.get_by_label("Skip rows below").fill("2")
    importing.get_by_label("Skip rows below").press("Tab")
    expect(importing.get_by_text("2 columns, 1 row.")).to_be_visible()
    expect(importing.get_by_label("Delimiter")).to_be_focused()
    importing.get_by_role("button", name="Import file").click()
    rows = importing.get_by_role("region", name="Rows")
    expect(rows.get_by_role("columnheader")).to_have_count(2)
    expect(rows.get_by_role("columnheader", name="day")).to_be_visible()
    expect(rows.get_by_role("row")).to_have_count(2)


def test_rows_with_equal_keys_are_numbered(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    number = server.new_dataset(client)
    page.goto(f"{server.url}/datasets/{number}/import")
    page.get_by_label("File (drop it here").set_input_files(file("doc,amount\n1,5\n1,7\n2,9\n"))
    page.get_by_label("Row key").fill("doc")
    page.get_by_text("Details", exact=True).click()
    page.get_by_label("Number rows with equal keys").check()
    page.get_by_role("button", name="Import file").click()
    expect(page.get_by_role("region", name="Import")).to_contain_text("3 rows and 2 columns")
    declared = client.get(f"/api/datasets/{number}/row-key").json()
    assert (declared["columns"], declared["duplicates"]) == (["doc"], "number")


def test_a_german_ledger_is_imported_as_it_is(analyst: Analyst) -> None:
    """One action: the file. The page shows what was read and left out, with control totals."""
    page, _ = analyst
    page.get_by_label("Drop a file").set_input_files(german_ledger(100))
    summary = page.get_by_role("region", name="Import")
    expect(summary).to_contain_text("100 rows and 4 columns")
    totals = summary.get_by_role("row").filter(has_text="Betrag")
    expect(totals.get_by_role("cell")).to_have_text(["52,475.00", "78,787.50", "-26,312.50"])
    expect(summary).to_contain_text("Summe;;;123.456,00 €")
    first = page.get_by_role("region", name="Rows").get_by_role("row").nth(1)
    expect(first.get_by_role("cell")).to_have_text(["00001", "2024-03-02", "Müller", "1,001.50"])


def test_dates_that_may_be_read_in_two_ways_are_asked_about(analyst: Analyst) -> None:
    page, _ = analyst
    page.get_by_label("Drop a file").set_input_files(ambiguous_dates())
    expect(page.get_by_role("group", name="01/02/2025")).to_be_visible()
    page.get_by_label("month/day/year").check()
    rows = page.get_by_role("region", name="First rows of primary")
    expect(rows.get_by_role("cell", name="2025-01-02")).to_be_visible()
    page.get_by_role("button", name="Import file").click()
    rows = page.get_by_role("region", name="Rows")
    expect(rows.get_by_role("row").nth(1).get_by_role("cell")).to_have_text(
        ["1", "2025-01-02", "-1,234.50"]
    )


def test_a_workbook_with_titles_and_totals_is_imported_as_it_is(
    analyst: Analyst, server: LiveServer
) -> None:
    """Four actions: the page, the file, the sheet, the button."""
    page, _ = analyst
    page.goto(f"{server.url}/datasets/new")
    page.get_by_label("File (drop it here").set_input_files(titled_workbook(40))
    page.get_by_label("Sheet").select_option("Sales")
    expect(page.get_by_text("3 columns, 40 rows.")).to_be_visible()
    page.get_by_role("button", name="Import file").click()
    summary = page.get_by_role("region", name="Import")
    expect(summary).to_contain_text("40 rows and 3 columns imported from Quarter 3.xlsx.")
    expect(summary).to_contain_text("Sales of the third quarter")
    expect(summary.get_by_role("row").nth(1).get_by_role("cell")).to_have_text(["790", "790", "0"])
    first = page.get_by_role("region", name="Rows").get_by_role("row").nth(1)
    expect(first.get_by_role("cell")).to_have_text(["000000", "Customer 0", "0.25"])


def test_a_type_that_values_do_not_fit_is_a_problem(importing: Page) -> None:
    importing.get_by_label("File (drop it here").set_input_files(file("id,name\n1,Ann\n2,Bob\n"))
    importing.get_by_label("Type of name").select_option("Date")
    problem = importing.get_by_role("alert")
    expect(problem).to_contain_text('values that don\'t fit “Date”, for example "Ann"')
    importing.get_by_label("Type of name").select_option("Detect")
    expect(problem).to_have_count(0)
    importing.get_by_label("Type of id").select_option("Text")
    rows = importing.get_by_role("region", name="First rows of primary")
    expect(rows.get_by_role("columnheader", name="id, Text")).to_be_visible()


def test_totals_are_asked_about_and_a_balance_is_compared(importing: Page) -> None:
    content = "id,name,amount\n1,a,5.5\n2,b,7\n,Sum a and b,12.5\n3,c,1\n,Total,13.6\n"
    importing.get_by_label("File (drop it here").set_input_files(file(content))
    expect(importing.get_by_text("13.60 differs from 13.50, the sum")).to_be_visible()
    importing.get_by_label("Leave them out").check()
    expect(importing.get_by_text("3 columns, 3 rows.")).to_be_visible()
    importing.get_by_role("button", name="Import file").click()
    importing.get_by_role("link", name="Compare with the general ledger").click()
    form = importing.get_by_role("form", name="Balance of the general ledger")
    form.get_by_label("Column").select_option("amount")
    form.get_by_label("Balance").fill("13,60")
    form.get_by_label("Reference").fill("GL account 1600")
    form.get_by_role("button", name="Compare").click()
    ledger = importing.get_by_role("region", name="General ledger")
    expect(ledger).to_contain_text("the sum 13.50 differs from the balance 13.60 (GL account 1600)")


def test_a_phone_shows_notes_and_control_totals_without_scrolling_sideways(
    page: Page, server: LiveServer
) -> None:
    client, user = server.new_user()
    dataset = server.new_dataset(client)
    lines = [f"A{row},{row * 12345.67:.2f}" for row in range(300)]
    content = "\n".join(["invoice_with_a_long_name,amount", *lines]) + "\n"
    job = server.import_text(dataset, content, client=client)
    page.set_viewport_size({"width": 380, "height": 800})
    sign_in(page, server.url, user["soeid"], f"/jobs/{job['id']}")
    for name in ("Tables", "Control totals of primary"):
        region = page.get_by_role("region", name=name)
        expect(region).to_be_visible()
        assert region.evaluate("one => one.scrollWidth <= one.clientWidth"), name
