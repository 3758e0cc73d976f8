"""A bad sample differs significantly, a good one doesn't, and the sentences say why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import read_columns, write_parquet
from profiling_engine.comparison.compared_table import ComparedTable
from profiling_engine.comparison.comparison import (
    Purpose,
    Structure,
    TableComparison,
    compare_tables,
    outcome_of,
)
from profiling_engine.comparison.table_changes import ChangedValues, TableChanges

ROWS = 20_000
DRAWS = 60
POPULATION = f"""
SELECT range AS id,
       (hash(range) % 100000) / 100 AS uniform,
       exp((hash(range * 7) % 10000) / 2000) AS skewed,
       CAST(floor(ln(1 + hash(range * 11) % 3000)) AS INTEGER) AS few,
       'region ' || (hash(range * 13) % 7) AS region,
       CASE WHEN hash(range * 17) % 10 < 3 THEN NULL ELSE hash(range * 19) % 50 END AS holes,
       DATE '2024-01-01' + CAST(hash(range * 23) % 366 AS INTEGER) AS day,
       hash(range * 29) % 5 = 0 AS flag,
       'key ' || range AS key
FROM range({ROWS})
"""


@dataclass(frozen=True)
class Stage:
    database: ParquetDatabase
    root: Path
    population: TableFiles

    def table(self, query: str, name: str) -> TableFiles:
        path = self.root / f"{name}.parquet"
        with self.database.cursor() as cursor:
            file = write_parquet(cursor, query, [], path)
            return TableFiles(read_columns(cursor, path), (file,))

    def sample(self, condition: str, name: str, more: str = "") -> TableFiles:
        source = self.population.files[0].path
        return self.table(f"SELECT *{more} FROM read_parquet('{source}') WHERE {condition}", name)

    def compare(self, sample: TableFiles, weight: Column | None = None) -> TableComparison:
        side = ComparedTable(sample, size=None, weight=weight)
        return compare_tables(self.database, ComparedTable(self.population), side, purpose="sample")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("comparison")
    with ParquetDatabase(root, root / "spill", memory_mb=256, threads=2) as database:
        with database.cursor() as cursor:
            file = write_parquet(cursor, POPULATION, [], root / "population.parquet")
            columns = read_columns(cursor, file.path)
        yield Stage(database, root, TableFiles(columns, (file,)))


def test_identifiers_are_not_compared_by_their_means(stage: Stage) -> None:
    found = stage.compare(stage.sample("id >= 15000", "last"))
    assert "The distribution of id differs" in found.verdict
    assert "standard deviations: its mean" not in found.verdict


def test_first_rows_of_a_sorted_table_differ(stage: Stage) -> None:
    found = stage.compare(stage.sample("uniform < 30", "first"))
    assert "uniform" in found.as_json()["stand_out"]
    assert found.verdict.startswith("Differs. 1 of 9 columns differs. ")
    assert "uniform is lower by" in found.verdict
    by_id = stage.compare(stage.sample(f"id < {ROWS // 40}", "head"))
    assert by_id.as_json()["stand_out"] == ["id"]


@pytest.mark.parametrize(
    ("condition", "column", "part"),
    [
        ("region <> 'region 3' AND hash(id * 31) % 10 = 0", "region", "region 3"),
        ("(holes >= 0 OR hash(id) % 2 = 0) AND hash(id * 31) % 10 = 0", "holes", "missing"),
        ("(flag OR hash(id) % 3 = 0) AND hash(id * 31) % 10 = 0", "flag", "false"),
        ("day < DATE '2024-10-01' AND hash(id * 31) % 10 = 0", "day", "lower"),
    ],
)
def test_each_kind_of_column_has_a_sentence(
    stage: Stage, condition: str, column: str, part: str
) -> None:
    found = stage.compare(stage.sample(condition, f"bad-{column}"))
    out = {one.name: one.sentence for one in found.significant}
    assert column in out
    assert part in out[column]


def test_good_samples_rarely_differ(stage: Stage) -> None:
    small = stage.sample("id < 2000", "small")
    names = ("uniform", "few", "region", "holes")
    columns = tuple(column for column in small.columns if column.name in names)
    population = ComparedTable(replace(small, columns=columns))
    alarms = 0
    for seed in range(DRAWS):
        condition = f"id < 2000 AND hash(id + {seed * 1_000_003}) % 10 = 0"
        sample = ComparedTable(stage.sample(condition, "good"), size=None)
        found = compare_tables(stage.database, population, sample, purpose="sample")
        assert len(found.columns) == len(names)
        alarms += bool(found.significant)
    assert alarms <= 0.05 * DRAWS


def test_weights_correct_an_unequal_draw(stage: Stage) -> None:
    unequal = (
        "hash(id * 37) % 100 < CASE WHEN region IN ('region 0', 'region 1') THEN 20 ELSE 2 END"
    )
    weights = ", CASE WHEN region IN ('region 0', 'region 1') THEN 5.0 ELSE 50.0 END AS w"
    sample = stage.sample(unequal, "unequal", weights)
    assert "region" in stage.compare(sample).as_json()["stand_out"]
    weighted = stage.compare(sample, sample.column("w"))
    assert weighted.significant == []
    assert weighted.structure.only_in_other == ()


def test_keys_have_no_distance(stage: Stage) -> None:
    sample = stage.sample("hash(id * 31) % 40 = 0", "plain", ", 1 AS extra")
    found = stage.compare(sample)
    key = next(one for one in found.columns if one.name == "key")
    assert (key.distance.distance, key.distance.parts) == (0, ())
    assert found.structure.only_in_other == ("extra",)


def test_keys_of_rows_that_pass_a_filter_are_no_difference(stage: Stage) -> None:
    """Each table is taken for a sample of its size, and all passing rows are in the whole table."""
    passing = stage.sample("hash(id * 31) % 10 = 0", "passing")
    whole = ComparedTable(stage.population, float(ROWS))
    part = ComparedTable(passing, float(passing.row_count), drawn_from_base=True)
    found = compare_tables(stage.database, whole, part, purpose="sample")
    assert found.significant == []


def test_differences_of_tables_are_named(stage: Stage) -> None:
    later = stage.table(
        f"SELECT * EXCLUDE (flag) REPLACE (uniform + 250 AS uniform) "
        f"FROM read_parquet('{stage.population.files[0].path}')",
        "later",
    )
    found = compare_tables(
        stage.database, ComparedTable(stage.population), ComparedTable(later), purpose="tables"
    )
    assert found.as_json()["stand_out"] == ["uniform"]
    assert found.structure.only_in_base == ("flag",)
    same = compare_tables(
        stage.database,
        ComparedTable(stage.population),
        ComparedTable(stage.population),
        purpose="tables",
    )
    assert same.significant == []
    assert all(one.distance.distance == 0 for one in same.columns)


def test_empty_table_can_be_compared(stage: Stage) -> None:
    found = stage.compare(stage.sample("false", "empty"))
    assert found.significant == []


def test_changed_constant_differs_and_few_rows_do_not(
    stage: Stage,
) -> None:
    def tables(base: str, other: str, rows: int) -> TableComparison:
        one, two = stage.table(base, "one"), stage.table(other, "two")
        return compare_tables(
            stage.database,
            ComparedTable(one, size=rows),
            ComparedTable(two, size=rows),
            purpose="tables",
        )

    changed = tables(
        "SELECT 'EUR' AS unit FROM range(500)",
        "SELECT if(range % 5 = 0, 'USD', 'EUR') AS unit FROM range(500)",
        500,
    )
    assert [one.name for one in changed.significant] == ["unit"]
    assert changed.columns[0].distance.distance == pytest.approx(0.2)
    half = "SELECT hash(range) % 12 AS kind, 'k' || hash(range) % 12 AS named FROM range(80)"
    by_chance = tables(f"{half} WHERE range < 40", f"{half} WHERE range >= 40", 40)
    assert by_chance.significant == []
    assert max(one.distance.distance for one in by_chance.columns) > 0.1


def test_times_are_formatted_and_infinite_ones_excluded(stage: Stage) -> None:
    found = stage.compare(stage.sample("day < DATE '2024-07-01'", "early"))
    day = next(one for one in found.columns if one.name == "day")
    json_column = day.as_json()
    assert json_column["base_mean"] == "2024-07-01"
    assert json_column["parts"][0]["label"].startswith("2024-01-0")
    assert "its mean is 2024-04-01, not 2024-07-01" in day.sentence
    query = (
        "SELECT if(range = 7, DATE 'infinity', DATE '2024-01-01' + range::INTEGER % 9) AS d, "
        "if(range = 7, TIMESTAMP '-infinity', TIMESTAMP '2024-01-01 12:00') AS t, "
        "TIME '13:30' AS clock, CAST('[POINT]' AS ENUM('[POINT]', 'b')) AS kind FROM range(300)"
    )
    table = stage.table(query, "endless")
    both = compare_tables(
        stage.database, ComparedTable(table), ComparedTable(table, size=300), purpose="tables"
    )
    means = {one.name: one.as_json()["base_mean"] for one in both.columns}
    assert means == {"d": "2024-01-04", "t": "2024-01-01 12:00", "clock": "13:30", "kind": None}
    assert all(one.distance.base_missing == 0 for one in both.columns)


def test_comparison_json_is_bounded(stage: Stage) -> None:
    wide = ", ".join(f"repeat('x', 90) || hash(range * {at}) % 20 AS c{at}" for at in range(204))
    table = stage.table(f"SELECT {wide} FROM range(300)", "wide")
    found = compare_tables(
        stage.database, ComparedTable(table), ComparedTable(table, size=300), purpose="sample"
    ).as_json()
    assert sum(bool(one["parts"]) for one in found["columns"]) == 200
    assert max(len(one["parts"]) for one in found["columns"]) == 13
    assert {len(part["label"]) for part in found["columns"][1]["parts"]} == {80, len("(other)")}


def test_columns_after_the_time_limit_are_not_compared(stage: Stage) -> None:
    sample = stage.sample("hash(id * 31) % 40 = 0", "late")
    asked = iter([False, False, True, True, True, True, True, True, True])
    found = compare_tables(
        stage.database,
        ComparedTable(stage.population),
        ComparedTable(sample, size=None),
        purpose="sample",
        is_over=lambda: next(asked),
    )
    assert [one.name for one in found.columns] == ["id", "uniform"]
    assert found.not_compared == ("skewed", "few", "region", "holes", "day", "flag", "key")
    assert "None of 2 compared columns (of 9) differs significantly." in found.verdict
    assert found.verdict.endswith(
        " Not compared: skewed, few, region, holes, day and 2 more (time limit)."
    )


def test_smallest_detectable_difference_is_stated(stage: Stage) -> None:
    small = stage.compare(stage.sample("hash(id * 31) % 400 = 0", "small")).detectable
    large = stage.compare(stage.sample("hash(id * 31) % 4 = 0", "large")).detectable
    assert small is not None
    assert large is not None
    assert large < 0.04 < 0.2 < small


@pytest.mark.parametrize(
    ("purpose", "significant", "detectable", "outcome"),
    [
        ("sample", True, 0.01, "differs"),
        ("sample", True, 1.0, "differs"),
        ("sample", False, 0.15, "representative"),
        ("sample", False, 0.1501, "inconclusive"),
        ("sample", False, None, "inconclusive"),
        ("tables", False, 0.01, "representative"),
        ("tables", True, 0.01, "differs"),
    ],
)
def test_the_outcome_follows_significance_and_power(
    purpose: Purpose, significant: bool, detectable: float | None, outcome: str
) -> None:
    structure = Structure(100, 100)
    found = outcome_of(purpose, structure, is_significant=significant, detectable=detectable)
    assert found == outcome


@pytest.mark.parametrize(
    "structure",
    [
        Structure(100, 101),
        Structure(100, 100, only_in_base=("x",)),
        Structure(100, 100, only_in_other=("x",)),
        Structure(100, 100, changed_types=(("x", "DATE", "VARCHAR"),)),
        Structure(100, 100, changed_values=(("x", ChangedValues(1)),)),
        Structure(100, 100, changes=TableChanges(True, 1, 1, ("x",))),
    ],
)
def test_any_change_of_structure_makes_tables_differ(structure: Structure) -> None:
    of_tables = outcome_of("tables", structure, is_significant=False, detectable=0.01)
    assert of_tables == "differs"
    assert structure.sentences()
    of_sample = outcome_of("sample", structure, is_significant=False, detectable=0.01)
    assert of_sample == "representative"


def test_constant_columns_do_not_limit_the_power(stage: Stage) -> None:
    """A constant and a column of NULL can only change in one direction, which is easy to see."""
    query = "SELECT range AS id, 'one' AS constant, NULL::INTEGER AS empty FROM range(5000)"
    base = stage.table(query, "constants")
    sample = stage.table(f"SELECT * FROM ({query}) WHERE hash(id) % 10 = 0", "some")
    side = ComparedTable(sample, drawn_from_base=True, size=None)
    found = compare_tables(stage.database, ComparedTable(base), side, purpose="sample")
    by_name = {one.name: one.detectable_rows for one in found.columns}
    assert by_name["constant"] < 0.02
    assert by_name["empty"] < 0.02
    assert found.detectable == by_name["id"] < 0.15


def test_equal_tables_are_equal_in_any_order(stage: Stage) -> None:
    query = "SELECT range % 7 AS kind, range::VARCHAR AS key, NULL::DATE AS day FROM range(500)"
    one = stage.table(query, "one way")
    two = stage.table(f"SELECT * FROM ({query}) ORDER BY key DESC", "other way")
    three = stage.table(
        f"SELECT kind, (key::INTEGER + 1)::VARCHAR AS key, day FROM ({query})", "moved"
    )

    def compare(other: TableFiles) -> TableComparison:
        sides = (ComparedTable(table, size=500) for table in (one, other))
        return compare_tables(stage.database, *sides, purpose="tables")

    assert compare(two).outcome == "equal"
    moved = compare(three)
    assert (moved.outcome, moved.significant) == ("differs", [])
    assert moved.structure.changes == TableChanges(True, 500, 500, ("key",))
    nothing = stage.table(f"SELECT * FROM ({query}) WHERE false", "nothing")
    assert compare(nothing).outcome == "differs"


def test_all_rows_of_large_tables_are_compared_by_hashes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only some rows are read for the distributions, and rows without an equal aren't counted."""
    monkeypatch.setattr("profiling_engine.comparison.table_changes.MAX_COUNTED_ROWS", 1000)
    query = "SELECT range AS id, range % 7 AS kind, range % 5 AS sort FROM range(2000)"
    base = stage.table(query, "large")

    def compare(later: str, name: str) -> TableComparison:
        other = stage.table(later, name)
        sides = []
        for table in (base, other):
            part = stage.table(f"SELECT * FROM ({query}) WHERE id < 500", f"part of {name}")
            sides.append(ComparedTable(part, size=500, rows=table.row_count, whole=table))
        return compare_tables(stage.database, *sides, purpose="tables")

    same = compare(f"SELECT * FROM ({query}) ORDER BY hash(id)", "sorted")
    assert (same.outcome, same.structure.changes) == ("equal", TableChanges(False, None, None, ()))
    assert same.verdict == "Equal. 2,000 rows and 3 columns are the same."
    one = compare(f"SELECT * REPLACE (if(id = 1999, 9, kind) AS kind) FROM ({query})", "one")
    assert (one.outcome, one.significant) == ("differs", [])
    assert one.verdict == (
        "Differs. Columns whose values differ, by changed, added or removed rows: kind."
    )
    swapped = "SELECT * REPLACE (CASE id WHEN 0 THEN 1 WHEN 1 THEN 0 ELSE kind END AS kind)"
    moved = compare(f"{swapped} FROM ({query})", "swapped")
    assert moved.verdict == "Differs. Values belong to other rows than before."
