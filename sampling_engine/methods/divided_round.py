"""Rounds that divide all their rows among the tables of a method, its parts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.tables import TableFiles
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.method import RoundDraw
from sampling_engine.results import (
    Floats,
    FrameFacts,
    OwnAccount,
    RoundRows,
    RowChances,
    RowOutcome,
)
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import NO_STRATUM
from sampling_engine.selection.walk_and_scan import Chosen

NO_PART = -1
"""The part of a row that isn't eligible."""
Parts = NDArray[np.int8]
"""The part of each row of a table's files, by ordinal: a number from 0, or ``NO_PART``."""


@dataclass(frozen=True)
class WrittenParts:
    """The tables of the parts as they were written, and what was read from them again.

    Parameters
    ----------
    tables : mapping of str to TableFiles
        By the name of the part.
    names : mapping of str to str
        The columns' names in these tables, by their names in the source.
    missing_rows, repeated_rows : int
        Eligible rows that no part has, and rows that are in the parts more often than they should.
    folder : Path
        A temporary folder.
    """

    tables: Mapping[str, TableFiles]
    names: Mapping[str, str]
    missing_rows: int
    repeated_rows: int
    folder: Path


@dataclass(frozen=True)
class DividedRound(RoundDraw):
    """A round that divides all eligible rows among parts."""

    parts: Parts

    @abstractmethod
    def account(
        self, state: DrawState, written: WrittenParts, on_progress: ProgressCallback
    ) -> OwnAccount:
        """The account of the parts, computed from their written tables."""

    @abstractmethod
    def ranks_and_reasons(self, state: DrawState, ordinals: Int64s) -> list[tuple[int, str]]:
        """The rank of some eligible rows, and why they are in their parts."""

    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """All eligible rows, in the table's order."""
        ordinals = np.flatnonzero(self.parts != NO_PART)
        none = np.zeros(len(ordinals), dtype=np.int64)
        return RoundRows(Chosen(ordinals, none, none), "scan")

    def probabilities_and_weights(self, rows: RoundRows) -> tuple[Floats, Floats]:
        """1: each row is in a part."""
        ones = np.ones(len(rows.chosen.ordinals))
        return ones, ones

    def facts(self, rows: RoundRows) -> dict[str, object]:
        """None: such a draw has no certificate."""
        return {}

    def frame_facts(self, state: DrawState) -> FrameFacts:
        """All rows are taken."""
        rows = int(self.prepared.eligible.sum())
        return FrameFacts(rows, float(rows), float(rows), max(rows - 1, 0), True, rows)

    def chances_of(self, state: DrawState, ordinals: Int64s) -> RowChances:
        """1 for each eligible row."""
        groups = self.prepared.strata.of(ordinals, ignore_progress)
        return RowChances(groups, np.where(groups == NO_STRATUM, 0.0, 1.0))

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """Name the row's part, and why it is in this one."""
        ordinals = rows.chosen.ordinals[place : place + 1]
        ((rank, reason),) = self.ranks_and_reasons(state, ordinals)
        return RowOutcome("drawn", reason, rank)

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """There are no such rows."""
        return []
