"""Routes of audit programmes: their rules and worked examples, and sizes by them."""

from __future__ import annotations

from application.audit.programmes.answers import (
    ProgrammeList,
    ShownProgramme,
    programme_list,
    shown_programme,
)
from application.audit.programmes.catalogue import library_of
from http_api.access import SignedInBlueprint, caller, service

blueprint = SignedInBlueprint("programmes", "Audit", "/api/audit-programmes")


@blueprint.get("")
def programmes() -> ProgrammeList:
    """The audit programmes: those of jobsvc, and the files of the folder `programmes_dir`.

    A file that can't be read isn't used, and is listed with the reason.
    """
    return programme_list(library_of(service().settings))


@blueprint.get("/<name>")
def programme(name: str) -> ShownProgramme:
    """An audit programme with its rules, sentences, and worked examples, which are computed."""
    with caller().reading():
        return shown_programme(library_of(service().settings), name)
