"""``jobsvc row-key`` and ``import --row-key``, and rows named by keys in commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
def ledger(run: Run, tmp_path: Path) -> Path:
    """100 postings that their documents identify, imported into the dataset Ledger."""
    lines = [f"{number:010},{number * 1.25:.2f}" for number in range(100, 200)]
    file = tmp_path / "ledger.csv"
    file.write_text("\n".join(["document,amount", *lines]) + "\n")
    imported = run("import", str(file), "--dataset", "Ledger").stdout
    assert "Row key of primary: document – Unique in the first rows; not declared." in imported
    return file


def test_a_key_is_declared_shown_and_deleted(run: Run, ledger: Path) -> None:
    assert "has no row key" in run("row-key", "Ledger", code=1).stderr
    declared = run("row-key", "Ledger", "document").stdout
    assert "Row key of primary: document\n" in declared
    assert "Each row has a key of its own." in declared
    refused = run("row-key", "Ledger", "amont", code=1).stderr
    assert 'There is no column "amont". Did you mean "amount"?' in refused
    ledger.write_text(ledger.read_text() + "0000000200,1.00\n0000000201,1.00\n")
    imported = run("import", str(ledger), "--dataset", "Ledger").stdout
    assert "New keys: 2. Gone: 0. Kept: 100." in imported
    shown = run("row-key", "Ledger", "--limit", "1")
    assert "New keys: 2. Gone: 0. Kept: 100." in shown.stdout
    assert "1 of 2 versions." in shown.stderr
    assert "Give the columns" in run("row-key", "Ledger", "--duplicates", "number", code=2).stderr
    assert "Row key of primary: document\n" in run("row-key", "Ledger", "--delete").stdout
    assert "has no row key" in run("row-key", "Ledger", "--delete", code=1).stderr


def test_an_import_declares_a_key_that_commands_take(run: Run, ledger: Path) -> None:
    preview = run("import", str(ledger), "--preview").stdout
    assert "declare it as the row key: --row-key document\n" in preview
    options = ("--dataset", "Ledger", "--row-key", "document")
    assert (
        "Row key of primary: document – Each row has" in run("import", str(ledger), *options).stdout
    )
    drawn = run("sample", "Ledger", "--size", "5", "--seed", "7", "--json")
    sample = str(json.loads(drawn.stdout)["id"])
    items = json.loads(run("findings", sample, "--json").stdout)["items"]
    first, second = items[0]["data"]["document"], items[1]["data"]["document"]
    run("findings", sample, first, "exception", "--audit-value", "1.00")
    assert f"document {first}" in run("findings", sample).stdout
    replaced = run("replace", sample, second, "--reason", "void").stdout
    assert replaced.startswith(f"document {second} was replaced by document ")
    looked_up = run("why", sample, first).stdout
    assert looked_up.startswith(f"document {first}: drawn")
    unknown = run("findings", sample, "0000000099", "ok", code=1).stderr
    assert 'No row of the sample has the document "0000000099".' in unknown
