"""The types that tables store, and the conversion of all other types.

A column is read back from Parquet with the type it was written with. DuckDB 2.0 silently writes a
HUGEINT as DOUBLE, an INTERVAL in milliseconds and a UNION as STRUCT; such types become text here,
and nested values JSON text (RFC 8259, with NaN and the infinities as texts), with a note.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

STORED_TYPES = frozenset(
    {
        "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
        "UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP",
        "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE",
    }
)  # fmt: skip
WIDER_TYPES = {"TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP"}
TEXT_TYPES = ("ENUM", "JSON", '"NULL"')
NESTED_TYPES = ("STRUCT", "MAP", "UNION", "VARIANT")
MAY_HOLD_NAN = re.compile("FLOAT|DOUBLE|JSON|VARIANT")
"""Types that may contain NaN or infinity."""
_BARE_WORDS = r"""'("(?:[^"\\]|\\.)*")|(NaN|-?Infinity)', '\1' || chr(1) || '\2' || chr(1), 'g'"""


@dataclass(frozen=True)
class Stored:
    """How a column is stored: the SQL of its values, their type and an optional note."""

    sql: str
    type: str
    note: str | None = None


def stored_as(name: str, type_: str, cell: str) -> Stored:
    """Return how the column ``name`` of ``type_``, with the SQL ``cell``, is stored.

    >>> stored_as("id", "UUID", "c0").type
    'VARCHAR'
    """
    if type_ in STORED_TYPES or (type_.startswith("DECIMAL") and not type_.endswith("]")):
        return Stored(cell, type_)
    if type_ in WIDER_TYPES:
        return Stored(f"CAST({cell} AS {WIDER_TYPES[type_]})", WIDER_TYPES[type_])
    if type_.startswith(NESTED_TYPES) or type_.endswith("]"):
        note = f'Column "{name}" holds nested values; they are stored as JSON text.'
        return Stored(_json_text(type_, cell), "VARCHAR", note)
    text = f"CAST({cell} AS VARCHAR)"
    if type_.startswith(TEXT_TYPES):
        return Stored(text, "VARCHAR")
    return Stored(text, "VARCHAR", f'Column "{name}" was {type_}; it is stored as text.')


def _json_text(type_: str, cell: str) -> str:
    """Return the SQL of a nested value's JSON, with quotes around NaN and the infinities.

    The pattern matches whole texts, so words inside them stay. The mark ``chr(1)``, which JSON only
    holds escaped, follows a text twice and encloses a bare word: double marks are then removed,
    single ones become quotes. The search costs a tenth of the time of the JSON.
    """
    text = f"CAST(to_json({cell}) AS VARCHAR)"
    if not MAY_HOLD_NAN.search(type_):
        return text
    marked = f"regexp_replace({text}, {_BARE_WORDS})"
    quoted = f"replace(replace({marked}, chr(1) || chr(1), ''), chr(1), '\"')"
    found = f"contains({text}, 'NaN') OR contains({text}, 'Infinity')"
    return f"CASE WHEN {found} THEN {quoted} ELSE {text} END"
