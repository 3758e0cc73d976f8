"""The agreement of two readers as a section: facts, figures, and who said what.

A function of the answer's JSON, so that commands and pages show the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contract.numbers import percent_digits
from presentation.charts import CountsChart
from presentation.content import Block, Cell, Estimated, Facts, Note, Percent, Section, Table

DIGITS = 3
"""Of κ and α."""
Found = Mapping[str, Any]


def agreement_section(found: Found) -> Section:
    """The section of an answer."""
    counts = found["second_readings"]
    facts: list[tuple[str, Cell]] = [
        ("Rows due for a second reading", counts["due"]),
        ("Rows with both readings", counts["given"]),
        ("Rows that differ", counts["differing"]),
        ("Differing rows with a decision", counts["decided"]),
        ("Confidence", f"{percent_digits(found['confidence'])} %"),
    ]
    blocks: list[Block] = [Facts("Second readings", facts)]
    if counts["given"]:
        blocks.append(_figures(found))
        for question in found["questions"]:
            blocks += _said(question)
    cautions = [
        f"{each['name']}: {text}" for each in found["questions"] for text in each["cautions"]
    ]
    blocks.append(Note("Notes", [*cautions, *found["notes"]]))
    return Section("Agreement", "Agreement of two readers", blocks)


def _figures(found: Found) -> Table:
    header = [
        *("Question", "Rows", "Equal", "Share equal", "From", "To"),
        *("Cohen’s κ", "From", "To", "Krippendorff’s α", "From", "To"),
    ]
    rows = []
    for each in found["questions"]:
        cells: list[Cell] = [each["name"], each["pairs"], each["equal"]]
        cells += [_cell(each["share"][name], Percent) for name in LIMITS]
        for figure in ("kappa", "alpha"):
            cells += [_cell(each[figure][name], _coefficient) for name in LIMITS]
        rows.append(cells)
    return Table("Agreement", header, rows)


LIMITS = ("estimate", "ci_low", "ci_high")


def _coefficient(value: float) -> Estimated:
    return Estimated(value, DIGITS)


def _cell(value: float | None, of: Any) -> Cell:
    cell: Cell = None if value is None else of(value)
    return cell


def _said(question: Found) -> list[Block]:
    """The rows by both answers, as a table and a picture."""
    words = list(dict.fromkeys(each["first"] for each in question["table"]))
    if not words or not question["pairs"]:
        return []
    rows = {(each["first"], each["second"]): each["rows"] for each in question["table"]}
    counts = [[rows[a, b] for b in words] for a in words]
    title = f"{question['name']}: who said what"
    table = Table(
        title,
        ["First \\ second", *words, "All"],
        [
            *([word, *line, sum(line)] for word, line in zip(words, counts, strict=True)),
            [
                "All",
                *(sum(line[at] for line in counts) for at in range(len(words))),
                question["pairs"],
            ],
        ],
    )
    return [table, CountsChart(title, words, counts, ("First reading", "Second reading"))]
