"""Folders of table formats: a log says which of their Parquet files count.

A format replaces a changed row's file with another and keeps the old one for a while. A reader of
all files would count the old rows, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from import_engine.sources.uris import SourceUri


@dataclass(frozen=True)
class _TableFormat:
    """A format, known by a folder in the table's folder that has a file with this ending."""

    name: str
    log_folder: str
    ending: str


_FORMATS = (
    _TableFormat("a Delta table", "_delta_log", ""),
    _TableFormat("an Iceberg table", "metadata", ".metadata.json"),
    _TableFormat("a Hudi table", ".hoodie", ""),
)


def table_format_of(
    folder: SourceUri, names: Callable[[SourceUri], Iterator[str]], plain: set[SourceUri]
) -> tuple[str, SourceUri] | None:
    """The table format that a folder belongs to, and the folder of its log; None for plain files.

    Reads the folder itself and those above it, up to that of its prefix.

    Parameters
    ----------
    names : callable
        Yields the names in a folder; nothing if there is none.
    plain : set of SourceUri
        Folders without a log, which aren't read again; those that are found are added.
    """
    for depth in range(len(folder.segments), folder.allowed - 1, -1):
        above = replace(folder, segments=folder.segments[:depth])
        if above in plain:
            continue
        for found in _FORMATS:
            log = replace(above.child(found.log_folder), is_folder=True)
            if any(name.endswith(found.ending) for name in names(log)):
                return found.name, log
        plain.add(above)
    return None
