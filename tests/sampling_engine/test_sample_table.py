"""The names that a sample's columns get."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling_engine.sample_table import SAMPLE_COLUMNS, names_in_sample


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        (["_stratum"], ["_stratum_source"]),
        (["_STRATUM", "_Stratum_Source"], ["_STRATUM_source_2", "_Stratum_Source"]),
        (
            ["_stratum_source_2", "_stratum_source", "_stratum"],
            ["_stratum_source_2", "_stratum_source", "_stratum_source_3"],
        ),
    ],
)
def test_a_column_in_the_way_gets_a_suffix_and_a_number_where_that_is_taken(
    own: list[str], expected: list[str]
) -> None:
    assert names_in_sample(own) == expected


PIECES = st.sampled_from([*SAMPLE_COLUMNS, "_STRATUM", "_stratum_source", "_Stratum_source_2", "x"])


@given(own=st.lists(PIECES, unique_by=str.lower))
def test_names_are_unique_in_any_case_and_only_those_in_the_way_change(own: list[str]) -> None:
    names = names_in_sample(own)
    every = [name.lower() for name in (*names, *SAMPLE_COLUMNS)]
    assert len(set(every)) == len(every)
    needed = set(SAMPLE_COLUMNS)
    assert all(
        (old == new) == (old.lower() not in needed) for old, new in zip(own, names, strict=True)
    )
