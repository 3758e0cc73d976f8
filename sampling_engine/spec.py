"""The parts of a round's specification: filter, selection of columns, strategy and seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from fractions import Fraction
from typing import Literal, Protocol

from contract.requests.draw import FIRST_DRAW_VERSION
from lazy_dataclasses import dataclass
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.tables import Column
from sampling_engine.selection.order import Seed

Strategy = Literal["walk", "scan"]
RunBy = Literal["walk", "scan", "walk+scan"]


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


@dataclass(frozen=True)
class KeyedOrder:
    """The keyed order of a round: the key, and where the order begins, from 0 to below 1.

    ``starts`` say where it begins in some strata, by their labels; those that the table doesn't
    have make no difference.
    """

    key: RowKey
    start: Fraction = Fraction(0)
    starts: Mapping[str, Fraction] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The columns of a round's rows in the sample, all if none is named, and their order."""

    columns: tuple[str, ...] = ()
    order_by: str | None = None
    order_desc: bool = False


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
