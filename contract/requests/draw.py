"""Requests of draws: at once, as a job, as a plan, and by a registered plan.

The parameters of a method are declared by its module in :mod:`sampling_engine.methods`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Annotated, Any, ClassVar, NotRequired, Required, Self, TypedDict

from contract.declarations import Help, Option, RefusedField, Request, Title, declared
from contract.fields import (
    Bounds,
    BreakKind,
    Choice,
    ColumnName,
    Count,
    DrawFilterKind,
    EndTime,
    Flag,
    Items,
    Mapped,
    Name,
    Part,
    PlannedSeedKind,
    RoundKind,
    RowFilterKind,
    StartKind,
    Text,
    Time,
)
from contract.jobs import STATUSES, Status
from contract.requests.pages import PageRequest
from contract.requests.submitting import MAIN, MAX_REF_LENGTH, JobPriority, SourceRef, TableKey
from contract.words import Duplicates, RequestedEngine

MAX_ROUNDS = 20
MAX_COLUMNS = 10_000
MAX_BREAKS = 100
MAX_LABEL_LENGTH = 200
MAX_SAMPLED_COLUMNS = 100
MAX_VALUES = 1000
MAX_KEY_COLUMNS = 4
LONGEST_DRAW_NAME = 160
"""A ref, a colon and the name of a part."""
MAX_EARLIER_DRAWS = 1000
MAX_AUDIT_TESTS = 100
MAX_STARTS = 1000
"""Strata with a start of their own."""
FIRST_DRAW_VERSION = 1
"""The rule of draws that record no version."""
DRAW_VERSION = 2
"""The current rule by which a seed and a table give a draw; docs/SAMPLING.md lists the versions."""
HEXADECIMAL, DECIMAL = frozenset("0123456789abcdef"), frozenset("0123456789")
SIGNATURE_DIGITS = (96, 192)


class BandedColumnRequest(Request):
    """A column whose bands are strata."""

    is_recorded = True

    column: Annotated[str, ColumnName()]
    breaks: Annotated[tuple[int | float | str, ...], Items(BreakKind(), most=MAX_BREAKS, least=1)]
    labels: Annotated[
        tuple[str, ...] | None, Items(Text(1, MAX_LABEL_LENGTH), most=MAX_BREAKS + 1)
    ] = None


class SelectionRequest(Request):
    """Which columns the sample shows of the drawn rows, and in which order."""

    is_recorded = True

    columns: Annotated[
        tuple[str, ...] | None, Items(Text(1), most=MAX_COLUMNS), Option("--column")
    ] = None
    order_by: Annotated[str | None, Text(1)] = None
    order_desc: Annotated[bool | None, Flag(), Option("--desc")] = None


class EarlierFilterRequest(Request):
    """The part of a draw's filter that names an earlier version, earlier draws and audit tests."""

    is_recorded = True

    new_since: Annotated[
        str | None,
        Text(1, MAX_REF_LENGTH),
        Help("Only rows that this version of the table, a ref or a commit, doesn't have."),
    ] = None
    not_drawn_by: Annotated[
        tuple[str, ...] | None,
        Items(Text(1, LONGEST_DRAW_NAME), most=MAX_EARLIER_DRAWS, least=1),
        Help(
            "Only rows that these draws of the table don't have. A draw is named by its job or by "
            "a ref, such as the tag of a golden set; `golden:test` is one part of a split."
        ),
    ] = None
    found_by: Annotated[
        tuple[str, ...] | None,
        Items(Text(1, MAX_REF_LENGTH), most=MAX_AUDIT_TESTS, least=1),
        Help(
            "Only rows that one of these audit tests of the table found. A test is named by its "
            "job or by the ref of its result."
        ),
    ] = None
    not_found_by: Annotated[
        tuple[str, ...] | None,
        Items(Text(1, MAX_REF_LENGTH), most=MAX_AUDIT_TESTS, least=1),
        Help("Only rows that none of these audit tests of the table found."),
    ] = None


EARLIER = tuple(own.name for own in declared(EarlierFilterRequest))
EARLIER_JOBS = EARLIER[1:]
"""The filters that name jobs: all but ``new_since``."""


class OrderRequest(Request):
    """The keyed order, in which a row's place follows from its key: docs/SAMPLING.md defines it."""

    is_recorded = True

    key: Annotated[
        tuple[str, ...] | None,
        Items(ColumnName(), most=MAX_KEY_COLUMNS, least=1),
        Help(
            "The columns that identify a row, in whose order rows are taken. Default of a keyed "
            "order: the row key of the table."
        ),
    ] = None
    start: Annotated[
        str,
        StartKind(),
        Help("Where the order begins, a decimal from 0 to below 1, such as 0.25."),
    ] = "0"
    starts: Annotated[
        Mapping[str, str] | None,
        Mapped(StartKind(), most=MAX_STARTS),
        Option(None),
        Help(
            "Of a stratified draw: where the order begins in some strata, by the names that the "
            "sample's column _stratum has; `start` in the others."
        ),
    ] = None
    duplicates: Annotated[
        Duplicates | None,
        Choice.of(Duplicates),
        Help(
            "Equal keys: `refuse` them, or `number` their rows by all columns. Default: as the row "
            "key of the table says, otherwise `refuse`."
        ),
    ] = None


RoundOrder = Annotated[
    OrderRequest | None,
    Part(OrderRequest),
    Help(
        "Take rows in the order of their keys, so that the same rows are drawn from every version "
        "of the table."
    ),
]


class RoundRequest(Request):
    """The fields of every round; method, parameters and goal depend on its method."""

    round_number: Annotated[
        int | None, Count(Bounds(1, MAX_ROUNDS)), Help("Its place, from 1; may be left out.")
    ] = None
    output_name: Annotated[str | None, Name(most=200)] = None
    filters: Annotated[dict[str, Any] | None, DrawFilterKind()] = None
    selection: Annotated[SelectionRequest | None, Part(SelectionRequest)] = None
    order: RoundOrder = None


class OrderJson(TypedDict):
    """A keyed order as JSON, in which jobs record it; a settled one has no gap but ``starts``."""

    key: Sequence[str]
    start: str
    starts: NotRequired[Mapping[str, str]]
    duplicates: Duplicates


class RoundJson(TypedDict, total=False):
    """A round as JSON, in which jobs record it."""

    method: Required[str]
    parameters: Required[dict[str, Any]]
    round_number: int
    output_name: str | None
    filters: dict[str, Any] | None
    selection: dict[str, Any] | None
    goal: dict[str, Any] | None
    order: OrderJson | None


Rounds = Sequence[RoundJson]


class DrawRequest(Request):
    """The body of a draw; one without ``rounds`` but with ``method`` is one round."""

    source_ref: SourceRef = MAIN
    table_key: TableKey = None
    rounds: Annotated[Rounds, Items(RoundKind(), most=MAX_ROUNDS, least=1)]
    draw_version: Annotated[
        int | None,
        Count(Bounds(FIRST_DRAW_VERSION, DRAW_VERSION)),
        Help(
            "The rule to draw by: the one that an earlier job's run_parameters record, 1 if they "
            "record none, draws its rows again; units of money are then selected by a fixed "
            "interval unless `selection` is given. Left out, the current rule."
        ),
    ] = None
    amount_column: Annotated[
        str | None,
        ColumnName(),
        Help("A column of numbers whose sums, by group and in all, the plan and the result state."),
    ] = None
    allow_empty: Annotated[
        bool,
        Flag(),
        Help(
            "Whether a sample without rows is fine; otherwise such a draw fails with "
            "`empty_sample`."
        ),
    ] = False


class SamplingJobRequest(DrawRequest):
    """A sampling job."""

    export_residual: Annotated[
        bool,
        Flag(),
        Option("--residual"),
        Help("Keep the rows that no round drew as a table; it costs no copy."),
    ] = False
    output_name: Annotated[str | None, Name(most=90), Option("--name")] = None
    commit_message: Annotated[str | None, Text(0, 10_000), Option("--purpose")] = None
    engine: Annotated[
        RequestedEngine | None,
        Choice.of(RequestedEngine),
        Help(
            "The engine that reads the rows: duckdb, spark, or auto (the default), which selects "
            "spark for large draws if the server has one. The sample is the same."
        ),
    ] = None
    priority: JobPriority = "interactive"


class PlanRequest(SamplingJobRequest):
    """A draw to plan or, with ``commit``, to register."""

    commit: Annotated[
        bool,
        Flag(),
        Help(
            "Register the plan in the ledger before its seed exists. Its rounds have no seed. "
            "Needs the level write."
        ),
    ] = False


def is_hexadecimal(body: Mapping[str, Any]) -> None:
    """The chain has 64 digits, a signature 96 or 192, what round 1 signs 64."""
    for name, lengths in (
        ("chain", (64,)),
        ("signature", SIGNATURE_DIGITS),
        ("previous_signature", (64, *SIGNATURE_DIGITS)),
    ):
        value = body.get(name)
        if value is not None and (len(value) not in lengths or set(value) - HEXADECIMAL):
            raise RefusedField(
                name,
                "Must be {lengths} lower-case hexadecimal digits.",
                lengths=" or ".join(map(str, lengths)),
            )


class BeaconRequest(Request):
    """A round of a randomness beacon of drand; the signatures of its known chains are verified."""

    is_recorded = True
    rules = (is_hexadecimal,)

    chain: Annotated[str, Text(), Help("The chain's hash.")]
    round: Annotated[int, Count(Bounds(1))]
    signature: Annotated[str, Text(), Help("The round's signature, in hexadecimal.")]
    previous_signature: Annotated[
        str | None,
        Text(),
        Help(
            "Of a chain whose rounds sign the one before, such as drand's default: its signature, "
            "in hexadecimal."
        ),
    ] = None


def is_decimal(body: Mapping[str, Any]) -> None:
    """Dice give digits only."""
    if set(body["digits"]) - DECIMAL:
        raise RefusedField("digits", "Must be digits 0 to 9 without spaces.")


class DiceRequest(Request):
    """Digits that were thrown before witnesses."""

    is_recorded = True
    rules = (is_decimal,)

    digits: Annotated[str, Text(20, 200), Help("Digits 0 to 9, such as of ten-sided dice.")]
    witnesses: Annotated[tuple[str, ...], Items(Name(most=200), most=20, least=1)]


def has_one_source(body: Mapping[str, Any]) -> None:
    """A public seed has one source."""
    if len(body) != 1:
        raise RefusedField("_schema", "Give `beacon` or `dice`.")


class PublicSeedRequest(Request):
    """Where a public seed comes from."""

    is_recorded = True
    rules = (has_one_source,)

    beacon: Annotated[BeaconRequest | None, Part(BeaconRequest)] = None
    dice: Annotated[DiceRequest | None, Part(DiceRequest)] = None


def has_plan_or_rounds(body: Mapping[str, Any]) -> None:
    """A job without a plan has rounds, and their seeds."""
    if "plan_id" in body:
        return
    if "rounds" not in body:
        raise RefusedField("rounds", "Missing data for required field.")
    if "seed" in body:
        raise RefusedField("seed", "Needs `plan_id`.")


class DrawJobRequest(SamplingJobRequest):
    """A sampling job, of rounds or of a registered plan."""

    rules = (has_plan_or_rounds,)

    source_ref: Annotated[
        str | None, Text(1, 100), Help("By default `main`, or the version of the plan.")
    ] = None  # type: ignore[assignment]
    rounds: Annotated[Rounds | None, Items(RoundKind(), most=MAX_ROUNDS, least=1)] = None  # type: ignore[assignment]
    plan_id: Annotated[
        str | None,
        Text(1, 100),
        Help("Draw this registered plan; `rounds` may be left out."),
    ] = None
    seed: Annotated[
        int | str | dict[str, Any] | None,
        PlannedSeedKind(),
        Help(
            "With `plan_id`: the seed of all rounds, plain or `{beacon: {chain, round, signature, "
            "previous_signature?}}` or `{dice: {digits, witnesses}}`."
        ),
    ] = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """The request of a body; without a plan it draws from main."""
        return cls(**(body if "plan_id" in body else {"source_ref": MAIN, **body}))


def has_one_round(body: Mapping[str, Any]) -> None:
    """Several rounds are a job's business."""
    if len(body["rounds"]) != 1:
        raise RefusedField("rounds", "One round can be drawn at once.")


class AtOnceRequest(DrawRequest):
    """A small draw whose rows come with the answer."""

    rules = (has_one_round,)


class FilterRequest(Request):
    """A filter to be held against a table, in any of its shapes."""

    source_ref: SourceRef = MAIN
    table_key: TableKey = None
    filters: Annotated[dict[str, Any], RowFilterKind()] = field()


class ColumnSamplesRequest(Request):
    """Columns whose values a filter's menu offers."""

    aliases: ClassVar = {"samples_per_column": "sample_size"}

    source_ref: SourceRef = MAIN
    table_key: TableKey = None
    columns: Annotated[tuple[str, ...], Items(Text(1, 1200), most=MAX_SAMPLED_COLUMNS, least=1)]
    sample_size: Annotated[int, Count(Bounds(1, MAX_VALUES)), Help("Values of each.")] = 20


class TemplateRequest(Request):
    """A draw to save under a name."""

    name: Annotated[str, Name(most=200), Title("Template name")]
    body: Annotated[SamplingJobRequest, Part(SamplingJobRequest)]


class TemplateChangeRequest(Request):
    """Another name, or another draw, of a template."""

    name: Annotated[str | None, Name(most=200)] = None
    body: Annotated[SamplingJobRequest | None, Part(SamplingJobRequest)] = None


class DrawsHistoryRequest(PageRequest):
    """Find draws by filters, which are joined by AND."""

    aliases: ClassVar[Mapping[str, str]] = {
        "ref_name": "source_ref",
        "start_date": "created_after",
        "end_date": "created_before",
    }

    source_ref: Annotated[
        str | None, Text(1, MAX_REF_LENGTH), Help("The ref that was drawn from.")
    ] = None
    status: Annotated[tuple[Status, ...] | None, Items(Choice.of(Status), most=len(STATUSES))] = (
        None
    )
    created_after: Annotated[str | None, Time()] = None
    created_before: Annotated[
        str | None, EndTime(), Help("Exclusive; a date without a time includes that day.")
    ] = None
