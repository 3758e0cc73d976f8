"""The rule of a split: the ranges of u of its parts, and the ranks at which they begin."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property

from lazy_dataclasses import dataclass
from sampling_engine.selection.keyed import SIZE


def exact_share(share: float) -> Fraction:
    """A share as the decimal number that it is written as.

    >>> exact_share(0.1)
    Fraction(1, 10)
    """
    return Fraction(repr(share))


def first_rank(end: Fraction) -> int:
    """The smallest rank whose u = (rank + ½)/2^62 isn't below ``end``.

    >>> first_rank(Fraction(1, 2)) == 1 << 61, first_rank(Fraction(1)) == 1 << 62
    (True, True)
    """
    at = end * SIZE - Fraction(1, 2)
    return -(-at.numerator // at.denominator)


@dataclass(frozen=True)
class SplitRule:
    """The shares of the parts, the column of the groups, and whether sizes are exact.

    >>> rule = SplitRule({"train": 0.8, "test": 0.2})
    >>> rule.range_of("test"), rule.range_of("train")
    ((0.0, 0.2), (0.2, 1.0))
    """

    shares: Mapping[str, float]
    group: str | None = None
    is_exact: bool = False

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the parts, in the order of the request."""
        return tuple(self.shares)

    @cached_property
    def ends(self) -> tuple[tuple[str, Fraction], ...]:
        """Each part with the end of its range of u, in the order of the parts' names.

        The order of the names makes a split the same however its parts are listed.
        """
        found, end = [], Fraction(0)
        for name in sorted(self.shares):
            end += exact_share(self.shares[name])
            found.append((name, end))
        found[-1] = (found[-1][0], Fraction(1))
        return tuple(found)

    def range_of(self, name: str) -> tuple[float, float]:
        """The u from and to below which a part has its rows."""
        starts = (Fraction(0), *(end for _, end in self.ends))
        ranges = {
            part: (float(start), float(end))
            for start, (part, end) in zip(starts, self.ends, strict=False)
        }
        return ranges[name]
