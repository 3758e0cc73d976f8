"""Values of floating-point columns as the decimals that they show, so that sums are exact."""

from __future__ import annotations

SCALES = (2, 4, 6, 9)
"""Decimals that are tried for the values of a DOUBLE column."""
EXACT_LIMIT = 2**53
"""DOUBLE represents every whole number up to here exactly."""


def exact_value(cell: str, scale: int) -> str:
    """Return the SQL of a floating-point value with ``scale`` decimals; NULL if it is too large."""
    return f"TRY_CAST({cell} AS DECIMAL(18,{scale}))"


def are_exact(cell: str, value: str, type_: str, scale: int) -> str:
    """Return the SQL of the aggregate that is true if all cells are their exact values."""
    return (
        f"coalesce(bool_and(CAST({value} AS {type_}) = {cell}), true) "
        f"AND count({value}) = count({cell}) "
        f"AND coalesce(max(abs({cell})) < {EXACT_LIMIT // 10**scale}, true)"
    )
