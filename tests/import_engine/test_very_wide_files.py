"""Files of very many columns or keys are refused at once, and every reading of a file can stop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.import_engine.conftest import Importing
from tests.import_engine.wide_files import parquet_without_rows

MANY = 1_000_000
KEYS = 200_000


def one_object() -> str:
    return json.dumps([{f"k{number}": number for number in range(KEYS)}])


def many_objects() -> str:
    return "\n".join(f'{{"k{number}": 1}}' for number in range(KEYS))


def late_object() -> str:
    keys = {f"k{number}": 1 for number in range(KEYS)}
    return "\n".join([*['{"a": 1}'] * 30_000, json.dumps(keys)])


WIDE: dict[str, tuple[str, Callable[[], str | bytes], str]] = {
    "one object": ("f.json", one_object, "more than 4,000 different keys"),
    "many objects": ("f.ndjson", many_objects, "more than 4,000 different keys"),
    "a late object": ("f.ndjson", late_object, "more than 4,000 different keys"),
    "a header": ("f.csv", lambda: ",".join(f"c{n}" for n in range(MANY)) + "\n", "1,000,000"),
    "empty cells": ("f.tsv", lambda: "a" + "\t" * (MANY - 1) + "\n", "1,000,000 columns"),
    "Parquet": ("f.parquet", lambda: parquet_without_rows(KEYS), "200,000 columns"),
}


@pytest.mark.parametrize("case", WIDE)
def test_a_very_wide_file_is_refused_at_once(importing: Importing, case: str) -> None:
    name, made, sentence = WIDE[case]
    content = made()
    began = time.process_time()
    assert sentence in importing.refusal(content, name)
    assert time.process_time() - began < 8  # with DuckDB's own detection it is minutes


@pytest.mark.parametrize("quote", ["", '"'])
def test_long_first_lines_of_few_values_are_read(importing: Importing, quote: str) -> None:
    text = "x, " * 30_000 if quote else "x" * 90_000
    outcome = importing.one(f"a;{quote}{text}{quote}\n1;y\n2;z\n")
    assert outcome.names == ["a", text]


@pytest.mark.parametrize("depth", [200, 100_000])
def test_deeply_nested_values_become_text(importing: Importing, depth: int) -> None:
    value = "[" * depth + "]" * depth
    assert importing.one(f'[{{"a": {value}}}]', "f.json").rows == [(value,)]


def test_many_nested_keys_make_a_single_column(importing: Importing) -> None:
    nested = json.dumps({f"k{number}": number for number in range(KEYS)})
    assert importing.one(f'[{{"a": {nested}}}]', "f.json").names == ["a"]


class Stopped(Exception):
    """The import isn't wanted any more."""


def test_the_search_for_a_delimiter_can_be_stopped(importing: Importing) -> None:
    line = ",".join(f"c{number}" for number in range(10_000))
    reports: list[str] = []

    def on_progress(_fraction: float, message: str) -> None:
        reports.append(message)
        if reports.count("finding the delimiter") == 2:  # the first is before the statement begins
            raise Stopped

    with pytest.raises(Stopped):
        importing.tables(f"{line}\n" * 50, "f.csv", on_progress)
    assert "reading the header" not in reports


def test_every_statement_on_a_file_is_watched() -> None:
    room = Path(__file__).parents[2] / "import_engine"
    reads_footers = room / "attaching.py"
    for path in {*room.glob("*.py")} - {reads_footers}:
        assert ".execute(" not in path.read_text(encoding="utf-8"), path
