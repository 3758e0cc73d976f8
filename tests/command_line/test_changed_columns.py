"""``jobsvc import`` says which columns change, and ``--require-columns`` refuses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")

WILL_REFUSE = "The import will be refused, since the same columns are required."
SHOWN = (
    "The columns differ from those of the version before.",
    "Table primary: missing: city; another type: id (BIGINT, now VARCHAR); new: town; "
    "rows before: 2, now: 1.",
)


def test_changed_columns_are_printed_and_refused(run: Run, tmp_path: Path) -> None:
    before, other = tmp_path / "a.csv", tmp_path / "b.csv"
    before.write_text("id,city\n1,Oslo\n2,Lima\n", encoding="utf-8")
    other.write_text("id,town\nx,Oslo\n", encoding="utf-8")
    assert "columns" in run("import", str(before), "--dataset", "ledger").stdout
    assert run("require-columns", "ledger").stdout == (
        'Imports into "ledger" must have the columns of the version before.\n'
    )
    given = ("import", str(other), "--dataset", "ledger")
    refused = run(*given, code=1).stderr
    assert "the dataset requires the same columns" in refused
    assert WILL_REFUSE in run(*given, "--preview").stdout
    assert "may differ from" in run("require-columns", "ledger", "--off").stdout
    for ref in ("main", "new"):  # a new ref begins as main
        refused = run(*given, "--ref", ref, "--require-columns", code=1).stderr
        assert '"city" is missing' in refused
        assert "or import without --require-columns to accept them." in refused
        assert WILL_REFUSE not in run(*given, "--ref", ref, "--preview").stdout
        previewed = run(*given, "--ref", ref, "--preview", "--require-columns").stdout
        assert WILL_REFUSE in previewed
    for shown in (run(*given, "--preview").stdout, run(*given).stdout):
        assert all(line in shown.splitlines() for line in SHOWN)
