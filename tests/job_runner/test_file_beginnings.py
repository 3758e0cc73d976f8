"""A beginning ends with a whole line, whatever the text is written in."""

from __future__ import annotations

import pytest

from application.import_preview import Beginning, is_by_lines


def test_the_cut_line_is_left_away() -> None:
    assert Beginning(b"a,b\n1,2\n3,").lines() == b"a,b\n1,2\n"
    assert Beginning(b"a,b\r1,2\r3,").lines() == b"a,b\r1,2\r"
    assert Beginning(b"caf\xe9\n1").lines() == b"caf\xe9\n"
    assert Beginning(b"no line end").lines() == b"no line end"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("cut", range(1, 9))
def test_characters_of_several_bytes_are_never_cut(encoding: str, cut: int) -> None:
    content = "name,value\nSalz,1\nPfeffer,2\n".encode(encoding)[:-cut]
    assert Beginning(content).lines().decode(encoding) == "name,value\nSalz,1\n"


def test_a_quoted_value_is_not_cut() -> None:
    beginning = Beginning(b'a,b\n1,"x ""y""\nz"\n2,"one\ntwo\nthr')
    assert beginning.lines().endswith(b"two\n")
    assert beginning.outside_quotes() == b'a,b\n1,"x ""y""\nz"\n'
    assert Beginning(b'"a\nb\nc').outside_quotes() is None
    assert Beginning(b"a\n1\n2").outside_quotes() == b"a\n1\n"


def test_half_of_a_beginning_is_whole_lines_too() -> None:
    assert Beginning(b"a\n1\n2\n3\n4\n5\n").half() == b"a\n1\n2\n"
    assert Beginning(b"a long first line\n1\n").half() is None


def test_line_based_files_are_known_by_their_name() -> None:
    assert is_by_lines(" Sales.CSV ")
    assert not is_by_lines("sales.csv.gz")
    assert not is_by_lines("sales.json")
