"""Rows along a line: the examples of docs/SAMPLING.md, ties and many rows, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from domain_errors import DomainError
from parquet_tables.tables import TableFiles
from sampling_engine import SystematicMethod, WeightedMethod, explain_rows
from sampling_engine.checks import check_rounds
from sampling_engine.filters import parse_expression
from sampling_engine.methods.weighted import systematic_round
from sampling_engine.methods.weighted.declaration import SizedSelection
from sampling_engine.sql.lines import SortOrder
from tests.sampling_engine import plain_draw
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import one_round, sample_values

PAGE = (Path(__file__).parents[2] / "docs" / "SAMPLING.md").read_text(encoding="utf-8")
BY_POINTS: SizedSelection = "systematic"


def cells(name: str) -> list[str | None]:
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {name} |"))
    found = [cell.strip() for cell in line.split("|")[2:-1]]
    return [None if cell == "NULL" else cell for cell in found]


@pytest.mark.parametrize(
    ("rule", "rows", "text"),
    [
        ("serpentine", [8, 11, 2, 9], "are the rows 8, 11, 2 and 9"),
        ("nested", [8, 3, 2, 5], "the rows are 8, 3, 2 and 5"),
    ],
)
def test_the_example_of_a_sort(
    workshop: Workshop, rule: SortOrder, rows: list[int], text: str
) -> None:
    table = workshop.table_of(
        "SELECT unnest(?::VARCHAR[]) AS region, unnest(?::INTEGER[]) AS size",
        [cells("region"), cells("size")],
        splits=[5],
    )
    method = SystematicMethod(interval=3, start=2, sort_columns=("region", "size"), sort_order=rule)
    sample = workshop.draw(table, one_round(method))
    assert workshop.ordinals(sample) == rows
    assert text in PAGE


def test_the_example_of_points(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    table = workshop.table_of("SELECT unnest([4, 1, NULL, 3, 30, 2]) AS w")
    monkeypatch.setattr(systematic_round, "start_of", lambda total, seed: total * 3 // 10)
    method = WeightedMethod(sample_size=3, weight_column="w", selection=BY_POINTS)
    sample = workshop.draw(table, one_round(method))
    assert workshop.ordinals(sample) == [4, 0, 3]
    found = [p for (p,) in sample_values(workshop, sample, "_inclusion_probability")]
    assert found == pytest.approx([1.0, 0.8, 0.6], rel=1e-12)
    assert "rows 4, 0 and 3 are drawn, with the probabilities 1, 0.8 and 0.6" in PAGE


@pytest.fixture(scope="module")
def many(workshop: Workshop) -> TableFiles:
    """300,000 rows in three files, some left out."""
    table = workshop.table_of(
        "SELECT hash(i) % 5 AS a, CASE WHEN i % 11 > 0 THEN hash(i * 3) % 40 END AS b, "
        "(hash(i * 7) % 1000) / 8 AS w FROM range(300000) AS r(i)",
        splits=[90_000, 210_001],
        row_group_rows=20_000,
    )
    return TableFiles(table.columns, table.files, np.arange(5, 300_000, 1_000))


@pytest.mark.parametrize("rule", ["serpentine", "nested"])
def test_many_rows_are_those_of_the_plain_draw(
    workshop: Workshop, many: TableFiles, rule: SortOrder
) -> None:
    left_out = set(many.deletion_vector.tolist())
    with workshop.database.cursor(many) as cursor:
        paths = [str(file.path) for file in many.files]
        found = cursor.execute("SELECT a, b, w FROM read_parquet(?)", [paths]).fetchall()
    rows: list[plain_draw.Row] = [{"a": a, "b": b, "w": w} for a, b, w in found]
    eligible = [at for at, row in enumerate(rows) if at not in left_out and row["w"] > 9]  # type: ignore[operator]
    line = plain_draw.in_line(rows, eligible, ["a", "b"], serpentine=rule == "serpentine")
    where = parse_expression("w > 9", many)
    sort = {"sort_columns": ("a", "b"), "sort_order": rule}
    spread = SystematicMethod(interval=977, start=3, **sort)  # type: ignore[arg-type]
    sample = workshop.draw(many, one_round(spread, filter=where))
    assert workshop.ordinals(sample) == line[2::977]
    sized = WeightedMethod(sample_size=500, weight_column="w", selection=BY_POINTS, **sort)  # type: ignore[arg-type]
    sample = workshop.draw(many, one_round(sized, filter=where))
    ordinals = workshop.ordinals(sample)
    places = {at: place for place, at in enumerate(line)}
    drawn = [places[at] for at in ordinals]
    assert drawn == sorted(drawn)
    weights = np.array([rows[at]["w"] for at in line], dtype=np.float64)
    ends = np.cumsum(weights) * 500 / weights.sum()
    assert np.abs(np.diff(ends[drawn]) - 1.0).max() < 2 * 125 * 500 / weights.sum()


def test_explanations_say_where_a_row_lies(workshop: Workshop) -> None:
    table = workshop.table_of("SELECT 9 - i AS v, i % 2 AS w FROM range(10) AS r(i)")
    spread = SystematicMethod(interval=5, start=2, sort_columns=("v",))
    drawn, other = explain_rows(workshop.database, table, [one_round(spread)], [8, 7])
    assert drawn.verdicts[0].reason == (
        "Drawn as number 1 of the round's 2 rows. It is the 2nd of the 10 eligible rows in the "
        'order by "v", of which every 5th was drawn, beginning with the 2nd.'
    )
    assert (other.verdicts[0].outcome, other.drawn) == ("off_the_grid", False)
    assert "It is the 3rd of the 10 eligible rows" in other.verdicts[0].reason
    sized = WeightedMethod(sample_size=2, weight_column="w", selection=BY_POINTS)
    found = explain_rows(workshop.database, table, [one_round(sized)], range(10))
    assert [each.verdicts[0].outcome for each in found[::2]] == ["no_weight"] * 5
    assert sum(each.drawn for each in found) == 2
    assert "a part of 0.4" in found[1].verdicts[0].reason


@pytest.mark.parametrize(
    ("method", "loc"),
    [
        (SystematicMethod(interval=2, sort_columns=("a", "A")), ("sort_columns", 1)),
        (SystematicMethod(interval=2, sort_columns=("gone",)), ("sort_columns", 0)),
        (SystematicMethod(interval=2, sort_order="nested"), ("sort_order",)),
        (
            WeightedMethod(sample_size=2, weight_column="w", sort_columns=("a",)),
            ("sort_columns",),
        ),
    ],
)
def test_what_makes_no_line_is_refused(
    many: TableFiles, method: SystematicMethod, loc: tuple[object, ...]
) -> None:
    with pytest.raises(DomainError) as caught:
        check_rounds(many, [one_round(method)])
    assert caught.value.loc == ("rounds", 0, "parameters", *loc)
