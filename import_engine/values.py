"""Candidate types of text, and the SQL that converts cells without loss.

A type that fits every cell of a column loses nothing; a lossy type is refused and the column is
widened, at last to text. DuckDB 2.0's casts are too lenient: ``'1.5'`` becomes the BIGINT 2,
``'007'`` becomes 7, a timestamp becomes its DATE, offsets and excess digits are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from parquet_tables.quoting import quote_text

WHOLE_LIMIT = 2**53
"""DOUBLE represents every whole number up to here exactly."""

NUMBER = r"-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_NOT_FINITE = "('inf', '-inf', 'infinity', '-infinity', 'nan', '-nan')"


def double_mismatch(cell: str, value: str, *, rounded: bool) -> str:
    """Return the SQL that is true for a cell that DOUBLE would change.

    These are cells that aren't plain numbers, or have too many digits. The regular expression costs
    as much as the cast, so cheap comparisons select suspicious cells first. All others are exact:
    they start with a digit or a minus, have no leading zero and no underscore, and hold a whole
    number below 2**53 or a fraction of at most 15 digits. DuckDB 2.0 short-circuits OR and AND in a
    CASE, but not NOT: the slow terms come last.
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
    # Underflow to zero and overflow to infinity are changes, too.
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
"""What R and SQL clients write for NULL. In a text column they stay texts."""

MISSING_TEXTS = ", ".join(quote_text(text) for text in ("", *MISSING_WORDS))

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
class CandidateType:
    """One type, with its text format, that a column of text may have.

    Parameters
    ----------
    type : str
        The DuckDB type of the values; ``VARCHAR`` fits every text.
    format : str or None
        The ``strptime`` format of dates and timestamps that aren't ISO 8601.
    rounded : bool
        For ``DOUBLE``: fractions with more digits than it holds are rounded.
    empty : bool
        For ``VARCHAR``: no sampled cell had a value; the first value determines the type.
    """

    type: str
    format: str | None = None
    rounded: bool = False
    empty: bool = False

    def value(self, cell: str, *, lenient: bool = False) -> str:
        """Return the SQL of the value; with ``lenient`` a failed cast gives NULL."""
        if self.type == "VARCHAR":
            return cell
        if self.format:
            return f"CAST(try_strptime({cell}, {quote_text(self.format)}) AS {self.type})"
        return f"{'TRY_CAST' if lenient else 'CAST'}({cell} AS {self.type})"

    def mismatch(self, cell: str, value: str) -> str:
        """Return the SQL that is true for a cell that this type would change."""
        if self.type == "VARCHAR":
            return f"trim({cell}) NOT IN ({MISSING_TEXTS})" if self.empty else "false"
        if self.format:
            shape = _matches(cell, format_pattern(self.format))
            other = f"{cell} IS NOT NULL AND ({value} IS NULL OR NOT {shape})"
            return f"({other}) OR {outside_years(self.type, value)}"
        if self.type == "DOUBLE":
            return double_mismatch(cell, value, rounded=self.rounded)
        if self.type == "BOOLEAN":
            words = "'true', 'false', 't', 'f', 'yes', 'no'"
            return f"{cell} NOT IN ({words}) AND lower({cell}) NOT IN ({words})"
        differs = f"CAST({value} AS VARCHAR) <> {cell}"
        pattern = _ISO_PATTERNS.get(self.type)
        if pattern is None:
            return differs
        other = f"{differs} AND NOT {_matches(cell, pattern)}"
        return other if self.type == "TIME" else f"({other}) OR {outside_years(self.type, value)}"

    def fits(self, cell: str, value: str) -> str:
        """Return the SQL that is true for a cell that fits, and NULL for a missing cell.

        ``value`` is the SQL of its lenient value.
        """
        return (
            f"CASE WHEN {cell} IS NULL THEN NULL WHEN {value} IS NULL THEN false "
            f"WHEN {self.mismatch(cell, value)} THEN false ELSE true END"
        )

    def may_fit(self, cell: str) -> bool:
        """Whether a cell's text has the form of this type, a precondition of :meth:`fits`."""
        pattern = format_pattern(self.format) if self.format else _FORMS.get(self.type)
        return pattern is not None and re.fullmatch(pattern, cell) is not None

    def note(self, name: str) -> str | None:
        """Return the note for a column ``name`` of this type, if there is one."""
        if self.rounded:
            return (
                f'Column "{name}" has fractions of more digits than a DOUBLE holds; '
                "they are rounded to the nearest one."
            )
        if self.format:
            return f'Column "{name}" is read as {self.type} in the format {self.format}.'
        if self.type == "TIMESTAMP WITH TIME ZONE":
            return f'Column "{name}" has times with a zone; they are stored as instants in UTC.'
        return None


TEXT = CandidateType("VARCHAR")
EMPTY = CandidateType("VARCHAR", empty=True)
INSTANT = CandidateType("TIMESTAMP WITH TIME ZONE")
WHOLE = CandidateType("BIGINT")
LONG_WHOLE = CandidateType("DECIMAL(38,0)")
NUMBERS = (CandidateType("DOUBLE"), CandidateType("DOUBLE", rounded=True))

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
"""The regular expressions of types without a ``strptime`` format."""


def all_candidates() -> tuple[CandidateType, ...]:
    """Return every candidate, the narrowest first; a column gets the first that fits all cells.

    The fixed order makes a type depend on the cells alone, not on their order. It resolves
    ambiguous dates by ``DATE_ORDERS``.
    """
    return (
        EMPTY,
        CandidateType("BOOLEAN"),
        WHOLE,
        LONG_WHOLE,
        *NUMBERS,
        CandidateType("TIME"),
        *(CandidateType("DATE", format_) for format_ in _date_formats()),
        *(CandidateType("TIMESTAMP", format_) for format_ in _timestamp_formats()),
        INSTANT,
        TEXT,
    )


def outside_years(type_: str, value: str) -> str:
    """Return the SQL that is true for a date or time outside of the years 1000 to 9999.

    Such values aren't written with four digits, are infinite, or unsupported by most programs.
    """
    first, last = "1000-01-01", "9999-12-31" + ("" if type_ == "DATE" else " 23:59:59.999999")
    return f"{value} < {type_} '{first}' OR {value} > {type_} '{last}'"


def format_pattern(format_: str) -> str:
    """Return the regular expression of the texts that a ``strptime`` format describes.

    >>> format_pattern("%d.%m.%Y")
    '\\\\d{1,2}\\\\.\\\\d{1,2}\\\\.\\\\d{4}'
    """
    parts = re.split(r"(%[A-Za-z])", format_)
    return "".join(_DIRECTIVES.get(part) or re.escape(part) for part in parts)


def _date_formats() -> Iterable[str | None]:
    """The date formats; None is ISO 8601."""
    formats = [f.replace("-", separator) for separator in SEPARATORS for f in DATE_ORDERS]
    return [None if f == ISO_DATE else f for f in formats]


def _timestamp_formats() -> Iterable[str | None]:
    days = [f.replace("-", separator) for separator in SEPARATORS for f in DATE_ORDERS]
    clocks = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
    return [None, *(f"{day} {clock}" for clock in clocks for day in days)]


def _matches(cell: str, pattern: str) -> str:
    return f"regexp_full_match({cell}, {quote_text(pattern)})"
