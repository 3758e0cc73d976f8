"""The change of figures as a table and a picture, and changed values as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from application.estimation.change import ChangeAnswer, FigureOfTwo
from application.estimation.changed_values import ValueChanges
from application.estimation.estimates_sheet import MARGIN_DIGITS, figure, group_cells, group_names
from presentation.charts import Interval, IntervalChart, axis_of
from presentation.content import Cell, Estimated, Table

MAX_DRAWN = 20
"""Groups in the picture, each with two figures; the table has all."""


def change_table(answer: ChangeAnswer, title: str) -> Table:
    """A line for each group of a figure, with both estimates and the change."""
    figures = answer.figures
    header = [
        *(figures[0].group if figures else ()),
        *("First", "Second", "Change", "Margin of error", "From", "To", "p value"),
        *("Standard error", "Correlation", "Rows, first", "Rows, second"),
    ]
    rows = []
    for each in figures:
        name, change = each.statistic, each.change
        cells: list[Cell] = [
            *group_cells(each.group),
            figure(each.first.estimate if each.first else None, name),
            figure(each.second.estimate if each.second else None, name),
            figure(change.estimate, name),
            figure(change.margin, name, MARGIN_DIGITS),
            figure(change.ci_low, name),
            figure(change.ci_high, name),
            None if change.p_value is None else Estimated(change.p_value, MARGIN_DIGITS),
            figure(change.standard_error, name),
            None if change.correlation is None else Estimated(change.correlation, MARGIN_DIGITS),
            each.first.n if each.first else 0,
            each.second.n if each.second else 0,
        ]
        rows.append(cells)
    return Table(title, header, rows)


class ChangePictures(NamedTuple):
    """Both figures of each group, and the change with a line at no change."""

    both: IntervalChart
    change: IntervalChart


def change_pictures(answer: ChangeAnswer, names: tuple[str, str]) -> ChangePictures | None:
    """The pictures of the first groups; None without an interval. ``names`` are the samples'."""
    drawn = [each for each in answer.figures if each.change.width is not None][:MAX_DRAWN]
    both, changes = _both(drawn, names), _changes(drawn)
    if not both or not changes:
        return None
    statistic = drawn[0].statistic
    return ChangePictures(
        IntervalChart("Both samples", both, [str(figure(end, statistic)) for end in axis_of(both)]),
        IntervalChart(
            "Change",
            changes,
            [str(figure(end, statistic)) for end in axis_of(changes, 0.0)],
            reference=0.0,
        ),
    )


def _both(figures: Sequence[FigureOfTwo], names: tuple[str, str]) -> list[Interval]:
    lines = []
    for each in figures:
        for name, wave in zip(names, (each.first, each.second), strict=True):
            if wave is None or wave.estimate is None:
                continue
            if wave.ci_low is None or wave.ci_high is None:
                continue
            label = ", ".join([*group_names(each.group), name])
            text = str(figure(wave.estimate, each.statistic))
            lines.append(Interval(label, wave.estimate, wave.ci_low, wave.ci_high, text))
    return lines


def _changes(figures: Sequence[FigureOfTwo]) -> list[Interval]:
    lines = []
    for each in figures:
        value, low, high = each.change.estimate, each.change.ci_low, each.change.ci_high
        if value is not None and low is not None and high is not None:
            label = ", ".join(group_names(each.group)) or "Change"
            lines.append(Interval(label, value, low, high, str(figure(value, each.statistic))))
    return lines


def changed_values_table(found: ValueChanges, title: str) -> Table:
    """A line for each changed value of a page."""
    keys = list(found.data[0].key) if found.data else []
    rows = [
        [
            *group_cells(each.key),
            each.column,
            "Missing" if each.old is None else each.old,
            "Missing" if each.new is None else each.new,
        ]
        for each in found.data
    ]
    return Table(title, [*keys, "Column", "Old value", "New value"], rows)
