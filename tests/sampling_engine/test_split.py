"""Splits: parts are a partition, follow from the key or the group alone, and are as asked."""

from __future__ import annotations

import re
from fractions import Fraction
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain_errors import DomainError
from parquet_tables.row_keys.canonical import digest_of_text, text_of_key
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.tables import TableFiles
from sampling_engine import DrawnSample, KeyedOrder, Round, Selection, SplitMethod, explain_rows
from sampling_engine.filters import parse_expression
from sampling_engine.methods.split.account import SplitAccount
from sampling_engine.methods.split.rule import SplitRule
from sampling_engine.selection.keyed import SIZE, DigestRanks
from tests.sampling_engine.conftest import Rows, Workshop

PAGE = (Path(__file__).parents[2] / "docs" / "SPLIT.md").read_text(encoding="utf-8")
THREE = {"train": 0.8, "validation": 0.1, "test": 0.1}
ID = RowKey(("id",))
ITEMS = (
    "SELECT i AS id, 'u' || (i * i % {users}) AS user, i % 3 AS label FROM range({first}, {stop}) "
    "AS r(i) ORDER BY hash(i + {shuffle})"
)


def items(
    workshop: Workshop, first: int, stop: int, shuffle: int = 0, users: int = 97
) -> TableFiles:
    query = ITEMS.format(first=first, stop=stop, shuffle=shuffle, users=users)
    return workshop.table_of(query, splits=[(stop - first) // 3])


def a_round(
    parts: dict[str, float] = THREE,
    *,
    key: RowKey | None = ID,
    seed: int | str = 42,
    **more: Any,
) -> Round:
    own = {name: more.pop(name) for name in ("group", "strata_columns", "exact") if name in more}
    order = None if key is None else KeyedOrder(key, more.pop("start", Fraction(0)))
    method = SplitMethod(parts=parts, **own)
    return Round(round_number=1, method=method, seed=seed, order=order, **more)


def split(workshop: Workshop, table: TableFiles, one: Round) -> DrawnSample:
    return workshop.draw(table, one)


def account(sample: DrawnSample) -> SplitAccount:
    own = sample.rounds[0].own
    assert isinstance(own, SplitAccount)
    return own


def part_of(workshop: Workshop, sample: DrawnSample, column: str = "id") -> dict[object, object]:
    rows = workshop.rows(sample.table, f"{column}, _part")
    found = dict(rows)
    assert len(found) == len(set(rows))
    return found


def rows_of(workshop: Workshop, sample: DrawnSample) -> dict[str, Rows]:
    return {name: workshop.rows(table) for name, table in sample.parts.items()}


def test_a_part_follows_from_the_rank_of_the_key(workshop: Workshop) -> None:
    """By the canonical texts and digests of plain Python."""
    keys = [f"ACC-{number:07d}" for number in range(300)]
    table = workshop.table({"id": ("VARCHAR", keys)})
    found = part_of(workshop, split(workshop, table, a_round()))
    digests = np.array([digest_of_text(text_of_key([key])) for key in keys])
    ranges = {"test": (0, 0.1), "train": (0.1, 0.9), "validation": (0.9, 1)}
    for key, rank in zip(keys, DigestRanks(42).of(digests).tolist(), strict=True):
        first, end = ranges[str(found[key])]
        assert first <= (Fraction(rank) + Fraction(1, 2)) / SIZE < end


def test_the_page_has_three_keys_with_their_parts() -> None:
    lines = re.findall(
        r"^\| `(\S+)` \| (\d+) \| (\d+) \| (0\.\d+) \| (\w+) \|$", PAGE, re.MULTILINE
    )
    assert len(lines) == 3
    rule = SplitRule({"train": 0.8, "validation": 0.1, "test": 0.1})
    for key, digest, rank, u, part in lines:
        assert digest_of_text(text_of_key([key])) == int(digest)
        assert DigestRanks(42).of(np.array([int(digest)])).tolist() == [int(rank)]
        assert f"{(int(rank) + 0.5) / SIZE:.9f}" == u
        start, end = rule.range_of(part)
        assert start <= float(u) < end


@given(
    rows=st.integers(0, 400),
    users=st.integers(1, 40),
    seed=st.integers(0, 10**6),
    grouped=st.booleans(),
    exact=st.booleans(),
    strata=st.booleans(),
    filtered=st.booleans(),
)
def test_parts_are_a_partition_without_divided_groups(
    workshop: Workshop,
    rows: int,
    users: int,
    seed: int,
    grouped: bool,
    exact: bool,
    strata: bool,
    filtered: bool,
) -> None:
    table = items(workshop, 0, rows, seed, users)
    more: dict[str, Any] = {"group": "user"} if grouped else {}
    if strata:
        more["strata_columns"] = ("label",)
    if filtered:
        more["filter"] = parse_expression("label <> 2", table)
    sample = split(workshop, table, a_round(seed=seed, exact=exact, **more))
    ids = [row[0] for part in rows_of(workshop, sample).values() for row in part]
    assert sorted(ids) == [i for i in range(rows) if not (filtered and i % 3 == 2)]
    assert workshop.rows(sample.table) == [
        row for part in rows_of(workshop, sample).values() for row in part
    ]
    own = account(sample)
    assert own.check is not None
    assert (own.check.missing_rows, own.check.repeated_rows) == (0, 0)
    assert own.check.keys_in_two_parts == 0
    assert own.check.groups_in_two_parts == (0 if grouped else None)
    assert [part.rows for part in own.parts] == [t.row_count for t in sample.parts.values()]
    if grouped:
        part_of(workshop, sample, "user")
        together = {str(row[1]) for part in rows_of(workshop, sample).values() for row in part}
        assert sum(part.groups or 0 for part in own.parts) == len(together)
    if exact and not grouped and not strata:
        for part in own.parts:
            assert abs(part.rows - part.share * len(ids)) < 1
    if strata and rows:
        assert sum(one.rows for one in own.strata) == len(ids)
        for one in own.strata if exact and not grouped else ():
            for part, has in zip(own.parts, one.parts, strict=True):
                assert abs(has - part.share * one.rows) < 1


@pytest.mark.parametrize("group", [None, "user"])
def test_no_row_moves_when_the_table_grows_or_is_shuffled(
    workshop: Workshop, group: str | None
) -> None:
    one = a_round(group=group)
    before = part_of(workshop, split(workshop, items(workshop, 0, 3000, 1), one))
    after = part_of(workshop, split(workshop, items(workshop, 0, 3300, 2), one))
    assert {key: after[key] for key in before} == before
    again = part_of(workshop, split(workshop, items(workshop, 300, 3000, 3), one))
    assert {key: before[key] for key in again} == again


def test_split_of_20_000_outputs_by_user_moves_none(workshop: Workshop) -> None:
    """The data scientist's case: 10 % more rows, shuffled."""
    parts, users = {"train": 0.8, "test": 0.2}, 3001
    one = a_round(parts, group="user", seed="outputs")
    first = split(workshop, items(workshop, 0, 20_000, 1, users), one)
    second = split(workshop, items(workshop, 0, 22_000, 2, users), one)
    before, after = part_of(workshop, first), part_of(workshop, second)
    assert sum(after[key] != part for key, part in before.items()) == 0
    for sample in (first, second):
        check = account(sample).check
        assert check is not None
        assert check.groups_in_two_parts == 0
        for part in account(sample).parts:
            assert part.share_of_rows is not None
            assert part.standard_error is not None
            assert abs(part.share_of_rows - part.share) < 3 * part.standard_error


def test_the_order_of_the_parts_changes_no_part(workshop: Workshop) -> None:
    table = items(workshop, 0, 500)
    first = part_of(workshop, split(workshop, table, a_round()))
    second = part_of(workshop, split(workshop, table, a_round(dict(reversed(THREE.items())))))
    assert first == second


def test_other_seeds_give_other_parts(workshop: Workshop) -> None:
    table = items(workshop, 0, 2000)
    first = part_of(workshop, split(workshop, table, a_round()))
    assert part_of(workshop, split(workshop, table, a_round(seed=43))) != first
    assert part_of(workshop, split(workshop, table, a_round())) == first


def test_shares_over_seeds_are_those_asked(workshop: Workshop) -> None:
    """Over 40 seeds the mean share is within 3 standard errors, with groups of unequal sizes."""
    table, seeds = items(workshop, 0, 2000, users=391), 40
    for group in (None, "user"):
        rounds = [a_round(seed=seed, group=group) for seed in range(seeds)]
        found = [account(split(workshop, table, one)) for one in rounds]
        for place, part in enumerate(found[0].parts):
            assert part.standard_error is not None
            shares = [one.parts[place].share_of_rows or 0.0 for one in found]
            error = part.standard_error / sqrt(seeds)
            assert abs(sum(shares) / seeds - part.share) < 3 * error
            spread = sqrt(sum((one - part.share) ** 2 for one in shares) / seeds)
            assert 0.6 < spread / part.standard_error < 1.4


def test_an_exact_split_says_how_many_rows_it_moves(workshop: Workshop) -> None:
    table = items(workshop, 0, 1000)
    stable, exact = (split(workshop, table, a_round(exact=one)) for one in (False, True))
    first, second = part_of(workshop, stable), part_of(workshop, exact)
    assert [part.rows for part in account(exact).parts] == [800, 100, 100]
    moved = sum(first[key] != second[key] for key in first)
    assert account(exact).rows_moved_by_exact == moved > 0
    assert account(stable).rows_moved_by_exact is None


def test_equal_keys_stay_together(workshop: Workshop) -> None:
    table = workshop.table_of("SELECT i // 2 AS id, i AS line FROM range(400) AS r(i)")
    sample = split(workshop, table, a_round(key=RowKey(("id",), "number")))
    part_of(workshop, sample)
    check = account(sample).check
    assert check is not None
    assert check.keys_in_two_parts == 0


def test_a_part_has_all_columns_and_its_rows_in_order(workshop: Workshop) -> None:
    table = workshop.table_of("SELECT i AS id, 'x' AS _part, 1.5 AS v FROM range(300) AS r(i)")
    sample = split(workshop, table, a_round())
    names = [column.name for column in sample.table.columns]
    assert names == ["id", "_part_source", "v", "_logical_row_id", "_sampling_round", "_part"]
    assert sample.renamed_columns == {"_part": "_part_source"}
    for name, rows in rows_of(workshop, sample).items():
        assert rows == sorted(rows)
        assert all(row[1] == "x" and row[5] == name for row in rows)
        assert all(row[3] == f"primary:{row[0]}" for row in rows)
    few = split(workshop, table, a_round(selection=Selection(columns=("v",))))
    assert few.table.columns[0].name == "v"
    check = account(few).check
    assert check is not None
    assert check.keys_in_two_parts is None


def test_deleted_rows_are_in_no_part(workshop: Workshop) -> None:
    table = items(workshop, 0, 300)
    fewer = TableFiles(table.columns, table.files, np.arange(0, 300, 3))
    sample = split(workshop, fewer, a_round(group="user"))
    assert sample.rows_sampled == 200
    assert sample.drawn_ordinals.tolist() == [i for i in range(300) if i % 3]


def test_an_explanation_names_the_part_and_u(workshop: Workshop, tmp_path: Path) -> None:
    table = items(workshop, 0, 300)
    one = a_round(filter=parse_expression("id <> 7", table))
    sample = split(workshop, table, one)
    parts = dict(workshop.rows(sample.table, "_logical_row_id, _part"))
    out = next(i for i in range(300) if f"primary:{i}" not in parts)
    first, second = explain_rows(workshop.database, table, [one], [out, (out + 1) % 300])
    assert (first.drawn, first.verdicts[0].outcome) == (False, "filtered_out")
    assert second.drawn
    part = parts[f"primary:{(out + 1) % 300}"]
    assert second.verdicts[0].reason.startswith(f"In the part {part}: its u, 0.")


def refused(workshop: Workshop, table: TableFiles, one: Round) -> tuple[str, Any, str]:
    with pytest.raises(DomainError) as caught:
        split(workshop, table, one)
    return caught.value.code, caught.value.loc, str(caught.value)


def test_faults_name_their_field(workshop: Workshop) -> None:
    table = workshop.table_of(
        "SELECT i AS id, i % 2 AS twice, CASE WHEN i > 2 THEN i % 7 END AS user, 0.5e0 AS x "
        "FROM range(50) AS r(i)"
    )
    at = ("rounds", 0, "parameters")
    for parts, code, place in (
        ({"train": 0.8, "test": 0.1}, "invalid_size", ("parts",)),
        ({"train": 0.5, "Train": 0.5}, "invalid_parameter", ("parts", "Train")),
        ({"a b": 0.5, "c": 0.5}, "invalid_parameter", ("parts", "a b")),
        ({"sample": 0.5, "c": 0.5}, "invalid_parameter", ("parts", "sample")),
        ({"a": 1.5, "c": -0.5}, "invalid_size", ("parts", "a")),
        ({"a": 1.0}, "invalid_size", ("parts",)),
    ):
        assert refused(workshop, table, a_round(parts))[:2] == (code, (*at, *place))
    code, loc, text = refused(workshop, table, a_round(key=None))
    assert (code, loc) == ("invalid_key", ("rounds", 0, "order", "key"))
    assert "name columns that identify a row" in text
    code, loc, text = refused(workshop, table, a_round(group="user", key=None))
    assert (code, loc) == ("key_missing", (*at, "group"))
    assert "3 rows without a value in user" in text
    assert "row 0, row 1, row 2" in text
    code, loc, _ = refused(workshop, table, a_round(key=RowKey(("twice",))))
    assert (code, loc) == ("key_not_unique", ("rounds", 0, "order", "key"))
    code, loc, _ = refused(workshop, table, a_round(group="x"))
    assert (code, loc) == ("invalid_key", (*at, "group"))
    code, loc, _ = refused(workshop, table, a_round(group="nothing"))
    assert (code, loc) == ("unknown_column", (*at, "group"))
    code, loc, _ = refused(workshop, table, a_round(selection=Selection(order_by="id")))
    assert (code, loc) == ("invalid_selection", ("rounds", 0, "selection", "order_by"))
    filtered = a_round(group="user", filter=parse_expression("user IS NOT NULL", table))
    assert split(workshop, table, filtered).rows_sampled == 47
