"""Audit programmes, their rules, and their worked examples beside what is computed now."""

from __future__ import annotations

from flask import Response

from application.audit.programmes.answers import programme_list, shown_programme
from application.audit.programmes.catalogue import library_of
from web_ui.shell import blueprint, caller, service, show


@blueprint.get("/programmes")
def programmes() -> Response:
    """List the audit programmes."""
    return show("programmes.html", found=programme_list(library_of(service().settings)))


@blueprint.get("/programmes/<name>")
def programme(name: str) -> Response:
    """Show a programme with its examples."""
    with caller().reading():
        found = shown_programme(library_of(service().settings), name)
        return show("programme.html", found=found)
