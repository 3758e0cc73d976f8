"""The bases of the sampling methods and of their rounds: declaration, checks and preparation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import partial
from itertools import chain
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from contract.declarations import Declared, Request, declared
from contract.fields import GroupColumn, Mapped, NumberColumn
from contract.requests.draw import DRAW_VERSION
from domain_errors import Loc
from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.row_keys.canonical import InvalidKey
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.tables import Column, TableFiles
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import (
    DrawWarning,
    InvalidNumbers,
    InvalidSize,
    NoReserves,
    draw_warning,
    warned,
)
from sampling_engine.methods.parameters import (
    SEED,
    check_number_column,
    check_value,
    share_of_rows,
    share_of_size,
    strata_entry,
)
from sampling_engine.results import (
    Floats,
    FrameFacts,
    GroupKind,
    GroupStages,
    OwnAccount,
    RoundRows,
    RowChances,
    RowOutcome,
)
from sampling_engine.selection.bands import Bands
from sampling_engine.selection.keyed import KEYED_VERSION, Order, OrderByKey
from sampling_engine.selection.order import ORDER_VERSION, Int64s, Seed, SeededOrder
from sampling_engine.selection.strata import Strata
from sampling_engine.selection.walk_and_scan import Chosen
from sampling_engine.spec import KeyedOrder, RowFilter, Selection, effective_seed
from sampling_engine.sql.passes import RefusedNumbers

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
    selects_money : bool
        Whether units of the money in a column are selected; the sample counts them by row.
    favours : str, optional
        What selection probabilities are in proportion to. Such a sample isn't expected to be like
        the population.
    no_keyed_order : str, optional
        Why a round can't take rows in the order of their keys; None if it can.
    divides : bool
        Whether a round divides all its rows among :attr:`tables`, instead of choosing some.
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
    no_keyed_order: ClassVar[str | None] = None
    divides: ClassVar[bool] = False

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables among which a round divides all its rows; none if it chooses some rows.

        The commit has them beside the sample, which has their rows. The round of a draw that
        divides rows is its only one, and is a :class:`DividedRound`.
        """
        return ()

    @property
    def needs_order(self) -> bool:
        """Whether a round needs a keyed order: by default that of the table's row key."""
        return False

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
    def includes_smaller(self) -> bool:
        """Whether a larger sample with the same seed has the rows of a smaller one."""
        return False

    @property
    def draws_in_each_stratum(self) -> bool:
        """Whether the size is that of each stratum."""
        return False

    @property
    def is_at_distances(self) -> bool:
        """Whether rows are taken at distances along a line, so that one start decides all."""
        return False

    @property
    def sorted_by(self) -> str | None:
        """The order of the line in words, if it isn't that of the table."""
        return None

    @property
    def favoured_column(self) -> str | None:
        """The column to whose numbers the selection probabilities are in proportion."""
        return None

    @classmethod
    def from_json(cls, name: str, parameters: Mapping[str, Any]) -> Self:
        """Make the method from the parameters of a request; strata columns may be bands."""
        given = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in parameters.items()
        }
        if given.get("strata_columns") is not None:
            given["strata_columns"] = tuple(map(strata_entry, given["strata_columns"]))
        return cls(**given)

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
        _check_values(self, loc)
        self.check_combination(loc)
        self.group_columns(table, loc)
        for own in declared(type(self)):
            if isinstance(own.kind, NumberColumn) and getattr(self, own.name) is not None:
                check_number_column(table, getattr(self, own.name), own.name, (*loc, own.name))

    def check_combination(self, loc: Loc) -> None:
        """Refuse parameters that contradict each other, beyond what the declaration says."""

    @classmethod
    def require_keyed_order(cls, loc: Loc) -> None:
        """Raise InvalidKey if the method can't take rows in the order of their keys."""
        if cls.no_keyed_order is not None:
            raise InvalidKey(cls.no_keyed_order, loc=loc)

    def check_order(self, table: TableFiles, order: KeyedOrder, loc: Loc) -> None:
        """Refuse a keyed order that the method can't take, or whose key doesn't fit the table."""
        self.require_keyed_order(loc)
        order.key.of(table, (*loc, "key"))
        if order.starts and self.group_kind != "strata":
            raise InvalidKey(
                "Only a stratified draw has a start for each stratum: give `start` instead.",
                loc=(*loc, "starts"),
            )

    def orders_rows(self, key: RowKey) -> bool:
        """Whether the keyed order is one of rows."""
        return True

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
    def no_panel(self) -> str | None:
        """Why the waves of a panel can't be such rounds; None if they can."""
        return None

    @property
    def no_certificate(self) -> str | None:
        """Why a draw with such a round has no certificate; None if it has one."""
        return None

    @property
    def no_reserves(self) -> str | None:
        """Why a round has no replacement rows; None if it has some."""
        return None


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
    order : KeyedOrder, optional
        The keyed order; by default a row's place follows from its ordinal.
    """

    round_number: int
    method: Method
    seed: Seed
    output_name: str | None = None
    filter: RowFilter | None = None
    selection: Selection = field(default_factory=Selection)
    draw_version: int = DRAW_VERSION
    source_draw: str | None = None
    order: KeyedOrder | None = None

    @property
    def effective_seed(self) -> str:
        """The seed text that enters the keys of the round's order."""
        return effective_seed(self.seed, self.round_number, self.draw_version, self.source_draw)

    @property
    def key_loc(self) -> Loc:
        """Where the key of its order is in the caller's input."""
        return ("rounds", self.round_number - 1, "order", "key")

    @property
    def order_version(self) -> str:
        """The name of the round's order, which enters its keys."""
        is_keyed = self.order is not None or self.method.divides
        return KEYED_VERSION if is_keyed else ORDER_VERSION


def order_of(state: DrawState, round_spec: Round, width: int | None = None) -> Order:
    """The order of a round's rows; ``width`` are the bits of a rank of an order by ordinals."""
    keyed = round_spec.order
    if keyed is None:
        return SeededOrder(state.table.file_rows, round_spec.effective_seed, width)
    checked = partial(state.digests_of, keyed.key, loc=round_spec.key_loc)
    return OrderByKey(state.table.file_rows, checked, round_spec.effective_seed, keyed.start)


@dataclass(frozen=True)
class Prepared:
    """The facts of a round that are computed before rows are chosen.

    ``eligible`` and ``allocated`` have shape (strata,): rows that may be drawn, and rows to draw.
    ``requested`` are the requested rows, where a stratum may have fewer; None if as allocated.
    ``own`` is the part of the account that the round's method alone has.
    """

    round_spec: Round
    strata: Strata
    eligible: Int64s
    allocated: Int64s
    warnings: Sequence[DrawWarning] = ()
    requested: Int64s | None = None
    own: OwnAccount | None = None


@dataclass(frozen=True)
class EligibleRows:
    """The rows that a round may draw; ``counts`` by stratum, shape (strata,)."""

    state: DrawState
    round_spec: Round
    strata: Strata
    counts: Int64s

    @property
    def total(self) -> int:
        """Over all strata."""
        return int(self.counts.sum())

    @property
    def loc(self) -> Loc:
        """Where the round's parameters are in the caller's input."""
        return ("rounds", self.round_spec.round_number - 1, "parameters")

    def prepared(
        self,
        allocated: Int64s,
        warnings: Sequence[DrawWarning],
        requested: Int64s | None = None,
    ) -> Prepared:
        """The round with the rows to draw from each stratum."""
        return Prepared(self.round_spec, self.strata, self.counts, allocated, warnings, requested)

    def refuse_numbers(self, column: Column, parameter: str, on_progress: ProgressCallback) -> None:
        """Refuse numbers of eligible rows that are negative or infinite."""
        negative, infinite = 0, 0
        for part, sign in self.state.signed_rows:
            refused = RefusedNumbers(column, self.round_spec.filter, part)
            found = self.state.run(refused, on_progress)
            negative, infinite = negative + sign * found.negative, infinite + sign * found.infinite
        if negative or infinite:
            raise InvalidNumbers(
                'The column "{column}" has {negative} negative and {infinite} infinite values in '
                "the eligible rows: filter them out or choose another column.",
                column=column.name,
                negative=negative,
                infinite=infinite,
                loc=(*self.loc, parameter),
            )


@dataclass(frozen=True)
class RoundDraw(ABC):
    """One kind of round at work."""

    prepared: Prepared

    @abstractmethod
    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """The round's rows."""

    def next_rows(self, state: DrawState, limit: int, on_progress: ProgressCallback) -> Chosen:
        """The rows after the drawn ones that no round drew, ``limit`` a stratum."""
        raise NoReserves(self.prepared.round_spec.method.no_reserves or "")

    def probabilities_and_weights(self, rows: RoundRows) -> tuple[Floats, Floats]:
        """Inclusion probability and design weight of each drawn row; by default its own."""
        assert rows.probabilities is not None  # noqa: S101 - set by choose
        weights = 1.0 / rows.probabilities if rows.weights is None else rows.weights
        return rows.probabilities, weights

    @abstractmethod
    def facts(self, rows: RoundRows) -> dict[str, object]:
        """The facts of all rows that the draw depends on, as docs/CERTIFICATE.md lists them.

        Groups are complete, whatever their number.
        """

    @property
    def stages(self) -> GroupStages | None:
        """How the groups lie in clusters and strata; None where they are these themselves."""
        return None

    def groups_of(self, state: DrawState, ordinals: Int64s) -> Int64s:
        """The stratum or cluster of each row; -1 for rows that the round has no chance to draw.

        Whether an earlier round drew a row makes no difference.
        """
        return self.prepared.strata.of(ordinals, ignore_progress)

    @abstractmethod
    def frame_facts(self, state: DrawState) -> FrameFacts:
        """The size of the round, if earlier rounds left nothing to chance.

        Effective units are for a column that has nothing to do with the design: N²/Σ(1/π) over the
        round's rows.
        """

    @abstractmethod
    def chances_of(self, state: DrawState, ordinals: Int64s) -> RowChances:
        """The chances of rows that aren't taken, before the round draws."""

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """Explain the drawn row at ``place``, from 0, in the order of selection."""
        return RowOutcome.drawn(rows, place)

    @abstractmethod
    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """Explain why eligible rows of these strata weren't drawn, before a later round draws."""


def _check_values(method: Method, loc: Loc) -> None:
    """Refuse values that are missing, out of range, or exclude each other."""
    for group in (*method.exactly_one_of, *method.at_most_one_of):
        present = [name for name in group if getattr(method, name, None) is not None]
        names = ", ".join(f"`{name}`" for name in group)
        if not present and group in method.exactly_one_of:
            raise InvalidSize(f"Give one of {names}.", loc=loc)
        if len(present) > 1:
            raise InvalidSize(
                f"Give only one of {names}: both `{present[0]}` and `{present[1]}` are given.",
                loc=(*loc, present[1]),
            )
    for own in declared(type(method)):
        value = getattr(method, own.name, None)
        if isinstance(own.kind, Mapped):
            for label, size in (value or {}).items():
                at = (*loc, own.name, label)
                if isinstance(size, str):
                    share_of_size(size, at)
                else:
                    check_value(own.name, own.kind.of, size, at)
        elif value is not None:
            check_value(own.name, own.kind, value, (*loc, own.name))


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
