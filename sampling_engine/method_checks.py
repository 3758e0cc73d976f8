"""What each method's parameters must be, on their own and beside one another.

Owns: the rules for sizes and for columns of numbers. Invariant: every fault names its parameter.
Called by :mod:`sampling_engine.checks`.
"""

from __future__ import annotations

from collections.abc import Mapping

from parquet_tables.tables import TableFiles, UnknownColumn
from sampling_engine.errors import InvalidMethod, InvalidSize
from sampling_engine.spec import (
    ClusterMethod,
    Method,
    RandomMethod,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
)

Loc = tuple[str | int, ...]

MAX_SIZE = (1 << 62) - 1

NUMBER_TYPES = frozenset(
    {
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
        *("FLOAT", "DOUBLE", "DECIMAL"),
    }
)


def check_sizes(method: Method, loc: Loc) -> None:
    """Refuse sizes that are missing, out of range, or don't go together.

    Raises
    ------
    InvalidSize, InvalidMethod
    """
    if isinstance(method, RandomMethod):
        _one_of({"sample_size": method.sample_size, "sample_fraction": method.sample_fraction}, loc)
    elif isinstance(method, StratifiedMethod):
        _check_stratified(method, loc)
    elif isinstance(method, SystematicMethod):
        _one_of({"interval": method.interval, "sample_size": method.sample_size}, loc)
        _check_start(method, loc)
    elif isinstance(method, ClusterMethod):
        _check_cluster(method, loc)
    else:
        _in_range("sample_size", method.sample_size, loc)


def number_columns(table: TableFiles, method: Method, loc: Loc) -> None:
    """Refuse columns that are not there, or hold no numbers where numbers are needed.

    Raises
    ------
    UnknownColumn, InvalidMethod
    """
    names: dict[str, str | None] = {}
    if isinstance(method, WeightedMethod):
        names = {"weight_column": method.weight_column}
    elif isinstance(method, StratifiedMethod):
        names = {
            "allocation_column": method.allocation_column,
            "cost_column": method.cost_column,
        }
    for parameter, name in names.items():
        if name is None:
            continue
        at = (*loc, parameter)
        try:
            column = table.column(name)
        except UnknownColumn as unknown:
            raise UnknownColumn(unknown.message, loc=at) from None
        if column.type.endswith("]") or column.type.split("(")[0] not in NUMBER_TYPES:
            raise InvalidMethod(
                f'{parameter} needs a column of numbers; "{column.name}" is of type {column.type}.',
                loc=at,
            )


def _one_of(sizes: Mapping[str, float | Mapping[str, int] | None], loc: Loc) -> str:
    """The name of the one size that is given, in its range."""
    given = [name for name, size in sizes.items() if size is not None]
    choices = ", ".join(sizes)
    if not given:
        raise InvalidSize(f"Give one of {choices}.", loc=loc)
    if len(given) > 1:
        raise InvalidSize(
            f"Give only one of {choices}: both {given[0]} and {given[1]} are there.",
            loc=(*loc, given[1]),
        )
    name, size = given[0], sizes[given[0]]
    if isinstance(size, Mapping):
        _check_named(size, (*loc, name))
    else:
        _in_range(name, size or 0, loc)
    return name


def _in_range(name: str, size: float, loc: Loc) -> None:
    if name == "sample_fraction":
        if not 0 < size <= 1:
            raise InvalidSize("sample_fraction is above 0 and up to 1.", loc=(*loc, name))
    elif not 1 <= size <= MAX_SIZE:
        raise InvalidSize(f"{name} is 1 or more, up to {MAX_SIZE:,}.", loc=(*loc, name))


def _check_named(sizes: Mapping[str, int], loc: Loc) -> None:
    for label, size in sizes.items():
        if not 0 <= size <= MAX_SIZE:
            raise InvalidSize(f"A stratum's size is 0 to {MAX_SIZE:,}.", loc=(*loc, label))
    if not any(sizes.values()):
        raise InvalidSize("sizes gives no stratum a row.", loc=loc)


def _check_stratified(method: StratifiedMethod, loc: Loc) -> None:
    size = _one_of(
        {
            "sample_size": method.sample_size,
            "sample_fraction": method.sample_fraction,
            "samples_per_stratum": method.samples_per_stratum,
            "sizes": method.sizes,
        },
        loc,
    )
    _check_allocation(method, size, loc)
    at = (*loc, "min_per_stratum")
    minimum, each = method.min_per_stratum, method.samples_per_stratum
    if not 0 <= minimum <= MAX_SIZE:
        raise InvalidSize("min_per_stratum is 0 or more.", loc=at)
    if each is not None and minimum > each:
        raise InvalidSize(
            f"min_per_stratum {minimum:,} is more than samples_per_stratum {each:,}.", loc=at
        )
    if minimum and method.sizes is not None:
        raise InvalidSize("min_per_stratum doesn't go with sizes: they say it all.", loc=at)


def _check_allocation(method: StratifiedMethod, size: str, loc: Loc) -> None:
    allocation = method.allocation
    if allocation not in ("proportional", "equal", "neyman", "optimal"):
        raise InvalidMethod(
            "allocation is one of proportional, equal, neyman, optimal.", loc=(*loc, "allocation")
        )
    if allocation != "proportional" and size in ("samples_per_stratum", "sizes"):
        raise InvalidMethod(
            f"allocation shares a sample's size out: with {size} there is nothing to share.",
            loc=(*loc, "allocation"),
        )
    needed = {
        "allocation_column": allocation in ("neyman", "optimal"),
        "cost_column": allocation == "optimal",
    }
    for name, wanted in needed.items():
        value = method.allocation_column if name == "allocation_column" else method.cost_column
        if wanted and value is None:
            raise InvalidMethod(f"allocation {allocation} needs {name}.", loc=(*loc, name))
        if value is not None and not wanted:
            raise InvalidMethod(f"{name} has no part in allocation {allocation}.", loc=(*loc, name))


def _check_start(method: SystematicMethod, loc: Loc) -> None:
    at = (*loc, "start")
    if method.start is None:
        return
    if method.interval is None:
        raise InvalidMethod(
            "start goes with interval; with sample_size the seed settles it.", loc=at
        )
    if not 1 <= method.start <= method.interval:
        raise InvalidSize(f"start is 1 to the interval, {method.interval:,}.", loc=at)


def _check_cluster(method: ClusterMethod, loc: Loc) -> None:
    _in_range("num_clusters", method.num_clusters, loc)
    percentage = method.sample_percentage
    if method.samples_per_cluster is not None:
        if percentage is not None:
            raise InvalidSize(
                "Give only one of samples_per_cluster, sample_percentage.",
                loc=(*loc, "sample_percentage"),
            )
        _in_range("samples_per_cluster", method.samples_per_cluster, loc)
    elif percentage is not None and not 0 < percentage <= 100:
        raise InvalidSize(
            "sample_percentage is above 0 and up to 100.", loc=(*loc, "sample_percentage")
        )
