"""Rounds in one call, and what a sample tells of them."""

from __future__ import annotations

from sampling_engine import DrawnSample, Method, RandomMethod, Round, Seed, StratifiedMethod
from sampling_engine.results import RoundAccount
from tests.sampling_engine.conftest import Rows, Workshop


def one_round(method: Method, seed: Seed = 1, number: int = 1, **more: object) -> Round:
    return Round(round_number=number, method=method, seed=seed, **more)  # type: ignore[arg-type]


def random_round(size: int, number: int = 1, seed: Seed = 42) -> Round:
    return Round(round_number=number, method=RandomMethod(sample_size=size), seed=seed)


def stratified_round(*columns: str, number: int = 1, seed: Seed = 42, **sizes: int) -> Round:
    method = StratifiedMethod(strata_columns=columns, **sizes)  # type: ignore[arg-type]
    return Round(round_number=number, method=method, seed=seed)


def by(*columns: str, **sizes: object) -> StratifiedMethod:
    return StratifiedMethod(strata_columns=columns, **sizes)  # type: ignore[arg-type]


def by_shop(**more: object) -> StratifiedMethod:
    return StratifiedMethod(strata_columns=("shop",), **more)  # type: ignore[arg-type]


def account_of(sample: DrawnSample, place: int = 0) -> list[tuple[object, ...]]:
    strata = sample.rounds[place].groups
    return [(*one.key.values(), one.rows, one.allocated, one.sampled) for one in strata]


def sample_values(workshop: Workshop, sample: DrawnSample, *columns: str) -> Rows:
    return workshop.rows(sample.table, ", ".join(columns))


def sizes(sample: DrawnSample) -> dict[str | None, int]:
    one = sample.rounds[0]
    return {next(iter(group.key.values())): group.sampled for group in one.groups}


def warnings_of(account: RoundAccount) -> tuple[str, ...]:
    """The sentences of a round's warnings."""
    return tuple(warning.message for warning in account.warnings)
