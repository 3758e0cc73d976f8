"""All facts of a sample's design as JSON: what a formula of any kind needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from application.estimation.design_table import replicate_facts, replicates_of
from contract.declarations import Help
from contract.requests.estimate import DesignRequest
from domain_errors import located
from estimation_engine import UnsupportedDesign
from estimation_engine.designs import design_class
from estimation_engine.designs.design import RowsOfPairs
from estimation_engine.replicates import ReplicateFacts
from lazy_dataclasses import dataclass
from parquet_tables.tables import Int64s
from sampling_engine import (
    DrawnRound,
    MonetaryUnitMethod,
    Round,
    drawn_rounds,
    row_chances,
)
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.named_rows import SourceRows
from service.tables.open_tables import open_source
from service.tables.sample_design import (
    DesignSummary,
    SampleDesign,
    design_of,
    design_summary,
)
from storage.jobs.jobs import JobRecord


@dataclass(frozen=True)
class DrawnStep:
    """A round as it was drawn, given the earlier ones."""

    round_number: int
    method: str
    filter: str | None
    seed: str
    effective_seed: str
    order_version: str
    eligible_rows: Annotated[int, Help("Rows that it could draw, without those of earlier rounds.")]
    n: Annotated[int, Help("Rows that it drew.")]
    strata: int | None
    strata_drawn: int | None
    clusters: int | None
    clusters_drawn: int | None
    take_all_rows: Annotated[int | None, Help("Rows drawn with certainty.")]
    sum_p_1_minus_p: Annotated[
        float | None,
        Help(
            "Of a weighted round: the estimate of Σp(1 - p), which is the sum of 1 - π over its "
            "rows."
        ),
    ]


@dataclass(frozen=True)
class GroupSize:
    """A stratum, or a drawn cluster."""

    round_number: int
    key: Annotated[dict[str, Any], Help("The group's value of each column.")]
    row_count: Annotated[int, Help("N of the stratum or cluster.")]
    drawn: Annotated[int, Help("n of it.")]


@dataclass(frozen=True)
class DesignFacts(DesignSummary):
    """A design with its steps, all strata, the drawn clusters and the take-all rows."""

    job_id: str
    steps: Annotated[list[DrawnStep], Help("Each round as it was drawn.")]
    groups: Annotated[list[GroupSize], Help("All strata, or the drawn clusters; else none.")]
    take_all: Annotated[list[str], Help("The ids of rows drawn with certainty.")]
    replicates: Annotated[ReplicateFacts | None, Help("Of the requested weights in the table.")] = (
        None
    )


@dataclass(frozen=True)
class PairProbability:
    """Two rows, and the probabilities that they are drawn."""

    first: str
    second: str
    first_probability: float
    second_probability: float
    joint_probability: Annotated[float, Help("0 if both can't be drawn in one sample.")]


@dataclass(frozen=True)
class PairProbabilities:
    """The joint inclusion probabilities of pairs of rows."""

    job_id: str
    approximate: Annotated[bool, Help("Whether they are Hájek's approximation.")]
    pairs: list[PairProbability]


def design_facts(service: Service, job: JobRecord, request: DesignRequest) -> DesignFacts:
    """The design with its steps, all strata, the drawn clusters and the take-all rows.

    With replicates, also what their weights, which stand in the table, are multiplied by.
    """
    source = open_source(service, job)
    found = design_of(service, job, source)
    replicates = replicates_of(found.design, request)
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
        own, number = by_number[spec.round_number], spec.round_number
        groups += [
            GroupSize(number, own.keys[at], int(design.group_rows[at]), int(design.group_drawn[at]))
            for at in design.listed_groups.tolist()
        ]
        if design.by_size:
            ordinals = own.ordinals[design.take_all].tolist()
            take_all += [f"{source.key}:{ordinal}" for ordinal in ordinals]
    return DesignFacts(
        **vars(design_summary(found)),
        job_id=job.id,
        steps=[_step(spec, each) for spec, each in zip(rounds, drawn, strict=True)],
        groups=groups,
        take_all=take_all,
        replicates=None if replicates is None else replicate_facts(replicates, request),
    )


def _step(spec: Round, drawn: DrawnRound) -> DrawnStep:
    kind = spec.method.group_kind
    by_size = design_class(spec.method.key).by_size
    p = drawn.probabilities
    has_rows, has_drawn = drawn.group_rows > 0, drawn.group_drawn > 0
    groups, groups_drawn = int(has_rows.sum()), int(has_drawn.sum())
    clusters, clusters_drawn = groups, groups_drawn
    strata: tuple[int | None, int | None] = (None, None)
    if (tree := drawn.stages) is not None:
        own, drawn_ones = np.unique(tree.clusters[has_rows]), np.unique(tree.clusters[has_drawn])
        clusters, clusters_drawn = len(own), len(drawn_ones)
        if tree.strata.any():
            strata = len(np.unique(tree.strata[own])), len(np.unique(tree.strata[drawn_ones]))
    elif kind == "strata":
        strata = groups, groups_drawn
    return DrawnStep(
        spec.round_number,
        spec.method.name,
        spec.filter.text if spec.filter else None,
        str(spec.seed),
        spec.effective_seed,
        spec.order_version,
        int(drawn.group_rows.sum()),
        len(drawn.ordinals),
        *strata,
        clusters if kind == "clusters" else None,
        clusters_drawn if kind == "clusters" else None,
        int((p == 1.0).sum()) if by_size else None,
        float((1.0 - p).sum()) if by_size else None,
    )


def pair_probabilities(
    service: Service, job: JobRecord, pairs: Sequence[Sequence[str]]
) -> PairProbabilities:
    """The joint inclusion probabilities of pairs of rows, each by its row id or its key.

    Raises
    ------
    DomainError
        A row id is invalid or of no row, the steps aren't one sample, or units were selected in
        the order of the file.
    """
    source = open_source(service, job)
    found = design_of(service, job, source)
    _require_seeded_order(found)
    ordinals, places = np.unique(
        _ordinals(SourceRows(service, job.dataset_id, source), pairs), return_inverse=True
    )
    first, second = places.reshape(-1, 2).T
    counts_dir = service.directory.counts_dir
    chances = row_chances(
        service.parquet, source.files, found.rounds[0], ordinals, counts_dir=counts_dir
    )
    rows = RowsOfPairs(
        chances.groups, chances.probabilities, chances.places, chances.circle, chances.arcs
    )
    joint = found.design.joint_probabilities(rows, first, second)
    single = found.design.inclusion_probabilities(rows)
    ids = [f"{source.key}:{ordinal}" for ordinal in ordinals.tolist()]
    answers = [
        PairProbability(ids[one], ids[other], float(single[one]), float(single[other]), float(both))
        for one, other, both in zip(first, second, joint, strict=True)
    ]
    return PairProbabilities(job.id, found.design.approximates_pairs, answers)


def _require_seeded_order(found: SampleDesign) -> None:
    """Refuse units of one start in the order of the file, or of cells: Hájek's formula is wrong."""
    method = found.rounds[0].method
    if isinstance(method, MonetaryUnitMethod) and method.follows_file:
        raise UnsupportedDesign(
            "Units of money were selected in the order of the file, so the joint probability of "
            "two rows depends on the amounts between them, and of most pairs it can be 0. It is "
            "known for a draw with the `order` seeded."
        )


def _ordinals(rows: SourceRows, pairs: Sequence[Sequence[str]]) -> Int64s:
    """The rows of the pairs, shape (pairs, 2)."""
    found = np.empty((len(pairs), 2), dtype=np.int64)
    for at, pair in enumerate(pairs):
        for side, row_id in enumerate(pair):
            with located(("pairs", at, side), always=True):
                found[at, side] = rows.row(row_id)
    return found
