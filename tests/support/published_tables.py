"""Published numbers of the validation, for tests that check more than the numbers."""

from __future__ import annotations

from application.validation.published import PublishedTable, sources


def table(source: str, start: str) -> PublishedTable:
    """The table of a source whose title begins so."""
    (found,) = (
        table
        for each in sources()
        if each.name == source
        for table in each.tables
        if table.title.startswith(start)
    )
    return found
