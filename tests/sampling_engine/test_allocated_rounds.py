"""How a round divides its rows among strata: equally, by deviation and cost, or by given sizes."""

from __future__ import annotations

from typing import Any

import pytest

from domain_errors import DomainError
from parquet_tables.tables import TableFiles
from sampling_engine.filters import parse_expression
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import by_shop, one_round, sample_values, sizes, warnings_of


def test_an_equal_allocation_gives_each_stratum_the_same_or_all_it_has(
    workshop: Workshop, shops: TableFiles
) -> None:
    method = by_shop(sample_size=300, allocation="equal")
    assert sizes(workshop.draw(shops, one_round(method))) == {"a": 100, "b": 100, None: 100}
    method = by_shop(sample_size=600, allocation="equal")
    assert sizes(workshop.draw(shops, one_round(method))) == {"a": 250, "b": 250, None: 100}


def test_a_neyman_allocation_is_in_proportion_to_rows_times_standard_deviation(
    workshop: Workshop, shops: TableFiles
) -> None:
    """S is 5 in a and 20 in b, but for the factor n / (n - 1); so 3,000 to 6,000."""
    method = by_shop(sample_size=90, allocation="neyman", allocation_column="value")
    sample = workshop.draw(shops, one_round(method))
    assert sizes(sample) == {"a": 30, "b": 60, None: 0}
    assert warnings_of(sample.rounds[0])[0] == (
        'In 1 of 3 strata "value" does not vary or has fewer than two values: they give '
        "min_per_stratum rows, and more only when the others have no more."
    )


def test_an_optimal_allocation_divides_by_the_root_of_the_mean_cost(
    workshop: Workshop, shops: TableFiles
) -> None:
    """As with Neyman, but a row of b costs four times one of a: 3,000 to 3,000."""
    method = by_shop(
        sample_size=92,
        allocation="optimal",
        allocation_column="value",
        cost_column="cost",
        min_per_stratum=2,
    )
    sample = workshop.draw(shops, one_round(method))
    assert sizes(sample) == {"a": 45, "b": 45, None: 2}


def test_what_the_varying_strata_cannot_hold_goes_to_the_others(
    workshop: Workshop, shops: TableFiles
) -> None:
    method = by_shop(sample_size=950, allocation="neyman", allocation_column="value")
    assert sizes(workshop.draw(shops, one_round(method))) == {"a": 600, "b": 300, None: 50}


def test_an_allocation_by_a_column_that_never_varies_is_proportional(
    workshop: Workshop, shops: TableFiles
) -> None:
    flat = parse_expression("value = 0", shops)
    method = by_shop(sample_size=45, allocation="neyman", allocation_column="value")
    sample = workshop.draw(shops, one_round(method, filter=flat))
    assert sizes(sample) == {"a": 30, "b": 15}
    assert "No stratum had a share" in warnings_of(sample.rounds[0])[-1]


def test_values_that_are_no_numbers_do_not_count_in_an_allocation(workshop: Workshop) -> None:
    table = workshop.table(
        {
            "shop": ("VARCHAR", ["a"] * 4 + ["b"] * 4),
            "x": ("DOUBLE", [1, 2, 3, None, 1, 5, float("nan"), float("inf")]),
        }
    )
    method = by_shop(sample_size=4, allocation="neyman", allocation_column="x")
    sample = workshop.draw(table, one_round(method))
    assert sum(sizes(sample).values()) == 4
    assert warnings_of(sample.rounds[0]) == (
        '3 eligible rows have no finite number in "x": they are drawn from like any other, but '
        "don't count in the allocation.",
    )


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ([1, 1, -1, 1], "1 negative and 0 infinite"),
        ([0, 0, 1, 1], "1 strata have no mean cost above 0"),
        ([None] * 4, "2 strata have no mean cost above 0"),
    ],
)
def test_costs_that_allow_no_allocation_are_refused(
    workshop: Workshop, costs: list[object], message: str
) -> None:
    table = workshop.table(
        {
            "shop": ("VARCHAR", ["a", "a", "b", "b"]),
            "x": ("INTEGER", [1, 2, 1, 2]),
            "c": ("DOUBLE", costs),
        }
    )
    method = by_shop(sample_size=2, allocation="optimal", allocation_column="x", cost_column="c")
    with pytest.raises(DomainError, match=message) as caught:
        workshop.draw(table, one_round(method))
    assert caught.value.loc == ("rounds", 0, "parameters", "cost_column")


def test_a_stratum_without_a_cost_counts_with_the_mean_of_all(workshop: Workshop) -> None:
    table = workshop.table(
        {
            "shop": ("VARCHAR", ["a", "a", "b", "b"]),
            "x": ("INTEGER", [1, 2, 1, 2]),
            "c": ("DOUBLE", [4, 4, None, None]),
        }
    )
    method = by_shop(sample_size=2, allocation="optimal", allocation_column="x", cost_column="c")
    sample = workshop.draw(table, one_round(method))
    assert sizes(sample) == {"a": 1, "b": 1}
    assert '1 strata have no value in "c"' in warnings_of(sample.rounds[0])[-1]


def test_sizes_name_strata_by_their_labels(workshop: Workshop, shops: TableFiles) -> None:
    method = by_shop(sizes={"NULL": 7, "a": 900})
    sample = workshop.draw(shops, one_round(method))
    assert sizes(sample) == {"a": 600, "b": 0, None: 7}
    assert warnings_of(sample.rounds[0]) == (
        "1 of 2 named strata hold fewer eligible rows than their size and gave all of them.",
        '1 of 3 strata have no size and gave no row: "b". No row can be drawn of the 300 rows in '
        "them, so the sample can't be evaluated by amounts: leave them out by a filter instead.",
    )


def test_a_size_for_an_unknown_stratum_names_those_that_are_there(
    workshop: Workshop, shops: TableFiles
) -> None:
    with pytest.raises(DomainError, match=r'Available: "a", "b", "NULL"\.') as caught:
        workshop.draw(shops, one_round(by_shop(sizes={"a": 1, "c": 2})))
    assert caught.value.code == "unknown_stratum"
    assert caught.value.loc == ("rounds", 0, "parameters", "sizes", "c")


def test_a_stratum_is_named_by_its_values_as_a_plan_shows_them(workshop: Workshop) -> None:
    table = workshop.table_of(
        "SELECT i AS id, ['CH \"01\"', 'a | b', 'NULL', NULL, 'plain'][i % 5 + 1] AS shop "
        "FROM range(25) AS r(i)"
    )
    sample = workshop.draw(table, one_round(by_shop(sizes={'CH "01"': 2, "A|B": 1, "NULL": 3})))
    assert sizes(sample) == {'CH "01"': 2, "a | b": 1, None: 3, "NULL": 0, "plain": 0}
    by_label = {'"CH ""01"""': 2, '"a | b"': 1, '"NULL"': 3}
    sample = workshop.draw(table, one_round(by_shop(sizes=by_label)))
    assert sizes(sample) == {'CH "01"': 2, "a | b": 1, "NULL": 3, None: 0, "plain": 0}
    with pytest.raises(DomainError) as caught:
        workshop.draw(table, one_round(by_shop(sizes={'CH "02"': 1})))
    assert str(caught.value) == (
        "There is no stratum 'CH \"02\"'. Available: 'CH \"01\"', '\"NULL\"', "
        '"a | b", "plain", "NULL".'
    )
    with pytest.raises(DomainError, match="named twice"):
        workshop.draw(table, one_round(by_shop(sizes={'CH "01"': 1, '"CH ""01"""': 1})))


def test_strata_taken_whole_leave_the_size_to_the_others(
    workshop: Workshop, shops: TableFiles
) -> None:
    drawn = workshop.draw(shops, one_round(by_shop(sample_size=60, take_all=("b",))))
    assert sizes(drawn) == {"a": 51, "b": 300, None: 9}
    named = by_shop(sizes={"a": 51, "NULL": 9, "b": "all"})
    same = workshop.draw(shops, one_round(named))
    assert sample_values(workshop, drawn, "id") == sample_values(workshop, same, "id")


def test_each_rule_divides_the_size_among_strata_that_are_sampled(workshop: Workshop) -> None:
    table = workshop.table_of(
        "SELECT i AS id, ['a', 'b', 'c', 'top'][least(i // 100, 3) + 1] AS shop, "
        "(i // 100 + 1) * 10.0 + i % 2 * (i // 100) AS x FROM range(350) AS r(i)"
    )

    def drawn(**more: Any) -> dict[str | None, int]:
        return sizes(workshop.draw(table, one_round(by_shop(take_all=("top",), **more))))

    assert drawn(sample_size=60) == {"a": 20, "b": 20, "c": 20, "top": 50}
    assert drawn(sample_fraction=0.1) == {"a": 10, "b": 10, "c": 10, "top": 50}
    assert drawn(sample_size=60, allocation="equal") == {"a": 20, "b": 20, "c": 20, "top": 50}
    by_x = {"sample_size": 60, "allocation_column": "x"}
    # The standard deviations are in the ratio 0 : 1 : 2, the sums 1,000 : 2,050 : 3,100.
    assert drawn(**by_x, allocation="neyman") == {"a": 0, "b": 20, "c": 40, "top": 50}
    assert drawn(**by_x, allocation="amount") == {"a": 10, "b": 20, "c": 30, "top": 50}
    assert drawn(samples_per_stratum=7) == {"a": 7, "b": 7, "c": 7, "top": 50}
    assert drawn(sample_size=9, min_per_stratum=3) == {"a": 3, "b": 3, "c": 3, "top": 50}


def test_debits_and_credits_do_not_cancel_out_in_an_allocation(workshop: Workshop) -> None:
    table = workshop.table_of(
        "SELECT i AS id, ['a', 'b', 'c'][i // 100 + 1] AS shop, "
        "[-3, if(i % 2 = 0, 5, -5), 0][i // 100 + 1] AS x FROM range(300) AS r(i)"
    )
    method = by_shop(sample_size=40, allocation="amount", allocation_column="x")
    sample = workshop.draw(table, one_round(method))
    assert sizes(sample) == {"a": 15, "b": 25, "c": 0}
    assert warnings_of(sample.rounds[0])[0] == (
        'In 1 of 3 strata no row has another "x" than 0: they give min_per_stratum rows, and more '
        "only when the others have no more."
    )


def test_strata_taken_whole_are_checked(workshop: Workshop, shops: TableFiles) -> None:
    with pytest.raises(DomainError, match="can't be combined with sizes") as caught:
        workshop.draw(shops, one_round(by_shop(sizes={"a": 1}, take_all=("b",))))
    assert caught.value.loc == ("rounds", 0, "parameters", "take_all")
    with pytest.raises(DomainError, match="There is no stratum") as caught:
        workshop.draw(shops, one_round(by_shop(sample_size=1, take_all=("z",))))
    assert caught.value.loc == ("rounds", 0, "parameters", "take_all", "z")
    every = by_shop(sample_size=1, take_all=("a", "b", "NULL"))
    sample = workshop.draw(shops, one_round(every))
    assert sum(sizes(sample).values()) == 1_000
    assert warnings_of(sample.rounds[0]) == (
        "take_all names every stratum that has rows: all rows were drawn.",
    )
