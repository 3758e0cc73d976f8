"""All facts of a sample's design as JSON: what a formula of any kind needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypedDict

import numpy as np

from application.estimation.design_table import ReplicateRequest
from application.identity.lookup import ordinal_of
from domain_errors import DomainError
from estimation_engine import Design, UnsupportedDesign
from estimation_engine.designs import design_class
from estimation_engine.designs.design import RowsOfPairs
from parquet_tables.tables import Int64s
from sampling_engine import (
    ORDER_VERSION,
    DrawnRound,
    MonetaryUnitMethod,
    Round,
    drawn_rounds,
    row_chances,
)
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import OpenTable, open_source
from service.tables.sample_design import (
    DesignJson,
    SampleDesign,
    design_json,
    design_of,
)
from storage.jobs.jobs import Job


class StepJson(TypedDict):
    """A round as it was drawn, given the earlier ones; the fields are those of the API."""

    round_number: int
    method: str
    filter: str | None
    seed: str
    effective_seed: str
    order_version: str
    eligible_rows: int
    n: int
    strata: int | None
    strata_drawn: int | None
    clusters: int | None
    clusters_drawn: int | None
    take_all_rows: int | None
    sum_p_1_minus_p: float | None


class GroupJson(TypedDict):
    """A stratum, or a drawn cluster."""

    round_number: int
    key: dict[str, str | None]
    rows: int
    drawn: int


class DesignFactsJson(DesignJson):
    """A design with its steps, all strata, the drawn clusters and the take-all rows."""

    job_id: str
    steps: list[StepJson]
    groups: list[GroupJson]
    take_all: list[str]
    replicates: dict[str, Any] | None


class PairJson(TypedDict):
    """Two rows, and the probabilities that they are drawn."""

    first: str
    second: str
    first_probability: float
    second_probability: float
    joint_probability: float


class PairsJson(TypedDict):
    """The answer of joint probabilities."""

    job_id: str
    approximate: bool
    pairs: list[PairJson]


def design_facts(service: Service, job: Job, request: ReplicateRequest) -> DesignFactsJson:
    """The design with its steps, all strata, the drawn clusters and the take-all rows.

    With replicates, also what their weights, which stand in the table, are multiplied by.
    """
    source = open_source(service, job)
    found = design_of(service, job, source)
    made = request.of(found.design)
    rounds = recorded_rounds(job.run_parameters, source.files)
    drawn = drawn_rounds(
        service.parquet,
        source.files,
        rounds,
        counts_dir=service.directory.counts_dir,
        with_keys=True,
    )
    by_number = {spec.round_number: each for spec, each in zip(rounds, drawn, strict=True)}
    groups, take_all = [], []
    for spec, design in found.samples:
        groups += _groups(spec, design, by_number[spec.round_number])
        if design.by_size:
            own = by_number[spec.round_number].ordinals[design.take_all]
            take_all += [f"{source.key}:{ordinal}" for ordinal in own.tolist()]
    return {
        "job_id": job.id,
        **design_json(found),
        "steps": [_step(spec, each) for spec, each in zip(rounds, drawn, strict=True)],
        "groups": groups,
        "take_all": take_all,
        "replicates": None if made is None else asdict(request.facts(made)),
    }


def _step(spec: Round, drawn: DrawnRound) -> StepJson:
    kind = spec.method.group_kind
    by_size = design_class(spec.method.key).by_size
    p = drawn.probabilities
    groups, groups_drawn = int((drawn.group_rows > 0).sum()), int((drawn.group_drawn > 0).sum())
    return {
        "round_number": spec.round_number,
        "method": spec.method.name,
        "filter": spec.filter.text if spec.filter else None,
        "seed": str(spec.seed),
        "effective_seed": spec.effective_seed,
        "order_version": ORDER_VERSION,
        "eligible_rows": int(drawn.group_rows.sum()),
        "n": len(drawn.ordinals),
        "strata": groups if kind == "strata" else None,
        "strata_drawn": groups_drawn if kind == "strata" else None,
        "clusters": groups if kind == "clusters" else None,
        "clusters_drawn": groups_drawn if kind == "clusters" else None,
        "take_all_rows": int((p == 1.0).sum()) if by_size else None,
        "sum_p_1_minus_p": float((1.0 - p).sum()) if by_size else None,
    }


def _groups(spec: Round, design: Design, drawn: DrawnRound) -> list[GroupJson]:
    return [
        {
            "round_number": spec.round_number,
            "key": drawn.keys[at],
            "rows": int(design.group_rows[at]),
            "drawn": int(design.group_drawn[at]),
        }
        for at in design.listed_groups.tolist()
    ]


def pair_probabilities(service: Service, job: Job, pairs: Sequence[Sequence[str]]) -> PairsJson:
    """The joint inclusion probabilities of pairs of row ids, as JSON.

    Raises
    ------
    DomainError
        A row id is invalid or of no row, the steps aren't one sample, or units were selected in
        the order of the file.
    """
    source = open_source(service, job)
    found = design_of(service, job, source)
    _require_seeded_order(found)
    ordinals, places = np.unique(_ordinals(source, pairs), return_inverse=True)
    first, second = places.reshape(-1, 2).T
    rows = _rows_of_pairs(service, source, found, ordinals)
    joint = found.design.joint_probabilities(rows, first, second)
    single = found.design.inclusion_probabilities(rows)
    return {
        "job_id": job.id,
        "approximate": found.design.by_size,
        "pairs": [
            {
                "first": f"{source.key}:{ordinals[one]}",
                "second": f"{source.key}:{ordinals[other]}",
                "first_probability": float(single[one]),
                "second_probability": float(single[other]),
                "joint_probability": float(both),
            }
            for one, other, both in zip(first, second, joint, strict=True)
        ],
    }


def _require_seeded_order(found: SampleDesign) -> None:
    """Refuse units of one start in the order of the file, or of cells: Hájek's formula is wrong."""
    method = found.rounds[0].method
    if isinstance(method, MonetaryUnitMethod) and method.follows_file:
        raise UnsupportedDesign(
            "Units of money were selected in the order of the file, so the joint probability of "
            "two rows depends on the amounts between them, and of most pairs it can be 0. It is "
            "known for a draw with the `order` seeded."
        )


def _ordinals(source: OpenTable, pairs: Sequence[Sequence[str]]) -> Int64s:
    """The rows of the pairs, shape (pairs, 2)."""
    found = np.empty((len(pairs), 2), dtype=np.int64)
    for at, pair in enumerate(pairs):
        for side, row_id in enumerate(pair):
            try:
                found[at, side] = ordinal_of(source, row_id)
            except DomainError as error:
                error.loc = ("pairs", at, side)
                raise
    return found


def _rows_of_pairs(
    service: Service, source: OpenTable, found: SampleDesign, ordinals: Int64s
) -> RowsOfPairs:
    chances = row_chances(
        service.parquet,
        source.files,
        found.rounds[0],
        ordinals,
        counts_dir=service.directory.counts_dir,
    )
    return RowsOfPairs(chances.groups, chances.probabilities, chances.places, chances.circle)
