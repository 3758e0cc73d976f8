"""Estimates as an Excel workbook: one sheet with the figures, the design and the notes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xlsxwriter
import xlsxwriter.worksheet

WIDE, NARROW = 24, 14
MAX_TEXT = 32_767
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
PERCENT, INTEGER, NUMBER = "0.00%", "#,##0", "#,##0.00####"


@dataclass(frozen=True)
class _Column:
    """A column of the sheet: its heading, its values, and the format of its numbers."""

    heading: str
    value: Callable[[Mapping[str, Any]], Any]
    number_format: str | None = None


def estimates_workbook(
    answer: Mapping[str, Any], title: str, name_of: Callable[[Mapping[str, Any]], str]
) -> bytes:
    """Write the answer of estimates to a workbook; texts never run as formulas.

    ``name_of`` names an estimate's figure.
    """
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("Estimates")
        formats = {
            each: workbook.add_format({"num_format": each, "valign": "top"})
            for each in (PERCENT, INTEGER, NUMBER)
        }
        bold = workbook.add_format({"bold": True})
        heading = workbook.add_format(
            {"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"}
        )
        big = workbook.add_format({"bold": True, "font_size": 14})
        columns = _columns(answer, name_of)
        sheet.write_string(0, 0, title[:MAX_TEXT], big)
        top = 2
        for at, column in enumerate(columns):
            sheet.set_column(at, at, WIDE if column.number_format is None else NARROW)
            sheet.write_string(top, at, column.heading[:MAX_TEXT], heading)
        sheet.freeze_panes(top + 1, 0)
        line = top + 1
        for each in answer["estimates"]:
            is_share = each["statistic"] == "proportion"
            for at, column in enumerate(columns):
                is_figure = column.number_format == NUMBER
                format_ = PERCENT if is_share and is_figure else column.number_format
                _write(sheet, line, at, column.value(each), formats.get(format_ or ""))
            line += 1
        sheet.autofilter(top, 0, max(line - 1, top), len(columns) - 1)
        line = _write_facts(sheet, line + 1, "Design", _facts(answer), bold, formats[INTEGER])
        _write_notes(sheet, line + 1, answer["notes"], bold)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(top)
    return target.getvalue()


def _columns(
    answer: Mapping[str, Any], name_of: Callable[[Mapping[str, Any]], str]
) -> list[_Column]:
    estimates = answer["estimates"]
    groups = list(estimates[0]["group"]) if estimates else []
    columns = [_Column("Figure", name_of)]
    columns += [_Column(name, _of_group(name)) for name in groups]
    columns += [
        _Column("Estimate", lambda each: each["estimate"], NUMBER),
        _Column("Margin of error", _margin, NUMBER),
        _Column("From", lambda each: each["ci_low"], NUMBER),
        _Column("To", lambda each: each["ci_high"], NUMBER),
        _Column("Standard error", lambda each: each["standard_error"], NUMBER),
        _Column("Rows", lambda each: each["n"], INTEGER),
        _Column("Missing", lambda each: each["n_missing"], INTEGER),
        _Column("Degrees of freedom", lambda each: each["df"], INTEGER),
        _Column("Interval", lambda each: each["interval"]),
    ]
    if answer["calibration"]:
        columns += [
            _Column("Without calibration", lambda each: each["uncalibrated"]["estimate"], NUMBER),
            _Column("Its margin", lambda each: _margin(each["uncalibrated"]), NUMBER),
        ]
    if any(each["true_value"] is not None for each in estimates):
        columns.append(_Column("True value", lambda each: each["true_value"], NUMBER))
    return columns


def _of_group(name: str) -> Callable[[Mapping[str, Any]], Any]:
    def value(each: Mapping[str, Any]) -> Any:
        found = each["group"][name]
        return "Missing" if found is None else found

    return value


def _margin(each: Mapping[str, Any]) -> float | None:
    low, high = each["ci_low"], each["ci_high"]
    return None if low is None or high is None else (high - low) / 2


def _facts(answer: Mapping[str, Any]) -> list[tuple[str, Any]]:
    design = answer["design"]
    facts = [(title, design[name]) for name, title in DESIGN.items() if design[name] is not None]
    facts.insert(0, ("Sample", answer["job_id"]))
    facts.insert(1, ("Confidence", f"{100 * answer['confidence']:g} %"))
    if answer["calibration"]:
        calibration = answer["calibration"]
        columns = ", ".join(calibration["columns"])
        facts.append(("Calibration", f"{calibration['method']}, totals of {columns}"))
    if answer["values"]:
        upload = answer["values"]
        facts.append(("Values", f"upload {upload['number']}, {upload['file_name']}"))
    return facts


def _write_facts(
    sheet: xlsxwriter.worksheet.Worksheet,
    line: int,
    title: str,
    facts: Sequence[tuple[str, Any]],
    bold: Any,
    number: Any,
) -> int:
    """Write a title and lines of a name and a value; returns the next line."""
    sheet.write_string(line, 0, title, bold)
    for at, (name, value) in enumerate(facts, line + 1):
        sheet.write_string(at, 0, name)
        _write(sheet, at, 1, value, number)
    return line + 1 + len(facts)


def _write_notes(
    sheet: xlsxwriter.worksheet.Worksheet, line: int, notes: Sequence[str], bold: Any
) -> None:
    sheet.write_string(line, 0, "Notes", bold)
    for at, note in enumerate(notes, line + 1):
        sheet.write_string(at, 0, note[:MAX_TEXT])


def _write(
    sheet: xlsxwriter.worksheet.Worksheet, line: int, at: int, value: Any, format_: Any
) -> None:
    if value is None:
        return
    if isinstance(value, int | float) and not isinstance(value, bool):
        sheet.write_number(line, at, value, format_)
    else:
        sheet.write_string(line, at, str(value)[:MAX_TEXT])
