"""``jobsvc import`` with a URI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line.conftest import Run


def test_a_uri_is_imported_by_the_server(
    run: Run, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = table.parent / "lake"  # beside the data directory, which a prefix can't cover
    folder.mkdir()
    uri = table.rename(folder / table.name).as_uri()
    refused = run("import", uri, "--dataset", "Sales", code=1)
    assert "import_prefixes" in refused.output
    assert "removed again" in refused.output
    monkeypatch.setenv("JOBSVC_IMPORT_PREFIXES", f"{folder.as_uri()}/")
    shown = run("import", uri, "--preview").stdout
    assert "Table primary" in shown
    assert "0 of 0 jobs." in run("jobs").stdout
    done = run("import", uri, "--dataset", "Sales")
    assert "700" in done.stdout
