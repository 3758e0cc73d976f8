"""Candidate types of text: which may fit some cells, and the SQL that converts without loss.

DuckDB 2.0's casts alone are too lenient: ``'1.5'`` becomes the BIGINT 2, ``'007'`` becomes 7, a
timestamp becomes its DATE, offsets and excess digits are dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from parquet_tables.quoting import quote_text

WHOLE_LIMIT = 2**53
"""DOUBLE represents every whole number up to here exactly."""

DATE_ORDERS = ("%Y-%m-%d", "%y-%m-%d", "%d-%m-%Y", "%d-%m-%y", "%m-%d-%Y", "%m-%d-%y")
SEPARATORS = ("-", "/", ".")
CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
ISO_DATE = "%Y-%m-%d"
MISSING_WORDS = ("NA", "NULL")
"""What R and SQL clients write for NULL. In a text column they stay texts."""
MISSING = ("", *MISSING_WORDS)
MISSING_TEXTS = ", ".join(quote_text(text) for text in MISSING)

NUMBER = r"-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_NOT_FINITE = "('inf', '-inf', 'infinity', '-infinity', 'nan', '-nan')"


def double_mismatch(cell: str, value: str, *, rounded: bool) -> str:
    """Return the SQL that is true for a cell that DOUBLE would change.

    The regular expression costs as much as the cast, so cheap comparisons select suspicious cells
    first; all others are exact. DuckDB 2.0 short-circuits OR and AND in a CASE, but not NOT: the
    slow terms come last.
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
    mantissa = f"regexp_replace({text}, '[eE].*$', '')"
    return f"trim(regexp_replace({mantissa}, '[^0-9]', '', 'g'), '0')"


_CLOCK = r"([01]?\d|2[0-3]):[0-5]?\d(:[0-5]?\d(\.\d{1,6}0*)?)?"
_DAY = r"\d{4}-\d{1,2}-\d{1,2}"
_OFFSET = r"( ?(Z|[+-]\d{2}(:?\d{2})?))?"
_DIRECTIVES = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%p": r"[AaPp][Mm]",
    **dict.fromkeys(("%m", "%d", "%H", "%I", "%M", "%S"), r"\d{1,2}"),
}


@dataclass(frozen=True)
class CandidateType:
    """One type that a column of text may have.

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
        """Return the SQL that is true for a cell that fits; ``value`` is its lenient value."""
        return (
            f"CASE WHEN {cell} IS NULL THEN NULL WHEN {value} IS NULL THEN false "
            f"WHEN {self.mismatch(cell, value)} THEN false ELSE true END"
        )

    def may_fit(self, cell: str) -> bool:
        """Whether a cell's text has the form of this type, a precondition of :meth:`fits`."""
        pattern = format_pattern(self.format) if self.format else _FORMS.get(self.type)
        return pattern is not None and re.fullmatch(pattern, cell) is not None

    def note(self, name: str) -> str | None:
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


_DAYS = [order.replace("-", separator) for separator in SEPARATORS for order in DATE_ORDERS]
ALL_CANDIDATES = (
    CandidateType("BOOLEAN"),
    WHOLE,
    LONG_WHOLE,
    *NUMBERS,
    CandidateType("TIME"),
    *(CandidateType("DATE", None if day == ISO_DATE else day) for day in _DAYS),
    CandidateType("TIMESTAMP"),
    *(CandidateType("TIMESTAMP", f"{day} {clock}") for clock in CLOCKS for day in _DAYS),
    INSTANT,
    TEXT,
)
"""Every candidate, the narrowest first; a column gets the first that fits all its cells.

The fixed order makes a type depend on the cells alone, not on their order (DuckDB's own inference
does depend on it), and resolves ambiguous dates by ``DATE_ORDERS``."""
_QUOTED = tuple(
    candidate
    for candidate in ALL_CANDIDATES
    if candidate.type.startswith(("DATE", "TIME")) or candidate == TEXT
)
_PLAIN_NUMBERS = (WHOLE, LONG_WHOLE, *NUMBERS, TEXT)

CandidateTypes = tuple[CandidateType, ...]


def text_candidates(cells: Sequence[str]) -> CandidateTypes:
    """Return the types whose form all ``cells`` have; VARCHAR is the last one.

    >>> [candidate.type for candidate in text_candidates(["1", "2.5"])]
    ['DOUBLE', 'DOUBLE', 'VARCHAR']
    """
    return _narrowed(ALL_CANDIDATES, cells)


def json_candidates(cells: Sequence[str]) -> CandidateTypes:
    """Like :func:`text_candidates`, for JSON values: quoted digits stay text.

    >>> [candidate.type for candidate in json_candidates(['"1"'])]
    ['VARCHAR']
    """
    cells = [cell for cell in cells if cell.strip('" ') not in MISSING]
    if all(cell.startswith('"') for cell in cells):
        return _narrowed(_QUOTED, [_unquoted(cell) for cell in cells])
    if all(cell in ("true", "false") for cell in cells):
        return (CandidateType("BOOLEAN"), TEXT)
    return _narrowed(_PLAIN_NUMBERS, cells)


def _narrowed(candidates: CandidateTypes, cells: Sequence[str]) -> CandidateTypes:
    if not cells:
        return (EMPTY, TEXT)
    fitting = (c for c in candidates if c != TEXT and all(map(c.may_fit, cells)))
    return (*fitting, TEXT)


def _unquoted(cell: str) -> str:
    try:
        return str(json.loads(cell)).strip(" ")
    except ValueError:
        return cell.strip('" ')


def outside_years(type_: str, value: str) -> str:
    """Return the SQL that is true for a date or time outside of the years 1000 to 9999."""
    first, last = "1000-01-01", "9999-12-31" + ("" if type_ == "DATE" else " 23:59:59.999999")
    return f"{value} < {type_} '{first}' OR {value} > {type_} '{last}'"


def format_pattern(format_: str) -> str:
    """Return the regular expression of the texts that a ``strptime`` format describes."""
    parts = re.split(r"(%[A-Za-z])", format_)
    return "".join(_DIRECTIVES.get(part) or re.escape(part) for part in parts)


def _matches(cell: str, pattern: str) -> str:
    return f"regexp_full_match({cell}, {quote_text(pattern)})"
