"""A column's histogram and bands with rows and sums, for an editor of the breaks."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from application.table_views import TableView, column_summaries
from contract.declarations import Help
from contract.requests.tables import BandsRequest
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column
from profiling_engine.columns.summaries import histogram_edges
from sampling_engine.amounts import add, amount_text
from sampling_engine.frame import BandTotals, band_totals
from sampling_engine.selection.bands import Bands, band_column, banded_family, break_key
from service.service import Service
from service.tables.open_tables import OpenTable


@dataclass(frozen=True)
class Band:
    """Rows of a band, or without a value."""

    label: str
    row_count: int
    sum: Annotated[str | None, Help("An exact decimal text; null without an amount column.")]


@dataclass(frozen=True)
class CumulatedBand(Band):
    """A band with the bands below it."""

    low: Annotated[str | None, Help("The first value; null where the band has no lower limit.")]
    high: Annotated[
        str | None, Help("The first value above the band; null without an upper limit.")
    ]
    cumulated_row_count: Annotated[int, Help("Rows of this and all lower bands.")]
    cumulated_sum: str | None


@dataclass(frozen=True)
class BandView:
    """The histogram of a column, and its bands."""

    commit_id: str
    table_key: str
    column: str
    type: str
    row_count: int
    minimum: Any
    maximum: Any
    amount_column: Annotated[str | None, Help("The column that is added up.")]
    missing: Band | None
    bins: Annotated[list[CumulatedBand], Help("A histogram with round edges.")]
    bands: Annotated[list[CumulatedBand], Help("The bands between the breaks.")]


def band_view(
    service: Service, table: OpenTable, view: TableView | None, request: BandsRequest
) -> BandView:
    """The histogram of a view's column, and the bands between the breaks.

    One count over the edges of both gives the two. Without an amount column a column of numbers
    is its own.
    """
    name, breaks = request.column, request.breaks
    column = table.files.column(name, ("query", "column"))
    banded_family(column, ("query", "column"))
    summary = column_summaries(service, table, view, (column,))[0]
    largest = max((part.row_count for part in summary.parts), default=0)
    has_long_tail = summary.clipped or largest > (summary.row_count - summary.missing) / 2
    edges = histogram_edges(column, summary.minimum, summary.maximum, long_tail=has_long_tail)
    if breaks:
        band_column(column, Bands(name, tuple(breaks)), ("query",))
    amount = table.files.column(request.amount_column) if request.amount_column else column
    has_amount = request.amount_column is not None or column.data_type.is_number
    by_place = {break_key(column, text): text for text in (*edges, *breaks)}
    places = sorted(by_place)
    totals = None
    if places:
        totals = band_totals(
            service.parquet,
            table.files,
            Bands(name, tuple(by_place[place] for place in places)),
            row_filter=view.filter if view else None,
            amount_column=amount.name if has_amount else None,
            counts_dir=service.directory.counts_dir,
        )
    return BandView(
        table.commit_id,
        table.name,
        column.name,
        column.type,
        summary.row_count,
        summary.minimum,
        summary.maximum,
        amount.name if has_amount else None,
        _missing(amount, totals) if totals else None,
        _bands(column, edges, amount, totals, places),
        _bands(column, breaks, amount, totals, places),
    )


def _missing(amount: Column, totals: BandTotals) -> Band:
    """The rows without a value."""
    total = totals.missing_amount
    return Band("Missing", totals.missing, None if total is None else amount_text(amount, total))


def _bands(
    column: Column,
    edges: Sequence[str],
    amount: Column,
    totals: BandTotals | None,
    places: Sequence[Any],
) -> list[CumulatedBand]:
    """The bands between ``edges``, with sums over the smaller bands of ``totals``."""
    if totals is None or not edges:
        return []
    cuts = [places.index(break_key(column, edge)) + 1 for edge in edges]
    ranges = zip([0, *cuts], [*cuts, len(totals.rows)], strict=True)
    labels = band_column(column, Bands(column.name, tuple(edges)), ()).labels
    limits = zip([None, *edges], [*edges, None], strict=True)
    bands: list[CumulatedBand] = []
    rows_so_far, so_far = 0, Decimal(0)
    for label, (low, high), (first, stop) in zip(labels, limits, ranges, strict=True):
        rows = sum(totals.rows[first:stop])
        rows_so_far += rows
        own = cumulated = None
        if totals.amounts is not None:
            total = add(totals.amounts[first:stop])
            so_far = add((so_far, total))
            own, cumulated = amount_text(amount, total), amount_text(amount, so_far)
        bands.append(CumulatedBand(label, rows, own, low, high, rows_so_far, cumulated))
    return bands
