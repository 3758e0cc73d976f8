"""Blocks as lines of text; whoever prints them escapes control characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from presentation.content import Block, Cell, Facts, Note, Table, cell_text, column_kinds


def block_lines(block: Block) -> Iterator[str]:
    """A title, and what stands below it; a chart has no lines."""
    match block:
        case Facts():
            yield block.title
            facts = [
                [_line(label), "; ".join(_line(value) for value in values)]
                for label, *values in block.lines
            ]
            yield from aligned(facts, (False, False))
        case Table():
            yield block.title
            right = [kind == "number" for kind in column_kinds(block)]
            rows = [[_line(cell) for cell in row] for row in block.rows]
            yield from aligned([block.header, *rows], right)
        case Note():
            yield from block.sentences
        case _:
            return


def _line(value: Cell) -> str:
    return " ".join(cell_text(value).split("\n"))


def aligned(rows: Sequence[Sequence[str]], is_right: Sequence[bool]) -> Iterator[str]:
    """Rows of texts in columns of the same width; those with ``is_right`` end at its right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, is_right, strict=True)
        )
        yield "  ".join(cells).rstrip()
