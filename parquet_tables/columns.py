"""Columns and files, and the types that tables store. It loads no numpy.

DuckDB 2.0 silently writes a HUGEINT as DOUBLE, an INTERVAL in milliseconds and a UNION as STRUCT;
such types become text here, and nested values JSON text, with a note.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Column:
    """A column: its name as in the file, and its DuckDB type, for example ``DECIMAL(12,2)``."""

    name: str
    type: str


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

    The file is in the data directory, or it is attached: read where it is.
    """

    path: Path | AttachedPath
    rows: int

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
INTEGERS = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
)
MAX_EXACT_DIGITS = 18
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


def digits_of(type_: str) -> tuple[int, int] | None:
    """Return precision and scale of a DECIMAL; None for any other type.

    >>> digits_of("DECIMAL(12,2)"), digits_of("DECIMAL(12,2)[]")
    ((12, 2), None)
    """
    if not (type_.startswith("DECIMAL(") and type_.endswith(")")):
        return None
    digits, decimals = type_.removeprefix("DECIMAL(").removesuffix(")").split(",")
    return int(digits), int(decimals)


def decimals_of(type_: str) -> int | None:
    """Return the scale of an exact type that fits 64 bits; None for any other type.

    >>> decimals_of("DECIMAL(12,2)"), decimals_of("SMALLINT"), decimals_of("DOUBLE")
    (2, 0, None)
    """
    if type_ in INTEGERS:
        return 0
    digits = digits_of(type_)
    return digits[1] if digits and digits[0] <= MAX_EXACT_DIGITS else None


def as_integer(value: str, type_: str) -> str:
    """Return the SQL of an exact number as BIGINT: a DECIMAL(12,2) counts in hundredths.

    Sums of such integers don't depend on the order, the number of threads or the files.

    >>> as_integer("f.price", "DECIMAL(9,2)")
    'CAST(f.price * 100 AS BIGINT)'
    """
    digits = digits_of(type_)
    if not digits or not digits[1]:
        return f"CAST({value} AS BIGINT)"
    # DuckDB multiplies decimals in 64 bits (18 digits) unless one of them is wider.
    wide = sum(digits) + 1 > MAX_EXACT_DIGITS
    factor = f"CAST({value} AS DECIMAL(38, {digits[1]}))" if wide else value
    return f"CAST({factor} * {10 ** digits[1]} AS BIGINT)"
