"""Sums of an amount column in the accounts of plans and draws."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain_errors import DomainError
from parquet_tables.tables import TableFiles
from sampling_engine import (
    ClusterMethod,
    DrawnSample,
    Method,
    RandomMethod,
    Round,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    draw_sample,
    plan_draw,
)
from sampling_engine.filters import parse_expression
from sampling_engine.selection.bands import Bands
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import by, one_round

BANDS = Bands("amount", (100, 1000))


@pytest.fixture(scope="module")
def entries(workshop: Workshop) -> TableFiles:
    """300 entries of 0.10, 1.10 … 299.10 and one of 5,000.01; their doubles; two shops."""
    return workshop.table_of(
        "SELECT i AS id, i % 2 AS shop, CAST(CASE WHEN i = 300 THEN 5000.01 WHEN i < 299 THEN "
        "i + 0.1 END AS DECIMAL(10, 2)) AS amount, CASE WHEN i = 300 THEN 'nan'::DOUBLE "
        "ELSE i + 0.1::DOUBLE END AS rough FROM range(301) AS r(i)",
        splits=[120],
    )


def drawn(workshop: Workshop, table: TableFiles, *rounds: Round, column: str) -> DrawnSample:
    return draw_sample(
        workshop.database,
        table,
        rounds,
        table_key="t",
        destination=workshop.new_path(),
        amount_column=column,
    )


def total(workshop: Workshop, table: TableFiles, where: str = "true") -> Decimal:
    value = f"sum(amount) FILTER (WHERE {where})"
    return Decimal(workshop.rows(table, f"coalesce({value}, 0)")[0][0])


@pytest.mark.parametrize(
    "method",
    [
        RandomMethod(sample_size=40),
        SystematicMethod(interval=7),
        ClusterMethod(cluster_column="shop", num_clusters=1),
        WeightedMethod(sample_size=20, weight_column="amount"),
        by("shop", sample_size=50),
        StratifiedMethod(strata_columns=(BANDS,), sizes={"≥ 1,000": "all", "<100": "10%"}),
    ],
)
def test_sums_of_a_draw_are_exact(workshop: Workshop, entries: TableFiles, method: Method) -> None:
    sample = drawn(workshop, entries, one_round(method), column="amount")
    found = sample.rounds[0].as_json()["amount"]
    in_sample = total(workshop, sample.table)
    everything = total(workshop, entries)
    assert found == {
        "column": "amount",
        "total": str(everything),
        "drawn": str(in_sample),
        "coverage": pytest.approx(float(in_sample / everything)),
        "absolute_total": str(everything),
        "absolute_drawn": str(in_sample),
        "absolute_coverage": pytest.approx(float(in_sample / everything)),
    }
    assert sample.amount == found
    groups = [one for one in sample.rounds[0].groups if one.amount]
    if groups and sample.rounds[0].group_kind == "strata":
        sums = [
            sum(Decimal(one.amount[part] or 0) for one in groups if one.amount)
            for part in ("total", "drawn")
        ]
        assert sums == [everything, in_sample]


def test_sums_follow_the_filter_and_earlier_rounds(workshop: Workshop, entries: TableFiles) -> None:
    only = parse_expression("id < 100", entries)
    first = one_round(RandomMethod(sample_size=30), filter=only)
    second = one_round(by("shop", sample_size=10), number=2, filter=only)
    sample = drawn(workshop, entries, first, second, column="amount")
    one, two = (result.as_json()["amount"] for result in sample.rounds)
    assert isinstance(one, dict)
    assert isinstance(two, dict)
    assert Decimal(one["total"]) == total(workshop, entries, "id < 100")
    assert Decimal(two["total"]) == Decimal(one["total"]) - Decimal(one["drawn"])
    assert sample.amount is not None
    assert sample.amount["total"] == str(total(workshop, entries))
    assert Decimal(str(sample.amount["drawn"])) == Decimal(one["drawn"]) + Decimal(two["drawn"])


def test_floating_point_amounts_add_up_as_decimals(workshop: Workshop, entries: TableFiles) -> None:
    sample = drawn(workshop, entries, one_round(RandomMethod(sample_size=301)), column="rough")
    assert sample.amount is not None
    assert (sample.amount["total"], sample.amount["coverage"]) == ("44880.00", 1.0)


def test_a_plan_expects_the_amount_in_proportion(workshop: Workshop, entries: TableFiles) -> None:
    method = StratifiedMethod(strata_columns=(BANDS,), sizes={"≥ 1,000": "all", "<100": "10%"})
    (plan,) = plan_draw(workshop.database, entries, [one_round(method)], amount_column="amount")
    amounts = {one.label: one.amount for one in plan.groups}
    assert amounts["≥ 1,000"] == {"total": "5000.01", "drawn": "5000.01"}
    assert amounts["< 100"] == {"total": "4960.00", "drawn": "496.00"}
    assert amounts["NULL"] == {"total": "0.00", "drawn": "0.00"}
    weighted = one_round(WeightedMethod(sample_size=5, weight_column="amount"))
    (plan,) = plan_draw(workshop.database, entries, [weighted], amount_column="amount")
    assert plan.amount is not None
    assert plan.amount.as_json()["drawn"] is None


def test_negative_amounts_are_covered_without_their_signs(workshop: Workshop) -> None:
    table = workshop.table_of("SELECT unnest([100, 50, -120, -128, NULL])::TINYINT AS amount")
    only = parse_expression("amount > 0", table)
    sample = drawn(
        workshop, table, one_round(RandomMethod(sample_size=2), filter=only), column="amount"
    )
    assert sample.amount == {
        "column": "amount",
        "total": "-98",
        "drawn": "150",
        "coverage": pytest.approx(-150 / 98),
        "absolute_total": "398",
        "absolute_drawn": "150",
        "absolute_coverage": pytest.approx(150 / 398),
    }
    (plan,) = plan_draw(
        workshop.database, table, [one_round(RandomMethod(sample_size=1))], amount_column="amount"
    )
    assert plan.amount is not None
    found = plan.amount.as_json()
    assert (found["drawn"], found["absolute_drawn"]) == ("-20", "80")


def test_an_amount_column_holds_numbers(workshop: Workshop, entries: TableFiles) -> None:
    table = workshop.table({"name": ("VARCHAR", ["a"])})
    with pytest.raises(DomainError, match="needs a column of numbers"):
        drawn(workshop, table, one_round(RandomMethod(sample_size=1)), column="name")
    with pytest.raises(DomainError, match="There is no column"):
        drawn(workshop, entries, one_round(RandomMethod(sample_size=1)), column="cost")
