"""The figures of a schedule's runs as a table, a picture and notes.

All are functions of the answer as JSON, so that page, workbook and terminal show the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from application.estimation.estimates_sheet import MARGIN_DIGITS, figure
from contract.numbers import percent_digits
from contract.words import POOLINGS
from domain_errors import counted
from presentation.charts import TrendChart, TrendPoint
from presentation.content import Block, Cell, Estimated, Facts, Note, Percent, Section, Table

FiguresJson = Mapping[str, Any]
MAX_POINTS = 60
"""The newest runs that a picture has; the table has all."""
CHANGES = {"Since last": "since_last", "Since first": "since_first"}


def figures_section(found: FiguresJson) -> Section:
    """The picture, all runs together, a line for each run, and the notes."""
    chart = trend_chart(found)
    return Section(
        "Runs",
        f"{figure_title(found)}, by run",
        [*([chart] if chart else ()), *figures_blocks(found)],
    )


def figures_blocks(found: FiguresJson) -> list[Block]:
    """What a terminal shows, too: all runs together, a line for each run, and the notes."""
    blocks: list[Block] = []
    if found["pooled"] is not None:
        blocks.append(pooled_facts(found))
    blocks.append(runs_table(found))
    if found["notes"]:
        blocks.append(Note("Notes", found["notes"]))
    return blocks


def figure_title(found: FiguresJson) -> str:
    """The figure, with a capital."""
    name: str = found["figure"]
    return name[0].upper() + name[1:]


def pooled_facts(found: FiguresJson) -> Facts:
    """The figure of all runs together, and of how many rows."""
    pooled = found["pooled"]
    runs = counted(pooled["runs"], "run")
    if pooled["preliminary_runs"]:
        runs += f", {pooled['preliminary_runs']} of them preliminary"
    return Facts(
        "All runs together",
        [
            [POOLINGS[found["pooling"]], _with_interval(found, pooled)],
            ["Of", f"{runs}, {pooled['n']:,} of {counted(pooled['population'], 'row')}"],
        ],
    )


def runs_table(found: FiguresJson) -> Table:
    """A line for each run; columns that no run has are left out."""
    runs: Sequence[FiguresJson] = found["runs"]
    has_answers = any(run["drawn"] is not None for run in runs)
    has_problem = any(run["problem"] for run in runs)
    header = [
        *("Run", "Drawn at", "Population"),
        *(("Rows drawn", "Answered", "State") if has_answers else ("Rows",)),
        *("Estimate", "From", "To"),
        *(f"{since}{part}" for since in CHANGES for part in ("", ", SE", ", from", ", to")),
        *(("Problem",) if has_problem else ()),
    ]
    rows = [
        [
            *(run_name(run), dt.date.fromisoformat(run["created_at"][:10]), run["population"]),
            *((run["drawn"], run["answered"], state_text(run)) if has_answers else (run["n"],)),
            *_cells(found, run),
            *(cell for name in CHANGES.values() for cell in _change_cells(found, run[name])),
            *((run["problem"],) if has_problem else ()),
        ]
        for run in runs
    ]
    return Table("Runs", header, rows)


def run_name(run: FiguresJson) -> str:
    """The name of a run's sample."""
    return str(run["name"] or run["job_id"][:8])


def state_text(run: FiguresJson) -> str:
    """Whether answers are lacking."""
    return "complete" if run["is_complete"] else "preliminary"


def trend_chart(found: FiguresJson) -> TrendChart | None:
    """The runs with their intervals over time, and the pooled figure; None without a figure."""
    runs = [run for run in found["runs"] if run["estimate"] is not None][-MAX_POINTS:]
    if not runs:
        return None
    points = [
        TrendPoint(
            run["created_at"][5:10],
            run["estimate"],
            run["ci_low"],
            run["ci_high"],
            _point_text(found, run),
            is_open=run["is_complete"] is False,
        )
        for run in runs
    ]
    ends = [end for each in points for end in (each.low, each.high, each.value) if end is not None]
    has_open = any(each.is_open for each in points)
    legend = (
        f"Dots: the estimate of each run on its {percent_digits(found['confidence'])} % interval."
    )
    return TrendChart(
        f"{figure_title(found)}, by run",
        points,
        [str(_figure(found, end)) for end in (min(ends), max(ends))],
        found["pooled"] and found["pooled"]["estimate"],
        legend
        + (" Circles: preliminary, as answers are lacking." if has_open else "")
        + (" Dashed line: all runs together." if found["pooled"] else ""),
    )


def _point_text(found: FiguresJson, run: FiguresJson) -> str:
    """A run's figure with its interval; a preliminary one says so."""
    text = f"{run_name(run)}: {_with_interval(found, run)}"
    if run["is_complete"] is False:
        return f"{text}, preliminary: {run['answered']:,} of {run['drawn']:,} rows answered"
    return text


def _with_interval(found: FiguresJson, one: FiguresJson) -> str:
    estimate, low, high = _cells(found, one)
    if low is None or high is None:
        return f"{estimate}, no interval"
    return f"{estimate} ({low} to {high})"


def _cells(found: FiguresJson, one: FiguresJson) -> list[Cell]:
    return [_figure(found, one[name]) for name in ("estimate", "ci_low", "ci_high")]


def _change_cells(found: FiguresJson, change: FiguresJson | None) -> list[Cell]:
    if change is None:
        return [None] * 4
    error = _figure(found, change["standard_error"], MARGIN_DIGITS)
    estimate, *ends = _cells(found, change)
    return [estimate, error, *ends]


def _figure(found: FiguresJson, value: float | None, digits: int = 6) -> Percent | Estimated | None:
    return figure(value, found["statistic"], digits)
