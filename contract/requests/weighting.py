"""Parts of a request that say how a sample is weighted: known totals, nonresponse, replicates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from contract.declarations import Help, Option, RefusedField, Request, Rule, Title
from contract.fields import (
    Bounds,
    Choice,
    ColumnName,
    Count,
    Items,
    Mapped,
    Number,
    Scalar,
    Text,
)
from contract.requests.submitting import MAIN, MAX_KEY_LENGTH, MAX_REF_LENGTH
from contract.words import (
    NONRESPONSE,
    REPLICATES,
    SMALL_CLASSES,
    NonresponseMethod,
    ReplicateKind,
    SmallClasses,
)

MAX_KNOWN_TOTALS = 20_000
MAX_TOTAL = 1e100
MIN_REPLICATES, MAX_REPLICATES = 2, 5_000
MAX_RESPONSE_COLUMNS = 20
DEFAULT_RESPONDENTS = 10

Replicates = Annotated[
    ReplicateKind | Literal["none"],
    Choice(REPLICATES),
    Title("Replicate weights"),
]
ReplicateCount = Annotated[
    int,
    Count(Bounds(MIN_REPLICATES, MAX_REPLICATES)),
    Title("Replicates of a bootstrap"),
    Help("Replicates of a bootstrap."),
]
ReplicateSeed = Annotated[
    int,
    Count(Bounds(0, 2**53)),
    Title("Seed of a bootstrap"),
    Help("The seed of a bootstrap."),
]


def _one_amount(given: Mapping[str, Any]) -> None:
    """A known total has one amount, of a column, of a group or of all rows."""
    if (given.get("total") is None) == (given.get("share") is None):
        raise RefusedField("total", "A known total has either `total` or `share`.")
    if given.get("column") is not None and given.get("group") is not None:
        raise RefusedField("group", "`group` can't be combined with `column`.")
    if given.get("share") is not None and given.get("group") is None:
        raise RefusedField("share", "A `share` is that of a `group`.")


class KnownTotalRequest(Request):
    """A total of the population that is known from outside."""

    rules: ClassVar[tuple[Rule, ...]] = (_one_amount,)

    column: Annotated[
        str | None, ColumnName(), Help("A column of numbers, whose sum is known.")
    ] = None
    group: Annotated[
        dict[str, Any] | None,
        Mapped(Scalar(), MAX_RESPONSE_COLUMNS),
        Help(
            "The value of each column of the calibration, whose rows are known; null if missing. "
            "Without `column` and `group` the total is the number of rows."
        ),
    ] = None
    total: Annotated[float | None, Number(Bounds(-MAX_TOTAL, MAX_TOTAL))] = None
    share: Annotated[
        float | None,
        Number(Bounds(0, 1)),
        Help("The share of a group, instead of its rows; those of a column add up to 1."),
    ] = None


class CensusRequest(Request):
    """A table of known totals: a census, or a list of the whole population."""

    dataset_id: Annotated[
        int | None, Count(), Option("--census-dataset"), Help("By default that of the sample.")
    ] = None
    source_ref: Annotated[
        str,
        Text(1, MAX_REF_LENGTH),
        Option("--census-ref"),
        Help("The ref or the commit of the census."),
    ] = MAIN
    table_key: Annotated[
        str | None,
        Text(1, MAX_KEY_LENGTH),
        Option("--census-table"),
        Help("The table of the census; by default `primary`, or the only one."),
    ] = None
    rows_column: Annotated[
        str | None,
        ColumnName(),
        Option("--census-rows"),
        Help(
            "The column with the number of rows of the population that a line stands for. Without "
            "it each line is one."
        ),
    ] = None


class NonresponseRequest(Request):
    """How rows that didn't respond are made up for by those that did."""

    method: Annotated[
        NonresponseMethod,
        Choice(NONRESPONSE),
        Option("--nonresponse"),
        Title("Nonresponse"),
        Help(
            "`classes` raises the weights of respondents to those of all rows of their response "
            "class; `rake` and `regression` calibrate them to the whole sample's estimates of "
            "`columns`; `known_totals` leaves that to `calibrate`."
        ),
    ]
    columns: Annotated[
        tuple[str, ...],
        Items(ColumnName(), most=MAX_RESPONSE_COLUMNS),
        Option("--response-column"),
        Title("Response columns"),
        Help("The columns of the response classes, or whose totals are reproduced."),
    ] = ()
    responded: Annotated[
        str | None,
        ColumnName(),
        Title("Answered column"),
        Help(
            "A row with a value of this column responded. By default a row that the upload or the "
            "findings have."
        ),
    ] = None
    least: Annotated[
        int,
        Count(Bounds(1, 1_000_000)),
        Option("--least-respondents"),
        Title("Respondents of a class, at least"),
        Help("The respondents that each response class needs."),
    ] = DEFAULT_RESPONDENTS
    small_classes: Annotated[
        SmallClasses,
        Choice(SMALL_CLASSES),
        Help(
            "Refuse classes with fewer respondents, or merge each with the class whose response "
            "rate is nearest."
        ),
    ] = "fail"
