"""Plans, reserves and explanations: what follows from a draw without a new one."""

from __future__ import annotations

import numpy as np
import pytest

from domain_errors import DomainError
from parquet_tables.tables import TableFiles
from sampling_engine import (
    ClusterMethod,
    Method,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    RowExplanation,
    SeededOrder,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    explain_rows,
    plan_draw,
    reserves,
)
from sampling_engine.filters import parse_expression
from tests.sampling_engine.conftest import Rows, Workshop

STRATIFIED = StratifiedMethod(strata_columns=("shop",), samples_per_stratum=5)
TWO_STAGES = ClusterMethod(cluster_column="shop", num_clusters=2, samples_per_cluster=6)
WEIGHTED = WeightedMethod(sample_size=12, weight_column="value")
MONETARY = MonetaryUnitMethod(sample_size=12, book_column="value")
RESERVED: list[Method] = [
    RandomMethod(sample_size=8),
    STRATIFIED,
    TWO_STAGES,
    WEIGHTED,
    MONETARY,
]
ALL_METHODS: list[Method] = [
    *RESERVED,
    SystematicMethod(interval=50),
    SystematicMethod(sample_size=9),
    ClusterMethod(cluster_column="shop", num_clusters=1),
]


@pytest.fixture(scope="module")
def table(workshop: Workshop) -> TableFiles:
    """500 rows, the first 20 of them left out."""
    whole = workshop.table_of(
        "SELECT i AS id, nullif('shop ' || i % 4, 'shop 3') AS shop, i % 10 AS value, "
        "i AS _stratum, i AS _reserve_order FROM range(500) AS r(i)",
        splits=[200],
    )
    return TableFiles(whole.columns, whole.files, np.arange(20))


def rounds_of(table: TableFiles, *methods: Method, text: str = "value <> 4") -> list[Round]:
    return [
        Round(
            round_number=number,
            method=method,
            seed=f"s{number}",
            filter=parse_expression(text, table),
        )
        for number, method in enumerate(methods, start=1)
    ]


@pytest.mark.parametrize("method", ALL_METHODS)
def test_a_plan_tells_what_the_draw_gives(
    workshop: Workshop, table: TableFiles, method: Method
) -> None:
    rounds = rounds_of(table, RandomMethod(sample_size=100), method, STRATIFIED)
    plans = plan_draw(workshop.database, table, rounds)
    results = workshop.draw(table, *rounds).rounds
    for plan, result in zip(plans, results, strict=True):
        assert plan.rows_planned == result.rows_sampled
        assert (plan.eligible_rows, plan.warnings) == (result.eligible_rows, result.warnings)
        assert (plan.group_kind, plan.groups_count) == (result.group_kind, result.groups_count)
        planned = [(one.key, one.rows, one.allocated) for one in plan.groups]
        assert planned == [(one.key, one.rows, one.allocated) for one in result.groups]
        assert "sampled" not in str(plan.as_json())


def reserve_of(
    workshop: Workshop, table: TableFiles, rounds: list[Round], number: int, limit: int
) -> Rows:
    found = reserves(
        workshop.database,
        table,
        rounds,
        number,
        limit,
        table_key="primary",
        destination=workshop.new_path(),
    )
    names = [column.name for column in found.columns]
    assert names == [
        *("id", "shop", "value", "_stratum_source", "_reserve_order_source"),
        *("_logical_row_id", "_stratum", "_reserve_order"),
    ]
    rows = workshop.rows(found, "id, _logical_row_id, _stratum, _reserve_order")
    assert all(row_id == f"primary:{ordinal}" for ordinal, row_id, _, _ in rows)
    return [(ordinal, label, place) for ordinal, _, label, place in rows]


@pytest.mark.parametrize("method", RESERVED)
@pytest.mark.parametrize("later", [False, True])
def test_reserves_are_rows_that_no_round_drew_in_the_rounds_order(
    workshop: Workshop, table: TableFiles, method: Method, later: bool
) -> None:
    rounds = rounds_of(table, method, *([RandomMethod(sample_size=60)] if later else []))
    drawn = set(workshop.ordinals(workshop.draw(table, *rounds)))
    found = reserve_of(workshop, table, rounds, 1, 7)
    ordinals = [int(str(ordinal)) for ordinal, _, _ in found]
    assert not drawn & set(ordinals)
    assert min(ordinals) >= 20
    assert all(ordinal % 10 != 4 for ordinal in ordinals)
    labels = list(dict.fromkeys(label for _, label, _ in found))
    strata = {STRATIFIED: 4, TWO_STAGES: 2}.get(method, 1)  # type: ignore[call-overload]
    assert len(labels) == strata
    for label in labels:
        places = [place for _, of, place in found if of == label]
        assert places == list(range(1, 8))
    if not isinstance(method, WeightedMethod | MonetaryUnitMethod):
        ranks = SeededOrder(500, "s1").rank(np.array(ordinals)).reshape(strata, 7)
        assert (np.diff(ranks, axis=1) > 0).all()


def test_the_first_reserves_are_what_a_larger_sample_would_have_drawn(
    workshop: Workshop, table: TableFiles
) -> None:
    for small, large, limit in (
        (RandomMethod(sample_size=8), RandomMethod(sample_size=18), 10),
        (STRATIFIED, StratifiedMethod(strata_columns=("shop",), samples_per_stratum=7), 2),
    ):
        one, other = rounds_of(table, small), rounds_of(table, large)
        drawn = workshop.ordinals(workshop.draw(table, *one))
        reserve = [int(str(row[0])) for row in reserve_of(workshop, table, one, 1, limit)]
        assert {*drawn, *reserve} == set(workshop.ordinals(workshop.draw(table, *other)))


@pytest.mark.parametrize("method", RESERVED[:-1])
def test_reserves_are_next_in_line(workshop: Workshop, table: TableFiles, method: Method) -> None:
    rounds = rounds_of(table, method)
    found = reserve_of(workshop, table, rounds, 1, 5)
    ordinals = [int(str(ordinal)) for ordinal, _, _ in found]
    rows = explain_rows(workshop.database, table, rounds, ordinals)
    for (_, label, place), row in zip(found, rows, strict=True):
        verdict = row.verdicts[0]
        assert verdict.line_drawn is not None
        assert (verdict.nth_in_line, verdict.group) == (verdict.line_drawn + int(str(place)), label)


def test_several_rows_are_explained_like_each_alone(workshop: Workshop, table: TableFiles) -> None:
    rounds = rounds_of(table, STRATIFIED, RandomMethod(sample_size=30))
    ordinals = [3, 24, 25, 26, 499, 25]
    together = explain_rows(workshop.database, table, rounds, ordinals)
    assert together == [explained(workshop, table, rounds, ordinal) for ordinal in ordinals]


def test_reserves_are_fewer_where_there_are_no_more(workshop: Workshop, table: TableFiles) -> None:
    for method in (
        RandomMethod(sample_size=430),
        WeightedMethod(sample_size=380, weight_column="value"),
        MonetaryUnitMethod(sample_size=380, book_column="value"),
    ):
        rounds = rounds_of(table, method)
        sample = workshop.draw(table, *rounds).rounds[0]
        left = sample.eligible_rows - sample.rows_sampled
        if not isinstance(method, RandomMethod):
            left -= 48
        assert len(reserve_of(workshop, table, rounds, 1, 10_000)) == left


@pytest.mark.parametrize(
    ("method", "number", "limit", "code"),
    [
        (SystematicMethod(interval=5), 1, 3, "no_reserves"),
        (ClusterMethod(cluster_column="shop", num_clusters=1), 1, 3, "no_reserves"),
        (RandomMethod(sample_size=5), 2, 3, "unknown_round"),
        (RandomMethod(sample_size=5), 1, 0, "invalid_size"),
    ],
)
def test_reserves_that_have_no_meaning_are_refused(
    workshop: Workshop, table: TableFiles, method: Method, number: int, limit: int, code: str
) -> None:
    with pytest.raises(DomainError) as caught:
        reserve_of(workshop, table, rounds_of(table, method), number, limit)
    assert caught.value.code == code


def explained(
    workshop: Workshop, table: TableFiles, rounds: list[Round], ordinal: int
) -> RowExplanation:
    return explain_rows(workshop.database, table, rounds, [ordinal])[0]


@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_row_is_explained_as_it_was_drawn(
    workshop: Workshop, table: TableFiles, method: Method
) -> None:
    rounds = rounds_of(table, RandomMethod(sample_size=30), method)
    sample = workshop.draw(table, *rounds)
    stated = {
        int(str(row_id).removeprefix("primary:")): rest
        for row_id, *rest in workshop.rows(
            sample.table,
            "_logical_row_id, _sampling_round, _inclusion_probability, _design_weight, _stratum",
        )
    }
    ordinals = range(17, 500, 23)
    everything = explain_rows(workshop.database, table, rounds, ordinals)
    for ordinal, found in zip(ordinals, everything, strict=True):
        assert found.drawn == (ordinal in stated)
        if found.drawn:
            values = (found.round_number, found.inclusion_probability, found.design_weight)
            assert [*values, found.verdicts[-1].group] == stated[ordinal]
            assert found.verdicts[-1].outcome == "drawn"
        else:
            assert len(found.verdicts) == 2
            assert "drawn" not in {verdict.outcome for verdict in found.verdicts}
        for verdict in found.verdicts:
            assert verdict.reason.endswith(".")
            if verdict.nth_in_line is not None:
                assert verdict.line_rows is not None
                assert verdict.line_drawn is not None
                assert 1 <= verdict.nth_in_line <= verdict.line_rows <= 500
                in_front = verdict.nth_in_line <= verdict.line_drawn
                assert in_front == (verdict.outcome == "drawn")
            if verdict.rank is not None and verdict.last_rank is not None:
                taken = verdict.rank <= verdict.last_rank
                assert taken == (verdict.outcome == "drawn")


@pytest.mark.parametrize(
    ("method", "ordinal", "outcome", "stated"),
    [
        (RandomMethod(sample_size=1), 3, "left_out", "left out of this table"),
        (RandomMethod(sample_size=1), 24, "filtered_out", "value"),
        (RandomMethod(sample_size=1), 25, "beyond_the_last", "in line; 1 of 432 rows was drawn"),
        (STRATIFIED, 25, "beyond_the_last", "in line in shop 1; the first"),
        (WEIGHTED, 30, "no_weight", "NULL, NaN or 0"),
        (WEIGHTED, 25, "beyond_the_last", "Its selection probability was 0.0"),
        (MONETARY, 30, "no_weight", "Its amount isn't positive"),
        (MONETARY, 25, "not_hit", "None of the 12 selected monetary units lies in its amount of 5"),
        (SystematicMethod(interval=50, start=1), 25, "off_the_grid", "between"),
        (
            StratifiedMethod(strata_columns=("shop",), sizes={"shop 0": 1}),
            25,
            "beyond_the_last",
            "in line in shop 1; none of",
        ),
    ],
)
def test_the_reason_why_a_row_was_not_drawn(
    workshop: Workshop, table: TableFiles, method: Method, ordinal: int, outcome: str, stated: str
) -> None:
    found = explained(workshop, table, rounds_of(table, method), ordinal)
    assert not found.drawn
    assert found.verdicts[0].outcome == outcome
    assert stated in found.verdicts[0].reason


def test_a_row_of_a_cluster_that_was_not_drawn(workshop: Workshop, table: TableFiles) -> None:
    rounds = rounds_of(table, ClusterMethod(cluster_column="shop", num_clusters=1))
    outcomes = {at % 4: explained(workshop, table, rounds, at).verdicts[0] for at in range(25, 33)}
    assert sorted(one.outcome for one in outcomes.values()) == [*["cluster_not_drawn"] * 3, "drawn"]
    reasons = [one.reason for one in outcomes.values() if one.outcome != "drawn"]
    assert all("is not among the 1 drawn of 4" in reason for reason in reasons)


def test_a_row_that_is_not_there_is_refused(workshop: Workshop, table: TableFiles) -> None:
    for ordinal in (-1, 500):
        with pytest.raises(DomainError, match="rows run from 0 to 499") as caught:
            explained(workshop, table, rounds_of(table, STRATIFIED), ordinal)
        assert caught.value.code == "unknown_row"


def test_places_in_line_of_a_whole_table_are_counted(workshop: Workshop, table: TableFiles) -> None:
    rounds = [Round(round_number=1, method=RandomMethod(sample_size=9), seed="s1")]
    ranks = SeededOrder(500, "s1").rank(np.arange(20, 500))
    found = explain_rows(workshop.database, table, rounds, range(20, 500, 60))
    places = [row.verdicts[0].nth_in_line for row in found]
    assert places == [int((ranks <= ranks[at]).sum()) for at in range(0, 480, 60)]
