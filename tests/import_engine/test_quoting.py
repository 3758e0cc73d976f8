"""Quotes, escapes and apostrophes in delimited text: what is the value and what encloses it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.import_engine.conftest import Importing, lines


def test_a_quoted_empty_cell_is_text_an_unquoted_is_null(importing: Importing) -> None:
    outcome = importing.one('n,t\n1,""\n"",x\n,\n')
    assert outcome.types == ["BIGINT", "VARCHAR"]
    assert outcome.rows == [(1, ""), (None, "x"), (None, None)]


def test_multiline_values_stay(importing: Importing) -> None:
    outcome = importing.one('a,b\r\n1,"x\r\ny"\r\n2,"x\ny\n\nz"\r\n3,w\r\n')
    assert outcome.column("b") == ["x\r\ny", "x\ny\n\nz", "w"]


def test_quotes_escaped_by_a_backslash_are_understood_even_late(importing: Importing) -> None:
    content = lines("a,b", lambda i: f'{i},"x"', 30_000, ['7,"say \\"hi\\", you"'])
    assert importing.one(content).rows[-1] == (7, 'say "hi", you')


def test_backslashes_that_escape_nothing_stay(importing: Importing) -> None:
    outcome = importing.one('a,b\n"C:\\temp\\0",1\n"\\\\server","2"\n')
    assert outcome.rows == [("C:\\temp\\0", 1), ("\\\\server", 2)]
    broken = 'a,b\n"say \\"hi\\" in C:\\temp",1\n"x",2\n'
    assert "a quoted value isn't closed" in importing.refusal(broken)


def test_a_delimiter_after_an_escaped_quote_is_text(importing: Importing) -> None:
    outcome = importing.one('a,b\n"x\\",y",1\n"back\\\\slash",2\n')
    assert outcome.rows == [('x",y', 1), ("back\\slash", 2)]


def test_quotes_in_a_tab_file_may_be_plain_text(importing: Importing) -> None:
    outcome = importing.one('a\tb\n1\t"open\n2\t5" pipe\n', "file.tsv")
    assert outcome.rows == [(1, '"open'), (2, '5" pipe')]


ROWS = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(
            st.text(st.sampled_from("ab1 ,;|\t\"'\\\n\r#é\u2028.-0"), max_size=6),
            min_size=width,
            max_size=width,
        ),
        min_size=1,
        max_size=8,
    )
)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("name,a,b\nword,,'\nword,,'\n", [("word", None, "'"), ("word", None, "'")]),
        ("name,a,b\nword,',x\nword,',y\n", [("word", "'", "x"), ("word", "'", "y")]),
        ("n,t\nword,''\nword,''\n", [("word", "''"), ("word", "''")]),
        ("n,t\n'a','x, y'\n'b','it''s'\n", [("a", "x, y"), ("b", "it's")]),
        ("n,t\nO'Neil,don't\n'tis,'t\n", [("O'Neil", "don't"), ("'tis", "'t")]),
    ],
)
def test_apostrophes_are_quotes_only_around_values(
    importing: Importing, content: str, rows: list[tuple[object, ...]]
) -> None:
    assert importing.one(content).rows == rows


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_any_texts_written_as_csv_come_back_in_their_order(
    importing: Importing, rows: list[list[str]], delimiter: str, end: str, quoting: int
) -> None:
    if any("\r" in cell for row in rows for cell in row):
        # Python's writer leaves these unquoted before 3.13, which makes line ends of them.
        quoting = csv.QUOTE_ALL
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    width = len(rows[0])
    # A column of words makes the cells text and prevents empty lines.
    written = [["word", *row] for row in rows]
    writer.writerows([["name", *(f"c{i}" for i in range(width))], *written])
    outcome = importing.one(out.getvalue())
    assert len(outcome.rows) == len(rows)
    for got, expected in zip(outcome.rows, written, strict=True):
        for cell, text in zip(got, expected, strict=True):
            if isinstance(cell, str) or cell is None:
                assert (cell or "") == text or cell is None
                assert cell is not None or text.strip() in ("", "NA", "NULL")
            else:
                assert float(str(cell)) == float(text)
