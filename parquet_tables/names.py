"""The naming rule of columns, for every format.

Final names are not empty, differ in more than case (DuckDB folds case) and aren't reserved; all
other names stay as they are in the file. Each renaming has a note.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from string import ascii_lowercase, ascii_uppercase

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)

DRAWN_COLUMNS = frozenset(
    {
        *("_logical_row_id", "_sampling_round", "_sampling_method", "_selection_order", "_stratum"),
        *("_inclusion_probability", "_design_weight", "_hits", "_reserve_order", "_part"),
    }
)
"""The columns that draws add to their samples, of which a table's own are renamed."""
RESERVED = frozenset({"file_row_number"})
"""DuckDB's virtual column of row positions, which the engines use."""


def settle_names(source_names: Sequence[str | None]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Apply the rule to the names in a file; return the final names and a note for each renaming.

    An empty name becomes ``column_<position>``, counted from 1; a duplicate or reserved one gets
    the first free suffix of ``_1``, ``_2``….

    >>> settle_names(["ID", "id", ""])[0]
    ('ID', 'id_1', 'column_3')
    """
    clean = [(name or "").replace("\0", "") for name in source_names]
    taken = {folded(name) for name in clean}
    used: set[str] = set()
    names: list[str] = []
    notes: list[str] = []
    for position, (original, name) in enumerate(zip(source_names, clean, strict=True), start=1):
        settled, reason = _settle(name, position, taken, used)
        if not reason and settled != original:
            reason = "a name can't hold NUL characters"
        if reason:
            notes.append(f'Column {position} ("{original or ""}") is named "{settled}": {reason}.')
        names.append(settled)
        used.add(folded(settled))
    return tuple(names), tuple(notes)


def _settle(name: str, position: int, taken: set[str], used: set[str]) -> tuple[str, str]:
    """Return a column's final name, and the reason of a renaming or an empty text."""
    if not name.strip():
        free = f"column_{position}"
        if folded(free) in taken | used:
            free = _first_free(free, taken | used)
        return free, "it had no name"
    if folded(name) in RESERVED:
        return _first_free(name, taken | used), "the name is reserved"
    if folded(name) in used:
        return _first_free(name, taken | used), "a column before it has that name"
    return name, ""


def _first_free(name: str, taken: set[str]) -> str:
    number = 1
    while folded(f"{name}_{number}") in taken:
        number += 1
    return f"{name}_{number}"


def unused_name(name: str, used: Container[str]) -> str:
    """Return a name with underscores before it until no used one, folded, is equal.

    >>> unused_name("Note", {"note"})
    '_Note'
    """
    while folded(name) in used:
        name = f"_{name}"
    return name


def folded(name: str) -> str:
    """Fold a name as DuckDB compares it: A to Z alone."""
    return name.translate(_LOWER)
