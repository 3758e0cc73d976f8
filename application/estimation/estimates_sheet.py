"""Estimates as a table, and with their design and notes as a sheet.

All are functions of the answer.
"""

from __future__ import annotations

from application.estimation.estimates import EstimatesAnswer
from application.estimation.figures import FigureEstimate
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
    header = [
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
            *("Missing" if part is None else part for part in estimate.group.values()),
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
        ("Confidence", f"{100 * answer.confidence:g} %"),
    ]
    facts += [(label, design[name]) for name, label in DESIGN.items() if design[name] is not None]
    if calibration:
        columns = ", ".join(calibration.columns)
        facts.append(("Calibration", f"{calibration.method}, totals of {columns}"))
    if upload:
        facts.append(("Values", f"upload {upload.number}, {upload.file_name}"))
    blocks: list[Block] = [
        estimates_table(answer, "Estimates"),
        Facts("Design", facts),
        Note("Notes", answer.notes),
    ]
    return Section("Estimates", title, blocks)
