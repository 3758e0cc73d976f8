"""How often Stringer's 95 % limit holds by each selection of monetary units, and who is warned.

The ledgers are those in which a fixed interval fails: amounts just below the interval or below
equal parts of it, and errors that follow the order of the file. Rows are wrong altogether or not at
all. The engine prepares each round and warns; its own functions select the units. Small ledgers are
enumerated: every order of cumulation and every start, without seeds.

    python -m benchmarks.coverage monetary_units [--draws 10000]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from math import comb
from pathlib import Path
from typing import get_args

import numpy as np

from contract.requests.draw import DRAW_VERSION
from estimation_engine.arrays import Ints
from estimation_engine.audit import AuditedItem, evaluate_monetary
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet
from sampling_engine import MonetaryUnitMethod, Round, effective_seed
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.monetary_unit.account import Cumulation, Selection
from sampling_engine.methods.monetary_unit.fixed_interval import OF_FIXED_INTERVAL
from sampling_engine.methods.monetary_unit.round import MonetaryRound
from sampling_engine.rounds import prepare_round

SELECTIONS: tuple[Selection, ...] = get_args(Selection)
CONFIDENCE = 0.95
LEAST = 0.94
"""Coverage below this without a warning is a fault of the product."""


@dataclass(frozen=True)
class Population:
    """Amounts in whole units and whether they are wrong, in the order of the file.

    With ``has_doubt`` a fixed interval is to be warned of.
    """

    name: str
    amounts: tuple[int, ...]
    wrong: tuple[bool, ...]
    size: int
    order: Cumulation = "seeded"
    has_doubt: bool = True

    @property
    def share(self) -> Fraction:
        """The true share of wrong money."""
        wrong = sum(
            amount for amount, is_wrong in zip(self.amounts, self.wrong, strict=True) if is_wrong
        )
        return Fraction(wrong, sum(self.amounts))


def regular(rows: int, large: int, small: int, times: int = 1) -> Population:
    """An interval is ``times`` large right rows and a small wrong one; n is their number."""
    return Population(
        f"{times * rows} × {large} right, {rows} × {small} wrong, n {rows}",
        ((large,) * times + (small,)) * rows,
        ((False,) * times + (True,)) * rows,
        rows,
    )


def smooth(name: str, amounts: Ints, size: int) -> Population:
    """A ledger in which a fixed interval holds; the smallest rows, 5.2 % of it, are wrong."""
    line = np.sort(amounts)
    wrong = np.cumsum(line) <= 0.052 * line.sum()
    return Population(
        f"{name}, n {size}", tuple(line.tolist()), tuple(wrong.tolist()), size, has_doubt=False
    )


RANDOM = np.random.default_rng(5)
SMOOTH = (
    smooth("1,000 lognormal (σ 0.8)", np.ceil(np.exp(RANDOM.normal(6, 0.8, 1000))).astype(int), 60),
    smooth("400 uniform to 1,000", RANDOM.integers(1, 1000, 400), 60),
    smooth("400 of 9.99, 19.99, 49.99 and 99.99", RANDOM.choice([999, 1999, 4999, 9999], 400), 60),
    smooth("400 equal", np.full(400, 100), 60),
)
SIMULATED = (
    regular(60, 95, 5),
    regular(100, 97, 3),
    regular(300, 99, 1),
    regular(100, 485, 30, times=2),
    regular(300, 495, 10, times=2),
    regular(300, 330, 10, times=3),
    *SMOOTH,
)
SMALL = Population(
    "8 1 8 8 8 1 1, the eights wrong, n 4",
    (8, 1, 8, 8, 8, 1, 1),
    (True, False, True, True, True, False, False),
    4,
)
IN_FILE = (
    Population(
        "1,000 × 1, each tenth wrong, n 100",
        (1,) * 1000,
        ((True,) + (False,) * 9) * 100,
        100,
        "file",
    ),
    Population("9 × 1, each third right, n 3", (1,) * 9, (True, True, False) * 3, 3, "file"),
)
LEAST_OF_SMALL = Population(
    "7 7 7 7 7 7 2 2 2, the sevens wrong, n 3",
    (7,) * 6 + (2,) * 3,
    (True,) * 6 + (False,) * 3,
    3,
    has_doubt=False,
)
"""The least coverage without a warning of 4,800 ledgers of two sizes, n 2 to 6."""
ENUMERATED = (SMALL, LEAST_OF_SMALL, *IN_FILE)


@cache
def covers(wrong: int, units: int, share: Fraction) -> bool:
    """Whether Stringer's limit of so many wrong units is at least the true share."""
    items = [AuditedItem(1, 0)] * wrong + [AuditedItem(1, 1)] * (units - wrong)
    found = evaluate_monetary(items, 10**9, confidence=CONFIDENCE)
    return found.overstatement.upper_share >= share


def prepared(
    database: ParquetDatabase, folder: Path, population: Population, selection: Selection
) -> MonetaryRound:
    """The round as the engine prepares it; none of its rows is a take-all row."""
    path = folder / "ledger.parquet"
    path.unlink(missing_ok=True)
    with database.cursor() as cursor:
        amounts = [list(population.amounts)]
        file = write_parquet(cursor, "SELECT unnest(?::BIGINT[]) AS amount", amounts, path)
        table = TableFiles(read_columns(cursor, file.path), (file,))
    method = MonetaryUnitMethod(
        book_column="amount",
        sample_size=population.size,
        selection=selection,
        order=population.order,
    )
    with database.cursor(table) as cursor:
        spec = Round(round_number=1, method=method, seed=0)
        draw = prepare_round(DrawState(cursor, table), spec, ignore_progress)
    assert isinstance(draw, MonetaryRound)
    assert not len(draw.take_all.ordinals), population.name
    return draw


def simulated(draw: MonetaryRound, population: Population, draws: int) -> float:
    """The share of draws whose limit holds, each by another seed."""
    amounts, wrong = np.array(population.amounts), np.array(population.wrong)
    held = 0
    for seed in range(draws):
        text = effective_seed(seed, 1, DRAW_VERSION, None)
        spec = replace(draw.prepared.round_spec, seed=text)
        line: Ints = replace(draw.cumulated, round_spec=spec).line()
        points = replace(draw.selection, seed=text).points()
        rows = line[np.searchsorted(np.cumsum(amounts[line]), points, side="right")]
        held += covers(int(wrong[rows].sum()), len(rows), population.share)
    return held / draws


def enumerated(population: Population, selection: Selection) -> float:
    """The probability that the limit holds, over all orders and starts."""
    if selection == "random":
        return _of_random_units(population)
    total, size = sum(population.amounts), population.size
    held, orders = Fraction(0), 0
    for wrong in _orders(population):
        units = np.array(wrong)
        orders += 1
        # Start r of cell k selects the unit (k·T + r) // n.
        chosen = [
            units[(cell * total + np.arange(total)) // size].astype(int) for cell in range(size)
        ]
        if selection == "fixed_interval":
            starts = np.sum(chosen, axis=0).tolist()
            counts = {count: Fraction(starts.count(count), total) for count in set(starts)}
        else:
            counts = _sums([Fraction(int(cell.sum()), total) for cell in chosen])
        held += sum(p for k, p in counts.items() if covers(k, size, population.share))
    return float(held / orders)


def _orders(population: Population) -> Iterator[list[bool]]:
    """Whether each unit is wrong, in each order of cumulation: that of the file, or all."""
    rows = list(zip(population.amounts, population.wrong, strict=True))
    if population.order == "file":
        yield [is_wrong for amount, is_wrong in rows for _ in range(amount)]
        return
    kinds = sorted(set(rows))
    assert len(kinds) == 2
    for places in combinations(range(len(rows)), rows.count(kinds[0])):
        line = [kinds[0] if at in places else kinds[1] for at in range(len(rows))]
        yield [is_wrong for amount, is_wrong in line for _ in range(amount)]


def _sums(chances: list[Fraction]) -> dict[int, Fraction]:
    """The distribution of the number of independent events."""
    counts = {0: Fraction(1)}
    for chance in chances:
        following: dict[int, Fraction] = {}
        for (count, p), more in product(counts.items(), (0, 1)):
            part = p * (chance if more else 1 - chance)
            following[count + more] = following.get(count + more, Fraction(0)) + part
        counts = following
    return counts


def _of_random_units(population: Population) -> float:
    """Units without replacement: the hypergeometric distribution."""
    total, size = sum(population.amounts), population.size
    wrong = int(population.share * total)
    held = sum(
        comb(wrong, k) * comb(total - wrong, size - k)
        for k in range(size + 1)
        if covers(k, size, population.share)
    )
    return float(Fraction(held, comb(total, size)))


@dataclass(frozen=True)
class Result:
    """Coverage by one selection, and the codes of the engine's warnings on it."""

    population: Population
    selection: Selection
    coverage: float
    warnings: tuple[str, ...]

    @property
    def is_honest(self) -> bool:
        """Whether the limit holds often enough, or the engine warns."""
        return self.coverage >= LEAST or bool(self.warnings)


def measure(draws: int) -> Iterator[Result]:
    """Every population by every selection."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ParquetDatabase(Path(folder), Path(folder) / "spill", memory_mb=256, threads=1) as database,
    ):
        for population, selection in product((*SIMULATED, *ENUMERATED), SELECTIONS):
            draw = prepared(database, Path(folder), population, selection)
            codes = [each.code for each in draw.prepared.warnings]
            coverage = (
                enumerated(population, selection)
                if population in ENUMERATED
                else simulated(draw, population, draws)
            )
            warnings = tuple(code for code in codes if code in OF_FIXED_INTERVAL)
            yield Result(population, selection, coverage, warnings)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000, help="of each selection (10,000)")
    options = parser.parse_args()
    print("| ledger | order | selection | a 95 % limit covers | warning | |")
    print("| --- | --- | --- | --- | --- | --- |")
    for each in measure(options.draws):
        exact = ", exactly" if each.population in ENUMERATED else ""
        print(
            f"| {each.population.name} | {each.population.order} | {each.selection} "
            f"| {100 * each.coverage:.2f} %{exact} | {', '.join(each.warnings) or 'none'} "
            f"| {'met' if each.is_honest else 'MISSED'} |",
            flush=True,
        )
