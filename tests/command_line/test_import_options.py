"""``jobsvc import`` with options that say how to read a file, its preview and control totals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")

LEDGER = """Journal 2024;;;
Company 12;;;
Konto;Betrag;Datum;Text
0012;1.234,56 €;01.02.2024;x
0013;(34,56) €;03.04.2024;y
Summe;1.200,00 €;;
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.csv"
    path.write_text(LEDGER)
    return path


def test_a_ledger_is_imported_with_control_totals(run: Run, ledger: Path) -> None:
    text = run("import", str(ledger), "--dataset", "Ledger").stdout
    assert 'Left out 1 row at the end: "Summe;1.200,00 €;;"' in text
    assert "Control totals of primary:" in text
    (line,) = [each for each in text.splitlines() if each.startswith("Betrag")]
    assert line.split() == ["Betrag", "1,200.00", "1,234.56", "-34.56"]
    assert 'Column "Konto" stays text: it has leading zeros' in text


def test_identifiers_are_last_among_control_totals(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "ledger.csv"
    file.write_text("Konto,amount\n1400,5\n1600,6.5\n")
    lines = run("import", str(file), "--dataset", "Ledger").stdout.splitlines()
    totals = [line.split() for line in lines if line.startswith(("Konto", "amount"))]
    assert totals == [
        ["amount", "11.50", "11.50", "0.00"],
        ["Konto", "(identifier)", *["3,000"] * 2, "0"],
    ]


def test_options_are_recorded_and_used(run: Run, ledger: Path) -> None:
    reading = ["--header-row", "3", "--skip-below", "0", "--type", "Konto=text"]
    reading += ["--type", "Betrag=text", "--type", "Datum=text", "--name", "Konto=Account"]
    job = json.loads(run("import", str(ledger), "--dataset", "L", *reading, "--json").stdout)
    assert job["run_parameters"]["options"] == {
        "header_row": 3,
        "skip_below": 0,
        "types": {"Konto": "VARCHAR", "Betrag": "VARCHAR", "Datum": "VARCHAR"},
        "names": {"Konto": "Account"},
    }
    (table,) = job["output_summary"]["tables"]
    assert (table["rows"], table["control_totals"]) == (3, [])


def test_a_preview_shows_types_changes_and_questions(run: Run, ledger: Path) -> None:
    text = run("import", str(ledger), "--preview", "--type", "Text=date").stdout
    assert "decimal comma, thousands separated by points, currency € removed" in text
    assert "leading zeros, such as 0012. Answer with --type Konto=VARCHAR or --type" in text
    assert 'Problem: Column "Text" has values that don\'t fit DATE, for example "x"' in text
    assert "0 of 0 jobs." in run("jobs").stdout


def test_wrong_options_are_named_as_options(run: Run, ledger: Path) -> None:
    wrong = run("import", str(ledger), "--preview", "--delimiter", "ab", code=1)
    assert "--delimiter must be one character" in wrong.stderr
    pair = run("import", str(ledger), "--preview", "--name", "Konto", code=2)
    assert "must be a name, = and a value" in pair.stderr
    assert "--dataset" in run("import", str(ledger), code=2).stderr


def test_a_failed_first_import_stays_readable(run: Run, tmp_path: Path) -> None:
    """The dataset and its failed job stay; the next import goes into the dataset."""
    file = tmp_path / "broken.csv"
    file.write_text("a,b\n1,2\n3,4,5\n")
    failed = run("import", str(file), "--dataset", "Sales", code=1)
    assert "Line 3: expected 2 values, found 3." in failed.stderr
    assert 'The new dataset "Sales" is empty' in failed.stderr
    (job,) = json.loads(run("jobs", "--json").stdout)["jobs"]
    assert "Line 3" in job["error_message"]
    file.write_text("a,b\n1,2\n")
    run("import", str(file), "--dataset", "Sales")
    (dataset,) = json.loads(run("datasets", "--json").stdout)["datasets"]
    assert dataset["name"] == "Sales"


def test_totals_are_compared_and_a_balance_entered(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "ledger.csv"
    file.write_text("id,name,amount\n1,a,5.5\n2,b,7\n,Sum a and b,12.5\n3,c,1\n,Total,13.6\n")
    asked = run("import", str(file), "--preview").stdout
    assert "Answer with --totals leave_out or --totals keep." in asked
    balance = ["--gl-balance", "amount=13,60", "--gl-reference", "GL 1600"]
    options = ["--dataset", "Ledger", "--totals", "leave_out", *balance]
    text = run("import", str(file), *options).stdout
    assert (
        "Differs: amount: the file's total 13.60 differs from the rows' sum 13.50 by 0.10." in text
    )
    assert (
        'Note: 1 row within the table is a total or subtotal and was left out: row 4 ("Sum' in text
    )
    assert "the sum 13.50 differs from the balance 13.60 (GL 1600) by 0.10." in text
    later = ["Ledger", "amount", "13.50", "--reference", "GL 1600, corrected"]
    assert "agrees with" in run("reconcile", *later).stdout
    assert run("reconcile", "Ledger").stdout.count("GL 1600") == 2


def test_control_totals_of_a_column_have_the_same_decimals(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "totals.csv"
    file.write_text("name,amount,tiny\na,1.5,1e-320\nb,-2,nan\nc,-1.5,-1e-320\n")
    text = " ".join(run("import", str(file), "--dataset", "Totals").stdout.split())
    assert "amount -2.00 1.50 -3.50" in text
    assert "tiny NaN NaN ~0.00" in text
