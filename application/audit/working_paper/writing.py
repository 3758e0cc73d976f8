"""Writes a working paper as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from presentation import html
from presentation.content import Section
from presentation.xlsx import write_sections

LANGUAGE = "en"
"""The language in which papers are written."""


def write_paper(sections: Sequence[Section], path: Path, ending: str) -> None:
    """Write the sections as a page that prints, or as a workbook.

    Parameters
    ----------
    ending : {"html", "xlsx"}
    """
    if ending == "xlsx":
        write_sections(sections, path)
    else:
        path.write_text(html.page(sections), encoding="utf-8")
