"""The message catalogs of papers: the same ids, known values, and forms of counted nouns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from application.audit.evaluators import EVALUATORS
from application.audit.sentences import ASSURANCES, CONCLUSIONS, RELATIONS
from application.audit_test_sheet import REASON_WORDS
from application.samples.facts import LABELS, TITLED
from contract.declarations import Declared, declared
from contract.fields import Choice
from contract.requests.audit_tests import AUDIT_TESTS, AuditTestRequest
from contract.requests.evaluate import KINDS, evaluation_parameters
from contract.requests.papers import PaperFactsRequest
from contract.words import ASSERTIONS, CAUSES, LONELY, REVIEW_ACTIONS
from presentation.language import LANGUAGES
from profiling_engine.audit_tests import TESTS
from profiling_engine.audit_tests.cutoff import AFTER, BEFORE
from tests.support.declared_texts import declared_texts
from tests.support.languages import StrictLanguage

ROOT = Path(__file__).parents[2]
CATALOGS = {code: LANGUAGES[code].messages for code in ("de", "fr")}
MARK = re.compile(r"\{([a-z][a-z0-9_]*)(?:\|([^{}|]*)\|([^{}|]*))?\}")
WARNINGS_OF_DRAWS = ("can't be drawn", "No row can be drawn", "were drawn", "at most {most} of")
SEVERAL = ("registered {times} times", "registered {count} times", "{methods} samples")
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
        if counted.search(name) and not any(words in name for words in WARNINGS_OF_DRAWS + SEVERAL)
    ]
    assert plain == []


DECLARING = (
    "application/audit",
    "application/audit_test_sheet.py",
    "application/certificates/ledger.py",
    "application/certificates/seeds.py",
    "application/reconciling.py",
    "application/samples/design_sheet.py",
    "application/samples/facts.py",
    "estimation_engine/audit",
    "import_engine/total_sentences.py",
    "profiling_engine/audit_tests",
    "sampling_engine/methods/monetary_unit/fixed_interval.py",
)
"""The modules whose texts papers show."""


@pytest.mark.parametrize("code", CATALOGS)
def test_every_declared_text_of_papers_is_translated(code: str) -> None:
    language = StrictLanguage.of(code)
    found = set()
    for name in DECLARING:
        for path in sorted(ROOT.joinpath(name).rglob("*.py")) or [ROOT / name]:
            found |= declared_texts(path)
    assert len(found) > 350
    for text in found:
        language.label(text)
    assert sorted(language.lacking) == []


def own_parameters(request: type[AuditTestRequest]) -> list[Declared]:
    """The parameters of an audit test that not every test has."""
    common = {own.name for own in declared(AuditTestRequest)}
    return [own for own in declared(request) if own.name not in common]


@pytest.mark.parametrize("code", CATALOGS)
def test_titles_of_parameters_facts_and_choices_are_translated(code: str) -> None:
    language = StrictLanguage.of(code)
    parameters = evaluation_parameters()
    choices = [each.kind for each in parameters if isinstance(each.kind, Choice)]
    words = (
        *LABELS.values(),
        *(title for titles in TITLED.values() for title in titles.values()),
        *(title for each in EVALUATORS.values() for title in each.titles.values()),
        *(each.title for each in declared(PaperFactsRequest)),
        *(each.title for each in KINDS.values()),
        *(each.title.lower() for each in parameters),
        *(each.title.lower() for each in KINDS.values()),
        *(text for each in AUDIT_TESTS.values() for text in (each.title, each.finds)),
        *(own.title for each in AUDIT_TESTS.values() for own in own_parameters(each.request)),
        *(title.lower() for each in choices for title in each.titles.values()),
        *REASON_WORDS,
        *(figure for each in (BEFORE, AFTER) for figure in (f"Rows {each}", each)),
        *(reason.meaning for each in TESTS.values() for reason in each.reasons),
        *(
            title
            for each in (ASSERTIONS, CAUSES, LONELY, REVIEW_ACTIONS)
            for title in each.values()
        ),
        *(title for each in (ASSURANCES, CONCLUSIONS, RELATIONS) for title in each.values()),
    )
    for text in words:
        language.label(text)
    assert sorted(language.lacking) == []
