"""A table without rows that were totals: its text columns have the types of the rows that are kept.

A total row often has words where the other rows have a number or a date, so that the column was
read as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from contract.requests.importing import ReadOptions
from import_engine.text_tables import detection_sql, fitting_plans, tidied_sql
from import_engine.values import (
    TEXT,
    CandidateType,
    CandidateTypes,
    grouped_candidates,
    open_subjects,
    text_candidates,
)
from import_engine.work import ImportedTable, ImportWork
from parquet_tables.columns import Column
from parquet_tables.quoting import quote_identifier

_READING = "reading the kept rows"


def without_rows(
    work: ImportWork, table: ImportedTable, places: Sequence[int], options: ReadOptions
) -> ImportedTable:
    """Write the table again without some rows, and with the types that the others have.

    A column whose type the options give, or a question is about, stays as it is, and so does one in
    which the rows left out have no value, or the kept rows values that can be read in several ways.
    """
    old = table.files[0].written
    params = [str(old), places]
    types = _types(work, table, params, options)
    values = ", ".join(
        f"{kind.value(tidied_sql(f'f.{quote_identifier(name)}'))} AS {quote_identifier(name)}"
        for name, kind in types.items()
    )
    replaced = f" REPLACE ({values})" if values else ""
    columns = [
        Column(each.name, types[each.name].type) if each.name in types else each
        for each in table.columns
    ]
    notes = [
        note
        for note in table.notes
        if not any(note.startswith(f'Column "{name}" stays text: ') for name in types)
    ]
    notes += filter(None, (kind.note(name) for name, kind in types.items()))
    written = work.write_table(
        f"SELECT f.*{replaced} FROM {_rows(kept=True)} AS f",
        params,
        columns,
        notes=notes,
        key=table.key,
        file_stem=f"{old.stem}_without_totals",
    )
    old.unlink()
    readings = tuple(
        replace(each, changes=types[each.name].changes) if each.name in types else each
        for each in table.readings
    )
    return replace(
        table,
        columns=written.columns,
        files=written.files,
        notes=tuple(notes),
        readings=readings,
    )


def _rows(*, kept: bool) -> str:
    """The SQL of the rows that are kept, or of those that are left out."""
    return (
        f"(SELECT f.* FROM read_parquet(?) AS f WHERE {'NOT' if kept else ''} f.file_row_number IN "
        "(SELECT unnest(CAST(? AS BIGINT[]))))"
    )


def _types(
    work: ImportWork, table: ImportedTable, params: Sequence[object], options: ReadOptions
) -> dict[str, CandidateType]:
    """The types of text columns that all kept values have, by the columns' names."""
    known = {*(options.types or {}), *(each.column for each in table.questions)}
    names = [
        each.name
        for each, reading in zip(table.columns, table.readings, strict=True)
        if each.type == "VARCHAR" and reading.source_name not in known
    ]
    if not names:
        return {}
    cells = [tidied_sql(quote_identifier(name)) for name in names]
    some = ", ".join(f"bool_or({cell} IS NOT NULL)" for cell in cells)
    (has_value,) = work.ask(f"SELECT {some} FROM {_rows(kept=False)}", params, _READING)
    names = [name for name, is_in_totals in zip(names, has_value, strict=True) if is_in_totals]
    if not names:
        return {}
    source = _rows(kept=True)
    lists = ", ".join(
        f"list({tidied_sql(quote_identifier(name))}) FILTER "
        f"({tidied_sql(quote_identifier(name))} IS NOT NULL)"
        for name in names
    )
    first = f"(SELECT * FROM {source} LIMIT {work.sample_rows:d})"
    (found,) = work.ask(f"SELECT {lists} FROM {first}", params, _READING)
    candidates = [_candidates(values or [], options) for values in found]
    sql = detection_sql(source, [quote_identifier(name) for name in names], candidates, None)
    (row,) = work.ask(sql, params, _READING)
    plans = zip(names, fitting_plans(row, candidates), strict=True)
    return {
        name: plan.inferred
        for name, plan in plans
        if plan.inferred.type != "VARCHAR" and not open_subjects(plan.candidates)
    }


def _candidates(cells: Sequence[str], options: ReadOptions) -> CandidateTypes:
    """The types that the first values may have; text alone for none, and for grouped digits."""
    if not cells or grouped_candidates(cells, options):
        return (TEXT,)
    return text_candidates(cells, options)
