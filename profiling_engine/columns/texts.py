"""Lengths: of texts in characters, of binary values in bytes, of lists and maps in elements.

Owns: their pass. Called by the modules of texts and of plain kinds.

The figures of truth values, binary values, lists, maps and structures.

Owns: their passes. Called by the profiler.

The figures of columns of text.

Owns: their passes, and what counts as white space, as a number, as a date. Invariant: lengths and
white space are told from all rows where there is time; what is dearer is told from the values'
frequencies if they are few, else from a sample.

The temporary table ``masked`` has the pattern of each value as ``v``, NULL for NULL and for a text
that is too long for one, which ``long`` tells; with ``n`` or ``block`` as the source has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from parquet_tables.tables import Column
from profiling_engine.columns.accuracy import Figure
from profiling_engine.columns.aggregates import Aggregate, Totals, greatest, least, rows, total
from profiling_engine.columns.distinct import most_frequent
from profiling_engine.columns.first_pass import Look
from profiling_engine.columns.kinds import kind_of
from profiling_engine.columns.profile import (
    BooleanFigures,
    Field,
    Lengths,
    LetterCase,
    Patterns,
    TextFigures,
    Variants,
)
from profiling_engine.columns.text_patterns import CODE, DATE, NUMBER
from profiling_engine.tables.sources import Source, Statement


def length_passes(length: str, empty: str) -> dict[str, Aggregate]:
    """What a pass counts, from the SQL of a value's length and of whether it is empty."""
    return {
        "count": rows("v IS NOT NULL"),
        "shortest": least(length),
        "longest": greatest(length),
        "length": total(length),
        "empty": rows(empty),
    }


def lengths_of(totals: Totals) -> Lengths:
    """The lengths that a pass found."""
    some = bool(totals.values["count"])
    return Lengths(
        minimum=totals.least("shortest"),
        mean=totals.derive(_mean) if some else Figure(None),
        maximum=totals.greatest("longest"),
        empty=totals.count("empty"),
    )


def _mean(sums: Mapping[str, Any]) -> Any:
    return sums["length"] / sums["count"]


LENGTH_OF = {"binary": "octet_length(v)", "list": "len(v)", "map": "cardinality(v)"}


def read_boolean(look: Look) -> BooleanFigures:
    """How often a column is true, and how often false."""
    totals = look.measure({"true": rows("v"), "false": rows("NOT v")})
    return BooleanFigures(totals.count("true"), totals.count("false"))


def read_lengths(look: Look) -> Lengths | None:
    """Lengths of a kind that has them."""
    length = LENGTH_OF.get(look.kind.kind)
    if length is None:
        return None
    return lengths_of(look.measure(length_passes(length, f"{length} = 0")))


def fields_of(type_: str) -> Statement:
    """The fields of a structure's type; the first two columns are name and type."""
    return f"DESCRIBE SELECT unnest(CAST(NULL AS {type_}))", []


def read_fields(look: Look) -> tuple[Field, ...] | None:
    """The fields of a structure."""
    if look.kind.kind != "struct":
        return None
    return tuple(
        Field(name, type_) for name, type_, *_ in look.run.fetch(fields_of(look.kind.column.type))
    )


WIDE_SPACES = (133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288)
SPACES = "".join(map(chr, (*range(1, 33), *WIDE_SPACES)))
"""What is stripped from a text; the control characters can't be seen, either."""

MAX_PATTERN_LENGTH = 32
LISTED_VARIANTS = 3

ENDS = {"head": "unicode(v)", "tail": "unicode(v[-1])"}
"""``right(v, 1)`` is the same as ``v[-1]``, and takes three times as long."""


def _is_space(code: str) -> str:
    """Whether a code point is white space; that of an empty text, below 1, is not."""
    wide = ", ".join(map(str, WIDE_SPACES))
    return f"({code} BETWEEN 1 AND 32 OR {code} >= 133 AND {code} IN ({wide}))"


STRAY = f"(v = '' OR {_is_space('head')} OR {_is_space('tail')})"
# Stripping a text costs ten times as much as a look at its ends, so only texts that begin and end
# with white space are stripped.
BLANK = (
    f"(v = '' OR CASE WHEN {_is_space('head')} AND {_is_space('tail')} THEN trim(v, ?) = '' END)"
)


def space_passes() -> dict[str, Aggregate]:
    """Count the blank rows, and those that are blank or have white space at an end.

    A blank text is empty or has nothing but white space. Both use ``head`` and ``tail``.
    """
    return {"blank": rows(BLANK, SPACES), "stray": rows(STRAY)}


MAX_READ_LENGTH = 40
"""No longer text reads as a number or a date."""
NUMBER_HEADS = "(head <= 57 OR head IN (163, 165, 8364))"
"""What such a text begins with: white space, a sign, a digit, a currency."""
INITIALS = "(" + ", ".join(str(ord(letter)) for letter in "ADFJMNOSadfjmnos") + ")"
DATE_HEADS = f"(head <= 57 OR head IN {INITIALS})"


def _reads_as(head: str) -> str:
    """Whether a text matches a pattern, tried on those alone that begin and are as long as such."""
    tried = f"length(v) <= {MAX_READ_LENGTH} AND {head}"
    return f"(CASE WHEN {tried} THEN regexp_full_match(v, ?) ELSE false END)"


def detail_passes() -> dict[str, Aggregate]:
    """Rows by the case of their letters, and those that read as a number or a date."""
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


def mask_values(source: Source) -> Statement:
    """Make the table ``masked``; a longer text has no pattern."""
    mask = r"regexp_replace(v, '[\p{Lu}\p{Lt}]', 'A', 'g')"
    mask = rf"regexp_replace({mask}, '[\p{{Ll}}\p{{Lm}}\p{{Lo}}]', 'a', 'g')"
    mask = rf"regexp_replace({mask}, '\p{{Nd}}', '9', 'g')"
    more = ", n" if source.weighted else ", block" if source.in_blocks else ""
    return (
        "CREATE OR REPLACE TEMP TABLE masked AS SELECT CASE "
        f"WHEN length(v) <= {MAX_PATTERN_LENGTH} THEN {mask} END AS v, "
        f"coalesce(length(v) > {MAX_PATTERN_LENGTH}, false) AS long{more} "
        f"FROM {source.relation}",
        list(source.params),
    )


def find_variants() -> Statement:
    """Count the values of ``frequencies`` that have variants, and list some of them.

    Two values are variants if they differ only in case or in white space at their ends. The second
    column has the values of up to three groups of variants, those with the most rows first; it is
    NULL without any.
    """
    return (
        "WITH alike AS (SELECT list(v ORDER BY n DESC, v) AS values, sum(n) AS n FROM frequencies "
        "WHERE v IS NOT NULL GROUP BY lower(trim(v, ?)) HAVING count(*) > 1) "
        "SELECT (SELECT coalesce(sum(len(values)), 0) FROM alike), (SELECT list(values[:4] "
        f"ORDER BY n DESC, values) FROM (SELECT * FROM alike ORDER BY n DESC, values "
        f"LIMIT {LISTED_VARIANTS}))",
        [SPACES],
    )


def read_text(look: Look, detail: Look) -> TextFigures:
    """Every figure of a column of text.

    Parameters
    ----------
    look : Look
        All rows, or a sample if there is no time for them.
    detail : Look
        The frequencies of few values, or a sample.
    """
    totals = look.measure({**length_passes("length(v)", "v = ''"), **space_passes()}, ENDS)
    blank = totals.count("blank")
    not_blank = totals.minus("stray", "blank").count("stray")
    details = detail.measure(detail_passes(), ENDS)
    case = LetterCase(**{name: details.count(name) for name in ("upper", "lower", "mixed", "none")})
    return TextFigures(
        lengths=lengths_of(totals),
        blank=blank,
        stray_blanks=not_blank,
        case=case,
        numbers=details.count("numbers"),
        codes=details.count("codes"),
        dates=details.count("dates"),
        patterns=_patterns(detail, details.values["values"]),
        variants=_variants(detail) if detail.source.weighted else None,
    )


def _patterns(detail: Look, values: int) -> Patterns:
    detail.run.fetch(mask_values(detail.source))
    masked = replace(
        detail,
        source=replace(detail.source, relation="masked", params=()),
        kind=kind_of(Column("pattern", "VARCHAR")),
    )
    totals = masked.measure({"longer": rows("long")})
    listed = most_frequent(masked, values)
    return Patterns(listed.values, totals.count("longer"), listed.accuracy)


def _variants(detail: Look) -> Variants:
    ((values, examples),) = detail.run.fetch(find_variants())
    return Variants(Figure(int(values)), tuple(map(tuple, examples or ())))
