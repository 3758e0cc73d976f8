"""Lists of column names in one text: of queries and of forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobsvc_client.arguments import quoted_list

from contract.column_lists import listed_names, text_of_names

NAMES = st.lists(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), min_size=1, max_size=4
)


@given(NAMES)
def test_written_names_are_read(names: list[str]) -> None:
    assert listed_names(text_of_names(names)) == names
    assert listed_names(quoted_list(names) or "") == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a, b ,c", ["a", "b", "c"]),
        ('"a, b",c', ["a, b", "c"]),
        (' "a" , b', ["a", "b"]),
        ('a"b', ['a"b']),
        ("", []),
        (",,", []),
        ('"a, b', ['"a', "b"]),
        ('"a"b, c', ['"a"b', "c"]),
    ],
)
def test_names_in_a_text(text: str, names: list[str]) -> None:
    assert listed_names(text) == names
