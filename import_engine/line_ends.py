"""A text file that mixes line ends.

Owns: the copy in which each row ends alike. Invariant: it is made in bounded memory and line ends
inside quotes stay as they are. Called by ``delimited`` when DuckDB refuses a file (its 2.0 reads
``\\n``, ``\\r\\n`` or ``\\r``, but one of them throughout).
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
