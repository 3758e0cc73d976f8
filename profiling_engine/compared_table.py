"""One of the two tables of a comparison, and how its rows were drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

from parquet_tables.tables import Column, TableFiles


@dataclass(frozen=True)
class ComparedTable:
    """One of the two tables.

    Parameters
    ----------
    table : TableFiles
        The rows that are read; none of them is masked.
    size : float or None
        The sample size that the tests use: infinite for a population without sampling error, the
        number of rows for a simple random sample, None to derive it from the weights and clusters.
    weight : Column or None
        The column of design weights.
    cluster : Column or None
        A column of integers: rows with one number were drawn together.
    rows : int or None
        The rows of the whole table, if only some of them are read.
    drawn_from_base : bool
        The rows were drawn without replacement from the table that they are compared with.
    """

    table: TableFiles
    size: float | None = math.inf
    weight: Column | None = None
    cluster: Column | None = None
    rows: int | None = None
    drawn_from_base: bool = False

    @property
    def design_columns(self) -> tuple[Column, ...]:
        """The columns that describe the design, not the rows."""
        return tuple(column for column in (self.weight, self.cluster) if column is not None)

    @property
    def is_sample(self) -> bool:
        """Whether the rows count by the weights of a sampling design."""
        return self.size is None

    @property
    def is_population(self) -> bool:
        """Whether the rows have no sampling error."""
        return self.size is not None and math.isinf(self.size)

    @property
    def row_count(self) -> int:
        """The rows of the whole table."""
        return self.table.row_count if self.rows is None else self.rows

    @property
    def is_read_whole(self) -> bool:
        """Whether every row of the table is read."""
        return self.row_count == self.table.row_count
