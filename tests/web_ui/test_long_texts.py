"""Long texts and nested values in a grid."""

from __future__ import annotations

import json

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader
from web_ui.long_texts import MAX_CHARACTERS, readable_text

TURNS = [
    {"role": "user", "content": "<b>Where</b> is my order?\nIt is late."},
    {"role": "assistant", "content": None, "tool_calls": [{"name": "look_up"}]},
]


def test_a_grid_shows_turns_and_indented_objects(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_dataset(reader.api)
    row = {"id": 7, "messages": TURNS, "judge": {"label": "bad", "score": 0.93, "why": "rude"}}
    server.import_text(dataset, json.dumps(row) + "\n", "log.jsonl", client=reader.api)
    page = reader.page(f"/datasets/{dataset}")
    assert "user: &lt;b&gt;Where&lt;/b&gt; is my order?\nIt is late." in page
    assert "<b>Where" not in page
    assert "look_up" in page
    assert "  &#34;label&#34;: &#34;bad&#34;,\n" in page


def test_a_cut_text_says_how_much_is_missing() -> None:
    shown = readable_text("x" * (MAX_CHARACTERS + 5))
    assert shown is not None
    assert shown.endswith("… 5 more characters: download the rows to read them.")


def test_a_text_that_only_looks_like_json_stays_as_it_is() -> None:
    text = "[sic] " + "word " * 60
    assert readable_text(text) == text
    assert readable_text("{" * 150) is None
    assert readable_text("[" * 5_000) == "[" * 5_000
    assert readable_text('{"a": 1, "a": 2' + " " * 300 + "}") == '{"a": 1, "a": 2' + " " * 300 + "}"
