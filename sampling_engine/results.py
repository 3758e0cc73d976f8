"""The results of a draw and of a plan, with an account of every round."""

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
    """One stratum or cluster of one round: its eligible rows, and those allocated and drawn.

    ``key`` has the value of each of its columns as text, None for NULL.
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

    ``groups`` are the first 1,000 in the order of their values, and ``groups_count`` is how many
    have eligible rows; of clusters, those that were drawn are listed. ``run_by`` tells how the
    rows were chosen, which doesn't change them.
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
    """What a round would draw; ``margin_of_error`` is for a share of one half."""

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

    ``drawn_ordinals`` are sorted; ``renamed_columns`` maps a table's column to its name in the
    sample, where they differ.
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
