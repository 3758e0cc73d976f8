"""A classification as tables, pictures and a sheet; all are functions of the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from application.estimation.classification import (
    ClassificationAnswer,
    ClassifiedGroup,
    JudgedCell,
    JudgedFigure,
)
from application.estimation.estimates_sheet import figure, group_names
from application.estimation.figures import PlainEstimate
from contract.words import CLASSIFICATION_FIGURES, ClassificationFigure
from presentation.charts import ConfusionCell, ConfusionChart, Interval, IntervalChart, axis_of
from presentation.content import Block, Cell, Estimated, Facts, Note, Percent, Section, Table

MAX_DRAWN = 20
"""Lines of a picture; the tables have all."""
MAX_DRAWN_CLASSES = 6
LIMITS = ("estimate", "standard_error", "ci_low", "ci_high")
BY_GROUP: tuple[ClassificationFigure, ...] = ("precision", "recall")


class FigureLine(NamedTuple):
    """A figure of a group, of all classes or of one, in words."""

    group: ClassifiedGroup
    label: str
    name: str
    statistic: str
    figure: PlainEstimate
    interval: str


def figure_lines(answer: ClassificationAnswer) -> Iterator[FigureLine]:
    """Every figure of an answer, group by group."""
    for group in answer.groups:
        whole = "All classes" if answer.classes else ""
        parts = [(whole, group.figures), *((each.label, each.figures) for each in group.classes)]
        for label, figures in parts:
            for each in figures:
                title = CLASSIFICATION_FIGURES[each.name]
                if label == whole and whole and each.name != "accuracy":
                    title = f"{title}, mean of classes"
                yield FigureLine(group, label, title, _statistic(each), each, each.interval)
        if group.missed_amount is not None:
            yield FigureLine(group, whole, "Missed amount", "total", group.missed_amount, "t")


def _statistic(each: JudgedFigure) -> str:
    return "count" if each.name == "missed_rows" else "proportion"


def _cell(value: float | None, statistic: str) -> Cell:
    """A figure; rows are whole ones."""
    if statistic == "count":
        return None if value is None else round(value)
    return figure(value, statistic)


def classification_table(answer: ClassificationAnswer, title: str) -> Table:
    """A line for each figure of each group and class."""
    header = [
        *(answer.groups[0].group if answer.groups else ()),
        *(("Class",) if answer.classes else ()),
        *("Figure", "Estimate", "From", "To", "Standard error", "Interval"),
    ]
    rows: list[list[Cell]] = []
    for line in figure_lines(answer):
        of = line.figure
        rows.append(
            [
                *group_names(line.group.group),
                *((line.label,) if answer.classes else ()),
                line.name,
                *(
                    _cell(end, line.statistic)
                    for end in (of.estimate, of.ci_low, of.ci_high, of.standard_error)
                ),
                line.interval,
            ]
        )
    return Table(title, header, rows)


def word(value: Any, yes: str, no: str) -> str:
    """Whether rows are bad or flagged; or their class."""
    return (yes if value else no) if isinstance(value, bool) else str(value)


def confusion_table(answer: ClassificationAnswer, title: str) -> Table:
    """The estimated rows of each truth and flag."""
    header = [
        *(answer.groups[0].group if answer.groups else ()),
        *("Truth", "Flag", "Rows", "From", "To", "Sampled rows"),
    ]
    rows: list[list[Cell]] = [
        [
            *group_names(group.group),
            word(cell.truth, "Bad", "Not bad"),
            word(cell.flagged, "Flagged", "Not flagged"),
            *(_cell(end, "count") for end in (cell.estimate, cell.ci_low, cell.ci_high)),
            cell.n,
        ]
        for group in answer.groups
        for cell in group.confusion
    ]
    return Table(title, header, rows)


def confusion_picture(
    answer: ClassificationAnswer, group: ClassifiedGroup
) -> ConfusionChart | None:
    """The table of truth and flag as a picture; None with too many classes, or without rows."""
    if len(answer.classes) > MAX_DRAWN_CLASSES or not group.n:
        return None
    labels: Sequence[Any] = answer.classes or (True, False)
    cells = {(cell.truth, cell.flagged): cell for cell in group.confusion}
    drawn = []
    for truth in labels:
        line = [cells[truth, flag] for flag in labels]
        total = sum(cell.estimate or 0.0 for cell in line)
        drawn.append([_confusion_cell(cell, total) for cell in line])
    return ConfusionChart(
        group.group_name or "All rows",
        [word(each, "Bad", "Not bad") for each in labels],
        [word(each, "Flagged", "Not flagged") for each in labels],
        drawn,
        legend="Estimated rows, with their interval. A bar is the part of the rows of its truth.",
    )


def _confusion_cell(cell: JudgedCell, total: float) -> ConfusionCell:
    value, low, high = (
        "–" if end is None else f"{end:,.0f}" for end in (cell.estimate, cell.ci_low, cell.ci_high)
    )
    share = (cell.estimate or 0.0) / total if total else 0.0
    return ConfusionCell(value, f"{low} to {high}", share, is_right=cell.truth == cell.flagged)


def figures_picture(answer: ClassificationAnswer) -> list[IntervalChart]:
    """The shares of all rows; or precision and recall by group or class, a picture for each."""
    if len(answer.groups) == 1 and not answer.classes:
        lines = [
            _interval(CLASSIFICATION_FIGURES[each.name], each)
            for each in answer.groups[0].figures
            if _statistic(each) == "proportion"
        ]
        return _charts([("Figures", lines)])
    drawn = []
    for name in BY_GROUP:
        lines = []
        for group in answer.groups:
            parts = [(each.label, each.figures) for each in group.classes] or [("", group.figures)]
            for label, figures in parts:
                shown = ", ".join(filter(None, (*group_names(group.group), label)))
                lines += [_interval(shown, each) for each in figures if each.name == name]
        drawn.append((CLASSIFICATION_FIGURES[name], lines))
    return _charts(drawn)


def _interval(label: str, each: PlainEstimate) -> Interval | None:
    """A dot on its interval; None without an estimate, or an interval."""
    if each.estimate is None or each.ci_low is None or each.ci_high is None:
        return None
    return Interval(label, each.estimate, each.ci_low, each.ci_high, str(Percent(each.estimate)))


def _charts(drawn: Sequence[tuple[str, Sequence[Interval | None]]]) -> list[IntervalChart]:
    found = []
    for title, lines in drawn:
        known = [line for line in lines if line is not None][:MAX_DRAWN]
        if known:
            ticks = [str(Percent(end)) for end in axis_of(known)]
            found.append(IntervalChart(title, known, ticks, is_wide=True))
    return found


def classification_section(answer: ClassificationAnswer, title: str) -> Section:
    """The figures, the table of truth and flag, the design and the notes."""
    facts: list[tuple[str, Cell]] = [
        ("Sample", answer.job_id),
        ("Confidence", f"{100 * answer.confidence:g} %"),
        ("Bad", answer.bad_if),
        ("Flagged", answer.flagged_if),
        ("Method", answer.design.method),
        ("Drawn rows", answer.design.n),
        ("Rows that could be drawn", answer.design.N),
        ("Sampled rows with truth and flag", sum(each.n for each in answer.groups)),
        ("Sampled rows without truth", sum(each.n_unanswered for each in answer.groups)),
        ("Sampled rows without a flag", sum(each.n_without_flag for each in answer.groups)),
    ]
    if answer.threshold is not None:
        facts.insert(4, ("Threshold", Estimated(answer.threshold)))
    blocks: list[Block] = [
        classification_table(answer, "Figures"),
        confusion_table(answer, "Truth and flag"),
        Facts("Design", facts),
        Note("Notes", answer.notes),
    ]
    return Section("Model", title, blocks)


FILE_COLUMNS = ("class", "figure", "truth", "flagged", *LIMITS, "interval", "n")


def file_lines(answer: ClassificationAnswer) -> Iterator[list[Any]]:
    """The header and the lines of a CSV file: all figures, then the cells of truth and flag."""
    groups = list(answer.groups[0].group) if answer.groups else []
    yield [*groups, *FILE_COLUMNS]
    for line in figure_lines(answer):
        ends = (getattr(line.figure, name) for name in LIMITS)
        own = line.group
        yield [
            *own.group.values(),
            *(line.label, line.name, None, None),
            *ends,
            *(line.interval, own.n),
        ]
    for group in answer.groups:
        for cell in group.confusion:
            ends = (getattr(cell, name) for name in LIMITS)
            yield [*group.group.values(), "", "Rows", cell.truth, cell.flagged, *ends, "", cell.n]
