"""Types of columns that come back as they went in, by library."""

from __future__ import annotations

import uuid
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from jobsvc_client import Client, Dataset, JobsvcError

ROWS = 20


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A column of each type that pandas and databases have; large is beyond 2**53."""
    large = 2**53 + 1
    return pd.DataFrame(
        {
            "id": range(ROWS),
            "large": pd.array([None, *range(large, large + ROWS - 1)], dtype="Int64"),
            "small": pd.array([None, *range(ROWS - 1)], dtype="UInt8"),
            "is_paid": pd.array([None, True] * 10, dtype="boolean"),
            "zoned": pd.date_range("2025-03-29", periods=ROWS, freq="6h", tz="Europe/Berlin"),
            "plain": pd.date_range("2025-03-01", periods=ROWS),
            "waited": pd.to_timedelta(range(ROWS), unit="s"),
            "grade": pd.Categorical(["lo", "hi"] * 10, ["lo", "hi"], ordered=True),
            "price": [Decimal("1.50")] * ROWS,
            "day": [date(2025, 1, 1)] * ROWS,
        }
    )


@pytest.fixture(scope="module")
def table(client: Client, frame: pd.DataFrame) -> Dataset:
    return client.upload(frame, "of every type")


def test_missing_values_keep_their_type(table: Dataset) -> None:
    rows = table.sample("random", size=ROWS, seed=1).to_pandas()
    assert [str(rows[name].dtype) for name in ("large", "small", "is_paid")] == [
        "Int64", "UInt8", "boolean",
    ]  # fmt: skip
    assert rows.set_index("id").loc[2, "large"] == 2**53 + 2  # which no float holds
    whole = table.sample("random", size=ROWS, filters="id > 0").to_pandas()
    assert str(whole["large"].dtype) == "int64"  # without a missing value


def test_types_of_a_frame_of_pandas_are_restored(table: Dataset, frame: pd.DataFrame) -> None:
    sample = table.sample("random", size=ROWS, seed=1)
    rows = sample.to_pandas(types_of=frame).sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(rows[list(frame.columns)], frame)
    few = sample.to_pandas(columns=["grade", "_design_weight"], types_of=frame)
    assert few["grade"].cat.ordered


def test_a_sampled_frame_has_its_types(client: Client, frame: pd.DataFrame) -> None:
    rows = client.sample(frame, size=ROWS, seed=1).sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(rows[list(frame.columns)], frame)
    polar = pl.from_pandas(frame.drop(columns="price")).with_columns(
        pl.Series("level", ["x", "y"] * 10, dtype=pl.Enum(["x", "y"]))
    )
    drawn = client.sample(polar, size=ROWS, seed=1).sort("id")
    assert drawn.select(polar.columns).equals(polar)
    assert drawn.select(polar.columns).schema == polar.schema
    arrow = pa.Table.from_pandas(frame)
    found = client.sample(arrow, size=ROWS, seed=1).sort_by("id").select(frame.columns.tolist())
    assert found.schema.types == arrow.schema.types
    assert found.to_pylist() == arrow.to_pylist()


def test_a_sampled_frame_of_rare_types_comes_back(client: Client) -> None:
    times = [time(8, minute) for minute in range(ROWS)]
    polar = pl.DataFrame({"id": range(ROWS), "at": times}).with_columns(
        pl.lit(None).alias("nothing"), pl.col("id").cast(pl.Int128).alias("wide")
    )
    drawn = client.sample(polar, size=ROWS, seed=1).sort("id")
    assert drawn.select("id", "at").equals(polar.select("id", "at"))
    assert drawn["nothing"].null_count() == ROWS
    assert len(drawn["wide"]) == ROWS
    ids = [uuid.UUID(int=row).bytes for row in range(ROWS)]
    arrow = pa.table(
        {
            "id": range(ROWS),
            "nothing": pa.nulls(ROWS),
            "key": pa.ExtensionArray.from_storage(pa.uuid(), pa.array(ids, pa.binary(16))),
            "at": pa.array(times, pa.time64("ns")),
        }
    )
    found = client.sample(arrow, size=ROWS, seed=1).sort_by("id")
    assert found["nothing"].null_count == ROWS
    assert found["at"].combine_chunks() == arrow["at"].combine_chunks()
    assert found["key"].null_count == 0
    waits = pd.array(pd.to_timedelta(range(ROWS), unit="s"), dtype="duration[ns][pyarrow]")
    pandas = client.sample(pd.DataFrame({"id": range(ROWS), "waited": waits}), size=5, seed=1)
    assert len(pandas) == 5


def test_an_index_may_have_the_name_of_a_column(table: Dataset) -> None:
    sample = table.sample("random", size=5, seed=1)
    other = pd.DataFrame({"small": pd.array([1], dtype="Int64")})
    other.index = pd.Index([1.5], name="small")
    assert str(sample.to_pandas(types_of=other)["small"].dtype) == "Int64"


def test_what_a_type_can_not_hold_is_refused(table: Dataset) -> None:
    sample = table.sample("random", size=5, seed=1)
    other = pd.DataFrame({"grade": pd.Categorical(["neither"])})
    with pytest.raises(JobsvcError, match='The column "grade" can\'t have the type category'):
        sample.to_pandas(types_of=other)
    with pytest.raises(JobsvcError, match="frame of pandas"):
        sample.frame("pandas", types_of=pl.DataFrame({"id": [1]}))
    with pytest.raises(JobsvcError, match='"zoned"'):
        sample.to_pandas(types_of=pd.DataFrame({"zoned": pd.array([1], dtype="Int64")}))


def test_decimals_are_floats_in_pandas_unless_asked(client: Client, tmp_path: Path) -> None:
    amounts = ["0.35", "0.70", "12345678.90", ""]
    content = "id,amount\n" + "".join(f"{at},{text}\n" for at, text in enumerate(amounts))
    file = tmp_path / "amounts.csv"
    file.write_text(content, encoding="utf-8")
    table = client.import_file(file, "amounts to read")
    sample = table.sample("random", size=len(amounts), seed=1)
    rows = sample.to_pandas().sort_values("id", ignore_index=True)
    assert str(rows["amount"].dtype) == "float64"
    assert rows["amount"].tolist()[:3] == [0.35, 0.7, 12345678.9]
    assert rows["amount"].isna().tolist() == [False, False, False, True]
    exact = sample.to_pandas(exact_decimals=True).sort_values("id", ignore_index=True)
    assert exact["amount"].tolist() == [*map(Decimal, amounts[:3]), None]
    assert str(sample.to_polars().schema["amount"]) == "Decimal(precision=18, scale=2)"
