"""Draws through the Python client: the API's rows, in the kind of frame that was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from jobsvc_client import Client, Dataset, JobsvcError

from sampling_engine import METHODS
from tests.client.conftest import ROWS
from tests.support.live_server import LiveServer

OF_METHOD: dict[str, dict[str, Any]] = {
    "random": {"size": 20},
    "reservoir": {"size": 0.1},
    "stratified": {
        "strata": "region",
        "size": {"north": 3, "east": "all", "south": "5%", "west": 2},
    },
    "systematic": {"parameters": {"interval": 7}},
    "cluster": {"parameters": {"cluster_column": "region", "num_clusters": 2}},
    "weighted": {"size": 9, "filters": "amount > 0", "parameters": {"weight_column": "amount"}},
    "monetary_unit": {"size": 12, "parameters": {"book_column": "amount"}},
    "split": {"parts": {"train": 0.5, "test": "50%"}, "group": "region"},
}


@pytest.mark.parametrize("method", [method.name for method in METHODS])
def test_every_method_can_be_planned_and_drawn(dataset: Dataset, method: str) -> None:
    plan = dataset.plan(method, seed=3, **OF_METHOD[method])
    sample = dataset.sample(method, seed=3, **OF_METHOD[method])
    assert sample.info["run_parameters"]["rounds"][0]["method"] == method
    assert sample.size == len(sample.to_pandas())
    assert plan.source_rows == sample.source_rows == ROWS


def test_a_draw_sends_what_it_was_given(dataset: Dataset, server: LiveServer) -> None:
    bands = {"column": "amount", "breaks": [0, 50, 100]}
    sample = dataset.sample(
        "stratified",
        strata=[bands],
        size=30,
        seed="text",
        filters={"conditions": [{"column": "id", "operator": ">", "value": 3}]},
        parameters={"min_per_stratum": 2},
        columns=["id", "amount"],
        order_by="amount",
        descending=True,
        amount_column="amount",
        residual=True,
        name="all-options",
        purpose="every option",
        priority="batch",
    )
    body = {
        "rounds": [
            {
                "method": "stratified",
                "parameters": {
                    "strata_columns": [bands],
                    "sample_size": 30,
                    "seed": "text",
                    "min_per_stratum": 2,
                },
                "filters": {"conditions": [{"column": "id", "operator": ">", "value": 3}]},
                "selection": {
                    "columns": ["id", "amount"],
                    "order_by": "amount",
                    "order_desc": True,
                },
            }
        ],
        "amount_column": "amount",
        "export_residual": True,
        "output_name": "all-options",
        "commit_message": "every option",
        "priority": "batch",
    }
    again = server.draw(dataset.id, body)
    assert again["id"] == sample.id
    assert (sample.name, sample.info["purpose"]) == ("all-options", "every option")
    assert len(sample.residual("polars")) == ROWS - 30


def test_the_first_argument_of_a_size_decides_its_kind(dataset: Dataset) -> None:
    sizes = {0.05: 20, "5%": 20, "2,5 %": 10, 20: 20}
    for size, rows in sizes.items():
        assert dataset.plan("random", size=size).total_rows == rows  # type: ignore[arg-type]


def test_a_margin_gives_the_size_and_is_recorded(dataset: Dataset) -> None:
    sample = dataset.sample("random", margin=0.1, filters="id >= 0")
    (drawn,) = sample.info["run_parameters"]["rounds"]
    assert drawn["goal"] == {"margin": 0.1, "confidence": 0.95}
    margin = dataset.plan("random", size=sample.size).margin
    assert margin is not None
    assert margin <= 0.1


@pytest.mark.parametrize("argument", ["size", "margin"])
@pytest.mark.parametrize("text", ["5", "1,000%", "few"])
def test_what_is_no_percentage_is_refused_with_a_hint(
    dataset: Dataset, argument: str, text: str
) -> None:
    with pytest.raises(JobsvcError, match=f'{argument}="{text}"') as refused:
        dataset.plan("random", **{argument: text})  # type: ignore[arg-type]
    assert refused.value.code == "invalid_argument"
    assert refused.value.hint is not None


def test_percentages_are_numbers_everywhere(dataset: Dataset) -> None:
    sample = dataset.sample("random", margin="10%", seed=5)
    assert sample.info["run_parameters"]["rounds"][0]["goal"]["margin"] == 0.1
    sizes = {"north": "2,5%", "east": "all", "south": 1, "west": 1}
    assert dataset.plan("stratified", strata="region", size=sizes).total_rows == 3 + 100 + 2
    assert sample.estimate("mean", "amount", confidence="90%").data["confidence"] == 0.9
    sample.add_findings({"row_id": each["row_id"], "outcome": "ok"} for each in sample.findings())
    evaluation = sample.evaluate("10%", confidence="90%")
    assert (evaluation.is_tolerable, evaluation.data["confidence"]) == (True, 0.9)


def test_columns_are_given_as_a_text_or_a_list(dataset: Dataset) -> None:
    sample = dataset.sample("random", size=5, columns="id")
    assert list(sample.to_pandas(columns="id")) == ["id"]
    assert [each["name"] for each in dataset.profile("id").result()["columns"]] == ["id"]
    assert dataset.changed_rows("main", keys="id").to_pandas().empty


def test_several_steps_are_drawn_as_the_api_describes_them(dataset: Dataset) -> None:
    rounds = [{"method": "random", "parameters": {"sample_size": size}} for size in (5, 6)]
    assert (
        dataset.sample(rounds=rounds).to_pandas()["_sampling_round"].tolist() == [1] * 5 + [2] * 6
    )


def test_a_sample_has_the_same_rows_in_every_library(dataset: Dataset, tmp_path: Path) -> None:
    sample = dataset.sample("random", size=15, seed=1)
    ids = sample.to_pandas()["id"].tolist()
    assert sample.to_polars()["id"].to_list() == ids
    assert sample.to_arrow()["id"].to_pylist() == ids
    assert pd.read_csv(sample.save(tmp_path / "s.csv"))["id"].tolist() == ids
    assert sample.to_arrow(columns=["amount"]).column_names == ["amount"]


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_a_frame_is_sampled_to_a_frame_of_its_kind(
    client: Client, frame: pd.DataFrame, library: str
) -> None:
    given: Any = {
        "pandas": lambda: frame,
        "polars": lambda: pl.from_pandas(frame),
        "arrow": lambda: pa.Table.from_pandas(frame, preserve_index=False),
    }[library]()
    drawn: Any = client.sample(given, "stratified", strata="region", size=40, seed=2)
    assert type(drawn) is type(given)
    rows = drawn if library == "pandas" else drawn.to_pandas()
    assert rows["region"].value_counts().to_dict() == dict.fromkeys(
        ("north", "east", "south", "west"), 10
    )
    same = frame.set_index("id").loc[rows["id"]]
    amounts = rows.set_index("id")["Amount, net"]
    pd.testing.assert_series_equal(amounts, same["Amount, net"], check_index_type=False)
    assert rows["day"].tolist() == same["day"].tolist()
    assert set(rows["_design_weight"]) == {10.0}


def test_a_frame_is_uploaded_once(client: Client, frame: pd.DataFrame) -> None:
    before = len(client.datasets())
    part = frame.iloc[5:60]
    drawn = [client.sample(part, size=5, seed=4)["id"].tolist() for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len(client.datasets()) == before + 1


def test_an_index_with_a_name_is_a_column(client: Client, frame: pd.DataFrame) -> None:
    named = frame.set_index("id")
    assert "id" in client.sample(named, size=5).columns
    plain = frame[frame["id"] > 100]
    assert not [name for name in client.sample(plain, size=5).columns if "index" in name]


def test_a_file_is_imported_with_options(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "orders 2025.csv"
    file.write_text("title;\nid;amount\n1;2,5\n2;3,5\n")
    dataset = client.import_file(file, decimal=",", header_row=2, purpose="the orders")
    assert dataset.name == "orders 2025"
    assert dataset.sql("SELECT sum(amount) AS s FROM data").to_pandas()["s"].tolist() == [6.0]
    assert client.import_file(file, decimal=",", header_row=2).id == dataset.id


def test_what_is_no_frame_is_refused(client: Client) -> None:
    with pytest.raises(JobsvcError, match="list is no frame") as refused:
        client.sample([1, 2], size=1)  # type: ignore[arg-type]
    assert refused.value.code == "invalid_frame"
    lazy = pl.DataFrame({"amount": [1.0, 2.0]}).lazy()
    with pytest.raises(JobsvcError, match="LazyFrame is no frame"):
        client.sample(lazy, size=1)  # type: ignore[arg-type]


def test_the_server_reads_written_numbers(dataset: Dataset, tmp_path: Path) -> None:
    goal = {"materiality": "20 %", "confidence": "90"}
    sample = dataset.sample("random", size=20, seed=6, goal=goal)
    recorded = sample.info["run_parameters"]["rounds"][0]["goal"]
    assert recorded == {"materiality": 0.2, "confidence": 0.9, "likelihood": "hypergeometric"}
    sample.add_findings({"row_id": each["row_id"], "outcome": "ok"} for each in sample.findings())
    both = sample.evaluate("12,5 %", confidence="50 %", sides="two").data
    assert (both["confidence"], both["lower_limit"], both["sides"]) == (0.5, 0.0, "two")
    paper = sample.working_paper(tmp_path / "paper.html").read_text()
    assert "Planned:" not in paper
    amount = sample.working_paper(tmp_path / "other.html", tolerable=12.125).read_text()
    assert "A tolerable share is above 0 and below 1" in amount  # read, and no share
    with pytest.raises(JobsvcError, match="can be read in two ways"):
        sample.evaluate("250.000")


def test_a_keyed_draw_names_its_key_and_start(dataset: Dataset) -> None:
    sample = dataset.sample(size=20, seed=4, key="id", start="0.25")
    (drawn,) = sample.info["run_parameters"]["rounds"]
    assert drawn["order"] == {"key": ["id"], "start": "0.25", "duplicates": "refuse"}
    assert dataset.plan("systematic", interval=9, start=3).total_rows > 0
    with pytest.raises(JobsvcError, match="has no row key"):
        dataset.plan(size=20, keyed=True)
    with pytest.raises(JobsvcError, match="draw a random or a stratified sample"):
        dataset.plan("systematic", interval=9, key="id")
