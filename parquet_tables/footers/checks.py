"""Whether a Parquet file agrees with its footer, which DuckDB believes.

The footer alone shows contradictions, the pages show the number of rows, and the values show
whether the statistics are theirs. Used before a file is attached or imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import duckdb

from contract.columns import DataType
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.footers.structures import (
    MAGIC,
    Chunk,
    ReadBytes,
    StrangeFooter,
    bytes_between,
    is_structure,
    read_footer_bytes,
    rows_and_groups,
    values_in_pages,
)
from parquet_tables.progress import ProgressCallback, execute_watched
from parquet_tables.quoting import positional_names

_LEAST_OFFSET = len(MAGIC)
_START = (
    f"CASE WHEN dictionary_page_offset >= {_LEAST_OFFSET} THEN dictionary_page_offset "
    "ELSE data_page_offset END"
)


class FooterContradicted(Exception):
    """The footer contradicts itself, the file's pages or its values; the text says in what."""


@dataclass(frozen=True)
class StatedChunk:
    """A column of a row group, as the footer states it; ``column`` counts leaf columns."""

    group: int
    group_rows: int
    column: int
    name: str
    chunk: Chunk
    first_data: int
    indexes: tuple[tuple[int | None, int | None], ...]
    """Place and size of the Bloom filter and the page indexes."""

    @property
    def place(self) -> str:
        return f'the column "{self.name}" of row group {self.group + 1:,}'


@dataclass(frozen=True)
class StatedFile:
    """A footer: ``is_flat`` says of each leaf column whether a row has exactly one value of it."""

    rows: int
    groups: int
    data_end: int
    is_flat: tuple[bool, ...]
    chunks: tuple[StatedChunk, ...]


def read_stated(
    cursor: duckdb.DuckDBPyConnection,
    path: str,
    read: ReadBytes,
    size_bytes: int,
    is_flat: tuple[bool, ...] | None = None,
) -> StatedFile:
    """Read the footer of a file; raise FooterContradicted if it isn't one.

    ``is_flat`` is that of the file if its schema is known. ``parquet_file_metadata`` fails if the
    name of the writing program isn't UTF-8.
    """
    try:
        data_end, footer = read_footer_bytes(read, size_bytes)
        rows, groups = rows_and_groups(footer)
    except StrangeFooter as problem:
        raise FooterContradicted(str(problem)) from None
    chunks = cursor.execute(
        "SELECT row_group_id, row_group_num_rows, column_id, path_in_schema, "
        f"({_START}, total_compressed_size, num_values), data_page_offset, "
        "(bloom_filter_offset, bloom_filter_length), "
        "(column_index_offset, column_index_length), (offset_index_offset, offset_index_length) "
        "FROM parquet_metadata(?) ORDER BY row_group_id, column_id",
        [path],
    ).fetchall()
    if is_flat is None:
        fields = cursor.execute(
            "SELECT num_children, repetition_type FROM parquet_schema(?)", [path]
        ).fetchall()
        is_flat = tuple(_flat_leaves(iter(fields)))
    return StatedFile(
        rows,
        groups,
        data_end,
        is_flat,
        tuple(
            StatedChunk(row[0], row[1], row[2], row[3], Chunk(*row[4]), row[5], row[6:])
            for row in chunks
        ),
    )


def _flat_leaves(fields: Iterator[tuple[int | None, str | None]]) -> Iterator[bool]:
    """Whether each leaf of the schema, which lists fields after their parents, isn't repeated."""
    children, repetition = next(fields)
    remaining = [(children or 0, repetition == "REPEATED")]
    for children, repetition in fields:
        while remaining[-1][0] == 0 and len(remaining) > 1:
            remaining.pop()
        left, is_repeated = remaining[-1]
        remaining[-1] = (left - 1, is_repeated)
        is_repeated = is_repeated or repetition == "REPEATED"
        if children:
            remaining.append((children, is_repeated))
        else:
            yield not is_repeated


def require_agreement(stated: StatedFile) -> None:
    """Compare the numbers and places of a footer with each other; no row is read.

    Raises
    ------
    FooterContradicted
        Rows of the file, its row groups and their columns differ, a column is missing, or places
        overlap or lie outside the file.
    """
    rows, groups = 0, 0
    for _, of_group in groupby(stated.chunks, key=lambda column: column.group):
        chunks = list(of_group)
        rows += chunks[0].group_rows
        groups += 1
        if [column.column for column in chunks] != list(range(len(stated.is_flat))):
            raise FooterContradicted(
                f"row group {groups:,} has {len(chunks):,} columns, and the schema has "
                f"{len(stated.is_flat):,}"
            )
        for column, is_flat in zip(chunks, stated.is_flat, strict=True):
            values, expected = column.chunk.values, column.group_rows
            if expected < 0:
                raise FooterContradicted(f"row group {groups:,} has {expected:,} rows")
            if values < expected or (is_flat and values != expected):
                raise FooterContradicted(
                    f"row group {groups:,} has {expected:,} rows, and its column "
                    f'"{column.name}" has {values:,} values'
                )
    if (rows, groups) != (stated.rows, stated.groups):
        raise FooterContradicted(
            f"it states {stated.rows:,} rows in {stated.groups:,} row groups, and its row groups "
            f"are {groups:,} with {rows:,} rows"
        )
    reached = _LEAST_OFFSET
    for column in sorted(stated.chunks, key=lambda column: (column.chunk.start, column.chunk.end)):
        chunk = column.chunk
        if not chunk.values:
            continue
        is_inside = reached <= chunk.start <= column.first_data < chunk.end <= stated.data_end
        if not is_inside:
            raise FooterContradicted(
                f"{column.place} is stated in the bytes {chunk.start:,} to {chunk.end:,}, where "
                f"there is another column, or which aren't among the {stated.data_end:,} of data"
            )
        reached = chunk.end


def require_pages(
    stated: StatedFile, read: ReadBytes, step: Callable[[float], None] = lambda _: None
) -> None:
    """Count the values in all pages by their own headers, and compare them with the footer.

    Raises
    ------
    FooterContradicted
        The pages have other numbers of values, can't be read, or belong to no column.
    """
    for at, column in enumerate(stated.chunks):
        step(at / len(stated.chunks))
        try:
            values = values_in_pages(read, column.chunk)
        except StrangeFooter as problem:
            raise FooterContradicted(f"{column.place} has damaged pages: {problem}") from None
        if values != column.chunk.values:
            raise FooterContradicted(
                f"it states {column.chunk.values:,} values for {column.place}, whose pages have "
                f"{values:,}"
            )
    _require_no_hidden_bytes(stated, read)


def _require_no_hidden_bytes(stated: StatedFile, read: ReadBytes) -> None:
    """Refuse bytes that belong to nothing: they may be pages of rows that the footer leaves out.

    A Bloom filter may have no stated size; some writers fill up blocks with zeros, or write a copy
    of a chunk's metadata after it.
    """
    parts = [(column.chunk.start, column.chunk.end) for column in stated.chunks]
    unsized: set[int] = set()
    for column in stated.chunks:
        for start, size_bytes in column.indexes:
            if start and size_bytes:
                parts.append((start, start + size_bytes))
            elif start:
                unsized.add(start)
    for start, end in bytes_between(parts, _LEAST_OFFSET, stated.data_end):
        if start in unsized:
            continue
        content = read(start, end - start)
        if content.strip(b"\0") and not is_structure(content):
            raise FooterContradicted(
                f"the bytes {start:,} to {end:,} belong to no column, so that they may hold rows "
                "that the footer leaves out"
            )


def require_statistics(
    cursor: duckdb.DuckDBPyConnection,
    stated: StatedFile,
    path: str,
    masked_path: str,
    columns: Sequence[Column],
    on_progress: ProgressCallback,
) -> None:
    """Compare the statistics of each row group with its values; reads all values.

    Parameters
    ----------
    path : str
        The file with its footer, for its statistics.
    masked_path : str
        The same file without statistics, so that DuckDB can't answer from them.

    Raises
    ------
    FooterContradicted
        A minimum, a maximum or a number of missing values is another one.
    """
    sizes = [chunks.group_rows for chunks in stated.chunks[:: max(len(columns), 1)]]
    first_row = first_group = 0
    stated_values = _stated_statistics(cursor, path, columns)
    for size, run in groupby(sizes):
        count = len(list(run))
        if size:
            found = _actual_statistics(
                cursor, masked_path, columns, (first_row, size, count), on_progress
            )
            for group, actual in found:
                for at, column in enumerate(columns):
                    _compare(
                        stated_values[(first_group + group, at)],
                        actual[4 * at : 4 * at + 4],
                        f'the column "{column.name}" of row group {first_group + group + 1:,}',
                        is_text=column.type in _TEXTS,
                    )
        first_row, first_group = first_row + size * count, first_group + count


_TEXTS = ("VARCHAR", "BLOB")


def _comparable(value: str, type_: str) -> str:
    """The SQL of a value as text: equal values have one text, and those of texts are in order."""
    if type_ in _TEXTS:
        return f"hex({value})"
    zero = " + 0" if DataType(type_).is_float else ""  # 0.0 is -0.0
    return f"CAST({value}{zero} AS VARCHAR)"


def _stated_statistics(
    cursor: duckdb.DuckDBPyConnection, path: str, columns: Sequence[Column]
) -> dict[tuple[int, int], tuple[Any, ...]]:
    """The statistics of each row group and column, by both."""
    statistics: dict[tuple[int, int], tuple[Any, ...]] = {}
    for at, column in enumerate(columns):
        values = [
            _comparable(f"TRY_CAST({name} AS {column.type})", column.type)
            for name in ("stats_min", "stats_max", "stats_min_value", "stats_max_value")
        ]
        sql = (
            f"SELECT row_group_id, {', '.join(values)}, stats_null_count, stats_nan_count, "
            "min_is_exact, max_is_exact, stats_min, stats_max, stats_min_value, stats_max_value "
            "FROM parquet_metadata(?) WHERE column_id = ?"
        )
        for group, *row in cursor.execute(sql, [path, at]).fetchall():
            statistics[(group, at)] = tuple(row)
    return statistics


def _actual_statistics(
    cursor: duckdb.DuckDBPyConnection,
    path: str,
    columns: Sequence[Column],
    run: tuple[int, int, int],
    on_progress: ProgressCallback,
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Minimum, maximum and numbers of missing values and of NaN, of row groups of one size.

    ``run`` is the first row, the rows of a group and the number of groups.
    """
    first, size, count = run
    parts = []
    for at, column in enumerate(columns):
        own = f"c{at}"
        numbers = f" FILTER (NOT isnan({own}))" if column.data_type.is_float else ""
        nans = f"count(*) FILTER (isnan({own}))" if column.data_type.is_float else "0"
        parts += [
            _comparable(f"min({own}){numbers}", column.type),
            _comparable(f"max({own}){numbers}", column.type),
            f"count(*) - count({own})",
            nans,
        ]
    names = positional_names(len(columns))
    rows = execute_watched(
        cursor,
        f"SELECT (file_row_number - ?) // ? AS g, {', '.join(parts)} "
        f"FROM read_parquet(?, hive_partitioning = false) AS f({names}) "
        "WHERE file_row_number >= ? AND file_row_number < ? GROUP BY g",
        [first, size, path, first, first + size * count],
        on_progress,
        "checking statistics",
    )
    return ((int(str(row[0])), row[1:]) for row in rows)


def _compare(
    stated: tuple[Any, ...], actual: tuple[Any, ...], place: str, *, is_text: bool
) -> None:
    low, high, nulls, nans = actual
    old_min, old_max, new_min, new_max, null_count, nan_count, min_exact, max_exact, *texts = stated
    for text, value, real, is_exact, is_upper in zip(
        texts,
        (old_min, old_max, new_min, new_max),
        (low, high, low, high),
        (min_exact, max_exact, min_exact, max_exact),
        (False, True, False, True),
        strict=True,
    ):
        if text is None:
            continue
        # Texts may be cut: a bound below the minimum, or above the maximum, hides no row.
        is_bound = is_text and is_exact is not True
        is_beyond = value is not None and real is not None
        is_beyond = is_beyond and (value >= real if is_upper else value <= real)
        if value != real and not (is_bound and is_beyond):
            what = "maximum" if is_upper else "minimum"
            raise FooterContradicted(
                f"the {what} that it states for {place} isn't that of its rows"
            )
    for what, count, real in (("missing values", null_count, nulls), ("NaN", nan_count, nans)):
        if count is not None and count != real:
            raise FooterContradicted(f"it states {count:,} {what} for {place}, which has {real:,}")
