"""Types of columns that the server doesn't keep, given back to the rows that it returns.

The server stores times with a zone as texts, durations as whole numbers of their unit, and
categories as their values. A frame with the columns of the same names says what they were.
"""

from __future__ import annotations

from typing import Any

from jobsvc_client.errors import JobsvcError
from jobsvc_client.frames import INTEGERS, imported, library_of

NULLABLE = (*INTEGERS, "Float32", "Float64", "boolean", "string")
"""Types of pandas with a missing value of their own."""


def with_types_of(rows: Any, frame: Any) -> Any:
    """Return rows with the types of the columns of the same names of a frame of the same library.

    Raises
    ------
    JobsvcError
        The frame is of another library, or a column has values that its type can't hold.
    """
    library = library_of(rows)
    if library_of(frame) != library:
        text = f"The rows are a frame of {library}, and `types_of` is none."
        raise JobsvcError(text, "invalid_argument", hint="Give a frame of the same library.")
    restore = {"pandas": _of_pandas, "polars": _of_polars, "arrow": _of_arrow}[library]
    return restore(rows, frame)


def _refused(name: str, kind: object, error: Exception) -> JobsvcError:
    text = f'The column "{name}" can\'t have the type {kind}: {str(error).rstrip(".")}.'
    return JobsvcError(text, "invalid_argument", hint="Leave `types_of` out.")


def _of_pandas(rows: Any, frame: Any) -> Any:
    pandas = imported("pandas")
    known = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    restored = rows.copy(deep=False)
    for name in rows.columns:
        if name not in known.columns or known[name].dtype == rows[name].dtype:
            continue
        kind, values = known[name].dtype, rows[name]
        try:
            if isinstance(kind, pandas.DatetimeTZDtype):
                times = pandas.to_datetime(values, utc=True, format="ISO8601")
                restored[name] = times.dt.tz_convert(kind.tz).astype(kind)
            elif kind.kind == "m":
                unit = imported("numpy").datetime_data(kind)[0]
                restored[name] = pandas.to_timedelta(values, unit=unit).astype(kind)
            elif isinstance(kind, pandas.CategoricalDtype):
                restored[name] = values.astype(kind)
                if restored[name].isna().sum() > values.isna().sum():
                    raise ValueError("a value is none of the categories")
            elif str(kind) in NULLABLE:
                restored[name] = values.astype(kind)
        except (TypeError, ValueError) as error:
            raise _refused(name, kind, error) from None
    return restored


def _of_polars(rows: Any, frame: Any) -> Any:
    polars = imported("polars")
    for name, kind in frame.schema.items():
        if name not in rows.columns or rows.schema[name] == kind or kind.is_nested():
            continue
        column = polars.col(name)
        if isinstance(kind, polars.Datetime) and rows.schema[name] == polars.String:
            column = column.str.to_datetime(time_unit=kind.time_unit, time_zone="UTC")
            column = column.dt.convert_time_zone(kind.time_zone)
        elif isinstance(kind, polars.Object):
            continue
        else:
            column = column.cast(kind)
        try:
            rows = rows.with_columns(column)
        except polars.exceptions.PolarsError as error:
            raise _refused(name, kind, error) from None
    return rows


def _of_arrow(rows: Any, frame: Any) -> Any:
    arrow = imported("pyarrow")
    for field in arrow.table(frame).schema:
        at = rows.schema.get_field_index(field.name)
        if at < 0 or rows.schema.field(at).type == field.type or arrow.types.is_nested(field.type):
            continue
        try:
            column = rows.column(at)
            if arrow.types.is_dictionary(field.type):
                column = column.cast(field.type.value_type).dictionary_encode()
            column = column.cast(field.type)
        except arrow.ArrowException as error:
            raise _refused(field.name, field.type, error) from None
        rows = rows.set_column(at, arrow.field(field.name, field.type), column)
    return rows
