"""Awkward files give the expected table, or say what they leave open; a choice answers it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from import_engine.errors import UnreadableFile
from import_engine.options import read_options
from tests.import_engine.awkward_files import DELIMITED, JSON_LINES, WORKBOOKS, Awkward
from tests.import_engine.conftest import Importing

FILES: dict[str, Awkward] = {
    **{f"delimited: {name}": each for name, each in DELIMITED.items()},
    **{f"workbook: {name}": replace(each, file_name="a.xlsx") for name, each in WORKBOOKS.items()},
    **{f"json: {name}": replace(each, file_name="a.ndjson") for name, each in JSON_LINES.items()},
}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES.keys())
def test_an_awkward_file_gives_its_table(importing: Importing, file: Awkward) -> None:
    options = read_options(file.options)
    if file.rows is None:
        with pytest.raises(UnreadableFile) as caught:
            importing.tables(file.content, file.file_name, options=options)
        said = [caught.value.message]
    else:
        (table,) = importing.tables(file.content, file.file_name, options=options)
        outcome = importing.read(table)
        assert " ".join(outcome.types) == file.types
        shown = [
            tuple(str(value) if "DECIMAL" in type_ else value for value, type_ in zip(
                row, outcome.types, strict=True
            ))
            for row in outcome.rows
        ]  # fmt: skip
        assert shown == list(file.rows)
        if file.names:
            assert [name.replace(" ", "_") for name in outcome.names] == file.names.split()
        said = [*outcome.notes, *(question.text for question in table.questions)]
        for question in table.questions:
            for choice in question.choices:
                given = read_options({**file.options, **choice.options})
                (answered,) = importing.tables(file.content, file.file_name, options=given)
                assert question not in answered.questions
    for part in file.says:
        assert any(part in each for each in said), said


HOSTILE_CELLS = {
    "narrow spaces": "\u202f" * 390 + "1" + "\u202f" * 390 + "x",
    "spaces in a title": "1" + " " * 60_000 + "x",
    "dots in a total": "Total" + "." * 60_000 + "x",
    "digits": "1" * 390 + "x",
    "signs": "-(" * 190 + "1",
    "currencies": "EUR" * 130 + "1",
}


@pytest.mark.parametrize("cell", HOSTILE_CELLS.values(), ids=HOSTILE_CELLS.keys())
def test_no_cell_takes_long_to_examine(importing: Importing, cell: str) -> None:
    began = time.process_time()
    rows = [f"{cell};{cell};x"] * 10
    outcome = importing.one("\n".join(["a;b;c", *rows, cell]) if " " in cell else
                            "\n".join(["a;b;c", *rows]))  # fmt: skip
    assert outcome.column("a")[:1] == [cell]
    assert time.process_time() - began < 5  # alone it is 0.2
