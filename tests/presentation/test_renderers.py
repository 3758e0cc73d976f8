"""A section as HTML, workbook and text: each shows all of it, and nothing runs."""

from __future__ import annotations

import datetime as dt
import html
import io
import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from openpyxl import load_workbook

from presentation.charts import Bar, LimitChart
from presentation.content import (
    Code,
    Estimated,
    Facts,
    Judgement,
    Note,
    Percent,
    Section,
    Table,
    cell_text,
)
from presentation.html import block_html, page
from presentation.terminal import block_lines
from presentation.xlsx import write_sections

MOMENT = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
CELLS = (
    *("=1+1", "<b>bold</b>", 1_234_567, 0.125, Decimal("1234.50"), dt.date(2026, 3, 4), MOMENT),
    *(Percent(0.0525), Estimated(1234.56789), Judgement("It holds", "good"), Code("a < b"), None),
)
FACTS = Facts("Facts & figures", [(f"Label {number}", cell) for number, cell in enumerate(CELLS)])
TABLE = Table("Table", ("Name", "=Amount"), [("a", 1), ("<i>", 20_000)])
NOTE = Note("Notes", ["=A sentence.", "A < B."])
LEGEND = "Dashed: tolerable."
CHART = LimitChart("Limits", [Bar("<u>", 1.0, "1.00")], Bar("Tolerable", 2.0, "2.00"), LEGEND)
SECTION = Section("Items", "Title", [FACTS, TABLE, NOTE, CHART])
TEXTS = [
    *(text for line in FACTS.lines for text in map(cell_text, line)),
    *TABLE.header,
    *(text for row in TABLE.rows for text in map(cell_text, row)),
    *NOTE.sentences,
]


def test_html_has_every_text_and_no_markup_of_it() -> None:
    text = page([SECTION])
    shown = html.unescape(re.sub(r"<[^>]*>", "\n", text)).split("\n")
    for expected in ("Title", "Facts & figures", "Table", "Notes", "Limits", LEGEND, *TEXTS):
        assert expected in shown
    assert not re.search(r"<[biu]>", text)
    assert '<dd class="good">It holds</dd>' in text
    assert '<dd class="mono">a &lt; b</dd>' in text
    assert '<th scope="col" class="number">=Amount</th>' in text
    assert '<section class="items">' in text
    assert ElementTree.fromstring(CHART.svg()).get("aria-label") == (
        "Limits: <u> 1.00, Tolerable 2.00"
    )
    assert 'class="scroll tall"' in block_html(TABLE, is_tall=True)


def test_a_stacked_table_has_the_label_of_each_cell() -> None:
    plain, stacked = block_html(TABLE), block_html(TABLE, is_stacked=True)
    assert "data-label" not in plain
    assert '<table class="cards">' in stacked
    assert stacked.count("data-label=") == len(TABLE.header) * len(TABLE.rows)


def test_a_workbook_has_every_value_and_no_formula() -> None:
    target = io.BytesIO()
    write_sections([SECTION], target)
    sheet = load_workbook(target)["Items"]
    cells = [cell for line in sheet for cell in line if cell.value is not None]
    assert "f" not in {cell.data_type for cell in cells}
    values = {cell.value: cell.number_format for cell in cells}
    for text in ("Title", "Facts & figures", *TABLE.header, *NOTE.sentences, "=1+1", "It holds"):
        assert text in values
    formats = {
        1_234_567: "#,##0",
        1234.5: "#,##0.00",
        0.0525: "0.00 %",
        1234.56789: "#,##0.00####",
        dt.datetime.combine(MOMENT.date(), dt.time()): "yyyy-mm-dd",
        MOMENT.replace(tzinfo=None): "yyyy-mm-dd hh:mm:ss",
    }
    assert formats.items() <= values.items()
    assert sheet.auto_filter.ref is None


def test_a_table_that_comes_first_has_filters() -> None:
    target = io.BytesIO()
    write_sections([Section("List", "List", [TABLE, NOTE])], target)
    assert load_workbook(target)["List"].auto_filter.ref == "A4:B6"


def test_a_terminal_shows_every_text_in_columns() -> None:
    lines = [line for block in SECTION.blocks for line in block_lines(block)]
    for expected in filter(None, TEXTS):
        assert any(expected in line for line in lines)
    assert lines[lines.index("Table") :][:4] == [
        "Table",
        "Name  =Amount",
        "a           1",
        "<i>    20,000",
    ]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), Decimal("NaN"), 10**16])
def test_a_number_that_no_cell_holds_is_text(number: float | Decimal) -> None:
    target = io.BytesIO()
    write_sections([Section("Facts", "Facts", [Facts("Facts", [("Number", number)])])], target)
    assert load_workbook(target)["Facts"]["B4"].value == cell_text(number)
