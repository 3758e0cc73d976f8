"""The weights of a request: nonresponse, calibration and replicates, from a sample's design."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from application.estimation.calibrating import (
    CalibrationFacts,
    CalibrationFrame,
    FigureDomains,
    FoundCalibration,
    either,
    find_calibration,
)
from application.estimation.judging import find_judges
from application.estimation.known_totals import Census, outside_totals
from application.estimation.monetary_selection import drawable
from application.estimation.nonresponse import FoundResponse, NonresponseFacts, find_response
from application.estimation.sample_rows import (
    NamedColumn,
    OpenedSample,
    is_of_table,
    require_in_every_round,
    require_of_table,
)
from contract.requests.estimate import CalibrateRequest, EstimatesRequest
from contract.requests.weights import WeightsRequest
from contract.words import WITHOUT_WEIGHTS
from domain_errors import located
from estimation_engine import Adjustment, Calibration, Difference, InvalidCalibration
from estimation_engine.arrays import Floats
from estimation_engine.replicates import ReplicateFacts, Replicates, bootstrap, jackknife
from estimation_engine.weighting import ReplicateWeights, WeightSteps, replicate_weights
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, TableFiles
from sampling_engine import Round, StratifiedMethod
from service.tables.sample_design import SampleDesign

WeightingRequest = EstimatesRequest | WeightsRequest
"""The requests that say how a sample is weighted."""


@dataclass(frozen=True)
class Weighted:
    """The weights of a sample by a request.

    Parameters
    ----------
    final : Calibration or Difference, optional
        The last step with all before it; None if the weights are those of the design.
    before : Calibration, optional
        The weights after the response alone.
    """

    request: WeightingRequest
    design: SampleDesign
    steps: WeightSteps
    response: FoundResponse | None
    calibration: FoundCalibration | None
    final: Calibration | Difference | None
    before: Calibration | None

    def of_figure(self, at: int) -> Adjustment | None:
        """What the figure at a place of the request uses besides the design."""
        if self.calibration is not None and self.calibration.judges:
            return self.calibration.judges[at]
        return self.final

    @property
    def weights(self) -> Floats:
        """The final weights, shape (rows,)."""
        if isinstance(self.final, Calibration):
            return self.final.calibrated_weights
        return self.design.design.weights

    @property
    def rows_by_outside_totals(self) -> float | None:
        """The rows that the weights add up to by known totals; None unless these are outside's.

        A ratio fixes another total than the rows.
        """
        found, calibrate = self.calibration, self.request.calibrate
        if found is None or found.source == "table" or calibrate is None:
            return None
        return None if calibrate.method == "ratio" else float(self.weights.sum())

    @property
    def degrees(self) -> int:
        """Degrees of freedom; with nonresponse also of respondents in strata drawn whole."""
        design = self.design.design
        if self.response is None:
            return design.degrees
        rows = np.flatnonzero(self.response.model.responded)
        return design.degrees + int(design.whole_degrees(rows, np.zeros_like(rows), 1)[0])

    def replicated(self) -> tuple[ReplicateWeights, ReplicateFacts] | None:
        """The replicates of the final weights; None if there are to be none.

        Raises
        ------
        InvalidReplicates, LonelyStratum
            There can't be such replicates.
        """
        if self.request.replicates == "none":
            return None
        calibrate = self.request.calibrate
        if calibrate is not None and calibrate.method in WITHOUT_WEIGHTS and self.calibration:
            raise InvalidCalibration(
                "A calibration by {method} has no replicate weights: choose `ratio` or "
                "`regression`.",
                method=calibrate.method,
                loc=("calibrate", "method"),
            )
        kind, seed = self.request.replicates, self.request.replicate_seed
        design = self.design.design
        with located(("replicates",), always=True):
            made: Replicates
            if kind == "jackknife":
                made = jackknife(design)
            else:
                made = bootstrap(design, self.request.replicate_count, seed)
            found = replicate_weights(design.weights, self.steps, made, kind, seed)
        facts = ReplicateFacts(
            kind, len(found.weights), found.scale, seed if kind == "bootstrap" else None
        )
        return found, facts

    def plain_replicates(self) -> ReplicateWeights | None:
        """The replicates of the design weights, for figures without the other steps."""
        if self.request.replicates == "none":
            return None
        unweighted = Weighted(self.request, self.design, WeightSteps(), None, None, None, None)
        found = unweighted.replicated()
        return None if found is None else found[0]

    def calibration_facts(self) -> CalibrationFacts | None:
        """What an answer says about the calibration; None without one."""
        if self.calibration is None or self.request.calibrate is None:
            return None
        return self.calibration.facts(self.request.calibrate)

    def nonresponse_facts(self) -> NonresponseFacts | None:
        """What an answer says about nonresponse; None if it isn't made up for."""
        return None if self.response is None else self.response.facts


def weighted(
    database: ParquetDatabase,
    rows: OpenedSample,
    request: WeightingRequest,
    census: Census | None,
    domains: FigureDomains | None = None,
) -> Weighted:
    """Weight a sample: make up for nonresponse, then calibrate.

    Raises
    ------
    InvalidNonresponse, InvalidCalibration
        The columns or totals don't fit, or the rows can't reproduce them.
    """
    require_in_every_round(rows, _named_columns(request))
    design = rows.design.design
    response = None
    steps = WeightSteps()
    if request.nonresponse is not None:
        response = find_response(database, rows, request.nonresponse, request.calibrate)
        steps = WeightSteps(response.model)
    before = steps.calibration(design.weights)
    if request.calibrate is None:
        return Weighted(request, rows.design, steps, response, None, before, before)
    weights = design.weights if before is None else before.calibrated_weights
    found = _calibrated(
        database, rows, request.calibrate, census, weights, domains or FigureDomains()
    )
    steps = WeightSteps(steps.response, found.solve)
    final: Calibration | Difference | None = found.calibration
    if before is not None:
        final = steps.calibration(design.weights)
    return Weighted(request, rows.design, steps, response, found, final, before)


def _named_columns(request: WeightingRequest) -> list[NamedColumn]:
    """The columns of the response and of the calibration."""
    named: list[NamedColumn] = []
    if request.nonresponse is not None:
        named.append((("nonresponse", "responded"), request.nonresponse.responded))
        for at, name in enumerate(request.nonresponse.columns):
            named.append((("nonresponse", "columns", at), name))
    if request.calibrate is not None:
        for at, name in enumerate(request.calibrate.columns):
            named.append((("calibrate", "columns", at), name))
    return named


def _calibrated(
    database: ParquetDatabase,
    rows: OpenedSample,
    calibrate: CalibrateRequest,
    census: Census | None,
    weights: Floats,
    domains: FigureDomains,
) -> FoundCalibration:
    """Calibrate weights; a column has to be the table's if its total is."""
    found, table = rows.design, rows.source.files
    locs = [("calibrate", "columns", at) for at in range(len(calibrate.columns))]
    named = list(zip(calibrate.columns, locs, strict=True))
    columns = [rows.sample.column(name, loc) for name, loc in named]
    outside = outside_totals(database, calibrate, columns, census, found.design.population)
    if outside is None:
        for name, loc in named:
            require_of_table(table, found, name, loc)
    frame = CalibrationFrame(
        database,
        table,
        frame_condition(found.rounds, table),
        rows.relation,
        found.ordinals,
        found.design,
        table if outside is None else rows.sample,
        weights,
        outside,
        _strata_columns(rows),
    )
    if calibrate.method == "judge":
        return find_judges(frame, calibrate, domains)
    return find_calibration(frame, calibrate, domains)


def _strata_columns(rows: OpenedSample) -> Sequence[Column]:
    """The columns of the strata of one stratified sample; none if the sample hasn't all of them."""
    found, table = rows.design, rows.source.files
    method = found.rounds[0].method
    if not isinstance(method, StratifiedMethod) or not found.design.is_one_sample:
        return ()
    columns = method.group_columns(table)
    names = {column.name for column in rows.sample.columns}
    has_all = all(each.name in names and is_of_table(table, found, each.name) for each in columns)
    return columns if has_all else ()


def frame_condition(rounds: Sequence[Round], table: TableFiles) -> Statement | None:
    """SQL over ``f`` of the source's rows that any round could draw; None for all rows."""
    conditions: list[Statement] = []
    for spec in rounds:
        condition = drawable(spec, table)
        if condition is None:
            return None
        if condition not in conditions:
            conditions.append(condition)
    return conditions[0] if len(conditions) == 1 else either(conditions)


def replicate_notes(facts: ReplicateFacts) -> list[str]:
    """How standard errors follow from replicates."""
    seed = "" if facts.seed is None else f", seed {facts.seed}"
    return [
        f"Standard errors are by {facts.count:,} {facts.kind} replicates{seed}: the root of "
        f"{facts.scale:.10g} times the sum of the squared differences of the replicates' figures."
    ]
