"""JSON: arrays of objects and objects a line."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.requests.importing import ReadOptions
from import_engine.errors import UnreadableFile
from tests.import_engine.conftest import Importing

SAMPLED = 25_000


@pytest.mark.parametrize("name", ["file.json", "file.ndjson", "file.jsonl"])
def test_objects_a_line_are_rows(importing: Importing, name: str) -> None:
    outcome = importing.one('{"a": 1, "b": "x"}\n{"b": null, "c": true}\n', name)
    assert outcome.names == ["a", "b", "c"]
    assert outcome.rows == [(1, "x", None), (None, None, True)]


def test_an_array_of_objects_is_rows(importing: Importing) -> None:
    outcome = importing.one('\n [\n {"a": 1.5},\n {"a": 2}\n]', "file.json")
    assert outcome.types == ["DOUBLE"]
    assert outcome.rows == [(1.5,), (2.0,)]


@pytest.mark.parametrize("as_array", [True, False])
def test_later_rows_add_keys_and_widen_types(importing: Importing, as_array: bool) -> None:
    objects: list[dict[str, object]] = [{"a": i, "d": "2020-01-31"} for i in range(SAMPLED)]
    objects += [{"a": "007", "late": 1, "d": "2020-02-30"}]
    if as_array:
        outcome = importing.one(json.dumps(objects), "file.json")
    else:
        outcome = importing.one("\n".join(map(json.dumps, objects)), "file.ndjson")
    assert outcome.names == ["a", "d", "late"]
    assert outcome.types == ["VARCHAR", "VARCHAR", "BIGINT"]
    assert outcome.rows[0] == ("0", "2020-01-31", None)
    assert outcome.rows[-1] == ("007", "2020-02-30", 1)


def test_a_quoted_number_makes_a_text_column(importing: Importing) -> None:
    objects = [*({"a": i} for i in range(SAMPLED)), {"a": "5"}]
    assert importing.one(json.dumps(objects), "file.json").types == ["VARCHAR"]


def test_texts_that_are_days_become_dates_but_digits_stay_text(importing: Importing) -> None:
    outcome = importing.one('[{"d": "2020-01-31", "t": "12", "z": "007"}]', "file.json")
    assert outcome.types == ["DATE", "VARCHAR", "VARCHAR"]
    assert outcome.rows == [(date(2020, 1, 31), "12", "007")]


def test_long_numbers_keep_their_digits(importing: Importing) -> None:
    outcome = importing.one(
        '[{"a": 12345678901234567890, "b": 12345678901234567, "c": 1}, {"a": 1, "b": 1.5, "c": 2}]',
        "file.json",
    )
    assert outcome.types == ["DECIMAL(38,0)", "VARCHAR", "BIGINT"]
    assert outcome.rows[0] == (Decimal(12345678901234567890), "12345678901234567", 1)


def test_nested_and_mixed_values_become_text(importing: Importing) -> None:
    outcome = importing.one(
        '[{"n": {"x": [1, 2]}, "l": [1], "m": 1}, {"n": null, "l": [], "m": "x"}]', "file.json"
    )
    assert outcome.rows == [('{"x":[1,2]}', "[1]", "1"), (None, "[]", "x")]
    assert outcome.notes == (
        'Column "n" holds nested values; they are stored as JSON text.',
        'Column "l" holds nested values; they are stored as JSON text.',
    )


def test_keys_that_differ_in_case_are_two_columns(importing: Importing) -> None:
    outcome = importing.one('[{"ID": 1, "id": "x", "a/b~c": null}]', "file.json")
    assert outcome.names == ["ID", "id_1", "a/b~c"]
    assert outcome.rows == [(1, "x", None)]


def test_keys_cannot_inject(importing: Importing) -> None:
    keys = ["a'b", 'c"d', "e}); DROP TABLE x; --", "f: 'VARCHAR'", "漢字"]
    outcome = importing.one(json.dumps([dict.fromkeys(keys, 1)]), "file.json")
    assert outcome.names == keys


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_mark_at_the_start_is_understood(importing: Importing, encoding: str) -> None:
    assert importing.one('[{"a": "é"}]'.encode(encoding), "file.json").rows == [("é",)]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        ('{"a": 1}\n{"a": 2} x\n{"a": 3}\n', "f.ndjson", "Line 2"),
        ('{"a": 1}\n{"a": 2}\n{"a": \n', "f.ndjson", "Line 3"),
        ('[{"a": 1}, {"a": 2}', "f.json", "malformed"),
        ('{"a": 1, "a": 2}', "f.json", 'the key "a" appears twice'),
        ('{"A": 3}\n{"a": 1, "a": 2}', "f.ndjson", 'Object 2: the key "a" appears twice'),
        ('[{"a": 1, "a": 2, "": 3}]', "f.json", 'the key "a" appears twice'),
        ("[1, 2, 3]", "f.json", "each row must be an object"),
        ("[]", "f.json", "no object"),
        ("hello", "f.json", "starts with neither"),
        ("a,b\n1,2\n", "f.json", "starts with neither"),
        ("", "f.json", "The file is empty."),
    ],
)
def test_broken_json_is_refused_with_its_place(
    importing: Importing, content: str, name: str, sentence: str
) -> None:
    assert sentence in importing.refusal(content, name)


def test_a_line_far_down_is_named(importing: Importing) -> None:
    rows = [f'{{"a": {i}}}' for i in range(60_000)]
    rows[54_320] = '{"a": '
    assert "Line 54321" in importing.refusal("\n".join(rows), "f.ndjson")


@pytest.mark.parametrize("as_array", [True, False])
def test_rows_keep_their_order(importing: Importing, as_array: bool) -> None:
    rows = [f'{{"i": {i}, "t": "text {i}"}}' for i in range(250_000)]
    content = f"[{','.join(rows)}]" if as_array else "\n".join(rows)
    (table,) = importing.tables(content, "f.json")
    with importing.database.cursor() as cursor:
        wrong = cursor.execute(
            "SELECT count(*) FROM read_parquet(?, file_row_number = true) "
            "WHERE i <> file_row_number",
            [str(table.table.files[0].path)],
        ).fetchone()
    assert table.table.row_count == 250_000
    assert wrong == (0,)


def test_late_keys_of_objects_are_columns(importing: Importing) -> None:
    rows: list[dict[str, object]] = [{"a": {"x": i}} for i in range(SAMPLED)]
    rows += [{"a": {"late": {"deep": "t"}}}]
    content = "\n".join(map(json.dumps, rows))
    (table,) = importing.tables(content, "f.jsonl", options=ReadOptions(nested="columns"))
    outcome = importing.read(table)
    assert outcome.names == ["a.x", "a.late.deep"]
    assert outcome.rows[-1] == (None, "t")


def test_a_late_text_keeps_objects_whole(importing: Importing) -> None:
    rows: list[dict[str, object]] = [{"a": {"x": i}} for i in range(SAMPLED)]
    content = "\n".join(map(json.dumps, [*rows, {"a": "late"}]))
    (table,) = importing.tables(content, "f.jsonl", options=ReadOptions(nested="columns"))
    outcome = importing.read(table)
    assert outcome.names == ["a"]
    assert outcome.rows[0] == ('{"x":0}',)
    assert outcome.rows[-1] == ("late",)


def test_objects_with_ids_as_keys_name_the_way_out(importing: Importing) -> None:
    content = "\n".join(json.dumps({"a": {f"id{i}": i}}) for i in range(5_000))
    with pytest.raises(UnreadableFile, match="store it as JSON text"):
        importing.tables(content, "f.jsonl", options=ReadOptions(nested="columns"))


def test_objects_ask_whether_to_split_them(importing: Importing) -> None:
    (table,) = importing.tables('{"a": {"x": 1}, "b": [1], "c": [{"y": 1}]}', "f.jsonl")
    (question,) = table.questions
    assert question.code == "nested_values"
    assert '"a"' in question.text
    assert '"c"' not in question.text


def test_deep_objects_are_split_eight_levels_down(importing: Importing) -> None:
    value: object = 1
    for _ in range(50):
        value = {"k": value}
    (table,) = importing.tables(
        json.dumps({"a": value}), "f.jsonl", options=ReadOptions(nested="columns")
    )
    outcome = importing.read(table)
    assert outcome.names == ["a" + ".k" * 8]
    assert str(outcome.rows[0][0]).startswith('{"k":{"k":')


def test_a_huge_line_is_refused(importing: Importing) -> None:
    line = '{"a": "' + "x" * 200_000_000 + '"}\n'
    assert "larger than 16 MiB" in importing.refusal('{"a": "y"}\n' + line, "f.jsonl")


def test_half_a_surrogate_is_named(importing: Importing) -> None:
    assert "Line 1" in importing.refusal('{"a": {"t": "x \\ud83d y"}}\n', "f.jsonl")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "A", "b c", "é"]), VALUES, min_size=1), min_size=1
    )
)
def test_any_objects_come_back(importing: Importing, objects: list[dict[str, object]]) -> None:
    outcome = importing.one(json.dumps(objects), "f.json")
    keys = list(dict.fromkeys(key for row in objects for key in row))
    assert len(outcome.names) == len(keys)
    for got, given_row in zip(outcome.rows, objects, strict=True):
        assert sum(cell is not None for cell in got) == sum(
            value is not None for value in given_row.values()
        )
        texts = sorted(str(cell).lower() for cell in got if cell is not None)
        assert texts == sorted(str(v).lower() for v in given_row.values() if v is not None)


LEAVES = st.recursive(
    VALUES,
    lambda inner: st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="."), max_size=3),
        inner,
        min_size=1,
        max_size=3,
    ),
    max_leaves=6,
)


def leaves(value: object) -> list[str]:
    """The values of an object, and of the objects in it."""
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    return [] if value is None else [str(value).lower()]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(["a", "b"]), LEAVES, min_size=1))
def test_no_value_is_lost_when_objects_are_split(
    importing: Importing, row: dict[str, object]
) -> None:
    content = json.dumps(row)
    (table,) = importing.tables(content, "f.jsonl", options=ReadOptions(nested="columns"))
    (cells,) = importing.read(table).rows
    assert sorted(str(cell).lower() for cell in cells if cell is not None) == sorted(leaves(row))


def test_numbers_in_quotes_are_called_so(importing: Importing) -> None:
    content = '[{"a": "29.79"}, {"a": "8.99"}, {"a": null}]'
    (table,) = importing.tables(content, "f.json")
    assert [*table.notes] == [
        'Column "a" stays text: its numbers are stored as text, such as 29.79.'
    ]
