"""Routes of draws: jobs, plans, small draws, a form's choices, history, templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from marshmallow import fields

from application.access import RowSource, sample_source
from application.certificates.plans import (
    RegisteredPlan,
    list_plans,
    planned_request,
    register_plan,
)
from application.draw_answers import DrawnAtOnce, DrawPlan
from application.estimation.band_suggestions import suggest_bands
from application.estimation.materiality import size_for_audit
from application.estimation.pilots import Pilot, open_pilot
from application.estimation.programme_size import size_by_programme
from application.estimation.size_answers import SizeAnswer, StrataAnswer
from application.estimation.sizing import size_for_goals
from application.excluding import population_of
from application.sampling import SamplingRequest, draw_at_once, plan, submit_sampling
from application.table_views import ColumnSamples, FilterShapes, column_values, filter_shapes
from contract.declarations import Help
from contract.requests.draw import (
    AtOnceRequest,
    ColumnSamplesRequest,
    DrawJobRequest,
    DrawsHistoryRequest,
    FilterRequest,
    PlanRequest,
    TemplateChangeRequest,
    TemplateRequest,
)
from contract.requests.pages import PageRequest
from contract.requests.size import PilotRequest, SizeRequest, StrataRequest
from domain_errors import InvalidRequest, located
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.submissions import completed_sample, submission
from http_api.schemas import out
from http_api.schemas.base import MessageOut, PageOut
from http_api.schemas.contract import Listing, answer_schema, list_schema, listed
from http_api.schemas.jobs import JobAccepted, accepted
from http_api.schemas.sizes import SizeIn
from lazy_dataclasses import dataclass
from sampling_engine import METHODS, StratifiedMethod, method_class
from sampling_engine.filters import OPERATORS
from service.sampling_parameters import DrawnSeeds, seeded_rounds, stated_rounds
from service.tables.open_tables import open_table
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.lists import JobFilters, list_jobs
from storage.jobs.templates import (
    DrawTemplate,
    add_template,
    change_template,
    delete_template,
    list_templates,
)

blueprint = SignedInBlueprint("sampling", "Sampling", "/api/sampling/datasets/<int:dataset_id>")


@dataclass(frozen=True, kw_only=True)
class PlanAnswer(DrawPlan):
    """What a draw would draw, and its registration."""

    registered: Annotated[RegisteredPlan | None, Help("With `commit`: the registered plan.")]


@blueprint.post("/jobs")
def create(dataset_id: int, given: DrawJobRequest) -> JobAccepted:
    """Draw a sample.

    The request is checked before the response; a job draws the rows. The same request with the same
    output_name returns the same job. With `plan_id` a registered plan is drawn.
    """
    dataset = caller().dataset(dataset_id, "write")
    by = submission(given.priority, body=given.given())
    request = (
        SamplingRequest.asked(given)
        if given.plan_id is None
        else planned_request(caller(), dataset_id, given)
    )
    job = submit_sampling(service(), by, dataset, request)
    return accepted(job, f"Sampling job created with {len(request.rounds)} rounds")


@blueprint.post("/plan", only_reads=True)
def plan_of(dataset_id: int, given: PlanRequest) -> PlanAnswer:
    """Plan a draw.

    The body of a job. Returns eligible rows, allocation, warnings, and whether its name is taken;
    draws nothing. With `commit` the plan is registered in the ledger: a job draws it later by its
    `plan_id`, with a seed that didn't exist yet.
    """
    caller().dataset(dataset_id, "read")
    request = SamplingRequest.asked(given)
    with caller().reading():
        planned = plan(service(), dataset_id, request)
        registered = register_plan(caller(), dataset_id, request) if given.commit else None
    return PlanAnswer(**vars(planned), registered=registered)


@blueprint.get("/plans", output=list_schema("plans", RegisteredPlan, "The newest first."))
def plans(dataset_id: int, query: PageRequest) -> Listing:
    """The registered plans of a dataset."""
    caller().dataset(dataset_id, "read")
    return listed(list_plans(service(), dataset_id, query.offset, query.limit), query)


@blueprint.post("/sample", only_reads=True)
def sample(dataset_id: int, given: AtOnceRequest) -> DrawnAtOnce:
    """Draw up to 10,000 rows at once.

    One round; makes no job and no commit.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        drawn = draw_at_once(service(), dataset_id, SamplingRequest.asked(given))
    caller().audit_read(
        "drawn_at_once",
        RowSource(dataset_id, drawn.commit_id, drawn.table_key),
        method=drawn.metadata["method"],
        seed=drawn.metadata["seed"],
        rows=len(drawn.data),
    )
    return drawn


@blueprint.post("/size", body=SizeIn, only_reads=True)
def size(dataset_id: int, given: SizeRequest) -> SizeAnswer:
    """The rows to draw for a precision.

    For goals of means, totals and shares, from the true facts of the table. A goal without a column
    is the margin of error of a share of one half, for methods random, systematic and stratified. A
    materiality sizes an audit of rows (random, systematic) or of money (monetary_unit). The figures
    of columns that the table lacks, such as measured values, are estimated from a `pilot` sample.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        table = open_table(service(), dataset_id, given.source_ref, given.table_key)
        population, design = population_of(
            service(), dataset_id, table, given.source_ref, given.design, ("design",)
        )
        request = replace(given, design=design)
        pilot = None if given.pilot is None else _pilot(given.pilot)
        earlier = [] if given.programme is None else _earlier(given.programme.earlier)
        if given.programme is not None:
            found = size_by_programme(service(), population, request, given.programme, earlier)
        elif "materiality" in given.all_goals[0]:
            found = size_for_audit(service(), population, request)
        else:
            found = size_for_goals(service(), population, request, pilot)
        if filters := given.design.get("filters"):
            found = replace(found, round={**found.round, "filters": filters})
    if pilot is not None:
        job = pilot.job
        caller().audit_view(sample_source(job), "pilot figures")
    for job in earlier:
        caller().audit_view(sample_source(job), "earlier period")
    is_money = method_class(given.design["method"]).selects_money
    if is_money or given.programme is not None or any("column" in goal for goal in given.all_goals):
        caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "true figures")
    return found


def _earlier(ids: Sequence[str]) -> list[JobRecord]:
    """The samples of earlier periods, which the caller reads."""
    jobs = []
    for at, each in enumerate(ids):
        with located(("programme", "earlier", at), always=True):
            jobs.append(completed_sample(each))
    return jobs


def _pilot(given: PilotRequest) -> Pilot:
    with located(("pilot", "job_id")):
        job = completed_sample(given.job_id)
    return open_pilot(service(), job, given)


@blueprint.post("/strata", only_reads=True)
def strata(dataset_id: int, given: StrataRequest) -> StrataAnswer:
    """Bands of a number that make a sample precise, with the rows to draw of each.

    Breaks by the cumulative root rule (Dalenius and Hodges 1959) or in equal ratios (Gunning and
    Horgan 2004), rounded to few digits. The sizes are optimal for the goal or the number of rows.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        table = open_table(service(), dataset_id, given.source_ref, given.table_key)
        named = {"filters": given.filters, "order": given.order}
        of_round = {name: value for name, value in named.items() if value is not None}
        bands = {"strata_columns": [given.column], "sample_size": 1}
        step = {"method": StratifiedMethod.key, "parameters": bands, **of_round}
        population, rest = population_of(service(), dataset_id, table, given.source_ref, step, ())
        found = suggest_bands(service(), population, replace(given, filters=rest.get("filters")))
        found = replace(found, round={**found.round, **of_round})
    caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "bands")
    return found


@blueprint.post("/filters", only_reads=True)
def filters(dataset_id: int, given: FilterRequest) -> FilterShapes:
    """A filter in both forms, and the number of rows that match.

    For a form that edits an expression and conditions.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        table = open_table(service(), dataset_id, given.source_ref, given.table_key)
        return filter_shapes(service(), table, given.filters)


@blueprint.post("/column-samples", only_reads=True)
def column_samples(dataset_id: int, given: ColumnSamplesRequest) -> ColumnSamples:
    """Values of columns, for a filter's menus.

    The most frequent first. At most a million rows are read; `complete` says whether these are all
    values.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        values = column_values(
            service(),
            dataset_id,
            source_ref=given.source_ref,
            table_key=given.table_key,
            names=given.columns,
            most=given.sample_size,
        )
    source = RowSource(dataset_id, values.commit_id, values.table_key)
    caller().audit_view(source, "values of columns")
    return values


@dataclass(frozen=True)
class ParameterAnswer:
    """A parameter of a method."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True)
class MethodAnswer:
    """A method of sampling."""

    name: str
    description: str
    parameters: list[ParameterAnswer]


@dataclass(frozen=True)
class MethodsAnswer:
    """The methods, and the operators of filters."""

    methods: list[MethodAnswer]
    supported_operators: list[str]


@blueprint.get("/sampling-methods")
def methods(dataset_id: int) -> MethodsAnswer:
    """The methods with their parameters, and the filters' operators."""
    caller().dataset(dataset_id, "read")
    described = [
        MethodAnswer(
            method.name,
            method.description,
            [
                ParameterAnswer(own.name, own.kind.json_type, own.is_required, own.help)
                for own in method.parameters
            ],
        )
        for method in METHODS
    ]
    return MethodsAnswer(described, [operator.name for operator in OPERATORS])


history_blueprint = SignedInBlueprint("sampling_history", "Sampling", "/api/sampling")


class DrawOut(answer_schema(JobRecord, in_list=True)):  # type: ignore[misc]
    source_ref = out.string()
    table_key = out.string()
    output_ref = out.string()
    methods = out.list_of(fields.String())
    rounds = out.list_of(answer_schema(DrawnSeeds))
    total_sampled = out.integer(null=True)


class HistoryOut(PageOut):
    jobs = out.list_of(DrawOut)


@history_blueprint.get("/datasets/<int:dataset_id>/history", output=HistoryOut)
def of_dataset(dataset_id: int, query: DrawsHistoryRequest) -> dict[str, Any]:
    """The draws from a dataset, newest first."""
    caller().dataset(dataset_id, "read")
    return _history(query, dataset_id=dataset_id)


@history_blueprint.get("/users/<user_id>/history", output=HistoryOut)
def of_user(user_id: str, query: DrawsHistoryRequest) -> dict[str, Any]:
    """The draws of a user, newest first.

    `me`, or an id for admins.
    """
    if user_id == "me":
        return _history(query, user_id=caller().user.id)
    if not (user_id.isascii() and user_id.isdigit() and len(user_id) <= 18):
        raise NotFound('There is no user "{id}". Give an id or "me".', id=user_id)
    if int(user_id) != caller().user.id:
        caller().require_role("admin")
    return _history(query, user_id=int(user_id))


def _history(
    query: DrawsHistoryRequest, *, dataset_id: int | None = None, user_id: int | None = None
) -> dict[str, Any]:
    filters = JobFilters(
        run_type="sampling",
        statuses=None if query.status is None else tuple(query.status),
        source_ref=query.source_ref,
        created_after=query.created_after,
        created_before=query.created_before,
        dataset_id=dataset_id,
        user_id=user_id,
    )
    with service().database.read() as tx:
        jobs, total = list_jobs(tx, caller().user, filters, offset=query.offset, limit=query.limit)
    return {
        "jobs": [_draw(job) for job in jobs],
        "total": total,
        "offset": query.offset,
        "limit": query.limit,
    }


def _draw(job: JobRecord) -> dict[str, Any]:
    parameters = job.run_parameters
    return {
        **vars(job),
        "job_kind": job.job_kind,
        "duration_seconds": job.duration_seconds,
        "output_name": job.output_name,
        "purpose": job.purpose,
        "source_ref": parameters["source_ref"],
        "table_key": parameters["table_key"],
        "output_ref": parameters["output_ref"],
        "methods": list(dict.fromkeys(each["method"] for each in parameters["rounds"])),
        "rounds": seeded_rounds(parameters),
        "total_sampled": (job.output_summary or {}).get("total_sampled"),
    }


templates_blueprint = SignedInBlueprint("templates", "Sampling", "/api/sampling/templates")
MAX_COUNT = 500


def _stated(body: dict[str, Any], *, recorded: bool) -> dict[str, Any]:
    """A template that states the defaults that have changed; see :func:`stated_rounds`."""
    recorded = recorded or body.get("draw_version") is not None
    return {**body, "rounds": stated_rounds(body["rounds"], recorded=recorded)}


@templates_blueprint.post("")
def keep(given: TemplateRequest) -> DrawTemplate:
    """Save a draw as a template."""
    with caller().writing() as tx:
        _, count = list_templates(tx, caller().user.id, 0, 1)
        if count >= MAX_COUNT:
            raise InvalidRequest(
                "You have {count} templates, the maximum. Delete one first.",
                loc=("body",),
                count=count,
            )
        body = _stated(given.body.given(), recorded=False)
        return add_template(tx, caller().user.id, given.name, body, service().clock)


@templates_blueprint.patch("/<int:template_id>")
def change(template_id: int, given: TemplateChangeRequest) -> DrawTemplate:
    """Change the name of one of my templates, replace its draw, or both."""
    body = None if given.body is None else _stated(given.body.given(), recorded=False)
    with caller().writing() as tx:
        return change_template(tx, caller().user.id, template_id, given.name, body, service().clock)


@templates_blueprint.get("", output=list_schema("templates", DrawTemplate))
def templates(query: PageRequest) -> Listing:
    """My templates, by name."""
    with service().database.read() as tx:
        kept, total = list_templates(tx, caller().user.id, query.offset, query.limit)
    stated = [replace(each, body=_stated(each.body, recorded=True)) for each in kept]
    return listed((stated, total), query)


@templates_blueprint.delete("/<int:template_id>", output=MessageOut)
def forget(template_id: int) -> dict[str, str]:
    """Delete one of my templates."""
    with caller().writing() as tx:
        delete_template(tx, caller().user.id, template_id)
    return {"message": "Template deleted"}
