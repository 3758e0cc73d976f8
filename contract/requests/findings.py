"""The requests of an audit: findings, replacements, the auditor's conclusion, and the review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from contract.declarations import Help, Option, Request
from contract.fields import (
    Bounds,
    Choice,
    ColumnName,
    Count,
    Flag,
    Items,
    Name,
    Part,
    Text,
    Upload,
)
from contract.requests.evaluate import EvaluationRequest
from contract.requests.pages import PageRequest
from contract.words import (
    CAUSES,
    ITEM_FILTERS,
    OUTCOMES,
    REVIEW_ACTIONS,
    ItemFilter,
    ListFormat,
    Outcome,
    ReviewAction,
)

MAX_NOTE = 2000
MAX_ATTRIBUTES = 20
MAX_ATTRIBUTE_NAME = 100
MAX_FINDINGS = 1000
MAX_SEARCH = 200
"""Characters."""
MAX_SHOWN = 20
"""Columns of the findings."""
MAX_CONCLUSION = 10_000
"""Characters."""
MAX_ATTACHMENT_BYTES = 32 * 1024**2
MAX_ATTACHMENTS = 5_000
"""Of a sample, removed ones too. A verifier takes 10,000 files, with papers and certificates."""

MAX_ROW_ID = 300
RowId = Annotated[str, Text(1, MAX_ROW_ID)]


class FindingRequest(Request):
    """A finding to enter about a row."""

    aliases: ClassVar[Mapping[str, str]] = {"_logical_row_id": "row_id"}

    row_id: RowId
    outcome: Annotated[
        Outcome,
        Choice(OUTCOMES),
        Help(
            "`not_applicable`: the row doesn't belong to the population examined. "
            "`not_examinable`: it could not be examined, which counts as an exception."
        ),
    ]
    audit_value: Annotated[
        str | None,
        Text(1, 60),
        Help("The value found right, as decimal digits, such as `1234.56`."),
    ] = None
    note: Annotated[str, Text(0, MAX_NOTE)] = ""
    previous_id: Annotated[
        int | None,
        Count(Bounds(least=0)),
        Help(
            "The newest entry about the row that you have seen, 0 if none: if there is a newer "
            "one, the response is 409 `finding_changed`, and nothing is entered."
        ),
    ] = None
    deviations: Annotated[
        tuple[str, ...],
        Items(Text(), MAX_ATTRIBUTES),
        Help(
            "Of an exception: the tested attributes from which the row deviates. Needed if the "
            "sample has attributes."
        ),
    ] = ()
    cause: Annotated[
        str | None,
        Choice(CAUSES),
        Help("Of an exception, or a row that can't be examined: why."),
    ] = None
    cause_text: Annotated[str, Text(0, MAX_NOTE), Help("The cause in words.")] = ""


class FindingsRequest(Request):
    """Findings about rows of a sample."""

    findings: Annotated[
        tuple[FindingRequest, ...],
        Items(Part(FindingRequest), MAX_FINDINGS, least=1),
        Help("All are entered, or none. A body may also be one finding."),
    ]

    @classmethod
    def reshaped(cls, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """One finding instead of a list is one, too."""
        is_finding = not data.keys().isdisjoint(("row_id", "_logical_row_id", "outcome"))
        return {"findings": [data]} if is_finding and "findings" not in data else data


class FindingsListRequest(PageRequest):
    """A page of the rows to examine, or an entry list."""

    show: Annotated[
        ItemFilter,
        Choice(ITEM_FILTERS),
        Help(
            "`open`: rows without a finding. `exceptions`: rows with an exception, or that can't "
            "be examined. `mine`: rows whose newest finding is yours. `missing`: exceptions "
            "without a cause, or without an audit value where the sample is evaluated by amounts."
        ),
    ] = "all"
    row_id: Annotated[str | None, Text(1, MAX_ROW_ID), Option("--row"), Help("Only this row.")] = (
        None
    )
    search: Annotated[
        str,
        Text(0, MAX_SEARCH),
        Help(
            "A text that a shown column, the row id, a note or the words of a cause contain, in "
            "any case; or a number that a shown column or the audit value equals."
        ),
    ] = ""
    order_by: Annotated[
        str | None,
        ColumnName(),
        Help(
            "A column of the sample, or `outcome`, `audit_value`, `note` or `entered` (with an "
            "underscore before it if the table has such a column). Missing values are last. By "
            "default the order of the draw, then replacements."
        ),
    ] = None
    order_desc: Annotated[bool, Flag(), Option("--desc"), Help("Sort in descending order.")] = False

    format: Annotated[
        Literal["json", ListFormat],
        Choice.of(Literal["json", ListFormat]),
        Option(None),
        Help(
            "`xlsx` and `csv` are entry lists: all rows that can get a finding, whatever the other "
            "fields are."
        ),
    ] = "json"


class FindingsHistoryRequest(PageRequest):
    """A page of the entries about rows."""

    aliases: ClassVar[Mapping[str, str]] = {"row": "row_id"}

    row_id: Annotated[
        str | None, Text(1, MAX_ROW_ID), Help("By default entries about all rows.")
    ] = None


class AttributesRequest(Request):
    """The attributes to test."""

    attributes: Annotated[
        tuple[str, ...],
        Items(Name(most=MAX_ATTRIBUTE_NAME), MAX_ATTRIBUTES),
        Help("What each row is tested for, such as `approved`; [] for none."),
    ]


class ShownColumnsRequest(Request):
    """The columns to show of each row."""

    columns: Annotated[
        tuple[str, ...],
        Items(ColumnName(), MAX_SHOWN),
        Help(
            "Columns of the sample in the order in which they are shown, after those of the row "
            "key; [] for the default."
        ),
    ]


class ReplacementRequest(Request):
    """A row of a sample to replace."""

    aliases: ClassVar[Mapping[str, str]] = {"_logical_row_id": "row_id"}

    row_id: RowId
    reason: Annotated[str, Text(1, MAX_NOTE)]


class AttachmentRequest(Request):
    """A file to attach to a row of a sample, or to the sample."""

    file: Annotated[Any, Upload(), Help("Any file of at most 32 MiB.")]
    row_id: Annotated[
        str | None,
        Text(1, MAX_ROW_ID),
        Help("The row, by its row id or its key. By default the file is attached to the sample."),
    ] = None
    note: Annotated[str, Text(0, MAX_NOTE), Help("What the file shows.")] = ""


class AttachmentsListRequest(PageRequest):
    """A page of the attachments of a sample."""

    aliases: ClassVar[Mapping[str, str]] = {"row": "row_id"}

    row_id: Annotated[
        str | None, Text(1, MAX_ROW_ID), Help("By default those of the sample and all rows.")
    ] = None
    removed: Annotated[bool, Flag(), Help("Whether removed ones are listed, too.")] = False


class RemovalRequest(Request):
    """The removal of an attachment."""

    reason: Annotated[str, Text(1, MAX_NOTE)]


class ConclusionRequest(Request):
    """The auditor's conclusion."""

    text: Annotated[str, Text(0, MAX_CONCLUSION), Help("Empty: no conclusion.")]


class ReviewRequest(Request):
    """A step of a review."""

    action: Annotated[ReviewAction, Choice(REVIEW_ACTIONS)]
    note: Annotated[str, Text(0, MAX_NOTE)] = ""
    previous_id: Annotated[
        int | None,
        Count(Bounds(least=0)),
        Help(
            "The newest step of the review that you have seen, 0 for none. If there is a newer "
            "one, the response is 409 `review_changed`, and no step is taken."
        ),
    ] = None
    evaluation: Annotated[
        EvaluationRequest | None,
        Part(EvaluationRequest),
        Help(
            "Of `signed_off`: the evaluation that was reviewed. Its parameters and conclusion are "
            "kept. By default that of the plan, if it is possible."
        ),
    ] = None
    accept_missing: Annotated[
        bool | None,
        Flag(),
        Help(
            "Of `submitted`, if findings lack a cause, in a sample by monetary units an audit "
            "value, or a replacement for a row that isn't applicable: false refuses the step with "
            "the rows, 409 `details_missing`; true leaves them out for the reason in `note`. By "
            "default they are left out without one."
        ),
    ] = None
