"""Bands of a number or a date as strata, held against plain Python."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain_errors import DomainError
from parquet_tables.tables import TableFiles
from sampling_engine import StratifiedMethod, explain_rows, method_from_json, plan_draw, reserves
from sampling_engine.checks import check_rounds
from sampling_engine.selection.bands import Bands
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.plain_draw import draw_stratified, strata_of
from tests.sampling_engine.rounds import one_round, sizes, warnings_of

LABELS = ("< 0", "0 to < 1,000", "1,000 to < 10,000", "≥ 10,000")


def banded(column: str, *breaks: Any, labels: tuple[str, ...] = (), **more: Any) -> Any:
    return StratifiedMethod(strata_columns=(Bands(column, breaks, labels),), **more)


@pytest.fixture(scope="module")
def ledger(workshop: Workshop) -> TableFiles:
    """400 entries: 10 below 0, 300 below 1,000, 60 below 10,000, 20 above, 10 without amount."""
    return workshop.table_of(
        "SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'A' ELSE 'B' END AS account, CAST(CASE "
        "WHEN i < 10 THEN -i - 1 WHEN i < 310 THEN (i - 10) * 3.33 WHEN i < 370 THEN 1000 + i "
        "WHEN i < 390 THEN 10000 + (i - 370) * 100 END AS DECIMAL(12, 2)) AS amount, "
        "DATE '2025-01-01' + CAST(i AS INTEGER) AS posted FROM range(400) AS r(i)",
        splits=[150],
    )


def test_bands_are_strata_with_missing_values_apart(workshop: Workshop, ledger: TableFiles) -> None:
    method = banded("amount", 0, 1000, 10000, samples_per_stratum=5)
    sample = workshop.draw(ledger, one_round(method))
    account = [(one.label, one.rows, one.sampled) for one in sample.rounds[0].groups]
    rows = [(LABELS[0], 10), (LABELS[1], 300), (LABELS[2], 60), (LABELS[3], 20), ("NULL", 10)]
    assert account == [(label, count, 5) for label, count in rows]
    assert sample.rounds[0].groups[-1].key == {"amount": None}
    labels = workshop.rows(sample.table, "_stratum, amount")
    assert all((label == "NULL") == (amount is None) for label, amount in labels)


NUMBERS = {
    "INTEGER": st.integers(-(2**31), 2**31 - 1) | st.integers(-20, 20),
    "UTINYINT": st.integers(0, 255),
    "BIGINT": st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20),
    "DECIMAL(9,2)": st.decimals(-9999999, 9999999, places=2),
    "DECIMAL(38,4)": st.decimals(-(10**33), 10**33, places=4),
    "DOUBLE": st.floats(width=64),
    "FLOAT": st.floats(width=32),
}
BREAKS = st.lists(
    st.integers(-30, 300)
    | st.decimals(-(10**12), 10**12, places=3).map(str)
    | st.floats(-1e30, 1e30).filter(lambda value: not value or abs(value) > 1e-20),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("kind", NUMBERS)
@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_a_value_is_in_the_band_that_plain_python_finds(
    workshop: Workshop, kind: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.none() | NUMBERS[kind], min_size=1, max_size=12))
    given_breaks = data.draw(BREAKS)
    exact = {Decimal(str(one)): one for one in given_breaks}
    breaks = [exact[value] for value in sorted(exact)]
    # Values that sit on a break test its side.
    if kind == "DOUBLE":
        values += [float(value) for value in exact]
    table = workshop.table({"v": (kind, values), "w": ("BIGINT", list(range(len(values))))})
    method = banded("v", *breaks, samples_per_stratum=99)
    sample = workshop.draw(table, one_round(method))
    limits = [float(value) if kind in ("DOUBLE", "FLOAT") else value for value in sorted(exact)]
    expected = Counter(
        None
        if value is None or (isinstance(value, float) and math.isnan(value))
        else bisect_right(limits, value)
        for value in values
    )
    numbers = method.group_columns(table)[0].labels
    found = {
        None if one.label == "NULL" else numbers.index(one.key["v"]): one.rows
        for one in sample.rounds[0].groups
    }
    assert found == dict(expected)


def test_a_banded_draw_is_that_of_plain_python(workshop: Workshop, ledger: TableFiles) -> None:
    amounts = [amount for (amount,) in workshop.rows(ledger, "amount")]
    breaks = [0, 1000, 10000]
    keys: list[Any] = [
        (None if amount is None else bisect_right(breaks, amount),) for amount in amounts
    ]
    expected = draw_stratified(strata_of(keys, set()), [3, 40, 7, 20, 1], 400, 11)
    method = banded(
        "amount", *breaks, sizes={"<0": 3, LABELS[1]: 40, LABELS[2]: 7, ">=10000": "all", "NULL": 1}
    )
    for strategy in ("walk", "scan"):
        sample = workshop.draw(ledger, one_round(method, seed=11), strategy=strategy)  # type: ignore[arg-type]
        assert workshop.ordinals(sample) == expected


def test_cached_counts_of_other_breaks_are_not_used(workshop: Workshop, ledger: TableFiles) -> None:
    folder = workshop.root / "banded-counts"
    folder.mkdir()
    for breaks, groups in (((0,), 3), ((0, 1000), 4), ((0,), 3)):
        one = one_round(banded("amount", *breaks, samples_per_stratum=1))
        assert workshop.draw(ledger, one, counts_dir=folder).rounds[0].groups_count == groups
    assert len(list(folder.glob("*.parquet"))) == 2


def test_dates_have_bands(workshop: Workshop, ledger: TableFiles) -> None:
    method = banded("posted", "2025-04-01", "2025-07-01", samples_per_stratum=1)
    sample = workshop.draw(ledger, one_round(method))
    days = [date(2025, 1, 1) + timedelta(at) for at in range(400)]
    limits = [date(2025, 4, 1), date(2025, 7, 1)]
    counts = Counter(bisect_right(limits, day) for day in days)
    assert [(one.label, one.rows) for one in sample.rounds[0].groups] == [
        ("< 2025-04-01", counts[0]),
        ("2025-04-01 to < 2025-07-01", counts[1]),
        ("≥ 2025-07-01", counts[2]),
    ]


def test_bands_combine_with_columns_and_have_own_labels(
    workshop: Workshop, ledger: TableFiles
) -> None:
    bands = Bands("amount", (1000, 10000), ("small", "middle | odd", "large"))
    method = StratifiedMethod(
        strata_columns=("account", bands), sizes={"A | large": "all", 'B | "middle | odd"': "50%"}
    )
    sample = workshop.draw(ledger, one_round(method))
    drawn = Counter(label for (label,) in workshop.rows(sample.table, "_stratum"))
    assert drawn == {"A | large": 10, 'B | "middle | odd"': 15}


def test_sizes_state_what_was_requested_available_and_drawn(
    workshop: Workshop, ledger: TableFiles
) -> None:
    method = banded(
        "amount", 0, 1000, 10000, sizes={"≥ 10,000": 1000, "< 0": "all", "0to<1000": "2.5%"}
    )
    one = workshop.draw(ledger, one_round(method)).rounds[0]
    assert [(group.requested, group.rows, group.sampled) for group in one.groups] == [
        (10, 10, 10),
        (8, 300, 8),
        (0, 60, 0),
        (1000, 20, 20),
        (0, 10, 0),
    ]
    assert one.uncovered_rows == 70
    assert (
        '2 of 5 strata have no size and gave no row: "1,000 to < 10,000", "NULL". '
        "No row can be drawn of the 70 rows in them, so the sample can't be evaluated by amounts: "
        "leave them out by a filter instead." in warnings_of(one)
    )
    plan = plan_draw(workshop.database, ledger, [one_round(method)])[0]
    assert plan.uncovered_rows == 70
    assert plan.margin_of_error is None


def test_a_band_without_rows_can_be_named(workshop: Workshop, ledger: TableFiles) -> None:
    method = banded("amount", 0, 10**6, sizes={"≥ 1,000,000": "all", "<0": 2, "missing": 1})
    with pytest.raises(DomainError, match='no stratum "missing"'):
        workshop.draw(ledger, one_round(method))
    method = banded("amount", 0, 10**6, sizes={"≥ 1,000,000": "all", "<0": 2})
    assert sizes(workshop.draw(ledger, one_round(method)))["< 0"] == 2


def test_reserves_and_explanations_name_the_band(workshop: Workshop, ledger: TableFiles) -> None:
    rounds = [one_round(banded("amount", 1000, 10000, samples_per_stratum=2))]
    table = reserves(
        workshop.database,
        ledger,
        rounds,
        1,
        1,
        table_key="primary",
        destination=workshop.new_path(),
    )
    labels = [label for (label,) in workshop.rows(table, "_stratum")]
    assert labels == ["< 1,000", "1,000 to < 10,000", "≥ 10,000", "NULL"]
    verdict = explain_rows(workshop.database, ledger, rounds, [380])[0].verdicts[0]
    assert verdict.group == "≥ 10,000"


@pytest.mark.parametrize(
    ("column", "breaks", "labels", "message"),
    [
        ("account", (1,), (), "bands need a column of numbers or dates"),
        ("amount", (10, 1), (), "Breaks must ascend: 1 is not above 10."),
        ("amount", (1, 1.0), (), "Breaks must ascend"),
        ("amount", ("2025-01-01",), (), 'a number such as 1000, not "2025-01-01"'),
        ("posted", (1000,), (), 'a date such as "2025-07-31", not "1000"'),
        ("posted", ("2025-01-01 10:00",), (), "a date such as"),
        ("amount", (1,), ("a",), "a label for each of the 2 bands"),
        ("amount", (1,), ("a", "A "), "Two bands have the same label."),
        ("amount", (1e300,), (), "a number such as"),
        ("amonut", (1,), (), 'Did you mean "amount"'),
    ],
)
def test_wrong_bands_are_refused_before_a_job_exists(
    ledger: TableFiles, column: str, breaks: Any, labels: Any, message: str
) -> None:
    method = banded(column, *breaks, labels=labels, sample_size=5)
    with pytest.raises(DomainError, match=message) as error:
        check_rounds(ledger, [one_round(method)])
    assert error.value.loc[:4] == ("rounds", 0, "parameters", "strata_columns")


@pytest.mark.parametrize("size", ["most", "0%", "101%", "-5%", "%", "1e2%"])
def test_wrong_sizes_are_refused(ledger: TableFiles, size: str) -> None:
    given = {"strata_columns": ["account"], "sizes": {"A": size}}
    with pytest.raises(DomainError, match='a number of rows, "all", or a percentage') as error:
        check_rounds(ledger, [one_round(method_from_json("stratified", given))])
    assert error.value.loc == ("rounds", 0, "parameters", "sizes", "A")


def test_a_column_is_banded_once(ledger: TableFiles) -> None:
    entries = ["amount", {"column": "amount", "breaks": [1]}]
    method = method_from_json("stratified", {"strata_columns": entries, "sample_size": 1})
    with pytest.raises(DomainError, match="named twice"):
        check_rounds(ledger, [one_round(method)])
