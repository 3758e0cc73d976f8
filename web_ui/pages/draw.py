"""The form of a new sample, with its plan."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from flask import Response, request

from application.audit.fitting import is_in_sequence
from application.audit.programmes.catalogue import library_of
from application.audit.sentences import NO_LIMIT, SEQUENTIAL_ALONE
from application.estimation.more_rows import larger_round
from application.excluding import with_filters
from application.identity.newer_versions import NewerVersion, newer_version
from application.lifecycle import ADDED_PARAMETERS
from contract.declarations import Declared, declared
from contract.fields import Choice, GroupColumn, Items, Mapped, NumberColumn
from contract.requests.audit_tests import FOUND, NOT_FOUND
from contract.requests.draw import MAX_ROUNDS
from domain_errors import counted
from sampling_engine import DEFAULT_METHOD, METHOD_CLASSES, Method
from sampling_engine.filters import OPERATORS
from service.sampling_parameters import DrawRule, recorded_parts, stated_rounds
from service.tables.open_tables import filters_of
from storage.accounts.datasets import DatasetRecord
from storage.audit.findings import newest_findings
from storage.errors import Pruned
from storage.jobs.jobs import JobRecord
from storage.jobs.lists import JobFilters, list_jobs
from storage.sqlite.database import Transaction
from storage.versions.manifests import Commit, get_commit, history
from storage.versions.refs import MAIN, find_ref, has_sample_ref, list_refs, name_of_commit
from storage.versions.row_keys import row_key_of
from web_ui.grids import filters_in_query
from web_ui.numbers import MAX_EXACT, exact_seed
from web_ui.pages.audit_tests import newest_tests
from web_ui.pages.dataset import QUICK_CELLS
from web_ui.shell import blueprint, caller, service, show

PLAIN_ROUND: dict[str, Any] = {"method": DEFAULT_METHOD, "parameters": {"sample_size": 100}}
MAX_OFFERED = 50
"""Earlier versions and samples that the form offers to leave out, and audit tests."""
OTHERS_OF_TEST = 60
"""Rows that a test did not find, in a draw with the found rows as a stratum."""
ASKED = (
    "at_most_one_of",
    "description",
    "divides",
    "equal_chances",
    "exactly_one_of",
    "group_kind",
    "has_margin_of_error",
    "has_stages",
    "no_keyed_order",
    "planned_by",
    "selects_money",
    "title",
)
"""What the form asks of a method's class."""
NOT_COPIED = (*ADDED_PARAMETERS, "output_name")


@blueprint.get("/datasets/<int:dataset_id>/draw")
def draw(dataset_id: int) -> Response:
    """Show the form, with the version, table and filters, or the job, of the URL's query.

    With ``size`` the job's design draws so many rows, or clusters.
    """
    found = caller().dataset(dataset_id, "write")
    copied = _copied_job(found)
    return show(
        "draw.html",
        dataset=found,
        newer=copied and _newest(copied),
        comes_along=copied and _comes_along(copied),
        versions=_earlier_versions(found),
        samples=_samples(found),
        tests=_tests(found),
        data={
            "dataset_id": found.id,
            "dataset_name": found.name,
            "refs": _refs(found),
            "methods": list(map(_method, METHOD_CLASSES)),
            "programmes": _programmes(),
            "operators": [asdict(operator) for operator in OPERATORS],
            "max_rounds": MAX_ROUNDS,
            "quick_cells": QUICK_CELLS,
            "body": _initial_body(found, copied),
        },
    )


def _programmes() -> list[dict[str, Any]]:
    """The audit programmes that have sizes, with the methods of these."""
    return [
        {
            "name": each.name,
            "title": each.file.title,
            "methods": [size.method for size in each.file.sizes],
        }
        for each in library_of(service().settings).programmes
        if each.file.sizes
    ]


def _method(kind: type[Method]) -> dict[str, Any]:
    """A method's declaration, and what the form asks of its class."""
    return {
        "name": kind.key,
        **{name: getattr(kind, name) for name in ASKED},
        "parameters": list(map(_parameter, declared(kind))),
    }


def _parameter(own: Declared) -> dict[str, Any]:
    """A parameter as the form's script reads it."""
    kind = own.kind.of if isinstance(own.kind, Items | Mapped) else own.kind
    return {
        "name": own.name,
        "type": own.kind.json_type,
        "required": own.is_required,
        "label": own.title,
        "description": own.help,
        "choices": list(kind.titles) if isinstance(kind, Choice) else [],
        "column": "number" if isinstance(kind, NumberColumn) else isinstance(kind, GroupColumn),
        "default": own.usual,
        "has_new_default": own.has_new_default,
        "initial": own.initial,
        "only_with": own.used_with,
    }


def _refs(found: DatasetRecord) -> list[dict[str, Any]]:
    """The refs that have a commit, with their tables."""
    with service().database.read() as tx:
        refs, _ = list_refs(tx, found.id)
        return [
            {
                "name": ref.name,
                "tables": [
                    {
                        "key": table.name,
                        "row_count": table.row_count,
                        "order": _keyed_order(tx, found.id, table.key),
                    }
                    for table in get_commit(tx, found.id, ref.commit_id).manifest.tables
                ],
            }
            for ref in refs
            if ref.commit_id is not None
        ]


def _keyed_order(tx: Transaction, dataset_id: int, table_key: str) -> dict[str, Any]:
    """The order of a round by a table's row key; empty without one."""
    key = row_key_of(tx, dataset_id, table_key)
    if key is None:
        return {}
    numbered = {"duplicates": key.duplicates} if key.duplicates == "number" else {}
    return {"key": key.columns, **numbered}


def _earlier_versions(found: DatasetRecord) -> list[Commit]:
    """The versions of main before the newest, newest first."""
    with service().database.read() as tx:
        main = find_ref(tx, found.id, MAIN)
        if main is None or main.commit_id is None:
            return []
        return history(tx, found.id, main.commit_id, 1, MAX_OFFERED)[0]


def _samples(found: DatasetRecord) -> list[tuple[str, str]]:
    """The newest draws that have a sample, and the parts of splits, each with its name."""
    filters = JobFilters(dataset_id=found.id, run_type="sampling", statuses=("completed",))
    with service().database.read() as tx:
        jobs, _ = list_jobs(tx, caller().user, filters, offset=0, limit=MAX_OFFERED)
        drawn = [job for job in jobs if has_sample_ref(tx, found.id, job.output_commit_id)]
    offered = []
    for job in drawn:
        parts = recorded_parts(job.run_parameters)
        offered += [(f"{job.id}:{part}", f"{job.output_name}: {part}") for part in parts]
        offered += [] if parts else [(job.id, f"{job.output_name}")]
    return offered


def _tests(found: DatasetRecord) -> list[tuple[str, str]]:
    """The newest audit tests that have a result, each with its name."""
    return [(job.id, job.shown_name) for job in newest_tests(found.id) if job.status == "completed"]


def _copied_job(found: DatasetRecord) -> JobRecord | None:
    """The sampling job whose design the URL asks to copy."""
    if not request.args.get("job"):
        return None
    job = caller().job(request.args["job"])
    return job if job.run_type == "sampling" and job.dataset_id == found.id else None


def _newest(job: JobRecord) -> NewerVersion | None:
    """The newer version of a job's table; None if there is none, or the job's was pruned."""
    with suppress(Pruned):
        return newer_version(service(), job)
    return None


def _comes_along(job: JobRecord) -> str | None:
    """What becomes of the findings of a copied sample; None if it has none."""
    with service().database.read() as tx:
        findings = newest_findings(tx, job.id)
    if not findings:
        return None
    name, rows = job.shown_name, counted(len(findings), "row")
    if is_in_sequence(job.run_parameters["rounds"]):
        return (
            f"With the same seed, a larger size and the same data files, the findings about {rows} "
            f"of sample {name} come along. {SEQUENTIAL_ALONE}"
        )
    return (
        f"Sample {name} has findings about {rows}. If the same seed draws its rows again "
        f"from the same data files, the findings come along. {NO_LIMIT}"
    )


def _initial_body(found: DatasetRecord, copied_job: JobRecord | None) -> dict[str, Any]:
    """The request body that the form shows at first."""
    if copied_job is not None:
        body = copy.deepcopy(copied_job.run_parameters)
        size = request.args.get("size", "")
        if size.isdigit() and copied_job.status == "completed":
            larger = larger_round(service(), copied_job, min(int(size), MAX_EXACT))
            body["rounds"] = [copy.deepcopy(larger)] if larger else body["rounds"]
        rounds = stated_rounds(body["rounds"], recorded=True)
        body["rounds"] = with_filters(rounds, filters_of(copied_job))
        for spec in body["rounds"]:
            spec["parameters"]["seed"] = exact_seed(spec["parameters"]["seed"])
        copied = {name: value for name, value in body.items() if name not in NOT_COPIED}
        # The unchanged form draws the job's rows again.
        return {**copied, "draw_version": DrawRule.recorded(body).draw_version}
    first = copy.deepcopy(PLAIN_ROUND)
    filters = filters_in_query()
    if filters:
        together = " AND ".join(f"({text})" for text in filters)
        first["filters"] = {"expression": filters[0] if len(filters) == 1 else together}
    if request.args.get("new_since"):
        first.setdefault("filters", {})["new_since"] = request.args["new_since"]
    if request.args.get("found_by"):
        first.setdefault("filters", {})["found_by"] = request.args.getlist("found_by")
    if request.args.get("stratum"):
        sizes = {FOUND: "all", NOT_FOUND: OTHERS_OF_TEST}
        first["method"] = next(
            method.key
            for method in METHOD_CLASSES
            if {"strata_columns", "sizes"} <= {own.name for own in declared(method)}
        )
        first["parameters"] = {"strata_columns": [request.args["stratum"]], "sizes": sizes}
    with service().database.read() as tx:
        source_ref = name_of_commit(tx, found.id, request.args.get("ref", MAIN))
    plain: dict[str, Any] = {"source_ref": source_ref, "rounds": [first]}
    if request.args.get("table"):
        plain["table_key"] = request.args["table"]
    return plain
