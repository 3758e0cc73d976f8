"""Draws by the uncertainty √(p(1 - p)) of a probability, with a least weight."""

from __future__ import annotations

import re
from typing import Any

import pytest

from domain_errors import DomainError
from parquet_tables.tables import Column, TableFiles
from sampling_engine import Round, WeightedMethod, check_rounds
from sampling_engine.sql.units import TAKE_ALL_UNITS, UncertaintyUnits, millionths
from tests.sampling_engine import plain_draw
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import one_round, warnings_of

EDGES = [0.0, -0.0, 5e-324, 1e-9, 0.0025062814466900174, 0.1, 0.25, 0.5, 0.75, 1 - 2**-53, 1.0]


def uncertain(size: int, **more: Any) -> WeightedMethod:
    return WeightedMethod(sample_size=size, weight_column="score", uncertainty=True, **more)


def scores(workshop: Workshop, values: list[float | None], kind: str = "DOUBLE") -> TableFiles:
    return workshop.table({"score": (kind, values)})


def scored(workshop: Workshop, rows: int = 400) -> TableFiles:
    """Every tenth row has no probability."""
    return workshop.table_of(
        "SELECT i AS id, CASE WHEN i % 10 > 0 THEN i * 7919 % 1009 / 1008 END AS score "
        f"FROM range({rows}) AS r(i)"
    )


def units_in_duckdb(workshop: Workshop, values: list[Any], kind: str) -> list[int | None]:
    units = UncertaintyUnits(Column("score", kind), 6, least=millionths(0.05))
    with workshop.database.cursor() as cursor:
        found = cursor.execute(
            f"SELECT {units.sql()} FROM (SELECT unnest(CAST(? AS {kind}[])) AS score) AS f",
            [values],
        ).fetchall()
    return [value for (value,) in found]


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT"])
def test_units_are_those_of_a_plain_program(workshop: Workshop, kind: str) -> None:
    values = [*EDGES, *((i * 7919 % 100_003) / 100_003 for i in range(20_000))]
    with workshop.database.cursor() as cursor:
        stored = cursor.execute(f"SELECT unnest(CAST(? AS {kind}[]))::DOUBLE", [values]).fetchall()
    exact = plain_draw.uncertainties(dict(enumerate(p for (p,) in stored)), 0.05)
    assert units_in_duckdb(workshop, values, kind) == [int(exact[at]) for at in exact]


def test_decimals_count_as_the_nearest_double(workshop: Workshop) -> None:
    texts = [f"0.{i * 104_729_000_003 % 10**15:015d}" for i in range(1, 5_000)]
    exact = plain_draw.uncertainties({at: float(text) for at, text in enumerate(texts)}, 0.05)
    found = units_in_duckdb(workshop, texts, "DECIMAL(18,15)")
    assert found == [int(exact[at]) for at in exact]


def test_a_missing_or_impossible_probability(workshop: Workshop) -> None:
    values = [None, -0.001, 1.001, float("nan"), float("inf")]
    assert units_in_duckdb(workshop, values, "DOUBLE") == [TAKE_ALL_UNITS, *[None] * 4]


@pytest.mark.parametrize("selection", ["pareto", "systematic"])
def test_rows_without_a_probability_are_all_drawn(workshop: Workshop, selection: str) -> None:
    table = scored(workshop)
    sample = workshop.draw(table, one_round(uncertain(60, selection=selection)))
    rows = workshop.rows(sample.table, "score, _inclusion_probability")
    missing = [probability for score, probability in rows if score is None]
    assert len(rows) == 60
    assert missing == [1.0] * 40
    # Of the other 360 rows 20 are drawn, in proportion to their uncertainty.
    weights = plain_draw.uncertainties(
        {at: i * 7919 % 1009 / 1008 for at, i in enumerate(range(400)) if i % 10}, 0.05
    )
    total = sum(weights.values())
    for score, probability in rows:
        if score is not None:
            (weight,) = plain_draw.uncertainties({0: float(str(score))}, 0.05).values()
            assert probability == pytest.approx(float(20 * weight / total), rel=1e-3)
    assert warnings_of(sample.rounds[0]) == (
        '40 of 400 eligible rows have no value in "score": all of them are drawn. '
        "uncertainty_missing floor gives them the least weight instead.",
    )


def test_a_later_round_has_no_such_rows_left(workshop: Workshop) -> None:
    rounds = [one_round(uncertain(60), number=number) for number in (1, 2)]
    sample = workshop.draw(scored(workshop), *rounds)
    assert warnings_of(sample.rounds[1]) == ()
    rows = workshop.rows(sample.table, "score, _sampling_round, _inclusion_probability")
    second = [(score, probability) for score, number, probability in rows if number == 2]
    assert len(second) == 60
    assert all(score is not None and probability < 1 for score, probability in second)  # type: ignore[operator]


def test_missing_probabilities_with_the_least_weight(workshop: Workshop) -> None:
    sample = workshop.draw(scored(workshop), one_round(uncertain(60, uncertainty_missing="floor")))
    rows = workshop.rows(sample.table, "score, _inclusion_probability")
    least = min(float(str(probability)) for _, probability in rows)
    assert all(probability == least for score, probability in rows if score is None)
    assert warnings_of(sample.rounds[0]) == (
        '40 of 400 eligible rows have no value in "score": they have the least weight.',
    )


def test_a_sample_too_small_for_rows_without_a_probability(workshop: Workshop) -> None:
    table = scored(workshop)
    with pytest.raises(DomainError, match="40 of 400 eligible rows have no value") as caught:
        workshop.draw(table, one_round(uncertain(40)))
    assert caught.value.loc == ("rounds", 0, "parameters", "sample_size")
    assert len(workshop.rows(workshop.draw(table, one_round(uncertain(41))).table)) == 41
    everything = workshop.draw(table, one_round(uncertain(500)))
    assert len(workshop.rows(everything.table)) == 400


def test_numbers_that_are_no_probabilities_are_counted(workshop: Workshop) -> None:
    table = scores(workshop, [0.5, 1.5, -0.1, float("nan"), None, 0.2])
    with pytest.raises(DomainError, match='"score" has 3 values below 0, above 1 or NaN') as caught:
        workshop.draw(table, one_round(uncertain(2)))
    assert caught.value.code == "invalid_numbers"
    assert caught.value.loc == ("rounds", 0, "parameters", "weight_column")


@pytest.mark.parametrize(
    ("method", "place", "message"),
    [
        (
            WeightedMethod(sample_size=2, weight_column="score", uncertainty_floor=0.1),
            "uncertainty_floor",
            "uncertainty_floor needs uncertainty",
        ),
        (
            WeightedMethod(sample_size=2, weight_column="score", uncertainty_missing="floor"),
            "uncertainty_missing",
            "uncertainty_missing needs uncertainty",
        ),
        (uncertain(2, uncertainty_floor=0.0), "uncertainty_floor", "1e-06 or more, up to 0.5"),
        (uncertain(2, uncertainty_floor=0.6), "uncertainty_floor", "up to 0.5"),
    ],
)
def test_parameters_that_do_not_fit(
    workshop: Workshop, method: WeightedMethod, place: str, message: str
) -> None:
    with pytest.raises(DomainError, match=re.escape(message)) as caught:
        check_rounds(scores(workshop, [0.5]), [one_round(method)])
    assert caught.value.loc == ("rounds", 0, "parameters", place)


def test_decimals_that_a_double_cannot_have_are_refused(workshop: Workshop) -> None:
    with pytest.raises(DomainError, match="18 decimal places"):
        check_rounds(scores(workshop, [0.5], "DECIMAL(20,18)"), [one_round(uncertain(1))])


@pytest.mark.parametrize("strategy", ["walk", "scan"])
def test_walk_and_scan_give_the_same_rows(workshop: Workshop, strategy: Any) -> None:
    table, rounds = scored(workshop, 3_000), [one_round(uncertain(350))]
    free = workshop.rows(workshop.draw(table, *rounds).table)
    assert workshop.rows(workshop.draw(table, *rounds, strategy=strategy).table) == free


def test_every_row_has_a_chance(workshop: Workshop) -> None:
    """A probability of 0 or 1 has the default least weight 0.05, a tenth of that of one half."""
    table = scores(workshop, [0.0, 1.0, 0.5] * 50)
    spec: Round = one_round(uncertain(30))
    rows = workshop.rows(workshop.draw(table, spec).table, "score, _inclusion_probability")
    by_score = dict(rows)  # type: ignore[arg-type]
    assert by_score[0.5] == pytest.approx(30 * 0.5 / (50 * 0.6), rel=1e-3)
    assert set(by_score) <= {0.0, 0.5, 1.0}
