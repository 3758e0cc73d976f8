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
from contract.columns import amount_of, is_identifier_name
from contract.declarations import declared
from contract.fields import Choice, Items
from contract.requests.audit_tests import (
    AMOUNT_FIGURES,
    AUDIT_TESTS,
    NUMBERS_OF_ROWS,
    WEEKDAYS,
    AuditTestRequest,
    OtherTableRequest,
)
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
    moment_of,
)
from profiling_engine.audit_tests.answers import AuditFigure, FigureTable
from service.service import Service
from service.tables.open_tables import RESULT, open_table, output_of, version_of
from storage.jobs.jobs import JobRecord, get_job
from storage.jobs.kinds import AUDIT_TEST
from storage.jobs.publishing import job_with_output

PAPER_ROWS, PAPER_COLUMNS = 200, 20
"""Found rows, and their columns, that a paper has."""
MAX_BARS = 90
MAX_RANGES = 12
SHARES = ("share", "expected_share")
WORDS = ("weekday", "sign")
REASON_WORDS = (
    *("posted before, dated after", "posted after, dated before"),
    *("this", "other", "positive", "negative"),
    *WEEKDAYS,
)
"""Words in columns of reasons, which papers translate; the result has them in English."""
TONES = {"checked": "good", "not_met": "bad", "unchecked": "warn"}
"""The tones of the states of an assumption."""


def assumptions_table(answer: AuditTestAnswer) -> Table:
    """What the test assumes, each with whether that was checked."""
    header = ["Assumption", "State", "Found in the table"]
    rows: list[list[Cell]] = []
    for each in answer.assumptions:
        state = Judgement(Sentence(ASSUMPTION_STATES[each.state]), TONES[each.state])
        rows.append([_sentence(each.sentence), state, each.detail])
    width = len(header) if any(row[-1] for row in rows) else len(header) - 1
    return Table("Assumptions", header[:width], [row[:width] for row in rows])


def _sentence(text: str) -> Sentence:
    """A text of a result, which has its template unless an earlier version of the program ran."""
    return text if isinstance(text, Sentence) else Sentence(text)


def scope_facts(answer: AuditTestAnswer) -> Facts:
    """The rows that were tested, those that weren't and why, and the found ones."""
    lines: list[Row] = [("Tested rows", answer.tested_rows)]
    lines += [
        (Sentence("Not tested: {column}", column=each.column), each.rows, _sentence(each.reason))
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
    if isinstance(figure.value, str) and figure.name in AMOUNT_FIGURES:
        return amount_of(figure.value)
    if isinstance(figure.value, str) and figure.name == "weekdays":
        days = [Sentence(day.capitalize()) for day in figure.value.split(", ") if day]
        return Sentence.joined(days, ", ")
    return _cell(figure.name, figure.value)


def _cell(name: str, value: Any) -> Cell:
    cell: Cell = value
    if isinstance(value, bool):
        cell = Sentence("Yes") if value else Sentence("No")
    elif isinstance(value, float):
        cell = Percent(value) if name in SHARES else Estimated(value, 4)
    elif isinstance(value, str) and name in AMOUNT_FIGURES:
        cell = amount_of(value)
    elif isinstance(value, str) and name in WORDS:
        cell = Sentence(value.capitalize())
    elif name in NUMBERS_OF_ROWS and value is not None:
        cell = str(value)
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
            found=row["groups"],
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
                f"{row['digits']}",
                row["rows"],
                sentence,
                row["expected_rows"],
                found=row["rows"] if row["is_excess"] else 0,
                is_marked=row["is_excess"],
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
    by_day = {row["days_after"]: row for row in tables["days"].rows}
    bars = []
    for after in range(min(by_day), max(by_day) + 1)[:MAX_BARS]:
        row = by_day.get(after, {"day": f"{after:+d}", "rows": 0, "found": 0})
        text = _found_text(row["day"], row)
        found = row["found"]
        bars.append(
            ExpectedBar(f"{after:+d}", row["rows"], text, found=found, is_marked=bool(found))
        )
    legend = "Rows by days after the last day of the period; ▲ with found rows"
    yield ColumnsChart("Days around the last day", bars, legend)


def _weekdays(tables: Tables) -> Iterator[Chart]:
    bars = [
        ExpectedBar(
            Sentence(row["weekday"][:3].capitalize()),
            row["rows"],
            _found_text(Sentence(row["weekday"].capitalize()), row),
            found=row["found"],
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
            named = {**value, "dataset_id": value.get("dataset_name") or value["dataset_id"]}
            lines = [*_lines(OtherTableRequest, named)]
            lines.append(("Version id (SHA-256)", Code(value["commit_id"])))
            for title, *cells in lines:
                yield (Sentence("Other table: {title}", title=Sentence(str(title))), *cells)
            continue
        if isinstance(own.kind, Choice):
            yield own.title, Sentence(own.kind.titles[value])
            continue
        if isinstance(own.kind, Items) and isinstance(own.kind.of, Choice):
            titles = [Sentence(own.kind.of.titles[each]) for each in value]
            yield own.title, Sentence.joined(titles, ", ")
            continue
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield own.title, Code(text)


USES = {
    "found_by": "The sample is of the rows that it found",
    "not_found_by": "The sample is of the rows that it didn't find",
    "marked": "The sample is of its result",
}
"""What a sample takes from an audit test."""


def audit_tests_of_sample(service: Service, job: JobRecord) -> Iterator[Facts]:
    """The audit tests that the filters of a draw name, and the one whose result it draws from."""
    excluded = job.run_parameters.get("excluded", {})
    named = [(use, each) for use in ("found_by", "not_found_by") for each in excluded.get(use, [])]
    with service.database.read() as tx:
        used = [(use, get_job(tx, job_id, with_position=False)) for use, job_id in named]
        if job.source_commit_id is not None:
            made = job_with_output(tx, job.dataset_id, version_of(job))
            used += [("marked", made)] if made is not None and made.kind is AUDIT_TEST else []
    for use, test in used:
        parameters = test.run_parameters
        name = parameters["test"]
        lines: list[Row] = [
            ("Use", Sentence(USES[use])),
            ("Result", parameters["output_ref"]),
            ("Job id", test.id),
            ("Tested table", parameters["table_key"]),
            ("Tested version (SHA-256)", test.source_commit_id),
            *parameters_facts(name, parameters).lines,
            ("Found rows", (test.output_summary or {}).get("rows")),
        ]
        title = Sentence(AUDIT_TESTS[name].title)
        yield Facts(Sentence("Audit test: {title}", title=title), lines)


def _purpose(job: JobRecord, answer: AuditTestAnswer) -> str:
    """What the user wrote; else the test and its dataset, in the language of the paper."""
    own = Sentence("{test} of {dataset}", test=Sentence(answer.title), dataset=job.dataset_name)
    usual = f"{answer.title} of {answer.source_ref}"
    return own if job.purpose in (None, "", usual) else str(job.purpose)


def audit_test_paper(service: Service, job: JobRecord, answer: AuditTestAnswer) -> list[Section]:
    """The sheets of a test's paper: what was tested, its figures, and the found rows."""
    url = service.settings.link(f"/jobs/{job.id}")
    test: list[Row] = [
        ("Purpose", _purpose(job, answer)),
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
    amount = answer.parameters.get("amount_column")
    rows = view_page(service, table, None, columns, 0, PAPER_ROWS)
    reasons = {each.name for each in answer.reason_columns}

    def cell(column: Column, value: Any) -> Cell:
        if column.name in reasons and value in REASON_WORDS:
            return Sentence(value)
        return _found_cell(column, value, amount)

    shown = Table(
        "Found rows",
        [Given(column.name) for column in columns],
        [[cell(column, row[column.name]) for column in columns] for row in rows],
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


def _found_cell(column: Column, value: Any, amount: str | None) -> Cell:
    """A value; numerals that identify, such as numbers of documents, have no separators.

    Whole numbers do unless they are the tested amounts, and doubles have two decimals at least.
    """
    kind = column.data_type
    if value is None:
        return None
    if not kind.is_number or is_identifier_name(column.name):
        return str(value)
    if kind.is_float:
        exact = Decimal(str(value))
        return exact if not exact.is_finite() else amount_of(f"{exact:f}")
    return str(value) if kind.is_integer and column.name != amount else Decimal(str(value))
