"""Columns that folders state in their names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from import_engine.attaching import UnservableFile
from import_engine.partitions import partition_columns
from import_engine.sources.uris import parse_uri
from parquet_tables.columns import Column

OWN = [Column("id", "BIGINT")]


def test_column_that_folders_state_twice_is_refused() -> None:
    with pytest.raises(UnservableFile, match='the column "a" twice'):
        partition_columns([parse_uri("file:///t/a=1/a=2/x.parquet")], OWN)


def test_folders_of_the_prefix_state_no_columns() -> None:
    uri = replace(parse_uri("file:///lake/team=7/year=2024/x.parquet"), allowed=2)
    laid, values = partition_columns([uri], OWN)
    assert [column.name for column in laid] == ["id", "year"]
    assert values == [(("year", "2024"),)]
