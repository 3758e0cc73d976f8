"""The request for a sample's weights as a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from contract.declarations import Help, Option, RefusedField, Request, Rule
from contract.fields import Choice, ColumnName, Flag, Items, Part, ValuesKind
from contract.requests.estimate import CalibrateRequest
from contract.requests.weighting import (
    NonresponseRequest,
    ReplicateCount,
    Replicates,
    ReplicateSeed,
)
from contract.words import WITHOUT_WEIGHTS, WeightsFormat

MAX_WEIGHTS_COLUMNS = 1_000


def _has_weights(given: Mapping[str, Any]) -> None:
    """A difference and a judge have no weights."""
    calibrate = given.get("calibrate")
    if calibrate is not None and calibrate.method in WITHOUT_WEIGHTS:
        raise RefusedField(
            "calibrate",
            f"A calibration by {calibrate.method} has no weights: choose `ratio` or `regression`.",
        )


class WeightsRequest(Request):
    """The drawn rows with their weights, as a file or as its codebook."""

    rules: ClassVar[tuple[Rule, ...]] = (_has_weights,)

    format: Annotated[
        WeightsFormat,
        Choice.of(WeightsFormat),
        Option(None),
        Help(
            "The rows as `csv`, `parquet`, Stata's `dta` or SPSS's `sav`; the codebook as `json` "
            "or `markdown`."
        ),
    ] = "json"
    columns: Annotated[
        tuple[str, ...],
        Items(ColumnName(), most=MAX_WEIGHTS_COLUMNS),
        Option("--column"),
        Help("Columns of the sample, or of the values from outside; by default all of the table."),
    ] = ()
    calibrate: Annotated[CalibrateRequest | None, Part(CalibrateRequest)] = None
    nonresponse: Annotated[
        NonresponseRequest | None,
        Part(NonresponseRequest),
        Help("How rows that didn't respond are made up for."),
    ] = None
    replicates: Annotated[
        Replicates,
        Help("Replicate weights, each calibrated again."),
    ] = "none"
    replicate_count: Annotated[ReplicateCount, Option("--count")] = 500
    replicate_seed: Annotated[ReplicateSeed, Option("--seed")] = 1
    values: Annotated[
        str | int,
        ValuesKind(),
        Option(None),
        Help(
            "`table`; the number of an upload of values, or `latest`; `findings` or `answers`: "
            "their columns can then be named."
        ),
    ] = "table"
    only_respondents: Annotated[
        bool, Flag(), Help("Leave out rows that didn't respond, whose weight is 0.")
    ] = False
