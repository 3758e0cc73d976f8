"""The profile of a table, with its seed and the version of the engine's arithmetic."""

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
        The seed of the sample of rows.
    columns : tuple of ColumnProfile
        The requested columns in the requested order.
    estimated_columns : tuple of str
        Columns that are estimated because the time budget was used up.
    repeated_rows : Figure or None
        The rows that repeat another one; None if only some columns were profiled or the time
        budget was used up.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    seed: int | str
    estimated_columns: tuple[str, ...] = ()
    repeated_rows: Figure | None = None
    alerts: tuple[Alert, ...] = ()
    version: str = PROFILE_VERSION

    def column(self, name: str) -> ColumnProfile:
        """The profile of the column with this exact name."""
        return next(column for column in self.columns if column.name == name)
