"""Columns and files, and the types that tables store. It loads no numpy.

DuckDB 2.0 silently writes a HUGEINT as DOUBLE, an INTERVAL in milliseconds and a UNION as STRUCT;
such types become text here, and nested values JSON text, with a note.
"""

from __future__ import annotations

import re
from pathlib import Path

from contract.columns import MAX_EXACT_DIGITS, DataType
from lazy_dataclasses import dataclass
from parquet_tables.layouts import FileLayout
from parquet_tables.quoting import quote_identifier

_DECIMAL = re.compile(r"DECIMAL ?\( ?(\d{1,2}) ?, ?(\d{1,2}) ?\)", re.ASCII)


@dataclass(frozen=True)
class Column:
    """A column: its name as in the file, and its DuckDB type, for example ``DECIMAL(12,2)``."""

    name: str
    type: str

    @property
    def data_type(self) -> DataType:
        """The type, to ask about."""
        return DataType(self.type)

    @property
    def group_type(self) -> str:
        """The type of :meth:`group_value`."""
        return self.type

    def group_value(self) -> str:
        """The SQL of the value by which a row ``f`` belongs to a group."""
        return f"f.{quote_identifier(self.name)}"


ATTACHED = "attached"
"""The scheme of the names by which DuckDB reads attached files."""


@dataclass(frozen=True)
class AttachedPath:
    """The name of an attached file for DuckDB; ``stem`` identifies the version of the file."""

    stem: str
    size_bytes: int

    def __str__(self) -> str:
        return f"{ATTACHED}://{self.stem}.parquet"


@dataclass(frozen=True)
class DataFile:
    """A Parquet file and its row count; ``str(path)`` is what DuckDB reads.

    The file is in the data directory, or it is attached: read where it is. DuckDB reads an attached
    file in its ``layout``; another engine must apply it.
    """

    path: Path | AttachedPath
    rows: int
    layout: FileLayout | None = None

    @property
    def size_bytes(self) -> int:
        """The size of the file."""
        return self.path.stat().st_size if isinstance(self.path, Path) else self.path.size_bytes

    @property
    def written(self) -> Path:
        """The path of a file that was written here, which isn't attached."""
        assert isinstance(self.path, Path)  # noqa: S101 - only tables of commits have attached files
        return self.path


STORED_TYPES = frozenset(
    {
        "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
        "UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP",
        "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE",
    }
)  # fmt: skip
WIDEST_DECIMAL = 38


def type_name(text: str) -> str | None:
    """The name of a type that tables store, from a text in any case; None if they store none such.

    >>> type_name("double"), type_name("decimal(12, 2)"), type_name("money"), type_name("JSON")
    ('DOUBLE', 'DECIMAL(12,2)', None, None)
    """
    name = " ".join(text.split()).upper()
    if decimal := _DECIMAL.fullmatch(name):
        digits, places = int(decimal[1]), int(decimal[2])
        is_decimal = 1 <= digits <= WIDEST_DECIMAL and places <= digits
        return f"DECIMAL({digits},{places})" if is_decimal else None
    return name if name in STORED_TYPES else None


WIDER_TYPES = {"TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP"}
TEXT_TYPES = ("ENUM", "JSON", '"NULL"')
NESTED_TYPES = ("STRUCT", "MAP", "UNION", "VARIANT")
MAY_HOLD_NAN = re.compile("FLOAT|DOUBLE|JSON|VARIANT")
_BARE_WORDS = r"""'("(?:[^"\\]|\\.)*")|(NaN|-?Infinity)', '\1' || chr(1) || '\2' || chr(1), 'g'"""


@dataclass(frozen=True)
class Stored:
    """How a column is stored: the SQL of its values, their type and an optional note."""

    sql: str
    type: str
    note: str | None = None


def stored_as(name: str, type_: str, cell: str) -> Stored:
    """Return how the column ``name`` of ``type_``, with the SQL ``cell``, is stored."""
    if type_ in STORED_TYPES or DataType(type_).digits:
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
    has_bare_word = f"contains({text}, 'NaN') OR contains({text}, 'Infinity')"
    return f"CASE WHEN {has_bare_word} THEN {quoted} ELSE {text} END"


def as_integer(value: str, type_: str) -> str:
    """Return the SQL of an exact number as BIGINT: a DECIMAL(12,2) counts in hundredths.

    Sums of such integers don't depend on the order, the number of threads or the files.

    >>> as_integer("f.price", "DECIMAL(9,2)")
    'CAST(f.price * 100 AS BIGINT)'
    """
    digits = DataType(type_).digits
    if not digits or not digits[1]:
        return f"CAST({value} AS BIGINT)"
    # DuckDB multiplies decimals in 64 bits (18 digits) unless one of them is wider.
    wide = sum(digits) + 1 > MAX_EXACT_DIGITS
    factor = f"CAST({value} AS DECIMAL(38, {digits[1]}))" if wide else value
    return f"CAST({factor} * {10 ** digits[1]} AS BIGINT)"
