"""What is told of a table.

Owns: a table's profile and its JSON. Invariant: it names the seed that its estimates were made
with, and the version of the engine's arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

from profiling_engine.columns.accuracy import Figure
from profiling_engine.columns.profile import Alert, ColumnProfile, Part

PROFILE_VERSION = "jobsvc-profile-2"


@dataclass(frozen=True)
class TableProfile(Part):
    """A table's profile.

    Parameters
    ----------
    seed : int or str
        Of the sample of rows.
    columns : tuple of ColumnProfile
        Those that were asked for, in the order asked for.
    estimated_columns : tuple of str
        Columns that there was no time for: all but what a first look told is estimated.
    repeated_rows : Figure or None
        Rows that could be left out without losing a distinct row; None if that wasn't looked at,
        because only some columns were asked for or there was no time.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    seed: int | str
    estimated_columns: tuple[str, ...] = ()
    repeated_rows: Figure | None = None
    alerts: tuple[Alert, ...] = ()
    version: str = PROFILE_VERSION

    def column(self, name: str) -> ColumnProfile:
        """The profile of the column of this exact name."""
        return next(column for column in self.columns if column.name == name)
