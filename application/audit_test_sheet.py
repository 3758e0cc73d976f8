"""An audit test as facts, tables and charts: its page, and its paper.

The paper states what was tested, what the test assumes, its figures, and the first found rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from application.audit.paper_template import cover_blocks
from application.audit_tests import AuditTestAnswer
from application.table_views import view_page
from contract.columns import is_identifier_name
from contract.declarations import declared
from contract.fields import Choice
from contract.requests.audit_tests import AUDIT_TESTS, AuditTestRequest, OtherTableRequest
from contract.words import ASSUMPTION_STATES
from domain_errors import FigureText, Sentence
from parquet_tables.tables import Column
from presentation.charts import ColumnsChart, ExpectedBar, NumberRange, RangesChart
from presentation.content import (
    Block,
    Cell,
    Chart,
    Code,
    Estimated,
    Facts,
    Given,
    Judgement,
    Note,
    Percent,
    Row,
    Section,
    Table,
    decimal_of,
    moment_of,
)
from profiling_engine.audit_tests.answers import AuditFigure, FigureTable
from service.service import Service
from service.tables.open_tables import RESULT, open_table, output_of
from storage.jobs.jobs import JobRecord

PAPER_ROWS, PAPER_COLUMNS = 200, 20
"""Found rows, and their columns, that a paper has."""
MAX_BARS = 90
MAX_RANGES = 12
SHARES = ("share", "expected_share")
AMOUNTS = ("amount", "extra_amount")
"""Figures that are exact amounts as texts."""
TONES = {"checked": "good", "not_met": "bad", "unchecked": "warn"}
"""The tones of the states of an assumption."""


def assumptions_table(answer: AuditTestAnswer) -> Table:
    """What the test assumes, each with whether that was checked."""
    header = ["Assumption", "State", "Found in the table"]
    rows: list[list[Cell]] = []
    for each in answer.assumptions:
        state = Judgement(Sentence(ASSUMPTION_STATES[each.state]), TONES[each.state])
        rows.append([Sentence(each.sentence), state, each.detail])
    width = len(header) if any(row[-1] for row in rows) else len(header) - 1
    return Table("Assumptions", header[:width], [row[:width] for row in rows])


def scope_facts(answer: AuditTestAnswer) -> Facts:
    """The rows that were tested, those that weren't and why, and the found ones."""
    lines: list[Row] = [("Tested rows", answer.tested_rows)]
    lines += [
        (Sentence("Not tested: {column}", column=each.column), each.rows, Sentence(each.reason))
        for each in answer.not_tested
    ]
    return Facts("Rows", [*lines, ("Found rows", answer.found_rows)])


def figures_facts(answer: AuditTestAnswer) -> Facts:
    """The figures of the test."""
    return Facts("Figures", [(each.title, _figure_cell(each)) for each in answer.figures])


def figure_blocks(answer: AuditTestAnswer) -> Iterator[Block]:
    """The charts and tables of the test, each chart before its table."""
    tables = {each.name: each for each in answer.tables if each.rows}
    for each in tables.values():
        yield from CHARTS.get(each.name, _no_charts)(tables)
        yield figure_table(each)
        if each.total > len(each.rows):
            sentence = Sentence(
                "The first {shown} of {total} lines.", shown=len(each.rows), total=each.total
            )
            yield Note(each.title, [sentence])


def figure_table(table: FigureTable) -> Table:
    """A table of figures; a column without a value is left out."""
    names = [name for name in table.columns if any(row[name] is not None for row in table.rows)]
    rows = [[_cell(name, row[name]) for name in names] for row in table.rows]
    return Table(table.title, [table.columns[name] for name in names], rows)


def _figure_cell(figure: AuditFigure) -> Cell:
    if isinstance(figure.value, str) and figure.name in AMOUNTS:
        return decimal_of(figure.value)
    return _cell(figure.name, figure.value)


def _cell(name: str, value: Any) -> Cell:
    cell: Cell = value
    if isinstance(value, bool):
        cell = Sentence("Yes") if value else Sentence("No")
    elif isinstance(value, float):
        cell = Percent(value) if name in SHARES else Estimated(value, 4)
    elif isinstance(value, str) and name in AMOUNTS:
        cell = Decimal(value)
    return cell


Tables = Mapping[str, FigureTable]


def _no_charts(_: Tables) -> Iterator[Chart]:
    yield from ()


def _sizes(tables: Tables) -> Iterator[Chart]:
    """How many groups have how many rows."""
    table = tables["sizes"]
    bars = [
        ExpectedBar(
            f"{row['group_rows']}",
            row["groups"],
            f"{row['group_rows']}: {row['groups']:,}",
        )
        for row in table.rows[:MAX_BARS]
    ]
    if len(bars) > 1:
        yield ColumnsChart("Sizes of groups", bars, "Groups by their number of rows")


def _digits(tables: Tables) -> Iterator[Chart]:
    """Leading digits beside those that Benford's law expects, for each sign."""
    by_sign: dict[str, list[ExpectedBar]] = {}
    for row in tables["digits"].rows:
        sentence = Sentence(
            "{label}: {rows}, expected {expected}",
            label=f"{row['digits']}",
            rows=row["rows"],
            expected=FigureText(f"{row['expected_rows']:,.1f}"),
        )
        by_sign.setdefault(row["sign"], []).append(
            ExpectedBar(
                f"{row['digits']}", row["rows"], sentence, row["expected_rows"], row["is_excess"]
            )
        )
    for sign, bars in by_sign.items():
        yield ColumnsChart(
            f"Leading digits, {sign} amounts",
            bars,
            "Rows; the dashed curve is expected, ▲ a significant excess",
        )


def _found_text(label: str, row: Mapping[str, Any]) -> Sentence:
    return Sentence(
        "{label}: {rows}, found {found}", label=label, rows=row["rows"], found=row["found"]
    )


def _days(tables: Tables) -> Iterator[Chart]:
    bars = [
        ExpectedBar(
            f"{row['days_after']:+d}",
            row["rows"],
            _found_text(row["day"], row),
            is_marked=bool(row["found"]),
        )
        for row in tables["days"].rows[:MAX_BARS]
    ]
    legend = "Rows by days after the last day of the period; ▲ with found rows"
    yield ColumnsChart("Days around the last day", bars, legend)


def _weekdays(tables: Tables) -> Iterator[Chart]:
    bars = [
        ExpectedBar(
            row["weekday"][:3].capitalize(),
            row["rows"],
            _found_text(row["weekday"], row),
            is_marked=bool(row["found"]),
        )
        for row in tables["weekdays"].rows
    ]
    yield ColumnsChart("Days of the week", bars, "Rows; ▲ with found rows")


def _ranges(tables: Tables) -> Iterator[Chart]:
    """The series with gaps, the first ones, from their first to their last number."""
    gaps: dict[Any, list[tuple[int, int]]] = {}
    for row in tables["ranges"].rows:
        gaps.setdefault(row["series"], []).append((int(row["first"]), int(row["last"])))
    ranges = [
        NumberRange(
            str(row["label"] or ""), int(row["first"]), int(row["last"]), gaps[row["series"]]
        )
        for row in tables["series"].rows
        if row["series"] in gaps
    ][:MAX_RANGES]
    if ranges:
        yield RangesChart("Missing numbers", ranges, "Raised marks are missing numbers")


CHARTS: Mapping[str, Callable[[Tables], Iterator[Chart]]] = {
    "sizes": _sizes,
    "digits": _digits,
    "days": _days,
    "weekdays": _weekdays,
    "ranges": _ranges,
}
"""The charts of the tables of figures, by the tables' names."""


def parameters_facts(test: str, given: Mapping[str, Any]) -> Facts:
    """The given parameters of a test, by their titles, but for those of every test."""
    common = {own.name for own in declared(AuditTestRequest)}
    own = {name: value for name, value in given.items() if name not in common}
    return Facts("Parameters", [*_lines(AUDIT_TESTS[test].request, own)])


def _lines(
    request: type[AuditTestRequest] | type[OtherTableRequest], given: Mapping[str, Any]
) -> Iterator[Row]:
    for own in declared(request):
        value = given.get(own.name)
        if value in (None, "", [], ()):
            continue
        if isinstance(value, Mapping):
            for title, *cells in _lines(OtherTableRequest, value):
                yield (Sentence("Other table: {title}", title=Sentence(str(title))), *cells)
            continue
        if isinstance(own.kind, Choice):
            yield own.title, Sentence(own.kind.titles[value])
            continue
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield own.title, Code(text)


def audit_test_paper(service: Service, job: JobRecord, answer: AuditTestAnswer) -> list[Section]:
    """The sheets of a test's paper: what was tested, its figures, and the found rows."""
    url = service.settings.link(f"/jobs/{job.id}")
    test: list[Row] = [
        ("Purpose", job.purpose or Sentence(answer.finds)),
        ("Finds", Sentence(answer.finds)),
        ("Dataset", job.dataset_name),
        ("Version", answer.source_ref),
        ("Version id (SHA-256)", answer.commit_id),
        ("Table", answer.table_key),
        ("Run by", job.user_soeid, moment_of(job.completed_at)),
        ("Job id", job.id),
        *([("Address", url)] if url else []),
        ("Result", answer.output_ref or answer.output_commit_id),
    ]
    first: list[Block] = [
        Facts("Test", test),
        parameters_facts(answer.test, answer.parameters),
        scope_facts(answer),
        Note("Conclusion", [answer.conclusion]),
        assumptions_table(answer),
        *cover_blocks(service),
    ]
    return [
        Section("Test", Sentence("Audit test: {title}", title=Sentence(answer.title)), first),
        Section("Figures", "Figures", [figures_facts(answer), *figure_blocks(answer)]),
        found_section(service, job, answer),
    ]


def found_section(service: Service, job: JobRecord, answer: AuditTestAnswer) -> Section:
    """The first found rows with the reasons why they were found; the others are counted."""
    if not answer.found_rows:
        return Section(
            "Found rows", "Found rows", [Note("Found rows", [Sentence("No row found.")])]
        )
    table = open_table(service, job.dataset_id, output_of(job), RESULT)
    columns = table.files.columns[:PAPER_COLUMNS]
    rows = view_page(service, table, None, columns, 0, PAPER_ROWS)
    shown = Table(
        "Found rows",
        [Given(column.name) for column in columns],
        [[_found_cell(column, row[column.name]) for column in columns] for row in rows],
    )
    meanings = Facts(
        "Columns of the reasons",
        [(Given(each.name), Sentence(each.meaning)) for each in answer.reason_columns],
    )
    blocks: list[Block] = [meanings, shown]
    if len(rows) < answer.found_rows or len(columns) < len(table.files.columns):
        sentence = Sentence(
            "The first {shown} of {rows} found rows, and {columns} of {all_columns} columns. The "
            "result has all of them.",
            shown=len(rows),
            rows=answer.found_rows,
            columns=len(columns),
            all_columns=len(table.files.columns),
        )
        blocks.insert(0, Note("Extent", [sentence]))
    return Section("Found rows", "Found rows", blocks)


def _found_cell(column: Column, value: Any) -> Cell:
    """A value; numerals that identify, such as numbers of documents, have no separators."""
    if value is None:
        return None
    if column.data_type.is_number and not is_identifier_name(column.name):
        return Decimal(str(value))
    return str(value)
