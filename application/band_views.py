"""A column's histogram and bands with rows and sums, for an editor of the breaks."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from application.table_views import TableView, column_summaries
from parquet_tables.tables import Column
from profiling_engine.columns.summaries import histogram_edges
from sampling_engine.amounts import add, amount_text
from sampling_engine.frame import BandTotals, band_totals
from sampling_engine.methods.parameters import found_column
from sampling_engine.selection.bands import Bands, band_column, banded_family, break_key
from service.service import Service
from service.tables.open_tables import OpenTable


def band_view(
    service: Service,
    table: OpenTable,
    view: TableView | None,
    name: str,
    breaks: Sequence[str],
    amount_name: str | None,
) -> dict[str, Any]:
    """The histogram of a view's column, and the bands between ``breaks``, as JSON.

    One count over the edges of both gives the two. Without an amount column a column of numbers
    is its own.
    """
    column = found_column(table.files, name, ("query", "column"))
    banded_family(column, ("query", "column"))
    summary = column_summaries(service, table, view, (column,))[0]
    largest = max((part["rows"] for part in summary["parts"]), default=0)
    has_long_tail = summary["clipped"] or largest > (summary["rows"] - summary["missing"]) / 2
    edges = histogram_edges(column, summary["minimum"], summary["maximum"], long_tail=has_long_tail)
    if breaks:
        band_column(column, Bands(name, tuple(breaks)), ("query",))
    amount = table.files.column(amount_name) if amount_name else column
    has_amount = amount_name is not None or column.data_type.is_number
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
    return {
        "commit_id": table.commit_id,
        "table_key": table.name,
        "column": column.name,
        "type": column.type,
        "rows": summary["rows"],
        "minimum": summary["minimum"],
        "maximum": summary["maximum"],
        "amount_column": amount.name if has_amount else None,
        "missing": _part("Missing", amount, totals, None) if totals else None,
        "bins": _parts(column, edges, amount, totals, places),
        "bands": _parts(column, breaks, amount, totals, places) if breaks else [],
    }


def _parts(
    column: Column,
    edges: Sequence[str],
    amount: Column,
    totals: BandTotals | None,
    places: Sequence[Any],
) -> list[dict[str, Any]]:
    """The bands between ``edges``, with sums over the smaller bands of ``totals``."""
    if totals is None or not edges:
        return []
    cuts = [places.index(break_key(column, edge)) + 1 for edge in edges]
    ranges = zip([0, *cuts], [*cuts, len(totals.rows)], strict=True)
    labels = band_column(column, Bands(column.name, tuple(edges)), ()).labels
    limits = zip([None, *edges], [*edges, None], strict=True)
    parts: list[dict[str, Any]] = []
    rows_so_far, so_far = 0, Decimal(0)
    for label, (low, high), (first, stop) in zip(labels, limits, ranges, strict=True):
        part = _part(label, amount, totals, slice(first, stop))
        rows_so_far += part["rows"]
        if totals.amounts is not None:
            so_far = add((so_far, add(totals.amounts[first:stop])))
            part["cumulated_sum"] = amount_text(amount, so_far)
        parts.append({**part, "low": low, "high": high, "cumulated_rows": rows_so_far})
    return parts


def _part(label: str, amount: Column, totals: BandTotals, bands: slice | None) -> dict[str, Any]:
    """Rows and sum of some bands, or of the rows without a value."""
    rows = totals.missing if bands is None else sum(totals.rows[bands])
    part: dict[str, Any] = {"label": label, "rows": rows}
    if totals.amounts is not None and totals.missing_amount is not None:
        total = totals.missing_amount if bands is None else add(totals.amounts[bands])
        part["sum"] = amount_text(amount, total)
    return part
