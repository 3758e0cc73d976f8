"""Bytes to which an encoding gives no character."""

from __future__ import annotations

import pytest

from tests.import_engine.conftest import Importing

OPEN = {
    b"\x81": "for the byte 81 (1 time); it was read as the control character U+0081.",
    b"\x81\x9d\x81": "for the bytes 81 (2 times), 9D (1 time); "
    "they were read as control characters U+0081, U+009D.",
}


@pytest.mark.parametrize("name", ["f.csv", "f.ndjson"])
@pytest.mark.parametrize(("raw", "note_part"), OPEN.items(), ids=["one", "several"])
def test_undefined_windows_1252_bytes_are_noted(
    importing: Importing, name: str, raw: bytes, note_part: str
) -> None:
    text = b"caf\xe9 " + raw
    content = b"a,b\n1," + text if name == "f.csv" else b'{"a": 1, "b": "' + text + b'"}'
    outcome = importing.one(content + b"\n", name)
    assert outcome.rows == [(1, "café " + raw.decode("latin-1"))]
    (note,) = (note for note in outcome.notes if "no character" in note)
    assert note_part in note
    assert "convert the file to UTF-8" in note


def test_a_valid_windows_1252_file_has_one_note(importing: Importing) -> None:
    outcome = importing.one(b"a,b\n1,caf\xe9 \x80\n")
    assert outcome.notes == ("The file's text is Windows-1252; it was converted to UTF-8.",)
