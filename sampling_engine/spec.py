"""What a draw is, as asked for: rounds, each with a method and a seed.

Owns: the specification's shape. Invariant: plain frozen values that know neither a table nor a
database; :mod:`sampling_engine.checks` holds them against a table. Built by whoever takes a
request, read by every module of the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from parquet_tables.tables import Column
from sampling_engine.selection.order import Seed

MAX_ROUNDS = 20

FIRST_DRAW_VERSION = 1
"""The rule of draws that record no version."""
DRAW_VERSION = 2
"""The current rule by which a seed and a table give a draw; docs/SAMPLING.md lists the versions."""

RandomName = Literal["random", "reservoir"]
Allocation = Literal["proportional", "equal", "neyman", "optimal"]


class RowFilter(Protocol):
    """What the engine needs of a filter; :class:`sampling_engine.filters.Filter` is one."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The table's columns that the condition reads."""

    @property
    def text(self) -> str:
        """The filter as a canonical text: the same for filters that mean the same."""

    def condition(self, alias: str) -> tuple[str, list[object]]:
        """A boolean SQL expression over ``alias``'s columns, and its parameters in order."""


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
        Rows to draw over all strata, shared out by ``allocation``. Exactly one of the four sizes is
        given.
    sample_fraction : float, optional
        The same as a share of the round's eligible rows, above 0 and up to 1.
    samples_per_stratum : int, optional
        Rows to draw in every stratum, 1 or more.
    sizes : mapping of str to int, optional
        Rows to draw in each named stratum, 0 or more; the keys are labels as in the sample's column
        ``_stratum``. A stratum that isn't named gives none.
    allocation : {"proportional", "equal", "neyman", "optimal"}
        How a sample's size is shared out: in proportion to the strata's rows N; the same for each;
        in proportion to N·S, S the standard deviation of ``allocation_column`` (Neyman 1934); or to
        N·S/√c, c the mean of ``cost_column`` (Cochran 1977, §5.5).
    allocation_column : str, optional
        A column of numbers; for ``neyman`` and ``optimal``.
    cost_column : str, optional
        A column of numbers, what it costs to examine a row; for ``optimal``.
    min_per_stratum : int
        Every stratum gives at least so many rows, or all it has; inside the sample's size.
    """

    strata_columns: tuple[str, ...]
    sample_size: int | None = None
    sample_fraction: float | None = None
    samples_per_stratum: int | None = None
    sizes: Mapping[str, int] | None = None
    allocation: Allocation = "proportional"
    allocation_column: str | None = None
    cost_column: str | None = None
    min_per_stratum: int = 0

    name: ClassVar[str] = "stratified"


@dataclass(frozen=True, kw_only=True)
class SystematicMethod:
    """Eligible rows in the table's order, at equal distances.

    Parameters
    ----------
    interval : int, optional
        Every so many rows one is drawn, 1 or more. Exactly one of the two is given.
    sample_size : int, optional
        Rows to draw; the distance is then the fraction N/n of the eligible rows N.
    start : int, optional
        The first row to draw, from 1 to ``interval``; drawn from the seed when left out.
    """

    interval: int | None = None
    sample_size: int | None = None
    start: int | None = None

    name: ClassVar[str] = "systematic"


@dataclass(frozen=True, kw_only=True)
class ClusterMethod:
    """Some clusters, the rows that agree in one column, and all or some rows of each.

    Parameters
    ----------
    cluster_column : str
        Its distinct values are the clusters; NULL is a value like any other.
    num_clusters : int
        Clusters to draw, 1 or more.
    samples_per_cluster : int, optional
        Rows to draw in each drawn cluster, or all it has. At most one of the two is given; all rows
        are drawn when none is.
    sample_percentage : float, optional
        Rows to draw in each drawn cluster, in percent, above 0 and up to 100; one row at least.
    """

    cluster_column: str
    num_clusters: int
    samples_per_cluster: int | None = None
    sample_percentage: float | None = None

    name: ClassVar[str] = "cluster"


@dataclass(frozen=True, kw_only=True)
class WeightedMethod:
    """Probability proportional to size: Pareto order sampling (Rosén 1997).

    Parameters
    ----------
    sample_size : int
        Rows to draw, 1 or more.
    weight_column : str
        A column of numbers; a row's chance is in proportion to its value.
    """

    sample_size: int
    weight_column: str

    name: ClassVar[str] = "weighted"


Method = RandomMethod | StratifiedMethod | SystematicMethod | ClusterMethod | WeightedMethod


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which columns a round's rows bring into the sample, and in which order they stand there.

    Parameters
    ----------
    columns : tuple of str
        The table's columns; all of them when none is named.
    order_by : str, optional
        A column that sorts the round's rows, NULL last, ties in order of rank. Rank when left out.
    order_desc : bool
        Sorts from the largest value down.
    """

    columns: tuple[str, ...] = ()
    order_by: str | None = None
    order_desc: bool = False


@dataclass(frozen=True, kw_only=True)
class Round:
    """One draw among those rows that no earlier round drew.

    Parameters
    ----------
    round_number : int
        Its place, from 1.
    method : Method
        How rows are chosen.
    seed : int or str
        As the user gave it; see :func:`sampling_engine.new_seed` when nobody chose one.
    output_name : str, optional
        A label of the caller's; it has no part in the draw.
    filter : Filter, optional
        Rows that don't pass it are not eligible; built against the same table.
    selection : Selection
        What of the drawn rows the sample shows.
    draw_version : int
        The rule by which the round is drawn, :data:`DRAW_VERSION` for new draws. A stored draw is
        replayed by the version that it records.
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

    Two selections by one seed text are two looks at one order: the second is not independent of the
    first, and its stated probabilities are wrong. So a later round has a seed text of its own, and
    so has a draw from a sample or a residual. Draw version 1 took every seed as given.

    Parameters
    ----------
    seed : int or str
        As the user gave it.
    source_draw : str or None
        The digest of the draw that made the table, if a draw made it.
    """
    text = str(seed)
    if draw_version == FIRST_DRAW_VERSION:
        return text
    if source_draw is not None:
        text = f"{text}:from-{source_draw}"
    return text if round_number == 1 else f"{text}:round-{round_number}"
