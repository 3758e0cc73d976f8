"""The lane of a job: short or long.

The lane is chosen at submission and recorded, so that long jobs hold no thread or memory of short
ones. A short job that takes long moves to the long lane once, when another user's job waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage.jobs.jobs import Lane

# Work of these sizes takes about a second.
LONG_IMPORT_BYTES = 16 * 1024**2
LONG_DRAW_ROWS = 250_000
LONG_PROFILE_CELLS = 20_000_000
COLUMN_ROWS = 10_000
"""A column of a profile costs as much as this number of its values, however few it has."""

LANE_OF_QUERIES: Lane = "long"
"""The duration of a user's SQL isn't known in advance."""
LANE_OF_DOWNLOADS: Lane = "long"
"""Neither is the duration of a download."""


def lane_of_import(size_bytes: int) -> Lane:
    """The lane of an import of a file of this size."""
    return "long" if size_bytes >= LONG_IMPORT_BYTES else "short"


def lane_of_profile(rows: int, columns: int) -> Lane:
    """The lane of a profile of a table of this size.

    >>> lane_of_profile(1_000_000, 10), lane_of_profile(60, 5_000)
    ('short', 'long')
    """
    return "long" if max(rows, COLUMN_ROWS) * columns >= LONG_PROFILE_CELLS else "short"


def lane_of_draw(rounds: Sequence[Mapping[str, Any]], source_rows: int) -> Lane:
    """The lane of a draw, by the rows of its rounds.

    >>> lane_of_draw([{"parameters": {"sample_size": 1000}}], 60_000_000)
    'short'
    >>> lane_of_draw([{"parameters": {"sample_fraction": 0.5}}], 60_000_000)
    'long'
    """
    rows = sum(_rows_of(round_spec["parameters"], source_rows) for round_spec in rounds)
    return "long" if min(rows, source_rows) >= LONG_DRAW_ROWS else "short"


def _rows_of(parameters: Mapping[str, Any], source_rows: int) -> float:
    """A round's rows by its size, fraction or interval; 0 for sizes of strata or clusters."""
    if parameters.get("sample_size") is not None:
        return float(parameters["sample_size"])
    if parameters.get("sample_fraction") is not None:
        return float(parameters["sample_fraction"]) * source_rows
    if parameters.get("interval"):
        return source_rows / float(parameters["interval"])
    return 0.0
