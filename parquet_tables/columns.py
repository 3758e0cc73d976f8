"""Columns and files, and the types that tables store. It loads no numpy.

DuckDB 2.0 silently writes a HUGEINT as DOUBLE, an INTERVAL in milliseconds and a UNION as STRUCT;
such types become text here, and nested values JSON text, with a note.
"""

from __future__ import annotations

import re
from pathlib import Path

from lazy_dataclasses import dataclass
from parquet_tables.layouts import FileLayout
from parquet_tables.quoting import quote_identifier

_INTEGERS = frozenset(
    f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
) | {"HUGEINT", "UHUGEINT"}
_WORDS = {
    "VARCHAR": "text",
    "BOOLEAN": "true/false",
    "DATE": "date",
    "TIME": "time of day",
    "TIMESTAMP WITH TIME ZONE": "date and time, UTC",
}
_BEYOND_64_BITS = ("UBIGINT", "HUGEINT", "UHUGEINT")
MAX_EXACT_DIGITS = 18
_DECIMAL = re.compile(r"DECIMAL ?\( ?(\d{1,2}) ?, ?(\d{1,2}) ?\)", re.ASCII)


@dataclass(frozen=True)
class DataType:
    """A DuckDB type by its name, and the questions that rooms have about it."""

    name: str

    @property
    def digits(self) -> tuple[int, int] | None:
        """Precision and scale of a DECIMAL; None for any other type.

        >>> DataType("DECIMAL(12,2)").digits, DataType("DECIMAL(12,2)[]").digits
        ((12, 2), None)
        """
        if not (self.name.startswith("DECIMAL(") and self.name.endswith(")")):
            return None
        digits, decimals = self.name.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return int(digits), int(decimals)

    @property
    def words(self) -> str:
        """The type as people call it; ``typeName`` of web_ui/static/words.js has the same words.

        >>> [DataType(name).words for name in ("VARCHAR", "DOUBLE", "DECIMAL(18,2)", "BLOB")]
        ['text', 'number', 'number with 2 decimals', 'BLOB']
        """
        if self.is_whole:
            return "whole number"
        if self.digits is not None:
            places = self.digits[1]
            return f"number with {places} decimal{'' if places == 1 else 's'}"
        if self.is_float:
            return "number"
        if self.name in _WORDS:
            return _WORDS[self.name]
        return "date and time" if self.is_timestamp else self.name

    @property
    def decimals(self) -> int | None:
        """The scale of an exact type that fits 64 bits; None for any other type.

        >>> [DataType(name).decimals for name in ("DECIMAL(12,2)", "SMALLINT", "DOUBLE")]
        [2, 0, None]
        """
        if self.is_integer:
            return None if self.name in _BEYOND_64_BITS else 0
        digits = self.digits
        return digits[1] if digits and digits[0] <= MAX_EXACT_DIGITS else None

    @property
    def is_integer(self) -> bool:
        return self.name in _INTEGERS

    @property
    def is_float(self) -> bool:
        return self.name in ("FLOAT", "DOUBLE")

    @property
    def is_whole(self) -> bool:
        """Whether its numbers never have decimals."""
        digits = self.digits
        return self.is_integer or (digits is not None and digits[1] == 0)

    @property
    def is_number(self) -> bool:
        return self.is_integer or self.is_float or self.digits is not None

    @property
    def has_fractions(self) -> bool:
        """Whether its numbers may have decimals."""
        return self.is_float or (self.digits is not None and not self.is_whole)

    def serves_as(self, type_: str) -> bool:
        """Whether a column of this type serves where one of another type was.

        Amounts are decimals if all values of a file show their places, else floating-point numbers.

        >>> DataType("DECIMAL(18,2)").serves_as("DOUBLE"), DataType("DOUBLE").serves_as("BIGINT")
        (True, False)
        """
        both = self.has_fractions and DataType(type_).has_fractions
        return both or self.name.upper() == type_.upper()

    @property
    def is_summable(self) -> bool:
        """Whether its values add up: numbers, and true and false, which count as 1 and 0."""
        return self.is_number or self.name == "BOOLEAN"

    @property
    def is_text(self) -> bool:
        return self.name == "VARCHAR"

    @property
    def is_date(self) -> bool:
        return self.name == "DATE"

    @property
    def is_timestamp(self) -> bool:
        return self.name.startswith("TIMESTAMP") and not self.name.endswith("]")

    @property
    def is_moment(self) -> bool:
        return self.is_date or self.is_timestamp

    @property
    def is_time(self) -> bool:
        """Whether its values are dates, timestamps or times of day."""
        return self.is_moment or self.name == "TIME"


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
