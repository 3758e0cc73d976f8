"""Nonresponse of sampled rows: who responded, response classes, and what the answer says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from application.estimation.known_totals import named, shown_keys
from application.estimation.sample_rows import OpenedSample
from contract.declarations import Help
from contract.requests.estimate import CalibrateRequest
from contract.requests.weighting import NonresponseRequest
from contract.words import NonresponseMethod
from domain_errors import counted
from estimation_engine import Statistic, TooManyGroups, is_summable, read_values
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.calibration import Response
from estimation_engine.designs.stages import sums_by
from estimation_engine.errors import InvalidNonresponse
from estimation_engine.weighting import ResponseModel
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import Column

LOC = ("nonresponse",)
COLUMNS_LOC = ("nonresponse", "columns")
FEW_RESPONDENTS = 30
"""Respondents below which the response rates themselves are a guess."""
LARGE_FACTOR = 3.0
MAX_CLASSES = 300
MAX_LISTED_CLASSES = 100


@dataclass(frozen=True, kw_only=True)
class ResponseClass:
    """The response of one group of sampled rows."""

    group: Annotated[dict[str, Any], Help("The values of its columns.")]
    n: Annotated[int, Help("Sampled rows.")]
    respondents: int
    rate: Annotated[float, Help("Respondents by sampled rows.")]
    weighted_rate: Annotated[float, Help("The same by design weights.")]
    factor: Annotated[
        float | None, Help("By which the weights of its respondents rise; null without any.")
    ]
    merged_into: Annotated[
        dict[str, Any] | None, Help("The class that it was merged into, since it is small.")
    ] = None


@dataclass(frozen=True)
class NonresponseFacts:
    """What an answer says about nonresponse."""

    method: NonresponseMethod
    columns: tuple[str, ...]
    responded: Annotated[str | None, Help("The column whose values are responses, if one was.")]
    n: Annotated[int, Help("Sampled rows.")]
    respondents: int
    rate: Annotated[float, Help("Respondents by sampled rows.")]
    weighted_rate: Annotated[float, Help("The same by design weights.")]
    factor_min: Annotated[
        float | None,
        Help("The smallest factor of a respondent's weight; null for `known_totals`."),
    ]
    factor_max: float | None
    classes: Annotated[
        Sequence[ResponseClass], Help("The first 100 response classes, or groups of each column.")
    ]


@dataclass(frozen=True)
class FoundResponse:
    """The response of a sample, with its facts, warnings and notes."""

    model: ResponseModel
    facts: NonresponseFacts
    warnings: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True, eq=False)
class _Margin:
    """Groups of the sampled rows, with their response."""

    columns: Sequence[Column]
    keys: Sequence[Mapping[str, Any]]
    cells: Ints
    rows: Ints
    respondents: Ints
    weights: Floats
    responding: Floats

    @property
    def rates(self) -> Floats:
        """The response rates by design weights, shape (groups,)."""
        return np.divide(
            self.responding, self.weights, out=np.zeros(len(self.keys)), where=self.weights > 0
        )

    def shown(self, places: Sequence[int]) -> str:
        """The first of some groups in a sentence."""
        return shown_keys([tuple(self.keys[at].values()) for at in places])


def find_response(
    database: ParquetDatabase,
    rows: OpenedSample,
    request: NonresponseRequest,
    calibrate: CalibrateRequest | None,
) -> FoundResponse:
    """Find the respondents of a sample and the model of their response.

    Raises
    ------
    InvalidNonresponse
        A column doesn't fit, or a class has too few respondents.
    """
    design = rows.design.design
    responded = _responded(database, rows, request)
    respondents = int(responded.sum())
    if not respondents:
        raise InvalidNonresponse("No sampled row responded.", loc=LOC)
    _check_method(request, calibrate)
    columns = _columns(rows, request)
    merged: list[int] = []
    margins: list[_Margin] = []
    model = ResponseModel(request.method, responded)
    match request.method:
        case "classes":
            margins = [_margin(database, rows, columns, responded)]
            merged = _classes(margins[0], request)
            numbers = np.array(merged, dtype=np.int64)
            cells = numbers[margins[0].cells]
            model = ResponseModel(request.method, responded, [cells], [int(numbers.max()) + 1])
        case "rake":
            margins = [_margin(database, rows, [column], responded) for column in columns]
            for margin in margins:
                _refuse_small(margin, request)
            counts = [len(margin.keys) for margin in margins]
            model = ResponseModel(
                request.method, responded, [margin.cells for margin in margins], counts
            )
        case "regression":
            x = _numbers(database, rows, columns)
            names = [column.name for column in columns]
            model = ResponseModel(request.method, responded, x=x, names=names)
        case "known_totals":
            pass
    response = model.response(design.weights)
    weighted = float(design.weights[responded].sum() / design.weights.sum())
    factors = None if response.calibration is None else response.calibration.g[responded]
    facts = NonresponseFacts(
        request.method,
        request.columns,
        request.responded,
        design.rows,
        respondents,
        respondents / design.rows,
        weighted,
        None if factors is None else float(factors.min()),
        None if factors is None else float(factors.max()),
        _listed(margins, merged, response),
    )
    warnings, notes = _notes(facts, margins, merged, request)
    return FoundResponse(model, facts, warnings, notes)


def _responded(
    database: ParquetDatabase, rows: OpenedSample, request: NonresponseRequest
) -> Booleans:
    """The rows with a value in the named column, or in any column from outside."""
    if request.responded is not None:
        columns = [rows.sample.column(request.responded, (*LOC, "responded"))]
    elif rows.values_from is None:
        raise InvalidNonresponse(
            "Name the column whose values are responses with `responded`, or choose an upload or "
            "findings as `values`.",
            loc=(*LOC, "responded"),
        )
    else:
        columns = list(rows.values_from.columns)
    statistics = [Statistic("count", column) for column in columns]
    with database.cursor(rows.sample) as cursor:
        read = read_values(cursor, rows.relation, rows.design.ordinals, statistics, [], None)
    found: Booleans = np.any([each.present for each in read.values], axis=0)
    return found


def _check_method(request: NonresponseRequest, calibrate: CalibrateRequest | None) -> None:
    if request.method == "known_totals":
        if calibrate is None:
            raise InvalidNonresponse(
                "Nonresponse that known totals make up for needs `calibrate`.",
                loc=(*LOC, "method"),
            )
        if request.columns:
            raise InvalidNonresponse(
                "`method` known_totals takes the columns of `calibrate`, and no `columns`.",
                loc=COLUMNS_LOC,
            )
    elif request.method != "classes" and not request.columns:
        raise InvalidNonresponse(
            "Nonresponse by {method} needs `columns`.", method=request.method, loc=COLUMNS_LOC
        )
    if request.method != "classes" and request.small_classes == "merge":
        raise InvalidNonresponse(
            "Only response classes can be merged: leave out `small_classes`.",
            loc=(*LOC, "small_classes"),
        )


def _columns(rows: OpenedSample, request: NonresponseRequest) -> list[Column]:
    found = []
    for at, name in enumerate(request.columns):
        loc = (*COLUMNS_LOC, at)
        if name in request.columns[:at]:
            raise InvalidNonresponse('The column "{column}" is named twice.', column=name, loc=loc)
        column = rows.sample.column(name, loc)
        outside = () if rows.values_from is None else rows.values_from.columns
        if column in outside:
            raise InvalidNonresponse(
                'The column "{column}" is one of the values from outside, which rows that didn\'t '
                "respond lack: choose columns of the table.",
                column=name,
                loc=loc,
            )
        if request.method == "regression" and not is_summable(column):
            raise InvalidNonresponse(
                'Nonresponse by regression needs columns of numbers; "{column}" is of type {type}. '
                "Use classes or rake for categories.",
                column=name,
                type=column.type,
                loc=loc,
            )
        found.append(column)
    return found


def _margin(
    database: ParquetDatabase, rows: OpenedSample, columns: Sequence[Column], responded: Booleans
) -> _Margin:
    try:
        with database.cursor(rows.sample) as cursor:
            read = read_values(cursor, rows.relation, rows.design.ordinals, [], columns, None)
    except TooManyGroups:
        read = None
    if read is None or len(read.keys) > MAX_CLASSES:
        raise InvalidNonresponse(
            "{columns} make more than {most} groups of the sample: choose columns with fewer "
            "values.",
            columns=named([column.name for column in columns]),
            most=MAX_CLASSES,
            loc=COLUMNS_LOC,
        )
    cells, count = read.domains.groups, len(read.keys)
    weights = rows.design.design.weights
    return _Margin(
        columns,
        read.keys,
        cells,
        np.bincount(cells, minlength=count),
        np.bincount(cells[responded], minlength=count),
        sums_by(cells, weights, count),
        sums_by(cells[responded], weights[responded], count),
    )


FEWER = (
    "{count} of {classes} groups of {columns} {count|has|have} fewer than {least} respondents: "
    "{shown}. "
)


def _refuse_small(margin: _Margin, request: NonresponseRequest) -> None:
    small = np.flatnonzero(margin.respondents < request.least).tolist()
    if not small:
        return
    advice = "Choose columns with fewer values, or a smaller `least`."
    if request.method == "classes":
        advice = (
            "Choose columns with fewer values, a smaller `least`, or `small_classes` merge, which "
            "merges them with others."
        )
    raise InvalidNonresponse(
        FEWER + advice,
        count=len(small),
        classes=len(margin.keys),
        columns=named([column.name for column in margin.columns]) or "the sample",
        least=request.least,
        shown=margin.shown(small) or "all rows",
        loc=COLUMNS_LOC,
    )


def _classes(margin: _Margin, request: NonresponseRequest) -> list[int]:
    """The number of each group's class: its own, or that of groups that were merged."""
    if request.small_classes == "fail":
        _refuse_small(margin, request)
        return list(range(len(margin.keys)))
    classes = [[at] for at in range(len(margin.keys))]

    def rate(groups: list[int]) -> float:
        return float(margin.responding[groups].sum() / max(margin.weights[groups].sum(), 1e-300))

    def respondents(groups: list[int]) -> int:
        return int(margin.respondents[groups].sum())

    while len(classes) > 1:
        smallest = min(classes, key=respondents)
        if respondents(smallest) >= request.least:
            break
        others = [each for each in classes if each is not smallest]
        nearest = min(others, key=lambda each: abs(rate(each) - rate(smallest)))
        nearest.extend(smallest)
        classes = others
    if respondents(classes[0]) < request.least:
        raise InvalidNonresponse(
            "All classes together have {respondents} respondents, fewer than {least}: choose a "
            "smaller `least`.",
            respondents=respondents(classes[0]),
            least=request.least,
            loc=(*LOC, "least"),
        )
    found = [0] * len(margin.keys)
    for number, groups in enumerate(classes):
        for at in groups:
            found[at] = number
    return found


def _numbers(database: ParquetDatabase, rows: OpenedSample, columns: Sequence[Column]) -> Floats:
    """The columns' values, shape (variables, rows); a missing one is the sample's mean."""
    statistics = [Statistic("total", column) for column in columns]
    with database.cursor(rows.sample) as cursor:
        read = read_values(cursor, rows.relation, rows.design.ordinals, statistics, [], None)
    weights, found = rows.design.design.weights, []
    for column, values in zip(columns, read.values, strict=True):
        present = values.present
        known = float(weights[present].sum())
        if known <= 0:
            raise InvalidNonresponse(
                'No sampled row has a value of "{column}".', column=column.name, loc=COLUMNS_LOC
            )
        mean = float((weights * values.y)[present].sum()) / known
        found.append(np.where(present, values.y, mean))
    return np.array(found)


def _listed(
    margins: Sequence[_Margin], merged: Sequence[int], response: Response
) -> list[ResponseClass]:
    found = []
    for margin in margins:
        rates = margin.rates.tolist()
        for at, key in enumerate(margin.keys):
            target, factor = None, None
            if merged:
                first = merged.index(merged[at])
                same = [place for place, number in enumerate(merged) if number == merged[at]]
                largest = max(same, key=lambda place: int(margin.rows[place]))
                target = None if len(same) == 1 or at == largest else dict(margin.keys[largest])
                inside = margin.cells == first
                assert response.calibration is not None  # noqa: S101 - classes have one
                factor = float(response.calibration.g[inside][0])
            elif margin.respondents[at] and response.calibration is not None:
                inside = (margin.cells == at) & response.responded
                weights = response.weights[inside]
                factor = float((weights * response.calibration.g[inside]).sum() / weights.sum())
            found.append(
                ResponseClass(
                    group=dict(key),
                    n=int(margin.rows[at]),
                    respondents=int(margin.respondents[at]),
                    rate=float(margin.respondents[at] / margin.rows[at]),
                    weighted_rate=float(rates[at]),
                    factor=factor,
                    merged_into=target,
                )
            )
    return found[:MAX_LISTED_CLASSES]


def _notes(
    facts: NonresponseFacts,
    margins: Sequence[_Margin],
    merged: Sequence[int],
    request: NonresponseRequest,
) -> tuple[list[str], list[str]]:
    """Warnings of where the step can't help, and notes on what it did and assumes."""
    if facts.respondents == facts.n:
        return [], ["All sampled rows responded, so nothing is made up for."]
    warnings = []
    if facts.respondents < FEW_RESPONDENTS:
        warnings.append(
            f"Only {counted(facts.respondents, 'row', 'rows')} responded: with fewer than "
            f"{FEW_RESPONDENTS} the response rates themselves are uncertain, and intervals are "
            "too narrow."
        )
    if facts.factor_max is not None and facts.factor_max > LARGE_FACTOR:
        warnings.append(
            f"The weights of some respondents rise by a factor of up to {facts.factor_max:.3g}: "
            "few rows stand for many that didn't respond."
        )
    if margins and merged:
        (margin,) = margins
        empty = np.flatnonzero(margin.respondents == 0).tolist()
        if empty:
            warnings.append(
                f"{counted(len(empty), 'class has', 'classes have')} no respondent at all: "
                f"{margin.shown(empty)}. Nothing is known of their values; they count like those "
                "of the class that they are merged into."
            )
    percent, by_weight = 100 * facts.rate, 100 * facts.weighted_rate
    columns = ", ".join(facts.columns)
    how = {
        "classes": f"Respondents make up for the others within classes of {columns}"
        if columns
        else "Respondents make up for all others alike, in one class",
        "rake": f"Respondents are raked to the whole sample's estimates of {columns}",
        "regression": f"Respondents are calibrated to the whole sample's estimates of {columns}",
        "known_totals": "Respondents make up for the others by the calibration alone",
    }[facts.method]
    notes = [
        f"{facts.respondents:,} of {facts.n:,} sampled rows responded: {percent:.1f} %, by design "
        f"weights {by_weight:.1f} %. {how}.",
        "This assumes that rows respond independently, and within a class, or given these "
        "variables, regardless of their values. The data can't show whether that holds: if not, "
        "the estimates are biased.",
        "The variance has that of the draw and that of the response as a second phase.",
    ]
    if merged and len(set(merged)) < len(merged):
        small = len(merged) - len(set(merged))
        notes.insert(
            1,
            f"{counted(small, 'class was', 'classes were')} merged into others, since classes had "
            f"fewer than {request.least} respondents.",
        )
    return warnings, notes
