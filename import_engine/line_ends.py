"""What is looked at in a text file that DuckDB refused: its line ends and its backslashes.

Owns: the copy in which each row ends alike, and the question whether backslashes are escapes.
Invariant: files are read in bounded memory, and line ends inside quotes stay as they are. Called by
``delimited``; DuckDB 2.0 reads ``\\n``, ``\\r\\n`` or ``\\r``, but one of them throughout.
"""

from __future__ import annotations

from pathlib import Path

from import_engine.encodings import TextFile


def even_line_ends(file: TextFile, copy: Path, quote: str) -> TextFile:
    """Write ``file`` to ``copy`` with ``\\n`` in place of each ``\\r\\n`` outside quotes."""
    mark = quote.encode()
    inside = False
    held = b""
    with copy.open("wb") as out:
        for chunk in file.chunks():
            piece = held + chunk
            # The two bytes of a line end may lie in two pieces.
            held = b"\r" if piece.endswith(b"\r") else b""
            piece = piece[: len(piece) - len(held)]
            parts = piece.split(mark) if mark else [piece]
            for number, part in enumerate(parts):
                if number:
                    inside = not inside
                    out.write(mark)
                out.write(part if inside else part.replace(b"\r\n", b"\n"))
        out.write(held)
    return TextFile(copy, file.pulse)


def escapes_by_backslash(file: TextFile, quote: str) -> bool:
    """Whether a file has backslashes before quotes, and none but before quotes and backslashes.

    DuckDB 2.0 drops a backslash before anything else, if it is told that it is an escape.
    """
    escaped = b"\\" + quote.encode()
    seen = False
    held = b""
    for chunk in file.chunks():
        piece = held + chunk
        # An escape may lie in two pieces.
        held = b"\\" if piece.replace(b"\\\\", b"").endswith(b"\\") else b""
        piece = piece[: len(piece) - len(held)].replace(b"\\\\", b"")
        seen = seen or escaped in piece
        if piece.count(b"\\") > piece.count(escaped):
            return False
    return seen and bool(quote) and not held
