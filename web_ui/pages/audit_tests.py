"""The tab "Tests" of a dataset: the audit tests with their forms, and the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Any

from flask import request

from application.audit_test_sheet import (
    assumptions_table,
    figure_blocks,
    figures_facts,
    parameters_facts,
    scope_facts,
)
from application.audit_tests import audit_test_answer
from application.lifecycle import same_request
from contract.columns import DataType
from contract.declarations import Declared, Request, declared
from contract.fields import (
    Choice,
    ColumnName,
    Count,
    DateColumn,
    Flag,
    Items,
    Kind,
    NumberColumn,
    Part,
    TextColumnName,
)
from contract.requests.audit_tests import AUDIT_TESTS, MAX_TEST_COLUMNS, AuditTestRequest
from contract.requests.exploring import MAX_OUTPUT_NAME
from parquet_tables.tables import Column
from service.tables.open_tables import PRIMARY, open_commit
from storage.accounts.datasets import DatasetFilters, list_datasets
from storage.errors import NotFound, Pruned
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import AUDIT_TEST
from storage.jobs.lists import JobFilters, list_jobs
from storage.versions.manifests import Commit
from storage.versions.refs import MAIN, list_refs
from web_ui.contract_forms import FormField
from web_ui.shell import caller, service

Values = dict[str, Any]
OF_PAGE = ("source_ref", "table_key", "priority", "commit_message")
"""Fields of every test that the page gives, or leaves out."""
PAIRED = ("columns", "other_columns", "other")
"""Fields of a test of two tables that the page shows as the other table and pairs of columns."""
LEAST_PAIRS = 3
MAX_CHOICES = 100
"""Columns, or datasets, that a form lists as choices; others are typed."""
MAX_EXPLORATIONS = 200
"""The newest explorations of a dataset, among which its tests are listed."""


def newest_tests(dataset_id: int) -> list[JobRecord]:
    """The audit tests among the newest explorations of a dataset."""
    filters = JobFilters(dataset_id=dataset_id, run_type="exploration")
    with service().database.read() as tx:
        jobs, _ = list_jobs(tx, caller().user, filters, offset=0, limit=MAX_EXPLORATIONS)
    return [job for job in jobs if job.kind is AUDIT_TEST]


def tests_view(context: Values) -> Values:
    """The tests, the form of the requested one, and the results."""
    commit: Commit = context["commit"]
    table = commit.manifest.table(context["table_key"])
    jobs = newest_tests(context["dataset"].id)
    values: Values = {
        "tests": [*AUDIT_TESTS.values()],
        "test": AUDIT_TESTS.get(request.args.get("test", "")),
        "test_jobs": jobs,
        "titles": {job.id: AUDIT_TESTS[job.run_parameters["test"]].title for job in jobs},
        "row_count": table.row_count,
    }
    if values["test"] is not None:
        asked = {"test": values["test"].name}
        values["test_path"] = AUDIT_TEST.request_path(context["dataset"].id, asked)
        copied = next((job for job in jobs if job.id == request.args.get("job")), None)
        typed = {} if copied is None else copied.run_parameters
        own = values["test"].request
        is_of_two = any(isinstance(each.kind, Part) for each in declared(own))
        if is_of_two:
            values |= _other_table(context["dataset"].id, typed) | _pairs(table.columns, typed)
        values["fields"] = [*_elements(own, table.columns, typed, PAIRED if is_of_two else ())]
    return values


def _other_table(own_id: int, typed: Mapping[str, Any]) -> Values:
    """The other table that the URL names, else that of a copied test, and what can be chosen."""
    asked, copied = request.args, typed.get("other") or {}
    text = asked.get("other") or str(copied.get("dataset_id", own_id))
    dataset_id = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else own_id
    chosen: Values = {"dataset_id": "" if dataset_id == own_id else str(dataset_id)}
    values: Values = {"other": chosen, "datasets": _datasets(), "other_columns": []}
    with suppress(NotFound):  # as if it weren't there
        caller().dataset(dataset_id, "read")
        with service().database.read() as tx:
            refs = [each.name for each in list_refs(tx, dataset_id)[0] if each.commit_id]
            ref = asked.get("other_ref") or copied.get("source_ref", MAIN)
            chosen["source_ref"] = ref = ref if ref in refs else MAIN
            manifest = open_commit(tx, dataset_id, ref).manifest
        keys = [each.name for each in manifest.tables]
        wanted = (asked.get("other_table"), copied.get("table_key"), PRIMARY, *keys)
        chosen["table_key"] = key = next(each for each in wanted if each in keys)
        names = [each.name for each in manifest.table(key).columns]
        values |= {"other_refs": refs, "other_keys": keys, "other_columns": names[:MAX_CHOICES]}
    return values


def _pairs(columns: Sequence[Column], typed: Mapping[str, Any]) -> Values:
    """The columns of both tables that a copied test matched, and rows for more."""
    own = typed.get("columns", ())
    pairs = [*zip_longest(own, typed.get("other_columns", ()), fillvalue="")]
    more = max(LEAST_PAIRS - len(pairs), 1)
    return {
        "pairs": [*pairs, *[("", "")] * more][:MAX_TEST_COLUMNS],
        "own_columns": [each.name for each in columns[:MAX_CHOICES]],
    }


def audit_test_values(found: JobRecord) -> Values:
    """What the page of a test shows: its parameters and, once it is completed, what it found."""
    parameters = found.run_parameters
    values: Values = {"parameters": parameters_facts(parameters["test"], parameters)}
    if not AUDIT_TEST.has_fields(found.output_summary):
        return values
    answer = audit_test_answer(found)
    values |= {
        "answer": answer,
        "scope": scope_facts(answer),
        "figures": figures_facts(answer),
        "blocks": [*figure_blocks(answer)],
        "assumptions": assumptions_table(answer),
        "test_path": AUDIT_TEST.request_path(found.dataset_id, parameters),
    }
    with suppress(Pruned):
        values["marking"] = {**same_request(found), "mark_rows": True}
        if (name := values["marking"].pop("output_name", None)) is not None:
            values["marking"]["output_name"] = f"{name[: MAX_OUTPUT_NAME - 7]}-marked"
    return values


def _elements(
    kind: type[Request],
    columns: Sequence[Column],
    typed: Mapping[str, Any],
    without: Sequence[str],
) -> Iterator[FormField]:
    """The elements of a test's own fields, then those of every test."""
    of_every_test = {own.name for own in declared(AuditTestRequest)}
    for own in sorted(declared(kind), key=lambda own: own.name in of_every_test):
        if own.name not in (*OF_PAGE, *without):
            yield _element(own, columns, typed.get(own.name, own.usual))


def _datasets() -> Mapping[str, str]:
    """The datasets that the caller may read, by id; none if they are too many for a list."""
    with service().database.read() as tx:
        found, total = list_datasets(
            tx, caller().user, DatasetFilters(), sort="name", offset=0, limit=MAX_CHOICES
        )
    named = {str(each.id): f"{each.name} ({each.id})" for each in found}
    return {} if total > len(found) else {"": "This dataset", **named}


def _element(own: Declared, columns: Sequence[Column], value: Any) -> FormField:
    is_list = isinstance(own.kind, Items)
    kind = own.kind.of if isinstance(own.kind, Items) else own.kind
    choices: Mapping[str, str] = {}
    if isinstance(kind, Choice):
        choices = kind.titles
    elif isinstance(kind, ColumnName):
        fitting = [each.name for each in columns if _fits(kind, each.data_type)][:MAX_CHOICES]
        choices = {name: name for name in fitting}
        if not is_list:
            choices = {"": "Choose a column" if own.is_required else "None", **choices}
    chosen = tuple(value or ()) if is_list else ()
    return FormField(
        own.name,
        own.title,
        own.help,
        ", ".join(chosen) if is_list else "" if value in (None, False) else str(value),
        choices,
        isinstance(kind, Flag),
        is_list=is_list,
        is_number=isinstance(kind, Count),
        is_required=own.is_required,
        chosen=chosen,
    )


def _fits(kind: Kind, type_: DataType) -> bool:
    """Whether a column of this type can be chosen."""
    if isinstance(kind, NumberColumn):
        return type_.is_number
    if isinstance(kind, TextColumnName):
        return type_.is_text
    return type_.is_moment if isinstance(kind, DateColumn) else True
