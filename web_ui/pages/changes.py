"""The page "What changed": two versions of a table side by side, and the rows that differ.

The versions, the row diff and its filters are in the URL. Without a row diff in the URL the page
shows the latest one of the two tables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.access import RowSource
from application.comparing import likely_key, shown_tables
from application.explorations import submit_table
from application.table_views import parse_view, view_page, view_total
from contract.columns import cell_text
from contract.requests.exploring import CompareToRequest, ExplorationRequest
from contract.words import Duplicates
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.names import folded
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.tables import Column
from service.tables.chosen_keys import declared_key_of
from service.tables.open_tables import (
    RESULT,
    OpenTable,
    choose_key,
    open_commit,
    open_table,
    output_of,
)
from storage.accounts.datasets import DatasetRecord
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import ROW_DIFF
from storage.jobs.lists import JobFilters, list_jobs
from storage.sqlite.clock import timestamp
from storage.versions.manifests import Commit, history
from storage.versions.refs import MAIN, list_refs
from web_ui.numbers import holds_numbers, type_words
from web_ui.pages.request_code import code_at
from web_ui.profile_pictures import small_picture
from web_ui.shell import (
    MAX_OFFSET,
    blueprint,
    caller,
    number_between,
    service,
    show,
    submission,
    to,
)

Values = dict[str, Any]
KINDS = {"changed": "Changed", "added": "Added", "removed": "Removed"}
PAGE_ROWS = 50
COMPARISON_WAIT_S = 1.0
"""How long the page waits for a comparison; a script then waits for it."""
MAX_VERSIONS = 100
MAX_JOBS = 200
MAX_COLUMNS, MAX_ALL_COLUMNS = 30, 500
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


@dataclass(frozen=True)
class Side:
    """One of the two tables, and how the URL names it."""

    ref: str
    table: OpenTable


@blueprint.get("/datasets/<int:dataset_id>/changes")
def changes(dataset_id: int) -> Response:
    """Show what changed between two versions of a table; by default since the previous one."""
    found = caller().dataset(dataset_id, "read")
    values: Values = {"refs": [], "commits": [], "base": None, "other": None}
    try:
        values |= _versions(found)
        if values["base"] is not None:
            values |= _row_diff(found, values["base"], values["other"])
            values |= _compared(found, values["base"], values["other"])
            values |= _code(found, values["base"], values["other"], values)
    except DomainError as error:
        values["problem"] = error.message
    return show(
        "changes.html",
        dataset=found,
        may_write=caller().may(found, "write"),
        kinds=KINDS,
        now=timestamp(service().clock()),
        picture=small_picture,
        type_change=type_change,
        **values,
    )


@blueprint.post("/datasets/<int:dataset_id>/changes")
def list_changes(dataset_id: int) -> AnyResponse:
    """Submit a row diff and show its progress."""
    found = caller().dataset(dataset_id, "write")
    given = {name: request.form.get(name, "") for name in ("from", "from_table", "to", "to_table")}
    keys = request.form.getlist("keys")
    duplicates: Duplicates = "number" if request.form.get("duplicates") == "number" else "refuse"
    path = f"/datasets/{dataset_id}/changes"
    meaning = urlencode({**given, "keys": keys, "duplicates": duplicates})
    by = submission("interactive", f"{path}?{meaning}")
    request_ = ExplorationRequest(
        source_ref=given["from"],
        table_key=given["from_table"] or None,
        compare_to=CompareToRequest(source_ref=given["to"], table_key=given["to_table"] or None),
        keys=keys,
        duplicates=duplicates,
    )
    job = submit_table(service(), by, found, request_)
    return to(f"{path}?{urlencode({**given, 'diff': job.id})}#rows")


def type_change(before: str, now: str) -> str:
    """A column's types in words; as SQL has them if the words are the same.

    >>> type_change("VARCHAR", "DECIMAL(12,2)"), type_change("INTEGER", "BIGINT")
    ('text → number with 2 decimals', 'INTEGER → BIGINT')
    """
    words = type_words(before), type_words(now)
    return " → ".join(words if words[0] != words[1] else (before, now))


def _versions(found: DatasetRecord) -> Values:
    """The versions to choose from and the two chosen tables."""
    other_ref, base_ref = request.args.get("to") or MAIN, request.args.get("from", "")
    with service().database.read() as tx:
        refs, _ = list_refs(tx, found.id)
        if any(ref.name == other_ref and ref.commit_id is None for ref in refs):
            return {}
        other = open_commit(tx, found.id, other_ref)
        commits, _ = history(tx, found.id, other.id, offset=0, limit=MAX_VERSIONS)
        base_ref = base_ref or other.manifest.parent_id or ""
        base = open_commit(tx, found.id, base_ref) if base_ref else None
    to = _side(found, other_ref, other, choose_key(other, request.args.get("to_table") or None))
    sides: list[Side | None] = [None, to]
    if base is not None:
        key = request.args.get("from_table") or _same_key(base, to.table.name)
        sides[0] = _side(found, base_ref, base, choose_key(base, key))
    return {
        "refs": [ref for ref in refs if ref.commit_id is not None],
        "commits": commits,
        "chosen": {"from": base_ref, "to": other_ref},
        "tables": {
            side: [table.name for table in commit.manifest.tables] if commit else []
            for side, commit in (("from", base), ("to", other))
        },
        "base": sides[0],
        "other": sides[1],
    }


def _same_key(commit: Commit, key: str) -> str | None:
    return key if any(table.name == key for table in commit.manifest.tables) else None


def _side(found: DatasetRecord, ref: str, commit: Commit, key: str) -> Side:
    return Side(ref, open_table(service(), found.id, commit.id, key))


def _compared(found: DatasetRecord, base: Side, other: Side) -> Values:
    """The comparison of the two tables, or why there is none."""
    one, two = ((side.table.commit_id, side.table.key) for side in (base, other))
    columns = other.table.files.columns
    try:
        compared = shown_tables(caller(), found.id, one, two, wait_s=COMPARISON_WAIT_S)
    except DomainError as error:
        key = likely_key(service(), base.table, other.table)
        return {"found": None, "not_compared": error, "suggested": _named(columns, key)}
    suggested = compared["suggested_keys"]
    return {"found": compared, "suggested": _named(columns, suggested[0] if suggested else ())}


def _code(found: DatasetRecord, base: Side, other: Side, values: Values) -> Values:
    """The request of a row diff as code; nothing without columns that identify rows."""
    keys = [column.name for column in values["keys"] or values["suggested"]]
    if not keys:
        return {}
    body: Values = {
        "source_ref": base.ref,
        "table_key": base.table.name,
        "compare_to": {"source_ref": other.ref, "table_key": other.table.name},
        "keys": keys,
        "duplicates": "number" if values["numbers_equal_keys"] else "refuse",
    }
    return code_at(f"/api/exploration/datasets/{found.id}/jobs", body)


def _named(columns: Sequence[Column], names: Sequence[str]) -> list[Column]:
    wanted = {folded(name) for name in names}
    return [column for column in columns if folded(column.name) in wanted]


def _row_diff(found: DatasetRecord, base: Side, other: Side) -> Values:
    """The row diff of the URL, or the latest one; its rows if it is completed."""
    job = _job_of_url(found) or _latest_job(found, base.table, other.table)
    shared = {folded(column.name) for column in base.table.files.columns}
    columns = [column for column in other.table.files.columns if folded(column.name) in shared]
    values: Values = {"shared": columns, "diff_job": job, "suggested": ()}
    names, values["numbers_equal_keys"] = _chosen_key(found, base, other, job)
    values["keys"] = _named(columns, names)
    if job is None:
        return values
    if job.status != "completed":
        return values
    values["diff"] = (job.output_summary or {})["row_diff"]
    try:
        values["rows"] = _changed_rows(job)
    except DomainError as error:  # they were pruned, or hold too much text for a page
        values["rows_problem"] = error.message
    return values


def _chosen_key(
    found: DatasetRecord, base: Side, other: Side, job: JobRecord | None
) -> tuple[list[str], bool]:
    """The key of a row diff, else the row key of the table; and whether equal keys are matched."""
    if job is not None:
        duplicates = job.run_parameters.get("duplicates", "refuse")
        return job.run_parameters["keys"], duplicates == "number"
    with service().database.read() as tx:
        declared = declared_key_of(tx, found.id, base.table) or declared_key_of(
            tx, found.id, other.table
        )
    return ([], False) if declared is None else (declared.columns, declared.duplicates == "number")


def _job_of_url(found: DatasetRecord) -> JobRecord | None:
    job = caller().job(request.args["diff"]) if request.args.get("diff") else None
    return job if job and job.kind is ROW_DIFF and job.dataset_id == found.id else None


def _latest_job(found: DatasetRecord, base: OpenTable, other: OpenTable) -> JobRecord | None:
    filters = JobFilters(dataset_id=found.id, run_type="exploration")
    with service().database.read() as tx:
        jobs, _ = list_jobs(tx, caller().user, filters, offset=0, limit=MAX_JOBS)
    wanted = (base.commit_id, base.key, other.commit_id, other.key)
    return next((job for job in jobs if job.kind is ROW_DIFF and _tables_of(job) == wanted), None)


def _tables_of(job: JobRecord) -> tuple[str | None, ...]:
    compare_to = job.run_parameters["compare_to"]
    key = job.run_parameters["table_key"]
    return (job.source_commit_id, key, compare_to["commit_id"], compare_to["table_key"])


@dataclass(frozen=True)
class Cell:
    """A cell of a compared column: its texts in both tables, and whether they differ."""

    before: str | None
    now: str | None
    kind: str


@dataclass(frozen=True)
class ChangedRow:
    """A row of the diff."""

    kind: str
    keys: list[str | None]
    cells: list[Cell]


@dataclass(frozen=True)
class ChangedRows:
    """A page of the rows of a diff, as the URL filters them."""

    rows: list[ChangedRow]
    columns: list[Values]
    left_out: int
    total: int
    offset: int
    kind: str
    column: str
    job: JobRecord
    filters: str

    @property
    def page(self) -> Values:
        """The pager's values."""
        return {"total": self.total, "offset": self.offset, "limit": PAGE_ROWS}

    def download(self, file_format: str) -> str:
        """The URL of all rows of the filter as a file."""
        query = {"format": file_format, **({"filters": self.filters} if self.filters else {})}
        return f"/api/exploration/jobs/{self.job.id}/result?{urlencode(query)}"


def _changed_rows(job: JobRecord) -> ChangedRows:
    diff = (job.output_summary or {})["row_diff"]
    kind, column = request.args.get("kind", ""), request.args.get("column", "")
    kind = kind if kind in KINDS else ""
    names = {one["name"] for one in diff["columns"] if one["changed"]}
    column = column if column in names else ""
    offset = number_between("offset", 0, MAX_OFFSET, 0)
    shown = _shown_columns(diff["columns"], kind)
    with caller().reading():
        table = open_table(service(), job.dataset_id, output_of(job), RESULT)
        text = _filter(kind, column)
        view = parse_view(table.files, text or None, None, descending=False)
        used = (one[side] for one in shown for side in ("before", "now") if one[side])
        columns = table.files.select(("_change", "_changed_columns", *diff["keys"], *used))
        rows = view_page(service(), table, view, columns, offset, PAGE_ROWS)
        caller().audit_view(RowSource(job.dataset_id, table.commit_id, RESULT, job.id))
        total = view_total(service(), table, view)
    return ChangedRows(
        rows=[_row(row, table.files.select(tuple(diff["keys"])), shown) for row in rows],
        columns=[
            {**one, "is_number": holds_numbers(one["other_type"] or one["base_type"])}
            for one in shown
        ],
        left_out=len(diff["columns"]) - len(shown),
        total=total,
        offset=offset,
        kind=kind,
        column=column,
        job=job,
        filters=text,
    )


def _shown_columns(columns: Sequence[Values], kind: str) -> list[Values]:
    """By default the columns that changed; all of them for added or removed rows.

    Of very wide tables, the result lacks some columns.
    """
    columns = [one for one in columns if one["before"] or one["now"]]
    if request.args.get("columns") == "all":
        return list(columns[:MAX_ALL_COLUMNS])
    changed = [one for one in columns if one["changed"]]
    return (changed if changed and kind in ("", "changed") else list(columns))[:MAX_COLUMNS]


def _filter(kind: str, column: str) -> str:
    """The filter expression of the rows of a kind, or with a change in a column."""
    if column:
        pattern = quote_text(f"%{quote_identifier(column)}%")
        return f"_change = 'changed' AND _changed_columns LIKE {pattern}"
    return f"_change = '{kind}'" if kind else ""


def _row(row: Values, keys: Sequence[Column], columns: Sequence[Values]) -> ChangedRow:
    kind = row["_change"]
    names = _QUOTED.findall(row["_changed_columns"] or "")
    changed = {name.replace('""', '"') for name in names}
    cells = [
        Cell(_text(row, one, "before"), _text(row, one, "now"), _cell_kind(one, kind, changed))
        for one in columns
    ]
    return ChangedRow(kind, [_cell_text(row[key.name], key) for key in keys], cells)


def _text(row: Values, column: Values, side: str) -> str | None:
    if not column[side]:
        return None
    type_ = column["base_type" if side == "before" else "other_type"]
    return _cell_text(row[column[side]], Column(column["name"], type_))


def _cell_text(value: Any, column: Column) -> str | None:
    return None if value is None else cell_text(value, column.name, column.type)


def _cell_kind(column: Values, kind: str, changed: set[str]) -> str:
    """Whether a cell changed, is shown as it is in one table, or has no value in the row."""
    if column["name"] in changed and column["before"] and column["now"]:
        return "changed"
    side = "before" if kind == "removed" or not column["now"] else "now"
    has_side = column[side] and not (side == "before" and kind == "added")
    return side if has_side else "none"
