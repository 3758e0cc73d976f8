"""Small tables in any layout, and their profiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import TableFiles
from profiling_engine import ColumnProfile, TableProfile, profile_table
from profiling_engine.columns.passes import DEFAULT_LIMITS, ProfileLimits
from tests.sampling_engine.conftest import Workshop


@dataclass
class Studio(Workshop):
    """Makes tables and profiles them."""

    limits: ProfileLimits = DEFAULT_LIMITS

    def profile(self, table: TableFiles, columns: Sequence[str] = (), **how: Any) -> TableProfile:
        return profile_table(self.database, table, columns, **{"limits": self.limits, **how})

    def column(self, type_: str, values: Sequence[object], **how: Any) -> ColumnProfile:
        """The profile of a table's only column."""
        # As texts, since DuckDB takes a decimal number of many digits for a double.
        written = [f"{value:f}" if isinstance(value, Decimal) else value for value in values]
        table = self.table({'it\'s "x"': (type_, written)})
        return self.profile(table, **how).columns[0]


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    root = tmp_path_factory.mktemp("profiles")
    with ParquetDatabase(root, root / "spill", memory_mb=512, threads=2) as database:
        yield Studio(database, root)


@pytest.fixture
def by_rows(studio: Studio) -> Iterator[None]:
    """Profile rows, not frequencies, at any number of values."""
    studio.limits = ProfileLimits(values=-1)
    yield
    studio.limits = DEFAULT_LIMITS


@pytest.fixture(params=["frequencies", "rows"])
def way(request: pytest.FixtureRequest) -> str:
    """Profile by frequencies and by rows in turn."""
    if request.param == "rows":
        request.getfixturevalue("by_rows")
    return str(request.param)
