"""Stratified sampling: an allocation of rows to strata, and a random sample in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from contract.declarations import Declared, Help, Initial, Option, Title, UsedWith, declared
from contract.fields import (
    BandedColumn,
    Bounds,
    Choice,
    Count,
    Flag,
    Items,
    Mapped,
    Number,
    NumberColumn,
    SizeKind,
    Text,
)
from domain_errors import Loc
from parquet_tables.progress import ProgressCallback
from parquet_tables.tables import Column, TableFiles
from sampling_engine.allocation import (
    GuessedRates,
    Shares,
    allocate,
    allocate_by_share,
    amount_shares,
    mean_rates,
    neyman_shares,
    optimal_shares,
)
from sampling_engine.errors import (
    DrawWarning,
    InvalidMethod,
    InvalidSize,
    MinimumExceedsSample,
    UnknownStratum,
    draw_warning,
    warned,
)
from sampling_engine.methods.grouped_round import GroupedRound
from sampling_engine.methods.method import (
    NO_ROW,
    Allocations,
    EligibleRows,
    Method,
    PlannedBy,
    Sizes,
    least_left,
    total_size,
)
from sampling_engine.methods.parameters import (
    SampleFraction,
    SampleSize,
    share_of_rows,
    share_of_size,
    strata_columns,
)
from sampling_engine.results import GroupKind
from sampling_engine.selection.bands import Bands
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import NO_STRATUM, ColumnStrata

Allocation = Literal["proportional", "equal", "neyman", "optimal", "recall", "amount"]
RECALL: Allocation = "recall"
SPREAD = ("allocation_column", "rate_column", "rates")
NEEDED: Mapping[Allocation, tuple[tuple[str, ...], ...]] = {
    "neyman": (SPREAD,),
    "optimal": (("allocation_column",), ("cost_column",)),
    "recall": (SPREAD[1:], ("flagged",)),
    "amount": (("allocation_column",),),
}
"""The parameters that an allocation needs, one of each group."""
MIN_BY_GUESS = 2
"""Rows of each stratum at least where sizes follow from guesses: a variance needs two."""

LABELS_NAMED = 10
MAX_RATES = 10_000


class StratifiedMethod(Method):
    """In each stratum the first rows of the seeded order.

    The optimal allocations are in proportion to N·S (Neyman 1934) and N·S/√c (Cochran 1977, §5.5),
    N the stratum's rows, S the standard deviation and c the mean cost.
    """

    strata_columns: Annotated[
        tuple[str | Bands, ...],
        Items(BandedColumn(), most=50, least=1),
        Option("--strata"),
        Title("Groups by"),
        Help(
            "Columns whose values make the strata; NULL is a value. Bands of a number or a date "
            "are {column, breaks, labels?}: values outside the outer breaks have bands of their "
            "own."
        ),
    ]
    sample_size: SampleSize = None
    sample_fraction: SampleFraction = None
    samples_per_stratum: Annotated[
        int | None,
        Count(Bounds(1)),
        Option("--per-stratum"),
        Title("Rows per group"),
        Help("Rows to draw in each stratum, or all of a smaller one."),
        Initial(10),
    ] = None
    sizes: Annotated[
        Mapping[str, int | str] | None,
        Mapped(SizeKind(), most=100_000),
        Option("--size"),
        Title("Rows by group"),
        Help(
            'Rows to draw in each named stratum: a number, "all" or a percentage such as "10%"; '
            "none in the others. The names are those of the sample's column _stratum; spaces and "
            "thousands separators may be left out."
        ),
        Initial({}),
    ] = None
    allocation: Annotated[
        Allocation,
        Choice.of(Allocation),
        Help(
            "How the size is divided: in proportion to rows (proportional), equally (equal), by "
            "rows times standard deviation (neyman), by that over the root of the mean cost "
            "(optimal), for the most precise recall by guessed rates (recall), or by the sum of "
            "absolute amounts (amount)."
        ),
        UsedWith({"sample_size": (), "sample_fraction": ()}),
    ] = "proportional"
    allocation_column: Annotated[
        str | None,
        NumberColumn(),
        Help(
            "The column whose standard deviation the allocation uses, for neyman and optimal, or "
            "whose sum, for amount."
        ),
        UsedWith({"allocation": ("neyman", "optimal", "amount")}),
    ] = None
    cost_column: Annotated[
        str | None,
        NumberColumn(),
        Help("The column with the cost of examining a row; for optimal."),
        UsedWith({"allocation": ("optimal",)}),
    ] = None
    rate_column: Annotated[
        str | None,
        NumberColumn(),
        Help(
            "For neyman and recall: a column whose mean in a stratum is the guessed rate of rows "
            "with a condition, such as a judge's score of bad rows. The standard deviation is then "
            "√(r(1 − r)), and each stratum gives two rows at least."
        ),
        UsedWith({"allocation": ("neyman", "recall")}),
    ] = None
    rates: Annotated[
        Mapping[str, float] | None,
        Mapped(Number(Bounds(0, 1)), most=MAX_RATES, metavar="GROUP=RATE"),
        Option("--rate"),
        Title("Guessed rates by group"),
        Help(
            "For neyman and recall, in place of `rate_column`: the guessed rate of each stratum, "
            "from 0 to 1, by its name in the sample's column _stratum."
        ),
        UsedWith({"allocation": ("neyman", "recall")}),
    ] = None
    flagged: Annotated[
        tuple[str, ...] | None,
        Items(Text(0, 1_200), most=MAX_RATES, least=1),
        Title("Flagged groups"),
        Help(
            "For recall: the strata that the judge flags, by their names in _stratum. The recall "
            "is the share of the rows with the condition that lies in them."
        ),
        UsedWith({"allocation": ("recall",)}),
    ] = None
    min_per_stratum: Annotated[
        int,
        Count(Bounds(0)),
        Title("Minimum per group"),
        Help(
            "Rows to draw in each stratum at least, or all of a smaller one; they count in the "
            "sample's size."
        ),
    ] = 0
    take_all: Annotated[
        tuple[str, ...] | None,
        Items(Text(0, 1_200), most=100_000, least=1),
        Title("Groups taken whole"),
        Help(
            "Strata of which all rows are drawn, by their names in _stratum. The size, and the "
            "minimum, are then those of the other strata."
        ),
        UsedWith({"sample_size": (), "sample_fraction": (), "samples_per_stratum": ()}),
    ] = None

    aliases: ClassVar = {**Method.aliases, "stratify_columns": "strata_columns"}
    key: ClassVar = "stratified"
    title: ClassVar = "By group"
    description: ClassVar = (
        "A random sample in each stratum, the rows with equal values, or values of one band, in "
        "all strata columns. Give one of `sample_size`, `sample_fraction`, `samples_per_stratum` "
        "and `sizes`; the allocation divides the first two among the strata."
    )
    exactly_one_of: ClassVar = (("sample_size", "sample_fraction", "samples_per_stratum", "sizes"),)
    at_most_one_of: ClassVar = (("allocation", "proportional"),)
    superseded: ClassVar = (
        Declared(
            "proportional",
            Flag(),
            None,
            "Of older clients: true is proportional, false equal.",
            "Proportional",
        ),
    )
    group_kind: ClassVar[GroupKind | None] = "strata"
    planned_by: ClassVar[PlannedBy | None] = "strata"

    @classmethod
    def from_json(cls, name: str, parameters: Mapping[str, Any]) -> Self:
        """The method; ``proportional`` is an older name of two allocations."""
        given = dict(parameters)
        if "proportional" in given:
            given["allocation"] = "proportional" if given.pop("proportional") else "equal"
        return super().from_json(name, given)

    def check_combination(self, loc: Loc) -> None:
        """The allocation needs its columns, and a size to divide; the minimum fits the size."""
        if self.sizes is not None and not any(self.sizes.values()):
            raise InvalidSize("`sizes` gives no stratum a row.", loc=(*loc, "sizes"))
        self._check_allocation(loc)
        at = (*loc, "min_per_stratum")
        each = self.samples_per_stratum
        if each is not None and self.min_per_stratum > each:
            raise InvalidSize(
                "`min_per_stratum` {minimum} is more than `samples_per_stratum` {each}.",
                minimum=self.min_per_stratum,
                each=each,
                loc=at,
            )
        if self.min_per_stratum and self.sizes is not None:
            raise InvalidSize("`min_per_stratum` can't be combined with `sizes`.", loc=at)
        if self.take_all is not None and self.sizes is not None:
            raise InvalidSize(
                '`take_all` can\'t be combined with `sizes`: give these strata the size "all".',
                loc=(*loc, "take_all"),
            )

    def _check_allocation(self, loc: Loc) -> None:
        allocation = self.allocation
        if allocation != "proportional" and (self.samples_per_stratum or self.sizes):
            raise InvalidMethod(
                "`allocation` can't be combined with `samples_per_stratum` or `sizes`.",
                loc=(*loc, "allocation"),
            )
        for own in declared(type(self)):
            if allocation in own.used_with.get("allocation", (allocation,)):
                continue
            if getattr(self, own.name) is not None:
                raise InvalidMethod(
                    f"`{own.name}` can't be combined with `allocation` {{allocation}}.",
                    allocation=allocation,
                    loc=(*loc, own.name),
                )
        for names in NEEDED.get(allocation, ()):
            given = [name for name in names if getattr(self, name) is not None]
            if len(given) == 1:
                continue
            listed = " or ".join(f"`{name}`" for name in names)
            raise InvalidMethod(
                f"`allocation` {{allocation}} needs {'only one of ' if given else ''}{listed}.",
                allocation=allocation,
                loc=(*loc, given[1] if given else names[0]),
            )

    @property
    def has_guesses(self) -> bool:
        """Whether the sizes follow from guessed rates."""
        return self.rate_column is not None or self.rates is not None

    @property
    def least_rows(self) -> int:
        """The rows of each stratum at least."""
        return max(self.min_per_stratum, MIN_BY_GUESS if self.has_guesses else 0)

    @property
    def amount_columns(self) -> tuple[str, ...]:
        """The column by which the size is divided, else those of bands of numbers."""
        if self.allocation_column is not None:
            return (self.allocation_column,)
        return tuple(
            each.column
            for each in self.strata_columns
            if isinstance(each, Bands) and not any(isinstance(one, str) for one in each.breaks)
        )

    def group_columns(self, table: TableFiles, loc: Loc = ()) -> tuple[Column, ...]:
        """The strata columns."""
        return strata_columns(table, self.strata_columns, (*loc, "strata_columns"))

    def always_draws(self, eligible: EligibleRows, taken: Int64s) -> NDArray[np.bool_]:
        """A share of one row or more of the rows that may be left; rounding can't take it away."""
        if self.samples_per_stratum is not None or self.min_per_stratum or not eligible.total:
            return eligible.counts > 0
        if self.take_all is not None:
            whole = self.taken_whole(eligible)
            rest = replace(eligible, counts=np.where(whole, 0, eligible.counts))
            always = replace(self, take_all=None).always_draws(rest, taken)
            return np.where(whole, eligible.counts > 0, always)
        counts = eligible.counts
        left, has_rows = least_left(counts, taken), counts > 0
        if self.sizes is not None:
            found: NDArray[np.bool_] = self._named(replace(eligible, counts=left), self.sizes) > 0
            return found
        size, fraction = self.sample_size, self.sample_fraction
        match self.allocation:
            case "equal":
                least = int(np.maximum(counts - taken, 0).sum())
                size = share_of_rows(fraction, least) if fraction is not None else size or 0
                return has_rows & (size >= int(has_rows.sum()))
            case "proportional" if fraction is not None:
                return left * fraction >= 1.5  # the size is rounded by half a row at most
            case "proportional":
                return left * (size or 0) >= int(counts.sum()) - taken
            case _:
                return np.zeros(len(counts), dtype=np.bool_)

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> GroupedRound:
        """Divide the sample's size among the strata."""
        counts = eligible.counts
        if not counts.any():
            return GroupedRound(eligible.prepared(np.zeros_like(counts), [NO_ROW]))
        if self.sizes is not None:
            requested = self._named(eligible, self.sizes)
            warnings = _named_warnings(requested, eligible)
        else:
            whole = self.taken_whole(eligible)
            rest = np.where(whole, 0, counts)
            if self.samples_per_stratum is not None:
                requested, warnings = _per_stratum(rest, self.samples_per_stratum)
            else:
                shares = self._shares(eligible, whole, on_progress)
                requested, warnings = self._allocated(rest, shares, eligible.loc)
            requested = np.where(whole, counts, requested)
        allocated = np.minimum(requested, counts)
        return GroupedRound(eligible.prepared(allocated, warnings, requested))

    def allocations(self, eligible: EligibleRows, on_progress: ProgressCallback) -> Allocations:
        """By the method's shares; each stratum gives one row at least, as a margin needs it."""
        if self.sizes is not None or self.samples_per_stratum is not None:
            raise InvalidMethod(
                "A size for a margin of error needs an allocation: leave out "
                "`samples_per_stratum` and `sizes`.",
                loc=(*eligible.loc, "samples_per_stratum" if self.sizes is None else "sizes"),
            )
        whole = self.taken_whole(eligible)
        shares = self._shares(eligible, whole, on_progress)
        rest = np.where(whole, 0, eligible.counts)
        present = rest > 0
        least = np.minimum(max(self.least_rows, 1), rest[present])

        def allocated(size: int) -> Int64s:
            sizes = eligible.counts - rest
            divided = max(size - int(sizes.sum()), int(least.sum()))
            sizes[present] = _divided(shares, rest, divided, least)
            return sizes

        return allocated

    def with_size(self, parameters: Mapping[str, Any], size: int) -> dict[str, Any]:
        """Give parameters of this size, and at least one row of each stratum."""
        least = {"min_per_stratum": max(self.min_per_stratum, 1)}
        return super().with_size(parameters, size) | least

    def taken_whole(self, eligible: EligibleRows) -> NDArray[np.bool_]:
        """Whether all rows of a stratum are drawn, whatever its size."""
        return self._are_named(eligible, "take_all")

    def _are_named(self, eligible: EligibleRows, parameter: str) -> NDArray[np.bool_]:
        """Whether a parameter with names of strata names each."""
        are_named = np.zeros(len(eligible.counts), dtype=np.bool_)
        names = getattr(self, parameter)
        if names is not None:
            strata = eligible.strata
            assert isinstance(strata, ColumnStrata)  # noqa: S101 - there are rows and columns
            by_name = dict.fromkeys(names, 1)
            are_named[list(values_by_stratum(strata, by_name, (*eligible.loc, parameter)))] = True
        return are_named

    def _named(self, eligible: EligibleRows, sizes: Mapping[str, int | str]) -> Int64s:
        """The rows that the named sizes ask for, by stratum."""
        strata = eligible.strata
        assert isinstance(strata, ColumnStrata)  # noqa: S101 - there are rows and columns
        requested = np.zeros_like(eligible.counts)
        for number, size in values_by_stratum(strata, sizes, (*eligible.loc, "sizes")).items():
            rows = int(eligible.counts[number])
            requested[number] = (
                share_of_rows(share_of_size(size), rows) if isinstance(size, str) else size
            )
        return requested

    def _shares(
        self, eligible: EligibleRows, whole: NDArray[np.bool_], on_progress: ProgressCallback
    ) -> Shares | None:
        """The shares of a divided size; None to divide it in proportion to the eligible rows.

        Those of strata that are taken ``whole`` aren't used.
        """
        if self.allocation == "equal":
            return Shares((eligible.counts > 0).astype(np.float64), [])
        if self.has_guesses:
            guess, warnings = self.guessed_rates(eligible, on_progress)
            return Shares(eligible.counts * guess.deviations, warnings)
        if self.allocation_column is None:
            return None
        table = eligible.state.table
        column = table.column(self.allocation_column)
        divided = (eligible.counts > 0) & ~whole
        if self.allocation == "amount":
            return amount_shares(eligible, column, divided, on_progress)
        if self.cost_column is None:
            return neyman_shares(eligible, column, divided, on_progress)
        cost_column = table.column(self.cost_column)
        return optimal_shares(eligible, column, cost_column, divided, on_progress)

    def guessed_rates(
        self, eligible: EligibleRows, on_progress: ProgressCallback
    ) -> tuple[GuessedRates, list[DrawWarning]]:
        """The guessed rates of the strata, given or by a column, and the flagged strata.

        Raises
        ------
        InvalidMethod
            A stratum with rows has no given rate.
        """
        strata, counts = eligible.strata, eligible.counts
        warnings: list[DrawWarning] = []
        assert isinstance(strata, ColumnStrata)  # noqa: S101 - there are rows and columns
        if self.rates is None:
            column = eligible.state.table.column(self.rate_column or "")
            rates, warnings = mean_rates(eligible, column, on_progress)
        else:
            given = values_by_stratum(strata, self.rates, (*eligible.loc, "rates"))
            without = [at for at in np.flatnonzero(counts > 0).tolist() if at not in given]
            if without:
                named = strata.labels(np.array(without[:LABELS_NAMED]))
                raise InvalidMethod(
                    "`rates` lacks {without} strata: {named}.",
                    without=len(without),
                    named=", ".join(map(_quoted, named)),
                    loc=(*eligible.loc, "rates"),
                )
            rates = np.array([given.get(at, 0.0) for at in range(len(counts))], dtype=np.float64)
        flagged = None if self.flagged is None else self._are_named(eligible, "flagged")
        return GuessedRates(counts, rates, flagged), warnings

    def _allocated(self, eligible: Int64s, shares: Shares | None, loc: Loc) -> Sizes:
        """The size divided among the strata with eligible rows."""
        if not eligible.any():
            return np.zeros_like(eligible), [NO_REST]
        total, size_warnings = total_size(
            self.sample_size, self.sample_fraction, int(eligible.sum())
        )
        present = eligible > 0
        rows = eligible[present]
        least = np.minimum(self.least_rows, rows)
        self._require_minimum_fits(least, total, loc)
        warnings = [*(shares.warnings if shares else ()), *size_warnings]
        allocated = _divided(shares, eligible, total, least)
        warnings += warned(
            shares is not None and not shares.weights[present].any(),
            "no_shares",
            "No stratum had a share, so the sample is in proportion to their rows.",
        )
        sizes = np.zeros_like(eligible)
        sizes[present] = allocated
        return sizes, [*warnings, *self._stratum_warnings(allocated, rows)]

    def _require_minimum_fits(self, least: Int64s, total: int, loc: Loc) -> None:
        needed = int(least.sum())
        if needed > total:
            raise MinimumExceedsSample(
                "`min_per_stratum` {minimum} needs {needed} rows in {strata} strata, but the "
                "sample has {total}: raise the sample's size to {needed} or more, or lower "
                "`min_per_stratum`.",
                minimum=self.least_rows,
                needed=needed,
                strata=len(least),
                total=total,
                loc=(*loc, "min_per_stratum"),
            )

    def _stratum_warnings(self, sizes: Int64s, eligible: Int64s) -> list[DrawWarning]:
        short = int((eligible < self.least_rows).sum())
        warnings = _short_warning(short, len(sizes), self.least_rows)
        without = int((sizes == 0).sum())
        warnings += warned(
            without and sizes.any(),
            "strata_round_to_none",
            "{without} of {strata} strata {without|is|are} so small that {without|its|their} share "
            "is below half a row: none of {without|its|their} rows is drawn, so totals and "
            "misstatements can't be estimated. `min_per_stratum` 2 would draw from each.",
            without=without,
            strata=len(sizes),
        )
        return warnings


NO_REST = draw_warning(
    "all_strata_taken_whole", "`take_all` names every stratum that has rows: all rows were drawn."
)

OWN_ALLOCATION = (
    "sizes",
    "samples_per_stratum",
    *(
        own.name
        for own in declared(StratifiedMethod)
        if own.name == "allocation" or "allocation" in own.used_with
    ),
)
"""Parameters that an optimal allocation replaces."""


def _divided(shares: Shares | None, eligible: Int64s, total: int, least: Int64s) -> Int64s:
    """Rows for each stratum that has eligible ones."""
    present = eligible > 0
    if shares is None:
        return allocate(eligible[present], total, least, eligible[present])
    return allocate_by_share(shares.weights[present], eligible[present], total, least)


Value = TypeVar("Value")


def values_by_stratum(
    strata: ColumnStrata, sizes: Mapping[str, Value], loc: Loc
) -> dict[int, Value]:
    """Sizes or costs by the strata's numbers; a band without rows has none."""
    found: dict[int, Value] = {}
    numbers = strata.numbers(list(sizes))
    for label, size in sizes.items():
        number = numbers.get(label)
        if number is None or number == NO_STRATUM:
            continue
        if number in found:
            raise InvalidSize('"{label}" is named twice.', label=label, loc=(*loc, label))
        found[number] = size
    for label in sizes:
        if label not in numbers:
            first = np.arange(min(LABELS_NAMED, len(strata.rows)))
            known = ", ".join(map(_quoted, strata.typable_labels(first)))
            more = len(strata.rows) - len(first)
            raise UnknownStratum(
                "There is no stratum {label}. Available: {known}"
                + (" and {more} more." if more else "."),
                label=_quoted(label),
                known=known,
                more=more,
                loc=(*loc, label),
            )
    return found


def _quoted(label: str | None) -> str:
    """A label in double quotes, or in single ones if it has double ones."""
    text = str(label)
    return f"'{text}'" if '"' in text else f'"{text}"'


def _per_stratum(rows: Int64s, size: int) -> Sizes:
    """The same size for each stratum that has rows."""
    present = rows > 0
    short = int((present & (rows < size)).sum())
    return np.where(present, size, 0), _short_warning(short, int(present.sum()), size)


def _named_warnings(requested: Int64s, eligible: EligibleRows) -> list[DrawWarning]:
    counts = eligible.counts
    warnings: list[DrawWarning] = []
    short = int((counts < requested).sum())
    warnings += warned(
        short,
        "small_named_strata",
        "{short} of {strata} named strata hold fewer eligible rows than their size and "
        "gave all of them.",
        short=short,
        strata=int((requested > 0).sum()),
    )
    without = (counts > 0) & (requested == 0)
    if without.any():
        first = np.flatnonzero(without)[:LABELS_NAMED]
        named = ", ".join(f'"{label}"' for label in eligible.strata.labels(first))
        warnings.append(
            draw_warning(
                "strata_without_size",
                "{without} of {strata} strata have no size and gave no row: {named}"
                + (" and others" if without.sum() > len(first) else "")
                + ". No row can be drawn of the {rows} rows in them, so the sample can't be "
                "evaluated by amounts: leave them out by a filter instead.",
                without=int(without.sum()),
                strata=int((counts > 0).sum()),
                named=named,
                rows=int(counts[without].sum()),
            )
        )
    return warnings


def _short_warning(short: int, strata: int, size: int) -> list[DrawWarning]:
    return warned(
        short,
        "small_strata",
        "{short} of {strata} strata hold fewer than {size} eligible rows and gave all of them.",
        short=short,
        strata=strata,
        size=size,
    )
