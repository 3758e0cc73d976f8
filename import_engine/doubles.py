"""Which texts a DOUBLE keeps.

Owns: the SQL of what it would change. Invariant: a number keeps 15 significant digits at least, and
all of its digits before the point. Called by ``readings``.
"""

from __future__ import annotations

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
