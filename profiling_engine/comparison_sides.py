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
        What is read.
    size : float
        For how many equally weighted rows it stands in a test: infinite for a whole table, its rows
        for a random part of one; None to tell it by the weights.
    weight : Column or None
        The column of design weights.
    """

    table: TableFiles
    size: float | None = math.inf
    weight: Column | None = None
