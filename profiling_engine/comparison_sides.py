"""One of two tables that are compared, and for how much it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from parquet_tables.tables import Column, TableFiles


@dataclass(frozen=True)
class Side:
    """One of the two tables.

    Parameters
    ----------
    table : TableFiles
        What is read; it leaves no row out.
    size : float
        For how many equally weighted rows it stands in a test: infinite for a whole table, its rows
        for a random part of one; None to tell it by the weights and units.
    weight : Column or None
        The column of design weights.
    unit : Column or None
        A column of whole numbers: rows of one number were drawn together, as those of a cluster.
    """

    table: TableFiles
    size: float | None = math.inf
    weight: Column | None = None
    unit: Column | None = None

    @property
    def design_columns(self) -> tuple[Column, ...]:
        """The columns that say how the rows were drawn, not what they are."""
        return tuple(column for column in (self.weight, self.unit) if column is not None)
