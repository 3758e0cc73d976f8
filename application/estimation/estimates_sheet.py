"""Estimates as a table, and with their design and notes as a sheet.

All are functions of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application.estimation.contrasts import ContrastEstimate, ContrastSide
from application.estimation.estimates import EstimatesAnswer
from application.estimation.figures import FigureEstimate, JudgeFigures
from application.estimation.judging import judge_chart
from contract.numbers import percent_digits
from presentation.charts import IntervalChart
from presentation.content import (
    Block,
    Cell,
    Estimated,
    Facts,
    Judgement,
    Note,
    Percent,
    Section,
    Table,
)

DESIGN = {
    "method": "Method",
    "n": "Drawn rows",
    "N": "Rows that could be drawn",
    "filter": "Filter",
    "rounds": "Steps",
    "strata": "Groups",
    "strata_drawn": "Groups with a drawn row",
    "clusters": "Clusters",
    "clusters_drawn": "Drawn clusters",
    "take_all_rows": "Rows drawn with certainty",
    "uncovered_rows": "Rows of groups without a drawn row",
    "df": "Degrees of freedom",
}
UNCALIBRATED = ("Without calibration", "Its margin", "Change of the margin")
CORRECTED = "Corrected by second readings"
JUDGED = "People, judge and both"
MAX_JUDGED = 12
"""Groups in the picture of a judge; the table has all."""
MARGIN_DIGITS = 3
"""Of a margin and of a design effect; more say nothing."""


def figure(value: float | None, statistic: str, digits: int = 6) -> Percent | Estimated | None:
    """An estimated number; a share for a proportion."""
    if value is None:
        return None
    return Percent(value) if statistic == "proportion" else Estimated(value, digits)


def estimates_table(answer: EstimatesAnswer, title: str) -> Table:
    """A line for each estimate of a figure; columns that no estimate has are left out."""
    estimates, is_calibrated = answer.estimates, answer.calibration is not None
    has_truth = any(estimate.true_value is not None for estimate in estimates)
    has_columns = len({estimate.column for estimate in estimates}) > 1
    header = [
        *(("Column",) if has_columns else ()),
        *(estimates[0].group if estimates else ()),
        *("Estimate", "Margin of error", "From", "To"),
        *(("True value", "In the interval") if has_truth else ()),
        *(UNCALIBRATED if is_calibrated else ()),
        *("Standard error", "Rows", "Missing", "Design effect", "Degrees of freedom", "Interval"),
    ]
    rows = []
    for estimate in estimates:
        name, effect = estimate.statistic, estimate.design_effect
        cells: list[Cell] = [
            *((estimate.column,) if has_columns else ()),
            *group_cells(estimate.group),
            figure(estimate.estimate, name),
            figure(estimate.margin, name, MARGIN_DIGITS),
            figure(estimate.ci_low, name),
            figure(estimate.ci_high, name),
        ]
        if has_truth:
            cells += [figure(estimate.true_value, name), truth_judgement(estimate)]
        if is_calibrated:
            cells += _uncalibrated(estimate)
        cells += [
            figure(estimate.standard_error, name),
            *(estimate.n, estimate.n_missing),
            None if effect is None else Estimated(effect, MARGIN_DIGITS),
            *(estimate.df, estimate.interval),
        ]
        rows.append(cells)
    return Table(title, header, rows)


JUDGE_COLUMNS = (
    *("People alone", "From", "To", "Judge", "Judge alone", "Bias of the judge", "Bias from"),
    *("Bias to", "Both", "Both from", "Both to", "Correlation", "Labels that people alone need"),
    "Coefficients",
)


def judge_table(answer: EstimatesAnswer, title: str) -> Table | None:
    """People alone, the judge alone and both, a line for each judge's column; None without one."""
    judged = [(each, each.judge) for each in answer.estimates if each.judge is not None]
    if not judged:
        return None
    has_figures = len({each.figure_name for each, _ in judged}) > 1
    header = [*(("Figure",) if has_figures else ()), *judged[0][0].group, *JUDGE_COLUMNS]
    rows = []
    for each, found in judged:
        name = each.statistic
        for alone in found.judge_alone:
            people, both = found.people_alone, found.both
            cells: list[Cell] = [
                *((each.figure_name,) if has_figures else ()),
                *group_cells(each.group),
                *(figure(end, name) for end in (people.estimate, people.ci_low, people.ci_high)),
                alone.column,
                *(
                    figure(end, name)
                    for end in (alone.estimate, alone.bias, alone.bias_low, alone.bias_high)
                ),
                *(figure(end, name) for end in (both.estimate, both.ci_low, both.ci_high)),
                None if found.correlation is None else Estimated(found.correlation, MARGIN_DIGITS),
                None if found.n_eff is None else round(found.n_eff),
                coefficients_text(found, alone.column),
            ]
            rows.append(cells)
    return Table(title, header, rows)


def coefficients_text(found: JudgeFigures, column: str) -> str:
    """The coefficients of a judge's column, with the strata that they are of."""
    own = [each for each in found.coefficients if each.column == column]
    return ", ".join(
        f"{each.coefficient:.4g}"
        if each.stratum is None
        else f"{' | '.join(map(str, each.stratum.values()))}: {each.coefficient:.4g}"
        for each in own
    )


def judge_picture(answer: EstimatesAnswer, title: str) -> IntervalChart | None:
    """The three intervals of the first groups of one figure; None without a judge."""
    judged = [
        (", ".join(group_names(each.group)), each.judge)
        for each in answer.estimates
        if each.judge is not None
    ][:MAX_JUDGED]
    if not judged:
        return None
    name = answer.estimates[0].statistic
    return judge_chart(title, judged, lambda value: str(figure(value, name)))


def group_cells(group: Mapping[str, Any]) -> list[Cell]:
    """The values of a group in columns of a table."""
    return ["Missing" if part is None else part for part in group.values()]


def group_names(group: Mapping[str, Any]) -> list[str]:
    """The values of a group."""
    return ["Missing" if part is None else str(part) for part in group.values()]


def contrast_name(contrast: ContrastEstimate) -> str:
    """The two figures and how they are compared."""
    first, second = (side_name(side) for side in (contrast.first, contrast.second))
    return f"{first} {'by' if contrast.measure == 'ratio' else 'less'} {second}"


def side_name(side: ContrastSide) -> str:
    """The group or the column of one of the figures."""
    return "Missing" if side.name is None else str(side.name)


def contrast_figure(
    contrast: ContrastEstimate, value: float | None, digits: int = 6
) -> Percent | Estimated | None:
    """A contrast's number; a difference of shares is one of shares."""
    is_share = contrast.statistic == "proportion" and contrast.measure == "difference"
    return figure(value, "proportion" if is_share else "ratio", digits)


def contrasts_table(answer: EstimatesAnswer, title: str) -> Table:
    """A line for each contrast."""
    contrasts = answer.contrasts
    has_truth = any(each.true_value is not None for each in contrasts)
    header = [
        *(contrasts[0].group if contrasts else ()),
        *("Contrast", "First", "Second", "Estimate", "Margin of error", "From", "To", "p value"),
        *(("True value",) if has_truth else ()),
        *("Standard error", "Rows", "Missing", "Degrees of freedom"),
    ]
    rows = []
    for each in contrasts:
        cells: list[Cell] = [
            *group_cells(each.group),
            contrast_name(each),
            figure(each.first.estimate, each.statistic),
            figure(each.second.estimate, each.statistic),
            contrast_figure(each, each.estimate),
            contrast_figure(each, each.margin, MARGIN_DIGITS),
            contrast_figure(each, each.ci_low),
            contrast_figure(each, each.ci_high),
            None if each.p_value is None else Estimated(each.p_value, MARGIN_DIGITS),
        ]
        if has_truth:
            cells.append(contrast_figure(each, each.true_value))
        cells += [contrast_figure(each, each.standard_error), each.n, each.n_missing, each.df]
        rows.append(cells)
    return Table(title, header, rows)


def has_corrected(answer: EstimatesAnswer) -> bool:
    """Whether second readings correct a figure."""
    return any(estimate.corrected is not None for estimate in answer.estimates)


def corrected_table(answer: EstimatesAnswer, title: str) -> Table:
    """A line for each figure that second readings correct."""
    estimates = [each for each in answer.estimates if each.corrected is not None]
    header = [
        *("Column", *(estimates[0].group if estimates else ())),
        *("Estimate", "Margin of error", "From", "To"),
        *("First answers", "Correction", "Its standard error"),
        *("Second readings", "Differing", "Degrees of freedom", "Note"),
    ]
    rows = []
    for each in estimates:
        name, found = each.statistic, each.corrected
        assert found is not None  # noqa: S101 - chosen above
        cells: list[Cell] = [
            each.column,
            *group_cells(each.group),
            figure(found.estimate, name),
            figure(found.margin, name, MARGIN_DIGITS),
            figure(found.ci_low, name),
            figure(found.ci_high, name),
            figure(found.first_answers, name),
            figure(found.correction, name, MARGIN_DIGITS),
            figure(found.correction_standard_error, name, MARGIN_DIGITS),
            *(found.second_readings, found.differing, found.df, found.note),
        ]
        rows.append(cells)
    return Table(title, header, rows)


def _uncalibrated(estimate: FigureEstimate) -> list[Cell]:
    name, plain, now = estimate.statistic, estimate.uncalibrated, estimate.margin
    if plain is None:
        return [None, None, None]
    return [
        figure(plain.estimate, name),
        figure(plain.margin, name, MARGIN_DIGITS),
        Percent(now / plain.margin - 1) if now is not None and plain.margin else None,
    ]


def truth_judgement(estimate: FigureEstimate) -> Judgement | None:
    """Whether the interval holds the true value; None if either isn't known."""
    inside = estimate.holds_truth
    if inside is None:
        return None
    return Judgement("Inside", "good") if inside else Judgement("Outside", "warn")


def estimates_section(answer: EstimatesAnswer, title: str) -> Section:
    """The estimates of a figure, their design and their notes."""
    design, calibration, upload = vars(answer.design), answer.calibration, answer.values
    facts: list[tuple[str, Cell]] = [
        ("Sample", answer.job_id),
        ("Confidence", f"{percent_digits(answer.confidence)} %"),
    ]
    facts += [(label, design[name]) for name, label in DESIGN.items() if design[name] is not None]
    if calibration:
        columns = ", ".join(calibration.columns)
        facts.append(("Calibration", f"{calibration.method}, totals of {columns}"))
    if upload:
        facts.append(("Values", f"upload {upload.number}, {upload.file_name}"))
    judged = (judge_picture(answer, JUDGED), judge_table(answer, JUDGED))
    blocks: list[Block] = [
        estimates_table(answer, "Estimates"),
        *([corrected_table(answer, CORRECTED)] if has_corrected(answer) else []),
        *(block for block in judged if block is not None),
        *([contrasts_table(answer, "Contrasts")] if answer.contrasts else []),
        Facts("Design", facts),
        Note("Notes", answer.notes),
    ]
    return Section("Estimates", title, blocks)
