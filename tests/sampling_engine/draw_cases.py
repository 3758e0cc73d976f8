"""Draws by any methods from small tables of any rows, and the rows that the plain draw gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from parquet_tables.tables import TableFiles
from sampling_engine import (
    ClusterMethod,
    Method,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
)
from sampling_engine.filters import parse_expression
from tests.sampling_engine import plain_draw
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.plain_draw import Row

VALUES = st.none() | st.sampled_from(["", "a", "b", "NULL", "Ä", "a | b"])
ROWS = st.fixed_dictionaries(
    {
        "k": VALUES,
        "l": st.sampled_from(["x", None]),
        "v": st.none() | st.integers(-9, 9),
        "w": st.none() | st.integers(0, 5) | st.integers(0, 10**6),
        "f": st.none() | st.sampled_from([0.0, 0.25, 1.0, 7.5, 1e6]),
        "p": st.none() | st.sampled_from([0.0, 0.001, 0.1, 0.3, 0.5, 0.77, 1.0]),
    }
)
TYPES = {
    "k": "VARCHAR",
    "l": "VARCHAR",
    "v": "INTEGER",
    "w": "BIGINT",
    "f": "DOUBLE",
    "p": "DOUBLE",
}
FILTERS: dict[str | None, Callable[[Row], bool]] = {
    None: lambda row: True,
    "v > 0": lambda row: row["v"] is not None and row["v"] > 0,  # type: ignore[operator]
    "k = 'a' OR l IS NULL": lambda row: row["k"] == "a" or row["l"] is None,
    "v > 100": lambda row: False,
}
SIZES = st.integers(1, 60)
SORTS: dict[str, st.SearchStrategy[object]] = {
    "sort_columns": st.permutations("klvf").flatmap(
        lambda names: st.integers(1, 3).map(lambda count: tuple(names[:count]))
    ),
    "sort_order": st.sampled_from(["serpentine", "nested"]),
}
METHODS = st.one_of(
    st.builds(RandomMethod, sample_size=SIZES),
    st.builds(RandomMethod, sample_fraction=st.sampled_from([0.01, 0.15, 0.5, 1.0])),
    st.builds(
        StratifiedMethod,
        strata_columns=st.sampled_from([("k",), ("l",), ("l", "k")]),
        sample_size=st.integers(20, 60),
        min_per_stratum=st.integers(0, 1),
        allocation=st.sampled_from(["proportional", "equal"]),
    ),
    st.builds(
        StratifiedMethod,
        strata_columns=st.just(("k", "l")),
        samples_per_stratum=st.integers(1, 5),
    ),
    st.builds(
        StratifiedMethod,
        strata_columns=st.just(("k",)),
        sample_size=SIZES,
        allocation=st.just("amount"),
        allocation_column=st.just("v"),
    ),
    st.builds(
        StratifiedMethod,
        strata_columns=st.just(("k",)),
        sample_size=SIZES,
        allocation=st.just("neyman"),
        allocation_column=st.just("v"),
    ),
    st.builds(SystematicMethod, interval=st.integers(1, 12)),
    st.builds(SystematicMethod, interval=st.integers(5, 12), start=st.integers(1, 5)),
    st.builds(SystematicMethod, sample_size=SIZES),
    st.builds(SystematicMethod, interval=st.integers(1, 5), **SORTS),
    st.builds(SystematicMethod, sample_size=SIZES, **SORTS),
    st.builds(ClusterMethod, cluster_column=st.sampled_from("klv"), num_clusters=st.integers(1, 4)),
    st.builds(
        ClusterMethod,
        cluster_column=st.just("k"),
        num_clusters=st.integers(1, 4),
        samples_per_cluster=st.integers(1, 4),
    ),
    st.builds(
        ClusterMethod,
        cluster_column=st.just("k"),
        num_clusters=st.integers(1, 4),
        sample_percentage=st.sampled_from([0.5, 12.5, 50.0, 100.0]),
    ),
    st.builds(WeightedMethod, sample_size=SIZES, weight_column=st.sampled_from("wf")),
    st.builds(
        WeightedMethod,
        sample_size=SIZES,
        weight_column=st.just("p"),
        uncertainty=st.just(True),
        uncertainty_floor=st.sampled_from([None, 0.000001, 0.3, 0.5]),
        uncertainty_missing=st.just("floor"),
        selection=st.sampled_from(["pareto", "systematic"]),
    ),
    *(
        st.builds(
            WeightedMethod,
            sample_size=SIZES,
            weight_column=st.sampled_from("wf"),
            selection=st.just("systematic"),
            **sorts,
        )
        for sorts in ({}, SORTS)
    ),
    st.builds(
        MonetaryUnitMethod,
        book_column=st.sampled_from("vwf"),
        sample_size=SIZES,
        selection=st.sampled_from(["fixed_interval", "cell", "random"]),
        population=st.sampled_from(["positive", "absolute", "negative"]),
        order=st.sampled_from(["seeded", "file"]),
    ),
    st.builds(
        MonetaryUnitMethod,
        book_column=st.sampled_from("vwf"),
        interval=st.sampled_from([3, 40, 99_999]),
        selection=st.sampled_from(["fixed_interval", "cell"]),
        order=st.sampled_from(["seeded", "file"]),
    ),
)


@dataclass
class Case:
    rows: list[Row]
    rounds: list[tuple[Method, str | None]]
    seed: int
    splits: list[int]
    deletion_vector: list[int] = field(default_factory=list)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows = draw(st.lists(ROWS, min_size=1, max_size=90))
    one_round = st.tuples(METHODS, st.sampled_from([None, None, *FILTERS]))
    places = st.integers(0, len(rows) - 1)
    return Case(
        rows,
        draw(st.lists(one_round, min_size=1, max_size=3)),
        draw(st.integers(0, 1_000)),
        sorted(draw(st.lists(places, max_size=2))),
        sorted(draw(st.sets(places, max_size=8) | st.just(set()))),
    )


def plain_rounds(case: Case) -> list[list[int]]:
    taken = set(case.deletion_vector)
    drawn: list[list[int]] = []
    for number, (method, text) in enumerate(case.rounds, start=1):
        eligible = plain_draw.eligible_rows(case.rows, FILTERS[text], taken)
        seed = case.seed if number == 1 else f"{case.seed}:round-{number}"
        drawn.append(plain_round(case, method, eligible, seed))
        taken |= set(drawn[-1])
    return drawn


def plain_line(
    case: Case, method: SystematicMethod | WeightedMethod, eligible: list[int]
) -> list[int]:
    is_serpentine = method.sort_order != "nested"
    columns = method.sort_columns or ()
    return plain_draw.in_line(case.rows, eligible, columns, serpentine=is_serpentine)


def plain_round(case: Case, method: Method, eligible: list[int], seed: int | str) -> list[int]:
    count = len(case.rows)
    if isinstance(method, RandomMethod):
        taken = set(range(count)) - set(eligible)
        return plain_draw.draw_random(count, taken, plain_total(method, len(eligible)), seed)
    if isinstance(method, SystematicMethod):
        size, start = method.sample_size, method.start
        eligible = plain_line(case, method, eligible)
        return plain_draw.draw_systematic(eligible, method.interval, size, start, seed)
    if isinstance(method, ClusterMethod):
        groups = plain_draw.groups_of(case.rows, eligible, [method.cluster_column])
        each, percentage = method.samples_per_cluster, method.sample_percentage
        return plain_draw.draw_clusters(groups, method.num_clusters, each, percentage, count, seed)
    if isinstance(method, WeightedMethod):
        values = {at: case.rows[at][method.weight_column] for at in eligible}
        if method.uncertainty:
            weights = plain_draw.uncertainties(values, method.uncertainty_floor or 0.05)  # type: ignore[arg-type]
        else:
            weights = {at: Fraction(value) for at, value in values.items() if value}  # type: ignore[arg-type]
        if method.selection == "systematic":
            line = plain_line(case, method, eligible)
            return list(plain_draw.draw_by_points(weights, line, method.sample_size, seed))
        return list(plain_draw.draw_weighted(weights, method.sample_size, seed))
    if isinstance(method, MonetaryUnitMethod):
        return list(plain_units(case, method, eligible, seed).rows)
    groups = plain_draw.groups_of(case.rows, eligible, method.strata_columns)
    sizes = plain_sizes(case, method, groups)
    return plain_draw.draw_stratified(groups, sizes, count, seed)


def plain_sizes(
    case: Case, method: StratifiedMethod, groups: dict[plain_draw.Key, list[int]]
) -> list[int]:
    there = [len(ordinals) for ordinals in groups.values()]
    if method.samples_per_stratum is not None:
        return [min(method.samples_per_stratum, size) for size in there]
    least = [min(method.min_per_stratum, size) for size in there]
    total = plain_total(method, sum(there))
    if not there or method.allocation == "proportional":
        return plain_draw.share_out(there, total, least, there) if there else []
    if method.allocation == "equal":
        return plain_draw.share_out([1] * len(there), total, least, there)
    values = [row["v"] for row in case.rows]
    of = plain_draw.amount_shares if method.allocation == "amount" else plain_draw.deviation_shares
    shares = of(groups, values)  # type: ignore[arg-type]
    return plain_draw.share_out_by(shares, there, total, least)


SIGNS = {"positive": lambda n: n, "negative": lambda n: -n, "absolute": abs}


def plain_units(
    case: Case, method: MonetaryUnitMethod, eligible: list[int], seed: int | str
) -> plain_draw.PlainUnits:
    factor = 100 if method.book_column == "f" else 1
    signed = {at: case.rows[at][method.book_column] for at in eligible}
    amounts = {
        at: SIGNS[method.population](int(value * factor))  # type: ignore[operator]
        for at, value in signed.items()
        if value is not None
    }
    return plain_draw.draw_monetary(
        {at: units for at, units in amounts.items() if units > 0},
        method.sample_size,
        None if method.interval is None else int(method.interval * factor),
        method.selection,
        method.order,
        len(case.rows),
        seed,
    )


def plain_total(method: RandomMethod | StratifiedMethod, left: int) -> int:
    if method.sample_fraction is not None:
        return int(left * method.sample_fraction + 0.5)
    return min(method.sample_size or 0, left)


def table_of(workshop: Workshop, case: Case) -> TableFiles:
    columns = {name: (kind, [row[name] for row in case.rows]) for name, kind in TYPES.items()}
    table = workshop.table(columns, splits=case.splits)
    return TableFiles(table.columns, table.files, np.array(case.deletion_vector, dtype=np.int64))


def engine_rounds(case: Case, table: TableFiles) -> list[Round]:
    return [
        Round(
            round_number=number,
            method=method,
            seed=case.seed,
            filter=parse_expression(text, table) if text else None,
        )
        for number, (method, text) in enumerate(case.rounds, start=1)
    ]
