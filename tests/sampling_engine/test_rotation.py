"""Rotation: starts by stratum, the probabilities of each wave, and the overlap of two waves."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from parquet_tables.row_keys.canonical import InvalidKey, digest_of_text, text_of_key
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.tables import TableFiles
from sampling_engine import (
    ClusterMethod,
    KeyedOrder,
    RandomMethod,
    Round,
    StratifiedMethod,
    explain_rows,
    reserves,
)
from sampling_engine.rotation import kept_share, next_start
from sampling_engine.selection.keyed import SIZE, DigestRanks, shift_of
from sampling_engine.selection.order import Int64s
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.test_weighted_rates import stated_of, targets_of

RUNS, WAVES = 10_000, 10
ROTATION = Fraction(1, 4)
BRANCHES = (
    "SELECT 'ACC-' || lpad(CAST(i + 1 AS VARCHAR), 7, '0') AS account, "
    "CASE WHEN i % 5 = 0 THEN 'north' WHEN i % 5 = 1 THEN NULL ELSE 'south' END AS branch "
    "FROM range({stop}) AS r(i) ORDER BY hash(i + {shuffle})"
)
STARTS = {"north": Fraction("0.25"), "NULL": Fraction("0.97"), "gone": Fraction("0.5")}


def branches(workshop: Workshop, shuffle: int, stop: int = 2000) -> TableFiles:
    return workshop.table_of(BRANCHES.format(stop=stop, shuffle=shuffle), splits=[700])


def by_branch(size: int, starts: Mapping[str, Fraction] = STARTS) -> Round:
    order = KeyedOrder(RowKey(("account",)), Fraction("0.5"), starts)
    method = StratifiedMethod(strata_columns=("branch",), samples_per_stratum=size)
    return Round(round_number=1, method=method, seed=7, order=order)


def test_each_stratum_is_drawn_from_its_own_start(workshop: Workshop) -> None:
    table = branches(workshop, 1)
    sample = workshop.draw(table, by_branch(40))
    rows = workshop.rows(sample.table, "account, coalesce(branch, 'NULL'), _selection_order")
    ranks = DigestRanks(7)

    def rank(account: object, branch: object) -> int:
        digest = np.array([digest_of_text(text_of_key([str(account)]))])
        shift = shift_of(STARTS.get(str(branch), Fraction("0.5")))
        return int(ranks.of(digest)[0] - shift) % SIZE

    every = workshop.rows(table, "account, coalesce(branch, 'NULL')")
    expected = []
    for branch in ("north", "NULL", "south"):
        of_branch = sorted(rank(account, own) for account, own in every if own == branch)
        expected += of_branch[:40]
    in_order = sorted(rows, key=lambda row: int(str(row[2])))
    assert [rank(account, branch) for account, branch, _ in in_order] == sorted(expected)


def test_every_pass_of_a_draw_ranks_rows_from_their_own_start(workshop: Workshop) -> None:
    tables = [branches(workshop, shuffle) for shuffle in (1, 2)]
    drawn = [
        [row for (row,) in workshop.rows(workshop.draw(table, by_branch(size)).table, "account")]
        for table in tables
        for size in (40, 45)
    ]
    assert set(drawn[0]) == set(drawn[2])
    assert set(drawn[0]) < set(drawn[1])
    table = tables[0]
    following = reserves(
        workshop.database,
        table,
        [by_branch(40)],
        1,
        5,
        table_key="primary",
        destination=workshop.new_path(),
    )
    accounts = [account for (account,) in workshop.rows(following, "account")]
    assert set(accounts) == set(drawn[1]) - set(drawn[0])
    every = [account for (account,) in workshop.rows(table, "account")]
    rows = [every.index(account) for account in (*drawn[0][:5], *accounts)]
    for row, found in zip(
        rows, explain_rows(workshop.database, table, [by_branch(40)], rows), strict=True
    ):
        (verdict,) = found.verdicts
        assert verdict.rank is not None
        assert verdict.nth_in_line is not None
        assert found.drawn == (every[row] in drawn[0]) == (verdict.nth_in_line <= 40)


@pytest.mark.parametrize(
    "method",
    [RandomMethod(sample_size=3), ClusterMethod(cluster_column="branch", num_clusters=1)],
    ids=lambda method: method.key,
)
def test_only_strata_have_starts_of_their_own(
    workshop: Workshop, method: RandomMethod | ClusterMethod
) -> None:
    order = KeyedOrder(RowKey(("account",)), starts=STARTS)
    spec = Round(round_number=1, method=method, seed=1, order=order)
    with pytest.raises(InvalidKey, match="Only a stratified draw has a start for each stratum"):
        workshop.draw(branches(workshop, 1), spec)


def frames(rows: int) -> tuple[int, list[Int64s]]:
    """The units of each wave's population: 3 % die and 5 % are born between two waves."""
    random = np.random.default_rng(8)
    alive, born = [np.arange(rows)], rows
    for _ in range(WAVES - 1):
        before = alive[-1]
        dead = random.choice(before, size=round(len(before) * 0.03), replace=False)
        births = round(len(before) * 0.05)
        alive.append(np.union1d(np.setdiff1d(before, dead), np.arange(born, born + births)))
        born += births
    return born, alive


def first_of(ranks: Int64s, start: Fraction, size: int) -> NDArray[np.intp]:
    moved = (ranks - shift_of(start)) & (SIZE - 1)
    return np.argpartition(moved, size)[:size]


def test_waves_have_their_probabilities_and_the_expected_overlap() -> None:
    size = 100
    units, alive = frames(1000)
    starts = [Fraction(0)]
    for frame in alive[:-1]:
        starts.append(next_start(starts[-1], ROTATION, size, len(frame)))
    digests = np.random.default_rng(9).integers(0, SIZE, units)
    counts = np.zeros((WAVES, units), dtype=np.int64)
    kept = np.zeros((WAVES, RUNS))
    for run in range(RUNS):
        ranks = DigestRanks(run).of(digests)
        before = np.zeros(units, dtype=np.bool_)
        for wave, frame in enumerate(alive):
            drawn = frame[first_of(ranks[frame], starts[wave], size)]
            counts[wave, drawn] += 1
            kept[wave, run] = before[drawn].sum()
            before = np.zeros(units, dtype=np.bool_)
            before[drawn] = True
    for wave, frame in enumerate(alive):
        probability = size / len(frame)
        born = np.setdiff1d(frame, alive[max(wave - 1, 0)])
        since_start = frame[frame < 1000]
        for group in (born, since_start, np.setdiff1d(frame, born)):
            if not 0 < len(group) < len(frame):
                continue
            share = len(group) / len(frame)
            variance = size * share * (1 - share) * (len(frame) - size) / (len(frame) - 1)
            expected, error = size * share, sqrt(variance / RUNS)
            assert abs(counts[wave, group].sum() / RUNS - expected) < 4 * error
        z = (counts[wave, frame] / RUNS - probability) / sqrt(
            probability * (1 - probability) / RUNS
        )
        # The counts add up, so that z^2 has the mean N/(N-1) and nearly the variance 2.
        assert abs((z**2).sum() - len(frame)) < 4 * sqrt(2 * len(frame))
        assert np.abs(z).max() < 5
        if wave == 0:
            continue
        fraction = Fraction(size, len(alive[wave - 1]))
        (share,) = kept_share(
            *map(np.atleast_1d, (float(fraction), size / len(frame), float(ROTATION * fraction)))
        )
        common = len(np.intersect1d(frame, alive[wave - 1]))
        expected = common * float(fraction) * share
        error = kept[wave].std() / sqrt(RUNS)
        assert abs(kept[wave].mean() - expected) < 4 * error


def test_weighted_waves_have_their_probabilities_and_the_expected_overlap() -> None:
    size, waves = 60, 4
    units, alive = frames(300)
    sizes = np.random.default_rng(3).integers(20, 100, units)
    stated = [stated_of(sizes[frame], size) for frame in alive[:waves]]
    starts = [Fraction(0)]
    for frame in alive[: waves - 1]:
        starts.append(next_start(starts[-1], ROTATION, size, len(frame)))
    digests = np.random.default_rng(4).integers(0, SIZE, units)
    counts, kept = np.zeros((waves, units)), np.zeros((waves, RUNS))
    for run in range(RUNS):
        ranks = DigestRanks(run).of(digests)
        before = np.zeros(units, dtype=np.bool_)
        for wave, frame in enumerate(alive[:waves]):
            u = (((ranks[frame] - shift_of(starts[wave])) & (SIZE - 1)) + 0.5) / SIZE
            targets = targets_of(sizes[frame], size)
            drawn = frame[np.argpartition(u / (1 - u) * (1 - targets) / targets, size)[:size]]
            counts[wave, drawn] += 1
            kept[wave, run] = before[drawn].sum()
            before = np.zeros(units, dtype=np.bool_)
            before[drawn] = True
    for wave, frame in enumerate(alive[:waves]):
        z = (counts[wave, frame] / RUNS - stated[wave]) / np.sqrt(
            stated[wave] * (1 - stated[wave]) / RUNS
        )
        assert abs((z**2).sum() - len(frame)) < 4 * sqrt(2 * len(frame))
        assert np.abs(z).max() < 5
        born = np.isin(frame, alive[max(wave - 1, 0)], invert=True)
        rate, error = counts[wave, frame[born]].sum() / RUNS, sqrt(stated[wave][born].sum() / RUNS)
        assert abs(rate - stated[wave][born].sum()) <= 4 * error
        if wave == 0:
            continue
        moved = ROTATION * Fraction(size, len(alive[wave - 1]))
        old = dict(zip(alive[wave - 1].tolist(), stated[wave - 1].tolist(), strict=True))
        overlap = sum(
            old[unit] * kept_share(*map(np.atleast_1d, (old[unit], new, float(moved))))[0]
            for unit, new in zip(frame.tolist(), stated[wave].tolist(), strict=True)
            if unit in old
        )
        error = kept[wave].std() / sqrt(RUNS)
        assert abs(kept[wave].mean() - overlap) < 4 * error
