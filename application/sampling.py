"""Draws before they run: submission, plan, and small draws at once.

Commit, parameters and seeds are fixed at submission, so every run of a job gives the same rows.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from itertools import chain, count
from typing import Any, cast

from application.audit.planned import size_warnings, with_likelihoods
from application.draw_answers import DrawnAtOnce, DrawPlan, PlannedOutput, PlannedRound
from application.excluding import (
    ExcludedRows,
    exclude,
    exclusion_warnings,
    split_filters,
    with_filters,
)
from application.job_submission import (
    Submission,
    earlier_job,
    named_ref,
    request_digest,
    reserve_output,
    submit,
)
from application.reconciling import completeness
from application.relative_filters import FIELD, RelativeFilters, absolute_rounds
from contract.declarations import declared
from contract.requests.draw import DRAW_VERSION, DrawRequest, RoundJson, SamplingJobRequest
from contract.requests.reviewing import QuestionsRequest
from domain_errors import counted
from lazy_dataclasses import dataclass
from parquet_tables.progress import ignore_progress
from parquet_tables.rows import read_page
from sampling_engine import (
    Round,
    amount_of,
    check_rounds,
    draw_sample,
    draw_warnings,
    plan_draw,
)
from sampling_engine.errors import EMPTY_SAMPLE, draw_warning
from service.draw_engines import EngineChoice, choose_engine, opened_engine
from service.sampling_parameters import (
    DrawRule,
    engine_rounds,
    follows_keys,
    seed_origins,
    settle_rounds,
    source_draw,
)
from service.service import Service
from service.tables.draw_orders import settle_orders
from service.tables.open_tables import PRIMARY, OpenTable, open_requested
from service.tables.reports import cached_profile
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.errors import Conflict, InvalidValue
from storage.jobs.jobs import JobRecord, job_with_output_ref
from storage.jobs.kinds import SAMPLE, rows_drawn
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit
from storage.versions.refs import SAMPLE_PREFIX, has_ref

MIN_DIGITS = 8
MAX_AT_ONCE = 10_000


@dataclass(frozen=True)
class PlannedDraw:
    """The registered plan that is drawn, and the origin of its public seed, if it has one."""

    plan_id: str
    digest: str
    seed_origin: dict[str, Any] | None


@dataclass(frozen=True)
class PanelWave:
    """The panel that a draw is a wave of, and the wave's number, from 1."""

    panel_id: int
    name: str
    wave: int


class SamplingRequest(SamplingJobRequest):
    """The parameters of a draw, with those that no body has.

    With ``numbers_name`` an ``output_name`` in use gets a number: ``weekly-2``. ``excluded`` are
    the rows that a schedule's run excludes; others follow from the filters of the rounds.
    ``questions`` are set for the sample when it is published. Relative
    dates of filters are those of ``now``, by default the time of the submission in UTC.
    """

    plan: PlannedDraw | None = None
    excluded: ExcludedRows | None = None
    panel: PanelWave | None = None
    questions: QuestionsRequest | None = None
    numbers_name: bool = False
    now: datetime | None = None

    @classmethod
    def asked(cls, body: DrawRequest) -> SamplingRequest:
        """The parameters of a body."""
        known = {own.name for own in declared(cls)}
        return cls(**{name: value for name, value in vars(body).items() if name in known})

    @property
    def repeats_record(self) -> bool:
        """Whether its rounds are those of an earlier draw or plan, as that recorded them."""
        return self.draw_version is not None or self.plan is not None


@dataclass(frozen=True)
class CheckedDraw:
    """A request whose commit, seeds and rule are fixed, and whose rounds fit the table.

    ``settled`` has the rounds as JSON, ``rounds`` as the engine's own type. ``engine`` is the one
    that would read its rows now. ``source`` has the rows that aren't ``excluded``, and the commit
    of the version that has them all. The rounds have no relative dates; ``relative`` are the
    filters that had some.
    """

    request: SamplingRequest
    source: OpenTable
    excluded: ExcludedRows | None
    rule: DrawRule
    settled: list[RoundJson]
    rounds: tuple[Round, ...]
    engine: EngineChoice
    relative: RelativeFilters | None = None

    @property
    def output_ref(self) -> str | None:
        """The ref of the sample's name; None for a sample without a name."""
        return named_ref(SAMPLE_PREFIX, self.request.output_name)

    def stored_population(self, service: Service, user: User, dataset_id: int) -> str:
        """The commit that the job draws from; see :meth:`ExcludedRows.stored`."""
        if self.excluded is None:
            return self.source.commit_id
        return self.excluded.stored(service, user, dataset_id).commit_id

    def recorded_exclusion(self, service: Service, dataset_id: int) -> dict[str, Any] | None:
        """What the job records of the excluded rows: its own, or those of the commit it names."""
        if self.excluded is not None:
            asked = {"filters": self.excluded.asked} if self.excluded.asked else {}
            return {**self.excluded.exclusion.as_json(), **asked}
        with service.database.read() as tx:
            table = get_commit(tx, dataset_id, self.source.commit_id).manifest.table(
                self.source.key
            )
        return None if table.exclusion is None else table.exclusion.as_json()

    @property
    def digest(self) -> str:
        """The digest by which two requests for a sample are equal."""
        fixed = {"commit_id": self.source.commit_id, "table_key": self.source.key}
        parameters = {**vars(self.request), **fixed}
        parameters["rounds"] = [
            {**given, "order": settled["order"]} if "order" in settled else given
            for given, settled in zip(self.request.rounds, self.settled, strict=True)
        ]
        del parameters["engine"]  # every engine gives the same sample
        del parameters["priority"]  # nor does the queue change it
        del parameters["excluded"]  # a schedule has one run of a time
        if self.excluded is not None and self.request.excluded is None:
            parameters["rounds"] = with_filters(
                split_filters(parameters["rounds"])[0], self.excluded.exclusion.as_json()
            )
        del parameters["numbers_name"]  # a number makes another name
        del parameters["now"]  # the filters have its dates
        del parameters["panel"]  # a wave draws what the same request draws
        del parameters["questions"]  # nor do questions change the rows
        if self.request.plan is not None:
            parameters["plan"] = asdict(self.request.plan)
        for name in ("draw_version", "amount_column", "plan", "allow_empty"):
            if parameters[name] in (None, False):
                del parameters[name]  # as in digests of jobs from before there was such a field
        return request_digest(parameters)


def check_draw(service: Service, dataset_id: int, request: SamplingRequest) -> CheckedDraw:
    """Fix the commit, the seeds and the rule of a draw, and check its rounds.

    Raises
    ------
    DomainError
        The ref or the table doesn't exist, or a filter, column or size is wrong.
    """
    source = open_requested(service, dataset_id, request.source_ref, request.table_key)
    now = request.now or service.clock()
    absolute, relative = absolute_rounds(request.rounds, source.files, now)
    request = replace(request, rounds=absolute)
    given, earlier = split_filters(absolute)
    settled = settle_rounds(with_likelihoods(given), recorded=request.repeats_record)
    settled = settle_orders(service, dataset_id, source, settled)
    excluded = request.excluded
    if earlier is not None and excluded is None:
        excluded = exclude(service, dataset_id, source, request.source_ref, settled, earlier)
    version = DRAW_VERSION if request.draw_version is None else request.draw_version
    is_keyed = follows_keys(settled)
    made_by = source_draw(service, dataset_id, source.commit_id, is_keyed=is_keyed)
    if excluded is not None:
        source = excluded.population
        made_by = excluded.source_draw(is_keyed=is_keyed) or made_by
    rule = DrawRule(version, made_by)
    rounds = engine_rounds(settled, source.files, rule)
    check_rounds(source.files, rounds)
    amount_of(source.files, request.amount_column, rounds)
    engine = choose_engine(
        service, service.parquet, source.files, rounds, request.engine, request.amount_column
    )
    return CheckedDraw(request, source, excluded, rule, settled, rounds, engine, relative)


def _usual_purpose(dataset: DatasetRecord, draw: CheckedDraw) -> str:
    """The purpose of a draw without one: "Random sample of 60 rows from payables"."""
    rounds = [each.method for each in draw.rounds]
    if len(rounds) > 1:
        drawn = f"Sample in {len(rounds)} steps"
    elif rounds[0].divides:
        drawn = "Split"
    else:
        title = rounds[0].title
        kind = rounds[0].key.replace("_", " ").capitalize()
        drawn = f"Sample {title.lower()}" if title.startswith("By ") else f"{kind} sample"
        size = draw.settled[0]["parameters"].get("sample_size")
        if size is not None:
            drawn += f" of {counted(size, 'unit' if rounds[0].selects_money else 'row')}"
    table = "" if draw.source.key == PRIMARY else f", table {draw.source.key}"
    return f"{drawn} from {dataset.name}{table}"


def submit_sampling(
    service: Service, by: Submission, dataset: DatasetRecord, request: SamplingRequest
) -> JobRecord:
    """Check a draw and submit its job, as :func:`check_draw`; Conflict if its name is in use.

    Returns the new job, or the earlier job of an equal request with the same output name.
    """
    draw = check_draw(service, dataset.id, request)
    population_id = draw.stored_population(service, by.user, dataset.id)
    parameters = {
        "source_ref": request.source_ref,
        "table_key": draw.source.key,
        "rounds": draw.settled,
        "seed_origins": seed_origins(request.rounds),
        **asdict(draw.rule),
        "export_residual": request.export_residual,
        "output_ref": draw.output_ref,
        "commit_message": request.commit_message or _usual_purpose(dataset, draw),
        "request_digest": draw.digest,
    }
    if request.amount_column is not None:
        parameters["amount_column"] = request.amount_column
    if request.plan is not None:
        parameters |= _recorded_plan(request.plan, len(draw.settled))
    if request.engine is not None:
        parameters["engine"] = request.engine
    if request.allow_empty:
        parameters["allow_empty"] = True
    if (excluded := draw.recorded_exclusion(service, dataset.id)) is not None:
        parameters["excluded"] = excluded
    if request.panel is not None:
        parameters["panel"] = asdict(request.panel)
    if request.questions is not None:
        parameters["questions"] = request.questions.given()
    if draw.relative is not None:
        parameters[FIELD] = draw.relative
    size = rows_drawn(draw.settled, draw.source.files.row_count)
    new = by.new_job(service, SAMPLE, dataset, population_id, parameters, size)
    return submit(service, by, new, partial(_settle_output, request.numbers_name))


def _recorded_plan(plan: PlannedDraw, rounds: int) -> dict[str, Any]:
    """The part of a plan that the parameters of a job record."""
    recorded: dict[str, Any] = {"plan": {"plan_id": plan.plan_id, "digest": plan.digest}}
    if plan.seed_origin is None:
        return recorded
    origins = [plan.seed_origin["kind"]] * rounds
    return {**recorded, "seed_origin": plan.seed_origin, "seed_origins": origins}


def _settle_output(numbers_name: bool, tx: Transaction, new: NewJob) -> NewJob | JobRecord:
    """Reserve the name; a sample without a name gets the shortest free prefix of its job's id."""
    given = new.run_parameters["output_ref"]
    if given is not None and not numbers_name:
        return reserve_output(tx, new)
    if given is not None:
        numbered = chain([given], (f"{given}-{number}" for number in count(2)))
        name = next(each for each in numbered if not _is_taken(tx, new.dataset_id, each))
        return replace(new, run_parameters={**new.run_parameters, "output_ref": name})
    digits = MIN_DIGITS
    while has_ref(tx, new.dataset_id, name := f"{SAMPLE_PREFIX}{new.id[:digits]}"):
        digits += 1
    return replace(new, run_parameters={**new.run_parameters, "output_ref": name})


def _is_taken(tx: Transaction, dataset_id: int, name: str) -> bool:
    return has_ref(tx, dataset_id, name) or job_with_output_ref(tx, dataset_id, name) is not None


def plan(service: Service, dataset_id: int, request: SamplingRequest) -> DrawPlan:
    """Plan the job of a request; writes nothing. A name in use is only reported."""
    draw = check_draw(service, dataset_id, request)
    files = draw.source.files
    counts_dir = service.directory.counts_dir
    with opened_engine(service, dataset_id, draw.source, draw.engine) as engine:
        planned = plan_draw(
            service.parquet,
            files,
            draw.rounds,
            counts_dir=counts_dir,
            amount_column=request.amount_column,
            engine=engine,
        )
    profile = cached_profile(service, files)
    warnings = draw_warnings(draw.rounds)
    if draw.excluded is not None:
        warnings += exclusion_warnings(draw.excluded.exclusion.as_json())
    differs = completeness(service, dataset_id, draw.source.commit_id, draw.source.key).caveat
    if differs is not None:
        warnings.append(draw_warning("population_differs", "{caveat}", caveat=differs))
    warnings += size_warnings({"rounds": draw.settled}, [each.as_json() for each in planned])
    total_rows = sum(planned_round.rows_planned for planned_round in planned)
    if not total_rows and not request.allow_empty:
        eligible = planned[0].eligible_rows
        warnings.append(
            draw_warning("empty_sample", EMPTY_SAMPLE, eligible=eligible, rows=files.row_count)
        )
    return DrawPlan(
        dataset_id=dataset_id,
        commit_id=draw.source.commit_id,
        table_key=draw.source.key,
        source_rows=files.row_count,
        total_rows=total_rows,
        rounds=[
            cast("PlannedRound", {**planned_round.as_json(), **_order_of(given)})
            for planned_round, given in zip(planned, draw.settled, strict=True)
        ],
        amount_column=request.amount_column,
        engine=draw.engine,
        excluded=None if draw.excluded is None else draw.excluded.facts(),
        warnings=[warning.message for warning in warnings],
        warning_templates=warnings,
        # Never computed for a plan: a profile reads the whole table.
        hints=None if profile is None else dict(profile["hints"]),
        **vars(_planned_output(service, dataset_id, draw)),
    )


def _order_of(settled: RoundJson) -> dict[str, Any]:
    """The keyed order of a round, if it has one."""
    return {"order": settled["order"]} if "order" in settled else {}


def _planned_output(service: Service, dataset_id: int, draw: CheckedDraw) -> PlannedOutput:
    name = draw.output_ref
    if name is None:
        return PlannedOutput(output_ref=None)
    try:
        with service.database.read() as tx:
            earlier = earlier_job(tx, dataset_id, name, draw.digest)
    except Conflict:
        return PlannedOutput(output_ref=name, output_ref_taken=True)
    return PlannedOutput(output_ref=name, earlier_job_id=getattr(earlier, "id", None))


def draw_at_once(service: Service, dataset_id: int, request: SamplingRequest) -> DrawnAtOnce:
    """Draw one round of at most 10,000 rows and return them."""
    began = time.perf_counter()
    draw = check_draw(service, dataset_id, request)
    source, counts_dir = draw.source, service.directory.counts_dir
    with opened_engine(service, dataset_id, source, draw.engine) as engine:
        (planned,) = plan_draw(
            service.parquet, source.files, draw.rounds, counts_dir=counts_dir, engine=engine
        )
        if planned.rows_planned > MAX_AT_ONCE:
            raise InvalidValue(
                "This draws {rows} rows; without a job at most {maximum}. Submit a job.",
                loc=("rounds", 0, "parameters"),
                rows=planned.rows_planned,
                maximum=MAX_AT_ONCE,
            )
        with service.scratch_file("sample.parquet") as path:
            sample = draw_sample(
                service.parquet,
                source.files,
                draw.rounds,
                table_key=source.key,
                destination=path,
                on_progress=ignore_progress,
                counts_dir=counts_dir,
                amount_column=request.amount_column,
                engine=engine,
            )
            with service.parquet.cursor() as cursor:
                rows = read_page(cursor, sample.table, sample.table.columns, 0, MAX_AT_ONCE)
    if not request.allow_empty:
        sample.require_rows(source.files.row_count)
    (result,) = sample.rounds
    metadata: dict[str, Any] = result.as_json()
    return DrawnAtOnce(
        dataset_id=dataset_id,
        commit_id=source.commit_id,
        table_key=source.key,
        data=rows,
        columns=[column.name for column in sample.table.columns],
        strata_counts=metadata.pop("strata", metadata.pop("clusters", [])),
        metadata={
            **metadata,
            "parameters": draw.settled[0]["parameters"],
            **_order_of(draw.settled[0]),
            "source_rows": source.files.row_count,
            "excluded": None if draw.excluded is None else asdict(draw.excluded.facts()),
            "execution_time_seconds": round(time.perf_counter() - began, 3),
        },
    )
