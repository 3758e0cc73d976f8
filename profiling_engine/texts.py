"""The figures of columns of text.

Owns: their passes, and what counts as white space, as a number, as a date. Invariant: lengths and
white space are told from all rows where there is time; what is dearer is told from the values'
frequencies if they are few, else from a sample.

The temporary table ``masked`` has the pattern of each value as ``v``, NULL for NULL and for a text
that is too long for one, which ``long`` tells; with ``n`` or ``block`` as the source has.
"""

from __future__ import annotations

from dataclasses import replace

from parquet_tables.tables import Column
from profiling_engine.accuracy import Figure
from profiling_engine.aggregates import Aggregate, rows
from profiling_engine.frequent import most_frequent
from profiling_engine.kind_parts import LetterCase, Patterns, TextFigures, Variants
from profiling_engine.kinds import kind_of
from profiling_engine.lengths import length_passes, lengths_of
from profiling_engine.look import Look
from profiling_engine.sources import Source, Statement
from profiling_engine.text_patterns import CODE, DATE, NUMBER

WIDE_SPACES = (133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288)
SPACES = "".join(map(chr, (*range(1, 33), *WIDE_SPACES)))
"""What is stripped from a text; the control characters can't be seen, either."""

LONGEST_PATTERN = 32
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


LONGEST_READ = 40
"""No longer text reads as a number or a date."""
NUMBER_HEADS = "(head <= 57 OR head IN (163, 165, 8364))"
"""What such a text begins with: white space, a sign, a digit, a currency."""
INITIALS = "(" + ", ".join(str(ord(letter)) for letter in "ADFJMNOSadfjmnos") + ")"
DATE_HEADS = f"(head <= 57 OR head IN {INITIALS})"


def _reads_as(head: str) -> str:
    """Whether a text matches a pattern, tried on those alone that begin and are as long as such."""
    tried = f"length(v) <= {LONGEST_READ} AND {head}"
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
        f"CREATE OR REPLACE TEMP TABLE masked AS SELECT CASE WHEN length(v) <= {LONGEST_PATTERN} "
        f"THEN {mask} END AS v, coalesce(length(v) > {LONGEST_PATTERN}, false) AS long{more} "
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
