"""Which texts a DOUBLE keeps.

Owns: the SQL of what it would change. Invariant: a number keeps 15 significant digits at least, and
all of its digits before the point. Called by ``readings``.

How a column of text is read as values, without losing any of it.

Owns: for each type that text may be read as, the SQL of the value and the SQL of what doesn't fit.
Invariant: a reading that fits every cell of a column loses nothing that a person would miss; what
loses something is refused and the column is widened, at last to text. Used by ``delimited`` and
``json_lines``, which pass each column's first reading from DuckDB's own detection.

DuckDB 2.0's casts, and its CSV reader with them, are too lenient to be relied on: ``'1.5'`` becomes
the BIGINT 2, ``'007'`` becomes 7, ``'1_000'`` becomes 1000, a timestamp becomes its DATE, an offset
is dropped when a TIMESTAMP is made, digits beyond microseconds and beyond a DOUBLE's are cut off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from parquet_tables.quoting import quote_text

WHOLE_LIMIT = 2**53
"""Up to here every whole number is a DOUBLE of its own."""

NUMBER = r"-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_NOT_FINITE = "('inf', '-inf', 'infinity', '-infinity', 'nan', '-nan')"


def double_misfit(cell: str, value: str, *, rounded: bool) -> str:
    """What a DOUBLE would change: what isn't written as a plain number, or has too many digits.

    The pattern costs as much as reading the value, so it is kept for the cells that could break it.
    The others start with a digit or a minus, have no zero before another digit and no underscore
    (which takes five characters in a fraction), and are short: whole numbers below 2**53, and
    fractions, of which sixteen characters hold 15 digits at most. These survive in a DOUBLE. In a
    CASE, DuckDB 2.0 evaluates the rest of an OR or AND only where it is needed, but the whole of a
    NOT: so what is slow comes last.
    """
    digits = _digits(cell)
    lost = f"strlen({digits}) > 15 AND {digits} <> {_digits(f'CAST({value} AS VARCHAR)')}"
    if rounded:
        lost = f"{lost} AND ({value} >= {WHOLE_LIMIT} OR {value} <= -{WHOLE_LIMIT})"
    suspicious = (
        f"{cell} < '-' OR ({cell} >= '.' AND {cell} < '0') OR {cell} >= ':' "
        f"OR ({cell} >= '0/' AND {cell} < '1') OR ({cell} >= '-0/' AND {cell} < '-1') "
        f"OR strlen({cell}) > 16 OR {value} >= {WHOLE_LIMIT} OR {value} <= -{WHOLE_LIMIT} "
        f"OR ({value} = 0 AND {cell} NOT IN ('0', '0.0', '0.00')) "
        f"OR ((strlen({cell}) > 4 OR {value} >= 10 OR {value} <= -10) AND contains({cell}, '_'))"
    )
    # A value that isn't zero but becomes it, or that becomes infinite, is changed.
    changed = (
        f"NOT regexp_full_match({cell}, {quote_text(NUMBER)}) OR ({lost}) "
        f"OR ({value} = 0 AND regexp_matches({cell}, '^-?[0.]*[1-9]')) OR isinf({value})"
    )
    return f"({suspicious}) AND ({changed}) AND lower({cell}) NOT IN {_NOT_FINITE}"


def _digits(text: str) -> str:
    """The SQL of a number's significant digits."""
    mantissa = f"regexp_replace({text}, '[eE].*$', '')"
    return f"trim(regexp_replace({mantissa}, '[^0-9]', '', 'g'), '0')"


DATE_ORDERS = ("%Y-%m-%d", "%y-%m-%d", "%d-%m-%Y", "%d-%m-%y", "%m-%d-%Y", "%m-%d-%y")
SEPARATORS = ("-", "/", ".")
ISO_DATE = "%Y-%m-%d"
MISSING_WORDS = ("NA", "NULL")
"""What R and SQL clients write for no value. Only a column that isn't text takes them so."""

NO_VALUE_TEXTS = ", ".join(quote_text(text) for text in ("", *MISSING_WORDS))

_CLOCK = r"([01]?\d|2[0-3]):[0-5]?\d(:[0-5]?\d(\.\d{1,6}0*)?)?"
_DAY = r"\d{4}-\d{1,2}-\d{1,2}"
_OFFSET = r"( ?(Z|[+-]\d{2}(:?\d{2})?))?"
_DIRECTIVES = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%m": r"\d{1,2}",
    "%d": r"\d{1,2}",
    "%H": r"\d{1,2}",
    "%I": r"\d{1,2}",
    "%M": r"\d{1,2}",
    "%S": r"\d{1,2}",
    "%f": r"\d{1,6}",
    "%p": r"[AaPp][Mm]",
}


@dataclass(frozen=True)
class Reading:
    """One way to read a column of text.

    Parameters
    ----------
    type : str
        The DuckDB type of the values; ``VARCHAR`` takes every text as it is.
    format : str or None
        A ``strptime`` format, for dates and timestamps that aren't written the ISO way.
    rounded : bool
        For ``DOUBLE``: fractions of more digits than it holds are taken, as the nearest one.
    empty : bool
        For ``VARCHAR``: no cell looked at so far held a value, so the first one that does decides.
    """

    type: str
    format: str | None = None
    rounded: bool = False
    empty: bool = False

    def value(self, cell: str, *, lenient: bool = False) -> str:
        """The SQL of the value; ``lenient`` makes what can't be cast NULL instead of an error."""
        if self.type == "VARCHAR":
            return cell
        if self.format:
            return f"CAST(try_strptime({cell}, {quote_text(self.format)}) AS {self.type})"
        return f"{'TRY_CAST' if lenient else 'CAST'}({cell} AS {self.type})"

    def misfit(self, cell: str, value: str) -> str:
        """The SQL that is true for a cell that this reading would change, else NULL or false."""
        if self.type == "VARCHAR":
            return f"trim({cell}) NOT IN ({NO_VALUE_TEXTS})" if self.empty else "false"
        if self.format:
            shape = _matches(cell, format_pattern(self.format))
            other = f"{cell} IS NOT NULL AND ({value} IS NULL OR NOT {shape})"
            return f"({other}) OR {out_of_years(self.type, value)}"
        if self.type == "DOUBLE":
            return double_misfit(cell, value, rounded=self.rounded)
        if self.type == "BOOLEAN":
            words = "'true', 'false', 't', 'f', 'yes', 'no'"
            return f"{cell} NOT IN ({words}) AND lower({cell}) NOT IN ({words})"
        differs = f"CAST({value} AS VARCHAR) <> {cell}"
        pattern = _ISO_PATTERNS.get(self.type)
        if pattern is None:
            return differs
        other = f"{differs} AND NOT {_matches(cell, pattern)}"
        return other if self.type == "TIME" else f"({other}) OR {out_of_years(self.type, value)}"

    def fits(self, cell: str, value: str) -> str:
        """The SQL that is true for a cell that this reading keeps, NULL for a cell without one.

        ``value`` is its lenient value.
        """
        return (
            f"CASE WHEN {cell} IS NULL THEN NULL WHEN {value} IS NULL THEN false "
            f"WHEN {self.misfit(cell, value)} THEN false ELSE true END"
        )

    def may_fit(self, cell: str) -> bool:
        """Whether the text of a cell has the form of this reading, which :meth:`fits` demands."""
        pattern = format_pattern(self.format) if self.format else _FORMS.get(self.type)
        return pattern is not None and re.fullmatch(pattern, cell) is not None

    def note(self, name: str) -> str | None:
        """What a person should know of this reading of the column ``name``."""
        if self.rounded:
            return (
                f'Column "{name}" has fractions of more digits than a DOUBLE holds; '
                "they are rounded to the nearest one."
            )
        if self.format:
            return f'Column "{name}" is read as {self.type} written as {self.format}.'
        if self.type == "TIMESTAMP WITH TIME ZONE":
            return (
                f'Column "{name}" has times with a zone; they are kept as the same instant in UTC.'
            )
        return None


TEXT = Reading("VARCHAR")
NO_VALUE = Reading("VARCHAR", empty=True)
INSTANT = Reading("TIMESTAMP WITH TIME ZONE")
WHOLE = Reading("BIGINT")
LONG_WHOLE = Reading("DECIMAL(38,0)")
NUMBERS = (Reading("DOUBLE"), Reading("DOUBLE", rounded=True))

_ISO_PATTERNS = {
    "DATE": _DAY,
    "TIME": _CLOCK,
    "TIMESTAMP": f"{_DAY}([ T]{_CLOCK})?",
    "TIMESTAMP WITH TIME ZONE": f"{_DAY}([ T]{_CLOCK}{_OFFSET})?",
}

_FORMS = {
    **_ISO_PATTERNS,
    "BOOLEAN": "(?i:true|false|t|f|yes|no)",
    "BIGINT": r"-?\d{1,19}",
    "DECIMAL(38,0)": r"-?\d{1,38}",
    "DOUBLE": rf"(?i:{NUMBER}|-?(inf|infinity|nan))",
}
"""The forms of the types that aren't written in a format of their own."""


def ladder() -> tuple[Reading, ...]:
    """Every reading, the narrowest first; the first that fits all cells of a column is taken.

    It is one order for all columns, so that a type depends on the cells alone, not on their order.
    A day, month and year that may be meant in several ways are taken as ``DATE_ORDERS`` has them.
    """
    return (
        NO_VALUE,
        Reading("BOOLEAN"),
        WHOLE,
        LONG_WHOLE,
        *NUMBERS,
        Reading("TIME"),
        *(Reading("DATE", format_) for format_ in _date_formats()),
        *(Reading("TIMESTAMP", format_) for format_ in _timestamp_formats()),
        INSTANT,
        TEXT,
    )


def out_of_years(type_: str, value: str) -> str:
    """The SQL that is true for a date or time outside of the years 1000 to 9999.

    Others are written with other than four digits, are the words for infinity, or can't be shown by
    most programs.
    """
    first, last = "1000-01-01", "9999-12-31" + ("" if type_ == "DATE" else " 23:59:59.999999")
    return f"{value} < {type_} '{first}' OR {value} > {type_} '{last}'"


def format_pattern(format_: str) -> str:
    """The regular expression of the texts that a ``strptime`` format is meant for.

    >>> format_pattern("%d.%m.%Y")
    '\\\\d{1,2}\\\\.\\\\d{1,2}\\\\.\\\\d{4}'
    """
    parts = re.split(r"(%[A-Za-z])", format_)
    return "".join(_DIRECTIVES.get(part) or re.escape(part) for part in parts)


def _date_formats() -> Iterable[str | None]:
    """None is the ISO way."""
    formats = [f.replace("-", separator) for separator in SEPARATORS for f in DATE_ORDERS]
    return [None if f == ISO_DATE else f for f in formats]


def _timestamp_formats() -> Iterable[str | None]:
    days = [f.replace("-", separator) for separator in SEPARATORS for f in DATE_ORDERS]
    clocks = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
    return [None, *(f"{day} {clock}" for clock in clocks for day in days)]


def _matches(cell: str, pattern: str) -> str:
    return f"regexp_full_match({cell}, {quote_text(pattern)})"
