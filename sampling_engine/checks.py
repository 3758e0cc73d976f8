"""Everything about a draw that can be refused before it starts.

Owns: the rules for rounds against a table's columns. Invariant: rounds that pass need no look at a
row to be known as valid, but for the number of strata and their minimum. Called by whoever takes a
request, before a job exists, and again by the draw itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine.errors import InvalidRounds, InvalidSeed, InvalidSize, InvalidStrata
from sampling_engine.order import Seed
from sampling_engine.spec import MOST_ROUNDS, Method, RandomMethod, Round, StratifiedMethod

Loc = tuple[str | int, ...]

LARGEST_SIZE = (1 << 62) - 1
SMALLEST_SEED, LARGEST_SEED = -(1 << 63), (1 << 63) - 1
LONGEST_SEED = 1_000

# Types whose values are told apart and put in order by one comparison, and have a text of their
# own. Not INTERVAL: DuckDB holds "1 month" and "30 days" for equal.
STRATA_TYPES = frozenset(
    {
        *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
        *("FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "ENUM", "UUID", "BLOB", "JSON", "DATE"),
        *("TIME", "TIME_NS", "TIME WITH TIME ZONE"),
        *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
    }
)


def check_rounds(table: TableFiles, rounds: Sequence[Round]) -> None:
    """Refuse rounds that this table can't be sampled by.

    Raises
    ------
    InvalidRounds, InvalidSize, InvalidSeed, InvalidStrata, UnknownColumn
        At the first fault; ``loc`` is ``("rounds", i, …)``, for a method's parameter
        ``("rounds", i, "parameters", name)``.
    """
    if not 1 <= len(rounds) <= MOST_ROUNDS:
        raise InvalidRounds(
            f"A draw has 1 to {MOST_ROUNDS} rounds, not {len(rounds)}.", loc=("rounds",)
        )
    for i, one in enumerate(rounds):
        if one.round_number != i + 1:
            raise InvalidRounds(
                f"Rounds are numbered 1, 2, 3 …: this one is {i + 1}, not {one.round_number}.",
                loc=("rounds", i, "round_number"),
            )
        loc: Loc = ("rounds", i, "parameters")
        _check_seed(one.seed, loc)
        _check_sizes(one.method, loc)
        if isinstance(one.method, StratifiedMethod):
            _check_minimum(one.method, loc)
            strata_columns(table, one.method, loc)


def strata_columns(
    table: TableFiles, method: StratifiedMethod, loc: Loc = ()
) -> tuple[Column, ...]:
    """The table's columns that the method names.

    Raises
    ------
    InvalidStrata, UnknownColumn
        With ``loc`` and the place in ``strata_columns``.
    """
    loc = (*loc, "strata_columns")
    if not method.strata_columns:
        raise InvalidStrata("Name at least one column that makes the strata.", loc=loc)
    columns: list[Column] = []
    for place, name in enumerate(method.strata_columns):
        at = (*loc, place)
        try:
            column = table.column(name)
        except UnknownColumn as unknown:
            raise UnknownColumn(unknown.message, loc=at) from None
        if column in columns:
            raise InvalidStrata(f'The column "{column.name}" is named twice.', loc=at)
        if not _makes_strata(column):
            raise InvalidStrata(
                f'The column "{column.name}" is of type {column.type}, whose values make no '
                "strata: use a column of numbers, texts, dates, times or true and false.",
                loc=at,
            )
        columns.append(column)
    return tuple(columns)


def _makes_strata(column: Column) -> bool:
    # A list of texts ends in [], an array in [3]; what is in parentheses is a width or the choices.
    return not column.type.endswith("]") and column.type.split("(")[0] in STRATA_TYPES


def _check_seed(seed: Seed, loc: Loc) -> None:
    at = (*loc, "seed")
    if isinstance(seed, int):
        if not SMALLEST_SEED <= seed <= LARGEST_SEED:
            raise InvalidSeed("A seed that is a number fits into 64 bits.", loc=at)
        return
    if len(seed) > LONGEST_SEED:
        raise InvalidSeed(f"A seed has up to {LONGEST_SEED:,} characters.", loc=at)
    try:
        seed.encode()
    except UnicodeEncodeError:
        raise InvalidSeed("The seed isn't valid Unicode text.", loc=at) from None


def _check_sizes(method: Method, loc: Loc) -> None:
    sizes: dict[str, int | float | None] = {
        "sample_size": method.sample_size,
        "sample_fraction": method.sample_fraction,
    }
    if not isinstance(method, RandomMethod):
        sizes["samples_per_stratum"] = method.samples_per_stratum
    given = [name for name, size in sizes.items() if size is not None]
    choices = ", ".join(sizes)
    if not given:
        raise InvalidSize(f"Give one of {choices}.", loc=loc)
    if len(given) > 1:
        raise InvalidSize(
            f"Give only one of {choices}: both {given[0]} and {given[1]} are there.",
            loc=(*loc, given[1]),
        )
    name, size = given[0], sizes[given[0]] or 0
    if name == "sample_fraction":
        if not 0 < size <= 1:
            raise InvalidSize("sample_fraction is above 0 and up to 1.", loc=(*loc, name))
    elif not 1 <= size <= LARGEST_SIZE:
        raise InvalidSize(f"{name} is 1 or more, up to {LARGEST_SIZE:,}.", loc=(*loc, name))


def _check_minimum(method: StratifiedMethod, loc: Loc) -> None:
    at = (*loc, "min_per_stratum")
    minimum, each = method.min_per_stratum, method.samples_per_stratum
    if not 0 <= minimum <= LARGEST_SIZE:
        raise InvalidSize("min_per_stratum is 0 or more.", loc=at)
    if each is not None and minimum > each:
        raise InvalidSize(
            f"min_per_stratum {minimum:,} is more than samples_per_stratum {each:,}.", loc=at
        )
