"""Which types are stored as what.

Owns: the types that tables have, and how a column of another type becomes one of them. Invariant:
what is written to Parquet is read back with the type it was written with, and no value is changed
but for its form, which a note tells. Called by the importers and by the SQL sandbox.

DuckDB 2.0 writes a HUGEINT as a DOUBLE, an INTERVAL in milliseconds and a UNION as a STRUCT,
without a word. Nested values become JSON text, which every export and the interface can show.
"""

from __future__ import annotations

from dataclasses import dataclass

KEPT = frozenset(
    {
        "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
        "UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP",
        "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE",
    }
)  # fmt: skip
WIDER = {"TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP"}
PLAIN_TEXT = ("ENUM", "JSON", '"NULL"')
NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")


@dataclass(frozen=True)
class Stored:
    """How a column is stored: the SQL of its values, their type, and a note where one is due."""

    sql: str
    type: str
    note: str | None = None


def stored_as(name: str, type_: str, cell: str) -> Stored:
    """How the column ``name`` of ``type_``, read by the SQL ``cell``, is stored.

    >>> stored_as("id", "UUID", "c0").type
    'VARCHAR'
    """
    if type_ in KEPT or (type_.startswith("DECIMAL") and not type_.endswith("]")):
        return Stored(cell, type_)
    if type_ in WIDER:
        return Stored(f"CAST({cell} AS {WIDER[type_]})", WIDER[type_])
    if type_.startswith(NESTED) or type_.endswith("]"):
        note = f'Column "{name}" holds nested values; they are kept as JSON text.'
        return Stored(f"CAST(to_json({cell}) AS VARCHAR)", "VARCHAR", note)
    text = f"CAST({cell} AS VARCHAR)"
    if type_.startswith(PLAIN_TEXT):
        return Stored(text, "VARCHAR")
    return Stored(text, "VARCHAR", f'Column "{name}" was {type_}; it is kept as text.')
