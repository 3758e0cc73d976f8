"""Frames of pandas, Polars and Arrow as Parquet, and back; each library is imported when needed."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from jobsvc_client.errors import JobsvcError

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Frame: TypeAlias = "pandas.DataFrame | polars.DataFrame | pyarrow.Table"
Library = Literal["pandas", "polars", "arrow"]


def library_of(frame: object) -> Library:
    """Return the library of a frame."""
    root = type(frame).__module__.split(".")[0]
    if root in ("pandas", "polars"):
        return root  # type: ignore[return-value]
    if hasattr(frame, "__arrow_c_stream__"):
        return "arrow"
    raise JobsvcError(
        f"{type(frame).__name__} is no frame of pandas, Polars or Arrow.", "invalid_frame"
    )


def to_parquet(frame: Any) -> bytes:
    """Write a frame as a Parquet file; the index of pandas becomes columns if it has names."""
    buffer = io.BytesIO()
    library = library_of(frame)
    if library == "polars":
        frame.write_parquet(buffer)
        return buffer.getvalue()
    arrow = imported("pyarrow")
    if library == "pandas":
        is_named = any(name is not None for name in frame.index.names)
        table = arrow.Table.from_pandas(frame, preserve_index=is_named)
    else:
        table = arrow.table(frame)
    imported("pyarrow.parquet").write_table(table, buffer)
    return buffer.getvalue()


def existing_file(path: str | Path) -> Path:
    """Return the path of a file; raise JobsvcError if there is none."""
    file = Path(path)
    if not file.is_file():
        raise JobsvcError(f"There is no file {file}.", "no_file")
    return file


def from_parquet(content: bytes, library: Library) -> Any:
    """Read a Parquet file as a frame."""
    if library == "polars":
        return imported("polars").read_parquet(io.BytesIO(content))
    if library == "pandas":
        imported("pandas")
    table = imported("pyarrow.parquet").read_table(io.BytesIO(content))
    return table.to_pandas() if library == "pandas" else table


def imported(name: str) -> Any:
    """Return a module; raise JobsvcError if its library isn't installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        library = name.split(".")[0]
        extra = "arrow" if library == "pyarrow" else library
        raise JobsvcError(
            f"{library} isn't installed.",
            "no_library",
            hint=f"Install it: pip install 'jobsvc-client[{extra}]'.",
        ) from None
