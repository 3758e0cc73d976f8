"""The comparison of published numbers with those that the installed version computes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal, get_args

from application.validation.calculations import FUNCTIONS
from application.validation.published import (
    PublishedNumber,
    PublishedSource,
    PublishedTable,
    sources,
)
from lazy_dataclasses import dataclass

Verdict = Literal["agrees", "known", "differs"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
ROUNDING = Decimal("1e-9")
"""Units of the last printed digit by which a computed number may be off a tie."""


@dataclass(frozen=True)
class Compared:
    """A published number, or word, with the computed one.

    Parameters
    ----------
    computed : float or None
        In the units of the source; None if the calculation gives no figure.
    verdict : {"agrees", "known", "differs"}
        ``known``: the source differs for a reason that is noted, and the computed number is the
        one that the note states.
    exact : float or str, optional
        What the exact quantile gives, if the number agrees with the rounded z of its source alone.
    """

    number: PublishedNumber
    computed: float | str | None
    verdict: Verdict
    exact: float | str | None = None

    @property
    def difference(self) -> float | None:
        """The computed number less the published one; None of words."""
        published = self.number.published
        if isinstance(published, str) or not isinstance(self.computed, int | float):
            return None
        return self.computed - float(published)


@dataclass(frozen=True)
class CheckedTable:
    """A table with its comparison, row by row as the source has it."""

    table: PublishedTable
    rows: Sequence[Sequence[Compared | None]]

    @property
    def numbers(self) -> Iterator[Compared]:
        """All compared numbers."""
        return (each for row in self.rows for each in row if each is not None)


@dataclass(frozen=True)
class ComparedSource:
    """A source with the comparison of its tables."""

    source: PublishedSource
    tables: Sequence[CheckedTable]

    def count(self, verdict: Verdict | None = None) -> int:
        """The compared numbers, or those with a verdict."""
        found = (each.verdict for table in self.tables for each in table.numbers)
        return sum(verdict in (None, each) for each in found)


def compared_sources() -> tuple[ComparedSource, ...]:
    """Recompute the numbers of all sources."""
    return tuple(
        ComparedSource(source, tuple(compare(table) for table in source.tables))
        for source in sources()
    )


def compare(table: PublishedTable) -> CheckedTable:
    """Recompute a table."""
    rows = [[None if n is None else _compared(table, n) for n in row] for row in table.rows]
    return CheckedTable(table, rows)


def _compared(table: PublishedTable, number: PublishedNumber) -> Compared:
    found = FUNCTIONS[table.calculation](**number.inputs)[number.figure]
    if found is None:
        return Compared(number, None, "differs")
    computed = float(found) * float(table.scale)
    if number.correct is not None:
        is_known = _agrees(table, computed, number.correct)
        return Compared(number, computed, "known" if is_known else "differs")
    is_equal = isinstance(number.published, Decimal) and _agrees(table, computed, number.published)
    return Compared(number, computed, "agrees" if is_equal else "differs")


def is_by_rounding(table: PublishedTable, found: Compared) -> bool:
    """Whether a number agrees without the table's tolerance; words do."""
    printed = found.number.published if found.number.correct is None else found.number.correct
    if isinstance(printed, str) or not isinstance(found.computed, int | float):
        return True
    return _agrees(replace(table, tolerance=None), found.computed, printed)


def _agrees(table: PublishedTable, computed: float, printed: Decimal) -> bool:
    """Whether the computed number, rounded as the source rounds, is the printed one."""
    if not math.isfinite(computed):
        return False
    if table.tolerance is not None:
        return abs(Decimal(computed) - printed) <= table.tolerance
    digit = Decimal(1).scaleb(int(printed.as_tuple().exponent))
    ahead = (printed - Decimal(computed)) / digit
    if table.rounding == "up":
        return -ROUNDING <= ahead < 1
    return abs(ahead) <= Decimal("0.5") + ROUNDING
