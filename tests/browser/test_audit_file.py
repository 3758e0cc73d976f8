"""The audit file of a firm, by two people: from a messy ledger to a ZIP file for verifiers.

Each figure of the pages is compared with one that this module computes from the ledger and the
exported rows alone, without the product's code.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import random
import re
import statistics
import subprocess
import sys
import zipfile
from bisect import bisect_right
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pypdfium2
import pytest
from openpyxl import load_workbook
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from scipy import stats

from lazy_dataclasses import dataclass
from tests.browser.conftest import OpenPage, sign_in
from tests.browser.test_printed_papers import FEWEST, printed, text_of
from tests.browser.test_verifier_page import PAGE, verifier_page
from tests.support.live_server import LiveServer

ROWS = 330
SAMPLED = 60
BREAKS = (0, 1_000, 5_000, 10_000)
"""The breaks that the form suggests."""
TOLERABLE = 40_000
DISCOUNT = Decimal("0.97")
"""The part of an invoice that customers with an agreed discount owe."""
CUSTOMERS = ("Müller GmbH", "Weiß & Söhne", "Bäckerei Öhler", "Kröger KG", "Nordlicht AG")
DISCOUNTED = CUSTOMERS[1:4]
ACCOUNTS = (1200, 1210, 1220)
CENT = Decimal("0.01")
FACTS = {
    "Client": "Muster Handel GmbH",
    "Period": "1.1. bis 31.12.2025",
    "Number of the paper": "B 20-3",
    "Prepared by": "Anna Arnold",
    "Role of the preparer": "Prüferin",
    "Reviewed by": "Paul Peters",
    "Role of the reviewer": "Wirtschaftsprüfer",
    "Audit objective": "Die Forderungen bestehen und sind richtig bewertet.",
    "Procedure performed": "Abgleich mit Rechnung, Lieferschein und Zahlungseingang.",
    "Definition of an error": "Jede Abweichung von der Rechnung abzüglich Skonto.",
    "Basis of the tolerable misstatement or rate": "75 % der Toleranzwesentlichkeit",
    "Expected misstatement or rate of deviation": "5.000",
    "Reason for method and size": "Große Posten vollständig, der Rest nach Betrag.",
    "Completeness of the population": "Abgestimmt mit dem Hauptbuch; 100,00 sind geklärt.",
}


def german(value: Decimal) -> str:
    """1234.5 → 1.234,50."""
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def shown(value: object) -> str:
    """1234.5 → 1,234.50, as pages show it."""
    return f"{Decimal(str(value)).quantize(CENT):,}"


def ledger_file() -> bytes:
    """Open items as a program prints them: a title, subtotals, a total, and some credits."""
    chance = random.Random(2025)
    amounts = [Decimal(f"{chance.lognormvariate(6.6, 1.3):.2f}") for _ in range(ROWS)]
    amounts = [
        (-one / 4).quantize(CENT) if at % 47 == 46 else one for at, one in enumerate(amounts)
    ]
    lines = ["Muster Handel GmbH – Offene Posten zum 31.12.2025;;;;", ";;;;"]
    lines.append("Beleg;Datum;Kunde;Konto;Betrag")
    each = ROWS // len(ACCOUNTS)
    for place, account in enumerate(ACCOUNTS):
        for at in range(place * each, (place + 1) * each):
            day = f"{1 + at % 28:02d}.{1 + at % 12:02d}.2025"
            customer = CUSTOMERS[at % len(CUSTOMERS)]
            lines.append(f"R{at + 1:05d};{day};{customer};{account};{german(amounts[at])}")
        part = amounts[place * each : (place + 1) * each]
        lines.append(f"Summe Konto {account};;;;{german(sum(part, Decimal()))}")
    lines.append(f"Gesamtsumme;;;;{german(sum(amounts, Decimal()))}")
    return "\r\n".join(lines).encode("cp1252")


@dataclass(frozen=True)
class Population:
    """The rows of the ledger file, read by the csv module."""

    customers: dict[str, str]
    amounts: dict[str, Decimal]

    @classmethod
    def of(cls, content: bytes) -> Population:
        lines = list(csv.reader(io.StringIO(content.decode("cp1252")), delimiter=";"))
        rows = [line for line in lines if re.fullmatch(r"R\d{5}", line[0])]
        numbers = (Decimal(row[4].replace(".", "").replace(",", ".")) for row in rows)
        documents = [row[0] for row in rows]
        return cls(
            dict(zip(documents, (row[2] for row in rows), strict=True)),
            dict(zip(documents, numbers, strict=True)),
        )

    @property
    def total(self) -> Decimal:
        return sum(self.amounts.values(), Decimal())

    def audit_value(self, document: str) -> Decimal | None:
        """What an invoice should be; None if it is right."""
        amount = self.amounts[document]
        if self.customers[document] not in DISCOUNTED or amount < 0:
            return None
        return (amount * DISCOUNT).quantize(CENT)


@dataclass(frozen=True)
class Projection:
    """A stratified difference estimate with an upper limit by t: Cochran 1977, section 5.4."""

    projected: float
    standard_error: float
    upper: float
    found: Decimal
    errors: int
    degrees: int
    drawn_amount: Decimal

    @classmethod
    def of(cls, population: Population, entries: list[dict[str, str]]) -> Projection:
        sizes = [0] * (len(BREAKS) + 1)
        for amount in population.amounts.values():
            sizes[bisect_right(BREAKS, amount)] += 1
        differences: list[list[Decimal]] = [[] for _ in sizes]
        drawn = Decimal()
        for entry in entries:
            book = Decimal(entry["Betrag"])
            audit = Decimal(entry["audit_value"]) if entry["audit_value"] else book
            differences[bisect_right(BREAKS, book)].append(book - audit)
            drawn += book
        projected, variance, degrees = 0.0, 0.0, 0
        for size, own in zip(sizes, differences, strict=True):
            projected += size * float(statistics.fmean(own))
            if len(own) < size:
                spread = float(statistics.variance(own))
                variance += size**2 * (1 - len(own) / size) * spread / len(own)
                degrees += len(own) - 1
        error = math.sqrt(variance)
        upper = projected + float(stats.t.ppf(0.95, degrees)) * error
        all_of_them = [one for own in differences for one in own]
        wrong = sum(one != 0 for one in all_of_them)
        found = sum(all_of_them, Decimal())
        return cls(projected, error, upper, found, wrong, degrees, drawn)


def import_ledger(page: Page, server: LiveServer, content: bytes, population: Population) -> int:
    """Import the ledger without its subtotals, and compare it with the general ledger."""
    page.goto(f"{server.url}/datasets/new")
    page.get_by_label("Name", exact=True).fill("Debitoren 2025")
    page.get_by_label("Row key").fill("Beleg")
    page.get_by_label("File (drop it here").set_input_files(
        {"name": "OP-Liste.csv", "mimeType": "text/csv", "buffer": content}
    )
    total = shown(population.total)
    expect(page.get_by_text(f"the file's total {total} agrees with the sum")).to_be_visible()
    page.get_by_label("Leave them out").check()
    expect(page.get_by_text(f"5 columns, {ROWS} rows.")).to_be_visible()
    page.get_by_role("button", name="Import file").click()
    page.get_by_role("link", name="Compare with the general ledger").click()
    expect(page.get_by_text("3 subtotals agree with the sums of their rows.")).to_be_visible()
    negative = sum((one for one in population.amounts.values() if one < 0), Decimal())
    control = page.get_by_role("row").filter(has_text="Betrag").filter(has_text=shown(negative))
    expect(control).to_contain_text(total)
    expect(control).to_contain_text(shown(population.total - negative))
    form = page.get_by_role("form", name="Balance of the general ledger")
    form.get_by_label("Column").select_option("Betrag")
    form.get_by_label("Balance").fill(german(population.total + 100))
    form.get_by_label("Reference").fill("Hauptbuch 1200 bis 1220")
    form.get_by_label("Explanation").fill("Zahlung in Klärung")
    form.get_by_role("button", name="Compare").click()
    sentence = f"the sum {total} differs from the balance {shown(population.total + 100)}"
    expect(page.get_by_role("region", name="General ledger")).to_contain_text(sentence)
    found = re.search(
        r"/datasets/(\d+)", page.get_by_role("link", name="Draw sample").get_attribute("href") or ""
    )
    assert found is not None
    return int(found[1])


def draw(page: Page, server: LiveServer, dataset: int, population: Population) -> str:
    """Plan a size for a materiality, then draw by bands: the top one whole, others by a rule."""
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    page.locator("input[value=monetary_unit]").check()
    page.get_by_label("Book amounts").select_option("Betrag")
    page.get_by_label("Size", exact=True).select_option("materiality")
    page.get_by_label("Tolerable misstatement").fill(german(Decimal(TOLERABLE)))
    debits = sum((one for one in population.amounts.values() if one > 0), Decimal())
    units = math.ceil(-math.log(0.05) * float(debits) / TOLERABLE)  # Poisson, no error expected
    assert units <= SAMPLED
    expect(page.get_by_text(f"{units} units of {shown(debits)} in Betrag")).to_be_visible()
    page.get_by_role("radio", name="By group").check()
    page.get_by_label("Groups by").select_option("Betrag")
    for place, value in enumerate(BREAKS, start=1):
        expect(page.get_by_label(f"Break {place}", exact=True)).to_have_value(f"{value:,}")
    page.get_by_label("Take all of ≥ 10,000").check()
    page.get_by_label("Size", exact=True).select_option("rows")
    page.get_by_label("Rows", exact=True).fill(str(SAMPLED))
    page.get_by_label("Allocation", exact=True).select_option("amount")
    expect(page.get_by_text("`min_per_stratum`")).to_have_count(0)
    expect(page.locator("#plan")).to_contain_text("2 would draw from each")
    page.get_by_text("More options").click()
    page.get_by_label("Minimum per group").fill("3")
    page.get_by_label("Seed").fill("2025")
    page.get_by_label("Purpose").fill("Bestand und Genauigkeit der Forderungen")
    expect(page.locator("#plan")).not_to_contain_text("would draw from each")
    whole = sum(one >= BREAKS[-1] for one in population.amounts.values())
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text(f"{SAMPLED + whole} of {ROWS} rows drawn")).to_be_visible()
    return page.url.rpartition("/")[2]


def lines_of(page: Page) -> Locator:
    return page.locator("#findings tbody tr[data-row]")


def enter_findings(page: Page, population: Population) -> int:
    """Enter all findings by keyboard, the first exception without a cause; the number of rows."""
    lines = lines_of(page)
    documents = [text[-6:] for text in lines.locator("th").all_inner_texts()]
    lines.first.get_by_role("combobox").first.focus()
    keyboard = page.keyboard
    has_cause = False
    for document in documents:
        value = population.audit_value(document)
        keyboard.press("o" if value is None else "e")
        if value is not None:
            keyboard.press("Tab")
            keyboard.type(german(value))
            if has_cause:
                keyboard.press("Tab")
                keyboard.press("Tab")
                keyboard.type("Cl")
            has_cause = True
        keyboard.press("Enter")
    expect(page.locator("#done")).to_have_text(str(len(documents)))
    filters = page.get_by_role("navigation", name="Filter")
    expect(filters.get_by_role("link", name="Without a finding")).to_contain_text("0")
    return len(documents)


def attachments() -> list[Any]:
    """A PDF file and a picture."""
    picture, letter = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(picture, "PNG")
    document = pypdfium2.PdfDocument.new()
    document.new_page(595, 842)
    document.save(letter)
    return [
        {"name": "Rechnung.pdf", "mimeType": "application/pdf", "buffer": letter.getvalue()},
        {"name": "Beleg.png", "mimeType": "image/png", "buffer": picture.getvalue()},
    ]


def state_facts(page: Page, job: str) -> None:
    """Write the conclusion and the facts of the paper."""
    page.goto(page.url.partition("?")[0] + "?tab=evaluation")
    page.get_by_label("In your own words").fill("Die Forderungen sind nicht wesentlich falsch.")
    page.get_by_role("button", name="Save conclusion").click()
    expect(page.get_by_text("The conclusion is stored.")).to_be_visible()
    page.goto(page.url.partition("?")[0] + "?tab=paper")
    for label, text in FACTS.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("Existence").check()
    page.get_by_role("group", name="Engagement").get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Save facts").click()
    expect(page.get_by_text("The facts are stored.")).to_be_visible()
    page.goto(page.url.partition("?")[0] + "?tab=findings")


def submit(page: Page) -> None:
    """Submit the findings once the cause that the dialog asks for is entered."""
    button = page.get_by_role("button", name="Submit for review")
    button.click()
    dialog = page.get_by_role("dialog", name="Incomplete findings")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    dialog.get_by_role("link", name="has no cause").click()
    line = lines_of(page).first
    line.get_by_label("Cause of").first.select_option("Clerical error")
    line.get_by_label("Cause of").first.press("Enter")
    expect(line.get_by_text("Saved")).to_be_visible()
    button.click()
    expect(page.get_by_text("Submitted for review", exact=True)).to_be_visible()


def review(reviewer: Page, preparer: Page) -> None:
    """Return the findings once; the preparer sees why, and submits them again."""
    reviewer.get_by_placeholder("Reason").fill("Beleg der ersten Zeile fehlt")
    reviewer.get_by_role("button", name="Return").click()
    expect(reviewer.get_by_role("button", name="Submit for review")).to_be_visible()
    preparer.goto(preparer.url.partition("?")[0] + "?tab=findings")
    expect(preparer.locator(".note.warn")).to_contain_text("Beleg der ersten Zeile fehlt")
    line = lines_of(preparer).first
    line.get_by_label("Attach files to").set_input_files(attachments())
    expect(line.get_by_role("link", name="Beleg.png")).to_be_visible()
    preparer.get_by_role("button", name="Submit for review").click()
    expect(preparer.get_by_text("Submitted for review", exact=True)).to_be_visible()
    reviewer.reload()
    reviewer.get_by_role("link", name="Evaluate and sign off").click()


def entry_list(page: Page) -> list[dict[str, str]]:
    """The exported rows with their findings."""
    page.get_by_text("Entry list").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    return list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))


def evaluate(page: Page, found: Projection, total: Decimal) -> None:
    """Evaluate, compare every figure of the page, and sign off."""
    page.get_by_role("textbox", name="Tolerable misstatement").fill(german(Decimal(TOLERABLE)))
    page.get_by_role("button", name="Evaluate").click()
    figures = page.locator("dl.figures")
    for value in (found.projected, found.upper, found.found, total):
        expect(figures).to_contain_text(shown(value))
    expect(figures).to_contain_text(str(found.errors))
    arithmetic = page.get_by_role("region", name="Arithmetic").first
    error = arithmetic.get_by_role("row").filter(has_text="Standard error").get_by_role("cell").last
    assert float(error.inner_text().replace(",", "")) == pytest.approx(
        found.standard_error, abs=0.005
    )
    expect(arithmetic).to_contain_text(f"t(0.95; {found.degrees} degrees of freedom)")
    page.get_by_role("button", name="Sign off").click()
    expect(page.get_by_text("Signed off by")).to_be_visible()


def issue(page: Page, folder: Path) -> None:
    """Issue the paper in German as HTML and as a workbook, and download both."""
    page.goto(page.url.partition("?")[0] + "?tab=paper")
    expect(page.get_by_text("Nothing that ISA 530")).to_be_visible()
    for number, kind in enumerate(("html", "xlsx"), start=1):
        page.get_by_label("Format").select_option(kind)
        page.get_by_role("button", name="Issue working paper").click()
        link = page.get_by_role("link", name=f"No. {number}")
        with page.expect_download() as download:
            link.click()
        download.value.save_as(folder / f"paper.{kind}")


def changed_zip(content: bytes, name: str, old: bytes, new: bytes) -> bytes:
    """The ZIP file with one byte of a file changed; of a signed statement, within its payload."""
    assert sum(one != two for one, two in zip(old, new, strict=True)) == 1
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as archive:
        for each in source.namelist():
            data = source.read(each)
            if each == name and name == "evaluation.json":
                envelope = json.loads(data)
                payload = base64.b64decode(envelope["payload"])
                assert old in payload
                envelope["payload"] = base64.b64encode(payload.replace(old, new, 1)).decode()
                data = json.dumps(envelope).encode()
            elif each == name:
                assert old in data
                data = data.replace(old, new, 1)
            archive.writestr(each, data)
    return target.getvalue()


def verdicts(browser: Browser, folder: Path, content: bytes) -> tuple[str, str]:
    """What both verifiers say about a ZIP file."""
    path = folder / "evidence.zip"
    path.write_bytes(content)
    program = PAGE.with_name("verify_sample.py")
    done = subprocess.run(
        [sys.executable, str(program), str(path)], capture_output=True, text=True, check=False
    )
    verdict = re.search(r"^(ACCEPTED|REFUSED)", done.stdout, re.MULTILINE)
    assert verdict is not None, done.stdout + done.stderr
    assert (done.returncode == 0) == (verdict[0] == "ACCEPTED")
    with verifier_page(browser) as page:
        page.set_input_files("#files", str(path))
        expect(page.locator("#headline")).not_to_be_empty()
        return verdict[0], page.locator("#headline").inner_text()


def check_coverage(page: Page, population: Population, found: Projection, drawn: int) -> None:
    """Compare the coverage on the summary with the exported rows."""
    page.goto(page.url.partition("?")[0])
    summary = page.locator("main")
    expect(summary).to_contain_text(f"{100 * drawn / ROWS:.1f} %")
    expect(summary).to_contain_text(f"{shown(found.drawn_amount)} of {shown(population.total)}")


def check_paper(page: Page, folder: Path, found: Projection, population: Population) -> None:
    """Print the paper, and compare its figures and those of the workbook."""
    document = printed(page, (folder / "paper.html").read_text("utf-8"), folder)
    texts = [text_of(document, place) for place in range(len(document))]
    assert 5 <= len(texts) <= 14
    assert min(map(len, texts)) >= FEWEST
    text = "\n".join(texts)
    for value in (found.projected, found.upper, found.found, found.drawn_amount, population.total):
        assert german(Decimal(str(value)).quantize(CENT)) in text
    for words in ("Arbeitspapier", "Abstimmung", "-100,00", *list(FACTS.values())[:7]):
        assert words in text, words
    book = load_workbook(folder / "paper.xlsx", data_only=True)
    numbers = [
        cell.value
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if isinstance(cell.value, int | float)
    ]
    for figure in (found.projected, found.upper, float(found.found), float(population.total)):
        assert any(abs(number - figure) < 0.005 for number in numbers), figure


def evidence(page: Page) -> bytes:
    page.goto(page.url.partition("?")[0] + "?tab=certificate")
    with page.expect_download() as download:
        page.get_by_role("link", name="Everything for a verifier").click()
    return download.value.path().read_bytes()


def permit(client: httpx.Client, dataset: int, user: dict[str, Any]) -> None:
    granted = {"user_id": user["id"], "permission": "write"}
    assert client.put(f"/api/datasets/{dataset}/permissions", json=granted).status_code == 200


@pytest.mark.timeout(240)
def test_an_audit_file_is_complete_signed_and_verified(
    server: LiveServer, browser: Browser, open_page: OpenPage, tmp_path: Path
) -> None:
    client, preparer = server.new_user()
    _, partner = server.new_user()
    page, reviewer = open_page(), open_page()
    sign_in(page, server.url, preparer["soeid"])
    content = ledger_file()
    population = Population.of(content)
    dataset = import_ledger(page, server, content, population)
    job = draw(page, server, dataset, population)
    page.goto(f"{server.url}/jobs/{job}?tab=findings")
    drawn = enter_findings(page, population)
    state_facts(page, job)
    submit(page)
    permit(client, dataset, partner)
    sign_in(reviewer, server.url, partner["soeid"], f"/jobs/{job}?tab=findings")
    review(reviewer, page)
    found = Projection.of(population, entry_list(page))
    evaluate(reviewer, found, population.total)
    check_coverage(page, population, found, drawn)
    issue(page, tmp_path)
    check_paper(open_page(), tmp_path, found, population)
    archive = evidence(page)
    program, headline = verdicts(browser, tmp_path, archive)
    assert (program, headline[:8]) == ("ACCEPTED", "ACCEPTED")
    assert "E checked" in headline
    for name, old, new in (
        ("evaluation.json", b'"outcome":"ok"', b'"outcome":"oK"'),
        ("sample.csv", b".", b","),
        ("papers/paper-1.html", b"Muster", b"Mustes"),
    ):
        tampered = verdicts(browser, tmp_path, changed_zip(archive, name, old, new))
        assert tampered == ("REFUSED", "REFUSED"), name
