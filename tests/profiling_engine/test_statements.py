"""Every shape of statement of a profile, as text.

The texts are in ``golden/``, with line breaks for the reader. After a change that is meant, write
them anew with ``REFRESH_GOLDEN=1 python -m pytest tests/profiling_engine/test_statements.py`` and
read the difference. That they do what they should is what the other tests hold.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parquet_tables.rows import Statement
from parquet_tables.tables import Column, DataFile, TableFiles
from profiling_engine.columns import axis, distinct, first_pass, passes, texts
from profiling_engine.columns.kinds import Axis, kind_of
from profiling_engine.columns.numbers import Distances, number_aggregates, time_aggregates
from profiling_engine.columns.passes import (
    FREQUENCIES,
    SAMPLED,
    Source,
    greatest,
    measure,
    rows,
    total,
)
from profiling_engine.columns.texts import length_aggregates
from profiling_engine.tables import profiler

GOLDEN = Path(__file__).parent / "golden"
COLUMNS = {
    "word": Column('a "word"', "VARCHAR"),
    "price": Column("price", "DECIMAL(12,2)"),
    "wide": Column("wide", "DECIMAL(38,10)"),
    "ratio": Column("ratio", "DOUBLE"),
    "day": Column("day", "DATE"),
    "moment": Column("moment", "TIMESTAMP WITH TIME ZONE"),
    "id": Column("id", "UBIGINT"),
    "bytes": Column("bytes", "BLOB"),
}
FILES = (DataFile(Path("file 0"), 4), DataFile(Path("file 1"), 2))
TABLE = TableFiles(tuple(COLUMNS.values()), FILES)
RESIDUAL = TableFiles(TABLE.columns, FILES, np.array([1, 5], dtype=np.int64))
EMPTY = TableFiles(TABLE.columns, ())
KINDS = {name: kind_of(column) for name, column in COLUMNS.items()}
WORDS, PRICES, RATIOS = (passes.all_rows(TABLE, KINDS[name]) for name in ("word", "price", "ratio"))


def of_kind(name: str) -> Source:
    return passes.all_rows(TABLE, KINDS[name])


def pass_over(name: str, source: Source, low: float, high: float) -> Statement:
    axis = axis_of(name)
    distances = Distances(axis, low, high)
    names = distances.names()
    return measure(source, number_aggregates(axis, distances), axis=axis, names=names)


def axis_of(name: str) -> Axis:
    axis = KINDS[name].axis
    assert axis is not None
    return axis


BUILDERS: dict[str, Callable[[], Statement]] = {
    "all_rows": lambda: passes.count_values(WORDS),
    "all_rows_of_residual": lambda: passes.count_values(passes.all_rows(RESIDUAL, KINDS["id"])),
    "all_rows_of_empty_table": lambda: passes.count_values(passes.all_rows(EMPTY, KINDS["day"])),
    "all_rows_of_floats": lambda: passes.count_values(RATIOS),
    "read_sample": lambda: passes.read_sample(TABLE, KINDS["word"]),
    "stored_bytes": lambda: first_pass.stored_bytes(TABLE),
    "sketch_distinct": lambda: first_pass.sketch_distinct(WORDS),
    "extremes_of_texts": lambda: first_pass.extremes(WORDS, KINDS["word"]),
    "extremes_of_decimals": lambda: first_pass.extremes(PRICES, KINDS["price"]),
    "extremes_of_wide_decimals": lambda: first_pass.extremes(of_kind("wide"), KINDS["wide"]),
    "extremes_of_floats": lambda: first_pass.extremes(RATIOS, KINDS["ratio"]),
    "extremes_of_dates": lambda: first_pass.extremes(of_kind("day"), KINDS["day"]),
    "extremes_of_finite_dates": lambda: first_pass.extremes(
        of_kind("day"), KINDS["day"], finite=True
    ),
    "extremes_of_bytes": lambda: first_pass.extremes(of_kind("bytes"), KINDS["bytes"]),
    "measure_numbers": lambda: pass_over("price", PRICES, 100, 250),
    "measure_frequencies_of_numbers": lambda: pass_over("price", FREQUENCIES, -(10**11), 10**11),
    "measure_wide_numbers": lambda: pass_over("wide", of_kind("wide"), -(10**38) + 1, 10**38 - 1),
    "measure_floats": lambda: pass_over("ratio", RATIOS, -0.5, 3.75),
    "measure_moments": lambda: measure(
        of_kind("moment"),
        time_aggregates(axis_of("moment")),
        axis=axis_of("moment"),
    ),
    "measure_bins": lambda: measure(
        PRICES,
        {"below_0": rows("x < ?", 1000), "far_above": rows("x > ?", 5000)},
        axis=axis_of("price"),
    ),
    "measure_sample": lambda: measure(
        SAMPLED,
        {"zeros": rows("x = 0"), "sum": total("x"), "most": greatest("x")},
        axis=axis_of("price"),
    ),
    "measure_texts": lambda: measure(
        WORDS,
        {**length_aggregates("length(v)", "v = ''"), **texts.space_aggregates()},
        names=texts.ENDS,
    ),
    "measure_details_of_texts": lambda: measure(
        FREQUENCIES, texts.detail_aggregates(), names=texts.ENDS
    ),
    "mask_frequencies": lambda: texts.mask_values(FREQUENCIES),
    "mask_sample": lambda: texts.mask_values(SAMPLED),
    "find_variants": texts.find_variants,
    "count_all_keys": lambda: axis.count_keys(PRICES, axis_of("price"), 12, 12, (), "x"),
    "count_keys_of_prefixes": lambda: axis.count_keys(
        FREQUENCIES, axis_of("price"), 0, 12, (3, 70), "x"
    ),
    "count_keys_of_floats": lambda: axis.count_keys(RATIOS, axis_of("ratio"), 50, 50, (), "0"),
    "show_moments": lambda: first_pass.format_times(axis_of("moment"), [0, 86_400_000_000]),
    "frequent_values": lambda: distinct.frequent_values(FREQUENCIES, "VARCHAR"),
    "frequent_values_of_rows": lambda: distinct.frequent_values(of_kind("day"), "DATE"),
    "frequent_values_of_sample": lambda: distinct.sampled_values(SAMPLED, "DATE"),
    "block_sizes": lambda: distinct.block_sizes(SAMPLED),
    "group_sizes": distinct.group_sizes,
    "hash_groups": lambda: distinct.hash_groups(WORDS),
    "values_of_groups": lambda: distinct.values_of_groups(WORDS, "VARCHAR", [3, 65_535]),
    "distinct_integers": lambda: distinct.distinct_integers(PRICES, "v", -5, 250),
    "set_bits": lambda: distinct.set_bits(WORDS, 20),
    "repeated_in_slice": lambda: distinct.repeated_in_slice(WORDS, 2, 7),
    "counts_of_counts": lambda: distinct.counts_of_counts(SAMPLED),
    "repeated_rows": lambda: profiler.repeated_rows(TABLE, 1),
    "repeated_rows_of_some_hashes": lambda: profiler.repeated_rows(RESIDUAL, 32),
}


def readable(statement: Statement) -> str:
    sql, params = statement
    broken = re.sub(
        r"(?<!DISTINCT) (?=(?:FROM|JOIN|WHERE|ORDER BY|GROUP BY|UNION ALL)\b)", "\n", sql
    )
    aggregates = r", (?=(?:coalesce|min|max|count_if|sum)\()"
    return f"{re.sub(aggregates, ',' + chr(10) + '    ', broken)}\n-- bound: {params}\n"


@pytest.mark.parametrize("name", BUILDERS)
def test_statement_matches_its_golden_file(name: str) -> None:
    text = readable(BUILDERS[name]())
    golden = GOLDEN / f"{name}.sql"
    if os.environ.get("REFRESH_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def test_every_golden_file_is_used() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(BUILDERS)
