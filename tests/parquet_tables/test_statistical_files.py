"""Files of Stata and SPSS: values that they can't have, and dates that are all missing."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyreadstat
import pytest

from parquet_tables.columns import Column
from parquet_tables.statistical_files import (
    LabelledVariable,
    StatisticalFormat,
    UnfitForStatistics,
    write_statistical,
)


def write(path: Path, kind: StatisticalFormat, value: str, type_: str) -> None:
    query = f'SELECT CAST(x AS {type_}) AS "a b" FROM (VALUES ({value}), (NULL)) AS r(x)'
    variables = [LabelledVariable(Column("a b", type_), "a_b", "A")]
    write_statistical(duckdb.connect(), query, [], variables, path, kind, "title")


@pytest.mark.parametrize("kind", ["dta", "sav"])
@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("DOUBLE", "'-inf'"),
        ("FLOAT", "'inf'"),
        ("DATE", "'infinity'"),
        ("DATE", "'200000-01-01'"),
        ("DATE", "'0001-01-01 (BC)'"),
        ("TIMESTAMP", "'infinity'"),
        ("TIMESTAMP", "'-infinity'"),
        ("TIMESTAMP", "'200000-01-01'"),
        ("TIMESTAMP_S", "'infinity'"),
        ("TIMESTAMP_NS", "'infinity'"),
    ],
)
def test_values_that_the_files_lack_are_refused(
    tmp_path: Path, kind: StatisticalFormat, type_: str, value: str
) -> None:
    with pytest.raises(UnfitForStatistics, match='The column "a b" has'):
        write(tmp_path / "found", kind, value, type_)


@pytest.mark.parametrize("value", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("type_", ["DATE", "TIMESTAMP"])
def test_the_first_and_last_dates_are_written(tmp_path: Path, value: str, type_: str) -> None:
    path = tmp_path / "found.dta"
    write(path, "dta", f"'{value}'", type_)
    frame, _ = pyreadstat.read_dta(str(path))
    assert str(frame["a_b"][0]).startswith(value)


def test_a_number_beyond_those_of_stata_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnfitForStatistics, match="can't be written"):
        write(tmp_path / "found.dta", "dta", "1.7e308", "DOUBLE")


def test_missing_dates_stay_dates(tmp_path: Path) -> None:
    write(tmp_path / "found.dta", "dta", "NULL", "DATE")
    assert pyreadstat.read_dta(str(tmp_path / "found.dta"))[1].original_variable_types == {
        "a_b": "%td"
    }
    write(tmp_path / "found.sav", "sav", "NULL", "DATE")
    assert pyreadstat.read_sav(str(tmp_path / "found.sav"))[1].original_variable_types == {
        "a_b": "DATE11"
    }
