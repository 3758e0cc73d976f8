"""Whether the tables of a new version meet the data contracts of their dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contract.requests.data_contract import ContractColumn, DataContractRequest
from contract.words import ContractTerm
from domain_errors import DomainError, counted
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, execute_watched, ignore_progress
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.rows import scan_statement
from parquet_tables.tables import TableFiles, UnknownColumn
from sampling_engine.filters import parse_expression
from service.service import Service
from service.tables.key_checks import check_key, fault_of
from service.tables.open_tables import table_files
from service.tables.row_names import declared_key
from storage.versions.data_contracts import ContractFailure, data_contracts
from storage.versions.manifests import StoredTable
from storage.versions.row_keys import NewRowKey

EXAMPLES = 3
"""Rows that a failure names."""
ROUNDING = 1e-9


def terms_of(recorded: Mapping[str, Any]) -> DataContractRequest:
    """The terms of a stored data contract."""
    columns = tuple(ContractColumn(**column) for column in recorded.get("columns", ()))
    return DataContractRequest(**{**recorded, "columns": columns})


def check_contracts(
    service: Service,
    parquet: ParquetDatabase,
    dataset_id: int,
    tables: Sequence[StoredTable],
    new_keys: Sequence[NewRowKey] = (),
    on_progress: ProgressCallback = ignore_progress,
) -> list[ContractFailure] | None:
    """What the tables of a version don't meet; None if the dataset has no data contract.

    One statement reads the columns that the contract is about; the row key is read by itself.

    Parameters
    ----------
    new_keys : sequence of NewRowKey
        Row keys that the version declares.
    """
    with service.database.read() as tx:
        contracts = data_contracts(tx, dataset_id)
    if not contracts:
        return None
    failures: list[ContractFailure] = []
    stored = {table.key: table for table in tables}
    keys = {each.table_key: RowKey(tuple(each.columns), each.duplicates) for each in new_keys}
    for contract in contracts:
        table = stored.get(contract.table_key)
        if table is None:
            text = "The version has no such table."
            failures.append(_failure(contract.table_key, "table", None, text))
            continue
        key = keys.get(table.key) or declared_key(service, dataset_id, table.key)
        terms = terms_of(contract.terms)
        failures += check_table(service, parquet, table, terms, key, on_progress)
    return failures


def check_table(
    service: Service,
    parquet: ParquetDatabase,
    table: StoredTable,
    terms: DataContractRequest,
    key: RowKey | None,
    on_progress: ProgressCallback = ignore_progress,
) -> list[ContractFailure]:
    """What a table with a row key doesn't meet of a data contract."""
    return list(_Check(service, parquet, table, terms, on_progress).failures(key))


def _failure(
    table_key: str,
    term: ContractTerm,
    name: str | None,
    text: str,
    rows: int | None = None,
    ordinals: Sequence[int] = (),
) -> ContractFailure:
    return {
        "table_key": table_key,
        "term": term,
        "name": name,
        "text": text,
        "rows": rows,
        "examples": [f"{table_key}:{ordinal}" for ordinal in ordinals[:EXAMPLES]],
    }


@dataclass(frozen=True)
class _RowTerm:
    """A term that each row meets or doesn't: a boolean expression over ``f``."""

    term: ContractTerm
    name: str
    sql: str
    params: Sequence[object] = ()
    allowed: int = 0


@dataclass(frozen=True)
class _Check:
    """The check of a table."""

    service: Service
    parquet: ParquetDatabase
    table: StoredTable
    terms: DataContractRequest
    on_progress: ProgressCallback

    def failures(self, key: RowKey | None) -> Iterator[ContractFailure]:
        """What the table doesn't meet."""
        yield from self._columns()
        yield from self._row_count()
        files = table_files(self.service, self.table)
        yield from self._rows(files)
        if self.terms.row_key and key is not None:
            yield from self._row_key(files, key)

    def _failure(
        self,
        term: ContractTerm,
        name: str | None,
        text: str,
        rows: int | None = None,
        ordinals: Sequence[int] = (),
    ) -> ContractFailure:
        return _failure(self.table.key, term, name, text, rows, ordinals)

    def _columns(self) -> Iterator[ContractFailure]:
        present = {column.name: column for column in self.table.columns}
        declared = {column.name for column in self.terms.columns}
        for asked in self.terms.columns:
            column = present.get(asked.name)
            if column is None:
                yield self._failure("column", asked.name, f'The column "{asked.name}" is missing.')
            elif asked.type is not None and not column.data_type.serves_as(asked.type):
                text = f'"{asked.name}" has the type {column.type} instead of {asked.type}.'
                yield self._failure("type", asked.name, text)
        if declared and not self.terms.more_columns:
            for name in present:
                if name not in declared:
                    text = f'The column "{name}" isn\'t in the contract.'
                    yield self._failure("more_columns", name, text)

    def _row_count(self) -> Iterator[ContractFailure]:
        rows, terms = self.table.row_count, self.terms
        has = f"The table has {counted(rows, 'row')}"
        if terms.min_rows is not None and rows < terms.min_rows:
            text = f"{has}; the contract asks for at least {terms.min_rows:,}."
            yield self._failure("rows", None, text, rows)
        if terms.max_rows is not None and rows > terms.max_rows:
            text = f"{has}; the contract allows at most {terms.max_rows:,}."
            yield self._failure("rows", None, text, rows)

    def _rows(self, files: TableFiles) -> Iterator[ContractFailure]:
        checked: list[_RowTerm] = []
        for asked in self.terms.columns:
            if asked.max_null_share < 1 and (column := self._present(asked.name)) is not None:
                checked.append(
                    _RowTerm(
                        "null_share",
                        column.name,
                        f"f.{quote_identifier(column.name)} IS NULL",
                        allowed=math.floor(asked.max_null_share * files.row_count + ROUNDING),
                    )
                )
        for text in self.terms.conditions:
            try:
                sql, params = parse_expression(text, files, now=self.service.clock()).condition("f")
            except DomainError as error:  # it fitted the columns when the contract was set
                is_missing = isinstance(error, UnknownColumn)
                why = (
                    error.message if is_missing else "A column of it has another type than before."
                )
                yield self._failure("condition", text, f"{text} can't be checked. {why}")
                continue
            checked.append(_RowTerm("condition", text, f"NOT {sql}", params))
        if not checked or not files.row_count:
            return
        selected = [f"({term.sql}) AS t{at}" for at, term in enumerate(checked)]
        params = [value for term in checked for value in term.params]
        scan, bound = scan_statement(files, selected, params)
        figures = ", ".join(
            f"count(*) FILTER (WHERE t{at}), min(ordinal, {EXAMPLES}) FILTER (WHERE t{at})"
            for at in range(len(checked))
        )
        with self.parquet.cursor(files) as cursor:
            (row,) = execute_watched(
                cursor,
                f"SELECT {figures} FROM ({scan})",
                bound,
                self.on_progress,
                "checking the data contract",
            )
        for at, term in enumerate(checked):
            rows, ordinals = _number(row[2 * at]), _ordinals(row[2 * at + 1])
            if rows > term.allowed:
                text = self._text(term, rows, files.row_count)
                yield self._failure(term.term, term.name, text, rows, ordinals)

    def _present(self, name: str) -> Column | None:
        return next((each for each in self.table.columns if each.name == name), None)

    @staticmethod
    def _text(term: _RowTerm, rows: int, all_rows: int) -> str:
        of = f"{rows:,} of {counted(all_rows, 'row')}"
        if term.term == "condition":
            return f"{of} don't meet {term.name}."
        allowed = f"at most {term.allowed:,}" if term.allowed else "none"
        return f'"{term.name}" is NULL in {of}; the contract allows {allowed}.'

    def _row_key(self, files: TableFiles, key: RowKey) -> Iterator[ContractFailure]:
        directory = self.service.directory.counts_dir
        try:
            check = check_key(self.parquet, directory, files, key, None, self.on_progress)
        except DomainError as error:
            yield self._failure("row_key", key.name, error.message)
            return
        fault = fault_of(check, key)
        if fault is not None:
            rows = check["missing"] or check["repeated"]
            shared = [row for each in check["repeated_keys"] for row in each["rows"]]
            ordinals = check["missing_rows"] if check["missing"] else shared
            yield self._failure("row_key", key.name, fault.message, rows, ordinals)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _ordinals(value: object) -> list[int]:
    return [int(each) for each in value] if isinstance(value, list) else []
