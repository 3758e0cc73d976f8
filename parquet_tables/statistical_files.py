"""Files of Stata and SPSS, by pyreadstat, which is the optional extra ``jobsvc[stata]``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.quoting import quote_identifier

StatisticalFormat = Literal["dta", "sav"]
MAX_CELLS = 20_000_000
MAX_VARIABLES = 32_000
MAX_TEXT_BYTES = {"dta": 2_045, "sav": 32_767}
MAX_LABEL_BYTES = {"dta": 80, "sav": 255}
EMPTY_DATES = {"dta": "%td", "sav": "DATE11"}
"""The format of a column of dates that are all missing."""
STATA_14 = 14
"""The version of ``.dta`` that Stata 14 and later read; texts are UTF-8."""
LARGEST_WHOLE = 2**53
"""Whole numbers above it aren't exact in the files, whose numbers are doubles."""
SPSS_WORDS = ("all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to", "with")


class ReadstatNotInstalled(DomainError):
    """The library that writes the files isn't installed."""

    code = "readstat_not_installed"
    template = (
        "Files of Stata and SPSS need pyreadstat. An administrator can install jobsvc[stata]; "
        "csv and parquet need nothing."
    )
    loc = ("format",)


class UnfitForStatistics(DomainError):
    """A table that a file of Stata or SPSS can't hold."""

    code = "unfit_for_statistics"


@dataclass(frozen=True)
class LabelledVariable:
    """A column of a file: its name in the query and in the file, and its label."""

    column: Column
    name: str
    label: str


def write_statistical(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    variables: Sequence[LabelledVariable],
    path: Path,
    kind: StatisticalFormat,
    title: str,
) -> None:
    """Write a query's rows as a file of Stata or SPSS, with labels of the variables.

    Whole numbers of 64 bits that doubles don't hold are texts, as are times with a zone and
    nested values; true and false are 1 and 0.

    Raises
    ------
    ReadstatNotInstalled
    UnfitForStatistics
        Too many cells or variables, a text that is too long, an infinite number, or a date outside
        the years 1 to 9999.
    """
    try:
        import pandas
        import pyreadstat
    except ImportError:
        raise ReadstatNotInstalled from None
    ((rows,),) = cursor.execute(f"SELECT count(*) FROM ({query}) AS t", list(params)).fetchall()
    _require_few_values(rows, variables)
    _require_short_texts(cursor, query, params, variables, kind)
    _require_finite(cursor, query, params, variables)
    large = _large_numbers(cursor, query, params, variables)
    selected = ", ".join(
        f"{_cast(each.column, is_large=each.column.name in large)} AS c{at}"
        for at, each in enumerate(variables)
    )
    found = cursor.execute(f"SELECT {selected} FROM ({query}) AS t", list(params)).df()
    columns: dict[str, Any] = {}
    formats: dict[str, str] = {}
    for at, each in enumerate(variables):
        column = found[f"c{at}"]
        if each.column.data_type.is_date:
            if column.isna().all():  # pyreadstat takes the type of a value
                column, formats[each.name] = column.isna() * float("nan"), EMPTY_DATES[kind]
            else:
                column = column.astype("object").map(_as_date)
        columns[each.name] = column
    frame = pandas.DataFrame(columns)
    labels: dict[str, str | None] = {each.name: _label(each.label, kind) for each in variables}
    try:
        if kind == "dta":
            pyreadstat.write_dta(
                frame,
                str(path),
                file_label=_label(title, kind),
                column_labels=labels,
                version=STATA_14,
                variable_format=formats,
            )
        else:
            pyreadstat.write_sav(
                frame, str(path), file_label=title.encode()[:60].decode(errors="ignore"),
                column_labels=labels, variable_format=formats,
            )  # fmt: skip
    except (pyreadstat.PyreadstatError, pyreadstat.ReadstatError) as error:
        raise UnfitForStatistics(
            "The file can't be written: {reason}. Choose other columns, or parquet.",
            reason=str(error).rstrip("."),
            loc=("format",),
        ) from None


def _require_few_values(rows: int, variables: Sequence[LabelledVariable]) -> None:
    if rows * len(variables) > MAX_CELLS or len(variables) > MAX_VARIABLES:
        raise UnfitForStatistics(
            "These are {rows} rows of {columns} columns; a file of Stata or SPSS has up to {cells} "
            "values and {variables} columns. Choose fewer columns or replicates, or parquet.",
            rows=rows,
            columns=len(variables),
            cells=MAX_CELLS,
            variables=MAX_VARIABLES,
            loc=("format",),
        )


def spss_names(names: Sequence[str]) -> list[str]:
    """Names of Stata as names of SPSS: none begins with an underscore or is a reserved word.

    >>> spss_names(["by", "_stratum", "stratum", "amount"])
    ['by_2', 'stratum_2', 'stratum', 'amount']
    """
    used = {name.lower() for name in names if _is_name_of_spss(name)}
    found = []
    for name in names:
        chosen = name
        if not _is_name_of_spss(name):
            stem = re.sub(r"^_+", "", name) or "column"
            chosen, number = stem, 1
            while chosen.lower() in used or chosen.lower() in SPSS_WORDS:
                number += 1
                chosen = f"{stem}_{number}"
            used.add(chosen.lower())
        found.append(chosen)
    return found


def _is_name_of_spss(name: str) -> bool:
    return not name.startswith("_") and name.lower() not in SPSS_WORDS


def _as_date(value: Any) -> Any:
    """A date of pandas as one of Python, which pyreadstat writes as a date; None if missing."""
    if value is None or value != value:  # NaT differs from itself
        return None
    return value.date() if hasattr(value, "date") else value


def _label(text: str, kind: StatisticalFormat) -> str:
    return text.encode()[: MAX_LABEL_BYTES[kind]].decode(errors="ignore")


def _cast(column: Column, *, is_large: bool) -> str:
    name, kind = f"t.{quote_identifier(column.name)}", column.data_type
    if column.type == "BOOLEAN":
        return f"CAST({name} AS TINYINT)"
    if kind.is_number:
        return f"CAST({name} AS VARCHAR)" if is_large else f"CAST({name} AS DOUBLE)"
    if kind.is_date:
        return name
    if kind.is_timestamp and "ZONE" not in column.type:
        return f"CAST({name} AS TIMESTAMP)"
    return f"coalesce(CAST({name} AS VARCHAR), '')"


def _is_text(column: Column) -> bool:
    kind = column.data_type
    is_plain_time = kind.is_timestamp and "ZONE" not in column.type
    return not (kind.is_number or kind.is_date or is_plain_time or column.type == "BOOLEAN")


def _require_short_texts(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    variables: Sequence[LabelledVariable],
    kind: StatisticalFormat,
) -> None:
    texts = [each.column for each in variables if _is_text(each.column)]
    if not texts:
        return
    longest = ", ".join(
        f"max(strlen(CAST(t.{quote_identifier(each.name)} AS VARCHAR)))" for each in texts
    )
    (sizes,) = cursor.execute(f"SELECT {longest} FROM ({query}) AS t", list(params)).fetchall()
    for column, size in zip(texts, sizes, strict=True):
        if size is not None and size > MAX_TEXT_BYTES[kind]:
            raise UnfitForStatistics(
                'The column "{column}" has texts of {size} bytes; the file has up to {most}. Leave '
                "it out.",
                column=column.name,
                size=size,
                most=MAX_TEXT_BYTES[kind],
                loc=("columns",),
            )


def _require_finite(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    variables: Sequence[LabelledVariable],
) -> None:
    """Refuse infinite numbers, and dates and times that the files don't have."""
    tests: list[tuple[Column, str]] = []
    for each in variables:
        name, kind = f"t.{quote_identifier(each.column.name)}", each.column.data_type
        if kind.is_float:
            tests.append((each.column, f"isinf({name})"))
        elif kind.is_date or (kind.is_timestamp and not _is_text(each.column)):
            time = name if kind.is_date else f"TRY_CAST({name} AS TIMESTAMP)"
            in_range = f"{time} >= DATE '0001-01-01' AND {time} < DATE '10000-01-01'"
            tests.append((each.column, f"{name} IS NOT NULL AND NOT coalesce({in_range}, false)"))
    if not tests:
        return
    counts = ", ".join(f"count(*) FILTER ({test})" for _, test in tests)
    (found,) = cursor.execute(f"SELECT {counts} FROM ({query}) AS t", list(params)).fetchall()
    for (column, _), count in zip(tests, found, strict=True):
        if count:
            is_number = column.data_type.is_float
            what = "infinite numbers" if is_number else "dates outside the years 1 to 9999"
            raise UnfitForStatistics(
                f'The column "{{column}}" has {what}, which the file can\'t have. Leave it out, or '
                "choose parquet.",
                column=column.name,
                loc=("columns",),
            )


def _large_numbers(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    variables: Sequence[LabelledVariable],
) -> set[str]:
    """The columns of whole numbers that doubles don't hold."""
    whole = [each.column for each in variables if each.column.data_type.is_whole]
    if not whole:
        return set()
    tests = ", ".join(
        f"coalesce(max(abs(CAST(t.{quote_identifier(each.name)} AS HUGEINT))), 0)" for each in whole
    )
    (largest,) = cursor.execute(f"SELECT {tests} FROM ({query}) AS t", list(params)).fetchall()
    return {
        column.name for column, most in zip(whole, largest, strict=True) if most > LARGEST_WHOLE
    }
