"""Candidate types of text: which may fit some cells, and the SQL that converts without loss.

DuckDB 2.0's casts alone are too lenient: ``'1.5'`` becomes the BIGINT 2, ``'007'`` becomes 7, a
timestamp becomes its DATE, offsets and excess digits are dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache

from contract.columns import DataType
from contract.requests.importing import DATE_ORDERS, ReadOptions
from import_engine.numbers import (
    NumberForm,
    is_open_fraction,
    number_forms,
    shortened_blanks,
    written_forms,
)
from import_engine.options import DETECT_ALL
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_text

WHOLE_LIMIT = 2**53
"""DOUBLE represents every whole number up to here exactly."""

DAY_FORMATS = ("%Y-%m-%d", "%y-%m-%d", "%d-%m-%Y", "%d-%m-%y", "%m-%d-%Y", "%m-%d-%y")
DOTTED_DAYS = ("%Y-%m-%d", "%d-%m-%Y", "%d-%m-%y", "%m-%d-%Y", "%m-%d-%y", "%y-%m-%d")
"""Dates with dots are day, month, year where they can be."""
CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
NAMED_DAYS = (
    *("%d %b %Y", "%d-%b-%Y", "%d/%b/%Y", "%d.%b.%Y", "%d %b %y", "%d-%b-%y"),
    *("%b %d, %Y", "%b %d %Y", "%d %B %Y", "%d. %B %Y", "%d-%B-%Y", "%B %d, %Y", "%B %d %Y"),
)
"""Days with English names of months."""
COMPACT_DAY = "%Y%m%d"
ISO_DATE = "%Y-%m-%d"
MAX_ID_DIGITS = 15
"""Longer whole numbers in a delimited text are ids: Excel and DOUBLE hold no more digits."""
MISSING_WORDS = ("NA", "NULL")
"""Texts that R and SQL clients write for NULL. In a text column they stay texts."""
MISSING = ("", *MISSING_WORDS)
MISSING_TEXTS = ", ".join(quote_text(text) for text in MISSING)

NUMBER = r"-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_NOT_FINITE = "('inf', '-inf', 'infinity', '-infinity', 'nan', '-nan')"


CODE = r"-?\d+[eE]\d+"
_CODE = re.compile(CODE)
"""Digits with an exponent but no point and no sign of the exponent: ``10E3`` may be a code."""


def double_mismatch(
    cell: str, value: str, *, rounded: bool, ids_are_text: bool, codes_are_text: bool
) -> str:
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
        f"OR strlen({cell}) > {MAX_ID_DIGITS} "
        f"OR {value} >= {WHOLE_LIMIT} OR {value} <= -{WHOLE_LIMIT} "
        f"OR ({value} = 0 AND {cell} NOT IN ('0', '0.0', '0.00')) "
        f"OR ((strlen({cell}) > 4 OR {value} >= 10 OR {value} <= -10) AND contains({cell}, '_'))"
    )
    # Underflow to zero and overflow to infinity are changes, too.
    changed = (
        f"NOT regexp_full_match({cell}, {quote_text(NUMBER)}) OR ({lost}) "
        f"OR ({value} = 0 AND regexp_matches({cell}, '^-?[0.]*[1-9]')) OR isinf({value})"
    )
    if ids_are_text:
        changed += f" OR {_matches(cell, _ID)}"
    if codes_are_text:
        suspicious += f" OR contains({cell}, 'e') OR contains({cell}, 'E')"
        changed += f" OR {_matches(cell, CODE)}"
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
    "%b": r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    "%B": r"(?i:january|february|march|april|may|june|july|august|september|october|november"
    r"|december)",
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
    form : NumberForm or None
        How numbers are written, if they aren't plain.
    ids_are_text : bool
        For numbers: whole numbers of more than 15 digits don't fit.
    codes_are_text : bool
        For ``DOUBLE``: texts such as ``10E3`` don't fit.
    any_flag : bool
        For ``BOOLEAN``: words and letters such as yes and f fit, too.
    places : int or None
        For a ``DECIMAL`` that the values themselves show: the decimal places of every fraction, or
        those that it has at most if the form has a currency.
    """

    type: str
    format: str | None = None
    rounded: bool = False
    empty: bool = False
    form: NumberForm | None = None
    ids_are_text: bool = False
    codes_are_text: bool = False
    any_flag: bool = False
    places: int | None = None

    def value(self, cell: str, *, lenient: bool = False) -> str:
        """Return the SQL of the value; with ``lenient`` a failed cast gives NULL."""
        if self.type == "VARCHAR":
            return cell
        if self.format:
            return f"CAST(try_strptime({cell}, {quote_text(self.format)}) AS {self.type})"
        plain = self.form.normalized(cell) if self.form else cell
        return f"{'TRY_CAST' if lenient else 'CAST'}({plain} AS {self.type})"

    def mismatch(self, cell: str, value: str) -> str:
        """Return the SQL that is true for a cell that this type would change."""
        if self.type == "VARCHAR":
            return f"trim({cell}) NOT IN ({MISSING_TEXTS})" if self.empty else "false"
        if self.format:
            shape = _matches(cell, format_pattern(self.format))
            other = f"{cell} IS NOT NULL AND ({value} IS NULL OR NOT {shape})"
            return f"({other}) OR {outside_years(self.type, value)}"
        if self.places:
            # The text of most values is their cell; the regular expression reads the others.
            is_other = "" if self.form else f"CAST({value} AS VARCHAR) <> {cell} AND "
            return f"{is_other}NOT {_matches(cell, self._pattern)}"
        if self.form:
            shape = _matches(cell, self._pattern)
            plain = replace(self, form=None).mismatch(f"({self.form.normalized(cell)})", value)
            return f"NOT {shape} OR ({plain})"
        if self.type == "DOUBLE":
            return double_mismatch(
                cell,
                value,
                rounded=self.rounded,
                ids_are_text=self.ids_are_text,
                codes_are_text=self.codes_are_text,
            )
        if self.type == "BOOLEAN":
            words = ", ".join(map(quote_text, FLAGS if self.any_flag else FLAGS[:2]))
            return f"{cell} NOT IN ({words}) AND lower({cell}) NOT IN ({words})"
        return self._rounded_or_other(cell, value)

    def _rounded_or_other(self, cell: str, value: str) -> str:
        """:meth:`mismatch` of plain numbers and ISO times, whose text shows a change."""
        if self.type.startswith("DECIMAL") and self.type != LONG_WHOLE_TYPE:
            return decimal_mismatch(cell, value)
        differs = f"CAST({value} AS VARCHAR) <> {cell}"
        if self.ids_are_text:
            most = 10**MAX_ID_DIGITS - 1
            return f"{differs} OR {value} > {most} OR {value} < -{most}"
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

    def may_fit(self, cells: Collection[str]) -> bool:
        """Whether all texts have the form of this type, a precondition of :meth:`fits`."""
        pattern = self._pattern
        if not pattern or (self.codes_are_text and any(map(_CODE.fullmatch, cells))):
            return False
        shown = map(shortened_blanks, cells) if self.form else cells
        return all(map(re.compile(pattern).fullmatch, shown))

    @property
    def _pattern(self) -> str:
        """The regular expression of the cells; empty for text."""
        if self.form:
            return self.form.pattern(whole=self.type == "BIGINT", places=self.places)
        if self.format:
            return format_pattern(self.format)
        if self.places:
            return decimal_pattern(self.type, self.places)
        if self.any_flag:
            return _ANY_FLAG
        kind = "DOUBLE" if self.type.startswith("DECIMAL") else self.type
        return _FORMS.get(self.type, _FORMS.get(kind, ""))

    @property
    def has_fractions(self) -> bool:
        """Whether it is a number that may have a fraction."""
        return DataType(self.type).has_fractions

    @property
    def is_text_in_json(self) -> bool:
        """Whether JSON writes values of this type as strings."""
        return self.form is not None or self.type in TEXT_TYPES_IN_JSON

    @property
    def changes(self) -> tuple[str, ...]:
        """A sentence on the change that this type makes to the form of values."""
        if self.form:
            return self.form.changes
        if not self.format:
            return ()
        short = ("years of two digits are 1969 to 2068",) if "%y" in self.format else ()
        return (shown_format(self.format), *short)

    @property
    def order(self) -> str | None:
        """The order of day, month and year in a date of digits; None if a name or ISO shows it."""
        if self.format is None or re.search("%[bB]|^%Y", self.format):
            return None
        order = "".join(re.findall("%([dmyY])", self.format)).lower()
        return order if order in DATE_ORDERS else None

    @property
    def rivalry(self) -> tuple[str, str] | None:
        """What this type assumes where cells may mean something else: a subject and a reading.

        Dates with dots are read as day, month, year where they can be.
        """
        if self.form and self.form.decimal:
            return "decimal", self.form.decimal
        if self.order and self.format and "." not in self.format:
            return f"date_order {'/' if '/' in self.format else '-'}", self.order
        return None

    def note(self, name: str) -> str | None:
        if self.rounded:
            return (
                f'Column "{name}" has fractions of more digits than a DOUBLE holds; '
                "they are rounded to the nearest one."
            )
        if self.changes:
            kind = "times" if self.type == "TIMESTAMP" else "dates" if self.format else "numbers"
            return f'Column "{name}" is read as {kind}: {", ".join(self.changes)}.'
        if self.type == "TIMESTAMP WITH TIME ZONE":
            return (
                f'Column "{name}" has times with a zone; they are stored as instants in UTC. Times '
                "without a zone count as UTC."
            )
        return None


FLAGS = ("true", "false", "t", "f", "yes", "no")
"""The words of a BOOLEAN. Only the first two are so by themselves: F and no are codes, too."""
_ANY_FLAG = f"(?i:{'|'.join(FLAGS)})"
TEXT_TYPES_IN_JSON = ("VARCHAR", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
LONG_WHOLE_TYPE = "DECIMAL(38,0)"
_ID = rf"-?\d{{{MAX_ID_DIGITS + 1},}}"
TEXT = CandidateType("VARCHAR")
EMPTY = CandidateType("VARCHAR", empty=True)
INSTANT = CandidateType("TIMESTAMP WITH TIME ZONE")
WHOLE = CandidateType("BIGINT")
LONG_WHOLE = CandidateType(LONG_WHOLE_TYPE)
NUMBERS = (CandidateType("DOUBLE"), CandidateType("DOUBLE", rounded=True))
MONEY_PLACES = (2, 3, 4)
"""The decimal places of amounts: most currencies have two, some three, and unit prices four."""
DECIMAL_DIGITS = (18, 38)
"""DuckDB stores decimals of up to 18 digits in 64 bits, and longer ones in 128."""
DECIMALS = tuple(
    CandidateType(f"DECIMAL({digits},{places})", places=places)
    for places in MONEY_PLACES
    for digits in DECIMAL_DIGITS
)
_TEXT_NUMBERS = (
    replace(WHOLE, ids_are_text=True),
    *DECIMALS,
    *(replace(each, ids_are_text=True) for each in NUMBERS),
)

_ISO_PATTERNS = {
    "DATE": _DAY,
    "TIME": _CLOCK,
    "TIMESTAMP": f"{_DAY}([ T]{_CLOCK})?",
    "TIMESTAMP WITH TIME ZONE": f"{_DAY}([ T]{_CLOCK}{_OFFSET})?",
}

_FORMS = {
    **_ISO_PATTERNS,
    "BOOLEAN": "(?i:true|false)",
    "BIGINT": r"-?\d{1,19}",
    "DECIMAL(38,0)": r"-?\d{1,38}",
    "DOUBLE": rf"(?i:{NUMBER}|-?(inf|infinity|nan))",
}
"""The regular expressions of types without a ``strptime`` format."""


_DAYS = [
    *DAY_FORMATS,
    *(day.replace("-", "/") for day in DAY_FORMATS),
    *(day.replace("-", ".") for day in DOTTED_DAYS),
    *NAMED_DAYS,
]
ALL_CANDIDATES = (
    CandidateType("BOOLEAN"),
    *_TEXT_NUMBERS,
    CandidateType("TIME"),
    *(CandidateType("DATE", None if day == ISO_DATE else day) for day in _DAYS),
    CandidateType("TIMESTAMP"),
    *(CandidateType("TIMESTAMP", f"{day} {clock}") for clock in CLOCKS for day in _DAYS),
    INSTANT,
    TEXT,
)
"""Every candidate, the narrowest first; a column gets the first that fits all its cells.

The fixed order makes a type depend on the cells alone, not on their order (DuckDB's own inference
does depend on it)."""
_QUOTED = tuple(
    candidate
    for candidate in ALL_CANDIDATES
    if candidate.type.startswith(("DATE", "TIME")) or candidate == TEXT
)
_PLAIN_NUMBERS = (WHOLE, LONG_WHOLE, *NUMBERS, TEXT)

CandidateTypes = tuple[CandidateType, ...]


def text_candidates(
    cells: Sequence[str], options: ReadOptions = DETECT_ALL, type_: str | None = None
) -> CandidateTypes:
    """Return the types whose form all ``cells`` have; VARCHAR is the last one.

    Parameters
    ----------
    type_ : str
        The type that the options give the column: there is no other one but text.

    >>> [candidate.type for candidate in text_candidates(["1", "2.5"])]
    ['DOUBLE', 'DOUBLE', 'VARCHAR']
    >>> text_candidates(["1", "2.50"])[0].type
    'DECIMAL(18,2)'
    """
    if type_ is not None:
        return _given_type(cells, options, type_)
    found = _narrowed(ALL_CANDIDATES, cells)
    if not cells:
        return found
    if not any("." in cell for cell in cells):
        # Without a point, digits with an exponent may be codes.
        doubles = (replace(each, codes_are_text=each.type == "DOUBLE") for each in found)
        found = _narrowed(tuple(doubles), cells)
    found = _in_order(found, options)
    if options.decimal == ",":
        found = tuple(each for each in found if not each.has_fractions)
    forms = number_forms(cells, options)
    return (*found[:-1], *form_candidates(forms), TEXT)


def reads_as_time(cell: str) -> bool:
    """Whether a cell by itself has the form of a date, or of a date with a time.

    >>> [reads_as_time(cell) for cell in ("29.02.2023", "2024-02-29 00:00:00", "45352")]
    [True, True, False]
    """
    return any(map(str.isdigit, cell)) and _time().fullmatch(cell) is not None


def form_candidates(forms: Sequence[NumberForm]) -> CandidateTypes:
    """Return the number types of some forms, the narrower types first."""
    return tuple(
        replace(each, form=form)
        for each in (WHOLE, *DECIMALS, *NUMBERS)
        for form in forms
        if each.type == "DOUBLE" or not form.is_percent
        if not each.places or form.decimal
    )


def grouped_candidates(cells: Sequence[str], options: ReadOptions) -> CandidateTypes:
    """Return the readings of plain numbers whose points may group digits, as in ``1.234``."""
    if options.decimal or not is_open_fraction(cells):
        return ()
    return (*form_candidates(written_forms(cells, options)), TEXT)


def _in_order(candidates: CandidateTypes, options: ReadOptions) -> CandidateTypes:
    """Drop the dates of another order than the given one."""
    if options.date_order is None:
        return candidates
    return tuple(each for each in candidates if each.order in (None, options.date_order))


def _given_type(cells: Sequence[str], options: ReadOptions, type_: str) -> CandidateTypes:
    if type_ == "VARCHAR":
        return (TEXT,)
    if not cells:
        return (CandidateType(type_), TEXT)
    if type_.startswith(("DATE", "TIME", "BOOL")):
        formats = (
            *ALL_CANDIDATES,
            CandidateType("DATE", COMPACT_DAY),
            CandidateType("BOOLEAN", any_flag=True),
        )
        found = tuple(each for each in formats if each.type == type_)
        return _narrowed(_in_order(found, options), cells)
    plain = [CandidateType(type_)]
    if type_ == "DOUBLE":
        plain = list(NUMBERS)
    if options.decimal == "," and type_ != "BIGINT":
        plain = []
    forms = [
        replace(each, form=form)
        for each in (CandidateType(type_), replace(CandidateType(type_), rounded=True))
        for form in number_forms(cells, options, zeros=True)
        if not each.rounded or type_ == "DOUBLE"
    ]
    return _narrowed((*plain, *forms), cells)


def open_subjects(candidates: CandidateTypes) -> dict[str, set[str]]:
    """Return the subjects on which candidates disagree, with their readings.

    >>> dates = text_candidates(["01/02/2025"])
    >>> {subject: sorted(readings) for subject, readings in open_subjects(dates).items()}
    {'date_order /': ['dmy', 'mdy']}
    """
    found: dict[str, set[str]] = {}
    for each in candidates:
        if each.rivalry:
            subject, reading = each.rivalry
            found.setdefault(subject, set()).add(reading)
    is_alone = candidates[0].rivalry is None
    return {} if is_alone else {key: each for key, each in found.items() if len(each) > 1}


def shown_format(format_: str) -> str:
    """Say a ``strptime`` format in words.

    >>> shown_format("%d.%m.%Y %H:%M")
    'day.month.year hour:minute'
    """
    for directive, word in _WORDS_OF_DIRECTIVES.items():
        format_ = format_.replace(directive, word)
    return format_


_WORDS_OF_DIRECTIVES = {
    "%d": "day",
    "%m": "month",
    "%Y": "year",
    "%y": "year",
    "%b": "month",
    "%B": "month",
    "%H": "hour",
    "%I": "hour",
    "%M": "minute",
    "%S": "second",
    "%p": "AM or PM",
}


def decimal_mismatch(cell: str, value: str) -> str:
    """Return the SQL that is true for a cell that a DECIMAL would round."""
    number = f"CAST({cell} AS DOUBLE)"
    return f"NOT {_matches(cell, NUMBER)} OR CAST({value} AS DOUBLE) <> {number}"


def decimal_pattern(type_: str, places: int) -> str:
    """Return the regular expression of the plain numbers that a DECIMAL holds as they are written.

    Each fraction has exactly ``places`` digits. A whole number of more than 15 digits may be an id.

    >>> pattern = re.compile(decimal_pattern("DECIMAL(18,2)", 2))
    >>> [bool(pattern.fullmatch(cell)) for cell in ("7", "-0.50", "0.5", "1e3", "-0", "007.00")]
    [True, True, False, False, False, False]
    """
    digits, _ = DataType(type_).digits or (0, 0)
    whole = rf"0|-?[1-9]\d{{0,{MAX_ID_DIGITS - 1}}}"
    return rf"{whole}|-?(?:0|[1-9]\d{{0,{digits - places - 1}}})?\.\d{{{places}}}"


def json_candidates(
    cells: Sequence[str], options: ReadOptions = DETECT_ALL, type_: str | None = None
) -> CandidateTypes:
    """Like :func:`text_candidates`, for JSON values: quoted digits stay text.

    >>> [candidate.type for candidate in json_candidates(['"1"'])]
    ['VARCHAR']
    """
    cells = [cell for cell in cells if cell.strip('" ') not in MISSING]
    if type_ is not None:
        given = _given_type([unquoted(cell) for cell in cells], options, type_)
        is_quoted = any(cell.startswith('"') for cell in cells)
        return tuple(each for each in given if each.is_text_in_json or not is_quoted)
    if all(cell.startswith('"') for cell in cells):
        return _in_order(_narrowed(_QUOTED, [unquoted(cell) for cell in cells]), options)
    if all(cell in ("true", "false") for cell in cells):
        return (CandidateType("BOOLEAN"), TEXT)
    return _narrowed(_PLAIN_NUMBERS, cells)


def _narrowed(candidates: CandidateTypes, cells: Sequence[str]) -> CandidateTypes:
    if not cells:
        return (EMPTY, TEXT)
    distinct = dict.fromkeys(cells)
    fitting = (c for c in candidates if c != TEXT and c.may_fit(distinct))
    return (*fitting, TEXT)


def unquoted(cell: str) -> str:
    try:
        return str(json.loads(cell)).strip(" ")
    except ValueError:
        return cell.strip('" ')


def outside_years(type_: str, value: str) -> str:
    """Return the SQL that is true for a date or time outside of the years 1000 to 9999."""
    first, last = "1000-01-01", "9999-12-31" + ("" if type_ == "DATE" else " 23:59:59.999999")
    return f"{value} < {type_} '{first}' OR {value} > {type_} '{last}'"


@cache
def format_pattern(format_: str) -> str:
    """Return the regular expression of the texts that a ``strptime`` format describes."""
    parts = re.split(r"(%[A-Za-z])", format_)
    return "".join(_DIRECTIVES.get(part) or re.escape(part) for part in parts)


@cache
def _time() -> re.Pattern[str]:
    """The forms of dates and timestamps; compiled at first use, which many processes never make."""
    return re.compile(
        "|".join(
            f"(?:{format_pattern(each.format) if each.format else _ISO_PATTERNS[each.type]})"
            for each in ALL_CANDIDATES
            if each.type.startswith(("DATE", "TIMESTAMP"))
        )
    )


def _matches(cell: str, pattern: str) -> str:
    return f"regexp_full_match({cell}, {quote_text(pattern)})"
