"""``jobsvc connection``, ``attach``, and ``check`` of attached files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.command_line.conftest import Run
from tests.support.lake_tables import delta_sales


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two files that connections may read."""
    folder = tmp_path / "lake"
    folder.mkdir()
    with duckdb.connect() as connection:
        for name, start in (("a", 0), ("b", 300)):
            connection.execute(
                f"COPY (SELECT range AS id FROM range({start}, {start + 300})) "
                f"TO '{folder}/{name}.parquet' (FORMAT parquet)"
            )
    monkeypatch.setenv("JOBSVC_CONNECTION_PREFIXES", f"{folder.as_uri()}/")
    return folder


def test_table_is_attached_drawn_and_checked(run: Run, lake: Path, created: Path) -> None:
    uri = f"{lake.as_uri()}/"
    refused = run("attach", uri, "--dataset", "Lake", code=1)
    assert "no connection that reads" in refused.output
    added = run("connection", "add", "disk", uri, "--user", "everyone")
    assert "everyone" in added.stdout
    assert "600 rows in 2 files," in run("attach", uri, "--dataset", "Lake", "--preview").stdout
    assert "Lake" not in run("datasets").stdout
    done = run("attach", uri, "--dataset", "Lake")
    assert "600" in done.stdout
    shown = run("attach", f"{uri}b.parquet", "--dataset", "Lake", "--preview").stdout
    assert "300 rows in 1 file," in shown
    assert "BIGINT" in shown
    drawn = run("sample", "Lake", "--size", "20", "--seed", "3", "--name", "q1")
    assert "20" in drawn.stdout
    checked = run("check").stdout
    assert "2 attached files" in checked
    assert "0 faults" in checked

    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.delenv("JOBSVC_CONNECTION_PREFIXES")
        unable = run("check").stdout
        findings = json.loads(run("check", "--json").stdout)
    assert "2 attached files not checked: This server allows no connections" in unable
    assert "0 attached files, " in unable
    assert "0 faults; 2 attached files not checked" in unable
    assert (findings["faults"], len(findings["not_checked"])) == ([], 2)

    archive = created.parent / "backup.tar"
    run("backup", str(archive))
    shutil.copy(lake / "a.parquet", lake / "b.parquet")
    assert "b.parquet" in run("check", code=1).output
    failed = run("sample", "Lake", "--size", "20", "--seed", "4", code=1)
    assert "when it was attached" in failed.output
    restored = created.parent / "restored"
    run("restore", str(archive), "--data-dir", str(restored))
    rows = run("rows", "Lake", "--ref", "smpl-q1", "--data-dir", str(restored)).stdout
    assert "_logical_row_id" in rows


@pytest.mark.usefixtures("created")
def test_new_dataset_is_removed_if_its_files_are_refused(run: Run, lake: Path) -> None:
    run("connection", "add", "disk", f"{lake.as_uri()}/")
    (lake / "notes.txt").write_text("no Parquet")
    refused = run("attach", f"{lake.as_uri()}/", "--dataset", "Refused", code=1)
    assert "notes.txt: It isn't a Parquet file" in refused.output
    assert "The new dataset was removed again." in refused.output
    assert "Refused" not in run("datasets").stdout


@pytest.mark.usefixtures("created")
def test_column_in_a_folder_name_is_noted(run: Run, lake: Path) -> None:
    uri = f"{lake.as_uri()}/region=AT/"
    (lake / "region=AT").mkdir()
    (lake / "a.parquet").rename(lake / "region=AT" / "a.parquet")
    run("connection", "add", "disk", f"{lake.as_uri()}/")
    for option in ("--preview", "--batch"):
        shown = run("attach", uri, "--dataset", "Region", option).stdout
        assert "Columns whose values are in names of folders: region." in shown


@pytest.mark.usefixtures("created")
def test_delta_table_is_attached_at_a_version(
    run: Run, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delta_sales(lake / "sales", files=3, rows=100)
    run("connection", "add", "disk", f"{lake.as_uri()}/")
    monkeypatch.chdir(lake)
    shown = run("attach", "Sales", "--delta", "./sales", "--version", "1", "--preview").stdout
    assert "200 rows in 2 files" in shown
    assert "Note: Version 1 of the Delta table file:///" in shown
    done = run("attach", "Sales", "--delta", "./sales", "--version", "1")
    assert "Version 1 of the Delta table" in done.stdout
    done = run("attach", "Sales", "--delta", f"{lake.as_uri()}/sales")
    assert "Version 2 of the Delta table" in done.stdout
    assert "The version before had 200 rows in this table; this one has 300." in done.stdout
    for wrong, words in (
        (["Sales", "--delta", "a", "--iceberg", "b"], "a table has one format"),
        (["Sales", "x", "--delta", "a"], "name the dataset and no other URI"),
        (["--delta", "a"], "name the dataset and no other URI"),
        (["x"], "Missing option '--dataset'"),
        ([], "Missing argument 'URI...'"),
    ):
        assert words in run("attach", *wrong, code=2).output


@pytest.mark.usefixtures("created")
def test_connections_are_changed_and_deleted(run: Run, lake: Path) -> None:
    run("connection", "add", "disk", f"{lake.as_uri()}/")
    run("connection", "change", "disk", "--user", "everyone")
    assert "everyone" in run("connection", "list").stdout
    run("connection", "delete", "disk", "--yes")
    assert "disk" not in run("connection", "list").stdout
    for name in ("first", "second"):
        run("connection", "add", name, f"{lake.as_uri()}/")
    several = run("attach", f"{lake.as_uri()}/", "--dataset", "Twins", code=1)
    assert 'The connections "first", "second" have the same prefix' in several.output
    assert "Name one of them in --connection." in several.output
    wrong = run("connection", "add", "etc", "file:///etc/", code=1)
    assert "connection_prefixes" in wrong.output
    key = run("connection", "add", "keys", f"{lake.as_uri()}/", "--credentials", "a b", code=1)
    assert "--credentials is how" in key.output
