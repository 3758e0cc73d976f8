"""Which lane a job runs in.

Owns: the rules of what is long. Invariant: the lane is settled at submission and kept with the job,
so a retry runs in the same one. What a small file unpacks to isn't known then: a job that turns out
long moves, once, when somebody else waits. So a long job doesn't keep a thread, or the memory, that
others' short ones wait for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage.jobs.jobs import Lane

LONG_IMPORT_BYTES = 16 * 1024**2
"""A file of this size takes about half a second to import."""

LONG_DRAW_ROWS = 250_000
"""So many rows take about a second to fetch and write."""

LONG_PROFILE_CELLS = 20_000_000
"""So many cells take about a second to profile."""

SHORT_FOR_S = 10.0
"""So long a job may stay in the short lane while somebody else's waits there."""

OF_EXPLORATIONS: Lane = "long"
"""What a user's SQL takes isn't known before it has run."""


def lane_of_import(size_bytes: int) -> Lane:
    """The lane of an import of a file of this size."""
    return "long" if size_bytes >= LONG_IMPORT_BYTES else "short"


def lane_of_profile(rows: int, columns: int) -> Lane:
    """The lane of a profile of a table of this size."""
    return "long" if rows * columns >= LONG_PROFILE_CELLS else "short"


def lane_of_draw(rounds: Sequence[Mapping[str, Any]], source_rows: int) -> Lane:
    """The lane of a draw, by the rows that its rounds ask for.

    >>> lane_of_draw([{"parameters": {"sample_size": 1000}}], 60_000_000)
    'short'
    >>> lane_of_draw([{"parameters": {"sample_fraction": 0.5}}], 60_000_000)
    'long'
    """
    asked = sum(_rows_asked(given["parameters"], source_rows) for given in rounds)
    return "long" if min(asked, source_rows) >= LONG_DRAW_ROWS else "short"


def _rows_asked(parameters: Mapping[str, Any], source_rows: int) -> float:
    """A round's rows as far as its parameters tell; sizes of strata and clusters don't."""
    if parameters.get("sample_size") is not None:
        return float(parameters["sample_size"])
    if parameters.get("sample_fraction") is not None:
        return float(parameters["sample_fraction"]) * source_rows
    if parameters.get("interval"):
        return source_rows / float(parameters["interval"])
    return 0.0
