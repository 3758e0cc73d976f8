"""The message catalogs of papers: the same ids, known values, and forms of counted nouns."""

from __future__ import annotations

import re

import pytest

from presentation.language import LANGUAGES

CATALOGS = {code: LANGUAGES[code].messages for code in ("de", "fr")}
MARK = re.compile(r"\{([a-z][a-z0-9_]*)(?:\|([^{}|]*)\|([^{}|]*))?\}")
WARNINGS_OF_DRAWS = ("can't be drawn", "No row can be drawn", "were drawn", "at most {most} of")
"""Texts that the API had before, or whose counts are above 1."""


def test_the_catalogs_have_the_same_ids() -> None:
    assert sorted(CATALOGS["de"]) == sorted(CATALOGS["fr"])


@pytest.mark.parametrize("code", CATALOGS)
def test_translations_have_the_values_of_their_ids(code: str) -> None:
    wrong = [
        name
        for name, message in CATALOGS[code].items()
        if {found[0] for found in MARK.findall(message)}
        - {found[0] for found in MARK.findall(name)}
        or re.search(r"[{}]", MARK.sub("", message))
    ]
    assert wrong == []


def test_counted_nouns_have_a_singular() -> None:
    forms = [found for name in CATALOGS["de"] for found in MARK.findall(name) if found[1]]
    nouns = {several for _, one, several in forms if several == f"{one}s"}
    assert {"rows", "units", "exceptions", "clusters"} <= nouns
    counted = re.compile(rf"\{{[a-z0-9_]+\}} (?:{'|'.join(sorted(nouns))})\b")
    plain = [
        name
        for name in CATALOGS["de"]
        if counted.search(name) and not any(words in name for words in WARNINGS_OF_DRAWS)
    ]
    assert plain == []
