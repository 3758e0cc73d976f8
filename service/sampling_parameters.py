"""A sampling job's rounds as JSON, and as the engine takes them; the digest of a draw.

The JSON is that of the API and of ``run_parameters``. docs/SAMPLING.md defines the digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal, TypedDict, TypeVar, cast

from contract.declarations import Help, declared
from contract.requests.draw import DRAW_VERSION, FIRST_DRAW_VERSION, OrderJson, RoundJson
from domain_errors import Loc
from lazy_dataclasses import dataclass
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.rows import read_ordinals
from parquet_tables.tables import Int64s, TableFiles
from sampling_engine import (
    KeyedOrder,
    Round,
    Selection,
    effective_seed,
    method_class,
    method_from_json,
    new_seed,
)
from sampling_engine.certificates import columns_for_redraw
from sampling_engine.filters import Filter, parse_conditions, parse_expression
from service.service import Service
from service.tables.open_tables import source_of
from storage.certificates.canonical_json import digest_of
from storage.jobs.jobs import JobRecord
from storage.jobs.publishing import job_with_output
from storage.versions.manifests import Commit, get_commit

DIGEST_DIGITS = 16
HASHED_ORDINALS = 1 << 20


@dataclass(frozen=True)
class DrawRule:
    """How a draw's seeds become the keys of its orders.

    ``source_draw`` is the digest of the draw that made the table, if a draw made it.
    """

    draw_version: int = DRAW_VERSION
    source_draw: str | None = None

    @classmethod
    def recorded(cls, parameters: Mapping[str, Any]) -> DrawRule:
        """The rule in a job's ``run_parameters``; a job without one was drawn by the first."""
        return cls(
            parameters.get("draw_version", FIRST_DRAW_VERSION), parameters.get("source_draw")
        )


def seed_origins(rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    """For each round of a request: "chosen" if it has a seed, "entropy" if the server draws one."""
    return ["entropy" if given["parameters"].get("seed") is None else "chosen" for given in rounds]


AnyRound = TypeVar("AnyRound", bound=Mapping[str, Any])


def stated_rounds(rounds: Sequence[AnyRound], *, recorded: bool = False) -> list[AnyRound]:
    """Rounds that state each parameter whose default has changed.

    New rounds get the present default, and ``recorded`` ones that with which they were drawn.
    """
    stated = []
    for given in rounds:
        missing = {
            own.name: own.default if recorded else own.usual
            for own in declared(method_class(given["method"]))
            if own.has_new_default and given["parameters"].get(own.name) is None
        }
        parameters = {**given["parameters"], **missing}
        stated.append(cast("AnyRound", {**given, "parameters": parameters}))
    return stated


def settle_rounds(
    rounds: Sequence[Mapping[str, Any]], *, recorded: bool = False
) -> list[RoundJson]:
    """Number the rounds and draw a seed for each that has none, so that a job can be replayed.

    New rounds state the defaults that have changed; ``recorded`` ones stay as they are.
    """
    settled: list[RoundJson] = []
    rounds = rounds if recorded else stated_rounds(rounds)
    for place, given in enumerate(rounds, start=1):
        parameters = dict(given["parameters"])
        if parameters.get("seed") is None:
            parameters["seed"] = new_seed()
        present = {name: value for name, value in given.items() if value is not None}
        if "order" not in present and method_from_json(given["method"], parameters).needs_order:
            present["order"] = {}  # the order of the table's row key
        fixed = {"round_number": place, "parameters": parameters}
        settled.append(cast("RoundJson", present | fixed))
    return settled


def recorded_rounds(parameters: Mapping[str, Any], table: TableFiles) -> tuple[Round, ...]:
    """The rounds in a job's ``run_parameters``; ``table`` is the table that it drew from."""
    return engine_rounds(parameters["rounds"], table, DrawRule.recorded(parameters))


def recorded_parts(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The tables among which a job's draw divides all rows; none if it chooses some rows."""
    (first, *_) = parameters["rounds"]
    return method_from_json(first["method"], first["parameters"]).tables


def engine_rounds(
    rounds: Sequence[Mapping[str, Any]], table: TableFiles, rule: DrawRule
) -> tuple[Round, ...]:
    """Settled rounds as the engine's own type.

    Raises
    ------
    InvalidFilter, UnknownColumn
        A filter doesn't fit the table; ``loc`` starts with ``("rounds", i, "filters")``.
    """
    return tuple(
        Round(
            round_number=given["round_number"],
            method=method_from_json(given["method"], given["parameters"]),
            seed=given["parameters"]["seed"],
            output_name=given.get("output_name"),
            filter=parse_filter(filters, table, ("rounds", place, "filters"))
            if (filters := given.get("filters"))
            else None,
            selection=_selection(given.get("selection") or {}),
            draw_version=rule.draw_version,
            source_draw=rule.source_draw,
            order=_order(given.get("order")),
        )
        for place, given in enumerate(rounds)
    )


def without_order(given: Mapping[str, Any]) -> dict[str, Any]:
    """A round whose keyed order, which may name no key yet, makes no difference."""
    return {name: value for name, value in given.items() if name != "order"}


def columns_of_request(request: Mapping[str, Any], table: TableFiles) -> list[str]:
    """The names of the columns that a request of a draw or a profile needs.

    They are those of its methods, filters, selections, goals and sums, and of the ``key`` by which
    a schedule excludes drawn rows.

    Raises
    ------
    UnknownColumn, InvalidFilter
        The request doesn't fit the table.
    """
    names = [*(request.get("columns") or ()), *(request.get("key") or ())]
    for given in request.get("rounds", ()):
        names += (given.get("order") or {}).get("key") or ()
    rounds = settle_rounds([without_order(given) for given in request.get("rounds", ())])
    for given, spec in zip(rounds, engine_rounds(rounds, table, DrawRule()), strict=True):
        names += [column.name for column in columns_for_redraw(table, [spec])]
        names += [column.name for column in (spec.filter.columns if spec.filter else ())]
        names += [*spec.selection.columns, spec.selection.order_by]
        goal = given.get("goal") or {}
        names += [goal.get("column"), goal.get("book_column"), *(goal.get("by") or ())]
    names.append(request.get("amount_column"))
    return list(dict.fromkeys(table.column(name).name for name in names if name is not None))


def _selection(given: dict[str, Any]) -> Selection:
    return Selection(
        columns=tuple(given.get("columns") or ()),
        order_by=given.get("order_by"),
        order_desc=given.get("order_desc", False),
    )


def _order(given: OrderJson | None) -> KeyedOrder | None:
    if given is None or "key" not in given:
        return None  # no order, or one whose key isn't settled
    key = RowKey(tuple(given["key"]), given["duplicates"])
    starts = {label: Fraction(start) for label, start in (given.get("starts") or {}).items()}
    return KeyedOrder(key, Fraction(given["start"]), starts)


def parse_filter(given: dict[str, Any], table: TableFiles, loc: Loc) -> Filter:
    """A filter's JSON, an expression or conditions, checked against a table's columns."""
    if "expression" in given:
        return parse_expression(given["expression"], table, loc=(*loc, "expression"))
    return parse_conditions(given["conditions"], given["logic"], table, loc=(*loc, "conditions"))


EFFECTIVE_SEED = "The seed text that entered the keys of the round's order."
SeedOrigin = Literal["chosen", "entropy", "beacon", "dice"]


class SeededRound(TypedDict):
    """A round and its seeds."""

    round_number: int
    method: str
    seed: Annotated[int | str, Help("As it was given, or as it was drawn.")]
    effective_seed: Annotated[str, Help(EFFECTIVE_SEED)]


class DrawnSeeds(SeededRound):
    """A drawn round and its seeds; the origin is that of :func:`seed_origins`."""

    seed_origin: Annotated[
        SeedOrigin | None,
        Help(
            "`chosen`: given in the request; `entropy`: drawn by the server; `beacon`, `dice`: "
            "public, for a registered plan; null: not recorded."
        ),
    ]


def seeded_rounds(parameters: Mapping[str, Any]) -> list[DrawnSeeds]:
    """The seeds of each round in a job's ``run_parameters``."""
    rule = DrawRule.recorded(parameters)
    rounds: list[DrawnSeeds] = []
    origins = parameters.get("seed_origins") or [None] * len(parameters["rounds"])
    for given, origin in zip(parameters["rounds"], origins, strict=True):
        number, seed = given["round_number"], given["parameters"]["seed"]
        effective = effective_seed(seed, number, rule.draw_version, rule.source_draw)
        rounds.append(
            {
                "round_number": number,
                "method": given["method"],
                "seed": seed,
                "effective_seed": effective,
                "seed_origin": origin,
            }
        )
    return rounds


def source_draw(
    service: Service, dataset_id: int, commit_id: str, *, is_keyed: bool = False
) -> str | None:
    """The digest of the draw that made a commit's tables; None if no draw made them.

    A commit of the rows that earlier samples or versions don't have has the digest of the rows that
    it lacks; for ``is_keyed`` draws that of the earlier draws, since rows move. A query's result
    has the digest of the commit that it read. A prune removes a job only with its commit.
    """
    with service.database.read() as tx:
        job = job_with_output(tx, dataset_id, commit_id)
        while job is not None and job.run_type == "exploration":
            commit_id = source_of(job)
            job = job_with_output(tx, dataset_id, commit_id)
        commit = get_commit(tx, dataset_id, commit_id)
    if job is None:
        return _digest_of_excluded(service, commit, is_keyed=is_keyed)
    if job.run_type != "sampling":
        return None
    return draw_digest(job.run_parameters, (job.output_summary or {})["source_rows"])


def is_from_draw(service: Service, job: JobRecord) -> bool:
    """Whether the table of a draw is itself a sample or a residual.

    A draw that leaves out rows may record their digest as its `source_draw`, so the version that it
    names is looked up.
    """
    run = job.run_parameters
    if run.get("source_draw") is None:
        return False
    excluded = run.get("excluded")
    if not excluded or not excluded.get("rows"):
        return True
    return source_draw(service, job.dataset_id, excluded["commit_id"]) is not None


def _digest_of_excluded(service: Service, commit: Commit, *, is_keyed: bool) -> str | None:
    """The digest of the ordinals that a commit's only table lacks; None if it lacks none."""
    table = commit.manifest.tables[0] if commit.manifest.tables else None
    if table is None or table.deletion_vector is None:
        return None
    if is_keyed and table.exclusion is not None:
        return table.exclusion.source_draw
    with service.parquet.cursor() as cursor:
        path = service.data_files.path(table.deletion_vector.sha256)
        return digest_of_left_out(read_ordinals(cursor, path))


def follows_keys(rounds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a draw's rows follow from keys or groups, so that they stay when rows move."""
    return any(given.get("order") or method_class(given["method"]).divides for given in rounds)


def digest_of_left_out(ordinals: Int64s) -> str:
    """The digest of left-out rows: SHA-256 of their ordinals, joined by commas."""
    found = hashlib.sha256()
    for first in range(0, len(ordinals), HASHED_ORDINALS):
        piece = ordinals[first : first + HASHED_ORDINALS].tolist()
        found.update(("," if first else "").encode() + ",".join(map(str, piece)).encode())
    return found.hexdigest()[:DIGEST_DIGITS]


def digest_of_draws(source: str | None, draws: Sequence[JobRecord]) -> str:
    """The digest of draws whose rows are left out, whatever their order and the rows' positions.

    ``source`` is that of the table itself; see :func:`source_draw`.
    """
    digests = [
        draw_digest(job.run_parameters, (job.output_summary or {})["source_rows"]) for job in draws
    ]
    text = ",".join([source or "", *sorted(digests)])
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


def draw_digest(parameters: Mapping[str, Any], source_rows: int) -> str:
    """The digest of a draw, from its job's ``run_parameters``: the same on every server."""
    draw = _draw(parameters, source_rows)
    text = json.dumps(draw, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


class DrawFacts(TypedDict):
    """What the ledger entry of a draw states of its job's ``run_parameters``."""

    population_commit_id: str
    table_key: str
    rows: int
    plan_digest: str | None
    draw_sha256: str


def ledger_facts(
    parameters: Mapping[str, Any], commit_id: str, source_rows: int, rows: int
) -> DrawFacts:
    """The part of a job's ``run_parameters`` that the ledger entry of its draw states.

    ``draw_sha256`` is over canonical JSON as docs/CERTIFICATE.md defines it, in which 4.0 is 4. So
    its first digits are those of :func:`draw_digest` only without such numbers.
    """
    return {
        "population_commit_id": commit_id,
        "table_key": parameters["table_key"],
        "rows": rows,
        "plan_digest": (parameters.get("plan") or {}).get("digest"),
        "draw_sha256": digest_of(_draw(parameters, source_rows)),
    }


def _draw(parameters: Mapping[str, Any], source_rows: int) -> dict[str, Any]:
    rounds = [
        {
            "effective_seed": seeded["effective_seed"],
            "filters": given.get("filters"),
            "method": given["method"],
            "parameters": {k: v for k, v in given["parameters"].items() if k != "seed"},
            **({"order": given["order"]} if "order" in given else {}),
        }
        for given, seeded in zip(parameters["rounds"], seeded_rounds(parameters), strict=True)
    ]
    return {"rounds": rounds, "source_rows": source_rows}
