"""``jobsvc findings``, ``replace``, ``evaluate`` and ``working-paper``."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from command_line.auditing import _print_review
from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
def sample(run: Run, table: Path) -> str:
    """A sample of 5 of 700 rows."""
    run("import", str(table), "--dataset", "Sales")
    drawn = run("sample", "Sales", "--size", "5", "--seed", "7", "--json")
    return str(json.loads(drawn.stdout)["id"])


def test_a_sample_is_examined_and_evaluated(run: Run, sample: str, tmp_path: Path) -> None:
    items = json.loads(run("findings", sample[:8], "--json").stdout)["items"]
    rows = [item["row_id"] for item in items]
    for row in rows[:4]:
        run("findings", sample, row, "ok")
    run("findings", sample, rows[3], "exception", "--audit-value", "1.50", "--note", "wrong")
    replaced = run("replace", sample, rows[4], "--reason", "not a sale").stdout
    new = replaced.rstrip(".\n").rpartition(" ")[2]
    entered = run("findings", sample, new, "ok").stdout
    assert "5 of 5 rows have a finding; 1 exception." in entered
    assert "not a sale" in run("findings", sample).stdout
    shown = run("evaluate", sample, "--tolerable", "0.1").stdout
    assert "1 / 5" in shown
    assert "is not below the tolerable 10.00 %" in shown
    shown = run("evaluate", sample, "--kind", "sequential", "--tolerable", "0.1").stdout
    assert re.search("Decision of the rule +continue", shown)
    of_amounts = ("--kind", "variables", "--book", "amount", "--estimator", "mean_per_unit")
    shown = run("evaluate", sample, *of_amounts, "--tolerable", "1").stdout
    assert re.search(r"Standard deviation s .* [0-9,]+\.\d\d\n", shown)
    assert re.search(r"Standard deviation s .*[0-9]\.\d\d\n", shown)
    assert "Errors found in the sample, net" in shown
    assert "Projected by difference" in shown
    assert not re.search(r"\d\.\d{11}", shown)
    assert "Understatement" in shown
    shown = run("evaluate", sample, *of_amounts, "--tolerable", "3%", "--confidence", "90%").stdout
    assert re.search(r"Tolerable: 3\.00 % of [0-9,.]+ = [0-9,.]+\.", shown)
    assert "below 100%" in run("evaluate", sample, "--tolerable", "100%", code=2).stderr
    for ending, start in (("html", b"<!doctype html>"), ("xlsx", b"PK")):
        path = tmp_path / f"paper.{ending}"
        run("working-paper", sample, "--output", str(path), "--tolerable", "0.1")
        assert path.read_bytes().startswith(start)


def test_samples_are_evaluated_together(run: Run, table: Path, tmp_path: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    jobs = []
    for place, where in enumerate(("amount < 200", "amount >= 200")):
        drawn = run(
            *("sample", "Sales", "--method", "monetary_unit", "--book", "amount", "--size", "4"),
            *("--seed", str(place), "--filter", where, "--json"),
        )
        jobs.append(str(json.loads(drawn.stdout)["id"]))
        for item in json.loads(run("findings", jobs[-1], "--json").stdout)["items"]:
            run("findings", jobs[-1], item["row_id"], "ok")
    shown = run("evaluate-together", *(job[:8] for job in jobs), "--tolerable", "90%").stdout
    assert re.search(r"Upper limit +the sum of these +[0-9,.]+\n", shown)
    assert "Bonferroni" in shown
    found = json.loads(run("evaluate-together", *jobs, "--json").stdout)
    assert [each["job_id"] for each in found["samples"]] == jobs
    refused = run("evaluate-together", jobs[0], jobs[0], code=1).stderr
    assert "is named twice" in refused
    path, again = tmp_path / "paper.html", tmp_path / "again.html"
    run("evaluate-together", *jobs, "--output", str(path), "--issue")
    together = ("issued-papers", jobs[1], "--together")
    listed = run(*together).stdout
    assert hashlib.sha256(path.read_bytes()).hexdigest() in listed
    paper = str(json.loads(run(*together, "--json").stdout)["papers"][0]["id"])
    run(*together, "--number", paper, "--output", str(again))
    assert again.read_bytes() == path.read_bytes()
    gone = run(*together, "--number", paper, "--withdraw", "not needed").stdout
    assert gone == f"Withdrew paper {paper}.\n"
    assert "not needed" in run(*together).stdout


def test_the_list_of_findings_shows_amounts_with_two_places(run: Run, sample: str) -> None:
    row = json.loads(run("findings", sample, "--json").stdout)["items"][0]["row_id"]
    run("findings", sample, row, "exception", "--audit-value", "3344.2")
    assert "  3,344.20  " in run("findings", sample).stdout
    run("findings", sample, row, "exception", "--audit-value", "0")
    assert "  0.00  " in run("findings", sample).stdout


def test_facts_are_entered_and_a_paper_is_issued(run: Run, sample: str, tmp_path: Path) -> None:
    missing = run("paper-facts", sample).stdout
    assert "Missing: Client, Period, Number of the paper" in missing
    chosen = ("--assertion", "existence", "--assertion", "valuation")
    entered = run("paper-facts", sample, "--client", "Acme Ltd", *chosen).stdout
    assert "Client: Acme Ltd\n" in entered
    assert "Assertions: existence, valuation\n" in entered
    assert "Missing: Period, Number of the paper\n" in entered
    path, again = tmp_path / "paper.html", tmp_path / "again.html"
    issued = run("working-paper", sample, "--output", str(path), "--issue").stdout
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert "Issued working paper 1 (in progress), entry " in issued
    assert digest in issued
    assert digest in run("issued-papers", sample).stdout
    run("issued-papers", sample, "--number", "1", "--output", str(again))
    assert again.read_bytes() == path.read_bytes()
    assert "go together" in run("issued-papers", sample, "--number", "1", code=2).stderr


def test_files_are_attached_listed_downloaded_and_removed(
    run: Run, sample: str, tmp_path: Path
) -> None:
    row = json.loads(run("findings", sample, "--json").stdout)["items"][0]["row_id"]
    invoice, plan = tmp_path / "Rechnung 4711.pdf", tmp_path / "plan.txt"
    invoice.write_bytes(b"%PDF-1.7 an invoice")
    plan.write_text("the plan")
    shown = run("attachments", sample, str(invoice), "--row", row, "--note", "signed").stdout
    assert re.search(rf"Rechnung 4711\.pdf +{row} .*signed", shown)
    added = json.loads(run("attachments", sample[:8], str(plan), "--json").stdout)
    assert (added[0]["row_id"], added[0]["file_name"]) == (None, "plan.txt")
    assert "2 attachments." in run("attachments", sample).stdout
    assert "1 attachment." in run("attachments", sample, "--row", row).stdout
    folder = tmp_path / "evidence"
    run("attachments", sample, "--output", str(folder))
    stored = {path.name.partition("-")[2]: path.read_bytes() for path in folder.iterdir()}
    assert stored == {path.name: path.read_bytes() for path in (invoice, plan)}
    one = str(added[0]["id"])
    assert "go together" in run("attachments", sample, "--remove", one, code=2).stderr
    gone = run("attachments", sample, "--remove", one, "--reason", "a draft").stdout
    assert f"Attachment {one} (plan.txt) was removed." in gone
    assert "1 attachment." in run("attachments", sample).stdout
    assert "a draft" in run("attachments", sample, "--removed").stdout
    empty = tmp_path / "empty.txt"
    empty.touch()
    assert "The file is empty." in run("attachments", sample, str(empty), code=1).stderr


def test_findings_are_entered_from_a_file(run: Run, sample: str, tmp_path: Path) -> None:
    items = json.loads(run("findings", sample, "--json").stdout)["items"]
    key = next(iter(items[0]["data"]))
    file = tmp_path / "findings.csv"
    values = [item["data"][key] for item in items]
    lines = [f"{values[0]};exception;1.50;wrong", *(f"{value};ok;;" for value in values[1:4])]
    header = f"{key};outcome;audit_value;note"
    file.write_text("\n".join([header, *lines, f"{values[4]};;;"]), encoding="utf-8-sig")
    assert (
        "4 of 5 rows have a finding; 1 exception."
        in run("findings", sample, "--file", str(file), "--key", key).stdout
    )
    file.write_text(f"_logical_row_id,outcome,{key}\n{items[4]['row_id']},ok,\n")
    assert "5 of 5 rows" in run("findings", sample, "--file", str(file)).stdout
    newest = json.loads(run("findings", sample, "--json").stdout)["items"][0]["finding"]
    assert (newest["audit_value"], newest["note"]) == ("1.50", "wrong")


def test_an_entry_list_is_filled_in_and_sent_back(run: Run, sample: str, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    assert "written to" in run("findings", sample, "--output", str(file)).stdout
    header, *lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert header.endswith(",outcome,audit_value,note,cause,cause_text,_finding_id")
    filled = [line.removesuffix(",,,,,,") + ",OK,,,,," for line in lines]
    file.write_text("\n".join([header, *filled[:2], lines[2] + "x"]))
    shown = run("findings", sample, "--file", str(file), "--preview").stdout
    assert "3 lines by _logical_row_id: 2 new, 1 refused." in shown
    assert "Problem: 1 row is refused" in shown
    refused = run("findings", sample, "--file", str(file), code=1)
    assert "Row 4" in refused.stderr
    file.write_text("\n".join([header, *filled]))
    entered = run("findings", sample, "--file", str(file)).stdout
    assert "5 lines by _logical_row_id: 5 new." in entered
    assert "5 of 5 rows have a finding; 0 exceptions." in entered
    output = tmp_path / "list.xlsx"
    run("findings", sample, "--output", str(output))
    assert output.read_bytes().startswith(b"PK")
    assert "5 unchanged" in run("findings", sample, "--file", str(output)).stdout


def test_attributes_causes_and_the_conclusion(run: Run, sample: str) -> None:
    assert run("attributes", sample).stdout == "No attributes.\n"
    assert run("attributes", sample, "approved", "amount agrees").stdout.startswith("approved\n")
    rows = [
        item["row_id"] for item in json.loads(run("findings", sample, "--json").stdout)["items"]
    ]
    why = ("--deviation", "approved", "--cause", "other", "--cause-text", "moved house")
    run("findings", sample, rows[0], "exception", *why)
    for row in rows[1:]:
        run("findings", sample, row, "ok")
    shown = run("evaluate", sample, "--tolerable", "60%").stdout
    assert re.search(r"approved +1 +20.00 % +[0-9.]+ % +No", shown)
    assert re.search(r"amount agrees +0 +0.00 % +[0-9.]+ % +Yes", shown)
    assert "Conclusion: fine" in run("conclude", sample, "fine").stdout
    assert "Review: submitted." in run("review", sample, "submitted").stdout
    assert "you entered or submitted" in run("review", sample, "signed_off", code=1).stderr
    assert "Review: open." in run("review", sample, "withdrawn").stdout


def test_a_sign_off_without_an_evaluation_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [{"action": action, "evaluation": {}} for action in ("signed_off", "approved")]
    _print_review({"state": "approved", "entries": steps})
    assert "The sign-off kept no evaluation" in capsys.readouterr().out


def test_a_sample_in_two_stages(run: Run, table: Path, tmp_path: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    size = run("size", "Sales", "--materiality", "10%", "--accept", "0,1").stdout
    command = re.search(r"jobsvc (sample .*)", size)
    assert command is not None
    assert "--accept 0,1" in command[1]
    assert "Two stages: Examine 30 rows: with no exception accept" in size
    plan = ("--materiality", "10%", "--accept", "0,1")
    job = json.loads(run("sample", "Sales", *plan, "--json").stdout)["id"]
    items = json.loads(run("findings", job, "--json").stdout)["items"]
    assert len(items) == 30
    lines = [f"{item['row_id']},{'ok' if at else 'exception'}" for at, item in enumerate(items)]
    file = tmp_path / "stage.csv"
    file.write_text("\n".join(["_logical_row_id,outcome", *lines]))
    run("findings", job, "--file", str(file))
    shown = run("evaluate", job).stdout
    assert "the rule asks for stage 2: examine its 30 rows" in shown
    assert "30 of 60 rows have a finding" in run("findings", job).stdout
    assert "0,1" in run("size", "Sales", "--margin", "3%", "--accept", "1", code=2).stderr


def test_wrong_options_are_refused(run: Run, sample: str, tmp_path: Path) -> None:
    assert "neither to list" in run("findings", sample, "primary:1", code=2).stderr
    assert "needs a ROW and its" in run("findings", sample, "--note", "x", code=2).stderr
    assert "need --file" in run("findings", sample, "--preview", code=2).stderr
    assert ".csv" in run("findings", sample, "--output", "list.pdf", code=2).stderr
    path = str(tmp_path / "paper.pdf")
    assert ".html or .xlsx" in run("working-paper", sample, "--output", path, code=2).stderr


def test_a_larger_sample_has_the_findings(run: Run, sample: str) -> None:
    for item in json.loads(run("findings", sample, "--json").stdout)["items"]:
        run("findings", sample, item["row_id"], "ok")
    drawn = run("sample", "Sales", "--size", "9", "--seed", "7").stdout
    name = sample[:8]
    assert f"The findings about 5 rows came along from sample {name}, which this one" in drawn
    large = re.findall(r"job ([0-9a-f-]{36})", drawn)[0]
    assert "5 of 9 rows have a finding" in run("findings", large).stdout
    refused = run("evaluate", large, "--kind", "attributes", code=1).stderr
    assert f"continues sample {name}" in refused
    shown = run("evaluate", large, "--tolerable", "0.3").stdout
    assert f"This sample continues sample {name}" in shown
    assert re.search(
        rf"{name} +this one continues it +the same rows +0 exceptions in 5 rows", shown
    )
