"""Types have the same words on pages that the server writes and on those that scripts write."""

from __future__ import annotations

import re
from pathlib import Path

import web_ui
from contract.columns import DataType

WORDS = Path(web_ui.__file__).with_name("static") / "words.js"


def test_scripts_call_types_as_the_server_does() -> None:
    text = WORDS.read_text(encoding="utf-8")
    (block,) = re.findall(r"export const TYPES = \{(.*?)\};", text, re.DOTALL)
    types = dict(re.findall(r'"?([A-Z()\d,]+)"?: "([^"]+)"', block))
    assert len(types) == 8
    assert {name: word.lower() for name, word in types.items()} == {
        name: DataType(name).words for name in types
    }


def test_types_of_other_files_have_words() -> None:
    words = {
        "SMALLINT": "whole number",
        "DECIMAL(38,0)": "whole number",
        "FLOAT": "number",
        "DECIMAL(9,1)": "number with 1 decimal",
        "TIMESTAMP WITH TIME ZONE": "date and time, UTC",
        "TIMESTAMP_NS": "date and time",
    }
    assert {name: DataType(name).words for name in words} == words
