"""What a draw reads of a table, and the processor time that it takes: a model.

A draw is a few steps: passes over all rows, look-ups of rows by position, and the fetch of the
drawn rows. A step reads rows of some columns in some files. Bytes and files follow from these
counts. The processor time is linear in them; its constants are fitted to the measures of tables of
one size, and the model is checked by those of other sizes (``benchmarks.model_measures``).

    python -m benchmarks.model
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil, exp, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np

from parquet_tables.rows import MAX_BRANCHES, MAX_FEW_ROWS
from sampling_engine.engines.duckdb_engine import MAX_LISTED
from sampling_engine.methods.monetary_unit.ledger import shift_of
from sampling_engine.selection.order import WINDOW_RANKS
from sampling_engine.selection.walk_and_scan import LOOK_UP_NS, RANK_NS, READ_NS

MEASURES = Path(__file__).with_name("model_measures.json")
"""By layout and draw: bytes, files, and the least processor time of the runs."""

# Of TPC-H's lineitem as jobsvc writes it: bytes a row, from the footers of its files.
ALL_COLUMNS = 24.31
FILTER_COLUMNS = 0.94  # l_quantity, l_linenumber
STRATA_COLUMNS = 0.54  # l_returnflag, l_shipmode
AMOUNT_COLUMN = 3.12  # l_extendedprice
CLUSTER_COLUMN = 2.26  # l_suppkey
KEY_COLUMNS = 0.40  # l_orderkey, l_linenumber
FOOTER_BYTES = 3_210  # of a row group of 16 columns, as DuckDB reads it
PASSING = 0.1126
"""The share of the rows that pass the filter."""
SMALLEST_STRATUM = 0.0351
"""The share of the rows in the smallest of the 21 strata."""
LARGEST_AMOUNT = 2.744
"""The largest amount as a multiple of the mean."""

CLUSTERS, DRAWN_CLUSTERS, ROWS_IN_CLUSTER = 100_000, 100, 10
DIGEST_BYTES = 8
FIRST_READS, LATER_READS = 10, 2
"""How often a draw reads the digests of all keys: to sort them in eight parts and to rank them."""

GOAL = 0.2
FILTER, STRATIFIED, WEIGHTED = "random, filter", "stratified", "weighted"
MONETARY, MONETARY_LATER = "monetary unit", "monetary unit, later"
KEYED, KEYED_LATER = "keyed", "keyed, later"
METHODS = (
    "random", "systematic", FILTER, STRATIFIED, "cluster", WEIGHTED, MONETARY, MONETARY_LATER,
    KEYED, KEYED_LATER,
)  # fmt: skip


class Measured(NamedTuple):
    """Bytes read, data files opened, and seconds of processor time."""

    bytes: float
    files: float
    cpu_s: float


@dataclass(frozen=True)
class Layout:
    """A table's rows, files and row groups; ``cut_in`` and below are for its measures."""

    rows: int
    files: int
    groups_in_file: int
    cut_in: int = 0
    has_unique_keys: bool = True
    is_fitted: bool = False

    @property
    def groups(self) -> int:
        """The row groups."""
        return self.files * self.groups_in_file

    @property
    def group_rows(self) -> float:
        """The rows of a row group."""
        return self.rows / self.groups


LAYOUTS = {
    "6·10^6 rows in 100 files": Layout(5_998_600, 100, 2, 1_000),
    "3·10^7 rows in 5 files": Layout(29_993_025, 5, 183, 10),
    "6·10^7 rows in 10 files": Layout(59_986_052, 10, 183, 10, is_fitted=True),
    "6·10^7 rows in 1,000 files": Layout(59_986_052, 1_000, 2, 1_000, is_fitted=True),
    "6·10^8 rows in 100 files": Layout(599_860_520, 100, 183, 10, has_unique_keys=False),
    "6·10^8 rows in 10,000 files": Layout(599_860_520, 10_000, 2, 1_000, has_unique_keys=False),
}
SPARK_LAYOUTS = {
    "6·10^4 rows in 1 file": Layout(59_986, 1, 2, 1_000, is_fitted=True),
    "3·10^7 rows in 5 files": Layout(29_993_025, 5, 183, 10, is_fitted=True),
    "6·10^7 rows in 10 files": Layout(59_986_052, 10, 183, 10),
    "6·10^6 rows in 100 files": Layout(5_998_600, 100, 2, 1_000, is_fitted=True),
    "6·10^6 rows in 1 file": Layout(5_998_605, 1, 183, 10),
}
LARGE = Layout(10**11, 10**5, 31)


class Step(NamedTuple):
    """Rows that are read of columns with ``row_bytes`` a row, in some files."""

    name: str
    rows: float
    files: float
    row_bytes: float
    file_groups: float = 0.0
    """The row groups of these files, which the fetch's plan goes through."""

    @property
    def terms(self) -> list[float]:
        """What its processor time is linear in."""
        if self.name == "fetch":
            return [1.0, self.files, self.file_groups, self.rows]
        return [self.files, self.rows]


def touched(rows: float, places: float) -> float:
    """The places, of so many, with at least one of some random rows, as expected."""
    return places * (1 - exp(-rows / places))


def generous(rows: float) -> float:
    """The rows that are met so that nearly surely so many of a stratum are among them."""
    return rows + 3 * sqrt(rows) + 3


def fetch(layout: Layout, drawn: float, *, apart: bool = False) -> Step:
    """The drawn rows: their row groups, and all columns. ``apart`` are at equal distances."""
    files, groups = touched(drawn, layout.files), touched(drawn, layout.groups)
    if apart:
        files, groups = min(drawn, layout.files), min(drawn, layout.groups)
    file_groups = files * layout.groups_in_file
    return Step("fetch", groups * layout.group_rows, files, ALL_COLUMNS, file_groups)


def all_rows(name: str, layout: Layout, row_bytes: float) -> Step:
    """A pass."""
    return Step(name, layout.rows, layout.files, row_bytes)


def look_up(name: str, layout: Layout, met: float, row_bytes: float) -> Step:
    """Columns of rows by position: of many rows in many files, these files are read whole."""
    met = min(met, layout.rows)
    files = touched(met, layout.files)
    if met > MAX_FEW_ROWS and files > MAX_BRANCHES:
        return Step(name, layout.rows * files / layout.files, files, row_bytes)
    return Step(name, touched(met, layout.groups) * layout.group_rows, files, row_bytes)


def block_rows(layout: Layout, drawn: float) -> Step:
    """The blocks of the drawn monetary units: a table has at most 2^18 blocks of 2^k rows."""
    block = 1 << shift_of(layout.rows)
    in_block = 1 + block / layout.group_rows
    groups = touched(drawn, layout.groups / in_block) * in_block
    files = touched(drawn, layout.files)
    return Step("blocks' rows", groups * layout.group_rows, files, AMOUNT_COLUMN)


def rows_of_clusters(layout: Layout) -> list[Step]:
    """A pass, or look-ups in windows of the seeded order where the planner takes these for cheaper.

    Where they are in all files, each window is as much work as a pass.
    """
    name = "rows of clusters"
    share = generous(ROWS_IN_CLUSTER) / (layout.rows / CLUSTERS)
    met = share * layout.rows
    scanning = layout.rows * (READ_NS + RANK_NS * DRAWN_CLUSTERS / CLUSTERS)
    if met * LOOK_UP_NS > scanning:
        return [all_rows(name, layout, CLUSTER_COLUMN)]
    windows = ceil(share * 2 ** layout.rows.bit_length() / WINDOW_RANKS)
    return [look_up(name, layout, met / windows, CLUSTER_COLUMN)] * windows


def steps(method: str, layout: Layout, drawn: float = 1_000) -> list[Step]:
    """The steps of a first draw in DuckDB, in order; the last is the fetch."""
    rows = layout.rows
    before: list[Step] = []
    if method == FILTER:
        before = [all_rows("count", layout, FILTER_COLUMNS)]
        if PASSING * rows > MAX_LISTED:
            met = generous(drawn) / PASSING
            before.append(look_up("filter of rows", layout, met, FILTER_COLUMNS))
    elif method == STRATIFIED:
        met = generous(drawn * SMALLEST_STRATUM) / SMALLEST_STRATUM
        before = [
            all_rows("count by strata", layout, STRATA_COLUMNS),
            look_up("strata of rows", layout, met, STRATA_COLUMNS),
        ]
    elif method == "cluster":
        before = [
            all_rows("count by cluster", layout, CLUSTER_COLUMN),
            *rows_of_clusters(layout),
        ]
    elif method == WEIGHTED:
        met = (1 + 1.5 * (3 * sqrt(drawn) + 3) / drawn) * LARGEST_AMOUNT * drawn
        before = [
            all_rows("sum", layout, AMOUNT_COLUMN),
            look_up("filter of rows", layout, met, AMOUNT_COLUMN),
            Step("ranks", rows, 0, 0),
        ]
    elif method in (MONETARY, MONETARY_LATER):
        before = [all_rows("sums of blocks", layout, AMOUNT_COLUMN), block_rows(layout, drawn)]
        before = before[method == MONETARY_LATER :]
    elif method in (KEYED, KEYED_LATER):
        reads = FIRST_READS - LATER_READS
        before = [
            all_rows("digests", layout, KEY_COLUMNS + reads * DIGEST_BYTES),
            Step("ranks of digests", rows, 0, LATER_READS * DIGEST_BYTES),
        ]
        before = before[method == KEYED_LATER :]
    return [*before, fetch(layout, drawn, apart=method == "systematic")]


Constants = Mapping[str, list[float]]
"""By step, the seconds of each of its terms."""
Measures = Mapping[str, Mapping[str, tuple[float, float, float]]]


def predicted(method: str, layout: Layout, constants: Constants, drawn: float = 1_000) -> Measured:
    """Bytes, files and processor time of a first draw in DuckDB."""
    planned = steps(method, layout, drawn)
    files = max(step.files for step in planned)
    footers = files * layout.groups_in_file * FOOTER_BYTES
    read = sum(step.rows * step.row_bytes for step in planned)
    return Measured(read + footers, files, sum(seconds(step, constants) for step in planned))


def seconds(step: Step, constants: Constants) -> float:
    """Processor time of a step."""
    return float(np.dot(step.terms, constants[step.name]))


def fitted(measures: Measures) -> Constants:
    """Fit the constants to the layouts of one size.

    Plans and small draws are measured there too, so that steps are told apart: a step has what a
    draw takes beyond its plan and the fetch.
    """
    size = {name: layout for name, layout in LAYOUTS.items() if layout.is_fitted}
    cpu = {name: {draw: each[2] for draw, each in measures[name].items()} for name in size}
    draws = {"random": 1_000, "random 100": 100, "random 10": 10, "random 1": 1}
    constants: dict[str, list[float]] = {
        "fetch": _least_squares(
            [fetch(layout, count).terms for layout in size.values() for count in draws.values()],
            [cpu[name][draw] for name in size for draw in draws],
        )
    }

    def fit(at: int, method: str, plus: str, *minus: str) -> None:
        chosen = {name: steps(method, layout) for name, layout in size.items()}
        step = next(iter(chosen.values()))[at].name
        spent = [
            cpu[name][plus]
            - sum(cpu[name][each] for each in minus)
            - sum(seconds(other, constants) for other in chosen[name][1:at] if minus)
            for name in size
        ]
        constants[step] = _least_squares([each[at].terms for each in chosen.values()], spent)

    for method in (FILTER, STRATIFIED, "cluster", WEIGHTED, MONETARY):
        fit(0, method, f"plan: {method}")
    for method in (FILTER, STRATIFIED, "cluster"):
        fit(1, method, method, f"plan: {method}", "random")
    fit(2, WEIGHTED, WEIGHTED, f"plan: {WEIGHTED}", "random")
    fit(0, MONETARY_LATER, MONETARY_LATER, "random")
    fit(0, KEYED_LATER, KEYED_LATER, "random")
    fit(0, KEYED, KEYED, KEYED_LATER)
    return constants


def _least_squares(terms: list[list[float]], spent: list[float]) -> list[float]:
    """Constants of least relative error that aren't negative."""
    weights = 1 / np.maximum(np.array(spent), 0.02)
    matrix = np.array(terms) * weights[:, None]
    used = [at for at in range(matrix.shape[1]) if matrix[:, at].any()]
    while True:
        found = np.linalg.lstsq(matrix[:, used], np.array(spent) * weights, rcond=None)[0]
        if not len(found) or found.min() >= 0:
            break
        used.pop(int(found.argmin()))
    constants = np.zeros(matrix.shape[1])
    constants[used] = found
    return [float(each) for each in constants]


SPARK_COLUMNS = {
    FILTER: FILTER_COLUMNS,
    STRATIFIED: STRATA_COLUMNS,
    "cluster": CLUSTER_COLUMN,
    WEIGHTED: AMOUNT_COLUMN,
    MONETARY: AMOUNT_COLUMN,
    KEYED: KEY_COLUMNS,
}
SPARK_SCANS = {**dict.fromkeys(SPARK_COLUMNS, 2), MONETARY: 1}
"""Of all rows; a draw by monetary units then reads its blocks alone."""


def spark_terms(layout: Layout) -> list[float]:
    """What the cluster's processor time is linear in: a draw, its files and its rows."""
    return [1.0, layout.files, layout.rows]


def spark_predicted(method: str, layout: Layout, constants: Constants) -> Measured:
    """Bytes, files and processor time of the cluster; DuckDB has the fetch besides.

    The processor time is NaN for a draw that isn't measured on all tables of the fit.
    """
    footers = layout.groups * FOOTER_BYTES
    read = SPARK_SCANS[method] * (layout.rows * SPARK_COLUMNS[method] + footers)
    cpu_s = np.dot(spark_terms(layout), constants[method]) if method in constants else np.nan
    return Measured(read, layout.files, float(cpu_s))


def spark_fitted(measures: Measures) -> Constants:
    """Fit the constants of each method to three tables: of one small file, many files, many rows.

    Java's noise is larger than the work of a small table, so one size isn't enough.
    """
    size = {name: layout for name, layout in SPARK_LAYOUTS.items() if layout.is_fitted}
    return {
        method: _least_squares(
            [spark_terms(layout) for layout in size.values()],
            [measures[f"Spark, {name}"][method][2] for name in size],
        )
        for method in SPARK_COLUMNS
        if all(method in measures.get(f"Spark, {name}", {}) for name in size)
    }


def recorded() -> Measures:
    """The measures that the repository has."""
    found: Measures = json.loads(MEASURES.read_text(encoding="utf-8"))
    return found


class Figure(NamedTuple):
    """One of the three figures of a draw: its unit and decimals in tables."""

    field: str
    name: str
    unit: float
    decimals: int


BYTES = Figure("bytes", "MB read", 1e6, 0)
FILES = Figure("files", "files opened", 1, 0)
CPU = Figure("cpu_s", "CPU seconds", 1, 1)


class Comparison(NamedTuple):
    """A measured draw of a table."""

    table: str
    method: str
    is_fitted: bool
    found: Measured
    model: Measured

    def deviation(self, figure: Figure) -> float:
        """Predicted by measured, less 1."""
        return float(getattr(self.model, figure.field) / getattr(self.found, figure.field) - 1)

    def cell(self, figure: Figure) -> str:
        """Measured, predicted and the deviation, which is marked above the goal."""
        values = (getattr(each, figure.field) / figure.unit for each in (self.found, self.model))
        measured, expected = (f"{value:,.{figure.decimals}f}" for value in values)
        deviation = self.deviation(figure)
        mark = "**" if abs(deviation) > GOAL else ""
        return f"{measured}, {expected} ({mark}{deviation:+.0%}{mark})"


def comparisons(measures: Measures) -> list[Comparison]:
    """All measured draws in DuckDB, by table."""
    constants = fitted(measures)
    return [
        Comparison(
            name,
            method,
            layout.is_fitted,
            Measured(*measures[name][method]),
            predicted(method, layout, constants),
        )
        for name, layout in LAYOUTS.items()
        for method in METHODS
        if method in measures.get(name, {})
    ]


def spark_comparisons(measures: Measures) -> list[Comparison]:
    """All measured draws on a Spark cluster, by table; the smallest reads less than Java itself."""
    constants = spark_fitted(measures)
    return [
        Comparison(
            name,
            method,
            layout.is_fitted,
            Measured(*measures[f"Spark, {name}"][method]),
            spark_predicted(method, layout, constants),
        )
        for name, layout in SPARK_LAYOUTS.items()
        if layout.rows >= 10**6
        for method in SPARK_COLUMNS
        if method in measures.get(f"Spark, {name}", {})
    ]


def check_lines(compared: Iterable[Comparison], figure: Figure) -> Iterable[str]:
    """A table of one figure, measured and predicted: a line for each draw, a column a table."""
    by_draw = {(each.method, each.table): each.cell(figure) for each in compared}
    tables = dict.fromkeys(table for _, table in by_draw)
    yield f"| {figure.name} | {' | '.join(tables)} |"
    yield "| --- |" + " --- |" * len(tables)
    for method in dict.fromkeys(method for method, _ in by_draw):
        yield f"| {method} | {' | '.join(by_draw.get((method, name), '') for name in tables)} |"


def summary(compared: Iterable[Comparison], figure: Figure) -> str:
    """How many predictions are within the goal, and the deviations' range."""
    deviations = [each.deviation(figure) for each in compared]
    within = sum(abs(each) <= GOAL for each in deviations)
    return (
        f"{figure.name}: {within} of {len(deviations)} within {GOAL:.0%}, "
        f"{min(deviations):+.0%} to {max(deviations):+.0%}"
    )


def constant_lines(measures: Measures) -> Iterable[str]:
    """The page's table of the constants of DuckDB's steps."""
    yield "| step | ns a row | ms a file |"
    yield "| --- | --- | --- |"
    for step, constants in fitted(measures).items():
        file_s, row_s = constants[-3 if step == "fetch" else -2], constants[-1]
        yield f"| {step} | {row_s * 1e9:.1f} | {file_s * 1e3:.2f} |"


def spark_constant_lines(measures: Measures) -> Iterable[str]:
    """The page's table of the constants of a Spark cluster."""
    yield "| draw | s a draw | ms a file | ns a row |"
    yield "| --- | --- | --- | --- |"
    for method, (draw_s, file_s, row_s) in spark_fitted(measures).items():
        yield f"| {method} | {draw_s:.1f} | {file_s * 1e3:.0f} | {row_s * 1e9:.0f} |"


def large_lines(measures: Measures) -> Iterable[str]:
    """The page's table for 10^11 rows in 100,000 files."""
    constants, of_spark = fitted(measures), spark_fitted(measures)
    yield "| draw of 1,000 rows | read | files | CPU time | Spark: read | CPU time of the cluster |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for method in METHODS:
        model = predicted(method, LARGE, constants)
        line = f"| {method} | {size(model.bytes)} | {model.files:,.0f} | {duration(model.cpu_s)} "
        if method not in SPARK_COLUMNS:
            yield f"{line}| | |"
            continue
        cluster = spark_predicted(method, LARGE, of_spark)
        cpu = duration(cluster.cpu_s) if method in of_spark else "not measured"
        yield f"{line}| {size(cluster.bytes)} | {cpu} |"


def size(count: float) -> str:
    """Bytes with two digits.

    >>> size(2_430_000_000_000), size(812_345_678)
    ('2,400 GB', '0.81 GB')
    """
    return f"{float(f'{count / 1e9:.2g}'):,g} GB"


def duration(cpu_s: float) -> str:
    """Seconds with two digits, as minutes or hours where they are many.

    >>> duration(4.04), duration(1_500), duration(200_000)
    ('4 s', '25 min', '56 h')
    """
    for unit, length in (("h", 3_600), ("min", 60)):
        if cpu_s >= 2 * length:
            return f"{float(f'{cpu_s / length:.2g}'):,g} {unit}"
    return f"{float(f'{cpu_s:.2g}'):g} s"


def main() -> None:
    """Print constants and tables."""
    measures = recorded()
    print("\n".join([*constant_lines(measures), *spark_constant_lines(measures)]))
    fetch_s = fitted(measures)["fetch"]
    print(f"fetch: {fetch_s[0] * 1e3:.0f} ms a draw, {fetch_s[2] * 1e6:.0f} µs a row group opened")
    compared = comparisons(measures)
    for figure in (BYTES, FILES, CPU):
        print("\n".join(check_lines(compared, figure)))
        for of_fit in (True, False):
            chosen = [each for each in compared if each.is_fitted is of_fit]
            print("fitted:" if of_fit else "predicted:", summary(chosen, figure))
    print("\n".join(check_lines(spark_comparisons(measures), BYTES)))
    print("\n".join(large_lines(measures)))


if __name__ == "__main__":
    main()
