"""Writes a working paper as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from application.audit.paper_template import letterhead_of, template_language
from presentation import html
from presentation.content import Section
from presentation.language import LANGUAGES
from presentation.letterhead import Letterhead
from presentation.xlsx import write_sections
from service.service import Service
from storage.audit.papers import list_facts
from storage.jobs.jobs import JobRecord


def write_paper(
    sections: Sequence[Section],
    path: Path,
    ending: str,
    language: str = "en",
    letterhead: Letterhead | None = None,
) -> None:
    """Write the sections as a page that prints, or as a workbook.

    Parameters
    ----------
    ending : {"html", "xlsx"}
    language : {"en", "de", "fr"}
    """
    if ending == "xlsx":
        write_sections(sections, path, LANGUAGES[language], letterhead)
    else:
        path.write_text(html.page(sections, LANGUAGES[language], letterhead), encoding="utf-8")


def paper_language(service: Service, job: JobRecord, asked: str | None) -> str:
    """The requested language, or that of the facts, of the template, or English."""
    with service.database.read() as tx:
        entries = list_facts(tx, job.id)
    of_facts = entries[0].facts.language if entries else None
    return asked or of_facts or template_language(service) or "en"


def paper_letterhead(service: Service, job: JobRecord) -> Letterhead:
    """The firm's look, with client and number of the paper, or else the sample, on each page."""
    with service.database.read() as tx:
        entries = list_facts(tx, job.id)
    facts = entries[0].facts if entries else None
    named = [facts.client_name or "", facts.paper_number or ""] if facts else []
    return letterhead_of(service, [*named, job.shown_name])
