"""Alerts and design hints: pure functions of the profile of a column or a table.

An alert uses the lower bound of a figure that isn't exact, a hint only exact figures.
docs/PROFILING.md lists both. The number formats are shared with the verdicts of comparisons.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract.columns import DataType
from domain_errors import counted
from profiling_engine.columns.profile import (
    Alert,
    ColumnProfile,
    Figure,
    Largest,
    ProfilePart,
    TableProfile,
)


def percent(part: float, whole: float) -> str:
    """A share as a percentage that is never rounded to 0 or 100 %.

    >>> percent(1, 8), percent(1, 100_000), percent(99_999, 100_000)
    ('12.5 %', 'less than 0.1 %', 'more than 99.9 %')
    """
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "less than 0.1 %"
    if 99.9 < share < 100:
        return "more than 99.9 %"
    return f"{share:.1f} %".replace(".0 %", " %")


def about(figure: Figure) -> str:
    """The prefix of a figure that isn't exact."""
    return "" if figure.accuracy.is_exact or figure.low == figure.high else "about "


def amount(value: float) -> str:
    """A value of a column with three significant digits, or whole.

    >>> amount(104949.5), amount(0.00123456), amount(7.0)
    ('104,950', '0.00123', '7')
    """
    size = abs(value)
    if size >= 1000 or value == int(value):
        return f"{value:,.0f}" if size < 1e15 else f"{value:.3g}"
    return f"{value:.3g}"


MANY_NULLS, MOSTLY_NULL = 0.2, 0.5
MANY_VALUES = 50
MOSTLY_DISTINCT = 0.5
SKEWED = 2.0
READS_AS = 0.95
CODED = 0.05
"""A larger share of numbers that begin with 0 makes the texts codes."""

Rule = Callable[[ColumnProfile], Alert | None]


def column_alerts(column: ColumnProfile) -> tuple[Alert, ...]:
    """The alerts of a column, in the order of the rules."""
    return tuple(alert for rule in RULES if (alert := rule(column)) is not None)


def table_alerts(table: TableProfile) -> tuple[Alert, ...]:
    repeated = table.repeated_rows
    if repeated is None or not repeated.low:
        return ()
    share = percent(repeated.value, table.rows)
    sentence = f"Rows that repeat another row: {about(repeated)}{repeated.value:,} ({share})."
    return (Alert("duplicate_rows", "warning", sentence, repeated),)


def _no_values(column: ColumnProfile) -> Alert | None:
    if not column.rows or not column.nulls.accuracy.is_exact or column.values:
        return None
    return Alert("no_values", "warning", "Every row is NULL.", column.nulls)


def _constant(column: ColumnProfile) -> Alert | None:
    distinct = column.distinct
    if distinct is None or not distinct.accuracy.is_exact or distinct.value != 1 or column.rows < 2:
        return None
    listed = column.most_frequent.values if column.most_frequent else ()
    value = f', "{listed[0].value}"' if listed else ""
    rest = f" or is NULL ({counted(column.nulls.value, 'row')})" if column.nulls.value else ""
    return Alert("constant", "notice", f"Every row has the same value{value}{rest}.", distinct)


def _unique(column: ColumnProfile) -> Alert | None:
    if not column.unique or column.rows < 2 or column.distinct is None:
        return None
    if column.nulls.value == 0:
        sentence = "Every value is unique: the column can be used as a key."
        return Alert("candidate_key", "info", sentence, column.distinct)
    sentence = f"No value is repeated (NULL in {counted(column.nulls.value, 'row')})."
    return Alert("unique", "info", sentence, column.distinct)


def _nulls(column: ColumnProfile) -> Alert | None:
    share = column.nulls.low / column.rows if column.rows else 0
    if share < MANY_NULLS or not column.values:
        return None
    severity = "warning" if share >= MOSTLY_NULL else "notice"
    of_rows = percent(column.nulls.value, column.rows)
    sentence = f"NULL in {about(column.nulls)}{of_rows} of the rows."
    return Alert("high_null_share", severity, sentence, column.nulls)


def _cardinality(column: ColumnProfile) -> Alert | None:
    distinct = column.distinct
    if column.kind != "text" or distinct is None or column.unique:
        return None
    if distinct.low <= MANY_VALUES or distinct.low < MOSTLY_DISTINCT * column.values:
        return None
    sentence = (
        f"Too many distinct texts for strata or a menu: {about(distinct)}{distinct.value:,} in "
        f"{counted(column.values, 'value')}."
    )
    return Alert("high_cardinality", "notice", sentence, distinct)


def _skew(column: ColumnProfile) -> Alert | None:
    skewness = column.number.skewness if column.number else Figure(None)
    if skewness.value is None or min(abs(skewness.low or 0), abs(skewness.high or 0)) < SKEWED:
        return None
    side = "large" if skewness.value > 0 else "small"
    sentence = (
        f"The values are skewed ({skewness.value:.1f}): a few are very {side}, so the mean isn't "
        "typical of a row."
    )
    return Alert("skew", "notice", sentence, skewness)


def _outliers(column: ColumnProfile) -> Alert | None:
    number = column.number
    if number is None or number.far_below is None or number.far_above is None:
        return None
    below, above = number.far_below, number.far_above
    if not below.low and not above.low:
        return None
    larger = above if above.value >= below.value else below
    total = below.value + above.value
    sentence = (
        "More than three interquartile ranges outside the quartiles: "
        f"{about(larger)}{counted(total, 'value')} ({percent(total, column.values)})."
    )
    return Alert("outliers", "notice", sentence, larger)


def _not_finite(column: ColumnProfile) -> Alert | None:
    number = column.number
    kinds = (
        [
            (number.nan, "NaN"),
            (number.positive_infinity, "Infinity"),
            (number.negative_infinity, "-Infinity"),
        ]
        if number
        else [(column.moment.infinite, "infinite dates")]
        if column.moment
        else []
    )
    found = [(figure, name) for figure, name in kinds if figure.low]
    if not found:
        return None
    listed = ", ".join(f"{name} {figure.value:,}" for figure, name in found)
    sentence = f"Some values aren't finite ({listed}); the other figures exclude them."
    return Alert("not_finite", "warning", sentence, found[0][0])


def _variants(column: ColumnProfile) -> Alert | None:
    variants = column.text.variants if column.text else None
    if variants is None or not variants.values.value:
        return None
    example = " and ".join(f'"{value}"' for value in variants.examples[0][:2])
    sentence = (
        f"{counted(variants.values.value, 'value')} differ from another only in case or in "
        f"white space at the ends, for example {example}."
    )
    return Alert("mixed_case", "warning", sentence, variants.values)


def _text_rows(code: str, name: str, what: str) -> Rule:
    def rule(column: ColumnProfile) -> Alert | None:
        figure: Figure | None = getattr(column.text, name, None)
        if figure is None or not figure.low:
            return None
        share = percent(figure.value, column.values)
        sentence = f"{what} {about(figure)}{counted(figure.value, 'value')} ({share})."
        return Alert(code, "notice", sentence, figure)

    return rule


def _reads_as(code: str, name: str, what: str) -> Rule:
    def rule(column: ColumnProfile) -> Alert | None:
        text = column.text
        if text is None:
            return None
        figure: Figure = getattr(text, name)
        texts: Any = column.values - text.blank.value
        if texts <= 0 or not figure.low or figure.low < READS_AS * texts:
            return None
        if name == "numbers" and text.codes.value > CODED * texts:
            return None
        share = percent(min(figure.value, texts), texts)
        sentence = f"Stored as text, but {about(figure)}{share} of the texts are {what}."
        return Alert(code, "warning", sentence, figure)

    return rule


RULES: tuple[Rule, ...] = (
    _no_values,
    _constant,
    _unique,
    _nulls,
    _cardinality,
    _skew,
    _outliers,
    _not_finite,
    _variants,
    _text_rows("stray_blanks", "stray_blanks", "White space at the beginning or end of"),
    _text_rows("blank_texts", "blank", "Empty or only white space:"),
    _reads_as("numbers_as_text", "numbers", "numbers"),
    _reads_as("dates_as_text", "dates", "dates"),
)


MAX_STRATA = 50
MIN_ROWS_OF_STRATUM = 30
MIN_SHARE_OF_STRATUM = 0.005
"""Enough for a stratum of a table of fewer than 6,000 rows, if it has two rows."""
MIN_MEAN_ROWS = 5
MAX_STRATUM = 0.95
STRATA_NULLS = 0.2

MIN_VARIATION = 0.5
MIN_CLUSTERS = 30
CLUSTER_ROWS = (2, 10_000)
UNEVEN_CLUSTERS = 100
NOT_ADDITIVE = ("year", "rate", "ratio", "percent", "pct", "price_per", "lat", "lon", "zip", "code")
NOT_ADDITIVE_AS_WORD = (
    *("id", "key", "number", "no", "nr", "age", "score", "index"),
    *("quarter", "month", "week", "weekday", "day", "hour", "minute", "second"),
)


class StrataHint(ProfilePart):
    """A column that suits strata; NULL is one.

    ``balance`` is the effective number of strata divided by their number: 1 for strata of equal
    size.
    """

    column: str
    strata: int
    smallest_rows: int
    balance: float
    reason: str


class CutOff(ProfilePart):
    """The smallest value to take all rows from, their share of the sum, and their least number."""

    sample_size: int
    from_value: Any
    rows: int
    share_of_sum: float


class SizeHint(ProfilePart):
    """A column that suits as the measure of size of a weighted round.

    ``variation`` is the standard deviation divided by the mean; ``zeros`` rows have probability 0;
    ``certain`` is None if no row is large enough to be taken with certainty.
    """

    column: str
    variation: float
    skewness: float
    zeros: int
    certain: CutOff | None
    reason: str


class ClusterHint(ProfilePart):
    column: str
    clusters: int
    mean_rows: float
    largest_rows: int
    reason: str


def strata_hint(column: ColumnProfile) -> StrataHint | None:
    groups, distinct = column.groups, column.distinct
    if groups is None or distinct is None:
        return None
    nulls = int(column.nulls.value)
    strata = int(distinct.value) + (1 if nulls else 0)
    smallest = min(groups.smallest.value, nulls) if nulls else groups.smallest.value
    largest = max(groups.largest.value, nulls)
    needed = max(2, min(MIN_ROWS_OF_STRATUM, MIN_SHARE_OF_STRATUM * column.rows))
    most = min(MAX_STRATA, column.rows // MIN_MEAN_ROWS)
    if not 2 <= strata <= most or smallest < needed:
        return None
    if largest > MAX_STRATUM * column.rows or nulls > STRATA_NULLS * column.rows:
        return None
    squares = column.values**2 / groups.effective.value + nulls**2
    balance = column.rows**2 / squares / strata
    reason = (
        f"{counted(strata, 'stratum').replace('stratums', 'strata')}, the smallest of "
        f"{counted(smallest, 'row')}, the largest of {percent(largest, column.rows)} of all."
    )
    return StrataHint(column.name, strata, smallest, min(balance, 1.0), reason)


def size_hint(column: ColumnProfile, sample_size: int) -> SizeHint | None:
    number = column.number
    if number is None or not number.mean.accuracy.is_exact or column.unique:
        return None
    figures = (number.mean.value, number.standard_deviation.value, number.skewness.value)
    refused = (number.negatives, number.nan, number.positive_infinity)
    if None in figures or any(figure.value for figure in refused) or not number.mean.value:
        return None
    few = column.distinct is None or column.distinct.value <= MAX_STRATA
    if few or not _is_additive(column.name):
        return None
    mean, deviation, skewness = map(float, figures)
    if deviation < MIN_VARIATION * mean or skewness <= 0:
        return None
    certain = cut_off(number.largest or (), sample_size)
    reason = (
        f"No negative value, and sizes vary: the standard deviation is "
        f"{deviation / mean:.1f} times the mean, {amount(mean)}."
    )
    if certain:
        reason += (
            f" The {counted(certain.rows, 'largest row')} make up "
            f"{percent(certain.share_of_sum, 1)} of the sum; take all from "
            f"{amount(float(certain.from_value))} on."
        )
    zeros = int(number.zeros.value)
    return SizeHint(column.name, deviation / mean, skewness, zeros, certain, reason)


def cut_off(largest: tuple[Largest, ...], sample_size: int) -> CutOff | None:
    """The largest rows that a draw by size takes with certainty, among those in the profile.

    The k largest rows of a sample of n are certain if the k-th is at least the sum of all but the k
    largest, divided by n - k (Särndal, Swensson and Wretman 1992, §3.6.2).
    """
    found = None
    for entry in largest:
        share = largest[0].share_of_sum * float(entry.from_value) / float(largest[0].from_value)
        rest = sample_size - entry.rows
        if rest > 0 and share * rest >= 1 - entry.share_of_sum:
            found = entry
    if found is None:
        return None
    return CutOff(sample_size, found.from_value, found.rows, found.share_of_sum)


def cluster_hint(column: ColumnProfile) -> ClusterHint | None:
    distinct, frequent = column.distinct, column.most_frequent
    if distinct is None or not frequent or not frequent.values or column.unique:
        return None
    is_whole = DataType(column.type).is_whole
    if column.kind not in ("text", "number") or (column.number and not is_whole):
        return None
    if not frequent.complete or not distinct.value or column.nulls.value:
        return None
    clusters, largest = int(distinct.value), frequent.values[0].rows
    mean = column.values / clusters
    if clusters < MIN_CLUSTERS or not CLUSTER_ROWS[0] <= mean <= CLUSTER_ROWS[1]:
        return None
    if largest > UNEVEN_CLUSTERS * mean:
        return None
    reason = (
        f"{counted(clusters, 'cluster')} of {mean:,.1f} rows on average, the largest of "
        f"{counted(largest, 'row')}."
    )
    return ClusterHint(column.name, clusters, mean, largest, reason)


def _is_additive(name: str) -> bool:
    """Whether the name allows a sum of the column; a sum of years has no meaning."""
    lowered = name.lower()
    words = lowered.replace("-", "_").replace(" ", "_").split("_")
    if any(word in NOT_ADDITIVE_AS_WORD for word in words):
        return False
    return not any(part in lowered for part in NOT_ADDITIVE)


class DesignHints(ProfilePart):
    """The hints for the design of a sample, the best column first."""

    sample_size: int
    strata: tuple[StrataHint, ...]
    sizes: tuple[SizeHint, ...]
    clusters: tuple[ClusterHint, ...]


def design_hints(profile: TableProfile, sample_size: int = 1_000) -> DesignHints:
    strata = [hint for hint in map(strata_hint, profile.columns) if hint]
    sizes = [hint for column in profile.columns if (hint := size_hint(column, sample_size))]
    clusters = [hint for hint in map(cluster_hint, profile.columns) if hint]
    strata.sort(key=lambda hint: -hint.balance)
    sizes.sort(key=lambda hint: -hint.variation)
    clusters.sort(key=lambda hint: hint.largest_rows / hint.mean_rows)
    return DesignHints(sample_size, tuple(strata), tuple(sizes), tuple(clusters))
