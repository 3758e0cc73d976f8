"""An engagement of three people: from two messy files to sealed papers.

A preparer imports, tests, draws and examines; a reviewer signs off; a partner approves, issues and
seals. Each figure of an evaluation is compared with one that this module computes from the files
and the exported rows alone, without the product's code.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from playwright.sync_api import Browser, FilePayload, Page, expect
from scipy import stats

from lazy_dataclasses import dataclass
from tests.browser.conftest import OpenPage, sign_in
from tests.browser.test_audit_file import CENT, entry_list, evidence, german, shown, verdicts
from tests.support.live_server import LiveServer

CLIENT = "Weiß & Söhne GmbH"
TEAM = {"preparer": "Anna Arnold", "reviewer": "Ben Okafor", "partner": "Carla Rossi"}
INVOICES, PAIRS = 240, 12
"""Payables: the invoices, of which so many were posted twice."""
CUSTOMERS = 300
SUPPLIERS = ("Müller GmbH", "Papier Öhler", "Kröger KG", "Nordlicht AG", "Spedition Weiß")
TWICE, UNITS, CONTROLS = "dubletten", "forderungen", "kontrollen"
"""The samples: of rows posted twice, of receivables by monetary units, of controls."""
DOUBLES_DRAWN, CONTROLS_DRAWN = 10, 45
MATERIALITY = 60_000
ATTRIBUTES = ("freigegeben", "Bestellung liegt vor")
RETURNED = "Beleg der ersten Zeile fehlt"


@dataclass(frozen=True)
class Row:
    """A line of a file."""

    document: str
    text: tuple[str, ...]
    amount: Decimal


def payables() -> list[Row]:
    """Invoices of suppliers; the last of them were posted a second time."""
    chance = random.Random(7)
    rows = []
    for at in range(INVOICES):
        place = at if at < INVOICES - PAIRS else (at - INVOICES + PAIRS) * 17
        amount = Decimal(chance.randrange(90_000, 110_000)) / 100
        if at >= INVOICES - PAIRS:
            amount = rows[place].amount
        supplier, number = SUPPLIERS[place % len(SUPPLIERS)], f"RE-{7000 + place}"
        rows.append(Row(f"K{at + 1:05d}", (supplier, number), amount))
    return rows


def receivables() -> list[Row]:
    """Open items of customers, few of them large, with some credits."""
    chance = random.Random(2025)
    rows = []
    for at in range(CUSTOMERS):
        amount = Decimal(f"{chance.lognormvariate(6.9, 1.2):.2f}")
        amount = (-amount / 4).quantize(CENT) if at % 47 == 46 else amount
        rows.append(Row(f"D{at + 1:05d}", (f"Kunde {at % 40:02d}",), amount))
    return rows


def payables_file(rows: Sequence[Row]) -> FilePayload:
    """A CSV file in Windows-1252 with a title, two subtotals and a total."""
    lines = [f"{CLIENT} – Kreditoren zum 31.12.2025;;;;", ";;;;"]
    lines.append("Beleg;Datum;Lieferant;Rechnung;Betrag")
    half = len(rows) // 2
    for part in (rows[:half], rows[half:]):
        for at, row in enumerate(part):
            day = f"{1 + at % 28:02d}.{1 + at % 12:02d}.2025"
            lines.append(f"{row.document};{day};{';'.join(row.text)};{german(row.amount)} €")
        lines.append(f"Zwischensumme;;;;{german(total(part))} €")
    lines.append(f"Gesamtsumme;;;;{german(total(rows))} €")
    content = "\r\n".join(lines).encode("cp1252")
    return {"name": "Kreditoren.csv", "mimeType": "text/csv", "buffer": content}


def receivables_file(rows: Sequence[Row]) -> FilePayload:
    """A workbook with titles above the table, a total below it, and a sheet of notes."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Offene Posten")
        sheet.write("A1", f"{CLIENT}, offene Posten der Debitoren")
        sheet.write_row(2, 0, ("Beleg", "Kunde", "Saldo"))
        for at, row in enumerate(rows, start=3):
            sheet.write_row(at, 0, (row.document, *row.text, float(row.amount)))
        sheet.write_row(3 + len(rows), 0, ("Summe", "", float(total(rows))))
        book.add_worksheet("Hinweise").write("A1", "Stand 31.12.2025")
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return {"name": "Debitoren.xlsx", "mimeType": kind, "buffer": content.getvalue()}


def total(rows: Sequence[Row]) -> Decimal:
    return sum((row.amount for row in rows), Decimal())


class Engagement:
    """The pages of the three people, and where the engagement and its samples are."""

    def __init__(self, server: LiveServer, open_page: OpenPage) -> None:
        self.url = server.url
        self.pages: dict[str, Page] = {}
        self.users: dict[str, str] = {}
        for role in TEAM:
            self.pages[role], user = open_page(), server.new_user()[1]
            self.users[role] = user["soeid"]
            sign_in(self.pages[role], server.url, user["soeid"])
        self.preparer, self.reviewer, self.partner = self.pages.values()
        self.path = ""
        self.datasets: dict[str, int] = {}
        self.samples: dict[str, str] = {}

    def open(self, role: str, path: str) -> Page:
        page = self.pages[role]
        page.goto(f"{self.url}{path}")
        return page

    def tab(self, role: str, sample: str, tab: str) -> Page:
        return self.open(role, f"/jobs/{self.samples[sample]}?tab={tab}")

    def waits(self, role: str, *texts: str) -> None:
        """Compare all that the start page says waits for a person."""
        page = self.open(role, "/")
        inbox = page.get_by_role("region", name="What waits for me")
        expect(inbox.get_by_role("link")).to_have_text(sorted(texts, key=texts.index))
        if not texts:
            expect(inbox).to_contain_text("Nothing waits for you.")

    def answer(self, role: str, path: str) -> Any:
        found = self.pages[role].context.request.get(f"{self.url}/api{path}")
        assert found.status == 200, found.text()
        return found.json()


def create(scene: Engagement) -> None:
    """Create the engagement with its facts, and name the team by full names and roles."""
    page = scene.open("preparer", "/engagements")
    form = page.get_by_role("form", name="New engagement")
    form.get_by_label("Client").fill(CLIENT)
    form.get_by_label("First day").fill("2025-01-01")
    form.get_by_label("Last day").fill("2025-12-31")
    form.get_by_label("Number").fill("E-2025/7")
    form.get_by_role("button", name="Create engagement").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(CLIENT)
    scene.path = page.url.removeprefix(scene.url)
    for role, name in TEAM.items():
        form = page.get_by_role("form", name="Add member")
        form.get_by_label("User").fill(scene.users[role])
        form.get_by_label("Full name").fill(name)
        form.get_by_label("Role").select_option(role)
        form.get_by_role("button", name="Add member").click()
        line = page.get_by_role("region", name="Members").get_by_role("row").filter(has_text=name)
        expect(line).to_contain_text(role.capitalize())
    for role in TEAM:
        scene.waits(role)


def import_file(scene: Engagement, name: str, content: FilePayload, rows: Sequence[Row]) -> None:
    """Import a file without its totals as a dataset, and add it to the engagement."""
    page = scene.open("preparer", "/datasets/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Row key").fill("Beleg")
    page.get_by_label("File (drop it here").set_input_files(content)
    expect(page.get_by_text(f"the file's total {shown(total(rows))} agrees")).to_be_visible()
    leave_out = page.get_by_label("Leave them out")
    if leave_out.count():
        leave_out.check()
    expect(page.get_by_text(f"columns, {len(rows)} rows.")).to_be_visible()
    page.get_by_role("button", name="Import file").click()
    link = page.get_by_role("link", name="Draw sample")
    found = re.search(r"/datasets/(\d+)", link.get_attribute("href") or "")
    assert found is not None
    scene.datasets[name] = int(found[1])
    page = scene.open("preparer", scene.path)
    form = page.get_by_role("form", name="Add dataset")
    form.get_by_label("Dataset").select_option(name)
    form.get_by_role("button", name="Add dataset").click()
    datasets = page.get_by_role("region", name="Datasets")
    expect(datasets.get_by_role("link", name=name)).to_be_visible()


def drawn(scene: Engagement, page: Page, name: str, purpose: str, seed: int, shown: str) -> None:
    """Name a sample and draw it; it joins the engagement."""
    page.get_by_text("More options").click()
    page.get_by_label("Seed").fill(str(seed))
    page.locator("#output_name").fill(name)
    page.get_by_label("Purpose").fill(purpose)
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text(shown)).to_be_visible()
    scene.samples[name] = page.url.rpartition("/")[2]


def draw_doubles(scene: Engagement, rows: Sequence[Row]) -> None:
    """Find the invoices that were posted twice, and draw from these rows alone."""
    dataset = scene.datasets["Kreditoren"]
    page = scene.open("preparer", f"/datasets/{dataset}?tab=tests")
    page.get_by_role("link", name="Duplicates", exact=True).click()
    columns = page.get_by_role("group", name="Columns", exact=True)
    for name in ("Lieferant", "Rechnung", "Betrag"):
        columns.get_by_label(name).check()
    page.get_by_role("button", name="Test table").click()
    doubled = 2 * PAIRS
    expect(page.get_by_text(f"{doubled} rows")).to_be_visible()
    page.get_by_role("link", name="Draw from the found rows").click()
    page.locator("input[value=monetary_unit]").check()
    page.get_by_label("Book amounts").select_option("Betrag")
    page.get_by_label("Rows", exact=True).fill(str(DOUBLES_DRAWN))
    drawn(scene, page, TWICE, "Doppelt gebuchte Rechnungen", 11, f"of {doubled} rows drawn")


def draw_units(scene: Engagement, rows: Sequence[Row]) -> int:
    """Draw by monetary units with the size that a materiality plans; the units."""
    page = scene.open("preparer", f"/datasets/{scene.datasets['Debitoren']}/draw")
    page.locator("input[value=monetary_unit]").check()
    page.get_by_label("Book amounts").select_option("Saldo")
    page.get_by_label("Size", exact=True).select_option("materiality")
    page.get_by_label("Tolerable misstatement").fill(german(Decimal(MATERIALITY)))
    debits = sum((row.amount for row in rows if row.amount > 0), Decimal())
    units = int(-(stats.chi2.ppf(0.95, 2) / 2 * float(debits) // -MATERIALITY))
    expect(page.get_by_text(f"{units} units of {shown(debits)} in Saldo")).to_be_visible()
    drawn(scene, page, UNITS, "Bestand der Forderungen", 12, f"of {CUSTOMERS} rows drawn")
    return units


def draw_controls(scene: Engagement) -> None:
    """Draw rows at random, to test each for two controls."""
    page = scene.open("preparer", f"/datasets/{scene.datasets['Kreditoren']}/draw")
    page.get_by_label("Rows", exact=True).fill(str(CONTROLS_DRAWN))
    text = f"{CONTROLS_DRAWN} of {INVOICES} rows drawn"
    drawn(scene, page, CONTROLS, "Freigabe und Bestellung", 13, text)
    page = scene.tab("preparer", CONTROLS, "findings")
    page.get_by_text("Tested attributes").click()
    page.get_by_label("What each row is tested for").fill(", ".join(ATTRIBUTES))
    page.get_by_role("button", name="Save attributes").click()
    expect(page.get_by_role("columnheader", name=ATTRIBUTES[0])).to_be_visible()


def enter(page: Page, fill: Any) -> list[dict[str, str]]:
    """Download the entry list, fill in each line, and upload it."""
    entries = entry_list(page)
    for entry in entries:
        entry |= fill(entry)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*entries[0]])
    writer.writeheader()
    writer.writerows(entries)
    page.get_by_label("Filled-in list").set_input_files(
        {"name": "liste.csv", "mimeType": "text/csv", "buffer": text.getvalue().encode()}
    )
    page.get_by_role("button", name="Enter findings").click()
    expect(page.get_by_text(f"{len(entries)} findings entered.")).to_be_visible()
    return entries


def hits_of(scene: Engagement, sample: str) -> dict[str, int]:
    """The selected units in each drawn row."""
    job = scene.samples[sample]
    rows = scene.answer("reviewer", f"/sampling/jobs/{job}/data?limit=1000")["data"]
    return {row["Beleg"]: row["_hits"] for row in rows}


@dataclass(frozen=True)
class Limit:
    """An upper limit by monetary units: Stringer's bound by factors of a likelihood."""

    projected: float
    upper: float
    errors: int

    @classmethod
    def of(
        cls,
        amounts: Sequence[Decimal],
        entries: Sequence[Mapping[str, str]],
        column: str,
        hits: Mapping[str, int],
        units: int,
        *,
        confidence: float = 0.95,
        likelihood: str = "poisson",
    ) -> Limit:
        left = sorted((float(one) for one in amounts if one > 0), reverse=True)
        most = units
        while left and left[0] >= sum(left) / units:
            units -= 1
            left.pop(0)
        value, top = sum(left), left[0]
        taints, known, errors, selected = [], 0.0, 0, 0
        for entry in entries:
            book = float(entry[column])
            wrong = book - float(entry["audit_value"]) if entry["audit_value"] else 0.0
            errors += wrong > 0
            if book > top:
                known += wrong
            else:
                taints += [wrong / book] * hits[entry["Beleg"]] if wrong else []
                selected += hits[entry["Beleg"]]
        assert selected == units <= most
        factors = [
            stats.chi2.ppf(confidence, 2 * at + 2) / 2
            if likelihood == "poisson"
            else units * stats.beta.ppf(confidence, at + 1, units - at)
            for at in range(len(taints) + 1)
        ]
        taints.sort(reverse=True)
        steps = (b - a for a, b in zip(factors, factors[1:], strict=False))
        bound = factors[0] + sum(step * taint for step, taint in zip(steps, taints, strict=True))
        interval = value / units
        return cls(sum(taints) * interval + known, bound * interval + known, errors)


def most_deviations(exceptions: int) -> int:
    """The most deviating rows of the payables for which so few are found in one of 20 samples."""
    return max(
        rows
        for rows in range(exceptions, INVOICES)
        if stats.hypergeom.cdf(exceptions, INVOICES, rows, CONTROLS_DRAWN) > 0.05
    )


def finding_of_double(entry: Mapping[str, str]) -> dict[str, str]:
    if int(entry["Beleg"][1:]) <= INVOICES - PAIRS:
        return {"outcome": "OK"}
    return {"outcome": "Exception", "audit_value": "0", "cause": "Clerical error"}


def finding_of_item(entry: Mapping[str, str]) -> dict[str, str]:
    if int(entry["Kunde"][-2:]) % 8 != 3:
        return {"outcome": "OK"}
    owed = (Decimal(entry["Saldo"]) * Decimal("0.97")).quantize(CENT)
    return {"outcome": "Exception", "audit_value": str(owed), "cause": "Wrong period"}


def finding_of_controls(entry: Mapping[str, str]) -> dict[str, str]:
    number = int(entry["Beleg"][1:])
    deviates = (number % 30 == 3, number % 40 == 9)
    found = dict(
        zip(ATTRIBUTES, ("Deviation" if one else "OK" for one in deviates), strict=True)
    )
    return {**found, "cause": "Control not performed"} if any(deviates) else found


def submit(scene: Engagement, sample: str) -> None:
    page = scene.tab("preparer", sample, "findings")
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_text("Submitted for review", exact=True)).to_be_visible()


def give_back(scene: Engagement) -> None:
    """Return the findings of the controls; the preparer sees why, and submits them again."""
    page = scene.tab("reviewer", CONTROLS, "findings")
    page.get_by_placeholder("Reason").fill(RETURNED)
    page.get_by_role("button", name="Return").click()
    expect(page.get_by_text("A preparer of the engagement submits the findings.")).to_be_visible()
    scene.waits("preparer", f"The findings of the sample {CONTROLS} were returned.")
    page = scene.tab("preparer", CONTROLS, "findings")
    expect(page.get_by_role("status").filter(has_text=RETURNED)).to_be_visible()
    line = page.locator("#findings tbody tr[data-row]").first
    line.get_by_label("Note about").fill("Beleg nachgereicht")
    line.get_by_label("Note about").press("Enter")
    expect(line.get_by_text("Saved")).to_be_visible()
    submit(scene, CONTROLS)


def evaluated(scene: Engagement, sample: str, tolerable: str, *figures: str) -> Page:
    """Evaluate a sample as the reviewer, and compare the figures of the page."""
    page = scene.tab("reviewer", sample, "evaluation")
    page.locator("#tolerable").fill(tolerable)
    page.get_by_role("button", name="Evaluate", exact=True).click()
    for figure in figures:
        expect(page.locator("main")).to_contain_text(figure)
    return page


def sign_off(page: Page) -> None:
    page.get_by_role("button", name="Sign off", exact=True).click()
    expect(page.get_by_text("Signed off by")).to_be_visible()


def to_review(sample: str, rows: int) -> str:
    return f"The findings of the sample {sample} were submitted for review: {rows} rows."


def send(page: Page, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    """Send a request from a page of a person; the status and the answer."""
    status, text = page.evaluate(
        """async ([method, path, body]) => {
          const token = document.querySelector('meta[name="csrf"]').content;
          const headers = { "X-CSRF-Token": token, "Content-Type": "application/json" };
          const answer = await fetch(path, { method, headers, body: JSON.stringify(body) });
          return [answer.status, await answer.text()];
        }""",
        [method, f"/api{path}", body],
    )
    return status, json.loads(text)


def refused(page: Page, path: str, status: int, text: str, body: Any, method: str = "POST") -> None:
    """A request from a page is refused, with a sentence."""
    found, answer = send(page, method, path, body)
    assert (found, text in answer["detail"]) == (status, True), answer


def approve(scene: Engagement) -> None:
    """Approve all samples as the partner; the others can't, and the page says who can."""
    for role, sentence in (("preparer", "partner"), ("reviewer", "partner")):
        page = scene.tab(role, UNITS, "findings")
        expect(page.get_by_text("A partner, who neither prepared nor signed off")).to_be_visible()
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        path = f"/sampling/jobs/{scene.samples[UNITS]}/review"
        refused(page, path, 403, sentence, {"action": "approved"})
    for sample in scene.samples:
        page = scene.tab("partner", sample, "findings")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("The findings are approved.")).to_be_visible()


def combined(scene: Engagement, limit: float, projected: float) -> None:
    """Evaluate the two samples by monetary units together, and compare the sums."""
    page = scene.tab("partner", UNITS, "evaluation")
    page.get_by_role("link", name="Evaluate with other samples").click()
    page.get_by_label("Samples of other datasets").fill(scene.samples[TWICE])
    page.get_by_label("Tolerable").fill("90.000,00")
    page.get_by_role("button", name="Evaluate together").click()
    expect(page.get_by_role("alert")).to_contain_text("No sample covers")
    page.get_by_label("Leave out rows that no sample covers").check()
    page.get_by_role("button", name="Evaluate together").click()
    print(page.locator("main").inner_text())


def issue(scene: Engagement, sample: str, language: str, folder: Path) -> bytes:
    """Issue a paper as the partner, and download it."""
    page = scene.tab("partner", sample, "paper")
    page.locator("#issue-language").select_option(language)
    page.get_by_role("button", name="Issue working paper").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="No. 1").click()
    return download.value.path().read_bytes()


def inboxes(scene: Engagement) -> None:
    print("wait", [scene.open(r, "/").get_by_role("region", name="What waits for me").inner_text() for r in TEAM])


@pytest.mark.timeout(240)
def test_three_people_carry_an_engagement_to_its_seal(
    server: LiveServer, browser: Browser, open_page: OpenPage, tmp_path: Path
) -> None:
    owed, due = payables(), receivables()
    scene = Engagement(server, open_page)
    create(scene)
    import_file(scene, "Kreditoren", payables_file(owed), owed)
    import_file(scene, "Debitoren", receivables_file(due), due)
    draw_doubles(scene, owed)
    units = draw_units(scene, due)
    draw_controls(scene)
    found = {}
    for sample, fill in ((TWICE, finding_of_double), (UNITS, finding_of_item), (CONTROLS, finding_of_controls)):
        found[sample] = enter(scene.tab("preparer", sample, "findings"), fill)
    inboxes(scene)
    for sample in scene.samples:
        submit(scene, sample)
    inboxes(scene)
    give_back(scene)
    doubles = [row.amount for row in owed[INVOICES - PAIRS :]] * 2
    print(Limit.of(doubles, found[TWICE], "Betrag", hits_of(scene, TWICE), DOUBLES_DRAWN, likelihood="binomial"))
    sign_off(evaluated(scene, TWICE, "5.000,00"))
    print(Limit.of([row.amount for row in due], found[UNITS], "Saldo", hits_of(scene, UNITS), units))
    page = evaluated(scene, UNITS, "60.000,00")
    print(page.locator("main").inner_text())
    sign_off(page)
    print([most_deviations(k) for k in range(8)])
    page = evaluated(scene, CONTROLS, "20 %")
    print(page.locator("main").inner_text())
    sign_off(page)
    inboxes(scene)
    approve(scene)
    inboxes(scene)
    combined(scene, 1, 1)
    papers = {sample: issue(scene, sample, "de" if sample == UNITS else "en", tmp_path) for sample in scene.samples}
    for sample, content in papers.items():
        print(re.sub(r"\s+", " ", re.sub(r"<style.*?</style>|<[^>]+>", " ", content.decode(), flags=re.S))[:1500])
    inboxes(scene)
    stale = scene.open("preparer", scene.path)
    stale2 = scene.tab("reviewer", UNITS, "paper")
    page = scene.open("partner", scene.path)
    print(page.locator("main").inner_text())
    page.get_by_role("button", name="Seal engagement").click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    expect(page.get_by_text(f"Sealed by {scene.users['partner']}")).to_be_visible()
    print(page.locator("main").inner_text())
    stale.get_by_text("Change facts").click()
    stale.get_by_label("Number").fill("E-8")
    stale.get_by_role("button", name="Save facts").click()
    stale.wait_for_timeout(1500)
    print(stale.locator("body").inner_text()[:1500])
    stale2.get_by_role("button", name="Issue working paper").click()
    stale2.wait_for_timeout(1500)
    print(stale2.locator("body").inner_text()[-1500:])
    inboxes(scene)
    print(scene.answer("partner", scene.path.replace("/engagements", "/engagements") + "/seal"))
