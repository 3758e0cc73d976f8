"""The figures of texts, truth values and binary values.

Lengths and white space come from all rows; the more expensive figures of texts from the frequencies
of few values, else from a sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from parquet_tables.tables import Column
from profiling_engine.columns.distinct import most_frequent
from profiling_engine.columns.kinds import kind_of
from profiling_engine.columns.passes import (
    Aggregate,
    ColumnScan,
    PassTotals,
    greatest,
    least,
    rows,
    total,
)
from profiling_engine.columns.profile import (
    BooleanFigures,
    Figure,
    Lengths,
    LetterCase,
    Patterns,
    TextFigures,
    Variants,
)

_CURRENCY = "[$€£¥]"
_GROUPED = "|".join(
    rf"\d{{1,3}}(?:{group}\d{{3}})+(?:{point}\d+)?"
    for group, point in ((",", r"\."), (r"\.", ","), (r"[ \x{a0}\x{202f}]", "[.,]"), ("'", "[.,]"))
)
"""Digits in groups of three; the decimal sign differs from the sign between the groups."""
_DIGITS = rf"(?:{_GROUPED}|\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?)"
_SIGNED = rf"(?:[-+]?\s*{_CURRENCY}?\s*{_DIGITS}|{_CURRENCY}\s*[-+]{_DIGITS})"
_UNIT = rf"\s*(?:%|{_CURRENCY})?"
NUMBER = rf"\s*(?:{_SIGNED}{_UNIT}|\({_SIGNED}{_UNIT}\))\s*"
CODE = r"\s*0\d+\s*"

_CALENDAR = (
    ("0?[13578]|1[02]", r"0?[1-9]|[12]\d|3[01]"),
    ("0?[469]|11", r"0?[1-9]|[12]\d|30"),
    ("0?2", r"0?[1-9]|1\d|2[0-8]"),
)
"""The months of 31, 30 and 28 days, and their days."""
_NAMED = (
    ("jan(?:uary)?|mar(?:ch)?|may|july?|aug(?:ust)?|oct(?:ober)?|dec(?:ember)?", 0),
    ("apr(?:il)?|june?|sept?(?:ember)?|nov(?:ember)?", 1),
    ("feb(?:ruary)?", 2),
)
_LEAP_DIGITS = "0[48]|[2468][048]|[13579][26]"
_YEAR, _SHORT_YEAR = r"\d{4}", r"\d{4}|\d{2}"
_LEAP_YEAR = rf"\d{{2}}(?:{_LEAP_DIGITS})|(?:[02468][048]|[13579][26])00"
_SHORT_LEAP_YEAR = f"{_LEAP_YEAR}|{_LEAP_DIGITS}|00"
_TIME = (
    r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?:\s*[ap]m)?"
    r"(?:\s*(?:z|utc|gmt|[-+]\d{2}(?::?[0-5]\d)?))?"
)


def _numeric_dates() -> Iterator[str]:
    """Year, month and day in digits: year first, day first or month first."""
    for sign in ("-", "/", r"\."):
        days = [(f"(?:{month})", f"(?:{day})", "") for month, day in _CALENDAR]
        days.append(("0?2", "29", "leap"))
        for month, day, leap in days:
            year = f"(?:{_LEAP_YEAR if leap else _YEAR})"
            short = f"(?:{_SHORT_LEAP_YEAR if leap else _SHORT_YEAR})"
            yield f"{year}{sign}{month}{sign}{day}"
            yield f"{day}{sign}{month}{sign}{short}"
            yield f"{month}{sign}{day}{sign}{short}"


def _named_dates() -> Iterator[str]:
    """Dates with the English name of a month: 12 May 2020, 12-May-20, May 12, 2020."""
    months = [(f"(?:{names})", f"(?:{_CALENDAR[at][1]})", "") for names, at in _NAMED]
    months.append((f"(?:{_NAMED[2][0]})", "29", "leap"))
    for month, day, leap in months:
        year = f"(?:{_LEAP_YEAR if leap else _YEAR})"
        short = f"(?:{_SHORT_LEAP_YEAR if leap else _SHORT_YEAR})"
        yield f"{day}[-. ]+{month}[-., ]+{short}"
        yield f"{month}\\.? {day},? {year}"


DATE = rf"(?i)\s*(?:{'|'.join([*_numeric_dates(), *_named_dates()])})(?:[t ]\s*{_TIME})?\s*"


def length_aggregates(length: str, empty: str) -> dict[str, Aggregate]:
    return {
        "count": rows("v IS NOT NULL"),
        "shortest": least(length),
        "longest": greatest(length),
        "length": total(length),
        "empty": rows(empty),
    }


def lengths_of(totals: PassTotals) -> Lengths:
    mean = Figure(None)
    if totals.values["count"]:
        mean = totals.derive(lambda sums: sums["length"] / sums["count"])
    return Lengths(
        totals.least("shortest"), mean, totals.greatest("longest"), totals.count("empty")
    )


def read_boolean(scan: ColumnScan) -> BooleanFigures:
    totals = scan.measure({"true": rows("v"), "false": rows("NOT v")})
    return BooleanFigures(totals.count("true"), totals.count("false"))


def read_lengths(scan: ColumnScan) -> Lengths:
    """The lengths of binary values."""
    length = "octet_length(v)"
    return lengths_of(scan.measure(length_aggregates(length, f"{length} = 0")))


WIDE_SPACES = (133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288)
SPACES = "".join(map(chr, (*range(1, 33), *WIDE_SPACES)))
"""The characters to strip from a text, with the control characters."""

MAX_PATTERN_LENGTH = 32
LISTED_VARIANTS = 3

ENDS = {"head": "unicode(v)", "tail": "unicode(v[-1])"}
"""``v[-1]`` is three times as fast as ``right(v, 1)``."""


def _is_space(code: str) -> str:
    """The SQL of whether a code point is white space; that of an empty text, below 1, is not."""
    wide = ", ".join(map(str, WIDE_SPACES))
    return f"({code} BETWEEN 1 AND 32 OR {code} >= 133 AND {code} IN ({wide}))"


STRAY = f"(v = '' OR {_is_space('head')} OR {_is_space('tail')})"
# Stripping a text costs ten times as much as reading its ends, so only texts that begin and end
# with white space are stripped.
BLANK = (
    f"(v = '' OR CASE WHEN {_is_space('head')} AND {_is_space('tail')} THEN trim(v, ?) = '' END)"
)


MAX_READ_LENGTH = 40
"""Longer texts aren't tested for numbers and dates."""
NUMBER_HEADS = "(head <= 57 OR head IN (163, 165, 8364))"
"""A number begins with white space, a sign, a digit or a currency symbol."""
INITIALS = "(" + ", ".join(str(ord(letter)) for letter in "ADFJMNOSadfjmnos") + ")"
DATE_HEADS = f"(head <= 57 OR head IN {INITIALS})"


def _reads_as(head: str) -> str:
    """The SQL of whether a text matches a pattern, with a cheap test of its head and length."""
    tried = f"length(v) <= {MAX_READ_LENGTH} AND {head}"
    return f"(CASE WHEN {tried} THEN regexp_full_match(v, ?) ELSE false END)"


def detail_aggregates() -> dict[str, Aggregate]:
    upper, lower = "v = upper(v)", "v = lower(v)"
    return {
        "values": rows("v IS NOT NULL"),
        "upper": rows(f"{upper} AND NOT {lower}"),
        "lower": rows(f"{lower} AND NOT {upper}"),
        "mixed": rows(f"NOT {lower} AND NOT {upper}"),
        "none": rows(f"{lower} AND {upper}"),
        "numbers": rows(_reads_as(NUMBER_HEADS), NUMBER),
        "codes": rows(_reads_as(NUMBER_HEADS), CODE),
        "dates": rows(_reads_as(DATE_HEADS), DATE),
    }


def read_text(scan: ColumnScan, detail: ColumnScan) -> TextFigures:
    """The figures of a text column; ``detail`` is the scan for the expensive ones."""
    spaces = {"blank": rows(BLANK, SPACES), "stray": rows(STRAY)}
    totals = scan.measure({**length_aggregates("length(v)", "v = ''"), **spaces}, ENDS)
    details = detail.measure(detail_aggregates(), ENDS)
    case = LetterCase(**{name: details.count(name) for name in ("upper", "lower", "mixed", "none")})
    return TextFigures(
        lengths=lengths_of(totals),
        blank=totals.count("blank"),
        stray_blanks=totals.count("stray", without="blank"),
        case=case,
        numbers=details.count("numbers"),
        codes=details.count("codes"),
        dates=details.count("dates"),
        patterns=_patterns(detail, details.values["values"]),
        variants=_variants(detail) if detail.source.weighted else None,
    )


def _patterns(detail: ColumnScan, values: int) -> Patterns:
    """The patterns of the table ``masked``: NULL for NULL and for ``long`` texts."""
    source = detail.source
    mask = r"regexp_replace(v, '[\p{Lu}\p{Lt}]', 'A', 'g')"
    mask = rf"regexp_replace({mask}, '[\p{{Ll}}\p{{Lm}}\p{{Lo}}]', 'a', 'g')"
    mask = rf"regexp_replace({mask}, '\p{{Nd}}', '9', 'g')"
    more = ", n" if source.weighted else ", block" if source.in_blocks else ""
    selected, params = source.select(
        f"CASE WHEN length(v) <= {MAX_PATTERN_LENGTH} THEN {mask} END AS v, "
        f"coalesce(length(v) > {MAX_PATTERN_LENGTH}, false) AS long{more}"
    )
    detail.run.fetch((f"CREATE OR REPLACE TEMP TABLE masked AS {selected}", params))
    masked = replace(
        detail,
        source=replace(detail.source, relation="masked", params=()),
        kind=kind_of(Column("pattern", "VARCHAR")),
    )
    totals = masked.measure({"longer": rows("long")})
    listed = most_frequent(masked, values)
    return Patterns(listed.values, totals.count("longer"), listed.accuracy)


def _variants(detail: ColumnScan) -> Variants:
    """Values that differ only in case or in white space at their ends.

    The examples are the values of up to three groups, those with the most rows first.
    """
    sql = (
        "WITH alike AS (SELECT list(v ORDER BY n DESC, v) AS values, sum(n) AS n FROM frequencies "
        "WHERE v IS NOT NULL GROUP BY lower(trim(v, ?)) HAVING count(*) > 1) "
        "SELECT (SELECT coalesce(sum(len(values)), 0) FROM alike), (SELECT list(values[:4] "
        "ORDER BY n DESC, values) FROM (SELECT * FROM alike ORDER BY n DESC, values "
        f"LIMIT {LISTED_VARIANTS}))"
    )
    ((values, examples),) = detail.run.fetch((sql, [SPACES]))
    return Variants(Figure(int(values)), tuple(map(tuple, examples or ())))
