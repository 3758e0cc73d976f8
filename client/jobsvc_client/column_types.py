"""Types of columns that the server doesn't keep, given back to the rows that it returns.

The server stores times with a zone and times of day in nanoseconds as texts, durations as whole
numbers of their unit, and categories as their values. A frame with the columns of the same names
says what they were.
"""

from __future__ import annotations

from typing import Any

from jobsvc_client.errors import JobsvcError
from jobsvc_client.frames import INTEGERS, imported, library_of

NULLABLE = (*INTEGERS, "Float32", "Float64", "boolean", "string")
"""Types of pandas with a missing value of their own."""


def with_types_of(rows: Any, frame: Any, *, keeps_others: bool = False) -> Any:
    """Return rows with the types of the columns of the same names of a frame of the same library.

    Parameters
    ----------
    keeps_others : bool
        Whether a column whose values its type can't hold stays as it came.

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
    return restore(rows, frame, keeps_others)


def _refused(name: str, kind: object, error: Exception) -> JobsvcError:
    text = f'The column "{name}" can\'t have the type {kind}: {str(error).rstrip(".")}.'
    return JobsvcError(text, "invalid_argument", hint="Leave `types_of` out.")


def _of_pandas(rows: Any, frame: Any, keeps_others: bool) -> Any:
    pandas, numpy = imported("pandas"), imported("numpy")
    levels = enumerate(frame.index.names)
    known = {name: frame.index.get_level_values(at).dtype for at, name in levels}
    known |= dict(frame.dtypes.items())
    restored = rows.copy(deep=False)
    for name in rows.columns:
        if name not in known or known[name] == rows[name].dtype:
            continue
        kind, values = known[name], rows[name]
        try:
            if isinstance(kind, pandas.DatetimeTZDtype):
                times = pandas.to_datetime(values, utc=True, format="ISO8601")
                restored[name] = times.dt.tz_convert(kind.tz).astype(kind)
            elif isinstance(kind, numpy.dtype) and kind.kind == "m":
                unit = numpy.datetime_data(kind)[0]
                restored[name] = pandas.to_timedelta(values, unit=unit).astype(kind)
            elif isinstance(kind, pandas.CategoricalDtype):
                restored[name] = values.astype(kind)
                if restored[name].isna().sum() > values.isna().sum():
                    raise ValueError("a value is none of the categories")
            elif str(kind) in NULLABLE:
                restored[name] = values.astype(kind)
        except (TypeError, ValueError) as error:
            if not keeps_others:
                raise _refused(name, kind, error) from None
            restored[name] = values
    return restored


def _of_polars(rows: Any, frame: Any, keeps_others: bool) -> Any:
    polars = imported("polars")
    for name, kind in frame.schema.items():
        if name not in rows.columns or rows.schema[name] == kind or kind.is_nested():
            continue
        column = polars.col(name)
        if isinstance(kind, polars.Datetime) and rows.schema[name] == polars.String:
            column = column.str.to_datetime(time_unit=kind.time_unit, time_zone="UTC")
            column = column.dt.convert_time_zone(kind.time_zone)
        elif kind == polars.Time and rows.schema[name] == polars.String:
            column = column.str.to_time()
        elif kind in (polars.Object, polars.Null):
            continue
        else:
            column = column.cast(kind)
        try:
            rows = rows.with_columns(column)
        except polars.exceptions.PolarsError as error:
            if not keeps_others:
                raise _refused(name, kind, error) from None
    return rows


def _of_arrow(rows: Any, frame: Any, keeps_others: bool) -> Any:
    arrow = imported("pyarrow")
    for field in arrow.table(frame).schema:
        at, kind = rows.schema.get_field_index(field.name), field.type
        if at < 0 or rows.schema.field(at).type == kind or arrow.types.is_nested(kind):
            continue
        if arrow.types.is_null(kind) or isinstance(kind, arrow.BaseExtensionType):
            continue
        try:
            column = rows.column(at)
            if arrow.types.is_dictionary(field.type):
                column = column.cast(field.type.value_type).dictionary_encode()
            if arrow.types.is_time(kind) and arrow.types.is_string(column.type):
                join = imported("pyarrow.compute").binary_join_element_wise
                column = join("1970-01-01", column, " ").cast(arrow.timestamp("ns"))
            column = column.cast(field.type)
        except arrow.ArrowException as error:
            if keeps_others:
                continue
            raise _refused(field.name, field.type, error) from None
        rows = rows.set_column(at, arrow.field(field.name, field.type), column)
    return rows
