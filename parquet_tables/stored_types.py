"""Which types are stored as what.

Owns: the types that tables have, and how a column of another type becomes one of them. Invariant:
what is written to Parquet is read back with the type it was written with, and no value is changed
but for its form, which a note tells. Called by the importers and by the SQL sandbox.

DuckDB 2.0 writes a HUGEINT as a DOUBLE, an INTERVAL in milliseconds and a UNION as a STRUCT,
without a word. Nested values become JSON text, which every export and the interface can show. It
is JSON as RFC 8259 has it: NaN and the infinities, which DuckDB writes as bare words, are texts in
it as they are in a row's JSON (``json_values``).
"""

from __future__ import annotations

import re
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
HOLD_NOT_FINITE = re.compile("FLOAT|DOUBLE|JSON|VARIANT")
"""Types of which a part may be NaN or infinite; a field so named costs a look more."""
_BARE_WORDS = r"""'("(?:[^"\\]|\\.)*")|(NaN|-?Infinity)', '\1' || chr(1) || '\2' || chr(1), 'g'"""


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
        note = f'Column "{name}" holds nested values; they are stored as JSON text.'
        return Stored(_json_text(type_, cell), "VARCHAR", note)
    text = f"CAST({cell} AS VARCHAR)"
    if type_.startswith(PLAIN_TEXT):
        return Stored(text, "VARCHAR")
    return Stored(text, "VARCHAR", f'Column "{name}" was {type_}; it is stored as text.')


def _json_text(type_: str, cell: str) -> str:
    """The SQL of a nested value's JSON, with quotes around words that are no JSON.

    Texts are matched as a whole, so that words in them stay. Then a text is followed by two marks,
    and a word is between two: double marks go, single ones become quotes. The mark is a control
    character, which JSON has nowhere but escaped. DuckDB 2.0 works out once what comes again, so
    where there is no such word, looking for one takes a tenth of the time that the JSON takes.
    """
    text = f"CAST(to_json({cell}) AS VARCHAR)"
    if not HOLD_NOT_FINITE.search(type_):
        return text
    marked = f"regexp_replace({text}, {_BARE_WORDS})"
    quoted = f"replace(replace({marked}, chr(1) || chr(1), ''), chr(1), '\"')"
    met = f"contains({text}, 'NaN') OR contains({text}, 'Infinity')"
    return f"CASE WHEN {met} THEN {quoted} ELSE {text} END"
