"""How precise a judge's score makes a share: random, in strata by score, and by uncertainty.

Finite populations with a score that is right on average (good), or that has nothing to do with the
labels (bad), and a rate of 1 or 30 %. Sizes and probabilities are those of the real engine, and
variances and intervals those of its estimates: of people alone, and with the judge as a control
variate whose coefficient is tuned on each sample.

    python -m benchmarks.uncertainty [--draws 10000]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from estimation_engine import (
    Design,
    Domains,
    EstimateSettings,
    Values,
    estimate,
    random_design,
    stratified_design,
    weighted_design,
)
from estimation_engine.arrays import Floats, Ints
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet
from sampling_engine import Round, StratifiedMethod, WeightedMethod
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.weighted.round import WeightedRound
from sampling_engine.rounds import prepare_round
from sampling_engine.selection.bands import Bands

ROWS, SIZE, CONFIDENCE = 30_000, 3_000, 0.95
LOW, HIGH = 0.93, 0.97
LESS = 0.20
"""The part of the variance that a draw by uncertainty must save with a good judge."""
Judge = Literal["good", "bad"]
Way = Literal["random", "stratified", "uncertainty"]
SHAPES = {0.01: (0.05, 4.95), 0.3: (0.45, 1.05)}
"""Beta distributions of the scores by the rate, which is their mean."""
BANDS = Bands("score", (0.02, 0.1, 0.3, 0.7))
CASES = [
    (judge, rate, way) for judge in get_args(Judge) for rate in SHAPES for way in get_args(Way)
]

Sampler = Callable[[np.random.Generator], tuple[Ints, Design]]


@dataclass(frozen=True)
class Result:
    """Of people alone, or with the judge, over many draws.

    ``variance`` is that of the estimates by the true one of people alone in a random sample, and
    ``estimated`` the mean estimated variance by that of the estimates.
    """

    coverage: float
    variance: float
    estimated: float


@dataclass(frozen=True)
class Labelled:
    """A population: scores and labels of all rows."""

    score: Floats
    label: Floats

    @property
    def random_variance(self) -> float:
        """The true variance of the mean label of a random sample, by people alone."""
        return (1.0 / SIZE - 1.0 / ROWS) * float(self.label.var(ddof=1))


def labelled(judge: Judge, rate: float) -> Labelled:
    """A population by a fixed seed; a bad judge has the scores of other rows."""
    random = np.random.default_rng(29)
    score = random.beta(*SHAPES[rate], ROWS)
    label = (random.random(ROWS) < score).astype(np.float64)
    return Labelled(random.permutation(score) if judge == "bad" else score, label)


@contextmanager
def stored(score: Floats) -> Iterator[tuple[ParquetDatabase, TableFiles]]:
    """The scores as a table in a temporary folder."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ParquetDatabase(Path(folder), Path(folder) / "spill", memory_mb=256, threads=1) as database,
    ):
        with database.cursor() as cursor:
            query = "SELECT unnest(CAST(? AS DOUBLE[])) AS score"
            file = write_parquet(cursor, query, [score.tolist()], Path(folder) / "scores.parquet")
            table = TableFiles(read_columns(cursor, file.path), (file,))
        yield database, table


def sampler(way: Way, score: Floats) -> Sampler:
    """Draws by numpy's random numbers, with the sizes and probabilities of the engine."""
    if way == "random":
        return lambda random: (
            np.sort(random.choice(ROWS, SIZE, replace=False)),
            random_design(SIZE, ROWS),
        )
    with stored(score) as (database, table), database.cursor(table) as cursor:
        state = DrawState(cursor, table)
        every = np.arange(ROWS)
        method: StratifiedMethod | WeightedMethod = StratifiedMethod(
            strata_columns=(BANDS,), sample_size=SIZE, allocation="neyman", rate_column="score"
        )
        if way == "uncertainty":
            method = WeightedMethod(sample_size=SIZE, weight_column="score", uncertainty=True)
        draw = prepare_round(state, Round(round_number=1, method=method, seed=0), ignore_progress)
        if isinstance(draw, WeightedRound):
            return _by_keys(draw.chances_of(state, every).probabilities)
        return _in_strata(
            draw.groups_of(state, every), draw.prepared.eligible, draw.prepared.allocated
        )


def _in_strata(groups: Ints, rows: Ints, sizes: Ints) -> Sampler:
    order = np.argsort(groups, kind="stable")
    starts = np.cumsum(rows) - rows

    def draw(random: np.random.Generator) -> tuple[Ints, Design]:
        parts = [
            order[start + random.choice(count, size, replace=False)]
            for start, count, size in zip(starts, rows, sizes, strict=True)
        ]
        drawn = np.sort(np.concatenate(parts))
        return drawn, stratified_design(groups[drawn], rows)

    return draw


def _by_keys(probabilities: Floats) -> Sampler:
    """The smallest Pareto keys; no row of these populations is drawn with certainty."""
    odds = (1.0 - probabilities) / probabilities

    def draw(random: np.random.Generator) -> tuple[Ints, Design]:
        u = random.random(ROWS)
        drawn = np.sort(np.argpartition(u / (1.0 - u) * odds, SIZE)[:SIZE])
        p = probabilities[drawn]
        return drawn, weighted_design(p, p == 1.0, ROWS)

    return draw


def measure(judge: Judge, rate: float, way: Way, draws: int) -> dict[str, Result]:
    """Draw, estimate the mean label by people alone and with the judge, and compare."""
    population = labelled(judge, rate)
    truth, score_mean = float(population.label.mean()), float(population.score.mean())
    draw, random = sampler(way, population.score), np.random.default_rng(31)
    found: dict[str, list[tuple[float, float, bool]]] = {"people": [], "judge": []}
    every, zeros = np.ones(SIZE, dtype=np.bool_), np.zeros(SIZE, dtype=np.int64)
    for _ in range(draws):
        rows, design = draw(random)
        y, x, w = population.label[rows], population.score[rows], design.weights
        for name, own in found.items():
            slope = 0.0
            if name == "judge":
                centred = x - w @ x / w.sum()
                slope = float(w @ (centred * y) / (w @ centred**2))
            of_people = name == "people"
            values = Values(
                "proportion" if of_people else "mean",
                y if of_people else y - slope * (x - score_mean),
                every,
            )
            (one,) = estimate(
                design, values, Domains(every, zeros, 1), EstimateSettings(CONFIDENCE)
            )
            value, error, low, high = map(float, (one.value, one.error, one.low, one.high))  # type: ignore[arg-type]
            own.append((value, error**2, low <= truth <= high))
    return {name: _result(own, population.random_variance) for name, own in found.items()}


def _result(own: list[tuple[float, float, bool]], base: float) -> Result:
    values, variances, hits = (np.array(part) for part in zip(*own, strict=True))
    variance = float(values.var())
    return Result(float(hits.mean()), variance / base, float(variances.mean()) / variance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    draws = parser.parse_args().draws
    print(f"{ROWS:,} rows, samples of {SIZE:,}, {draws:,} draws")
    print("judge  rate  draw         estimate  coverage  variance by random's  estimated by true")
    for judge, rate, way in CASES:
        for name, own in measure(judge, rate, way, draws).items():
            print(
                f"{judge:6} {rate:4.0%}  {way:12} {name:8}  {own.coverage:8.1%}  "
                f"{own.variance:20.3f}  {own.estimated:17.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
