"""Working papers as PDF by the browser's print: no loose page, no heading alone at a page's end."""

from __future__ import annotations

from pathlib import Path

import pypdfium2
import pytest
from playwright.sync_api import Page

from presentation import html
from presentation.content import Facts, Section, Table
from presentation.language import LANGUAGES
from presentation.letterhead import Letterhead
from tests.support.live_server import LiveServer
from tests.support.papers import DESIGNS, examined_sample, ledger, sections_of

LOOK = Letterhead("Audit & Söhne", footer="Confidential", running="Example Ltd · B 20-3")
FEWEST = 200
"""Characters of a page that isn't nearly empty, with the texts of header and footer."""
A4 = (595, 842)


def printed(page: Page, content: str, folder: Path) -> pypdfium2.PdfDocument:
    page.set_content(content)
    page.pdf(path=folder / "paper.pdf", prefer_css_page_size=True, print_background=True)
    return pypdfium2.PdfDocument(folder / "paper.pdf")


def text_of(document: pypdfium2.PdfDocument, place: int) -> str:
    text: str = document[place].get_textpage().get_text_bounded()
    return text.replace("\r", "")


def last_line(document: pypdfium2.PdfDocument, place: int) -> str:
    """The last line above the footer."""
    width, height = document[place].get_size()
    found: str = document[place].get_textpage().get_text_bounded(0, 50, width, height * 0.12)
    lines = [line.strip() for line in found.replace("\r", "").split("\n") if line.strip()]
    return lines[-1] if lines else ""


@pytest.mark.parametrize(
    ("name", "code"), [("random", "en"), ("gaffke", "de"), ("difference", "fr")]
)
def test_a_printed_paper_has_no_loose_page(
    page: Page, server: LiveServer, tmp_path: Path, name: str, code: str
) -> None:
    job = examined_sample(server, ledger(server), name)
    sections = sections_of(server, job, **DESIGNS[name][1])
    language = LANGUAGES[code]
    document = printed(page, html.page(sections, language, LOOK), tmp_path)
    titles = {
        language.label(title)
        for section in sections
        for title in (section.title, *(block.title for block in section.blocks))
    }
    count = len(document)
    for place in range(count):
        text = text_of(document, place)
        assert "Audit & Söhne" in text
        assert "Example Ltd · B 20-3" in text
        number = language.label("Page {page} of {pages}").format(page=place + 1, pages=count)
        assert number in text
        assert len(text) >= FEWEST, (place, text)
        assert last_line(document, place) not in titles
    wide = [place for place in range(count) if document[place].get_width() > A4[0] + 1]
    assert wide == list(range(count - len(wide), count))


def test_few_items_need_no_landscape_page(page: Page, tmp_path: Path) -> None:
    header = [f"Column {number}" for number in range(14)]
    rows = [tuple(range(14)) for _ in range(60)]
    items = Section("Items", "Items", [Table("Items", header, rows)])
    cover = Section("Cover", "Cover", [Facts("Facts", [("Client", "Example Ltd")] * 20)])
    short = Section("Items", "Items", [Table("Items", header, rows[:5])])
    few = printed(page, html.page([cover, short]), tmp_path)
    assert [few[place].get_width() < few[place].get_height() for place in range(len(few))] == [True]
    many = printed(page, html.page([items, cover]), tmp_path)
    assert many[0].get_width() < many[0].get_height()
    assert many[1].get_width() > many[1].get_height()
    assert all("Column 0" in text_of(many, place) for place in range(1, len(many)))


def test_words_of_narrow_columns_stay_whole(page: Page, tmp_path: Path) -> None:
    header = [f"Column {number}" for number in range(14)]
    words = ("primary:45835", "München", "Großhandelsgesellschaft")
    row = (*words, *range(10_000_000, 10_000_011))
    look = Letterhead("Audit & Söhne", header="Working papers 2025")
    items = Section("Items", "Items", [Table("Items", header, [row] * 5)])
    document = printed(page, html.page([items], letterhead=look), tmp_path)
    text = text_of(document, 0)
    assert [text.count(word) for word in words] == [5, 5, 5]
    assert "Audit & Söhne · Working papers 2025" in text
