"""The naming rule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parquet_tables.names import folded, settle_names
from tests.import_engine.conftest import Importing


def test_names_stay_as_they_are_in_the_file(importing: Importing) -> None:
    names = [" Full name ", 'in "inches"', "größe", "Ünïcode 漢字", "select", "a;b'c", "É", "é"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    outcome = importing.one(f"{header}\n{','.join('12345678')}\n")
    assert outcome.names == names
    assert outcome.notes == ()


def test_a_duplicate_name_gets_the_first_free_number(importing: Importing) -> None:
    outcome = importing.one("ID,id,Id,id_1,x\n1,2,3,4,5\n")
    assert outcome.names == ["ID", "id_2", "Id_3", "id_1", "x"]
    assert len(outcome.notes) == 2
    assert outcome.notes[0] == (
        'Column 2 ("id") is named "id_2": a column before it has that name.'
    )


def test_an_empty_name_becomes_the_columns_place(importing: Importing) -> None:
    outcome = importing.one("a,,column_2,\n1,2,3,4\n")
    assert outcome.names == ["a", "column_2_1", "column_2", "column_4"]


def test_a_reserved_name_is_renamed(importing: Importing) -> None:
    outcome = importing.one("File_Row_Number,a\n1,2\n")
    assert outcome.names == ["File_Row_Number_1", "a"]
    assert outcome.notes == (
        'Column 1 ("File_Row_Number") is named "File_Row_Number_1": the name is reserved.',
    )


def test_every_format_follows_the_rule(importing: Importing) -> None:
    csv = importing.one('"","ID","id"\n1,2,3\n')
    json = importing.one('[{"": 1, "ID": 2, "id": 3}]', "file.json")
    assert csv.names == json.names == ["column_1", "ID", "id_1"]
    assert csv.rows == json.rows == [(1, 2, 3)]


@given(st.lists(st.one_of(st.none(), st.text(st.sampled_from("aA_1é \0"), max_size=4))))
def test_settled_names_differ_in_more_than_case(found: list[str | None]) -> None:
    names, notes = settle_names(found)
    assert len({folded(name) for name in names}) == len(names)
    assert all(name.strip() and "\0" not in name for name in names)
    unchanged = [name for name, original in zip(names, found, strict=True) if name == original]
    assert len(unchanged) + len(notes) == len(found)
