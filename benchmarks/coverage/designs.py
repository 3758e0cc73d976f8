"""How often intervals hold the true value, and whether variances are right, over many draws.

Each method draws by other seeds from one small population with a skewed column, a rare value and a
column that is alike inside clusters. Sizes, take-all rows and probabilities are those of the real
engine, which prepares each round once; the draws then take the first rows of the seeded order, as
the engine does. The goals: nominal 95 % intervals hold the true value in 93 to 97 % of the draws,
and the mean estimated variance is within 5 % of the variance of the estimates.

    python -m benchmarks.coverage designs [--draws 1000] [--design NAME ...]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path

import numpy as np

from contract.requests.draw import DRAW_VERSION
from estimation_engine import (
    CombinedRound,
    Design,
    Domains,
    EstimateSettings,
    Frame,
    Values,
    cluster_design,
    combined_design,
    estimate,
    random_design,
    stratified_design,
    systematic_design,
    weighted_design,
)
from estimation_engine.arrays import Floats, Ints
from estimation_engine.estimates import StatisticName
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet
from sampling_engine import (
    ClusterMethod,
    Method,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    SeededOrder,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    effective_seed,
)
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.cluster.round import ClusterRound
from sampling_engine.methods.grouped_round import GroupedRound
from sampling_engine.methods.method import RoundDraw
from sampling_engine.methods.monetary_unit.round import MonetaryRound
from sampling_engine.methods.systematic import Grid, SystematicRound
from sampling_engine.methods.weighted.round import UNIFORM_BITS, WeightedRound
from sampling_engine.rounds import prepare_round
from sampling_engine.selection.bands import Bands
from sampling_engine.selection.order import seed_for

ROWS = 4_000
SHUFFLED = "systematic, rows in random order"
"""A table in one order has few different systematic samples; here each draw has its own order."""
LOW, HIGH, WITHIN = 0.93, 0.97, 0.05
EVERY = np.arange(ROWS)
NORMAL = (
    "sqrt(-2 * ln((hash(range * 7) % 99991 + 1) / 99992.0)) "
    "* cos(2 * pi() * (hash(range * 11) % 99991) / 99991.0)"
)
POPULATION = f"""
SELECT range AS id,
       CAST(round(exp(3 + 0.8 * {NORMAL}), 2) AS DECIMAL(12, 2)) AS skewed,
       CAST(hash(range * 13) % 100 < 4 AS INTEGER) AS rare,
       50 + 20 * (hash(range // 20 * 17) % 1000) / 1000 + 10 * (hash(range * 19) % 1000) / 1000
          AS alike,
       'group ' || (hash(range * 29) % 10) // 3 AS region,
       range // 20 AS block,
       1 + hash(range * 23) % 20 AS size
FROM range({ROWS})
"""
FIGURES: dict[str, StatisticName] = {"skewed": "mean", "rare": "proportion", "alike": "mean"}
BANDS = Bands("skewed", (20, 60, 120))
SIZES = {"< 20": 100, "20 to < 60": 100, "60 to < 120": 100, "≥ 120": "all"}
EQUAL = StratifiedMethod(strata_columns=("region",), sample_size=120, allocation="equal")
DESIGNS: dict[str, tuple[Method, ...]] = {
    "random": (RandomMethod(sample_size=300),),
    "random, 100 rows": (RandomMethod(sample_size=100),),
    "stratified, proportional": (StratifiedMethod(strata_columns=("region",), sample_size=300),),
    "stratified, equal": (replace(EQUAL, sample_size=300),),
    "stratified, neyman": (
        StratifiedMethod(
            strata_columns=(BANDS,),
            sample_size=300,
            allocation="neyman",
            allocation_column="skewed",
            min_per_stratum=2,
        ),
    ),
    "stratified, one band taken whole": (StratifiedMethod(strata_columns=(BANDS,), sizes=SIZES),),
    "systematic, 300 rows": (SystematicMethod(sample_size=300),),
    "systematic, every 13th": (SystematicMethod(interval=13),),
    SHUFFLED: (SystematicMethod(sample_size=300),),
    "clusters": (ClusterMethod(cluster_column="block", num_clusters=60),),
    "clusters, 5 rows of each": (
        ClusterMethod(cluster_column="block", num_clusters=60, samples_per_cluster=5),
    ),
    "weighted": (WeightedMethod(sample_size=300, weight_column="size"),),
    "weighted, with take-all rows": (WeightedMethod(sample_size=600, weight_column="skewed"),),
    "monetary units": (MonetaryUnitMethod(sample_size=300, book_column="skewed"),),
    "monetary units, one of each cell": (
        MonetaryUnitMethod(sample_size=300, book_column="skewed", selection="cell"),
    ),
    "stratified, then random": (EQUAL, RandomMethod(sample_size=180)),
    "weighted, then stratified": (
        WeightedMethod(sample_size=150, weight_column="size"),
        replace(EQUAL, sample_size=150),
    ),
}

Chosen = Callable[[str, Ints], tuple[Ints, Design]]
"""From an effective seed and the sorted rows of earlier rounds to the round's sorted rows."""


@dataclass(frozen=True)
class Population:
    """The table, and its columns as arrays."""

    database: ParquetDatabase
    table: TableFiles
    columns: dict[str, Floats]


@contextmanager
def population() -> Iterator[Population]:
    """The population in a temporary folder."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ParquetDatabase(Path(folder), Path(folder) / "spill", memory_mb=256, threads=1) as database,
    ):
        with database.cursor() as cursor:
            file = write_parquet(cursor, POPULATION, [], Path(folder) / "population.parquet")
            table = TableFiles(read_columns(cursor, file.path), (file,))
            names = ", ".join(f"CAST(f.{name} AS DOUBLE) AS {name}" for name in FIGURES)
            sql = f"SELECT {names} FROM read_parquet(?) AS f ORDER BY f.id"
            columns = cursor.execute(sql, [str(file.path)]).fetchnumpy()
        yield Population(database, table, {name: np.asarray(columns[name]) for name in FIGURES})


@dataclass(frozen=True)
class Sampler:
    """Draws of one design, by the seed of round 1."""

    rounds: Sequence[tuple[Chosen, Frame]]

    def draw(self, seed: int) -> tuple[Ints, Design]:
        """The sorted rows and the design."""
        taken = np.empty(0, dtype=np.int64)
        parts = []
        for number, (choose, frame) in enumerate(self.rounds, 1):
            rows, design = choose(effective_seed(seed, number, DRAW_VERSION, None), taken)
            parts.append((rows, design, frame))
            taken = np.sort(np.concatenate([taken, rows]))
        if len(parts) == 1:
            return parts[0][:2]
        every = np.ones(len(taken), dtype=np.bool_)
        of_rounds = [
            CombinedRound(own, np.searchsorted(taken, rows), frame, every)
            for rows, own, frame in parts
        ]
        return taken, combined_design(of_rounds, len(taken), ROWS)


def sampler(found: Population, methods: Sequence[Method]) -> Sampler:
    """Prepare each round by the engine, on the whole population."""
    choosers = []
    with found.database.cursor(found.table) as cursor:
        for method in methods:
            state = DrawState(cursor, found.table)
            spec = Round(round_number=1, method=method, seed=0)
            draw = prepare_round(state, spec, ignore_progress)
            facts = draw.frame_facts(state)
            frame = Frame(facts.rows, facts.drawn, facts.effective_units, facts.degrees)
            choosers.append((_chooser(draw, state), frame))
    return Sampler(choosers)


def _chooser(draw: RoundDraw, state: DrawState) -> Chosen:
    groups = draw.groups_of(state, EVERY)
    match draw:
        case GroupedRound():
            return _grouped(draw, groups)
        case SystematicRound():
            return _systematic(draw)
        case WeightedRound():
            return _weighted(draw, state)
        case MonetaryRound():
            return _monetary(draw, state)
        case _:
            raise TypeError(draw)


def _grouped(draw: GroupedRound, groups: Ints) -> Chosen:
    """Each stratum's first rows; clusters by an order of their own."""
    eligible = draw.prepared.eligible
    is_random = len(eligible) == 1

    def choose(seed: str, taken: Ints) -> tuple[Ints, Design]:
        sizes = draw.prepared.allocated
        if isinstance(draw, ClusterRound):
            order = SeededOrder(len(eligible), seed_for(seed, "clusters"))
            sizes = np.zeros_like(eligible)
            drawn = order.first(draw.drawn)
            sizes[drawn] = draw.if_drawn[drawn]
        left = np.setdiff1d(EVERY, taken)
        ranks = SeededOrder(ROWS, seed).rank(left)
        in_line = left[np.lexsort((ranks, groups[left]))]
        of = groups[in_line]
        places = np.arange(len(in_line)) - np.searchsorted(of, of)
        rows = np.sort(in_line[places < sizes[of]])
        if isinstance(draw, ClusterRound):
            return rows, cluster_design(groups[rows], eligible, len(eligible), ROWS)
        if is_random:
            return rows, random_design(len(rows), len(left))
        left_rows = np.bincount(groups[left], minlength=len(eligible))
        return rows, stratified_design(groups[rows], left_rows)

    return choose


def _systematic(draw: SystematicRound) -> Chosen:
    method = draw.prepared.round_spec.method
    assert isinstance(method, SystematicMethod)

    def choose(seed: str, taken: Ints) -> tuple[Ints, Design]:
        rows = Grid.of(method, seed, ROWS).places()
        return rows, systematic_design(len(rows), ROWS)

    return choose


def _weighted(draw: WeightedRound, state: DrawState) -> Chosen:
    """The smallest Pareto keys, after the take-all rows."""
    probabilities = draw.chances_of(state, EVERY).probabilities
    at, units = draw.units_of(state, EVERY)
    left_out = units >= draw.take_all.least
    others, units = at[~left_out], units[~left_out]
    others, units = others[np.argsort(others)], units[np.argsort(others)]

    def choose(seed: str, taken: Ints) -> tuple[Ints, Design]:
        spec = replace(draw.prepared.round_spec, seed=seed)
        order = SeededOrder(ROWS, spec.effective_seed, UNIFORM_BITS)
        ranks = order.rank(others)
        keys = replace(draw, order=order).keys(ranks, units)
        chosen = others[np.lexsort((ranks, keys))[: draw.take_all.size]]
        rows = np.sort(np.concatenate([draw.take_all.ordinals, chosen]))
        p = probabilities[rows]
        return rows, weighted_design(p, p == 1.0, ROWS)

    return choose


def _monetary(draw: MonetaryRound, state: DrawState) -> Chosen:
    """The rows of the selected units, cumulated by the seed, after the take-all rows."""
    at, units = draw.units_of(state, EVERY)
    left = units < draw.take_all.least
    in_order = np.argsort(at[left])
    others, units = at[left][in_order], units[left][in_order]

    def choose(seed: str, taken: Ints) -> tuple[Ints, Design]:
        spec = replace(draw.prepared.round_spec, seed=seed)
        line = replace(draw.cumulated, round_spec=spec).line()
        places = np.empty(len(line), dtype=np.int64)
        places[line] = np.arange(len(line))
        ranks = SeededOrder(ROWS, seed).rank(others)
        order = np.lexsort((ranks, places[others >> draw.cumulated.shift]))
        ends = np.cumsum(units[order])
        selection = replace(draw.selection, seed=seed)
        hit = np.unique(np.searchsorted(ends, selection.points(), side="right"))
        of_hit = units[order][hit]
        p = selection.probabilities(ends[hit] - of_hit, of_hit)
        rows = np.concatenate([draw.take_all.ordinals, others[order][hit]])
        p = np.concatenate([np.ones(len(draw.take_all.ordinals)), p])[np.argsort(rows)]
        return np.sort(rows), weighted_design(p, p == 1.0, ROWS)

    return choose


@dataclass(frozen=True)
class Result:
    """Of one column over many draws.

    ``coverage`` is the share of intervals that hold the true value, ``ratio`` the mean estimated
    variance by the mean squared error of the estimates, and ``ratio_error`` its standard error.
    """

    rows: float
    coverage: float
    ratio: float
    ratio_error: float

    @property
    def is_covered(self) -> bool:
        """Whether intervals hold the true value often enough, and not too often."""
        return LOW <= self.coverage <= HIGH

    @property
    def has_right_variance(self) -> bool:
        """Whether variances are within 5 %, as far as so many draws show."""
        return abs(self.ratio - 1.0) <= WITHIN + 2.0 * self.ratio_error


def measure(found: Population, name: str, draws: int) -> dict[str, Result]:
    """Draw, estimate and compare with the truth, for each column."""
    drawer = sampler(found, DESIGNS[name])
    rows = 0
    hits = dict.fromkeys(FIGURES, 0)
    squares: dict[str, list[float]] = {column: [] for column in FIGURES}
    variances: dict[str, list[float]] = {column: [] for column in FIGURES}
    for seed in range(draws):
        drawn, design = drawer.draw(seed)
        if name == SHUFFLED:
            drawn = SeededOrder(ROWS, f"{seed}:rows").first(ROWS)[drawn]
        rows += len(drawn)
        every = np.ones(len(drawn), dtype=np.bool_)
        domains = Domains(every, np.zeros(len(drawn), dtype=np.int64), 1)
        for column, statistic in FIGURES.items():
            values = Values(statistic, found.columns[column][drawn], every)
            (one,) = estimate(design, values, domains, EstimateSettings())
            truth = float(found.columns[column].mean())
            value, error = one.value or 0.0, one.error or 0.0
            hits[column] += (
                one.low is not None and one.high is not None and (one.low <= truth <= one.high)
            )
            squares[column].append((value - truth) ** 2)
            variances[column].append(error**2)
    return {
        column: _result(rows / draws, hits[column] / draws, variances[column], squares[column])
        for column in FIGURES
    }


def _result(rows: float, coverage: float, variances: list[float], squares: list[float]) -> Result:
    v, s = np.array(variances), np.array(squares)
    ratio = float(v.mean() / s.mean())
    relative = ((v / v.mean()) - (s / s.mean())).std() / sqrt(len(v))
    return Result(rows, coverage, ratio, ratio * float(relative))


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000, help="of each design (1000)")
    parser.add_argument("--design", nargs="*", help="some of them alone")
    options = parser.parse_args()
    print(f"{options.draws} draws of each design from {ROWS} rows; 95 % intervals")
    print("| design | rows | column | coverage | variance ratio | |")
    print("| --- | --- | --- | --- | --- | --- |")
    with population() as found:
        for name in options.design or DESIGNS:
            for column, one in measure(found, name, options.draws).items():
                verdict = "met" if one.is_covered and one.has_right_variance else "MISSED"
                print(
                    f"| {name} | {one.rows:.0f} | {column} | {100 * one.coverage:.1f} % "
                    f"| {one.ratio:.3f} ± {one.ratio_error:.3f} | {verdict} |",
                    flush=True,
                )
