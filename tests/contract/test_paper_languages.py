"""Working papers in German and French: every text of the program is translated, no other is."""

from __future__ import annotations

from dataclasses import fields

import pytest

from presentation import html
from presentation.content import Section
from presentation.language import LANGUAGES, Language
from tests.support.live_server import LiveServer
from tests.support.papers import DESIGNS, examined_sample, ledger, sections_of

Papers = dict[str, list[Section]]


class Strict(Language):
    """A language that notes what its catalog lacks."""

    lacking: set[str] = set()  # noqa: RUF012 - one for each language

    def unknown(self, template: str) -> str:
        self.lacking.add(template)
        return template


@pytest.fixture(scope="module")
def papers(server: LiveServer) -> Papers:
    """A paper of each design."""
    dataset = ledger(server)
    found = {}
    for name, (_, query) in DESIGNS.items():
        job = examined_sample(server, dataset, name)
        found[name] = sections_of(server, job, **query)
    return found


@pytest.mark.parametrize("code", ["de", "fr"])
def test_every_text_of_the_papers_is_translated(papers: Papers, code: str) -> None:
    given = {each.name: getattr(LANGUAGES[code], each.name) for each in fields(Language)}
    strict = Strict(**given)
    lacking = type(strict).lacking
    lacking.clear()
    for sections in papers.values():
        html.page(sections, strict)
    assert sorted(lacking) == []
