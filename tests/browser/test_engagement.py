"""An engagement of three people: from two messy files to sealed papers.

A preparer imports, tests, draws and examines; a reviewer signs off; a partner approves, issues and
seals. Each figure of an evaluation is compared with one that this module computes from the files
and the exported rows alone, without the product's code.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
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
WAITING = {
    "examine": "{rows} rows have no finding in the sample {sample}.",
    "submit": "All rows of the sample {sample} have a finding: submit them for review.",
    "review": "The findings of the sample {sample} were submitted for review: {rows} rows.",
    "return": "The findings of the sample {sample} were returned: correct them, then submit them "
    "for review. Reason: Beleg der ersten Zeile fehlt",
    "approve": "The findings of the sample {sample} were signed off and wait for your approval.",
    "issue": "The findings of the sample {sample} are approved: issue the working paper.",
}
"""What the start page says of a sample that waits."""
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
    rows: list[Row] = []
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

    def waits(self, role: str, step: str = "", **rows: int) -> None:
        """The start page says that a step of these samples waits for a person, and nothing else."""
        texts = [WAITING[step].format(sample=name, rows=count) for name, count in rows.items()]
        page = self.open(role, "/")
        inbox = page.get_by_role("region", name="What waits for me")
        expect(inbox.get_by_role("link")).to_have_text([*texts])
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


def draw(scene: Engagement, page: Page, name: str, purpose: str, seed: int, text: str) -> None:
    """Name a sample and draw it; it joins the engagement."""
    page.get_by_text("More options").click()
    page.get_by_label("Seed").fill(str(seed))
    page.locator("#output_name").fill(name)
    page.get_by_label("Purpose").fill(purpose)
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text(text)).to_be_visible()
    scene.samples[name] = page.url.rpartition("/")[2]


def draw_doubles(scene: Engagement) -> None:
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
    draw(scene, page, TWICE, "Doppelt gebuchte Rechnungen", 11, f"of {doubled} rows drawn")


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
    draw(scene, page, UNITS, "Bestand der Forderungen", 12, f"of {CUSTOMERS} rows drawn")
    return units


def draw_controls(scene: Engagement) -> None:
    """Draw rows at random, to test each for two controls."""
    page = scene.open("preparer", f"/datasets/{scene.datasets['Kreditoren']}/draw")
    page.get_by_label("Rows", exact=True).fill(str(CONTROLS_DRAWN))
    text = f"{CONTROLS_DRAWN} of {INVOICES} rows drawn"
    draw(scene, page, CONTROLS, "Freigabe und Bestellung", 13, text)
    page = scene.tab("preparer", CONTROLS, "findings")
    page.get_by_text("Tested attributes").click()
    page.get_by_label("What each row is tested for").fill(", ".join(ATTRIBUTES))
    page.get_by_role("button", name="Save attributes").click()
    expect(page.get_by_role("columnheader", name=ATTRIBUTES[0])).to_be_visible()


def enter(page: Page, fill: Callable[[Mapping[str, str]], dict[str, str]]) -> list[dict[str, str]]:
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
        steps = (b - a for a, b in itertools.pairwise(factors))
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
    found = dict(zip(ATTRIBUTES, ("Deviation" if one else "OK" for one in deviates), strict=True))
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
    scene.waits("preparer", "return", **{CONTROLS: CONTROLS_DRAWN})
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
    for role in ("preparer", "reviewer"):
        page = scene.tab(role, UNITS, "findings")
        expect(page.get_by_text("A partner, who neither prepared nor signed off")).to_be_visible()
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        path = f"/sampling/jobs/{scene.samples[UNITS]}/review"
        refused(page, path, 403, "partner", {"action": "approved"})
    for sample in scene.samples:
        page = scene.tab("partner", sample, "findings")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("The findings are approved.")).to_be_visible()


def together(scene: Engagement, limits: Sequence[Limit], uncovered: Decimal) -> None:
    """Evaluate the two samples by monetary units together, and compare the sums."""
    page = scene.tab("partner", UNITS, "evaluation")
    page.get_by_role("link", name="Evaluate with other samples").click()
    page.locator(f'input[name="jobs"][value="{scene.samples[TWICE]}"]').check()
    page.get_by_label("Tolerable").fill("90.000,00")
    page.get_by_role("button", name="Evaluate together").click()
    expect(page.get_by_role("alert")).to_contain_text(f"with a book value of {shown(uncovered)}")
    page.get_by_label("Leave out rows that no sample covers").check()
    page.get_by_role("button", name="Evaluate together").click()
    upper = shown(sum(Decimal(str(limit.upper)).quantize(CENT) for limit in limits))
    main = page.locator("main")
    expect(main).to_contain_text(f"limit of overstatements, {upper}, is below the tolerable")
    expect(main).to_contain_text(shown(sum(limit.projected for limit in limits)))
    expect(main).not_to_contain_text("signed off")


def issue(scene: Engagement, sample: str, language: str) -> bytes:
    """Issue a paper as the partner, and download it."""
    page = scene.tab("partner", sample, "paper")
    page.locator("#issue-language").select_option(language)
    page.get_by_role("button", name="Issue working paper").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="No. 1").click()
    return download.value.path().read_bytes()


def check_paper(scene: Engagement, content: bytes, *texts: str) -> None:
    """A paper has the full names with what they did, and these texts."""
    page = scene.partner.context.new_page()
    page.set_content(content.decode())
    main = page.locator("body")
    for text in (*TEAM.values(), CLIENT, "E-2025/7", *texts):
        expect(main).to_contain_text(text)
    for role in ("reviewer", "partner"):
        expect(main).to_contain_text(f"{TEAM[role]} ({scene.users[role]})")
    page.close()


def seal(scene: Engagement, papers: Mapping[str, bytes]) -> None:
    """Seal the engagement, and recompute what the seal states and its digest."""
    page = scene.open("partner", scene.path)
    expect(page.get_by_text("Nothing is missing")).to_be_visible()
    page.get_by_role("button", name="Seal engagement").click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    expect(page.get_by_text(f"Sealed by {TEAM['partner']}")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the seal").click()
    content = download.value.path().read_bytes()
    stated = json.loads(content)
    plain = json.dumps(stated, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert content.decode() == plain
    assert stated["engagement"] == {
        "id": int(scene.path.rpartition("/")[2]),
        "client_name": CLIENT,
        "period_from": "2025-01-01",
        "period_to": "2025-12-31",
        "number": "E-2025/7",
    }
    people = {each["user"]: (each["full_name"], each["role"]) for each in stated["team"]}
    assert people == {scene.users[role]: (name, role) for role, name in TEAM.items()}
    assert {each["name"]: each["dataset_id"] for each in stated["datasets"]} == scene.datasets
    assert {each["name"]: each["paper_sha256"] for each in stated["samples"]} == {
        sample: hashlib.sha256(paper).hexdigest() for sample, paper in papers.items()
    }
    digest = hashlib.sha256(content).hexdigest()
    expect(page.locator("main")).to_contain_text(digest)
    for dataset in scene.datasets.values():
        newest = scene.answer("partner", f"/datasets/{dataset}/ledger")["entries"][0]
        assert (newest["kind"], newest["body"]["seal_sha256"]) == ("engagement", digest)


def check_nothing_changes(scene: Engagement, facts: Page, paper: Page) -> None:
    """Pages that were opened before the seal, and requests, are refused with a sentence."""
    sentence = f"is sealed by {scene.users['partner']}"
    facts.get_by_text("Change facts").click()
    facts.get_by_label("Number").fill("E-8")
    facts.get_by_role("button", name="Save facts").click()
    paper.get_by_role("button", name="Issue working paper").click()
    for page in (facts, paper):
        expect(page.get_by_text(sentence)).to_be_visible()
    job = f"/sampling/jobs/{scene.samples[UNITS]}"
    row = scene.answer("preparer", f"{job}/findings")["items"][0]["row_id"]
    finding = {"findings": [{"row_id": row, "outcome": "ok"}]}
    for role in TEAM:
        page = scene.tab(role, UNITS, "findings")
        expect(page.locator("#review")).to_contain_text("The engagement is sealed.")
        expect(page.get_by_role("button", name="Enter findings")).to_have_count(0)
        refused(page, f"{job}/findings", 409, sentence, finding)
        refused(page, f"{job}/conclusion", 409, sentence, {"text": "Alles gut."}, "PUT")
        refused(page, f"{job}/papers", 409, sentence, {"format": "html"})
        reopened = {"action": "reopened", "note": "Nachtrag"}
        refused(page, f"{job}/review", 409, sentence, reopened)


@pytest.mark.timeout(240)
def test_three_people_carry_an_engagement_to_its_seal(
    server: LiveServer, browser: Browser, open_page: OpenPage, tmp_path: Path
) -> None:
    owed, due = payables(), receivables()
    scene = Engagement(server, open_page)
    create(scene)
    import_file(scene, "Kreditoren", payables_file(owed), owed)
    import_file(scene, "Debitoren", receivables_file(due), due)
    draw_doubles(scene)
    units = draw_units(scene, due)
    draw_controls(scene)
    hits = {sample: hits_of(scene, sample) for sample in (UNITS, TWICE)}
    rows = {CONTROLS: CONTROLS_DRAWN, UNITS: len(hits[UNITS]), TWICE: len(hits[TWICE])}
    scene.waits("preparer", "examine", **rows)
    fill = {TWICE: finding_of_double, UNITS: finding_of_item, CONTROLS: finding_of_controls}
    entries = {
        sample: enter(scene.tab("preparer", sample, "findings"), fill[sample]) for sample in rows
    }
    scene.waits("preparer", "submit", **rows)
    scene.waits("reviewer")
    for sample in rows:
        submit(scene, sample)
    scene.waits("preparer")
    for role in ("reviewer", "partner"):
        scene.waits(role, "review", **rows)
    give_back(scene)

    of_doubles = [row.amount for row in owed[INVOICES - PAIRS :]] * 2
    of_due = [row.amount for row in due]

    def of_twice(confidence: float) -> Limit:
        found = (entries[TWICE], "Betrag", hits[TWICE], DOUBLES_DRAWN)
        return Limit.of(of_doubles, *found, confidence=confidence, likelihood="binomial")

    def of_units(confidence: float) -> Limit:
        found = (entries[UNITS], "Saldo", hits[UNITS], units)
        return Limit.of(of_due, *found, confidence=confidence)

    twice, items = of_twice(0.95), of_units(0.95)
    assert twice.upper > 5_000
    assert items.upper < MATERIALITY
    figures = (shown(twice.projected), f"{shown(twice.upper)} (", "is not below the tolerable")
    sign_off(evaluated(scene, TWICE, "5.000,00", *figures))
    figures = (shown(items.projected), f"{shown(items.upper)} (", "is below the tolerable")
    sign_off(evaluated(scene, UNITS, german(Decimal(MATERIALITY)), *figures))
    failed = [[entry[name] == "Deviation" for entry in entries[CONTROLS]] for name in ATTRIBUTES]
    counts = [*map(sum, failed), sum(map(any, zip(*failed, strict=True)))]
    shares = [f"{100 * most_deviations(count) / INVOICES:.2f} %" for count in counts]
    limit = f"The upper limit, {shares[-1]}, is below the tolerable 20.00 %"
    sign_off(evaluated(scene, CONTROLS, "20 %", limit, *shares))
    scene.waits("partner", "approve", **rows)
    scene.waits("reviewer")
    approve(scene)
    for role in ("reviewer", "partner"):
        scene.waits(role, "issue", **rows)
    uncovered = total(owed) - sum(of_doubles, Decimal())
    uncovered += sum((amount for amount in of_due if amount < 0), Decimal())
    together(scene, [of_units(0.975), of_twice(0.975)], uncovered)
    papers = {
        sample: issue(scene, sample, "de" if sample == UNITS else "en") for sample in scene.samples
    }
    period = "2025-01-01 to 2025-12-31"
    check_paper(scene, papers[TWICE], period, shown(twice.upper), "Reviewer", "Preparer")
    check_paper(scene, papers[CONTROLS], period, shares[-1], *ATTRIBUTES)
    upper = german(Decimal(str(items.upper)).quantize(CENT))
    check_paper(scene, papers[UNITS], "01.01.2025 bis 31.12.2025", upper)
    assert "itself a sample" not in papers[TWICE].decode()

    scene.waits("preparer")
    page = scene.open("partner", "/")
    expect(page.get_by_role("link", name=f"{CLIENT}, {period} lacks nothing")).to_be_visible()
    facts = scene.open("preparer", scene.path)
    paper = scene.tab("reviewer", UNITS, "paper")
    seal(scene, papers)
    check_nothing_changes(scene, facts, paper)
    for role in TEAM:
        scene.waits(role)
    archive = evidence(scene.tab("partner", UNITS, "paper"))
    program, headline = verdicts(browser, tmp_path, archive)
    assert (program, headline[:8]) == ("ACCEPTED", "ACCEPTED")
