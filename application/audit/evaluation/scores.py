"""Risk scores of the rows that a sample by monetary units could draw, and other book values.

The rows are drawn by the units of one column, and their misstatement can be of another one. All
sums are of integers: amounts in minor units, and scores in millionths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from application.audit.evaluation.monetary_unit import MonetaryUnits
from application.audit.evaluation.request import ExaminedSample
from application.audit.items import book_values
from application.estimation.monetary_selection import drawable
from estimation_engine import is_number
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from parquet_tables.names import folded
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import scan_statement
from parquet_tables.tables import Column, TableFiles
from sampling_engine import MonetaryUnitMethod, Round
from sampling_engine.sql.units import MILLION, MoneyUnits
from service.sampling_parameters import recorded_rounds
from service.tables.open_tables import open_source

BOOK, SCORE = ("body", "book_column"), ("body", "score_column")


@dataclass(frozen=True)
class ScoredPopulation:
    """What a sequential evaluation knows of the rows that could be drawn.

    Parameters
    ----------
    units : MonetaryUnits
        The book values; those of rows always drawn aren't taken off yet if they are of another
        column than the draw's.
    drawn_by : MonetaryUnits
        The units by which rows were drawn.
    score_total : int
        Σ |book|·score in millionths of minor units.
    largest_ratio : float
        The largest |book| by units of the draw.
    """

    units: MonetaryUnits
    drawn_by: MonetaryUnits
    score_column: str | None
    score_total: int
    largest_ratio: float

    @property
    def weight_column(self) -> str | None:
        """The column by which rows were drawn, if it isn't that of the book values."""
        name: str = self.drawn_by.account["book_column"]
        return None if name == self.units.account["book_column"] else name


def scored_population(
    sample: ExaminedSample, drawn_by: MonetaryUnits, book: str | None, score: str | None
) -> ScoredPopulation | None:
    """The population of another book column, or of scores; None without either.

    Raises
    ------
    InvalidFindings
        A column isn't of numbers; scores are missing or aren't from 0 to 1, book values are
        missing, or rows with a book value couldn't be drawn.
    """
    own: str = drawn_by.account["book_column"]
    other = book if book and folded(book) != folded(own) else None
    if score is None and other is None:
        return None
    table = open_source(sample.service, sample.job).files
    (spec,) = recorded_rounds(sample.job.run_parameters, table)
    column = table.column(own) if other is None else _number(table, other, BOOK)
    scores = None if score is None else _number(table, score, SCORE)
    found = _sums(sample, table, spec, column, scores)
    _check(found, drawn_by, column, scores)
    units = drawn_by if other is None else _units_of(column, found)
    return ScoredPopulation(
        units, drawn_by, None if scores is None else scores.name, found["scored"], found["ratio"]
    )


def _number(table: TableFiles, name: str, loc: tuple[str, ...]) -> Column:
    column = table.column(name, loc)
    if not is_number(column):
        raise InvalidFindings(
            '"{column}" is of type {type}, and a column of numbers is needed.',
            column=name,
            type=column.type,
            loc=loc,
        )
    return column


def _sums(
    sample: ExaminedSample, table: TableFiles, spec: Round, book: Column, score: Column | None
) -> Mapping[str, Any]:
    """Counts and sums of the rows that could be drawn, and of the others that pass the filter."""
    assert isinstance(spec.method, MonetaryUnitMethod)  # noqa: S101 - it has an account
    weights = MoneyUnits.of(table.column(spec.method.book_column), spec.method.population)
    can, params = drawable(spec, table) or ("true", [])
    passes, passing = ("true", []) if spec.filter is None else spec.filter.condition("f")
    value = "0" if score is None else f"CAST(f.{quote_identifier(score.name)} AS DOUBLE)"
    millionths = (
        f"CASE WHEN {value} BETWEEN 0 AND 1 "
        f"THEN CAST(floor({MILLION}::DOUBLE * {value} + 0.5::DOUBLE) AS BIGINT) END"
    )
    selected = [
        f"CASE WHEN {can} THEN {weights.sql()} END AS w",
        f"CASE WHEN {passes} THEN {MoneyUnits.of(book, 'absolute').signed()} END AS b",
        f"{millionths} AS s",
    ]
    scan, scanned = scan_statement(table, selected, [*params, *passing])
    statement = (
        "SELECT coalesce(sum(w), 0) AS weight, coalesce(sum(abs(b)) FILTER (w > 0), 0) AS book, "
        "coalesce(sum(abs(b)::HUGEINT * s) FILTER (w > 0), 0) AS scored, "
        "coalesce(max(abs(b)::DOUBLE / w::DOUBLE) FILTER (w > 0), 0) AS ratio, "
        "count(*) FILTER (w > 0 AND s IS NULL) AS no_score, "
        "count(*) FILTER (w > 0 AND b IS NULL) AS no_book, "
        "count(*) FILTER (w > 0 AND b < 0) AS credits, "
        f"count(*) FILTER (coalesce(w, 0) <= 0 AND b <> 0) AS left_out FROM ({scan}) AS t"
    )
    with sample.service.parquet.cursor(table) as cursor:
        found = cursor.execute(statement, scanned)
        names = [each[0] for each in found.description or ()]
        row = found.fetchone()
    assert row is not None  # noqa: S101 - an aggregate
    return dict(zip(names, row, strict=True))


def _check(
    found: Mapping[str, Any], drawn_by: MonetaryUnits, book: Column, score: Column | None
) -> None:
    """Refuse scores and book values by which the test isn't valid."""
    if int(found["weight"]) != drawn_by.total:
        raise InvalidFindings(
            "The rows that could be drawn can't be found again in the table, so there is no sum of "
            "their values.",
            loc=BOOK if score is None else SCORE,
        )
    if found["no_score"]:
        raise InvalidFindings(
            "{rows} {rows|row that|rows that} could be drawn {rows|has|have} no score from 0 to 1 "
            'in "{column}". Give each row a score, such as 0 where nothing is known.',
            rows=found["no_score"],
            column=None if score is None else score.name,
            loc=SCORE,
        )
    if found["no_book"]:
        raise InvalidFindings(
            "{rows} {rows|row that|rows that} could be drawn {rows|has|have} no number in "
            '"{column}", or one that is too large.',
            rows=found["no_book"],
            column=book.name,
            loc=BOOK,
        )
    own = str(drawn_by.account["book_column"])
    if folded(book.name) != folded(own) and found["left_out"]:
        raise InvalidFindings(
            '{rows} {rows|row has|rows have} a value in "{column}", but couldn\'t be drawn by '
            '"{weight}": {rows|its|their} misstatement would be left out. Give each row a weight '
            "above 0, or draw with a filter.",
            rows=found["left_out"],
            column=book.name,
            weight=own,
            loc=BOOK,
        )


def _units_of(column: Column, found: Mapping[str, Any]) -> MonetaryUnits:
    """Book values of a column by which rows weren't drawn; none is taken off yet."""
    decimals = MoneyUnits.of(column, "absolute").decimals or 0
    unit = Decimal(1).scaleb(-decimals)
    return MonetaryUnits(
        {
            "book_column": column.name,
            "minor_unit": str(unit),
            "audited": {"total": str(Decimal(int(found["book"])).scaleb(-decimals))},
            "take_all": {"total": "0"},
            "population": "absolute" if found["credits"] else "positive",
        }
    )


def scores_of(
    sample: ExaminedSample, row_ids: Sequence[str], population: ScoredPopulation
) -> dict[str, tuple[int, int]]:
    """The score in millionths and the units of the draw of rows, by row id."""
    scores: Mapping[str, Decimal | None] = {}
    if population.score_column is not None:
        scores = book_values(sample.service, sample.job, row_ids, population.score_column)
    drawn_by = population.drawn_by
    weights = book_values(sample.service, sample.job, row_ids, drawn_by.account["book_column"])
    return {
        row_id: (
            floor(MILLION * float(scores.get(row_id) or 0) + 0.5),
            abs(drawn_by.of(weights[row_id])),
        )
        for row_id in row_ids
    }


def score_text(millionths: int, decimals: int) -> str:
    """Σ book·score as a decimal text, exactly."""
    return f"{Decimal(millionths).scaleb(-decimals - 6):f}"


def share_of(part: int, whole: int) -> float:
    """A quotient of integers; 0 of nothing."""
    return float(Fraction(part, whole)) if whole else 0.0
