"""Rounds by monetary units: published and plain draws, rates, amounts, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import chi2

from domain_errors import DomainError
from parquet_tables.tables import TableFiles
from sampling_engine import (
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    SeededOrder,
    plan_draw,
    row_chances,
)
from sampling_engine.filters import parse_expression
from sampling_engine.methods.monetary_unit import cumulation, ledger
from sampling_engine.methods.monetary_unit.account import (
    MonetaryAccount,
    Selection,
    account_of_money,
)
from sampling_engine.methods.monetary_unit.fixed_interval import (
    NEAR,
    OF_FIXED_INTERVAL,
    ORDER,
    REGULAR,
    doubts_of,
    unchecked_of,
)
from sampling_engine.methods.monetary_unit.selection import UnitSelection
from sampling_engine.results import RoundAccount
from sampling_engine.selection.order import Int64s
from tests.sampling_engine import plain_draw
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import one_round, sample_values, warnings_of

PUBLISHED = [7, 3, 4, 9, 0, 1, 8, 2, 6, 5]
MAX_ERRORS = 4.0
LEVEL = 0.001


def amounts_of(account: RoundAccount) -> MonetaryAccount:
    found = account_of_money(account)
    assert found is not None
    return found


def by_money(**parameters: object) -> MonetaryUnitMethod:
    return MonetaryUnitMethod(book_column="a", **parameters)  # type: ignore[arg-type]


def ledger_of(
    workshop: Workshop, amounts: Sequence[object], kind: str = "DECIMAL(12,2)", **layout: object
) -> TableFiles:
    return workshop.table({"a": (kind, amounts)}, **layout)  # type: ignore[arg-type]


def skewed(rows: int, seed: int = 1) -> list[int]:
    """Positive cents whose logarithms are normal."""
    return np.ceil(np.exp(np.random.default_rng(seed).normal(6, 1.5, rows))).astype(int).tolist()


def money_of(
    workshop: Workshop, table: TableFiles, method: MonetaryUnitMethod
) -> dict[str, object]:
    (plan,) = plan_draw(workshop.database, table, [one_round(method)])
    found = plan.as_json()["monetary_unit"]
    assert isinstance(found, dict)
    return found


# --- published and plain draws ---


@pytest.mark.parametrize("size", [{"interval": 9}, {"sample_size": 5}])
def test_the_published_draw(workshop: Workshop, size: dict[str, int]) -> None:
    """Five units, interval 9, the second unit first: A C D G I."""
    table = ledger_of(workshop, PUBLISHED, "INTEGER", splits=[4])
    first_of = {
        seed: SeededOrder(9 if "interval" in size else 36, f"{seed}:start").first(1)[0]
        for seed in range(200)
    }
    # Four units of 36 are left to chance: the first of the grid is r / 4.
    seed = next(
        s for s, first in first_of.items() if first // (1 if "interval" in size else 4) == 1
    )
    sample = workshop.draw(table, one_round(by_money(**size, order="file"), seed))
    assert sorted("ABCDEFGHIJ"[at] for at in workshop.ordinals(sample)) == list("ACDGI")


@pytest.mark.parametrize("size", [8, 250])
@pytest.mark.parametrize(
    ("selection", "order"), [("fixed_interval", "seeded"), ("cell", "file"), ("random", "seeded")]
)
def test_blocks_of_several_rows_give_the_plain_draw(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, selection: str, order: str, size: int
) -> None:
    """Of a few selected blocks rows are looked up, of many the range is scanned."""
    monkeypatch.setattr(ledger, "BLOCK_BITS", 9)
    monkeypatch.setattr(cumulation, "BATCH_ROWS", 1_000)
    amounts = [(at * 7919) % 1000 if at % 997 else 900_000 + at for at in range(3_000)]
    assert ledger.shift_of(len(amounts)) == 3
    table = ledger_of(workshop, amounts, "INTEGER", splits=[11, 1_501])
    method = by_money(sample_size=size, selection=selection, order=order)
    sample = workshop.draw(table, one_round(method, 5))
    units = {at: own for at, own in enumerate(amounts) if own}
    plain = plain_draw.draw_monetary(units, size, None, selection, order, 3_000, 5, 9)
    assert workshop.ordinals(sample) == list(plain.rows)
    assert plain.certain
    found = sample_values(workshop, sample, "_inclusion_probability", "_hits", "_design_weight")
    for (probability, hits, weight), (p, count) in zip(found, plain.rows.values(), strict=True):
        assert (probability, hits) == (pytest.approx(float(p), rel=1e-9), count)
        if selection == "fixed_interval":
            assert weight == pytest.approx(1 / float(p), rel=1e-9)


def test_small_tables_have_hits_and_probabilities_of_the_plain_draw(workshop: Workshop) -> None:
    amounts = [5, 1, 1, 9, 3, 2, 2, 7]
    table = ledger_of(workshop, amounts, "BIGINT")
    for selection in ("fixed_interval", "cell", "random"):
        seen = set()
        for seed in range(12):
            method = by_money(sample_size=3, selection=selection)
            sample = workshop.draw(table, one_round(method, seed))
            units = dict(enumerate(amounts))
            plain = plain_draw.draw_monetary(units, 3, None, selection, "seeded", 8, seed)
            found = sample_values(workshop, sample, "_inclusion_probability", "_hits")
            expected = [(pytest.approx(float(p)), hits) for p, hits in plain.rows.values()]
            assert found == expected
            seen |= {hits for _, hits in plain.rows.values()}
        assert (seen == {1}) == (selection == "fixed_interval")


@pytest.mark.parametrize("selection", ["fixed_interval", "cell", "random"])
def test_chances_of_all_rows_are_those_that_samples_state(
    workshop: Workshop, selection: str
) -> None:
    amounts = [*range(-3, 60), 0, 5_000]
    table = ledger_of(workshop, amounts, "BIGINT", splits=[20])
    one = one_round(by_money(sample_size=12, selection=selection))
    every = np.arange(len(amounts))
    found = row_chances(workshop.database, table, one, every)
    assert found.groups.tolist() == [0 if amount > 0 else -1 for amount in amounts]
    assert found.probabilities[[0, 3, -2]].tolist() == [0, 0, 0]
    assert found.probabilities[-1] == 1
    sample = workshop.draw(table, one)
    stated = [p for (p,) in sample_values(workshop, sample, "_inclusion_probability")]
    assert found.probabilities[workshop.ordinals(sample)].tolist() == stated


# --- rates ---


def hits_by_seed(
    units: Int64s, count: int, selection: Selection, seeds: int
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Hits of each row in the draws of many seeds, shape (seeds, rows); no row is take-all."""
    rows, total = len(units), int(units.sum())
    found = np.zeros((seeds, rows), dtype=np.int64)
    places = np.arange(rows)
    for seed in range(seeds):
        line = np.argsort(SeededOrder(rows, f"{seed}:blocks").rank(places))
        points = UnitSelection(selection, total, total, count, str(seed)).points()
        hit = line[np.searchsorted(np.cumsum(units[line]), points, side="right")]
        np.add.at(found[seed], hit, 1)
    return found


@pytest.mark.parametrize(
    ("selection", "seeds"), [("fixed_interval", 5_000), ("cell", 2_000), ("random", 2_000)]
)
def test_rows_are_hit_in_proportion_to_their_amount(selection: Selection, seeds: int) -> None:
    units = np.array([900, 700, 333, 90, 41, 17, 7, 3, 2, 1, *[150] * 12])
    count, total = 4, int(units.sum())
    hits = hits_by_seed(units, count, selection, seeds)
    assert (hits.sum(axis=1) == count).all()
    expected = units * count / total
    errors = hits.std(axis=0, ddof=1) / np.sqrt(seeds)
    floor = np.sqrt(expected * (1 - np.minimum(expected, 0.99)) / seeds)
    assert (abs(hits.mean(axis=0) - expected) / np.maximum(errors, floor)).max() < MAX_ERRORS
    if selection == "fixed_interval":
        assert hits.max() == 1
    if selection == "random":
        chance = UnitSelection("random", total, total, count, "0").probabilities(units, units)
        drawn = (hits > 0).mean(axis=0)
        assert (abs(drawn - chance) / np.sqrt(chance * (1 - chance) / seeds)).max() < MAX_ERRORS


def test_the_rates_are_those_of_engine_draws(workshop: Workshop) -> None:
    units = np.arange(300) % 50 + 1
    table = ledger_of(workshop, units.tolist(), "BIGINT", splits=[100])
    for selection in ("fixed_interval", "cell", "random"):
        hits = hits_by_seed(units, 20, selection, 3)
        for seed in range(3):
            method = by_money(sample_size=20, selection=selection)
            sample = workshop.draw(table, one_round(method, seed))
            found = dict(
                zip(
                    workshop.ordinals(sample), sample_values(workshop, sample, "_hits"), strict=True
                )
            )
            assert {at: count for at, (count,) in found.items()} == {
                int(at): int(hits[seed, at]) for at in np.flatnonzero(hits[seed])
            }


def test_units_of_a_cell_are_equally_likely() -> None:
    """Pearson's test over the nine units of each of five cells."""
    seeds = 4_000
    counts = np.zeros(45)
    for seed in range(seeds):
        points = UnitSelection("cell", 45, 45, 5, str(seed)).points()
        assert (points // 9).tolist() == [0, 1, 2, 3, 4]
        counts[points] += 1
    statistic = ((counts - seeds / 9) ** 2 / (seeds / 9)).sum()
    assert chi2.sf(statistic, 40) > LEVEL


# --- amounts ---


def test_every_row_and_amount_is_accounted_for(workshop: Workshop) -> None:
    amounts = [
        Decimal("10.05"),
        Decimal("-3.10"),
        Decimal(0),
        None,
        Decimal("99999999.99"),
        Decimal("-0.01"),
    ]
    table = ledger_of(workshop, [*amounts, *[Decimal("1.01")] * 100], splits=[3])
    found = money_of(workshop, table, by_money(sample_size=10))
    assert found["positive"] == {"rows": 102, "total": "100000111.04"}
    assert found["negative"] == {"rows": 2, "total": "-3.11"}
    assert found["zero"] == {"rows": 1, "total": "0.00"}
    assert found["missing_rows"] == 1
    assert found["audited"] == found["positive"]
    assert found["take_all"] == {"rows": 1, "total": "99999999.99"}
    assert (found["interval"], found["units"]) == ("12.338889", 9)
    assert found["minor_unit"] == "0.01"
    absolute = money_of(workshop, table, by_money(sample_size=10, population="absolute"))
    assert absolute["audited"] == {"rows": 104, "total": "100000114.15"}
    negative = money_of(workshop, table, by_money(sample_size=1, population="negative"))
    assert negative["audited"] == {"rows": 2, "total": "3.11"}


@pytest.mark.parametrize(
    ("kind", "amounts", "total", "unit"),
    [
        ("DOUBLE", [0.1, 0.2, 0.29, 1e9 + 0.01], "1000000000.60", "0.01"),
        ("FLOAT", [0.5, 0.25, 123456.78], "123457.53", "0.01"),
        ("DECIMAL(38,2)", ["0.10", "9999999999999.99"], "10000000000000.09", "0.01"),
        ("DECIMAL(18,4)", ["0.0001", "0.0002"], "0.0003", "0.0001"),
        ("BIGINT", [2**60, 1], str(2**60 + 1), "1"),
        ("UBIGINT", [2**60, 1], str(2**60 + 1), "1"),
    ],
)
def test_amounts_of_every_type_are_exact(
    workshop: Workshop, kind: str, amounts: list[object], total: str, unit: str
) -> None:
    table = ledger_of(workshop, amounts, kind)
    found = money_of(workshop, table, by_money(sample_size=1))
    assert (found["positive"], found["minor_unit"]) == (
        {"rows": len(amounts), "total": total},
        unit,
    )
    assert workshop.draw(table, one_round(by_money(sample_size=1))).rounds[0].warnings == ()


@pytest.mark.parametrize("kind", ["DOUBLE", "DECIMAL(38,6)"])
def test_fractions_of_a_cent_are_rounded_and_counted(workshop: Workshop, kind: str) -> None:
    table = ledger_of(workshop, [1.005001, 2.5, 3.333, None], kind)
    sample = workshop.draw(table, one_round(by_money(sample_size=1)))
    assert warnings_of(sample.rounds[0])[1] == (
        "2 amounts have a fraction of 0.01: they count as the nearest multiple."
    )
    assert amounts_of(sample.rounds[0]).positive.total == 684


@pytest.mark.parametrize(
    ("kind", "amounts", "message"),
    [
        ("DOUBLE", [1.0, float("inf"), float("-inf")], "2 infinite or very large amounts"),
        ("DOUBLE", [1.0, 1e20], "1 infinite or very large"),
        ("DECIMAL(38,0)", [10**30], "1 infinite or very large"),
        ("BIGINT", [2**62], "add up to 2^62 or more"),
        ("BIGINT", [2**63 - 1, 2**63 - 1], "add up to 2^62 or more"),
        ("BIGINT", [-(2**63), 1], "add up to 2^62 or more"),
    ],
)
def test_amounts_beyond_the_range_are_refused(
    workshop: Workshop, kind: str, amounts: list[object], message: str
) -> None:
    for population in ("positive", "absolute", "negative"):
        method = by_money(sample_size=1, population=population)
        with pytest.raises(DomainError, match=message.replace("^", r"\^")) as caught:
            workshop.draw(ledger_of(workshop, amounts, kind), one_round(method))
        assert caught.value.code == "invalid_numbers"
        assert caught.value.loc == ("rounds", 0, "parameters", "book_column")


def test_amounts_outside_the_filter_are_not_looked_at(workshop: Workshop) -> None:
    table = ledger_of(workshop, [float("inf"), -5.0, 1.0, 2.0], "DOUBLE")
    positive = parse_expression("a > 0 AND a < 100", table)
    sample = workshop.draw(table, one_round(by_money(sample_size=1), filter=positive))
    assert sample.rows_sampled == 1
    left = TableFiles(table.columns, table.files, np.array([0]))
    assert workshop.draw(left, one_round(by_money(sample_size=1))).rows_sampled == 1


def test_take_all_rows_are_found_until_none_is_left(workshop: Workshop) -> None:
    table = ledger_of(workshop, [1000, 100, 10, *[1] * 20], "INTEGER")
    for seed in range(10):
        sample = workshop.draw(table, one_round(by_money(sample_size=5), seed))
        assert {0, 1, 2} <= set(workshop.ordinals(sample)[:3])
        assert [p for (p,) in sample_values(workshop, sample, "_inclusion_probability")] == [
            1.0,
            1.0,
            1.0,
            0.1,
            0.1,
        ]


def test_a_size_above_the_population_draws_all_of_it(workshop: Workshop) -> None:
    table = ledger_of(workshop, [5, 0, None, -2, 3], "INTEGER")
    sample = workshop.draw(table, one_round(by_money(sample_size=7)))
    assert sorted(workshop.ordinals(sample)) == [0, 4]
    assert warnings_of(sample.rounds[0]) == (
        "3 of 5 eligible rows can't be drawn: 1 has an amount of the other sign, 1 an amount of 0, "
        "1 no amount.",
        "sample_size is 7, but only 2 eligible rows can be drawn: all of them were drawn.",
    )
    none = workshop.draw(
        table, one_round(by_money(sample_size=7)), one_round(by_money(sample_size=2), number=2)
    )
    assert none.rounds[1].rows_sampled == 0


@pytest.mark.parametrize("selection", ["fixed_interval", "cell", "random"])
def test_amounts_times_weights_are_the_total(workshop: Workshop, selection: str) -> None:
    amounts = skewed(2_000)
    table = ledger_of(workshop, amounts, "BIGINT", splits=[700])
    sample = workshop.draw(
        table,
        one_round(RandomMethod(sample_size=50)),
        one_round(by_money(sample_size=90, selection=selection), number=2),
    )
    rows = sample_values(workshop, sample, "a", "_design_weight", "_sampling_round", "_hits")
    drawn = [(a, w) for a, w, number, _ in rows if number == 2]
    first = sum(int(str(a)) for a, _, number, _ in rows if number == 1)
    stated = sum(float(str(a)) * float(str(w)) for a, w in drawn)
    assert stated == pytest.approx(sum(amounts) - first)
    assert sum(int(str(hits)) for *_, number, hits in rows if number == 2) == 90
    assert {hits for *_, number, hits in rows if number == 1} == {1}


# --- what a fixed interval's limits depend on ---


def codes_of(
    workshop: Workshop, table: TableFiles, method: MonetaryUnitMethod
) -> tuple[float | None, list[str]]:
    (plan,) = plan_draw(workshop.database, table, [one_round(method)])
    codes = [each.code for each in plan.warnings if each.code in OF_FIXED_INTERVAL]
    return amounts_of(plan).near_interval_share, codes


def plain_share(amounts: Sequence[int], left: int, interval: Fraction | None) -> float | None:
    """By every amount: take-all rows first, then the rows of half an interval or more."""
    units = [amount for amount in amounts if amount > 0]
    while units and left and (step := interval or Fraction(sum(units), left)) <= max(units):
        large = [amount for amount in units if amount >= step]
        units = [amount for amount in units if amount < step]
        left -= len(large)
    if not units or not left:
        return None
    near = sum(amount for amount in units if 2 * amount >= step)
    return float(Fraction(near, sum(units)))


@pytest.mark.parametrize("seed", range(6))
def test_the_share_near_the_interval_is_that_of_all_rows(workshop: Workshop, seed: int) -> None:
    """Whether take-all rows were listed, whose list may begin above half an interval, or not."""
    amounts = [0, -5, *skewed(400, seed)] if seed % 2 else [90] * 40 + list(range(1, 60))
    table = ledger_of(workshop, amounts, "BIGINT", splits=[13])
    for size in (1, 2, 5, 20, 45, 90, 300, 600):
        found, _ = codes_of(workshop, table, by_money(sample_size=size))
        rows = sum(amount > 0 for amount in amounts)
        assert found == (None if size >= rows else plain_share(amounts, size, None)), size
    for interval in (1, 30, 91, 150, 181, 999, 10**7):
        found, _ = codes_of(workshop, table, by_money(interval=interval))
        assert found == plain_share(amounts, 10**9, Fraction(interval)), interval


def test_rows_that_earlier_rounds_drew_have_no_part_in_the_share(workshop: Workshop) -> None:
    table = ledger_of(workshop, [95] * 60 + [5] * 60, "BIGINT")
    large = parse_expression("a > 50", table)
    rounds = [
        one_round(RandomMethod(sample_fraction=1.0), filter=large),
        one_round(by_money(sample_size=10), number=2),
    ]
    second = workshop.draw(table, *rounds).rounds[1]
    assert (amounts_of(second).near_interval_share, second.warnings) == (0.0, ())


def test_the_regularity_is_that_of_all_rows(workshop: Workshop) -> None:
    """The sum over all pairs, row by row; groups of one size have no spread."""
    amounts = [48, 48, 4] * 40 + [7] * 9
    table = ledger_of(workshop, amounts, "BIGINT", splits=[50])
    (plan,) = plan_draw(workshop.database, table, [one_round(by_money(sample_size=40))])
    step, rows = sum(amounts) / 40, len(amounts)
    found = 0.0
    for size in (48, 4, 7):
        hits = amounts.count(size) * size / step
        excess = 0.0
        for h in range(1, 13):
            psi = sum(np.exp(2j * np.pi * h * amount / step) for amount in amounts) / rows
            pairs = sum((rows - k) * psi**k for k in range(1, rows))
            excess += max(4 / rows**2 * pairs.real, 0) * np.sinc(h * size / step) ** 2
        found = max(found, min(hits, 10) * excess) if hits >= 0.5 else found
    assert amounts_of(plan).regularity == pytest.approx(found, abs=1e-6)
    assert found > 0.1


@pytest.mark.parametrize(
    ("amounts", "method", "codes"),
    [
        ([95, 5] * 60, {"sample_size": 60}, [NEAR]),
        ([95, 5] * 60, {"sample_size": 60, "order": "file"}, [ORDER, NEAR]),
        ([95, 5] * 60, {"sample_size": 60, "selection": "cell", "order": "file"}, []),
        ([95, 5] * 60, {"sample_size": 60, "selection": "random"}, []),
        ([95, 5] * 60, {"interval": 50}, []),
        ([95, 5] * 60, {"interval": 190.01}, []),
        ([95, 5] * 60, {"sample_size": 1, "order": "file"}, []),
        ([49, 49, 2] * 60, {"sample_size": 60}, [REGULAR]),
        ([33, 33, 32, 2] * 100, {"sample_size": 100}, [REGULAR]),
        ([49, 49, 2] * 60, {"sample_size": 60, "selection": "cell"}, []),
        ([10] * 400, {"sample_size": 100}, []),
        (list(range(1, 400)), {"sample_size": 60}, []),
        (skewed(2_000), {"interval": 40_000}, []),
        ([20] * 22 + [1] * 880, {"sample_size": 54}, []),
        ([20] * 23 + [1] * 880, {"sample_size": 54}, [NEAR]),
    ],
)
def test_a_fixed_interval_warns_where_limits_can_fail(
    workshop: Workshop, amounts: list[int], method: dict[str, object], codes: list[str]
) -> None:
    table = ledger_of(workshop, amounts)
    assert codes_of(workshop, table, by_money(**method))[1] == codes


def test_the_warning_offers_cells_or_all_these_rows(workshop: Workshop) -> None:
    table = ledger_of(workshop, [95, 5] * 60)
    sample = workshop.draw(table, one_round(by_money(sample_size=60)))
    assert warnings_of(sample.rounds[0]) == (
        "Rows of half an interval or more have 95 % of the money that is left to chance. From a "
        "fixed interval a limit at 95 % confidence can then cover far less: in a simulated ledger "
        "of this kind it covered about 30 %. Use selection cell, or an interval of 50.00, at which "
        "all these rows are drawn.",
    )
    whole = money_of(workshop, table, by_money(interval=50))
    assert whole["take_all"] == {"rows": 60, "total": "5700.00"}


def test_what_a_drawn_sample_says_of_its_limits(workshop: Workshop) -> None:
    table = ledger_of(workshop, [95, 5] * 60)
    account = money_of(workshop, table, by_money(sample_size=60, order="file"))
    order, near = doubts_of(account)
    assert ("order of the file" in order, "95 % of the money" in near) == (True, True)
    assert unchecked_of(account) == []
    older = {**account, "near_interval_share": None, "regularity": None}
    assert doubts_of(older) == [order]
    (unchecked,) = unchecked_of(older)
    assert "whether amounts are nearly an interval or are nearly equal parts of one" in unchecked
    cells = {**older, "selection": "cell"}
    assert (doubts_of(cells), unchecked_of(cells)) == ([], [])


# --- refusals and names ---


@pytest.mark.parametrize(
    ("method", "place", "message"),
    [
        (by_money(), (), "Give one of sample_size, interval."),
        (by_money(sample_size=1, interval=2), ("interval",), "only one of"),
        (by_money(sample_size=0), ("sample_size",), "1 or more"),
        (by_money(interval=0), ("interval",), "above 0"),
        (by_money(interval=0.001), ("interval",), "a multiple of 0.01"),
        (by_money(interval=1e17), ("interval",), r"below 2\^62"),
        (by_money(interval=5, selection="random"), ("interval",), "needs sample_size"),
        (by_money(sample_size=5, selection="best"), ("selection",), "one of fixed_interval, cell"),
        (by_money(sample_size=5, population="all"), ("population",), "one of positive, absolute"),
        (by_money(sample_size=5, order="sorted"), ("order",), "one of seeded, file"),
    ],
)
def test_faults_of_parameters_are_refused(
    workshop: Workshop, method: MonetaryUnitMethod, place: tuple[str, ...], message: str
) -> None:
    table = ledger_of(workshop, [1, 2])
    with pytest.raises(DomainError, match=message) as caught:
        plan_draw(workshop.database, table, [one_round(method)])
    assert caught.value.loc == ("rounds", 0, "parameters", *place)


def test_a_column_without_numbers_is_refused(workshop: Workshop) -> None:
    table = ledger_of(workshop, ["1", "2"], "VARCHAR")
    with pytest.raises(DomainError, match="book_column needs a column of numbers"):
        workshop.draw(table, one_round(by_money(sample_size=1)))


def test_a_column_named_hits_is_renamed_only_where_hits_are_counted(workshop: Workshop) -> None:
    table = workshop.table({"a": ("INTEGER", [1, 2]), "_hits": ("INTEGER", [8, 9])})
    by_units = workshop.draw(table, one_round(by_money(sample_size=2)))
    assert [column.name for column in by_units.table.columns][1] == "_hits_source"
    assert by_units.table.columns[-1].name == "_hits"
    plain = workshop.draw(table, one_round(RandomMethod(sample_size=2)))
    assert [column.name for column in plain.table.columns][1] == "_hits"
    assert plain.table.columns[-1].name == "_design_weight"


def test_an_empty_table_draws_none(workshop: Workshop) -> None:
    table = workshop.table_of("SELECT 1 AS a WHERE false")
    sample = workshop.draw(table, Round(round_number=1, method=by_money(interval=5), seed=1))
    assert sample.rows_sampled == 0
    assert warnings_of(sample.rounds[0]) == ("No row was eligible, so none was drawn.",)
