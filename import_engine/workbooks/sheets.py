"""The child process that reads one workbook: each sheet becomes a table.

The first row below titles names the columns; no number loses a digit; cells with an Excel error
(``#DIV/0!``) are missing. Texts of digits alone stay text, with a question: Excel users store ids
so. An abort of the parser ends this process alone.
"""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import duckdb
import fastexcel

from contract.columns import DataType
from contract.requests.importing import ReadOptions
from domain_errors import DomainError, choices_sentence, counted
from import_engine.errors import TypeMisfit, UnreadableFile
from import_engine.options import InvalidOption
from import_engine.text_tables import (
    CellQuery,
    ColumnPlan,
    TextColumn,
    TextRows,
    as_type,
    decided,
    detect,
    misfit,
    questions,
    renamed,
    tidied_sql,
    type_notes,
    with_later_decimals,
)
from import_engine.values import (
    DECIMAL_DIGITS,
    MONEY_PLACES,
    TEXT,
    WHOLE_LIMIT,
    CandidateType,
    CandidateTypes,
    text_candidates,
)
from import_engine.work import (
    PRIMARY,
    ColumnReading,
    ImportedTable,
    ImportWork,
    Question,
    RowBelow,
    TablePlace,
)
from import_engine.workbooks.archive import (
    SheetCells,
    cells_of_sheets,
    check_size,
    open_archive,
    without_stray_cells,
)
from import_engine.workbooks.importing import WorkbookRequest, too_much_memory
from import_engine.workbooks.sheet_range import (
    SheetRange,
    found_range,
    given_range,
    without_footer,
)
from lazy_dataclasses import dataclass
from parquet_tables.child_side import ProcessLimits, serve_one
from parquet_tables.columns import Column, Stored, stored_as
from parquet_tables.database import ParquetDatabase, registered
from parquet_tables.names import settle_names
from parquet_tables.progress import ProgressCallback
from parquet_tables.quoting import positional_names, quote_identifier
from parquet_tables.transient_errors import BUSY, is_out_of_memory, machine_fault

NO_HEADER = "The sheet has no header row; its columns are named by their position."
_NO_DAY_BEFORE = "TIMESTAMP '1900-01-01'"
_SHEET, _NUMBERS, _HEADER = "sheet_cells", "sheet_numbers", "sheet_header"
EXCEL_DIGITS, NOISE = 15, 1e-15
_NUMBERED = re.compile(r"_\d+$")

# fastexcel warns of each empty column.
logging.getLogger("fastexcel").setLevel(logging.ERROR)


def main() -> None:
    """Read the workbook of the request on the first line of standard input."""
    serve_one(
        WorkbookRequest,
        lambda read: ProcessLimits(read.limits.memory_mb, read.limits.threads, read.limits.cpu_s),
        answer_to,
    )


def answer_to(request: WorkbookRequest, on_progress: ProgressCallback) -> dict[str, Any]:
    """Return the tables of a workbook, or its error, as JSON."""
    try:
        return {"tables": [asdict(table) for table in _tables(request, on_progress)]}
    except (UnreadableFile, InvalidOption) as error:
        return _error_json(error)
    except (MemoryError, duckdb.Error, OSError) as error:
        if is_out_of_memory(error):
            return _error_json(too_much_memory(request.limits))
        fault = machine_fault(error)
        if fault is None:
            raise
        return {"fault": errno.EBUSY if fault is BUSY else errno.ENOSPC}


def _error_json(error: DomainError) -> dict[str, Any]:
    return {
        "error": error.code,
        "template": error.template,
        "parameters": error.parameters,
        "loc": error.loc,
    }


def _tables(request: WorkbookRequest, on_progress: ProgressCallback) -> tuple[ImportedTable, ...]:
    limits, destination = request.limits, request.destination
    with (
        ParquetDatabase(
            destination,
            destination / "spill",
            memory_mb=limits.memory_mb // 4,
            threads=limits.threads,
        ) as database,
        database.cursor() as cursor,
    ):
        memory_bytes = database.thread_memory_bytes
        work = ImportWork(cursor, destination, on_progress, request.row_group_rows, memory_bytes)
        return _read_workbook(work, request.path, request.options, limits.unpacked_bytes)


def _read_workbook(
    work: ImportWork, path: Path, options: ReadOptions, unpacked_bytes: int
) -> tuple[ImportedTable, ...]:
    """Read every non-empty sheet; results and errors are those of ``import_workbook``."""
    with open_archive(path) as archive:
        check_size(archive, unpacked_bytes)
    work.on_progress(0.0, "searching for stray cells")
    cells = cells_of_sheets(path)
    path, compacted = without_stray_cells(path, work.scratch("compact"))
    with _panics_as(UnreadableFile("The workbook is damaged. Save it again as .xlsx.")):
        reader = fastexcel.read_excel(path)
        sheets = reader.sheet_names
    if options.sheet is not None and options.sheet not in sheets:
        raise InvalidOption(
            'The workbook has no sheet "{sheet}". {choices}',
            loc=("options", "sheet"),
            sheet=options.sheet,
            choices=choices_sentence(options.sheet, sheets),
        )
    is_below = given_range(options) is not None
    why_empty = "has no cells below the skipped rows" if is_below else "is empty"
    tables: list[ImportedTable] = []
    skipped: list[str] = []
    for number, name in enumerate(sheets):
        if options.sheet not in (None, name):
            continue
        part = work.part(number / len(sheets), (number + 1) / len(sheets))
        part.on_progress(0.0, f"reading the sheet {name}")
        notes: list[str] = []
        if name in compacted:
            notes = [
                f'The sheet "{name}" has cells far apart; its empty rows and columns were left out.'
            ]
        known = cells.get(name, SheetCells())
        if name in compacted:  # its columns have other places now
            known = replace(known, formats=())
        table = _import_sheet(part, reader, number, name, notes, options, known)
        if table:
            tables.append(_placed(table, known))
        else:
            skipped.append(f'The sheet "{name}" {why_empty}; it was left out.')
    if not tables:
        raise UnreadableFile("The workbook has no sheet with cells.")
    # Refuses an option for a column that no sheet has.
    renamed([reading.source_name for table in tables for reading in table.readings], options)
    first, *others = tables
    notes_of_first = (*first.notes, *skipped)
    if others:
        return (replace(first, notes=notes_of_first), *others)
    named = () if len(sheets) == 1 else (f'The table is the sheet "{first.key}".',)
    return (replace(first, key=PRIMARY, notes=(*named, *notes_of_first)),)


def _placed(table: ImportedTable, cells: SheetCells) -> ImportedTable:
    """Say where the table stands, and which of its formulas have no result."""
    above = _rows_above(table.detected, cells)
    empty = tuple(
        (row - above - 1, column - cells.first_column, name)
        for row, column, name in cells.empty_formulas
        if row > above
    )
    last = above + table.rows
    below = tuple(RowBelow(last + each.row, each.cells) for each in table.below)
    table = replace(table, place=TablePlace(above + 1, empty), below=below)
    if not empty:
        return table
    note = (
        f"{counted(len(empty), 'formula has', 'formulas have')} no stored result, such as "
        f"{empty[0][2]}, and were read as empty. Open the workbook in a spreadsheet program, save "
        "it and try again."
    )
    return replace(table, notes=(*table.notes, note))


def _rows_above(detected: Mapping[str, Any], cells: SheetCells) -> int:
    """The number of the row above the table's first one."""
    if detected["header_row"] == 1:  # the first row that isn't empty
        return cells.first_row
    return int(detected["header_row"] or detected["skip_above"])


@contextmanager
def _panics_as(unreadable: UnreadableFile) -> Iterator[None]:
    """Raise ``unreadable`` for the parser's errors and panics inside the block."""
    try:
        yield
    except fastexcel.FastExcelError as error:
        raise unreadable from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # pyo3 has no class to import
            raise
        raise unreadable from error


@dataclass(frozen=True)
class _Sheet:
    """The loaded cells of a sheet's table; ``numbers`` are those in the text columns ``mixed``."""

    cells: fastexcel.ExcelSheet
    numbers: fastexcel.ExcelSheet
    mixed: Sequence[int]
    within: SheetRange
    header: Sequence[str | None]

    @property
    def source(self) -> str:
        """The SQL of all cells, and of the numbers beside texts."""
        source = _cells(self.cells.width)
        if not self.mixed:
            return source
        as_numbers = ", ".join(f"n{i}" for i in self.mixed)
        return f"{source} POSITIONAL JOIN {_NUMBERS} AS numbers({as_numbers})"


def _load(
    cursor: duckdb.DuckDBPyConnection,
    reader: fastexcel.ExcelReader,
    number: int,
    options: ReadOptions,
) -> _Sheet | None:
    """Load the table of a sheet; returns None if it has no cells."""
    given = given_range(options)
    cells = (given or SheetRange()).load(reader, number)
    if not cells.width:
        return None
    within = given or found_range(cursor, reader, number, cells)
    if within != SheetRange():
        cells = within.load(reader, number)
    within = without_footer(cursor, cells, options, within)
    if within.skip_below:
        cells = within.load(reader, number)
    mixed = [i for i, c in enumerate(cells.selected_columns) if c.dtype == "string"]
    numbers = cells
    if mixed:  # fastexcel counts these columns from A
        places = [cells.selected_columns[i].absolute_index for i in mixed]
        numbers = within.load(reader, number, dtypes="float", use_columns=places)
    header = within.names or _header(cursor, reader, cells, number, within)
    return _Sheet(cells, numbers, mixed, within, header)


def _import_sheet(
    work: ImportWork,
    reader: fastexcel.ExcelReader,
    number: int,
    name: str,
    notes: Sequence[str],
    options: ReadOptions,
    known: SheetCells,
) -> ImportedTable | None:
    """Import one sheet; returns None if it has no cells."""
    unreadable = UnreadableFile(
        'The sheet "{sheet}" can\'t be read. Save the workbook again as .xlsx.', sheet=name
    )
    with _panics_as(unreadable):
        sheet = _load(work.cursor, reader, number, options)
    if sheet is None:
        return None
    source_names, name_notes = settle_names(sheet.header)
    if sheet.within.header_row is None:
        name_notes = (NO_HEADER,)
    options = options.for_columns(source_names)
    names, renamed_notes = renamed(source_names, options)
    with registered(work.cursor, {_SHEET: sheet.cells, _NUMBERS: sheet.numbers}):
        places = [
            known.places(column.absolute_index + 1, _rows_above(sheet.within.detected, known))
            for column in sheet.cells.selected_columns
        ]
        stored, readings, asked = _read_columns(work, sheet, names, source_names, options, places)
        wanted = ", ".join(
            f"{column.sql} AS {quote_identifier(title)}"
            for column, title in zip(stored, names, strict=True)
        )
        table = work.write_table(
            f"SELECT {wanted} FROM {sheet.source}",
            (),
            [Column(n, column.type) for n, column in zip(names, stored, strict=True)],
            notes=[
                *sheet.within.notes,
                *name_notes,
                *renamed_notes,
                *(column.note for column in stored if column.note),
                *notes,
            ],
            key=name,
            file_stem=f"sheet_{number + 1}",
        )
    return replace(
        table,
        readings=readings,
        detected={"sheet": name, **sheet.within.detected},
        questions=tuple(asked),
        below=tuple(RowBelow(*row) for row in sheet.within.below),  # numbered from the last row
    )


def _read_columns(
    work: ImportWork,
    sheet: _Sheet,
    names: Sequence[str],
    source_names: Sequence[str],
    options: ReadOptions,
    places: Sequence[int | None],
) -> tuple[list[Stored], tuple[ColumnReading, ...], list[Question]]:
    """Find how each column is stored, what changes in its texts, and what they leave open.

    ``places`` are the decimal places that the number formats of each column show.
    """
    cursor = work.cursor
    types = [row[1] for row in cursor.execute(f"DESCRIBE {_SHEET}").fetchall()]
    places = [
        None if name in options.types else shown
        for name, shown in zip(source_names, places, strict=True)
    ]
    stored = _stored(cursor, names, types, places)
    texts = SheetTexts(sheet.source, [_text_sql(i) for i in sheet.mixed], options)
    columns, asked = read_texts(work, texts, [source_names[i] for i in sheet.mixed], options)
    changes: dict[int, tuple[str, ...]] = {}
    for i, column in zip(sheet.mixed, columns, strict=True):
        stored[i] = _stored_text(column, i, names[i])
        changes[i] = column.plan.inferred.changes
    for i, source_name in enumerate(source_names):
        if i not in changes and source_name in options.types:
            type_ = options.types[source_name]
            stored[i] = _as_given(cursor, sheet.source, stored[i], source_name, type_)
    readings = tuple(
        ColumnReading(title, source_name, changes.get(i, ()))
        for i, (title, source_name) in enumerate(zip(names, source_names, strict=True))
    )
    return stored, readings, asked


def _stored_text(column: TextColumn, place: int, title: str) -> Stored:
    """How a column of texts is stored; its cells were checked."""
    inferred, sql = column.plan.inferred, _text_sql(place)
    note = "; ".join(type_notes([replace(column, name=title)])) or None
    if inferred.type == "VARCHAR":
        return Stored(sql, "VARCHAR", note)
    return Stored(inferred.value(tidied_sql(sql)), inferred.type, note)


def _as_given(
    cursor: duckdb.DuckDBPyConnection, source: str, stored: Stored, name: str, type_: str
) -> Stored:
    """How a column of numbers or times is stored as the type that the options give.

    Raises
    ------
    TypeMisfit
        The type would lose a value.
    """
    if type_ == stored.type:
        return stored
    cast = f"TRY_CAST({stored.sql} AS {type_})"
    back = f"TRY_CAST({cast} AS {stored.type}) IS DISTINCT FROM {stored.sql}"
    sql = f"SELECT CAST({stored.sql} AS VARCHAR) FROM {source} WHERE {back} LIMIT 1"
    found = cursor.execute(sql).fetchone()
    if found:
        raise TypeMisfit(
            'Column "{column}" has values that don\'t fit {type}, for example "{example}". Choose '
            "another type, or text.",
            loc=("options", "types", name),
            column=name,
            type=type_,
            example=str(found[0]),
        )
    return Stored(cast, type_, stored.note)


def _header(
    cursor: duckdb.DuckDBPyConnection,
    reader: fastexcel.ExcelReader,
    cells: fastexcel.ExcelSheet,
    number: int,
    within: SheetRange,
) -> Sequence[str | None]:
    """Return the first row's texts.

    fastexcel returns them as the columns' names, but replaces those that aren't text and numbers
    duplicates. Only in these cases is the sheet parsed again.
    """
    if within.header_row is None:
        return [None] * cells.width
    names = [column.name for column in cells.selected_columns]
    generated = any(column.column_name_from != "looked_up" for column in cells.selected_columns)
    known = set(names)
    if not generated and not any(_NUMBERED.sub("", name) in known - {name} for name in names):
        return names
    sheet = reader.load_sheet(
        number,
        header_row=None,
        skip_rows=within.header_row or None,
        n_rows=1,
        dtypes="string",
        schema_sample_rows=None,
    )
    with registered(cursor, {_HEADER: sheet}):
        (first,) = cursor.execute(f"SELECT * FROM {_HEADER}").fetchall()
    return first


def _stored(
    cursor: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    types: Sequence[str],
    places: Sequence[int | None],
) -> list[Stored]:
    """Narrow the types: fastexcel returns every number as DOUBLE, every day as TIMESTAMP.

    Numbers are decimals if their formats show two to four ``places``, and their values have no
    more.
    """
    checks: list[str] = []
    for i, (type_, shown) in enumerate(zip(types, places, strict=True)):
        whole = other = "false"
        if type_ == "DOUBLE":
            whole = f"bool_and(c{i} = trunc(c{i}) AND abs(c{i}) <= {WHOLE_LIMIT})"
            if shown in MONEY_PLACES:
                other = f"bool_and({_has_places(f'c{i}', shown)})"
        elif type_.startswith("TIMESTAMP"):
            whole = f"bool_and(c{i} = date_trunc('day', c{i}))"
            other = f"bool_and(c{i} < {_NO_DAY_BEFORE})"
        checks += [whole, other]
    sql = f"SELECT {', '.join(checks)}, count(*) FROM {_cells(len(types))}"
    (answers,) = cursor.execute(sql).fetchall()
    stored: list[Stored] = []
    for i, (name, type_) in enumerate(zip(names, types, strict=True)):
        stored.append(_narrowed(i, name, type_, places[i], answers[2 * i], answers[2 * i + 1]))
    return stored


def _narrowed(
    place: int, name: str, type_: str, places: int | None, is_whole: bool, is_other: bool
) -> Stored:
    """How a column is stored; ``is_other`` are amounts, or times without a day."""
    cell = f"c{place}"
    if type_ == "VARCHAR":
        return Stored(_text_sql(place), "VARCHAR")
    if not is_whole and not is_other:
        return stored_as(name, type_, cell)
    if type_ == "DOUBLE":
        narrow = f"DECIMAL({DECIMAL_DIGITS[0]},{places})" if is_other else "BIGINT"
    else:
        narrow = "TIME" if is_other else "DATE"
    return Stored(f"CAST({cell} AS {narrow})", narrow)


def _has_places(cell: str, places: int) -> str:
    """Return the SQL that is true for a number of at most so many decimal places.

    The noise of sums, beyond the 15 digits that Excel shows, counts as none.
    """
    near = f"abs({cell} - round({cell}, {places})) <= abs({cell}) * {NOISE}"
    return f"{near} AND abs({cell}) < 1e{EXCEL_DIGITS - 1 - places}"


def _cells(width: int) -> str:
    return f"{_SHEET} AS cells({positional_names(width)})"


def _text_sql(column: int) -> str:
    """Return the SQL of a cell's text in a column of mixed types.

    fastexcel 0.21 writes numbers there with at most nine decimals, so 1e-12 would be 0. If the text
    differs from the cell's number, DuckDB writes the number.
    """
    text, number = f"c{column}", f"n{column}"
    return (
        f"CASE WHEN TRY_CAST({text} AS DOUBLE) <> {number} "
        f"THEN CAST({number} AS VARCHAR) ELSE {text} END"
    )


@dataclass(frozen=True)
class SheetTexts(TextRows):
    """The text columns of a sheet; ``cells`` is the SQL of each one."""

    source: str
    cells: Sequence[str]
    options: ReadOptions

    def query(self, types: Sequence[CandidateType]) -> CellQuery:
        """Return the cells as they are."""
        return CellQuery(self.source, (), self.cells)

    def candidates(self, cells: Sequence[str], type_: str | None = None) -> CandidateTypes:
        """Return written numbers, dates and times; plain numbers only if the type is given."""
        found = text_candidates(cells, self.options, type_)
        if type_ is not None:
            return found
        return tuple(each for each in found if each.form or not DataType(each.type).is_summable)


def read_texts(
    work: ImportWork, rows: SheetTexts, names: Sequence[str], options: ReadOptions
) -> tuple[list[TextColumn], list[Question]]:
    """Find the types of text columns over all rows; also return what they leave open."""
    if not names:
        return [], []
    first = rows.first_cells(work, len(names))
    types = [options.types.get(name) for name in names]
    lists = [rows.candidates(*each) for each in zip(first, types, strict=True)]
    plans = detect(work.short_step(), rows, lists, None)
    columns = list(map(TextColumn, names, lists, plans, names, types, first))
    columns = decided(work, rows, with_later_decimals(work.short_step(), rows, columns))
    for column in columns:
        if column.given_type not in (None, column.plan.inferred.type):
            raise misfit(work, rows, columns, column)
    columns = [
        replace(column, plan=ColumnPlan((TEXT,))) if column.plan.inferred.empty else column
        for column in columns
    ]
    asked = list(questions(columns))
    known = {question.column for question in asked}
    plain: list[CandidateTypes] = [(TEXT,)] * len(columns)
    for i, column in enumerate(columns):
        is_text = column.plan.inferred == TEXT and not column.given_type and column.first
        if is_text and column.source_name not in known:
            found = text_candidates(column.first)
            plain[i] = found if DataType(found[0].type).is_number else (TEXT,)
    for column, plan in zip(columns, detect(work, rows, plain, None), strict=True):
        if DataType(plan.inferred.type).is_number:
            asked.append(_number_question(column, plan.inferred.type))
    return columns, asked


def _number_question(column: TextColumn, type_: str) -> Question:
    name = column.source_name
    text = f'Column "{name}" stays text: its numbers are stored as text, such as {column.first[0]}.'
    return Question("digits", name, text, (as_type(name), as_type(name, type_)))
