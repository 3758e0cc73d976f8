"""Frames of pandas, Polars and Arrow as Parquet, and back; each library is imported when needed."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from jobsvc_client.errors import JobsvcError

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Frame: TypeAlias = "pandas.DataFrame | polars.DataFrame | pyarrow.Table"
Library = Literal["pandas", "polars", "arrow"]
EXTRAS = {"pyarrow": "arrow", "matplotlib": "plot"}
"""Extras of the package by the library that they bring, where their names differ."""
INTEGERS = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
"""Types of whole numbers of pandas with a missing value of their own."""
MAX_NAME_BYTES = 200
"""Of a file's name; file systems take 255."""


def library_of(frame: object) -> Library:
    """Return the library of a frame."""
    root = type(frame).__module__.split(".")[0]
    writer = {"pandas": "to_parquet", "polars": "write_parquet"}.get(root)
    if writer is not None and hasattr(frame, writer):  # a series or a lazy frame has none
        return root  # type: ignore[return-value]
    if hasattr(frame, "__arrow_c_stream__"):
        return "arrow"
    raise JobsvcError(
        f"{type(frame).__name__} is no frame of pandas, Polars or Arrow.", "invalid_frame"
    )


def to_parquet(frame: Any) -> bytes:
    """Write a frame as a Parquet file; the index of pandas becomes columns if it has names."""
    library = library_of(frame)
    module = imported("polars" if library == "polars" else "pyarrow.parquet")
    try:
        return _parquet(frame, library, module)
    except Exception as error:
        message = f"The frame can't be written as Parquet: {error}."
        raise JobsvcError(message, "invalid_frame") from error


def column_names(frame: Any) -> list[str]:
    """Return the names of a frame's columns."""
    is_arrow = hasattr(frame, "column_names")
    return [str(name) for name in (frame.column_names if is_arrow else frame.columns)]


def _parquet(frame: Any, library: Library, module: Any) -> bytes:
    buffer = io.BytesIO()
    if library == "polars":
        frame.write_parquet(buffer)
        return buffer.getvalue()
    arrow = imported("pyarrow")
    if library == "pandas":
        is_named = any(name is not None for name in frame.index.names)
        table = arrow.Table.from_pandas(frame, preserve_index=is_named)
    else:
        table = arrow.table(frame)
    module.write_table(table, buffer)
    return buffer.getvalue()


def existing_file(path: str | Path) -> Path:
    """Return the path of a file; raise JobsvcError if there is none."""
    file = Path(path)
    if not file.is_file():
        raise JobsvcError(f"There is no file {file}.", "no_file")
    return file


def from_parquet(content: bytes, library: Library) -> Any:
    """Read a Parquet file as a frame."""
    if library not in ("pandas", "polars", "arrow"):
        text = f'There is no library "{library}".'
        raise JobsvcError(text, "invalid_argument", hint="Give pandas, polars or arrow.")
    if library == "pandas":
        imported("pandas")
    module = imported("polars" if library == "polars" else "pyarrow.parquet")
    read = module.read_parquet if library == "polars" else module.read_table
    try:
        frame = read(io.BytesIO(content))
        return with_missing_values(frame) if library == "pandas" else frame
    except Exception as error:
        message = f"The rows that the server sent can't be read: {error}."
        raise JobsvcError(message, "unreadable_rows") from error


def with_missing_values(table: Any) -> Any:
    """Return a frame of pandas in which columns with missing values keep their type.

    Whole numbers with missing values would else become floating-point numbers, which are exact
    only up to 2**53, and logical values objects.
    """
    arrow, pandas = imported("pyarrow"), imported("pandas")
    nullable = {
        getattr(arrow, name.lower())(): getattr(pandas, f"{name}Dtype") for name in INTEGERS
    }
    nullable[arrow.bool_()] = pandas.BooleanDtype
    frame = table.to_pandas()
    for at, field in enumerate(table.schema):
        column = table.column(at)
        if column.null_count and field.type in nullable:
            frame.isetitem(at, column.to_pandas(types_mapper=lambda kind: nullable[kind]()))
    return frame


def write_file(path: str | Path, content: bytes) -> Path:
    """Write a file and return its path."""
    file = Path(path)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise JobsvcError(f"{file} can't be written: {error.strerror}.", "no_file") from None
    return file


def attachment_name(attachment: Mapping[str, Any]) -> str:
    """The name of an attachment's file on the disk: its id, and what every system allows.

    >>> attachment_name({"id": 7, "file_name": 'a:"b".pdf'})
    '7-a--b-.pdf'
    """
    name = re.sub(r"[^\w .,()+=@#~-]", "-", attachment["file_name"]).rstrip(" .")
    while len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        name = name[1:]
    return f"{attachment['id']}-{name}"


def imported(name: str) -> Any:
    """Return a module; raise JobsvcError if its library isn't installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        library = name.split(".")[0]
        extra = EXTRAS.get(library, library)
        raise JobsvcError(
            f"{library} isn't installed.",
            "no_library",
            hint=f"Install it: pip install 'jobsvc-client[{extra}]'.",
        ) from None


def with_known_totals(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a request whose ``calibrate`` has its known totals as a list or by name.

    A frame has a line for each group, with its values in columns of their names and its ``total``
    or ``share``; or the columns ``column``, ``value`` and one of these.
    """
    calibrate = options.get("calibrate")
    if not isinstance(calibrate, Mapping):
        return dict(options)
    totals = calibrate.get("totals")
    if totals is None or isinstance(totals, Mapping | list | tuple):
        return dict(options)
    if not hasattr(totals, "columns"):
        text = f"Known totals are a frame, a mapping or a list, not {type(totals).__name__}."
        hint = "Of a Series give the frame of its values: series.reset_index(name='total')."
        raise JobsvcError(text, "invalid_frame", hint=hint if hasattr(totals, "loc") else None)
    library = library_of(totals)
    lines: list[dict[str, Any]] = {
        "pandas": lambda: totals.to_dict(orient="records"),
        "polars": lambda: totals.to_dicts(),
        "arrow": lambda: totals.to_pylist(),
    }[library]()
    return {**options, "calibrate": {**calibrate, "totals": [_known_total(one) for one in lines]}}


def _known_total(line: Mapping[str, Any]) -> dict[str, Any]:
    amounts = [name for name in ("total", "share") if name in line]
    if len(amounts) != 1:
        text = "A frame of known totals has a column `total` or a column `share`."
        raise JobsvcError(text, "invalid_frame")
    (amount,) = amounts
    others = {
        str(name): None if value != value else value  # NaN is a missing value
        for name, value in line.items()
        if name != amount
    }
    known = {amount: line[amount]}
    if others.keys() == {"column", "value"}:
        return {"group": {str(others["column"]): others["value"]}, **known}
    return {**others, **known} if others.keys() == {"column"} else {"group": others, **known}
