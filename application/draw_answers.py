"""What a draw would draw, and the rows of a small one."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from application.excluding import ExclusionFacts
from contract.declarations import Help
from contract.requests.draw import OrderJson
from lazy_dataclasses import dataclass
from sampling_engine.errors import DrawWarning
from service.draw_engines import EngineChoice
from service.sampling_parameters import SeededRound


class GroupAmounts(TypedDict):
    """Sums of the amounts of a stratum or cluster, as exact decimal texts."""

    total: str
    drawn: str | None


class PlannedGroup(TypedDict):
    """The rows of a stratum or cluster."""

    key: Annotated[dict[str, str | None], Help("The value of each column.")]
    label: str | None
    rows: int
    requested: int
    allocated: int
    amount: NotRequired[GroupAmounts]


class AmountSums(TypedDict):
    """Sums of the amount column, as exact decimal texts."""

    column: str
    total: Annotated[str, Help("Of the rows that can be drawn.")]
    drawn: Annotated[
        str | None,
        Help(
            "Of the drawn rows; in a plan the expected amount, null where rows have unequal "
            "probabilities."
        ),
    ]
    coverage: Annotated[
        float | None, Help("drawn by total; negative amounts count against positive ones.")
    ]
    absolute_total: Annotated[str, Help("total of the amounts without their signs.")]
    absolute_drawn: Annotated[str | None, Help("drawn of the amounts without their signs.")]
    absolute_coverage: Annotated[float | None, Help("absolute_drawn by absolute_total.")]


class RowsOfMoney(TypedDict):
    """Rows and the sum of their amounts."""

    rows: int
    total: Annotated[str, Help("An exact decimal text.")]


class MoneyPopulations(TypedDict):
    """The populations and units of a round by monetary units; every eligible row is in a figure."""

    book_column: str
    minor_unit: Annotated[str, Help("The smallest unit of the amounts, such as 0.01.")]
    population: str
    selection: str
    order: str
    positive: RowsOfMoney
    zero: RowsOfMoney
    negative: RowsOfMoney
    missing_rows: Annotated[int, Help("Eligible rows without an amount.")]
    audited: Annotated[RowsOfMoney, Help("The population; its amounts without signs.")]
    take_all: Annotated[RowsOfMoney, Help("Rows of at least the interval: always drawn.")]
    interval: Annotated[
        str | None, Help("The amount by selected unit; null where all rows are drawn.")
    ]
    units: Annotated[int, Help("Selected units outside the take-all rows.")]
    near_interval_share: Annotated[
        float | None,
        Help(
            "Of a fixed interval: the share that rows of half an interval or more have of the "
            "money outside the take-all rows. Above a third, limits can cover far less than they "
            "say."
        ),
    ]
    regularity: Annotated[
        float | None,
        Help(
            "Of a fixed interval: the variance of the selected units of equal wrong rows, beyond "
            "that of units drawn one by one and in multiples of it, because amounts are nearly "
            "equal parts of the interval. Above 0.025, limits can cover far less than they say."
        ),
    ]


class DividedPart(TypedDict):
    """A part among which a round divides rows; what only written rows give is null in a plan."""

    name: Annotated[str, Help("The name of its table.")]
    share: Annotated[float, Help("The requested share.")]
    u_from: Annotated[float, Help("The smallest u of its rows, unless sizes are exact.")]
    u_to: Annotated[float, Help("The u below which its rows are, unless sizes are exact.")]
    rows: int
    share_of_rows: float | None
    standard_error: Annotated[
        float | None,
        Help("Of the share, as keys or groups fall into the part by chance; null of exact sizes."),
    ]
    groups: Annotated[int | None, Help("The groups that stay together.")]
    largest_group: Annotated[int | None, Help("The rows of the largest of them.")]


class DividedStratum(TypedDict):
    """The rows of a stratum in each part."""

    key: Annotated[dict[str, str | None], Help("The value of each column.")]
    rows: int
    parts: Annotated[list[int], Help("In the order of the parts.")]


class DivisionCheck(TypedDict):
    """What was computed from the written tables; null is unchecked."""

    missing_rows: Annotated[int, Help("Eligible rows that no part has.")]
    repeated_rows: Annotated[int, Help("Rows that the parts have more than once.")]
    keys_in_two_parts: int | None
    groups_in_two_parts: int | None


class RowDivision(TypedDict):
    """How a round divides all eligible rows among parts."""

    parts: list[DividedPart]
    key: Annotated[list[str] | None, Help("The columns of the row key.")]
    group: Annotated[str | None, Help("The column whose rows stay together.")]
    exact: bool
    rows_moved_by_exact: Annotated[
        int | None, Help("Rows that would be in another part without exact sizes.")
    ]
    strata: list[DividedStratum]
    strata_count: int
    check: DivisionCheck | None


class PlannedRound(SeededRound):
    """The plan of a round; strata or clusters for the methods that have them."""

    eligible_rows: int
    rows_planned: int
    margin_of_error: float | None
    warnings: list[str]
    warning_templates: list[DrawWarning]
    strata: NotRequired[list[PlannedGroup]]
    strata_count: NotRequired[int]
    clusters: NotRequired[list[PlannedGroup]]
    clusters_count: NotRequired[int]
    uncovered_rows: NotRequired[
        Annotated[int, Help("Eligible rows of strata from which no row is drawn.")]
    ]
    amount: NotRequired[AmountSums]
    monetary_unit: NotRequired[MoneyPopulations]
    division: NotRequired[RowDivision]
    order: NotRequired[Annotated[OrderJson, Help("The keyed order, settled.")]]


@dataclass(frozen=True, kw_only=True)
class PlannedOutput:
    """The ref that a sample would get, and whether this or another draw has it."""

    output_ref: Annotated[str | None, Help("The ref of the request's output_name.")]
    output_ref_taken: Annotated[
        bool, Help("Whether another job has that ref: the job would get a 409.")
    ] = False
    earlier_job_id: Annotated[str | None, Help("The earlier job of the same request and name.")] = (
        None
    )


@dataclass(frozen=True, kw_only=True)
class DrawPlan(PlannedOutput):
    """What a draw would draw."""

    dataset_id: int
    commit_id: str
    table_key: str
    source_rows: int
    total_rows: Annotated[int, Help("Rows that all rounds would draw.")]
    rounds: list[PlannedRound]
    amount_column: str | None
    engine: EngineChoice
    excluded: Annotated[
        ExclusionFacts | None,
        Help(
            "The rows that the filters `new_since` and `not_drawn_by` exclude. `source_rows` and "
            "`eligible_rows` are of the other rows."
        ),
    ]
    warnings: Annotated[list[str], Help("On the whole draw, one sentence each.")]
    warning_templates: list[DrawWarning]
    hints: Annotated[
        dict[str, Any] | None,
        Help("Columns that suit a sampling design, once the table is profiled."),
    ]


@dataclass(frozen=True, kw_only=True)
class DrawnAtOnce:
    """The rows of a small draw."""

    dataset_id: int
    commit_id: str
    table_key: str
    data: list[dict[str, Any]]
    columns: list[str]
    strata_counts: list[dict[str, Any]]
    metadata: dict[str, Any]
