"""Where the beginning of a file of lines is cut, so that it can be read as a file by itself.

Owns: the cut. Invariant: a beginning ends with a line; a value in quotes may still go on behind it,
which only who reads it can tell. Called by ``import_preview``.
"""

from __future__ import annotations

from pathlib import Path

from import_engine.encodings import HEAD_BYTES, declared_encoding

BY_LINES = (".csv", ".tsv", ".tab", ".txt", ".ndjson", ".jsonl")
QUOTE = '"'


class Beginning:
    """The first part of a file of lines, as text.

    Parameters
    ----------
    content : bytes
        As much of the file as there is; its last line may be cut anywhere.

    Raises
    ------
    UnreadableFile
        The bytes aren't text.
    """

    def __init__(self, content: bytes) -> None:
        # What isn't of two or four bytes a character is cut as it is, byte for byte.
        self._encoding = declared_encoding(content[:HEAD_BYTES]) or "latin-1"
        self._text = content.decode(self._encoding, "ignore")
        self._line_end = "\n" if "\n" in self._text else "\r"

    def lines(self) -> bytes:
        """All whole lines; what there is, where there is none."""
        end = self._text.rfind(self._line_end)
        return self._up_to(end if end > 0 else len(self._text))

    def outside_quotes(self) -> bytes | None:
        """The lines up to the last one behind which no quote is open, None if there is none.

        A quote within a value is doubled, so an even number of quotes leaves none open.
        """
        end = self._text.rfind(self._line_end)
        quotes = self._text.count(QUOTE, 0, max(end, 0))
        while end > 0 and quotes % 2:
            before = self._text.rfind(self._line_end, 0, end)
            quotes -= self._text.count(QUOTE, max(before, 0), end)
            end = before
        return self._up_to(end) if end > 0 else None

    def half(self) -> bytes | None:
        """The lines of the first half, None if there is none."""
        end = self._text.rfind(self._line_end, 0, len(self._text) // 2)
        return self._up_to(end) if end > 0 else None

    def _up_to(self, end: int) -> bytes:
        return self._text[: end + 1].encode(self._encoding)


def is_by_lines(file_name: str) -> bool:
    """Whether a file's name tells that it holds a row a line, so that a part can be read."""
    return file_name.strip().lower().endswith(BY_LINES)


def beginning_of(path: Path) -> Beginning:
    """The beginning that a file holds."""
    return Beginning(path.read_bytes())
