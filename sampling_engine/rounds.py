"""What every kind of round has in common: it is prepared, then its rows are chosen.

Preparing determines how many rows are drawn and from where; choosing depends on the order alone.
The methods prepare rounds; the draw, the plan, the reserves and the explanation use them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from parquet_tables.progress import ProgressCallback
from sampling_engine.draw_state import DrawState
from sampling_engine.results import RunBy
from sampling_engine.selection.order import Int64s, Seed
from sampling_engine.selection.strata import Strata
from sampling_engine.selection.walk import Chosen
from sampling_engine.spec import Round

Floats = NDArray[np.float64]

Outcome = Literal[
    "drawn",
    "left_out",
    "filtered_out",
    "no_weight",
    "off_the_grid",
    "cluster_not_drawn",
    "beyond_the_last",
]


@dataclass(frozen=True)
class RoundRows:
    """A round's rows in their order of selection.

    Parameters
    ----------
    chosen : Chosen
        The rows with strata and ranks.
    run_by : {"walk", "scan", "walk+scan"}
    probabilities : array of float64, shape (rows,), optional
        Where rows of one stratum differ in their chance.
    """

    chosen: Chosen
    run_by: RunBy
    probabilities: Floats | None = None


@dataclass(frozen=True)
class Prepared:
    """What a round settles before rows are chosen.

    Parameters
    ----------
    strata : Strata
        Strata or clusters; one of all rows where the method has none.
    eligible, allocated : arrays of int64, shape (strata,)
        Rows that may be drawn, and rows to draw.
    warnings : tuple of str
    """

    one: Round
    strata: Strata
    eligible: Int64s
    allocated: Int64s
    warnings: tuple[str, ...] = field(default=())

    @property
    def eligible_rows(self) -> int:
        """Over all strata."""
        return int(self.eligible.sum())


@dataclass(frozen=True)
class RowOutcome:
    """What a round did with one row; the fields are those of an explanation's verdict."""

    outcome: Outcome
    reason: str
    rank: int | None = None
    last_rank: int | None = None

    @classmethod
    def drawn(cls, rows: RoundRows, place: int, rank: int | None = None) -> RowOutcome:
        """The outcome of the row at ``place``, from 0, in the order of selection."""
        count = len(rows.chosen.ordinals)
        reason = f"Drawn as number {place + 1:,} of the round's {count:,} rows."
        return cls("drawn", reason, rank)


class RoundDraw(Protocol):
    """One kind of round at work."""

    @property
    def prepared(self) -> Prepared:
        """What was settled."""

    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """The round's rows."""

    def next_rows(self, state: DrawState, limit: int, on_progress: ProgressCallback) -> Chosen:
        """The rows after the drawn ones that no round drew, ``limit`` a stratum."""

    def chances(self, sampled: Int64s) -> tuple[Floats, Floats]:
        """Inclusion probability and design weight of each stratum's drawn rows.

        Parameters
        ----------
        sampled : array of int64, shape (strata,)
        """

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """Explain the drawn row at ``place``, from 0, in the order of selection."""

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinal: int, stratum: int
    ) -> RowOutcome:
        """Explain why an eligible row of ``stratum`` wasn't drawn."""


def parameters_of(one: Round) -> tuple[str | int, ...]:
    """Where the round's parameters stand in the caller's input."""
    return ("rounds", one.round_number - 1, "parameters")


def seed_for(effective_seed: Seed, purpose: str) -> str:
    """The seed of another order than the rows' own.

    An order of clusters by the same seed would repeat the ranks of the rows with the same numbers,
    and the drawn clusters' rows would not be a random choice any more.
    """
    return f"{effective_seed}:{purpose}"
