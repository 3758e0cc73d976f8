"""The results of a draw and of a plan: rows, outcomes of rows, and an account of every round."""

from __future__ import annotations

from dataclasses import asdict, field
from typing import Annotated, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from contract.declarations import Help
from lazy_dataclasses import dataclass
from parquet_tables.tables import TableFiles
from sampling_engine.amounts import AmountAccount
from sampling_engine.errors import DrawWarning, EmptySample
from sampling_engine.selection.order import ORDER_VERSION, Int64s, Seed
from sampling_engine.selection.walk_and_scan import Chosen
from sampling_engine.spec import RunBy

GROUPS_LISTED = 1_000

Floats = NDArray[np.float64]
GroupKind = Literal["strata", "clusters"]


@dataclass(frozen=True)
class GroupResult:
    """One stratum or cluster of one round: rows that are eligible, requested, allocated, drawn.

    ``key`` has the value of each of its columns as text, None for NULL; ``label`` is that of the
    sample's column ``_stratum``. More may be requested than the stratum has. ``amount`` has the
    sums of the amount column, over the eligible and the drawn rows.
    """

    key: dict[str, str | None]
    label: str | None
    rows: int
    requested: int
    allocated: int
    sampled: int
    amount: dict[str, str | None] | None = None

    def as_json(self) -> dict[str, object]:
        """The group as a JSON object; without an amount column it has no amount."""
        return {name: value for name, value in asdict(self).items() if name != "amount" or value}


class OwnAccount(Protocol):
    """The part of a round's account that its method alone has; ``name`` is its field in JSON."""

    @property
    def name(self) -> str:
        """The name of the method."""

    def as_json(self) -> dict[str, object]:
        """The account as a JSON object."""


@dataclass(frozen=True, kw_only=True)
class RoundAccount:
    """The facts that a draw and a plan report of a round.

    ``groups`` are the first 1,000 in the order of their values, and ``groups_count`` is how many
    have eligible rows; of clusters, those that were drawn are listed. ``uncovered_rows`` are the
    eligible rows of strata from which no row is drawn.
    """

    round_number: int
    method: str
    eligible_rows: int
    seed: Seed
    effective_seed: str
    group_kind: GroupKind | None = None
    groups: tuple[GroupResult, ...] = ()
    groups_count: int = 0
    uncovered_rows: int | None = None
    amount: AmountAccount | None = None
    own: OwnAccount | None = None
    warnings: tuple[DrawWarning, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The account as a JSON object, with strata or clusters where there are."""
        account: dict[str, object] = {
            "round_number": self.round_number,
            "method": self.method,
            "eligible_rows": self.eligible_rows,
            "seed": self.seed,
            "effective_seed": self.effective_seed,
            "warnings": [warning.message for warning in self.warnings],
            "warning_templates": [asdict(warning) for warning in self.warnings],
        }
        if self.group_kind is not None:
            account[self.group_kind] = [group.as_json() for group in self.groups]
            account[f"{self.group_kind}_count"] = self.groups_count
        if self.uncovered_rows is not None:
            account["uncovered_rows"] = self.uncovered_rows
        if self.amount is not None:
            account["amount"] = self.amount.as_json()
        if self.own is not None:
            account[self.own.name] = self.own.as_json()
        return account


@dataclass(frozen=True, kw_only=True)
class RoundResult(RoundAccount):
    """The account of a drawn round; ``run_by`` has no part in what was drawn."""

    rows_sampled: int
    run_by: RunBy
    order_version: str = ORDER_VERSION
    output_name: str | None = None

    def as_json(self) -> dict[str, object]:
        """The account as the JSON object of a job's summary."""
        account = super().as_json() | {
            "rows_sampled": self.rows_sampled,
            "order_version": self.order_version,
            "run_by": self.run_by,
        }
        if self.output_name is not None:
            account["output_name"] = self.output_name
        return account


@dataclass(frozen=True, kw_only=True)
class RoundPlan(RoundAccount):
    """The plan of a round; ``margin_of_error`` is for a share of one half."""

    rows_planned: int
    margin_of_error: float | None = None

    def as_json(self) -> dict[str, object]:
        """The plan as a JSON object; its groups have no ``sampled``."""
        warnings = [warning.of_plan for warning in self.warnings]
        plan = super().as_json() | {
            "warnings": [warning.message for warning in warnings],
            "warning_templates": [asdict(warning) for warning in warnings],
            "rows_planned": self.rows_planned,
            "margin_of_error": self.margin_of_error,
        }
        if self.group_kind is not None:
            plan[self.group_kind] = [
                {name: value for name, value in group.as_json().items() if name != "sampled"}
                for group in self.groups
            ]
        return plan


@dataclass(frozen=True)
class FrameFacts:
    """The size of a round that draws before all others, in expectation; no seed changes it.

    Parameters
    ----------
    rows : int
        N, the rows of the strata that it draws from.
    drawn : float
        n, the rows that it draws.
    effective_units : float
        The rows of a simple random sample that is as good, or the drawn clusters.
    degrees : int
        Degrees of freedom.
    takes_all : bool
        Whether it draws all N rows. It then takes all that earlier rounds leave, too.
    most_rows : int
        A bound of the rows that it draws, also of what earlier rounds leave.
    most_chance : float
        The largest inclusion probability, 1 where rows aren't drawn one by one.
    """

    rows: int
    drawn: float
    effective_units: float
    degrees: int
    takes_all: bool
    most_rows: int
    most_chance: float = 1.0


@dataclass(frozen=True)
class RoundFrame:
    """What a round can draw.

    Parameters
    ----------
    facts : FrameFacts
        They don't depend on the rows that earlier rounds drew by chance.
    covers : array of bool
        Of every row that any round drew, by ordinal: whether the round drew from its stratum, or
        could have drawn it and earlier rounds drew the whole stratum.
    always : array of bool
        Those that it covers whatever rows earlier rounds drew.
    """

    facts: FrameFacts
    covers: NDArray[np.bool_]
    always: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class GroupStages:
    """How the groups of a cluster round lie in clusters and strata.

    Parameters
    ----------
    clusters : array of int, shape (groups,)
        The cluster of each group; a group is a cluster, or a subcluster of one.
    strata : array of int, shape (clusters,)
        The stratum of each cluster.
    chances : array of float, shape (clusters,)
        The probability of each cluster.
    inside : array of float, shape (groups,)
        The probability of each group in its cluster, if this is drawn.
    by_size : bool
        Whether the clusters were drawn with probabilities by their size.
    """

    clusters: Int64s
    strata: Int64s
    chances: Floats
    inside: Floats
    by_size: bool


@dataclass(frozen=True)
class DrawnRound:
    """The facts of a drawn round for estimates; arrays of its rows have shape (rows,).

    Parameters
    ----------
    ordinals : array of int, sorted
    groups : array of int
        Each row's stratum or cluster.
    probabilities : array of float
        Given the earlier rounds; 1 for take-all rows alone.
    group_rows, group_drawn : arrays of int, shape (groups,)
        Eligible and drawn rows of all strata or clusters.
    keys : list of dict
        The values of each group's columns; empty unless they were requested.
    frame : RoundFrame, optional
    weights, hits : arrays, optional
        Of monetary units: design weights, and the selected units in each row.
    stages : GroupStages, optional
        Of clusters in strata, by size or in three stages.
    selected : array of int, optional
        The places of the rows in the order of selection.
    """

    ordinals: Int64s
    groups: Int64s
    probabilities: NDArray[np.float64]
    group_rows: Int64s
    group_drawn: Int64s
    keys: list[dict[str, str | None]]
    frame: RoundFrame | None = None
    weights: NDArray[np.float64] | None = None
    hits: Int64s | None = None
    stages: GroupStages | None = None
    selected: Int64s | None = None


@dataclass(frozen=True)
class DrawnSample:
    """A finished draw.

    The table has the selected columns, then ``_logical_row_id``, ``_sampling_round``,
    ``_sampling_method``, ``_selection_order`` (from 1 in each round), ``_stratum``,
    ``_inclusion_probability`` (given the earlier rounds), ``_design_weight`` and, with a round by
    monetary units, ``_hits``; in order of round, then as its selection sorts.

    ``drawn_ordinals`` are sorted; ``renamed_columns`` maps a table's column to its name in the
    sample, where they differ. ``amount`` is the amount column's sums, of the table and the sample.
    ``parts`` are the tables among which a round divided the rows, in the sample's order; their
    columns are those of :data:`sampling_engine.divided_sample.PART_COLUMNS`.
    """

    table: TableFiles
    rounds: tuple[RoundResult, ...]
    drawn_ordinals: Int64s = field(repr=False, compare=False)
    renamed_columns: dict[str, str] = field(default_factory=dict)
    amount: dict[str, object] | None = None
    parts: dict[str, TableFiles] = field(default_factory=dict)

    @property
    def rows_sampled(self) -> int:
        """Rows over all rounds."""
        return self.table.row_count

    def require_rows(self, source_rows: int) -> None:
        """Raise EmptySample if there are none."""
        if not self.rows_sampled:
            raise EmptySample(eligible=self.rounds[0].eligible_rows, rows=source_rows)


Outcome = Literal[
    "drawn",
    "left_out",
    "filtered_out",
    "no_weight",
    "not_hit",
    "off_the_grid",
    "cluster_not_drawn",
    "beyond_the_last",
]


@dataclass(frozen=True)
class RoundRows:
    """A round's rows in their order of selection.

    ``probabilities`` has shape (rows,); None where all rows of a stratum have the same. ``hits``,
    shape (rows,), are the selected monetary units in each row, and ``weights`` what they stand
    for; None for other methods.
    """

    chosen: Chosen
    run_by: RunBy
    probabilities: Floats | None = None
    hits: Int64s | None = None
    weights: Floats | None = None


@dataclass(frozen=True)
class RowChances:
    """The chances of some rows in a round, drawn or not; arrays have shape (rows,).

    Parameters
    ----------
    groups : array of int
        Their strata or clusters; -1 for rows that the round has no chance to draw.
    probabilities : array of float
        Inclusion probabilities, 0 for such rows.
    places, circle : array of int and (int, int), optional
        Of a systematic round, the places p of the rows among the eligible ones, and the drawn
        parts a of b possible starts: the row is drawn by the a starts p·a, p·a + 1 … modulo b.
    arcs : array, optional
        Of a systematic selection by size, where the starts that draw a row begin on a circle of
        length 1; they end after its probability.
    """

    groups: Int64s
    probabilities: Floats
    places: Int64s | None = None
    circle: tuple[int, int] | None = None
    arcs: Floats | None = None


@dataclass(frozen=True)
class RowOutcome:
    """The outcome of a round for one row.

    The line of a row has the eligible rows of its stratum or cluster in the order in which they
    would be drawn.
    """

    outcome: Outcome
    reason: str
    rank: Annotated[
        int | None, Help("In the seeded order, from 0; may be above the number of rows.")
    ] = None
    last_rank: Annotated[
        int | None, Help("The largest rank drawn from its stratum or cluster.")
    ] = None
    nth_in_line: Annotated[
        int | None,
        Help(
            "The row's place, from 1, among the eligible rows of its stratum or cluster. Null "
            "where rows have no order, or far behind the drawn rows of a weighted round."
        ),
    ] = None
    line_rows: Annotated[int | None, Help("The eligible rows of its stratum or cluster.")] = None
    line_drawn: Annotated[
        int | None, Help("How many of them the round drew: the first in line.")
    ] = None

    @classmethod
    def drawn(cls, rows: RoundRows, place: int, rank: int | None = None) -> RowOutcome:
        """The outcome of the row at ``place``, from 0, in the order of selection."""
        count = len(rows.chosen.ordinals)
        reason = f"Drawn as number {place + 1:,} of the round's {count:,} rows."
        return cls("drawn", reason, rank)


def nth(place: int) -> str:
    """An ordinal number.

    >>> nth(1), nth(12), nth(1023)
    ('1st', '12th', '1,023rd')
    """
    is_teen = place % 100 in (11, 12, 13)
    suffix = "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place:,}{suffix}"
