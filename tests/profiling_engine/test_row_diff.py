"""The row diff gives exactly the rows that a comparison of Python values gives."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.row_keys.canonical import InvalidKey
from parquet_tables.row_keys.digests import KeyMissing, KeyNotUnique
from parquet_tables.tables import TableFiles, UnknownColumn
from parquet_tables.writing import read_columns, write_parquet
from profiling_engine.comparison.row_diff import DiffedRows, diff_rows, resolve_keys

Row = dict[str, Any]


@dataclass
class Stage:
    database: ParquetDatabase
    root: Path
    count: int = 0

    def folder(self) -> Path:
        self.count += 1
        folder = self.root / str(self.count)
        folder.mkdir()
        return folder

    def table(self, *queries: str) -> TableFiles:
        """A table with one file for each query."""
        files = []
        with self.database.cursor() as cursor:
            for query in queries:
                path = self.folder() / "table.parquet"
                files.append(write_parquet(cursor, query, [], path))
            return TableFiles(read_columns(cursor, files[0].path), tuple(files))

    def diff(
        self, base: TableFiles, other: TableFiles, *keys: str, **how: Any
    ) -> tuple[DiffedRows, list[Row]]:
        found = diff_rows(
            self.database, base, other, resolve_keys(base, other, keys), self.folder(), **how
        )
        paths = [str(file.path) for file in found.files]
        with self.database.cursor() as cursor:
            answer = cursor.execute("SELECT * FROM read_parquet(?)", [paths])
            names = [column[0] for column in answer.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
        assert names == [column.name for column in found.columns]
        assert len(rows) == sum(file.rows for file in found.files)
        return found, rows


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("row-diff")
    with ParquetDatabase(root, root / "spill", memory_mb=256, threads=2) as database:
        yield Stage(database, root)


def counts(found: DiffedRows) -> tuple[int, int, int, int]:
    return found.added, found.removed, found.changed, found.unchanged


def changes(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    return [(row["_change"], row["id"], row["_changed_columns"]) for row in rows]


BASE = "SELECT * FROM (VALUES (1, 'a', 10.0), (2, 'b', 20.0), (3, 'c', 30.0)) AS t(id, name, x)"


def test_added_removed_and_changed_rows_are_listed(stage: Stage) -> None:
    values = "(4, 'd', 40.0), (3, 'C', 33.0), (1, 'a', 10.0)"
    other = f"SELECT * FROM (VALUES {values}) AS t(id, name, x)"
    found, rows = stage.diff(stage.table(BASE), stage.table(other), "id")
    assert counts(found) == (1, 1, 1, 1)
    assert changes(rows) == [
        ("removed", 2, None),
        ("changed", 3, '"name", "x"'),
        ("added", 4, None),
    ]
    changed = rows[1]
    assert (changed["name_before"], changed["name_now"]) == ("c", "C")
    assert (changed["_row_before"], changed["_row_now"]) == (2, 1)
    assert (rows[2]["x_before"], float(rows[2]["x_now"])) == (None, 40)
    assert (float(rows[0]["x_before"]), rows[0]["x_now"]) == (20, None)
    assert [(column.name, column.changed) for column in found.compared] == [("name", 1), ("x", 1)]


def test_equal_tables_have_no_row(stage: Stage) -> None:
    found, rows = stage.diff(stage.table(BASE), stage.table(BASE), "id")
    assert (counts(found), rows) == ((0, 0, 0, 3), [])


def test_missing_and_nan_are_values_of_their_own(stage: Stage) -> None:
    base = (
        "SELECT * FROM (VALUES (1, NULL, 'nan'::DOUBLE), (2, '', NULL), (3, NULL, 'nan'), "
        "(4, NULL, 0.0), (5, 'NULL', 'inf')) AS t(id, name, x)"
    )
    other = (
        "SELECT * FROM (VALUES (1, NULL, 'nan'::DOUBLE), (2, NULL, NULL), (3, NULL, NULL), "
        "(4, NULL, -0.0), (5, NULL, '-inf')) AS t(id, name, x)"
    )
    _, rows = stage.diff(stage.table(base), stage.table(other), "id")
    assert changes(rows) == [
        ("changed", 2, '"name"'),
        ("changed", 3, '"x"'),
        ("changed", 5, '"name", "x"'),
    ]


def test_columns_of_one_table_are_listed_and_change_no_row(stage: Stage) -> None:
    base = "SELECT range AS id, 'old ' || range AS gone, 1 AS same FROM range(3)"
    other = "SELECT range AS id, 1 AS same, range * 2 AS fresh FROM range(1, 4)"
    found, rows = stage.diff(stage.table(base), stage.table(other), "id")
    assert counts(found) == (1, 1, 0, 2)
    names = [(column.name, column.before, column.now) for column in found.compared]
    assert names == [
        ("same", "same_before", "same_now"),
        ("gone", "gone_before", None),
        ("fresh", None, "fresh_now"),
    ]
    assert [(row["id"], row["gone_before"], row["fresh_now"]) for row in rows] == [
        (0, "old 0", None),
        (3, None, 6),
    ]


RETYPED = [
    ("1::INTEGER", "1::BIGINT", True),
    ("1::INTEGER", "1.0::DOUBLE", True),
    ("1::INTEGER", "1.4::DOUBLE", False),
    ("9007199254740993::BIGINT", "9007199254740992::DOUBLE", False),
    ("0.1::DOUBLE", "0.10::DECIMAL(10,2)", True),
    ("0.104::DOUBLE", "0.10::DECIMAL(10,2)", False),
    ("1000000::BIGINT", "1::DECIMAL(38,37)", False),
    ("'12.50'", "12.5::DOUBLE", True),
    ("'1.504'", "1.50::DECIMAL(10,2)", False),
    ("'007'", "7::INTEGER", False),
    ("'n/a'", "NULL::INTEGER", False),
    ("NULL::VARCHAR", "NULL::INTEGER", True),
    ("NULL::INTEGER", "''", False),
    ("7::INTEGER", "'7'", True),
    ("DATE '2025-01-02'", "TIMESTAMP '2025-01-02 00:00:00'", True),
    ("DATE '2025-01-02'", "TIMESTAMP '2025-01-02 12:00:00'", False),
    ("DATE '2025-01-02'", "TIMESTAMPTZ '2025-01-02 00:00:00+00'", True),
    ("DATE '2025-01-02'", "'2025-01-02'", True),
    ("true", "'true'", True),
    ("true", "1::INTEGER", False),
    ("'x'::BLOB", "5::DOUBLE", False),
    ("TIME '12:00:00'", "DATE '2025-01-02'", False),
    ("5::UBIGINT", "-5::TINYINT", False),
    ("'nan'::FLOAT", "'nan'::DOUBLE", True),
]


@pytest.mark.parametrize(("one", "two", "is_equal"), RETYPED)
def test_values_of_another_type_are_equal_without_loss(
    stage: Stage, one: str, two: str, is_equal: bool
) -> None:
    for first, second in ((one, two), (two, one)):
        base, other = (stage.table(f"SELECT 1 AS id, {value} AS x") for value in (first, second))
        found, _ = stage.diff(base, other, "id")
        assert found.changed == (not is_equal), (first, second)


@pytest.mark.parametrize(
    ("one", "two", "matched"),
    [("INTEGER", "BIGINT", 3), ("INTEGER", "DECIMAL(9,2)", 3), ("INTEGER", "VARCHAR", 3)],
)
def test_keys_of_another_type_match(stage: Stage, one: str, two: str, matched: int) -> None:
    base, other = (
        stage.table(f"SELECT CAST(range AS {type_}) AS id, 1 AS x FROM range({count})")
        for type_, count in ((one, 3), (two, 4))
    )
    found, rows = stage.diff(base, other, "id")
    assert (counts(found), rows[0]["id"]) == ((1, 0, 0, matched), "3")


def test_names_with_quotes_in_any_case_are_compared(stage: Stage) -> None:
    def table(key: str, ordinal: str, text: str, change: str, a: str, value: str) -> TableFiles:
        names = [f"range AS {name}" for name in (key, ordinal)]
        others = [f"{value} AS {text}", f"3 AS {change}", f"{len(value)} AS {a}"]
        clashes = [f"4 AS {name}" for name in ("a_before", "k0", "number", "base_ordinal", "v0")]
        return stage.table(f"SELECT {', '.join([*names, *others, *clashes])} FROM range(2)")

    base = table('"Key ""1"', '"Ordinal"', '"It\'s"', '"_change"', "a", "1")
    other = table('"KEY ""1"', '"ORDINAL"', '"IT\'S"', '"_CHANGE"', "A", "range")
    found, rows = stage.diff(base, other, 'key "1', "ordinal")
    assert counts(found) == (0, 0, 2, 0)
    assert [row["_changed_columns"] for row in rows] == ['"IT\'S", "A"', '"A"']
    assert found.keys == ('KEY "1', "ORDINAL")
    names = {column.name: (column.before, column.now) for column in found.compared}
    assert names["A"] == ("A_before", "A_now")
    assert (rows[0]["A_before"], rows[0]["A_now"]) == (1, 5)


def test_rows_of_a_residual_and_several_files_are_matched(stage: Stage) -> None:
    whole = stage.table(
        "SELECT range AS id, range * 2 AS x FROM range(100)",
        "SELECT range AS id, range * 2 AS x FROM range(100, 150)",
    )
    residual = replace(whole, deletion_vector=np.array([0, 5, 99, 100, 149], dtype=np.int64))
    later = stage.table(
        "SELECT 149 - range AS id, if(range = 0, 0, (149 - range) * 2) AS x FROM range(150)"
    )
    found, rows = stage.diff(residual, later, "id")
    assert counts(found) == (5, 0, 0, 145)
    assert [row["id"] for row in rows] == [149, 100, 99, 5, 0]
    found, rows = stage.diff(later, residual, "id")
    assert counts(found) == (0, 5, 0, 145)
    assert {row["_row_before"] for row in rows} == {149 - at for at in (0, 5, 99, 100, 149)}


def test_slices_give_the_same_rows(stage: Stage) -> None:
    base = stage.table("SELECT range AS id, range % 7 AS x FROM range(9000)")
    query = "SELECT range AS id, range % 7 + (range % 2) AS x FROM range(50, 9050)"
    other = stage.table(f"{query} ORDER BY hash(range)")
    whole, rows = stage.diff(base, other, "id")
    sliced, same_rows = stage.diff(base, other, "id", slice_cells=7000)
    assert (len(whole.files), len(sliced.files)) == (1, 5)
    assert rows == same_rows
    assert counts(whole) == counts(sliced) == (50, 50, 4475, 4475)


def test_a_table_without_rows_is_compared(stage: Stage) -> None:
    empty = stage.table("SELECT 1 AS id, 'x' AS name, 1.5 AS x LIMIT 0")
    none = TableFiles(empty.columns, ())
    full = stage.table(BASE)
    assert counts(stage.diff(none, full, "id")[0]) == (3, 0, 0, 0)
    assert counts(stage.diff(full, empty, "id")[0]) == (0, 3, 0, 0)
    assert counts(stage.diff(none, empty, "id")[0]) == (0, 0, 0, 0)


def test_tables_of_keys_alone_are_compared(stage: Stage) -> None:
    base, other = (stage.table(f"SELECT range AS id FROM range({rows})") for rows in (3, 2))
    assert counts(stage.diff(base, other, "id")[0]) == (0, 1, 0, 2)


def test_repeated_and_missing_keys_are_refused_with_their_rows(stage: Stage) -> None:
    good = stage.table("SELECT range AS id, 'x' AS part FROM range(5)")
    twice = stage.table("SELECT if(range = 4, 1, range) AS id, 'x' AS part FROM range(5)")
    with pytest.raises(KeyNotUnique, match="The key id of the later version isn't") as repeated:
        stage.diff(good, twice, "id")
    assert "2 rows share their key with another row, such as 1. Add" in repeated.value.message
    assert repeated.value.loc == ("keys",)
    missing = stage.table("SELECT if(range IN (0, 3), NULL, range) AS id FROM range(5)")
    with pytest.raises(KeyMissing, match="id of the earlier version is missing in 2") as lacking:
        stage.diff(missing, good, "id", duplicates="number")
    assert "row 0, row 3, counted from 0" in lacking.value.message


def test_floating_point_numbers_are_no_key(stage: Stage) -> None:
    base, other = (stage.table(f"SELECT {value} AS id") for value in ("1", "1.0::DOUBLE"))
    with pytest.raises(InvalidKey, match="its type is DOUBLE") as refused:
        resolve_keys(base, other, ["id"])
    assert refused.value.loc == ("keys", 0)


def test_unknown_and_double_key_columns_are_refused(stage: Stage) -> None:
    table = stage.table(BASE)
    with pytest.raises(UnknownColumn, match="idd") as unknown:
        resolve_keys(table, table, ["id", "idd"])
    assert unknown.value.loc == ("keys", 1)
    with pytest.raises(InvalidKey, match="twice"):
        resolve_keys(table, table, ["id", "ID"])


def test_of_wide_tables_the_columns_that_changed_most_are_listed(stage: Stage) -> None:
    def table(bump: str) -> TableFiles:
        cells = [f"range + if(range < {at % 7} , {bump}, 0) AS c{at}" for at in range(250)]
        return stage.table(f"SELECT range AS id, {', '.join(cells)}, 1 AS x{bump} FROM range(9)")

    base, other = table("0"), table("1")
    found, rows = stage.diff(base, other, "id", max_columns=40)
    assert counts(found) == (0, 0, 6, 3)
    whole, whole_rows = stage.diff(base, other, "id")
    assert {one.name: one.changed for one in found.compared} == {
        one.name: one.changed for one in whole.compared
    }
    listed = [one.name for one in found.compared if one.before]
    assert len(listed) == 40
    assert {int(name[1:]) % 7 for name in listed} == {5, 6}
    assert len(found.columns) == 5 + 80
    kept = [column.name for column in found.columns if not column.name.startswith("_change")]
    assert [[row[name] for name in kept] for row in rows] == [
        [row[name] for name in kept] for row in whole_rows
    ]


VALUES = (None, 0, 1, 2)
TEXTS = (None, "", "a", "A", "b")


def _random_rows(rng: random.Random) -> dict[int, tuple[Any, ...]]:
    ids = rng.sample(range(40), rng.randint(0, 30))
    return {id_: (rng.choice(VALUES), rng.choice(TEXTS), rng.choice(VALUES)) for id_ in ids}


def _sql(rows: dict[int, tuple[Any, ...]]) -> str:
    values = ", ".join(
        f"({id_}, {', '.join('NULL' if v is None else repr(v) for v in cells)})"
        for id_, cells in rows.items()
    )
    typed = "SELECT id, a::INTEGER AS a, b::VARCHAR AS b, c::BIGINT AS c"
    return f"{typed} FROM (VALUES {values or '(1, 1, NULL, 1)'}) AS t(id, a, b, c)" + (
        "" if rows else " LIMIT 0"
    )


@pytest.mark.parametrize("seed", range(25))
def test_random_tables_have_the_rows_that_python_finds(stage: Stage, seed: int) -> None:
    rng = random.Random(seed)
    before, now = _random_rows(rng), _random_rows(rng)
    found, rows = stage.diff(stage.table(_sql(before)), stage.table(_sql(now)), "id")
    expected = {
        **{id_: ("added", None, cells) for id_, cells in now.items() if id_ not in before},
        **{id_: ("removed", cells, None) for id_, cells in before.items() if id_ not in now},
        **{
            id_: ("changed", before[id_], now[id_])
            for id_ in before.keys() & now.keys()
            if before[id_] != now[id_]
        },
    }
    assert len(rows) == len(expected)
    for row in rows:
        kind, old, new = expected[row["id"]]
        assert row["_change"] == kind
        for cells, suffix in ((old, "before"), (new, "now")):
            shown = tuple(row[f"{name}_{suffix}"] for name in "abc")
            assert shown == (cells or (None, None, None))
        if kind == "changed":
            names = [name for name, o, n in zip("abc", old, new, strict=True) if o != n]
            assert row["_changed_columns"] == ", ".join(f'"{name}"' for name in names)
    changed = [pair for kind, *pair in expected.values() if kind == "changed"]
    for at, column in enumerate(found.compared):
        assert column.changed == sum(old[at] != new[at] for old, new in changed)
    assert found.unchanged == sum(before.get(id_) == now[id_] for id_ in now if id_ in before)


def test_a_stop_ends_the_diff(stage: Stage) -> None:
    class Stopped(Exception):
        pass

    def stop(fraction: float, message: str) -> None:
        if message == "matching rows":
            raise Stopped

    table = stage.table(BASE)
    keys = resolve_keys(table, table, ["id"])
    with pytest.raises(Stopped):
        diff_rows(stage.database, table, table, keys, stage.folder(), on_progress=stop)
