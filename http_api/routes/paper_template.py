"""Routes of the firm's template of working papers, for admins."""

from __future__ import annotations

from flask import Response

from application.audit.paper_template import (
    PaperTemplate,
    change_template,
    letterhead_of,
    template_language,
    template_of,
    template_preview,
)
from application.audit.working_paper.writing import write_paper
from contract.requests.paper_template import PaperTemplateRequest, TemplatePreviewRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.findings import PAPER_TYPES
from http_api.routes.row_responses import file_answer

blueprint = SignedInBlueprint("paper_template", "Administration", "/api/paper-template")


@blueprint.get("")
def template() -> PaperTemplate:
    """The template of working papers, for admins: the firm's name, logo, colour and texts."""
    caller().require_role("admin")
    return template_of(service())


@blueprint.patch("")
def change(given: PaperTemplateRequest) -> PaperTemplate:
    """Change the template of working papers, as an admin.

    A field that isn't given stays as it is. Papers that were issued stay as they are.
    """
    change_template(caller(), given)
    return template_of(service())


@blueprint.get("/preview", file="text/html")
def preview(query: TemplatePreviewRequest) -> Response:
    """Download a page with invented facts that shows the template, for admins."""
    caller().require_role("admin")
    with service().scratch_file(f"template.{query.format}") as path:
        language = template_language(service()) or "en"
        letterhead = letterhead_of(service(), ["Example Ltd", "B 20-3"])
        write_paper(template_preview(service()), path, query.format, language, letterhead)
        return file_answer(path, path.name, PAPER_TYPES[query.format])
