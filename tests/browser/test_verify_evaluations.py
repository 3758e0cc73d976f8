"""``verify.html`` recomputes evaluations, recognises files by their content, and reads a ZIP."""

# ruff: noqa: E501 - lines of JavaScript

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_verifier_page import PAGE, verifier_page, verify
from tests.support.nightly import amount
from tests.verifiers.evaluation_cases import CASES
from tests.verifiers.test_evaluations import (
    BY_PROGRAMMES,
    CHOICES,
    EVALUATED,
    LATER,
    TAMPERINGS,
    approved,
    by_a_cent,
    changed,
    conclude,
    flip,
    followed,
    load,
    no_longer_evaluated,
    no_more_rules,
    of_figure,
    other_strata,
    plain,
    predicate_of,
    recomputed,
    without_evaluation,
)

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with verifier_page(browser) as opened:
        yield opened


def code_of(page: Page, files: Files) -> str | None:
    code: str | None = verify(page, files, allowKnownKey=True)["code"]
    return code


@pytest.mark.parametrize("case", CASES)
def test_evaluations_are_accepted(page: Page, case: str) -> None:
    report = verify(page, load(case), allowKnownKey=True)
    assert report["accepted"], report["reason"]
    due = {"unsigned": "not checkable here", "sequential_scores": "claimed"}.get(case, "checked")
    assert report["levels"]["E"] == due


@pytest.mark.parametrize("case", EVALUATED)
def test_each_figure_is_recomputed(page: Page, case: str) -> None:
    files = plain(case)
    paths = recomputed(case)[:: 5 // amount(1, 5)]
    accepted = [path for path in paths if not code_of(page, changed(files, of_figure(path)))]
    assert accepted == []


@pytest.mark.parametrize("case", EVALUATED)
def test_a_changed_finding_is_refused(page: Page, case: str) -> None:
    files = plain(case)
    for place in (0, min(CASES[case].wrong or {0: 0})):
        code = code_of(page, changed(files, flip(place)))
        assert code is not None
        assert code != "check_failed"


@pytest.mark.parametrize("name", BY_PROGRAMMES)
def test_changes_of_a_programme_are_refused(page: Page, name: str) -> None:
    case, change, code = BY_PROGRAMMES[name]
    assert code_of(page, changed(plain(case), change)) == code


def test_a_programme_without_rules_is_not_recomputed(page: Page) -> None:
    files = changed(plain("programme_money"), no_more_rules)
    report = verify(page, files, allowKnownKey=True)
    assert (report["accepted"], report["levels"]["E"]) == (True, "not checkable here")


def test_without_an_evaluation_that_was_signed_it_isnt_checkable(page: Page) -> None:
    files = changed(load("attributes"), no_longer_evaluated)
    report = verify(page, files, allowKnownKey=True)
    assert (report["accepted"], report["levels"]["E"]) == (True, "not checkable here")
    signed = predicate_of(files)["review"]["steps"][-1]["conclusion"]
    assert f"This conclusion was signed off: {signed}" in report["lines"][-1]["why"]


def test_who_approved_is_said_and_is_another_person(page: Page) -> None:
    report = verify(page, approved("us00003"), allowKnownKey=True)
    assert report["accepted"], report["reason"]
    whys = " ".join(line["why"] for line in report["lines"])
    assert "us00003, who neither prepared nor signed off, approved at " in whys
    assert code_of(page, approved("us00002")) == "evaluation_review"


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tamperings_are_refused(page: Page, name: str) -> None:
    change, code = TAMPERINGS[name]
    files = load("attributes")
    if name == "signed_by_the_preparer":
        del files["ledger.json"]  # which has who signed off, and is compared first
    assert code_of(page, changed(files, change)) == code


def test_a_conclusion_against_the_rules_is_refused(page: Page) -> None:
    assert code_of(page, changed(load("difference"), conclude)) == "evaluation_conclusion"


@pytest.mark.parametrize("case", ["strata", "difference"])
def test_other_strata_are_refused(page: Page, case: str) -> None:
    assert code_of(page, changed(plain(case), other_strata)) == "evaluation_figure"


@pytest.mark.parametrize("name", CHOICES)
def test_another_choice_than_that_of_the_draw_is_refused(page: Page, name: str) -> None:
    case, change, _ = CHOICES[name]
    code = code_of(page, changed(load(case), change))
    assert code in ("evaluation_figure", "evaluation_items", "unknown_member", "wrong_type")


@pytest.mark.parametrize("case", ["stringer", "strata", "netted"])
def test_another_amount_in_the_conclusion_is_refused(page: Page, case: str) -> None:
    assert code_of(page, changed(load(case), by_a_cent)) == "evaluation_conclusion"


@pytest.mark.parametrize("name", LATER)
def test_a_later_step_or_paper_supersedes_it(page: Page, name: str) -> None:
    report = verify(page, followed(name), allowKnownKey=True)
    assert report["accepted"]
    assert LATER[name][1] in report["superseded"]


def test_a_changed_paper_is_refused(page: Page) -> None:
    files = load("attributes")
    files["papers/paper-1.html"] += b"<p>All is well.</p>"
    assert code_of(page, files) == "evaluation_paper"


def zipped(files: Files) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr("README.txt", b"What each file is.")
    return content.getvalue()


def drop(page: Page, files: Files) -> None:
    """Give files to the page as a reader chooses them; it accepts the key of the RFC in tests."""
    page.goto(PAGE.as_uri())
    page.evaluate(
        "() => { const own = verify; verify = (files, options) => own(files, { ...options, allowKnownKey: true }); }"
    )
    given: list[Any] = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
        for name, data in files.items()
    ]
    page.set_input_files("#files", given)


def test_the_page_reads_a_zip_file(page: Page) -> None:
    drop(page, {"anything.zip": zipped(load("attributes"))})
    expect(page.locator("#headline")).to_contain_text("ACCEPTED")
    expect(page.locator("#headline")).to_contain_text("E checked")
    expect(page.locator("#lines")).to_contain_text("1 working paper, by the hash")


def test_files_are_recognised_by_their_content(page: Page) -> None:
    files = plain("stringer")
    names = {name: f"file {place} of the auditor.txt" for place, name in enumerate(files)}
    drop(page, {names[name]: data for name, data in reversed(files.items())})
    expect(page.locator("#headline")).to_contain_text("E checked")


def test_a_csv_of_another_certificate_is_named_as_that(page: Page) -> None:
    files = {**plain("stringer"), "sample.csv": plain("gaffke")["sample.csv"]}
    drop(page, files)
    expect(page.locator("#headline")).to_have_text("REFUSED")
    expect(page.locator("#meaning")).to_contain_text("a sample's CSV of another certificate")


def test_files_of_two_samples_are_named_as_that(page: Page) -> None:
    files, others = plain("stringer"), plain("gaffke")
    drop(page, {**files, "other.json": others["certificate.json"]})
    expect(page.locator("#message")).to_contain_text("two different files of one kind")


def test_a_missing_evaluation_is_named_and_papers_are_compared(page: Page) -> None:
    files = without_evaluation()
    report = verify(page, files, allowKnownKey=True)
    assert report["accepted"]
    assert report["levels"]["E"] == "not checkable here"
    (line,) = [line for line in report["lines"] if line["level"] == "E"]
    assert "no evaluation.json, though the ledger has 3 entries" in line["why"]
    files["papers/paper-1.html"] += b"<p>All is well.</p>"
    assert code_of(page, files) == "evaluation_paper"


def test_papers_that_are_dropped_singly_are_compared_or_named(page: Page) -> None:
    files = plain("attributes")
    paper = files.pop("papers/paper-1.html")
    drop(page, {**files, "paper.html": paper, "paper-1.html": paper + b"<p>All is well.</p>"})
    expect(page.locator("#headline")).to_contain_text("E checked")
    expect(page.locator("#lines")).to_contain_text("1 working paper, by the hash")
    expect(page.locator("#meaning")).to_contain_text("Not looked at: paper-1.html.")


@pytest.mark.parametrize(
    "name", ["Papers/paper-1.html", "papers\\paper-2.html", "paper-1.html", "x/papers/p.html"]
)
def test_a_zip_file_with_other_names_is_refused(page: Page, name: str) -> None:
    drop(page, {"x.zip": zipped({**plain("attributes"), name: b"x"})})
    expect(page.locator("#message")).to_contain_text("no name of the format")


def test_a_zip_file_behind_another_is_refused(page: Page) -> None:
    content = io.BytesIO(zipped({}))
    with zipfile.ZipFile(content, "a") as archive:
        for name, data in plain("attributes").items():
            archive.writestr(name, data)
        archive.filelist.pop(0)  # its bytes stay
    drop(page, {"x.zip": content.getvalue()})
    expect(page.locator("#message")).to_contain_text("bytes before its first file")


def test_the_policy_of_the_page_lets_its_script_run(page: Page) -> None:
    """Its hash must be that of the script, or else the page does nothing, without a message."""
    found = re.search(r"<script>(.*?)</script>", PAGE.read_text(), re.DOTALL)
    assert found
    digest = hashlib.sha256(found[1].encode()).digest()
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in PAGE.read_text()
    page.goto(PAGE.as_uri())
    page.set_input_files(
        "#files", [{"name": "x.txt", "mimeType": "text/plain", "buffer": b"no certificate"}]
    )
    expect(page.locator("#message")).to_contain_text("None of these is a file of a certificate")


def test_a_damaged_zip_file_is_refused_in_words(page: Page) -> None:
    drop(page, {"x.zip": zipped(load("attributes"))[:-40]})
    expect(page.locator("#message")).to_contain_text("isn't a whole ZIP file")


def test_other_files_are_named(page: Page) -> None:
    drop(page, {"holiday.txt": b"sun and sea"})
    expect(page.locator("#message")).to_contain_text("None of these is a file of a certificate")
