"""The base of the sampling methods: declaration, checks and preparation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from contract.declarations import Declared, Request, declared
from contract.fields import GroupColumn, NumberColumn
from parquet_tables.progress import ProgressCallback
from parquet_tables.tables import Column, TableFiles
from sampling_engine.allocation import share_of_rows
from sampling_engine.errors import DrawWarning, draw_warning, warned
from sampling_engine.methods.parameters import SEED, Loc, check_number_column, check_values
from sampling_engine.results import GroupKind
from sampling_engine.selection.bands import Bands
from sampling_engine.selection.order import Int64s

if TYPE_CHECKING:
    from sampling_engine.rounds import EligibleRows, RoundDraw


Reserves = Literal["next_in_order", "pareto"]
"""The way in which reserves are found, if the method has any."""
PlannedBy = Literal["rows", "strata", "clusters", "weights"]
"""The units whose facts give the variance of a design without its size."""


class Method(Request, ABC):
    """A sampling method: the way in which a round chooses its rows.

    A subclass is a frozen dataclass with one field for each parameter but ``seed``, which is the
    round's. Its class variables answer what others ask of a method.

    Attributes
    ----------
    key, title : str
        What the API and what screens call the method.
    exactly_one_of, at_most_one_of : tuple of tuple of str
        Groups of parameters that exclude each other.
    superseded : tuple of Declared
        Parameters that only older clients send.
    other_names : mapping
        Further names of the method, each with its description.
    reads_rows : bool
        Sets the round's part of the progress.
    draws_from_list : bool
        Whether a round draws by the ordinals of the rows that pass its filter alone.
    may_draw_none : bool
        Whether chance decides if a round draws a row at all.
    size_parameter : str
        The size that a planned precision settles.
    planned_by : str, optional
        How a size for a precision is planned; None if it can't be.
    planning_note : str, optional
        What such a plan assumes.
    has_margin_of_error : bool
        Whether the sizes alone give the variance of a share.
    equal_chances : bool
        Whether all eligible rows have the same probability.
    has_stages : bool
        Whether the first rows are a sample as the whole is one, so that two stages can be drawn.
    includes_smaller : bool
        Whether a larger sample with the same seed has the rows of a smaller one.
    selects_money : bool
        Whether units of the money in a column are selected; the sample counts them by row.
    favours : str, optional
        What selection probabilities are in proportion to. Such a sample isn't expected to be like
        the population.
    """

    aliases: ClassVar = {"random_seed": SEED.name}

    key: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    exactly_one_of: ClassVar[tuple[tuple[str, ...], ...]] = ()
    at_most_one_of: ClassVar[tuple[tuple[str, ...], ...]] = ()
    superseded: ClassVar[tuple[Declared, ...]] = ()
    other_names: ClassVar[Mapping[str, str]] = {}
    group_kind: ClassVar[GroupKind | None] = None
    reads_rows: ClassVar[bool] = True
    draws_from_list: ClassVar[bool] = False
    may_draw_none: ClassVar[bool] = False
    includes_smaller: ClassVar[bool] = False
    size_parameter: ClassVar[str] = "sample_size"
    planned_by: ClassVar[PlannedBy | None] = "rows"
    planning_note: ClassVar[str | None] = None
    has_margin_of_error: ClassVar[bool] = True
    equal_chances: ClassVar[bool] = False
    has_stages: ClassVar[bool] = False
    selects_money: ClassVar[bool] = False
    favours: ClassVar[Literal["weight", "amount"] | None] = None
    comparison_note: ClassVar[str | None] = None
    reserves: ClassVar[Reserves] = "next_in_order"

    @property
    def name(self) -> str:
        """The name that the request used."""
        return self.key

    @classmethod
    def further_fields(cls) -> tuple[Declared, ...]:
        """The seed."""
        return (SEED,)

    @property
    def in_random_order(self) -> bool:
        """Whether the sample's rows are in a random order, which a sequential evaluation needs."""
        return self.has_stages

    @property
    def favoured_column(self) -> str | None:
        """The column to whose numbers the selection probabilities are in proportion."""
        return None

    @classmethod
    def from_json(cls, name: str, parameters: Mapping[str, Any]) -> Self:
        """Make the method from the parameters of a request."""
        return cls(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in parameters.items()
            }
        )

    def always_draws(self, eligible: EligibleRows, taken: Int64s) -> NDArray[np.bool_]:
        """Whether each group gives a row, whatever rows earlier rounds drew and while it has one.

        Parameters
        ----------
        eligible : EligibleRows
            Without the rows that earlier rounds drew by chance.
        taken : array of int, shape (groups,)
            Bounds of the rows that they draw from each group.
        """
        return np.ones(len(taken), dtype=np.bool_)

    def check(self, table: TableFiles, loc: Loc) -> None:
        """Refuse parameters that are out of range, contradict each other or don't fit the table."""
        check_values(self, loc)
        self.check_combination(loc)
        self.group_columns(table, loc)
        for own in declared(type(self)):
            if isinstance(own.kind, NumberColumn) and getattr(self, own.name) is not None:
                check_number_column(table, getattr(self, own.name), own.name, (*loc, own.name))

    def check_combination(self, loc: Loc) -> None:
        """Refuse parameters that contradict each other, beyond what the declaration says."""

    def group_columns(self, table: TableFiles, loc: Loc = ()) -> tuple[Column, ...]:
        """The columns whose values make the method's strata or clusters."""
        return ()

    @abstractmethod
    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> RoundDraw:
        """Settle how many rows the round draws from each stratum.

        Raises
        ------
        DomainError
            ``minimum_exceeds_sample``, ``unknown_stratum``, ``invalid_numbers`` or
            ``rows_missing``.
        """

    def scans(self, *, is_filtered: bool) -> int:
        """The passes over all rows that a round needs: counts, two sums a number, then the rows."""
        reads = is_filtered or self.reads_rows
        return 2 + 2 * len(self.number_columns) if reads else 0

    @property
    def number_columns(self) -> tuple[str, ...]:
        """The columns of numbers that the round adds up."""
        return tuple(
            name
            for own in declared(type(self))
            if isinstance(own.kind, NumberColumn) and (name := getattr(self, own.name)) is not None
        )

    @property
    def named_columns(self) -> tuple[str, ...]:
        """The columns that the parameters name."""
        values = (
            getattr(self, own.name)
            for own in declared(type(self))
            if isinstance(getattr(own.kind, "of", own.kind), GroupColumn | NumberColumn)
        )
        listed = chain.from_iterable(
            value if isinstance(value, tuple) else (value,) for value in values if value is not None
        )
        return tuple(each.column if isinstance(each, Bands) else each for each in listed)

    def allocations(self, eligible: EligibleRows, on_progress: ProgressCallback) -> Allocations:
        """How a sample's size would be divided; by default there is one stratum."""
        return lambda size: np.array([min(size, eligible.total)], dtype=np.int64)

    def rows_within(self, groups: Int64s) -> Int64s:
        """The rows to draw of drawn groups that have so many, shape (groups,)."""
        return groups

    def with_size(self, parameters: Mapping[str, Any], size: int) -> dict[str, Any]:
        """The parameters of a request with this size in place of its own."""
        kept = {name: value for name, value in parameters.items() if name not in SIZE_NAMES}
        return {**kept, self.size_parameter: size}

    @classmethod
    def with_any_size(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a request with a size, where none says how much each group gives."""
        own = cls.size_parameter
        sizes = {name for group in cls.exactly_one_of if own in group for name in group}
        has_size = not sizes or bool((sizes - {own}) & parameters.keys())
        return dict(parameters) if has_size else {**parameters, own: 1}

    @property
    def no_reserves(self) -> str | None:
        """Why a round has no replacement rows; None if it has some."""
        return None

    def units_drawn(self, rows: int, groups: int) -> int:
        """Units that were drawn independently: rows, or clusters of a round with ``groups``."""
        return rows


SIZE_NAMES = ("sample_size", "sample_fraction", "interval", "start")

Allocations = Callable[[int], Int64s]
"""From a sample's size to the rows of each stratum, shape (strata,)."""

Sizes = tuple[Int64s, list[DrawWarning]]
"""Rows to draw from each stratum, shape (strata,), and the warnings on them."""

NO_ROW = draw_warning("no_row_eligible", "No row was eligible, so none was drawn.")


def least_left(rows: Int64s, taken: Int64s) -> Int64s:
    """The rows of each group that has one left, if ``taken`` were drawn from it."""
    return np.where(rows > 0, np.maximum(rows - taken, 1), 0)


def total_size(
    sample_size: int | None, sample_fraction: float | None, rows: int
) -> tuple[int, list[DrawWarning]]:
    """Rows to draw of ``rows`` eligible ones, with warnings; exactly one of the sizes is given."""
    if sample_fraction is None:
        size = sample_size or 0
        return min(size, rows), all_drawn_warning(size, rows)
    total = share_of_rows(sample_fraction, rows)
    return total, warned(
        not total,
        "fraction_rounds_to_none",
        "`sample_fraction` {fraction} of {rows} eligible rows is less than half a row.",
        fraction=sample_fraction,
        rows=rows,
    )


def all_drawn_warning(size: int, rows: int) -> list[DrawWarning]:
    """The warning that a size is above the eligible rows, if it is."""
    return warned(
        size > rows,
        "all_rows_drawn",
        "`sample_size` is {size}, but only {rows} {rows|row was|rows were} eligible: all of them "
        "were drawn.",
        size=size,
        rows=rows,
    )
