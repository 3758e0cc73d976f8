"""A classification as tables, pictures and a sheet.

All are functions of the answer as JSON, so that page, workbook and terminal show the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from application.estimation.estimates_sheet import figure, group_names
from contract.numbers import percent_digits
from contract.words import CLASSIFICATION_FIGURES, ClassificationFigure
from presentation.charts import ConfusionCell, ConfusionChart, Interval, IntervalChart, axis_of
from presentation.content import Block, Cell, Estimated, Facts, Note, Percent, Section, Table

Found = Mapping[str, Any]
MAX_DRAWN = 20
"""Lines of a picture; the tables have all."""
MAX_DRAWN_CLASSES = 6
ENDS = ("estimate", "ci_low", "ci_high")
LIMITS = ("estimate", "standard_error", "ci_low", "ci_high")
BY_GROUP: tuple[ClassificationFigure, ...] = ("precision", "recall")


class FigureLine(NamedTuple):
    """A figure of a group, of all classes or of one, in words."""

    group: Found
    label: str
    name: str
    statistic: str
    figure: Found
    interval: str


def figure_lines(found: Found) -> Iterator[FigureLine]:
    """Every figure of an answer, group by group."""
    for group in found["groups"]:
        whole = "All classes" if found["classes"] else ""
        for label, figures in [(whole, group["figures"]), *_by_class(group)]:
            for each in figures:
                title = CLASSIFICATION_FIGURES[each["name"]]
                if label == whole and whole and each["name"] != "accuracy":
                    title = f"{title}, mean of classes"
                yield FigureLine(group, label, title, _statistic(each), each, each["interval"])
        if group["missed_amount"] is not None:
            yield FigureLine(group, whole, "Missed amount", "total", group["missed_amount"], "t")


def _by_class(group: Found) -> list[tuple[str, Sequence[Found]]]:
    return [(each["label"], each["figures"]) for each in group["classes"]]


def _groups(found: Found) -> list[str]:
    """The columns of the groups."""
    return list(found["groups"][0]["group"]) if found["groups"] else []


def _statistic(each: Found) -> str:
    return "count" if each["name"] == "missed_rows" else "proportion"


def _cell(value: float | None, statistic: str) -> Cell:
    """A figure; rows are whole ones."""
    if statistic == "count":
        return None if value is None else round(value)
    return figure(value, statistic)


def classification_table(found: Found, title: str) -> Table:
    """A line for each figure of each group and class."""
    header = [
        *_groups(found),
        *(("Class",) if found["classes"] else ()),
        *("Figure", "Estimate", "From", "To", "Standard error", "Interval"),
    ]
    rows: list[list[Cell]] = []
    for line in figure_lines(found):
        of = line.figure
        rows.append(
            [
                *group_names(line.group["group"]),
                *((line.label,) if found["classes"] else ()),
                line.name,
                *(
                    _cell(of[end], line.statistic)
                    for end in ("estimate", "ci_low", "ci_high", "standard_error")
                ),
                line.interval,
            ]
        )
    return Table(title, header, rows)


def _word(value: Any, yes: str, no: str) -> str:
    """Whether rows are bad or flagged; or their class."""
    return (yes if value else no) if isinstance(value, bool) else str(value)


def confusion_table(found: Found, title: str) -> Table:
    """The estimated rows of each truth and flag."""
    header = [
        *_groups(found),
        *("Truth", "Flag", "Rows", "From", "To", "Sampled rows"),
    ]
    rows: list[list[Cell]] = [
        [
            *group_names(group["group"]),
            _word(cell["truth"], "Bad", "Not bad"),
            _word(cell["flagged"], "Flagged", "Not flagged"),
            *(_cell(cell[end], "count") for end in ENDS),
            cell["n"],
        ]
        for group in found["groups"]
        for cell in group["confusion"]
    ]
    return Table(title, header, rows)


def confusion_picture(found: Found, group: Found) -> ConfusionChart | None:
    """The table of truth and flag as a picture; None with too many classes, or without rows."""
    if len(found["classes"]) > MAX_DRAWN_CLASSES or not group["n"]:
        return None
    labels: Sequence[Any] = found["classes"] or (True, False)
    cells = {(cell["truth"], cell["flagged"]): cell for cell in group["confusion"]}
    drawn = []
    for truth in labels:
        line = [cells[truth, flag] for flag in labels]
        total = sum(cell["estimate"] or 0.0 for cell in line)
        drawn.append([_confusion_cell(cell, total) for cell in line])
    return ConfusionChart(
        _group_name(group["group"]) or "All rows",
        [_word(each, "Bad", "Not bad") for each in labels],
        [_word(each, "Flagged", "Not flagged") for each in labels],
        drawn,
        legend="Estimated rows, with their interval. A bar is the part of the rows of its truth.",
    )


def _group_name(group: Found) -> str:
    """The group in words; empty for all rows."""
    parts = ("missing" if value is None else value for value in group.values())
    return ", ".join(f"{name} {value}" for name, value in zip(group, parts, strict=True))


def _confusion_cell(cell: Found, total: float) -> ConfusionCell:
    value, low, high = ("–" if cell[end] is None else f"{cell[end]:,.0f}" for end in ENDS)
    share = (cell["estimate"] or 0.0) / total if total else 0.0
    is_right = cell["truth"] == cell["flagged"]
    return ConfusionCell(value, f"{low} to {high}", share, is_right=is_right)


def figures_picture(found: Found) -> list[IntervalChart]:
    """The shares of all rows; or precision and recall by group or class, a picture for each."""
    if len(found["groups"]) == 1 and not found["classes"]:
        lines = [
            _interval(CLASSIFICATION_FIGURES[each["name"]], each)
            for each in found["groups"][0]["figures"]
            if _statistic(each) == "proportion"
        ]
        return _charts([("Figures", lines)])
    drawn = []
    for name in BY_GROUP:
        lines = []
        for group in found["groups"]:
            for label, figures in _by_class(group) or [("", group["figures"])]:
                shown = ", ".join(filter(None, (*group_names(group["group"]), label)))
                lines += [_interval(shown, each) for each in figures if each["name"] == name]
        drawn.append((CLASSIFICATION_FIGURES[name], lines))
    return _charts(drawn)


def _interval(label: str, each: Found) -> Interval | None:
    """A dot on its interval; None without an estimate, or an interval."""
    value, low, high = (each[end] for end in ENDS)
    if value is None or low is None or high is None:
        return None
    return Interval(label, value, low, high, str(Percent(value)))


def _charts(drawn: Sequence[tuple[str, Sequence[Interval | None]]]) -> list[IntervalChart]:
    found = []
    for title, lines in drawn:
        known = [line for line in lines if line is not None][:MAX_DRAWN]
        if known:
            ticks = [str(Percent(end)) for end in axis_of(known)]
            found.append(IntervalChart(title, known, ticks, is_wide=True))
    return found


SAMPLED = {
    "n": "Sampled rows with truth and flag",
    "n_unanswered": "Sampled rows without truth",
    "n_without_flag": "Sampled rows without a flag",
}


def classification_section(found: Found, title: str) -> Section:
    """The figures, the table of truth and flag, the design and the notes."""
    facts: list[tuple[str, Cell]] = [
        ("Sample", found["job_id"]),
        ("Confidence", f"{percent_digits(found['confidence'])} %"),
        ("Bad", found["bad_if"]),
        ("Flagged", found["flagged_if"]),
        ("Method", found["design"]["method"]),
        ("Drawn rows", found["design"]["n"]),
        ("Rows that could be drawn", found["design"]["N"]),
        *((text, sum(each[name] for each in found["groups"])) for name, text in SAMPLED.items()),
    ]
    if found["threshold"] is not None:
        facts.insert(4, ("Threshold", Estimated(found["threshold"])))
    blocks: list[Block] = [
        classification_table(found, "Figures"),
        confusion_table(found, "Truth and flag"),
        Facts("Design", facts),
        Note("Notes", found["notes"]),
    ]
    return Section("Model", title, blocks)


FILE_COLUMNS = ("class", "figure", "truth", "flagged", *LIMITS, "interval", "n")


def file_lines(found: Found) -> Iterator[list[Any]]:
    """The header and the lines of a CSV file: all figures, then the cells of truth and flag."""
    yield [*_groups(found), *FILE_COLUMNS]
    for line in figure_lines(found):
        ends = (line.figure[name] for name in LIMITS)
        own = line.group
        yield [
            *own["group"].values(),
            *(line.label, line.name, None, None),
            *ends,
            *(line.interval, own["n"]),
        ]
    for group in found["groups"]:
        for cell in group["confusion"]:
            of = ("", "Rows", cell["truth"], cell["flagged"])
            ends = (cell[name] for name in LIMITS)
            yield [*group["group"].values(), *of, *ends, "", cell["n"]]
