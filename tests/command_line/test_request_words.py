"""Any draw as a command or in Python says what its body says."""

from __future__ import annotations

import ast
import json
import shlex
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from application.request_code.texts import command_of, literal
from command_line.sampling import draw_body, sample

PATH = "/api/sampling/datasets/1/jobs"
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
SIZES = st.integers(1, 10**6) | st.sampled_from(["all", "5%", "2.5%"])
BANDS = st.fixed_dictionaries(
    {"column": TEXTS, "breaks": st.lists(NUMBERS | st.just("2025-01-31"), min_size=1, max_size=3)}
)
PARAMETERS = st.fixed_dictionaries(
    {"strata_columns": st.lists(TEXTS | BANDS, min_size=1, max_size=3)},
    optional={
        "sizes": st.dictionaries(TEXTS, SIZES, min_size=1, max_size=3),
        "min_per_stratum": st.integers(1, 9),
        "seed": TEXTS | st.integers(-(2**53), 2**53),
    },
)
ROUNDS = st.fixed_dictionaries(
    {"method": st.just("stratified"), "parameters": PARAMETERS},
    optional={
        "filters": st.fixed_dictionaries({"expression": TEXTS}),
        "selection": st.fixed_dictionaries({"columns": st.lists(TEXTS, min_size=1, max_size=2)}),
        "order": st.fixed_dictionaries(
            {},
            optional={
                "key": st.lists(TEXTS, min_size=1, max_size=2),
                "start": st.sampled_from(["0.25", "0.5"]),
                "duplicates": st.sampled_from(["number", "refuse"]),
            },
        ),
    },
)
BODIES = st.fixed_dictionaries(
    {"rounds": st.lists(ROUNDS, min_size=1, max_size=1)}, optional={"amount_column": TEXTS}
)


@given(BODIES)
def test_a_command_says_what_the_body_says(body: dict[str, Any]) -> None:
    text = command_of(PATH, body, "data")
    assert text is not None
    line, _, content = text.partition(" --body - <<'JSON'\n")
    if content:
        assert json.loads(content.removesuffix("JSON")) == body
        return
    words = shlex.split(line)
    assert words[:3] == ["jobsvc", "sample", "data"]
    with sample.make_context("sample", words[2:]) as context:
        assert draw_body(dict(context.params)) == body


JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


@given(JSON)
def test_a_literal_of_python_has_the_value(value: Any) -> None:
    assert ast.literal_eval(literal(value, 4)) == value
