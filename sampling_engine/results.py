"""The result of a draw: the sample's table and an account of every round.

An account has all that a replay of its round needs, and at most 1,000 groups. The draw and the plan
make it.

What a reader of a draw of several rounds ought to know.

Owns: the sentences on a draw as a whole; those on one round are with the round. Called for a plan
and for a job's summary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from parquet_tables.tables import TableFiles
from sampling_engine.selection.order import ORDER_VERSION, Int64s, Seed
from sampling_engine.spec import FIRST_DRAW_VERSION, Round

GROUPS_LISTED = 1_000

GroupKind = Literal["strata", "clusters"]

Strategy = Literal["walk", "scan"]
"""Along the order's front, fetching by ordinal; or over all rows, keeping the lowest ranks."""

RunBy = Literal["walk", "scan", "walk+scan"]
"""How a round was run; the common strata of a round may be walked and its rare ones scanned."""


@dataclass(frozen=True)
class GroupResult:
    """One stratum or cluster of one round.

    Parameters
    ----------
    key : dict of str to (str or None)
        The value of each of its columns as text, None for NULL; the columns as in the request.
    rows : int
        Eligible rows.
    allocated, sampled : int
        Rows to draw, and rows drawn; a plan has drawn none.
    """

    key: dict[str, str | None]
    rows: int
    allocated: int
    sampled: int

    def as_json(self) -> dict[str, object]:
        """The stratum or cluster as the JSON object of a job's summary."""
        return {
            "key": self.key,
            "rows": self.rows,
            "allocated": self.allocated,
            "sampled": self.sampled,
        }


@dataclass(frozen=True)
class RoundResult:
    """The account of one round.

    Parameters
    ----------
    eligible_rows : int
        Rows that pass the round's filter, are not left out and were drawn by no earlier round.
    group_kind : {"strata", "clusters"}, optional
        What the groups are; None for a method without groups.
    groups : tuple of GroupResult
        The first 1,000 in the order of their values, NULL last; of clusters, those that were drawn.
    groups_count : int
        How many strata or clusters have eligible rows.
    seed : int or str
        As the user gave it.
    effective_seed : str
        The seed text that entered the order's keys; see :attr:`Round.effective_seed`.
    warnings : tuple of str
        What a reader of the sample ought to know, one sentence each.
    run_by : {"walk", "scan", "walk+scan"}
        How it was run, which has no part in what was drawn.
    """

    round_number: int
    method: str
    eligible_rows: int
    rows_sampled: int
    seed: Seed
    effective_seed: str
    run_by: RunBy
    order_version: str = ORDER_VERSION
    group_kind: GroupKind | None = None
    groups: tuple[GroupResult, ...] = ()
    groups_count: int = 0
    warnings: tuple[str, ...] = ()
    output_name: str | None = None

    def as_json(self) -> dict[str, object]:
        """The account as the JSON object of a job's summary; strata or clusters where there are."""
        account: dict[str, object] = {
            "round_number": self.round_number,
            "method": self.method,
            "eligible_rows": self.eligible_rows,
            "rows_sampled": self.rows_sampled,
            "seed": self.seed,
            "effective_seed": self.effective_seed,
            "order_version": self.order_version,
            "run_by": self.run_by,
            "warnings": list(self.warnings),
        }
        account |= _groups_as_json(self)
        if self.output_name is not None:
            account["output_name"] = self.output_name
        return account


@dataclass(frozen=True)
class RoundPlan:
    """What a round would draw.

    Parameters
    ----------
    eligible_rows, group_kind, groups, groups_count, warnings
        As in :class:`RoundResult`; no group has drawn a row.
    rows_planned : int
        Rows that it would draw.
    seed, effective_seed
        As in :class:`RoundResult`.
    margin_of_error : float or None
        Half width of the 95 % interval for a share of one half; see
        :mod:`sampling_engine.plan`.
    """

    round_number: int
    method: str
    eligible_rows: int
    rows_planned: int
    seed: Seed
    effective_seed: str
    group_kind: GroupKind | None = None
    groups: tuple[GroupResult, ...] = ()
    groups_count: int = 0
    warnings: tuple[str, ...] = ()
    margin_of_error: float | None = None

    def as_json(self) -> dict[str, object]:
        """The plan as a JSON object; strata or clusters where there are, without ``sampled``."""
        plan: dict[str, object] = {
            "round_number": self.round_number,
            "method": self.method,
            "eligible_rows": self.eligible_rows,
            "rows_planned": self.rows_planned,
            "seed": self.seed,
            "effective_seed": self.effective_seed,
            "margin_of_error": self.margin_of_error,
            "warnings": list(self.warnings),
        }
        groups = _groups_as_json(self)
        for listed in groups.values():
            for group in listed if isinstance(listed, list) else ():
                del group["sampled"]
        return plan | groups


def _groups_as_json(account: RoundResult | RoundPlan) -> dict[str, object]:
    kind = account.group_kind
    if kind is None:
        return {}
    listed = [group.as_json() for group in account.groups]
    return {kind: listed, f"{kind}_count": account.groups_count}


@dataclass(frozen=True)
class DrawnSample:
    """A finished draw.

    Parameters
    ----------
    table : TableFiles
        The sample: one Parquet file with the table's own columns, then the columns of the draw.
    rounds : tuple of RoundResult
        One account a round, in their order.
    renamed_columns : dict of str to str
        The table's own columns that had to give way to one of the sample's, old name to new.
    drawn_ordinals : array of int64
        The rows that were drawn, sorted: with those that the table leaves out already, what its
        residual leaves out.
    """

    table: TableFiles
    rounds: tuple[RoundResult, ...]
    drawn_ordinals: Int64s = field(repr=False, compare=False)
    renamed_columns: dict[str, str] = field(default_factory=dict)

    @property
    def rows_sampled(self) -> int:
        """Rows over all rounds."""
        return self.table.row_count


SEVERAL_ROUNDS = (
    "Weights and probabilities are per round and given the earlier rounds, so they can't be added "
    "up over rounds: estimate from one round, or draw a larger first round."
)
OLD_VERSION = (
    "This draw follows draw version 1, which only repeats the rows of an old job: leave "
    "draw_version out for a new sample."
)


def draw_warnings(rounds: Sequence[Round]) -> list[str]:
    """The warnings on a draw as a whole, one sentence each."""
    warnings = [OLD_VERSION] if rounds[0].draw_version == FIRST_DRAW_VERSION else []
    return [*warnings, SEVERAL_ROUNDS] if len(rounds) > 1 else warnings
