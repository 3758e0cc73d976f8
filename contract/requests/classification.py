"""Requests for the figures of a flag against the truth: precision, recall and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from contract.declarations import Help, Option, Request, Title
from contract.fields import (
    ColumnName,
    OneOrMore,
    Part,
    Scalar,
    ValuesKind,
    Written,
)
from contract.requests.estimate import (
    By,
    ConfidenceRequest,
    IntervalRequest,
    OnlyRows,
    VarianceRequest,
)

MAX_CLASS_VALUES = 50
DEFAULT_INTERVAL, DEFAULT_VARIANCE = IntervalRequest(), VarianceRequest()


class ClassificationRequest(ConfidenceRequest, Request):
    """A column with the truth and a column with a flag, such as a model's or a rule's."""

    aliases: ClassVar[Mapping[str, str]] = {"where": "filters"}

    truth: Annotated[
        str,
        ColumnName(),
        Help("The column with the truth, as people found it: true or false, 0 or 1, or a class."),
    ]
    flagged: Annotated[
        str,
        ColumnName(),
        Title("Flag of the model"),
        Help(
            "The column of the model or rule: true or false, 0 or 1, a number with a `threshold`, "
            "or a class."
        ),
    ]
    threshold: Annotated[
        float | None,
        Written(),
        Help("Of a number: rows are flagged from this value on."),
    ] = None
    flagged_value: Annotated[
        tuple[Any, ...],
        OneOrMore(Scalar(), most=MAX_CLASS_VALUES),
        Title("Flagged values"),
        Help("The values of `flagged` that are a flag, if it isn't true or 1."),
    ] = ()
    positive: Annotated[
        tuple[Any, ...],
        OneOrMore(Scalar(), most=MAX_CLASS_VALUES),
        Title("Bad values"),
        Help(
            "The values of `truth` that count as bad, if it isn't true or 1. Without it and "
            "`flagged_value`, two columns of texts are compared class by class."
        ),
    ] = ()
    amount_column: Annotated[
        str | None,
        ColumnName(),
        Option("--amount"),
        Title("Amount"),
        Help("A column of numbers, whose total over the missed rows is estimated."),
    ] = None
    by: By = ()
    filters: OnlyRows = None
    values: Annotated[
        str | int,
        ValuesKind(),
        Help(
            "`table`; `latest` or the number of an upload; `findings`; or `answers`. As in "
            "estimates: columns from outside and of the table can be named."
        ),
    ] = "table"
    book_column: Annotated[
        str | None,
        ColumnName(),
        Option("--book"),
        Title("Book values"),
        Help("For `findings`: the column of book values."),
    ] = None
    interval: Annotated[IntervalRequest, Part(IntervalRequest)] = DEFAULT_INTERVAL
    variance: Annotated[VarianceRequest, Part(VarianceRequest)] = DEFAULT_VARIANCE
