"""How a column of text is read as values, without losing any of it.

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

DATE_ORDERS = ("%Y-%m-%d", "%y-%m-%d", "%d-%m-%Y", "%d-%m-%y", "%m-%d-%Y", "%m-%d-%y")
SEPARATORS = ("-", "/", ".")
ISO_DATE = "%Y-%m-%d"
WHOLE_LIMIT = 2**53
"""Up to here every whole number is a DOUBLE of its own."""

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
_NOT_FINITE = "('inf', '-inf', 'infinity', '-infinity', 'nan', '-nan')"


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
        For ``VARCHAR``: no cell that was looked at held a value, so the first one that does decides.
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
        """The SQL that is true for a cell that this reading would change; NULL or false otherwise."""
        if self.type == "VARCHAR":
            return f"{cell} <> ''" if self.empty else "false"
        if self.format:
            shape = _matches(cell, format_pattern(self.format))
            return f"({cell} IS NOT NULL AND ({value} IS NULL OR NOT {shape}))"
        if self.type == "DOUBLE":
            return _double_misfit(cell, value, rounded=self.rounded)
        if self.type == "BOOLEAN":
            return f"lower({cell}) NOT IN ('true', 'false', 't', 'f', 'yes', 'no')"
        same = f"CAST({value} AS VARCHAR) = {cell}"
        pattern = _ISO_PATTERNS.get(self.type)
        return f"NOT ({same})" if pattern is None else f"NOT ({same} OR {_matches(cell, pattern)})"

    def fits(self, cell: str) -> str:
        """The SQL that is true for a cell that this reading keeps, NULL for a cell without one."""
        value = self.value(cell, lenient=True)
        if self.type == "VARCHAR":
            return f"{cell} IS NOT NULL" if not self.empty else f"NOT ({self.misfit(cell, value)})"
        kept = f"{value} IS NOT NULL AND NOT coalesce({self.misfit(cell, value)}, true)"
        return f"CASE WHEN {cell} IS NULL THEN NULL ELSE {kept} END"

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


def ladder(
    type_: str | None, date_format: str | None = None, timestamp_format: str | None = None
) -> tuple[Reading, ...]:
    """The readings to try on a column, the narrowest first; the first that fits all cells is taken.

    Parameters
    ----------
    type_ : str or None
        What DuckDB found in its sample; None when no cell there had a value.
    date_format, timestamp_format : str or None
        The formats that DuckDB found, None for the ISO way.

    Returns
    -------
    tuple of Reading
        It ends with text, which fits everything. DuckDB widens in the same way: whole numbers to
        longer ones, to DOUBLE, to text; a date to another way of writing it, to text.
    """
    wholes = (WHOLE, LONG_WHOLE, *NUMBERS)
    dates = tuple(_dates(date_format))
    timestamps = tuple(_timestamps(timestamp_format))
    rungs: tuple[Reading, ...] = ()
    if type_ is None:
        rungs = (
            NO_VALUE,
            Reading("BOOLEAN"),
            *wholes,
            Reading("TIME"),
            *dates,
            *timestamps,
            INSTANT,
        )
    elif type_ in ("BIGINT", "INTEGER"):
        rungs = wholes
    elif type_ in ("HUGEINT", "UHUGEINT", "UBIGINT"):
        rungs = wholes[1:]
    elif type_ == "DOUBLE":
        rungs = NUMBERS
    elif type_ == "DATE":
        rungs = dates
    elif type_ == "TIMESTAMP":
        rungs = (*timestamps, INSTANT)
    elif type_ in ("BOOLEAN", "TIME", INSTANT.type):
        rungs = (Reading(type_),)
    return (*rungs, TEXT)


def format_pattern(format_: str) -> str:
    """The regular expression of the texts that a ``strptime`` format is meant for.

    >>> format_pattern("%d.%m.%Y")
    '\\\\d{1,2}\\\\.\\\\d{1,2}\\\\.\\\\d{4}'
    """
    parts = re.split(r"(%[A-Za-z])", format_)
    return "".join(_DIRECTIVES.get(part) or re.escape(part) for part in parts)


def _dates(first: str | None) -> Iterable[Reading]:
    formats = [f.replace("-", separator) for separator in SEPARATORS for f in DATE_ORDERS]
    return _formatted("DATE", first, [None if f == ISO_DATE else f for f in formats])


def _timestamps(first: str | None) -> Iterable[Reading]:
    days = [f.replace("-", separator) for separator in SEPARATORS for f in DATE_ORDERS]
    clocks = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
    return _formatted("TIMESTAMP", first, [None, *(f"{d} {c}" for c in clocks for d in days)])


def _formatted(type_: str, first: str | None, formats: list[str | None]) -> Iterable[Reading]:
    start = None if first == ISO_DATE else first
    return (Reading(type_, f) for f in dict.fromkeys([start, *formats]))


def _matches(cell: str, pattern: str) -> str:
    return f"regexp_full_match({cell}, {quote_text(pattern)})"


def _double_misfit(cell: str, value: str, *, rounded: bool) -> str:
    """What a DOUBLE would change.

    The comparisons of texts stand for patterns, which cost five times as much: a number starts with
    a sign, a point or a digit, and isn't ``00`` to ``09`` at its start. Sixteen characters hold 15
    digits at most, and these survive in a DOUBLE.
    """
    digits = _digits(cell)
    lost = f"strlen({digits}) > 15 AND {digits} <> {_digits(f'CAST({value} AS VARCHAR)')}"
    if rounded:
        lost = f"{lost} AND abs({value}) >= {WHOLE_LIMIT}"
    return (
        f"(({cell} < '-' OR {cell} >= ':' OR ({cell} >= '00' AND {cell} < '0:') "
        f"OR ({cell} >= '-00' AND {cell} < '-0:') OR contains({cell}, '_') "
        f"OR isinf({value}) OR ({value} = 0 AND regexp_matches({cell}, '^-?[0.]*[1-9]')) "
        f"OR (strlen({cell}) > 16 AND {lost})) AND lower({cell}) NOT IN {_NOT_FINITE})"
    )


def _digits(text: str) -> str:
    """The SQL of a number's significant digits."""
    mantissa = f"regexp_replace({text}, '[eE].*$', '')"
    return f"trim(regexp_replace({mantissa}, '[^0-9]', '', 'g'), '0')"
