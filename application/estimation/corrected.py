"""Estimates of answers with the readers' errors in their intervals, by second readings.

The values of an estimate are the answers that count: the decision where two readings differ, else
the first reading. So in a row with a second reading they are the resolved answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from application.audit.finding_values import answer_values
from application.audit.state import ordinal_of
from application.estimation.figures import CorrectedFigure, FigureEstimate, PlainEstimate
from application.estimation.sample_rows import SampledValues
from application.estimation.value_sources import FROM_ENTRIES, ValueSource, with_values
from application.estimation.weighting import Weighted
from application.review.readings import Readings, readings_of
from contract.requests.estimate import EstimatesRequest
from domain_errors import counted
from estimation_engine import EstimateSettings, Statistic, read_values
from estimation_engine.reading import ReadSample
from estimation_engine.two_phase import (
    CORRECTED,
    LEAST_READINGS,
    CorrectedEstimate,
    SecondPhase,
    correct,
)
from parquet_tables.tables import TableFiles
from service.sampling_parameters import parse_filter
from service.service import Service
from service.tables.open_tables import open_sample
from storage.jobs.jobs import JobRecord

FEW_DIFFERING = 10
"""With fewer differing rows the assumed one makes intervals wider than readers' errors do."""
WHY = (
    "The interval of an estimate takes the answers as right, so it holds the truth less often than "
    "it says if readers err. That of `corrected` contains their errors: the rows with second "
    "readings are the second phase of a two-phase sample (Särndal, Swensson and Wretman 1992, "
    "section 9.7). It assumes that their resolved answers are the truth, so an error that both "
    "readers make isn't seen."
)


def with_second_readings(
    service: Service,
    job: JobRecord,
    request: EstimatesRequest,
    sampled: SampledValues,
    statistics: Sequence[Statistic],
    settings: EstimateSettings,
    weights: Weighted,
    estimates: list[FigureEstimate],
) -> tuple[list[FigureEstimate], list[str]]:
    """Add corrected figures to estimates of answers, if rows were read twice; and notes.

    Parameters
    ----------
    sampled : SampledValues
        The answers that count.
    statistics : sequence of Statistic
        Those of the request.
    """
    if request.values not in FROM_ENTRIES or sampled.values_from is None:
        return estimates, []
    readings = readings_of(service, job)
    answers = {column.name for column in sampled.values_from.columns}
    twice = readings.read_twice
    if readings.is_audit or not twice:
        return estimates, []
    refusal = _refusal(request, readings, sampled.sample, answers)
    if refusal is not None:
        return estimates, [refusal]
    design, ordinals, read = sampled.design.design, sampled.design.ordinals, sampled.read
    first = _first_answers(service, job, sampled, statistics, readings)
    places = np.searchsorted(ordinals, sorted(ordinal_of(row_id) for row_id in twice))
    groups, figures, left_out = len(read.keys), list(estimates), 0
    for at, (asked, x, y) in enumerate(
        zip(request.statistics, first.values, read.values, strict=True)
    ):
        if asked.statistic not in CORRECTED or asked.value is None or asked.column not in answers:
            continue
        if weights.response is not None:
            x = replace(x, present=x.present & weights.response.model.responded)
        has_both = x.present[places] & y.present[places]
        left_out = max(left_out, int((x.present[places] != y.present[places]).sum()))
        rows = places[has_both]
        second = SecondPhase(rows, y.y[rows])
        found = correct(design, x, read.domains, second, settings, weights.of_figure(at))
        for group, each in enumerate(found):
            place = at * groups + group
            figures[place] = replace(figures[place], corrected=_figure(each, len(rows)))
    if all(each.corrected is None for each in figures):
        return estimates, ["Second readings correct means, totals and shares of answers alone."]
    notes = [WHY]
    if left_out:
        notes.append(
            f"In {counted(left_out, 'row')} one of the first and the resolved reading has no "
            "answer. Corrections leave such rows out."
        )
    return figures, notes


def _refusal(
    request: EstimatesRequest, readings: Readings, sample: TableFiles, answers: set[str]
) -> str | None:
    """Why no figure is corrected."""
    waiting = sum(readings.differ(row_id) for row_id in readings.read_twice)
    if waiting:
        return (
            "Second readings correct no figure yet: "
            f"{counted(waiting, 'differing row waits', 'differing rows wait')} for a decision."
        )
    if request.replicates != "none":
        return "Figures whose errors are by replicate weights aren't corrected by second readings."
    named = set(request.by)
    if request.contrast is not None and request.contrast.between is not None:
        named.add(request.contrast.between.by)
    if request.filters is not None:
        parsed = parse_filter(request.filters, sample, ("filters",))
        named |= {column.name for column in parsed.columns}
    if named & answers:
        return (
            "Groups and filters by answers depend on the readers, so second readings don't "
            "correct these figures."
        )
    return None


def _first_answers(
    service: Service,
    job: JobRecord,
    sampled: SampledValues,
    statistics: Sequence[Statistic],
    readings: Readings,
) -> ReadSample:
    """The values of the first readings, of all rows."""
    entries = [readings.of(row_id).first for row_id in readings.row_ids]
    found = answer_values(service, job, readings, entries)
    stored = open_sample(service, job).files
    sample, relation = with_values(stored, ValueSource(found.columns, found.relation))
    with service.parquet.cursor(sample) as cursor:
        return read_values(cursor, relation, sampled.design.ordinals, statistics, [], None)


def _figure(found: CorrectedEstimate, readings: int) -> CorrectedFigure:
    return CorrectedFigure(
        **vars(PlainEstimate.of(found)),
        df=found.degrees,
        first_answers=found.first,
        correction=found.correction,
        correction_standard_error=found.correction_error,
        second_readings=found.readings,
        differing=found.differing,
        note=_note(found, readings),
    )


def _note(found: CorrectedEstimate, readings: int) -> str:
    """What a corrected figure rests on; ``readings`` are those of all groups."""
    twice = counted(found.readings, "second reading")
    if found.readings < LEAST_READINGS:
        return f"Not corrected: the group has {twice}, and needs {LEAST_READINGS}."
    changed = f"{twice}, of which {found.differing:,} changed the value."
    if found.differing < FEW_DIFFERING and found.correction_error:
        changed += (
            f" So few may be chance: the interval counts one more among {readings:,} (Agresti and "
            "Min 2005), and is rather too wide than too narrow."
        )
    if found.is_cut:
        changed += " The correction leads beyond 0 or 1, where the share is cut."
    return changed
