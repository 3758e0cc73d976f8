"""The specification of a draw: rounds, each with a method, a seed and a selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from contract.requests.rows import MAX_ROUNDS as MAX_ROUNDS
from parquet_tables.tables import Column
from sampling_engine.errors import DrawWarning, draw_warning
from sampling_engine.selection.order import Seed

if TYPE_CHECKING:
    from sampling_engine.methods.method import Method


FIRST_DRAW_VERSION = 1
"""The rule of draws that record no version."""
DRAW_VERSION = 2
"""The current rule by which a seed and a table give a draw; docs/SAMPLING.md lists the versions."""


class RowFilter(Protocol):
    """The protocol of a filter; :class:`sampling_engine.filters.Filter` implements it."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The table's columns that the condition reads."""

    @property
    def text(self) -> str:
        """The filter as a canonical text: the same for filters that mean the same."""

    def condition(self, alias: str) -> tuple[str, list[object]]:
        """A boolean SQL expression over ``alias``'s columns, and its parameters in order."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The columns of a round's rows in the sample, all if none is named, and their order."""

    columns: tuple[str, ...] = ()
    order_by: str | None = None
    order_desc: bool = False


@dataclass(frozen=True, kw_only=True)
class Round:
    """One draw among the rows that no earlier round drew.

    Parameters
    ----------
    seed : int or str
        As the user gave it.
    draw_version : int
        The rule of the draw. A stored draw is replayed by the version that it records.
    source_draw : str, optional
        The digest of the draw that made the table, if a draw made it; docs/SAMPLING.md defines it.
    """

    round_number: int
    method: Method
    seed: Seed
    output_name: str | None = None
    filter: RowFilter | None = None
    selection: Selection = Selection()
    draw_version: int = DRAW_VERSION
    source_draw: str | None = None

    @property
    def effective_seed(self) -> str:
        """The seed text that enters the keys of the round's order."""
        return effective_seed(self.seed, self.round_number, self.draw_version, self.source_draw)


def effective_seed(
    seed: Seed, round_number: int, draw_version: int, source_draw: str | None
) -> str:
    """The seed text that enters the keys of a round's order.

    Two selections by one seed text use the same order, and are not independent. So a later
    round and a draw from a sample or a residual have seed texts of their own.
    """
    text = str(seed)
    if draw_version == FIRST_DRAW_VERSION:
        return text
    if source_draw is not None:
        text = f"{text}:from-{source_draw}"
    return text if round_number == 1 else f"{text}:round-{round_number}"


def draw_warnings(rounds: Sequence[Round]) -> list[DrawWarning]:
    """The warnings on a draw as a whole."""
    warnings: list[DrawWarning] = []
    if rounds[0].draw_version == FIRST_DRAW_VERSION:
        warnings.append(
            draw_warning(
                "old_draw_version",
                "This draw follows draw version 1, which only repeats the rows of an old job: "
                "leave `draw_version` out for a new sample.",
            )
        )
    if len(rounds) > 1:
        warnings.append(
            draw_warning(
                "several_rounds",
                "Weights and probabilities are per round and given the earlier rounds, so they "
                "can't be added up over rounds. The estimates and the table of the design have "
                "weights over all rounds.",
            )
        )
    return warnings
