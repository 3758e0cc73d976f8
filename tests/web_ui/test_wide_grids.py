"""The grid of a table with many columns."""

from __future__ import annotations

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader
from web_ui.grids import MAX_COLUMNS


def test_a_wide_table_shows_its_first_columns_until_others_are_chosen(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_dataset(reader.api)
    names = [f"c{at}" for at in range(MAX_COLUMNS + 5)]
    lines = [",".join(names), ",".join(map(str, range(len(names))))]
    server.import_text(dataset, "\n".join(lines) + "\n", client=reader.api)
    page = reader.page(f"/datasets/{dataset}")
    assert page.count('<th scope="col"') == MAX_COLUMNS
    assert f"Columns {MAX_COLUMNS} of {len(names)}" in page
    assert page.count('type="checkbox" name="columns"') == len(names)
    assert page.count(" checked>") == MAX_COLUMNS
    chosen = reader.page(f"/datasets/{dataset}", columns=[names[-1], "c0"])
    assert chosen.count('<th scope="col"') == 2
