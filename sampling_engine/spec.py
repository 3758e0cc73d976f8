"""What a draw is, as asked for: rounds, each with a method and a seed.

Owns: the specification's shape. Invariant: plain frozen values that know neither a table nor a
database; :mod:`sampling_engine.checks` holds them against a table. Built by whoever takes a
request, read by every module of the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sampling_engine.order import Seed

MOST_ROUNDS = 20

RandomName = Literal["random", "reservoir"]


@dataclass(frozen=True, kw_only=True)
class RandomMethod:
    """Simple random sampling without replacement: the first rows of the seeded order.

    Parameters
    ----------
    sample_size : int, optional
        Rows to draw, 1 or more. Exactly one of the two sizes is given.
    sample_fraction : float, optional
        Share of the round's eligible rows, above 0 and up to 1.
    name : {"random", "reservoir"}
        The name that was asked for, kept for the rows and the results; the draw is the same.
    """

    sample_size: int | None = None
    sample_fraction: float | None = None
    name: RandomName = "random"


@dataclass(frozen=True, kw_only=True)
class StratifiedMethod:
    """In each stratum the first rows of the seeded order.

    Parameters
    ----------
    strata_columns : tuple of str
        A stratum is the rows that agree in all of these; NULL is a value like any other.
    sample_size : int, optional
        Rows to draw over all strata, allocated in proportion to the strata's eligible rows.
        Exactly one of the three sizes is given.
    sample_fraction : float, optional
        The same as a share of the round's eligible rows, above 0 and up to 1.
    samples_per_stratum : int, optional
        Rows to draw in every stratum, 1 or more.
    min_per_stratum : int
        Every stratum gives at least so many rows, or all it has; inside the sample's size.
    """

    strata_columns: tuple[str, ...]
    sample_size: int | None = None
    sample_fraction: float | None = None
    samples_per_stratum: int | None = None
    min_per_stratum: int = 0

    name: ClassVar[str] = "stratified"


Method = RandomMethod | StratifiedMethod


@dataclass(frozen=True, kw_only=True)
class Round:
    """One draw among those rows that no earlier round drew.

    Parameters
    ----------
    round_number : int
        Its place, from 1.
    method : RandomMethod or StratifiedMethod
        How rows are chosen.
    seed : int or str
        Settles the draw; see :func:`sampling_engine.new_seed` when nobody chose one.
    output_name : str, optional
        A label of the caller's; it has no part in the draw.
    """

    round_number: int
    method: Method
    seed: Seed
    output_name: str | None = None
