"""The app factory: settings, errors, request ids, routes, documentation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

from werkzeug.routing import IntegerConverter, Rule

from application.access import Access
from http_api import openapi
from http_api.routes import (
    administration,
    agreement,
    analysis,
    attachments,
    changes,
    combined_evaluation,
    data_contracts,
    datasets,
    deleted,
    estimates,
    exploration,
    findings,
    groups,
    imports,
    invitations,
    jobs,
    monitoring,
    panels,
    paper_template,
    programmes,
    quotas,
    reconciling,
    reviewing,
    row_keys,
    sample_rows,
    sample_values,
    sampling,
    searching,
    users,
    versions,
)
from http_api.routes.attached import attaching, connections
from http_api.routes.automation import receivers, schedules
from http_api.routes.certificates import certificates, ledger, row_proofs, verifiers
from http_api.schemas.fields import MAX_INTEGER
from http_api.server import access_log, headers, host_check, json, problems, uploads
from http_api.server.json import OrjsonProvider
from http_api.server.metrics import Metrics, measure
from http_api.state import EXTENSION, ProblemPage, ReportRenderer, ServerState
from storage.maintenance.health import WriteProbe, check_writable

BLUEPRINTS = (
    monitoring.blueprint,
    users.sign_in_blueprint,
    monitoring.metrics_blueprint,
    users.blueprint,
    users.tokens_blueprint,
    invitations.blueprint,
    quotas.blueprint,
    groups.blueprint,
    datasets.blueprint,
    datasets.permissions_blueprint,
    reconciling.blueprint,
    row_keys.blueprint,
    data_contracts.blueprint,
    versions.blueprint,
    versions.tables_blueprint,
    deleted.blueprint,
    searching.blueprint,
    imports.blueprint,
    connections.blueprint,
    paper_template.blueprint,
    programmes.blueprint,
    attaching.blueprint,
    receivers.email_blueprint,
    receivers.blueprint,
    schedules.blueprint,
    jobs.blueprint,
    sampling.blueprint,
    panels.dataset_blueprint,
    panels.blueprint,
    sample_rows.blueprint,
    estimates.blueprint,
    changes.blueprint,
    findings.blueprint,
    combined_evaluation.blueprint,
    agreement.blueprint,
    reviewing.blueprint,
    reviewing.queues_blueprint,
    sample_values.blueprint,
    attachments.blueprint,
    sampling.history_blueprint,
    analysis.comparisons_blueprint,
    sampling.templates_blueprint,
    exploration.blueprint,
    analysis.blueprint,
    administration.blueprint,
    administration.storage_blueprint,
    administration.signing_keys_blueprint,
    ledger.blueprint,
    row_proofs.blueprint,
    verifiers.blueprint,
    certificates.blueprint,
)


class StorableInteger(IntegerConverter):
    """An id in a path, up to the largest integer of the database."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **{"max": MAX_INTEGER, **options})  # type: ignore[arg-type]


class LazyRule(Rule):
    """A route that compiles the functions that build its URL at their first use.

    Werkzeug compiles two for each route, which takes 0.1 s at the start of the app.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        name = "_build_unknown" if append_unknown else "_build"

        def build(rule: LazyRule, /, **values: Any) -> tuple[str, str]:
            compiled = super(LazyRule, rule)._compile_builder(append_unknown)
            setattr(rule, name, compiled.__get__(rule))
            return compiled(rule, **values)

        return build


def create_app(
    access: Access, metrics: Metrics, render_report: ReportRenderer, problem_page: ProblemPage
) -> openapi.DocumentedApp:
    """Build the WSGI app of a service."""
    service = access.service
    app = openapi.DocumentedApp(
        static_folder=None,
        title="jobsvc",
        version=version("jobsvc"),
        spec_path="/api/openapi.json",
        docs_path="/api/docs",
        docs_oauth2_redirect_path=None,
    )
    app.url_rule_class = LazyRule
    app.url_map.strict_slashes = False
    app.url_map.converters["int"] = StorableInteger
    app.json = OrjsonProvider(app)
    app.extensions[EXTENSION] = ServerState(
        access=access,
        metrics=metrics,
        write_probe=WriteProbe(partial(check_writable, service.database)),
        render_report=render_report,
        problem_page=problem_page,
    )
    measure(metrics.registry, service, access.work_limits)
    problems.register(app)
    json.register()
    headers.register(app)
    access_log.register(app, metrics)
    host_check.register(app, service.settings)
    uploads.register(app, service.settings)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    openapi.register(app)
    return app
