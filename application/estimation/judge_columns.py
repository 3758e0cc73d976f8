"""How a judge's column is read: the figure of a request or a goal, of the judge instead of people.

Estimates and plans read it alike, so that a planned correlation is that of the estimate.
"""

from __future__ import annotations

from typing import Any

from application.estimation.value_sources import value_condition
from application.identity.lookup import typed_value
from domain_errors import DomainError, Loc
from estimation_engine import Statistic, is_summable
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column, TableFiles
from sampling_engine.filters.tree import Family, family_of


@dataclass(frozen=True)
class JudgeStatistic:
    """A figure of a judge's column; one that ``is_complement`` is 1 less it."""

    statistic: Statistic
    is_complement: bool = False


def judge_statistic(
    table: TableFiles,
    figure: Statistic,
    value: Any,
    column: Column,
    locs: tuple[Loc, Loc],
    error: type[DomainError],
) -> JudgeStatistic:
    """The figure of a judge's column.

    Of the share of a value a column of the labels' own type counts as the share of the same value.
    Other numbers, and those with decimals, are the probability of true or 1, and 1 less it that of
    false or 0.

    Parameters
    ----------
    figure : Statistic
        That of people's labels: a mean, a total, a share or a ratio.
    value : Any
        Of a share, as the request has it.
    locs : tuple
        Where the figure and the judge's column are in the request.

    Raises
    ------
    DomainError
        Of the given type: the column doesn't fit the figure.
    """
    at_figure, at_column = locs
    _require_judged(figure, at_figure, error)
    if figure.name != "proportion":
        _require_summable(column, at_column, error)
        return JudgeStatistic(Statistic(figure.name, column, figure.denominator))
    labels = figure.column
    assert labels is not None  # noqa: S101 - checked
    is_alike = family_of(labels.type) is family_of(column.type)
    if is_alike and not column.data_type.is_float and not column.data_type.decimals:
        condition = value_condition(table, column, value, (*at_figure, "value"))
        return JudgeStatistic(Statistic("proportion", column, condition=condition))
    _require_summable(column, at_column, error)
    meant = _meaning(value)
    if meant is None:
        raise error(
            'The judge "{column}" is of type {type}, so it is a probability of true or 1, and not '
            'of {value}. For this share name a column of the type of "{labels}", {labels_type}, or '
            "make labels that are true where the value is {value}.",
            column=column.name,
            type=column.type,
            value=value,
            labels=labels.name,
            labels_type=labels.type,
            loc=at_column,
        )
    return JudgeStatistic(Statistic("mean", column), is_complement=not meant)


def _require_judged(figure: Statistic, loc: Loc, error: type[DomainError]) -> None:
    """Refuse a figure that a judge doesn't estimate."""
    if figure.counts_missing:
        raise error(
            "A judge estimates means, totals, shares of a value and ratios: leave out the share of "
            "missing values.",
            loc=(*loc, "statistic"),
        )
    if figure.name in ("count", "quantile"):
        raise error(
            "A judge estimates means, totals, shares of a value and ratios: leave out the {name}.",
            name=figure.name,
            loc=(*loc, "statistic"),
        )


def _meaning(value: Any) -> bool | None:
    """Whether a value is true or 1, or false or 0; None of any other."""
    if isinstance(value, str):
        texts = {"1": True, "0": False}
        value = texts.get(value.strip(), typed_value(Family.BOOLEAN, value))
    return bool(value) if value in (0, 1) else None


def _require_summable(column: Column, loc: Loc, error: type[DomainError]) -> None:
    if not is_summable(column):
        raise error(
            'A judge\'s column has numbers, or true and false; "{column}" is of type {type}. Only '
            "for the share of a value it may be of the type of the figure's column.",
            column=column.name,
            type=column.type,
            loc=loc,
        )
