"""Samples found by name, uploads of equal frames, notes of imports, designs and plots."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import nbformat
import pandas as pd
import pytest
from jobsvc_client import Client, Dataset, JobsvcError, Split
from nbclient import NotebookClient

mpl.use("agg")


def test_a_sample_is_found_by_its_name(client: Client, dataset: Dataset) -> None:
    drawn = dataset.sample("random", size=10, seed=1, name="named by the client")
    split = dataset.split({"train": 0.8, "test": 0.2}, key="id", name="split-by-name")
    assert client.sample_of("named by the client").id == drawn.id
    assert dataset.sample_of("named-by-the-client").size == 10
    found = dataset.samples(limit=2)
    assert [each.id for each in found] == [split.id, drawn.id]
    assert isinstance(found[0], Split)
    assert [each.id for each in dataset.samples(limit=2000)][:2] == [split.id, drawn.id]
    with pytest.raises(JobsvcError, match='no sample "split-by-nam"') as error:
        dataset.sample_of("split-by-nam")
    assert error.value.hint == 'Did you mean "split-by-name"?'
    with pytest.raises(JobsvcError, match="There is no sample"):
        client.sample_of("a name of nothing")


def test_a_name_in_two_datasets_needs_an_id(client: Client) -> None:
    for name in ("one with the name", "another with the name"):
        table = client.upload(pd.DataFrame({"x": range(9)}), name)
        table.sample("random", size=3, seed=1, name="in-two-datasets")
    with pytest.raises(JobsvcError, match="Several samples") as error:
        client.sample_of("in-two-datasets")
    assert error.value.code == "ambiguous_name"
    assert table.sample_of("in-two-datasets").size == 3


def test_a_part_of_a_name_is_no_name(
    client: Client, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsvc_client.client.SEARCHED", 2)
    for number in range(2):
        body = {"name": f"bounded-{number}", "source_ref": "main"}
        client.request("POST", f"/api/datasets/{dataset.id}/refs", body)
    dataset.sample("random", size=3, name="bounded")
    for number in range(2, 4):
        body = {"name": f"bounded-{number}", "source_ref": "main"}
        client.request("POST", f"/api/datasets/{dataset.id}/refs", body)
    assert client.sample_of("bounded").size == 3
    with pytest.raises(JobsvcError) as error:
        client.sample_of("bound")
    assert error.value.code == "not_found"


def test_a_contract_of_a_mistyped_table_is_refused(dataset: Dataset) -> None:
    assert dataset.data_contract() is None
    assert dataset.data_contract(table="primary") is None
    with pytest.raises(JobsvcError, match='no table "typo"') as error:
        dataset.data_contract(table="typo")
    assert error.value.hint.startswith("Available: primary")


def test_an_equal_frame_makes_no_new_version(client: Client) -> None:
    frame = pd.DataFrame({"x": range(30)})
    first = client.upload(frame, "uploaded twice")
    assert first.notes == []
    again = client.upload(frame, "uploaded twice", purpose="The same")
    jobs = client.request("GET", "/api/jobs", dataset_id=first.id, run_type="import")
    assert jobs["total"] == 1
    (note,) = again.notes
    assert "no new version was made. The purpose wasn't recorded." in note
    assert note in repr(again)
    assert note.replace("'", "&#x27;") in again._repr_html_()
    other = {"name": "other", "source_ref": "main"}
    client.request("POST", f"/api/datasets/{first.id}/refs", other)
    for number in range(6):
        first.import_content(f"{number}.csv", b"x\n1\n", ref="other")
    assert client.upload(frame, "uploaded twice").notes == [note.partition(" The purpose")[0]]
    assert client.upload(frame + 1, "uploaded twice").notes == []
    assert client.upload(frame, "uploaded twice").notes == []  # main has another version now


def test_notes_of_an_import_are_shown(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "noted.csv"
    file.write_text("Ledger of July\n\nid,amount\n1,2\n2,3\n")
    made = client.import_file(file, "noted")
    assert made.notes
    assert all(f"Note: {note}" in repr(made) for note in made.notes)


def test_a_design_is_facts_a_table_and_code(dataset: Dataset) -> None:
    sample = dataset.sample("stratified", strata="region", size=40, seed=1)
    design = sample.design()
    assert (design.method, design.rows, design.population, design.strata) == (
        "stratified", 40, 400, 4,
    )  # fmt: skip
    assert [(each["row_count"], each["drawn"]) for each in design.groups] == [(100, 10)] * 4
    table = design.to_pandas()
    assert set(table["stage1_units"]) == {100}
    assert set(table["weight"]) == {10.0}
    assert design.code("stata").startswith("* stratified sample: 40 rows of 400.")
    assert design.code() == sample.design("r")
    assert "Strata: 4" in repr(design)
    assert "<table" in design._repr_html_()
    clusters = dataset.sample("cluster", cluster_column="region", num_clusters=2, seed=1).design()
    assert (clusters.clusters, clusters.clusters_drawn) == (4, 2)
    assert "Clusters: 2 of 4" in repr(clusters)


def test_estimates_are_drawn(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = dataset.sample("stratified", strata="region", size=40, seed=1)
    figures = sample.estimate("mean", "amount", by="region")
    ax = figures.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        each.group["region"] for each in figures
    ]
    assert list(ax.lines[0].get_xdata()) == [figures[0].ci_low, figures[0].ci_high]
    assert list(ax.lines[1].get_xdata()) == [figures[0].estimate]
    share = sample.estimate("proportion", "region", value="north")
    assert share.plot(ax=ax) is ax
    assert ax.get_xlabel() == "Percent"
    two = [{"statistic": "mean", "column": "amount"}, {"statistic": "total", "column": "amount"}]
    with pytest.raises(JobsvcError, match="one kind"):
        sample.estimate(statistics=two).plot()
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(JobsvcError, match="matplotlib isn't installed") as error:
        figures.plot()
    assert "jobsvc-client[plot]" in str(error.value.hint)


def test_a_judge_is_short_for_its_calibration(dataset: Dataset) -> None:
    sample = dataset.sample("random", size=100, seed=1)
    (found,) = sample.estimate("mean", "amount", judge="id")
    same = sample.estimate("mean", "amount", calibrate={"method": "judge", "columns": ["id"]})
    assert found.judge == same[0].judge
    assert found.judge is not None
    assert found.judge["both"]["estimate"] == found.estimate
    assert sample.estimate("mean", "amount")[0].judge is None
    with pytest.raises(JobsvcError, match="can't be combined"):
        sample.estimate("mean", "amount", judge="id", calibrate={"method": "ratio"})


def test_a_margin_of_a_share_is_in_percentage_points(dataset: Dataset) -> None:
    sample = dataset.sample("random", size=100, seed=1)
    (share,) = sample.estimate("proportion", "region", value="north")
    assert share.figures()[1].endswith(" percentage points")
    assert f"% ± {100 * (share.margin or 0):.2f} percentage points (95 %: " in str(share)
    assert "percentage points" in repr(dataset.plan("random", size=100))


def test_a_size_of_one_as_a_decimal_is_refused(dataset: Dataset) -> None:
    with pytest.raises(JobsvcError, match="two ways") as error:
        dataset.plan("random", size=1.0)
    assert error.value.hint == 'Write 1 for one row, or "100%" for all rows.'
    assert dataset.plan("random", size=120 / 2).total_rows == 60
    assert dataset.plan("random", size=1).total_rows == 1


BAR = """
import time
from jobsvc_client import progress
with progress.progress_bar("sampling", is_shown=True) as show:
    show(10)
    time.sleep(progress.BAR_AFTER_S)
    show(50)
    show(90)
"""


def test_a_bar_leaves_nothing_in_a_notebook() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(BAR)])
    seen: list[str] = []

    class Watching(NotebookClient):
        def process_message(self, msg, cell, cell_index):  # type: ignore[no-untyped-def]
            seen.append(str(msg["content"].get("data", {}).get("text/plain")))
            return super().process_message(msg, cell, cell_index)

    Watching(notebook, timeout=60).execute()
    assert "sampling 50 %" in seen
    assert "sampling 90 %" in seen
    (output,) = notebook.cells[0].outputs
    assert output["data"] == {"text/plain": "", "text/html": ""}
