"""The statement of a certificate: what was drawn from what, how, and by which seeds.

The facts are those of the engine, which draws the sample again. docs/CERTIFICATE.md has the format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from application.audit.state import drawn_row_ids, ordinal_of, origin_of
from application.certificates.seeds import seed_origin
from application.samples.facts import excluded_text
from application.samples.replacements import next_rows
from domain_errors import DomainError
from estimation_engine.reading import ROW_ID
from parquet_tables.exports import export_rows
from parquet_tables.rows import page_statement
from parquet_tables.tables import TableFiles
from sampling_engine import (
    KEYED_VERSION,
    ORDER_VERSION,
    CertifiedRound,
    Round,
    certified_rounds,
    columns_for_redraw,
    draw_warnings,
    method_from_json,
    write_redraw_data,
)
from service.sampling_parameters import DrawRule, recorded_rounds, seeded_rounds
from service.service import Service
from service.tables.open_tables import SAMPLE, OpenTable, open_sample, open_source
from storage.audit.findings import Replacement
from storage.certificates.canonical_json import digest_of
from storage.certificates.ledger import draw_entry, plan_entry
from storage.certificates.row_roots import row_root_of
from storage.errors import DamagedData
from storage.jobs.jobs import JobRecord
from storage.versions.manifests import StoredTable, get_commit

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:jobsvc:sample-certificate:1"
MAX_ROWS_LISTED = 10_000
MAX_GROUPS_LISTED = 10_000
PLACE = "_reserve_order"


class NoCertificate(DomainError):
    """The rounds of a draw have no certificate."""

    code = "no_certificate"


def require_certifiable(rounds: Sequence[Mapping[str, Any]]) -> None:
    """Raise NoCertificate with the reason of a method without certificates."""
    for given in rounds:
        method = method_from_json(given["method"], given["parameters"])
        if (reason := method.no_certificate) is not None:
            raise NoCertificate(reason)


def statement_of(
    service: Service, job: JobRecord, issue: int, issued_at: str, replaced: Sequence[Replacement]
) -> dict[str, Any]:
    """The statement of a completed draw and its replacements.

    Raises
    ------
    DamagedData
        The stored sample isn't what the draw gives.
    Pruned, DomainError
        The sample or its source was pruned; the table can't be read.
    NoCertificate
        A method of the draw has no certificate.
    """
    parameters, source = job.run_parameters, open_source(service, job)
    require_certifiable(parameters["rounds"])
    sample = open_sample(service, job)
    rounds = recorded_rounds(parameters, source.files)
    counts_dir = service.directory.counts_dir
    found = certified_rounds(service.parquet, source.files, rounds, counts_dir=counts_dir)
    _require_same_rows(service, sample, found)
    with service.database.read() as tx:
        population = get_commit(tx, job.dataset_id, source.commit_id).manifest
        stored = get_commit(tx, job.dataset_id, sample.commit_id).manifest.table(SAMPLE)
        entry = draw_entry(tx, job.dataset_id, job.id)
        planned = parameters.get("plan")
        plan = planned and plan_entry(tx, job.dataset_id, planned["plan_id"])
        root = row_root_of(tx, job.dataset_id, source.commit_id, source.key)
    rule = DrawRule.recorded(parameters)
    rows = sum(len(each.ordinals) for each in found)
    orders = [
        _order(given, spec, source.files)
        for given, spec in zip(parameters["rounds"], rounds, strict=True)
    ]
    predicate = {
        "issued_at": issued_at,
        "issue": issue,
        "engine": {
            "name": "jobsvc",
            "version": version("jobsvc"),
            "order_version": ORDER_VERSION if not any(orders) else KEYED_VERSION,
            "draw_version": rule.draw_version,
        },
        "job": {
            "id": job.id,
            "dataset_id": job.dataset_id,
            "dataset_name": job.dataset_name,
            "requested_by": job.user_soeid,
            "created_at": job.created_at,
            "completed_at": job.completed_at,
        },
        "sample": {"commit_id": sample.commit_id, "rows": rows},
        "population": {
            "commit_id": source.commit_id,
            "manifest": population.canonical_json(),
            "table_key": source.key,
            "file_rows": source.files.file_rows,
            "rows": source.files.row_count,
            "source_draw": rule.source_draw,
            "row_root": None if root is None else root.root,
        },
        "plan": plan
        and {
            "text": plan.body["text"],
            "digest": plan.body["digest"],
            "committed_at": plan.recorded_at,
            "ledger_number": plan.number,
        },
        "seed_origin": seed_origin(parameters),
        "rounds": [
            _round(given, seeded, one, lists_rows=rows <= MAX_ROWS_LISTED) | order
            for given, seeded, one, order in zip(
                parameters["rounds"], seeded_rounds(parameters), found, orders, strict=True
            )
        ],
        "replacements": _replacements(service, job, replaced),
        "data": {
            "passes": [each.round_number for each in rounds if each.filter is not None],
            "columns": [column.name for column in columns_for_redraw(source.files, rounds)],
        },
        "warnings": [
            *(warning.message for warning in draw_warnings(rounds)),
            *filter(None, [_unchecked_exclusion(parameters)]),
        ],
        "ledger": entry
        and {
            "number": entry.number,
            "previous_digest": entry.previous_digest,
            "digest": entry.digest,
        },
    }
    return {
        "_type": STATEMENT_TYPE,
        "subject": _subject(service, job, sample, stored),
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }


def write_sample_csv(service: Service, sample: OpenTable, path: Path) -> None:
    """Write the CSV file of which a certificate states the hash."""
    with service.parquet.cursor(sample.files) as cursor:
        export_rows(cursor, sample.files, sample.files.columns, path, "csv")


def write_data(service: Service, job: JobRecord, path: Path) -> None:
    """Write the CSV file from which a verifier draws the sample again."""
    source = open_source(service, job)
    rounds = recorded_rounds(job.run_parameters, source.files)
    counts_dir = service.directory.counts_dir
    write_redraw_data(service.parquet, source.files, rounds, path, counts_dir=counts_dir)


def _subject(
    service: Service, job: JobRecord, sample: OpenTable, stored: StoredTable
) -> list[dict[str, Any]]:
    """The sample's Parquet files, then the sample as CSV, each with its hash."""
    ref = job.run_parameters["output_ref"]
    with service.scratch_file("sample.csv") as path:
        write_sample_csv(service, sample, path)
        with path.open("rb") as content:
            csv_sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    hashes = [file.sha256 for file in stored.stored_files]
    names = (
        [f"{ref}.parquet"]
        if len(hashes) == 1
        else [f"{ref}-{place}.parquet" for place in range(1, len(hashes) + 1)]
    )
    named = [*zip(names, hashes, strict=True), (f"{ref}.csv", csv_sha256)]
    return [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in named]


def _require_same_rows(
    service: Service, sample: OpenTable, found: Sequence[CertifiedRound]
) -> None:
    """Raise DamagedData unless the stored sample has the rows that the draw gives."""
    columns = [
        sample.files.column(name) for name in (ROW_ID, "_sampling_round", "_selection_order")
    ]
    with service.parquet.cursor(sample.files) as cursor:
        stored = cursor.execute(*page_statement(sample.files, columns)).fetchall()
    expected = {
        (ordinal, one.round_number, place)
        for one in found
        for place, ordinal in enumerate(one.ordinals.tolist(), start=1)
    }
    if {(ordinal_of(row_id), number, place) for row_id, number, place in stored} != expected:
        raise DamagedData(
            "The stored sample {commit} isn't what its draw gives, so it gets no certificate.",
            commit=sample.commit_id,
        )


def _round(
    given: Mapping[str, Any], seeded: Mapping[str, Any], one: CertifiedRound, *, lists_rows: bool
) -> dict[str, Any]:
    ordinals = one.ordinals.tolist()
    text = ",".join(map(str, ordinals))
    return {
        "round_number": one.round_number,
        "method": given["method"],
        "parameters": {k: v for k, v in given["parameters"].items() if k != "seed"},
        "seed": str(seeded["seed"]),
        "effective_seed": one.effective_seed,
        "filter": given.get("filters"),
        "eligible_rows": one.eligible_rows,
        "facts": _facts(one.facts),
        "rows": len(ordinals),
        "ordinals": ordinals if lists_rows else None,
        "probabilities": one.probabilities.tolist() if lists_rows else None,
        "weights": one.weights.tolist() if lists_rows else None,
        "ordinals_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "reserves": one.reserves,
        "warnings": [warning.message for warning in one.warnings],
    }


def _order(given: Mapping[str, Any], spec: Round, table: TableFiles) -> dict[str, Any]:
    """The keyed order of a round as its member ``order``; none of a round by ordinals."""
    if spec.order is None:
        return {}
    key = [{"name": column.name, "type": column.type} for column in spec.order.key.of(table)]
    return {"order": {"order_version": KEYED_VERSION, **given["order"], "key": key}}


def _unchecked_exclusion(parameters: Mapping[str, Any]) -> str | None:
    """What a certificate can't show of rows that an earlier version or earlier draws have."""
    excluded = excluded_text(parameters)
    if excluded is None:
        return None
    return (
        f"The population lacks {excluded}. The manifest names them as left_out_by; that these rows "
        "are the ones left out, and no others, isn't shown by the certificate."
    )


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with the hashes of their lists, without a list that is long."""
    stated = dict(facts)
    for name in ("groups", "first_stage"):
        if name in facts:
            listed = facts[name]
            stated[name] = listed if len(listed) <= MAX_GROUPS_LISTED else None
            stated[f"{name}_sha256"] = digest_of(listed)
            stated[f"{name}_count"] = len(listed)
    return stated


def _replacements(
    service: Service, job: JobRecord, replaced: Sequence[Replacement]
) -> list[dict[str, Any]]:
    """The replacements in the order of their times, each with its place among the reserves."""
    if not replaced:
        return []
    drawn = drawn_row_ids(service, job)
    replacing = {each.replacement_id: each for each in replaced}
    places: dict[int, dict[str, int]] = {}
    stated = []
    for each in replaced:
        number, _ = origin_of(drawn, replacing, each.row_id)
        if number not in places:
            rows = next_rows(service, job, number, len(replaced)).data
            places[number] = {row[ROW_ID]: row[PLACE] for row in rows}
        stated.append(
            {
                "round_number": number,
                "ordinal_out": ordinal_of(each.row_id),
                "ordinal_in": ordinal_of(each.replacement_id),
                "place": places[number][each.replacement_id],
                "reason": each.reason,
                "recorded_at": each.at,
                "recorded_by": each.user_soeid,
            }
        )
    return stated
