"""Suggested bands of a number, with the sizes of a sample from them: a round ready to draw."""

from __future__ import annotations

from dataclasses import replace

from application.estimation.size_answers import SizeAnswer, StrataAnswer
from application.estimation.sizing import size_for_goals
from contract.fields import DEFAULT_CONFIDENCE
from contract.requests.size import SizeRequest, StrataRequest
from domain_errors import relocated
from estimation_engine import InvalidGoal
from estimation_engine.planning.bands import BandHistogram, band_breaks, round_breaks
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import Column
from sampling_engine import RandomMethod, StratifiedMethod
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import InvalidMethod, InvalidStrata
from sampling_engine.frame import FineHistogram, fine_histogram
from sampling_engine.rounds import eligible_rows
from service.sampling_parameters import DrawRule, engine_rounds
from service.service import Service
from service.tables.open_tables import OpenTable

FIRST_SIZE = 400
"""The rows for which a take-all band is first looked for, until a goal's size is known."""


def suggest_bands(service: Service, table: OpenTable, request: StrataRequest) -> StrataAnswer:
    """Breaks by a rule, and the sizes of the bands.

    Raises
    ------
    DomainError
        The column holds no numbers or does not vary, or the goal can't be reached.
    """
    column = table.files.column(request.column, ("column",))
    if not column.data_type.is_number:
        raise InvalidMethod(
            'Bands are suggested for a column of numbers; "{column}" is of type {type}.',
            column=column.name,
            type=column.type,
            loc=("column",),
        )
    histogram = _histogram(service, table, request, column)
    size = request.sample_size
    breaks, takes_last = _breaks(histogram, request, column, size or FIRST_SIZE)
    needed = 2 * (len(breaks) + 2)  # with the missing values
    if size is not None and size < needed:
        raise InvalidGoal(
            "{rows} rows are too few for {bands} bands, which take two each: draw {needed} or "
            "more, or ask for fewer bands.",
            rows=size,
            bands=request.bands,
            needed=needed,
            loc=("sample_size",),
        )
    try:
        answer = _sized(service, table, request, breaks, takes_last=takes_last)
    except InvalidGoal as error:
        if error.loc != ("budget",) or not takes_last:
            raise
        # Round breaks make a band a little larger, here than the whole sample.
        takes_last = False
        answer = _sized(service, table, request, breaks, takes_last=takes_last)
    if request.goal is not None and request.take_all:
        # The take-all band follows the size that the goal needs.
        again = _breaks(histogram, request, column, answer.sample_size)
        if again != (breaks, takes_last):
            other = _sized(service, table, request, again[0], takes_last=again[1])
            if other.sample_size < answer.sample_size:
                (breaks, takes_last), answer = again, other
    labels = [each.label for each in answer.strata or () if each.label != "NULL"]
    if histogram.low >= 0.0 and histogram.high <= 1.0:
        note = (
            f"{column.name} is from 0 to 1. If it is the probability of a condition, divide the "
            f"sample by guessed rates: `allocation` neyman with `rate_column` {column.name}."
        )
        answer = replace(answer, notes=[*answer.notes, note])
    return StrataAnswer(
        **vars(answer),
        column=column.name,
        rule=request.rule,
        breaks=breaks,
        take_all=labels[-1] if takes_last else None,
    )


def _histogram(
    service: Service, table: OpenTable, request: StrataRequest, column: Column
) -> FineHistogram:
    parameters = {"sample_size": 1, "seed": 0}
    given = {"round_number": 1, "method": RandomMethod.key, "parameters": parameters}
    if request.filters:
        given["filters"] = request.filters
    with relocated(lambda loc: loc[2:]):
        (round_spec,) = engine_rounds([given], table.files, DrawRule())
    with service.parquet.cursor(table.files) as cursor:
        state = DrawState(cursor, table.files, counts_dir=service.directory.counts_dir)
        eligible = eligible_rows(state, round_spec, ignore_progress)
        found = fine_histogram(eligible, column, ignore_progress) if eligible.total else None
    if found is None:
        raise InvalidStrata(
            'The column "{column}" has fewer than two different values in the rows to choose from, '
            "so it makes no bands.",
            column=column.name,
            loc=("column",),
        )
    return found


def _breaks(
    found: FineHistogram, request: StrataRequest, column: Column, size: int
) -> tuple[list[float | int], bool]:
    """Round breaks, and whether the last band is to be taken whole."""
    histogram = BandHistogram(found.edges, found.rows.astype(float))
    edges, takes_last = band_breaks(
        histogram, request.bands, request.rule, size=size, take_all=request.take_all
    )
    breaks = round_breaks(edges, found.low, found.high)
    if "INT" in column.type:
        return sorted({round(each) for each in breaks}), takes_last
    return [int(each) if each.is_integer() else each for each in breaks], takes_last


def _sized(
    service: Service,
    table: OpenTable,
    request: StrataRequest,
    breaks: list[float | int],
    *,
    takes_last: bool,
) -> SizeAnswer:
    """The sizes of the bands for the goal, or of the rows to draw."""
    bands = {"column": request.column, "breaks": breaks}
    parameters = {"strata_columns": [bands], "sample_size": 1}
    design = {"method": StratifiedMethod.key, "parameters": parameters}
    if request.filters:
        design |= {"filters": request.filters}
    goal = {"statistic": "total", "confidence": DEFAULT_CONFIDENCE, "column": request.column}
    return size_for_goals(
        service,
        table,
        SizeRequest(
            goal={**goal, **(request.goal or {})},
            design=design,
            allocation="optimal",
            budget=None if request.sample_size is None else float(request.sample_size),
            takes_last=takes_last,
        ),
    )
