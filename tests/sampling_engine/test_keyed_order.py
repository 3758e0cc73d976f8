"""The keyed order: published vectors, and the same rows from versions in any order."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parquet_tables.row_keys.canonical import (
    InvalidKey,
    digest_of_text,
    text_of_key,
    text_of_value,
    value_text,
)
from parquet_tables.row_keys.digests import KeyMissing, KeyNotUnique, RowKey
from parquet_tables.tables import TableFiles
from sampling_engine import (
    ClusterMethod,
    KeyedOrder,
    Method,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    Strategy,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
)
from sampling_engine.selection.keyed import DigestRanks
from tests.sampling_engine.conftest import Workshop

VECTORS = json.loads(Path(__file__).with_name("keyed_vectors.json").read_text(encoding="utf-8"))
ACCOUNT = RowKey(("account",))


@pytest.mark.parametrize("vector", VECTORS["canonical"], ids=lambda vector: str(vector["key"]))
def test_texts_and_digests_are_the_published_ones(vector: dict[str, Any]) -> None:
    text = text_of_key(vector["key"])
    assert (text, digest_of_text(text)) == (vector["text"], vector["digest"])


@pytest.mark.parametrize("vector", VECTORS["rank"], ids=str)
def test_ranks_are_the_published_ones(vector: dict[str, Any]) -> None:
    digest = np.array([digest_of_text(text_of_key(vector["key"]))])
    ranks = DigestRanks(vector["seed"], Fraction(vector["start"]))
    assert ranks.of(digest).tolist() == [vector["rank"]]
    for first, stop in ((0, 1 << 62), (vector["rank"], vector["rank"] + 1), (0, vector["rank"])):
        places, found = ranks.between(digest, first, stop)
        expected = [vector["rank"]] if first <= vector["rank"] < stop else []
        assert (found.tolist(), len(places)) == (expected, len(expected))


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("DECIMAL(2,2)", "0.50", "0.5"),
        ("DECIMAL(2,2)", "-0.05", "-0.05"),
        ("DECIMAL(2,2)", "0", "0"),
        ("DECIMAL(38,38)", "0.1", "0.1"),
        ("DECIMAL(38,0)", "-100", "-100"),
        ("DECIMAL(20,3)", "1200.000", "1200"),
    ],
)
def test_decimals_have_one_text(workshop: Workshop, kind: str, value: str, text: str) -> None:
    table = workshop.table({"d": (kind, [value])})
    ((found,),) = workshop.rows(table, value_text(table.column("d"), "d"))
    assert found == text == text_of_value(Decimal(value))


ACCOUNTS = (
    "SELECT 'ACC-' || lpad(CAST(i + 1 AS VARCHAR), 7, '0') AS account, i % 7 AS branch, "
    "CAST(1 + i % 13 AS DECIMAL(12,2)) AS amount FROM range({first}, {stop}) AS r(i) "
    "ORDER BY hash(i + {shuffle})"
)


def accounts(workshop: Workshop, first: int, stop: int, shuffle: int) -> TableFiles:
    """Accounts ``first`` to ``stop``, from 0, in an order of their own."""
    query = ACCOUNTS.format(first=first, stop=stop, shuffle=shuffle)
    return workshop.table_of(query, splits=[(stop - first) // 3])


def drawn(
    workshop: Workshop, table: TableFiles, method: Method, seed: int | str = 42, **draw: Any
) -> list[str]:
    """The drawn accounts in the order of their selection."""
    order = KeyedOrder(ACCOUNT, draw.pop("start", Fraction(0)))
    one = Round(round_number=1, method=method, seed=seed, order=order)
    sample = workshop.draw(table, one, **draw)
    rows = workshop.rows(sample.table, "account, _selection_order")
    return [str(account) for account, _ in sorted(rows, key=lambda row: int(str(row[1])))]


@pytest.mark.parametrize("vector", VECTORS["take"], ids=str)
def test_draws_are_the_published_ones(workshop: Workshop, vector: dict[str, Any]) -> None:
    table = accounts(workshop, 0, 1000, 5)
    method = RandomMethod(sample_size=vector["size"])
    found = drawn(workshop, table, method, vector["seed"], start=Fraction(vector["start"]))
    assert found == vector["drawn"]


METHODS = {
    "random": RandomMethod(sample_size=80),
    "stratified": StratifiedMethod(strata_columns=("branch",), sample_size=80),
    "cluster": ClusterMethod(cluster_column="branch", num_clusters=3, samples_per_cluster=9),
    "weighted": WeightedMethod(weight_column="amount", sample_size=80),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("strategy", [None, "walk", "scan"])
def test_any_order_of_the_rows_gives_the_same_keys(
    workshop: Workshop, name: str, strategy: Strategy | None, tmp_path: Path
) -> None:
    first = drawn(workshop, accounts(workshop, 0, 3000, 1), METHODS[name])
    again = drawn(workshop, accounts(workshop, 0, 3000, 2), METHODS[name], strategy=strategy)
    cached = workshop.root / f"counts-{name}-{strategy}"
    cached.mkdir()
    for _ in range(2):
        table = accounts(workshop, 0, 3000, 3)
        assert drawn(workshop, table, METHODS[name], counts_dir=cached) == first == again


def test_a_larger_version_keeps_the_drawn_keys_that_are_still_in_line(workshop: Workshop) -> None:
    method = RandomMethod(sample_fraction=0.1)
    before = drawn(workshop, accounts(workshop, 0, 3000, 1), method)
    after = drawn(workshop, accounts(workshop, 100, 3300, 2), method)
    ranks = DigestRanks(42)

    def rank(account: str) -> int:
        return int(ranks.of(np.array([digest_of_text(text_of_key([account]))]))[0])

    alive = {f"ACC-{number:07}" for number in range(101, 3301)}
    assert after == sorted(alive, key=rank)[:320]
    gone = {one for one in before if one not in alive}
    last = rank(after[-1])
    assert set(before) - gone - set(after) == {
        one for one in before if one in alive and rank(one) > last
    }


def test_a_start_moved_by_the_fraction_draws_other_rows(workshop: Workshop) -> None:
    table, method = accounts(workshop, 0, 3000, 1), RandomMethod(sample_size=300)
    first = drawn(workshop, table, method)
    moved = drawn(workshop, table, method, start=Fraction(15, 100))
    assert not set(first) & set(moved)


def test_a_key_must_be_complete_and_unique(workshop: Workshop) -> None:
    method = RandomMethod(sample_size=2)
    repeated = workshop.table({"account": ("VARCHAR", ["a", "b", "a", "c", "c", "c"])})
    with pytest.raises(KeyNotUnique, match=r"5 rows share their key .* such as a; c"):
        drawn(workshop, repeated, method)
    missing = workshop.table({"account": ("VARCHAR", ["a", None, "b"])})
    with pytest.raises(KeyMissing, match="missing in 1 row, such as row 1, counted from 0"):
        drawn(workshop, missing, method)


def test_equal_keys_are_numbered_by_all_columns(workshop: Workshop) -> None:
    names = ["a", "b", "a", "c", "c", "c", *(f"d{at}" for at in range(50))]
    values = [5, 1, 4, 2, 2, 1, *range(50)]
    order = KeyedOrder(RowKey(("account",), "number"))

    def rows(places: list[int]) -> list[tuple[object, ...]]:
        table = workshop.table(
            {
                "account": ("VARCHAR", [names[at] for at in places]),
                "value": ("BIGINT", [values[at] for at in places]),
            }
        )
        one = Round(round_number=1, method=RandomMethod(sample_size=20), seed=3, order=order)
        return workshop.rows(workshop.draw(table, one).table, "account, value")

    expected = rows(list(range(56)))
    assert rows(list(range(56))[::-1]) == expected
    assert len(set(expected)) >= 19


@pytest.mark.parametrize(
    "method",
    [
        SystematicMethod(sample_size=5),
        MonetaryUnitMethod(book_column="amount", sample_size=5),
        WeightedMethod(weight_column="amount", sample_size=5, selection="systematic"),
    ],
    ids=lambda method: method.key,
)
def test_draws_along_the_table_have_no_keyed_order(workshop: Workshop, method: Method) -> None:
    with pytest.raises(InvalidKey, match=r"no keyed order: (draw a|select by)"):
        drawn(workshop, accounts(workshop, 0, 100, 1), method)


def test_clusters_are_drawn_by_their_values(workshop: Workshop) -> None:
    order = KeyedOrder(RowKey(("branch",)))
    method = ClusterMethod(cluster_column="branch", num_clusters=2)
    one = Round(round_number=1, method=method, seed=9, order=order)
    found = {
        frozenset(workshop.rows(workshop.draw(table, one).table, "branch"))
        for table in (accounts(workshop, 0, 700, 1), accounts(workshop, 3, 900, 2))
    }
    ranks = DigestRanks(9)
    by_rank = sorted(
        range(7), key=lambda value: ranks.of(np.array([digest_of_text(text_of_key([value]))]))[0]
    )
    assert found == {frozenset((value,) for value in by_rank[:2])}
