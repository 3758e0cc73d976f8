"""Lengths: of texts in characters, of binary values in bytes, of lists and maps in elements.

Owns: their pass. Called by the modules of texts and of plain kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from profiling_engine.accuracy import Figure
from profiling_engine.aggregates import Aggregate, greatest, least, rows, total
from profiling_engine.parts import Lengths
from profiling_engine.totals import Totals


def length_passes(length: str, empty: str) -> dict[str, Aggregate]:
    """What a pass counts, from the SQL of a value's length and of whether it is empty."""
    return {
        "count": rows("v IS NOT NULL"),
        "shortest": least(length),
        "longest": greatest(length),
        "length": total(length),
        "empty": rows(empty),
    }


def lengths_of(totals: Totals) -> Lengths:
    """The lengths that a pass found."""
    some = bool(totals.values["count"])
    return Lengths(
        minimum=totals.least("shortest"),
        mean=totals.derive(_mean) if some else Figure(None),
        maximum=totals.greatest("longest"),
        empty=totals.count("empty"),
    )


def _mean(sums: Mapping[str, Any]) -> Any:
    return sums["length"] / sums["count"]
