"""The further tables of the tab SQL: of a sample its uploads and findings, and other versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request

from contract.requests.exploring import MAX_WITH_TABLES
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.quoting import shown_identifier
from service.sql_joins import FINDINGS, UPLOADS, joined_tables, resolve_joins
from service.tables.drawn_rows import ROW_ID
from storage.jobs.publishing import job_with_output
from storage.versions.manifests import Commit
from storage.versions.refs import QUERY_PREFIX, SAMPLE_PREFIX, list_refs
from web_ui.job_texts import problem_text
from web_ui.shell import caller, service

MAX_SQL_COLUMNS = 500
MAX_VERSIONS_SHOWN = 50
Values = dict[str, Any]


@dataclass(frozen=True)
class FurtherTables:
    """The choices and the chosen tables, with their columns."""

    values: Values
    listed: list[Values]


def sql_columns(columns: Sequence[Column]) -> list[dict[str, str]]:
    """The first columns of a table by their SQL names."""
    return [
        {"name": column.name, "type": column.type, "sql": shown_identifier(column.name)}
        for column in columns[:MAX_SQL_COLUMNS]
    ]


def further_tables(dataset_id: int, ref: str, commit: Commit) -> FurtherTables:
    """The tables that the URL names by ``with``; none if one of them can't be read."""
    requested = list(dict.fromkeys(request.args.getlist("with")))[:MAX_WITH_TABLES]
    values: Values = {"with_tables": requested, "with_problem": None}
    values["further_tables"] = _choices(dataset_id, ref, commit, requested)
    listed: list[Values] = []
    try:
        if requested:
            with caller().reading():
                listed = _listed(dataset_id, commit, requested)
    except DomainError as error:
        values |= {"with_tables": [], "with_problem": problem_text(error)}
    return FurtherTables(values, listed)


def _listed(dataset_id: int, commit: Commit, requested: Sequence[str]) -> list[Values]:
    joined = resolve_joins(service(), dataset_id, commit, requested)
    with joined_tables(service(), commit, joined, "") as tables:
        return [
            {
                "key": table.key,
                "name": table.key,
                "sql": shown_identifier(table.key),
                "rows": None,
                "column_count": len(table.columns),
                "columns": sql_columns(
                    table.columns
                    if table.row_ids is None
                    else (Column(ROW_ID, "VARCHAR"), *table.columns)
                ),
            }
            for table in tables
        ]


def _choices(dataset_id: int, ref: str, commit: Commit, requested: Sequence[str]) -> dict[str, str]:
    """The values of ``with`` and their titles."""
    with service().database.read() as tx:
        job = job_with_output(tx, dataset_id, commit.id)
        refs, _ = list_refs(tx, dataset_id)
    names = [
        each.name
        for each in refs
        if each.commit_id is not None
        and each.name != ref
        and not each.name.startswith((SAMPLE_PREFIX, QUERY_PREFIX))
    ]
    is_sample = job is not None and job.run_type == "sampling"
    choices = {UPLOADS: "Uploaded values", FINDINGS: "Findings"} if is_sample else {}
    choices |= {name: f"Version {name}" for name in names[:MAX_VERSIONS_SHOWN]}
    return choices | {text: f"Version {text}" for text in requested if text not in choices}
