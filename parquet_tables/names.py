"""How a table's columns are named.

Owns: the one naming rule, used by every format. Invariant: the names that come out differ from each
other in more than case (DuckDB folds case, so ``ID`` and ``id`` are one name to it), none is empty,
and none is a name that the engines need for themselves.

The rule: a name stays as it is in the file. An empty one becomes ``column_<place>``, counted from
1. One that came before, or that is reserved, gets ``_1``, ``_2``… , the first that no column of the
file has. Each renaming is told in a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)

RESERVED = frozenset({"file_row_number"})
"""DuckDB's virtual column of row positions, which the engines read by name."""


def settle_names(found: Sequence[str | None]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Apply the rule to the names found in a file.

    Parameters
    ----------
    found : sequence of str or None
        Each column's name as in the file, in the file's order.

    Returns
    -------
    names : tuple of str
        One a column, in the same order.
    notes : tuple of str
        One sentence a renaming.

    Examples
    --------
    >>> settle_names(["ID", "id", ""])[0]
    ('ID', 'id_1', 'column_3')
    """
    clean = [(name or "").replace("\0", "") for name in found]
    taken = {folded(name) for name in clean}
    used: set[str] = set()
    names: list[str] = []
    notes: list[str] = []
    for place, (original, name) in enumerate(zip(found, clean, strict=True), start=1):
        settled, reason = _settle(name, place, taken, used)
        if not reason and settled != original:
            reason = "a name can't hold NUL characters"
        if reason:
            notes.append(f'Column {place} ("{original or ""}") is named "{settled}": {reason}.')
        names.append(settled)
        used.add(folded(settled))
    return tuple(names), tuple(notes)


def _settle(name: str, place: int, taken: set[str], used: set[str]) -> tuple[str, str]:
    """The name that a column gets, and why it isn't its own; an empty reason when it is."""
    if not name.strip():
        wanted = f"column_{place}"
        free = wanted if folded(wanted) not in taken | used else _first_free(wanted, taken | used)
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


def folded(name: str) -> str:
    """A name as DuckDB compares it."""
    # DuckDB 2.0 folds A to Z alone: "É" and "é" are two names to it.
    return name.translate(_LOWER)
