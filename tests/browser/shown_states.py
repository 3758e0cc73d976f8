"""The states of all pages for the accessibility tests."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.shown_world import World

Goto = Callable[[str], None]
State = Callable[[Page, World, Goto], object]


def row_key(page: Page, world: World, goto: Goto) -> None:
    """A key with its states; it is deleted again, so that other states have their row ids."""
    path = f"/api/datasets/{world.dataset}/row-key"
    assert world.server.admin.put(path, json={"columns": ["id"]}).status_code == 200
    goto(f"/datasets/{world.dataset}?tab=key")
    expect(page.get_by_role("region", name="State of the row key by version")).to_be_visible()
    assert world.server.admin.delete(path).status_code == 200


def at(path: str) -> State:
    """The page at a path, with ids of the world filled in."""
    return lambda page, world, goto: goto(path.format(w=world, j=world.jobs))


def job_that_is(status: str) -> State:
    """The page of a job with a fixed status."""

    def state(page: Page, world: World, goto: Goto) -> None:
        goto(f"/jobs/{world.jobs[status]}")
        expect(page.locator("#state")).to_have_text(status)

    return state


def two_tables(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.dataset}/changes?from=smpl-compared&from_table=primary")
    expect(page.locator("#comparing, #progress")).to_have_count(0)


def panel_with_preview(page: Page, world: World, goto: Goto) -> None:
    """A panel with two waves, and the preview of the third."""
    goto(f"/panels/{world.panel}?ref=main")
    expect(page.get_by_role("heading", name="Wave 3 of main")).to_be_visible()


def palette(page: Page, world: World, goto: Goto) -> None:
    goto("/datasets")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Command or search").fill("sal")
    expect(page.get_by_role("option", name="Dataset Sales")).to_be_visible()


def help_sheet(page: Page, world: World, goto: Goto) -> None:
    goto(f"/jobs/{world.jobs['draw']}")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def menu(page: Page, world: World, goto: Goto) -> None:
    goto("/")
    page.locator("summary").first.click()


def confirmation(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.dataset}?tab=settings")
    page.get_by_role("button", name="Delete dataset").click()


def draw_with_strata(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.dataset}/draw?job={world.jobs['draw']}")
    expect(page.get_by_role("region", name="Groups of step 1")).to_be_visible()
    for summary in page.locator("#draw summary").all():
        if summary.is_visible() and not summary.evaluate("s => s.parentElement.open"):
            summary.click()
    page.get_by_role("button", name="Add condition").first.click()


def draw_by_bands(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.dataset}/draw")
    page.get_by_role("radio", name="By group").check()
    page.get_by_label("Groups by").select_option("amount")
    page.get_by_label("In bands").check()
    expect(page.get_by_role("slider")).not_to_have_count(0)
    page.locator("summary", has_text="Suggest bands").click()
    page.get_by_role("button", name="Suggest bands").click()
    expect(page.get_by_text("rows: total ±")).to_be_visible()
    expect(page.locator("#plan[aria-busy]")).to_have_count(0)
    expect(page.get_by_role("region", name="Groups of step 1")).to_be_visible()


def draw_for_a_precision(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.dataset}/draw")
    page.get_by_role("radio", name="Equal probability").check()
    page.get_by_label("Size").select_option("For a margin of ±")
    page.get_by_label("Figure", exact=True).select_option("the mean")
    page.get_by_label("Column of the figure").select_option("amount")
    expect(page.get_by_role("img", name="Rows and margins")).to_be_visible()
    expect(page.locator("#plan[aria-busy]")).to_have_count(0)
    expect(page.get_by_text("rows will be drawn")).to_be_visible()


def draw_for_a_materiality(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.dataset}/draw")
    page.get_by_role("radio", name="Monetary units").check()
    page.get_by_label("Book amounts").select_option("amount")
    page.get_by_label("Size").select_option("For a tolerable misstatement of")
    # The table has few rows.
    page.get_by_label("Tolerable misstatement", exact=True).fill("50%")
    expect(page.get_by_text("upper limit")).to_be_visible()
    expect(page.get_by_text("Always drawn", exact=True)).to_be_visible()


def draw_with_an_error(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.dataset}/draw")
    page.get_by_label("Size").select_option("Rows or %")
    page.get_by_label("Rows", exact=True).fill("0")
    expect(page.locator("[aria-invalid=true]")).to_have_count(1)


def save_template(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.dataset}/draw?ref=main")
    expect(page.get_by_text("rows will be drawn")).to_be_visible()
    page.get_by_role("button", name="Save as template").click()


def preview(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.dataset}/import")
    table = {"name": "t.csv", "mimeType": "text/csv", "buffer": b"id,city\n1,\n2,Oslo\n"}
    page.get_by_label("File (drop").set_input_files(table)
    expect(page.get_by_role("region", name="First rows")).to_be_visible()


def unreadable(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.dataset}/import")
    table = {"name": "t.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n3\n"}
    page.get_by_label("File (drop").set_input_files(table)
    expect(page.get_by_role("alert")).to_be_visible()


def invited(page: Page, world: World, goto: Goto) -> None:
    goto("/admin/users")
    page.get_by_label("User name", exact=True).fill(f"guest.{time.time_ns()}")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    page.locator("summary", has_text="everyone").click()


def invited_by_address(page: Page, world: World, goto: Goto) -> None:
    goto("/admin/users")
    page.locator("summary", has_text="Invite by address").click()
    page.get_by_label("E-mail address").fill(f"guest.{time.time_ns()}@bank.example")
    page.get_by_role("button", name="Create link").click()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    expect(page.get_by_role("region", name="Invitations")).to_be_visible()


def invitation(page: Page, world: World, goto: Goto) -> None:
    body = {"address": f"guest.{time.time_ns()}@bank.example", "show_link": True}
    link = world.server.admin.post("/api/invitations", json=body).json()["link"]
    goto(link[link.index("/invitation") :])


def full_dataset(page: Page, world: World, goto: Goto) -> None:
    """A dataset whose quota is full; the quota is deleted again."""
    path = f"/api/datasets/{world.dataset}/quota"
    assert world.server.admin.put(path, json={"size_mb": 1}).status_code == 200
    goto(f"/datasets/{world.dataset}?tab=overview")
    expect(page.get_by_role("heading", name="Disk")).to_be_visible()
    assert world.server.admin.put(path, json={}).status_code == 200


def refused_form(page: Page, world: World, goto: Goto) -> None:
    goto("/admin/users")
    page.get_by_label("User name", exact=True).fill(world.admin)
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("alert")).to_be_visible()


def sql_result(page: Page, world: World, goto: Goto) -> None:
    query = "SELECT%20id%2C%20city%2C%20amount%2C%20remark%20FROM%20data"
    goto(f"/datasets/{world.dataset}/sql#sql={query}")
    expect(page.get_by_role("region", name="Rows of the result")).to_be_visible()
    page.get_by_role("button", name="Save query").click()


def wrong_sql(page: Page, world: World, goto: Goto) -> None:
    goto(f"/datasets/{world.crowded}/sql#sql=SELECT%201%2C%0A%20%20none%0AFROM%20data")
    expect(page.get_by_role("button", name="Go to line 2")).to_be_visible()


def finding_conflict(page: Page, world: World, goto: Goto) -> None:
    path = f"/api/sampling/jobs/{world.jobs['draw']}/findings"
    goto(f"/jobs/{world.jobs['draw']}?tab=findings")
    line = page.locator("#findings tr[data-row]").first
    row = line.get_attribute("data-row")
    theirs = {"row_id": row, "outcome": "ok", "note": f"seen {time.time_ns()}"}
    world.server.admin.post(path, json={"findings": [theirs]})
    line.get_by_label("Finding about").select_option("not_applicable")
    line.get_by_label("Note about").fill("seen, too")
    line.get_by_label("Note about").press("Enter")
    expect(page.locator("#findings .conflict")).to_be_visible()


def signed_out(page: Page, world: World, goto: Goto) -> None:
    goto("/account")
    page.context.clear_cookies()
    page.get_by_label("Name", exact=True).first.fill("nightly")
    page.get_by_role("button", name="Create token").click()
    expect(page.locator("#session-ended")).to_be_visible()


def prune(page: Page, world: World, goto: Goto) -> None:
    goto("/admin/storage")
    expect(page.get_by_role("region", name="What can go")).to_contain_text("expired")


def wrong_password(page: Page, world: World, goto: Goto) -> None:
    page.context.clear_cookies()
    goto("/sign-in")
    page.get_by_label("User name", exact=True).fill(world.newcomer)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def choose_password(page: Page, world: World, goto: Goto) -> None:
    users = world.server.admin.get("/api/users").json()["users"]
    (number,) = (user["id"] for user in users if user["soeid"] == world.newcomer)
    link = world.server.admin.post(f"/api/users/{number}/sign-in-link").json()["link"]
    goto(link[link.index("/sign-in") :])


ADMIN_STATES: dict[str, State] = {
    "home": at("/"),
    "datasets": at("/datasets"),
    "no dataset passes": at("/datasets?q=nothing"),
    "new dataset": at("/datasets/new"),
    "dataset": at("/datasets/{w.dataset}"),
    "rows": at("/datasets/{w.dataset}?tab=data&order_by=amount&columns=id&columns=amount"),
    "no row passes": at("/datasets/{w.dataset}?tab=data&filters=id+%3C+0"),
    "a filter that can't be": at("/datasets/{w.dataset}?tab=data&filters=no+such"),
    "profile": at("/datasets/{w.dataset}?tab=profile"),
    "SQL": at("/datasets/{w.dataset}/sql"),
    "SQL of further tables": at("/datasets/{w.dataset}/sql?ref=smpl-compared&with=findings"),
    "SQL result": sql_result,
    "wrong SQL": wrong_sql,
    "ledger": at("/datasets/{w.dataset}?tab=ledger"),
    "certificate": at("/jobs/{j[draw]}?tab=certificate"),
    "no registered plans": at("/datasets/{w.dataset}/plans"),
    "history": at("/datasets/{w.dataset}?tab=history"),
    "no panels": at("/datasets/{w.empty}?tab=panels"),
    "new panel": at("/datasets/{w.dataset}?tab=panels"),
    "panel": panel_with_preview,
    "proposed row key": at("/datasets/{w.dataset}?tab=key"),
    "row key": row_key,
    "proposed data contract": at("/datasets/{w.dataset}?tab=contract"),
    "two tables": two_tables,
    "no such version": at("/datasets/{w.dataset}/changes?from=nothing"),
    "draws": at("/datasets/{w.dataset}?tab=draws"),
    "access": at("/datasets/{w.dataset}?tab=access"),
    "settings": at("/datasets/{w.dataset}?tab=settings"),
    "confirmation": confirmation,
    "empty dataset": at("/datasets/{w.empty}"),
    "no draws": at("/datasets/{w.empty}?tab=draws"),
    "nothing to draw from": at("/datasets/{w.empty}/draw"),
    "crowded dataset": at("/datasets/{w.crowded}"),
    "wide rows": at("/datasets/{w.crowded}?tab=data"),
    "import": at("/datasets/{w.dataset}/import"),
    "preview": preview,
    "unreadable file": unreadable,
    "draw": draw_with_strata,
    "draw by bands": draw_by_bands,
    "draw for a precision": draw_for_a_precision,
    "draw for a materiality": draw_for_a_materiality,
    "draw with an error": draw_with_an_error,
    "save as a template": save_template,
    "bin": at("/bin"),
    "jobs": at("/jobs"),
    "no job passes": at("/jobs?status=failed&run_type=sampling"),
    "filters that can't be": at("/jobs?dataset_id=flights"),
    "a draw": at("/jobs/{j[draw]}"),
    "drawn rows": at("/jobs/{j[draw]}?tab=rows"),
    "drawn rows by key": at("/jobs/{j[draw]}?tab=rows&as_of=main&key=id"),
    "drawn rows without a key": at("/jobs/{j[draw]}?tab=rows&as_of=main"),
    "residual": at("/jobs/{j[draw]}?tab=residual"),
    "reserves": at("/jobs/{j[draw]}?tab=reserves"),
    "estimates": at(
        "/jobs/{j[draw]}?tab=estimates&statistic=total&column=amount&by=city"
        "&calibrate=poststratify&known=city&true_values=1&goal=2%25"
    ),
    "back-test": at("/jobs/{j[draw]}?tab=estimates&view=backtest"),
    "weights": at("/jobs/{j[draw]}?tab=estimates&view=weights&replicates=bootstrap"),
    "values from a file": at("/jobs/{j[draw]}?tab=estimates&view=values"),
    "contrast": at("/jobs/{j[draw]}?tab=estimates&statistic=mean&column=amount&contrast_column=id"),
    "change": at("/jobs/{j[draw]}?tab=change&with_job={j[draw]}&statistic=mean&column=amount"),
    "a model": at(
        "/jobs/{j[draw]}?tab=model&truth=city&positive=Oslo&flagged=amount&threshold=50&by=city"
    ),
    "a model to choose": at("/jobs/{j[draw]}?tab=model"),
    "findings": at("/jobs/{j[draw]}?tab=findings"),
    "a finding in conflict": finding_conflict,
    "evaluation": at("/jobs/{j[draw]}?tab=evaluation"),
    "several samples": at("/evaluate-together?jobs={j[draw]}"),
    "working paper": at("/jobs/{j[draw]}?tab=paper"),
    "why": at("/jobs/{j[draw]}?tab=why&row=primary:5"),
    "rows with a value": at("/jobs/{j[draw]}?tab=why&column=city&value=Oslo"),
    "why of no row": at("/jobs/{j[draw]}?tab=why&value=nothing"),
    "compared": at("/jobs/{j[draw]}?tab=comparison"),
    "request": at("/jobs/{j[draw]}?tab=request"),
    "log": at("/jobs/{j[draw]}?tab=log"),
    "an import": at("/jobs/{j[import]}"),
    "a profile": at("/jobs/{j[profile]}"),
    "row proofs": at("/jobs/{j[row proofs]}"),
    "a report": at("/jobs/{j[report]}"),
    "a report's own page": at("/api/exploration/jobs/{j[report]}/result?format=html"),
    "a row diff": at("/jobs/{j[row diff]}"),
    "a query": at("/jobs/{j[query]}"),
    "a query's rows": at("/jobs/{j[query]}?tab=result"),
    "a failed job": at("/jobs/{j[failed]}"),
    "a job that waits": job_that_is("pending"),
    "a job that runs": job_that_is("running"),
    "account": at("/account"),
    "users": at("/admin/users"),
    "tokens": at("/admin/tokens"),
    "an invited user": invited,
    "an invited address": invited_by_address,
    "a quota": full_dataset,
    "an invitation for a user": invitation,
    "jobs to resolve": at("/jobs?unresolved=true&did=dismiss&done=1&refused=1"),
    "a form that is refused": refused_form,
    "storage": at("/admin/storage"),
    "internals": at("/admin/internals"),
    "paper template": at("/admin/papers"),
    "connections": at("/admin/connections"),
    "what a prune would remove": prune,
    "audit": at("/admin/audit?limit=8"),
    "nothing at this address": at("/nowhere"),
    "no such job": at("/jobs/none"),
    "palette": palette,
    "help sheet": help_sheet,
    "menu": menu,
}
VISITOR_STATES: dict[str, State] = {
    "sign-in": at("/sign-in"),
    "wrong password": wrong_password,
    "choose a password": choose_password,
    "a link that has ended": at("/sign-in?code=ended"),
    "an invitation": invitation,
    "an invitation that has ended": at("/invitation?code=ended"),
    "nothing at this address": at("/nowhere"),
}
VIEWER_STATES: dict[str, State] = {
    "home": at("/"),
    "dataset": at("/datasets/{w.dataset}"),
    "jobs": at("/jobs"),
    "not allowed": at("/admin/users"),
    "signed out meanwhile": signed_out,
}
SIMILAR = frozenset(
    {
        *("no dataset passes", "no row passes", "a filter that can't be", "no registered plans"),
        *("no such version", "confirmation", "empty dataset", "no draws", "nothing to draw from"),
        *("wide rows", "unreadable file", "draw for a precision", "draw for a materiality"),
        *("draw with an error", "save as a template", "no job passes", "filters that can't be"),
        *("residual", "reserves", "values from a file", "rows with a value", "why of no row"),
        *("row proofs", "a row diff", "a query", "a job that waits", "jobs to resolve"),
        *("what a prune would remove", "no such job", "a form that is refused", "access"),
        *("an import", "history", "tokens", "wrong password", "a link that has ended"),
    }
)
"""States whose elements other states show, so that axe-core checks them in nightly runs alone."""
