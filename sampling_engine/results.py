"""What a draw gave: the sample's table and an account of every round.

Owns: the shape of the result. Invariant: an account names all that is needed to replay its round
(the seed and the order's version) and is bounded in size whatever the number of strata. Made by
:mod:`sampling_engine.draw`, read by whoever started the draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from parquet_tables.tables import TableFiles
from sampling_engine.order import ORDER_VERSION, Seed
from sampling_engine.spec import StratifiedMethod

STRATA_LISTED = 1_000

Strategy = Literal["walk", "scan"]
"""Along the order's front, fetching by ordinal; or over all rows, keeping the lowest ranks."""

RunBy = Literal["walk", "scan", "walk+scan"]
"""How a round was run; the common strata of a round may be walked and its rare ones scanned."""


@dataclass(frozen=True)
class StratumResult:
    """One stratum of one round.

    Parameters
    ----------
    key : dict of str to (str or None)
        The value of each strata column as text, None for NULL; the columns as they were asked for.
    rows : int
        Eligible rows.
    allocated, sampled : int
        Rows to draw, and rows drawn.
    """

    key: dict[str, str | None]
    rows: int
    allocated: int
    sampled: int

    def as_json(self) -> dict[str, object]:
        """The stratum as the JSON object of a job's summary."""
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
        Rows that no earlier round drew.
    strata : tuple of StratumResult
        The first 1,000 in the order of their values, NULL last; none for a random round.
    strata_count : int
        How many strata there are.
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
    run_by: RunBy
    order_version: str = ORDER_VERSION
    strata: tuple[StratumResult, ...] = ()
    strata_count: int = 0
    warnings: tuple[str, ...] = ()
    output_name: str | None = None

    def as_json(self) -> dict[str, object]:
        """The account as the JSON object of a job's summary; ``strata`` only when stratified."""
        account: dict[str, object] = {
            "round_number": self.round_number,
            "method": self.method,
            "eligible_rows": self.eligible_rows,
            "rows_sampled": self.rows_sampled,
            "seed": self.seed,
            "order_version": self.order_version,
            "run_by": self.run_by,
            "warnings": list(self.warnings),
        }
        if self.method == StratifiedMethod.name:
            account["strata"] = [stratum.as_json() for stratum in self.strata]
            account["strata_count"] = self.strata_count
        if self.output_name is not None:
            account["output_name"] = self.output_name
        return account


@dataclass(frozen=True)
class DrawnSample:
    """A finished draw.

    Parameters
    ----------
    table : TableFiles
        The sample: one Parquet file with the table's own columns, then those that tell of the draw.
    rounds : tuple of RoundResult
        One account a round, in their order.
    renamed_columns : dict of str to str
        The table's own columns that had to give way to one of the sample's, old name to new.
    """

    table: TableFiles
    rounds: tuple[RoundResult, ...]
    renamed_columns: dict[str, str] = field(default_factory=dict)

    @property
    def rows_sampled(self) -> int:
        """Rows over all rounds."""
        return self.table.row_count
