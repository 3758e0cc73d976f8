"""Figures of a flag against the truth: precision, recall, missed rows and amounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Annotated, Any, Literal

import numpy as np

from application.estimation.calibrating import both, either
from application.estimation.estimates import settings_of
from application.estimation.figures import PlainEstimate, interval_notes
from application.estimation.sample_rows import (
    NamedColumn,
    OpenedSample,
    require_in_every_round,
    require_of_table,
    sample_rows,
)
from application.estimation.uploaded_values import ValuesUpload
from application.estimation.value_sources import value_condition
from application.estimation.weighting import frame_condition
from application.samples.facts import population_note
from contract.answers import AtConfidence, Hidden
from contract.declarations import Help
from contract.requests.classification import ClassificationRequest
from contract.words import CLASSIFICATION_FIGURES, ClassificationFigure
from domain_errors import Loc, choices_sentence, counted
from estimation_engine import (
    Design,
    DomainEstimate,
    EstimateSettings,
    InvalidEstimate,
    Statistic,
    TooManyGroups,
    is_number,
    read_values,
    true_values,
)
from estimation_engine.classification import (
    ClassesOfDomain,
    Classification,
    CountedCell,
    JudgedRows,
    KnownFlags,
    LimitedFigure,
    classify,
    classify_classes,
)
from estimation_engine.known_values import require_known_value
from estimation_engine.reading import ReadSample
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement, read_rows
from parquet_tables.tables import Column, UnknownColumn
from sampling_engine.filters import Filter
from service.sampling_parameters import parse_filter
from service.service import Service
from service.tables.sample_design import DesignSummary, design_notes, design_summary
from storage.jobs.jobs import JobRecord

MAX_CLASSES = 20
MAX_RESULTS = 2_000
"""Groups times classes of an answer."""
SHOWN_VALUES = 5
FEW_HITS = 5
"""Bad rows among the unflagged ones below which an answer says how few there are."""
INTERVALS = {
    "korn_graubard": "Korn and Graubard's interval",
    "logit": "the interval of the logit",
    "wilson": "Wilson's interval",
    "clopper_pearson": "Clopper and Pearson's interval",
    "hypergeometric": "the exact hypergeometric interval",
    "known": "no sampling error, since all of their rows are drawn",
}
"""Of the shares of bad rows among flagged and among other rows."""
Side = Literal["truth", "flagged"]
VALUES_OF: dict[Side, str] = {"truth": "positive", "flagged": "flagged_value"}


@dataclass(frozen=True, kw_only=True)
class JudgedFigure(PlainEstimate):
    """A figure of a flag against the truth."""

    name: ClassificationFigure
    interval: Annotated[str, Help("The formula of the interval; `known` is exact.")]


@dataclass(frozen=True, kw_only=True)
class JudgedCell(PlainEstimate):
    """A cell of the table of truth and flag, with its estimated rows."""

    truth: Annotated[Any, Help("Whether the rows are bad, or their true class.")]
    flagged: Annotated[Any, Help("Whether they are flagged, or the class of the flag.")]
    n: Annotated[int, Help("Sampled rows.")]


@dataclass(frozen=True, kw_only=True)
class ClassOfFlag:
    """The figures of a class against all others."""

    label: str
    figures: list[JudgedFigure]
    n: Annotated[int, Help("Sampled rows of this true class.")]


@dataclass(frozen=True, kw_only=True)
class ClassifiedGroup:
    """The figures of a group of rows."""

    group: Annotated[dict[str, Any], Help("The group's value of each column of `by`.")]
    figures: Annotated[
        list[JudgedFigure], Help("Of several classes: `accuracy`, and the averages over classes.")
    ]
    confusion: list[JudgedCell]
    missed_amount: Annotated[
        PlainEstimate | None,
        Help("The total of `amount_column` over bad rows without a flag, if that was given."),
    ]
    missed: Hidden[DomainEstimate | None]
    classes: Annotated[list[ClassOfFlag], Help("Of several classes.")]
    n: Annotated[int, Help("Sampled rows with truth and flag.")]
    n_unanswered: Annotated[int, Help("Sampled rows with a flag and without truth.")]
    n_without_flag: Annotated[int, Help("Sampled rows without a flag, which are in no figure.")]

    def figure(self, name: ClassificationFigure) -> JudgedFigure | None:
        """A figure by its name."""
        return next((each for each in self.figures if each.name == name), None)


@dataclass(frozen=True, kw_only=True)
class ClassificationAnswer(AtConfidence):
    """Figures of a flag against the truth."""

    job_id: str
    bad_if: Annotated[str, Help("Which rows are bad, in words.")]
    flagged_if: Annotated[str, Help("Which rows are flagged, in words, with the threshold.")]
    threshold: float | None
    uses_table_flags: Annotated[
        bool,
        Help("Whether the table's flagged rows were counted, so that the flagged share is exact."),
    ]
    classes: Annotated[list[str], Help("The compared classes; none for bad or not bad.")]
    groups: list[ClassifiedGroup]
    values: Annotated[ValuesUpload | None, Help("The upload that values were read from.")]
    design: DesignSummary
    warnings: Annotated[list[str], Help("The first of `notes`: doubts about figures.")]
    notes: Annotated[list[str], Help("What the figures assume and refer to.")]


@dataclass(frozen=True)
class _Positive:
    """How a column says yes: the condition over ``f``, and it in words."""

    condition: Statement
    text: str


@dataclass(frozen=True)
class _Asked:
    """The columns of a request and how they are read; one reading of each for each class."""

    truth: Column
    flag: Column
    by: Sequence[Column]
    amount: Column | None
    filters: Filter | None
    bad: Sequence[_Positive]
    flagged: Sequence[_Positive]
    labels: Sequence[str]

    def statistics(self) -> list[Statistic]:
        """What is read of each row: truth and flag of each class, and the amount."""
        sides = ((self.truth, self.bad), (self.flag, self.flagged))
        found = [
            Statistic("proportion", column, condition=positive.condition)
            for column, positives in sides
            for positive in positives
        ]
        return found if self.amount is None else [*found, Statistic("mean", self.amount)]

    def judged(self, read: ReadSample) -> list[JudgedRows]:
        """The rows of each class."""
        count, amounts = len(self.bad), None
        if self.amount is not None:
            amounts = read.values[-1]
        found = []
        for at in range(count):
            truth, flag = read.values[at], read.values[count + at]
            bad, flagged = ((each.y > 0) & each.present for each in (truth, flag))
            found.append(JudgedRows(bad, truth.present, flagged, flag.present, amounts))
        return found


def classification_of(
    service: Service, job: JobRecord, request: ClassificationRequest
) -> ClassificationAnswer:
    """Estimate the figures of a flag against the truth, from the rows of a completed draw.

    Raises
    ------
    DomainError
        A column doesn't fit or can be read in two ways, or the design has no formula.
    """
    rows = sample_rows(service, job, request.values, request.book_column)
    asked = _asked(service, rows, request)
    condition = None if asked.filters is None else asked.filters.condition("f")
    design = rows.design.design
    with service.parquet.cursor(rows.sample) as cursor:
        read = read_values(
            cursor, rows.relation, rows.design.ordinals, asked.statistics(), asked.by, condition
        )
    if len(read.keys) * len(asked.bad) > MAX_RESULTS:
        raise TooManyGroups(
            "These are {count} groups and classes; an answer has up to {maximum}.",
            count=len(read.keys) * len(asked.bad),
            maximum=MAX_RESULTS,
            loc=("by",),
        )
    settings, judged = settings_of(request), asked.judged(read)
    known, why = _known_flags(service, rows, asked, read)
    groups = _groups(design, asked, read, judged, settings, known)
    if groups and not any(each.n or each.n_unanswered for each in groups):
        raise InvalidEstimate(
            'No sampled row has a value in "{column}", so nothing is known of the flag.',
            column=asked.flag.name,
            loc=("flagged",),
        )
    noted = [*_noted_amounts(request, groups)]
    warnings = [
        *_few_notes(groups),
        *interval_notes(noted, settings, design.unit, by_size=design.draws_by_size),
    ]
    upload = rows.values_from and rows.values_from.upload
    bad_if, flagged_if = (
        readings[0].text if not asked.labels else column.name
        for readings, column in ((asked.bad, asked.truth), (asked.flagged, asked.flag))
    )
    return ClassificationAnswer(
        request.confidence,
        job_id=job.id,
        bad_if=bad_if,
        flagged_if=flagged_if,
        threshold=request.threshold,
        uses_table_flags=known is not None,
        classes=[*asked.labels],
        groups=groups,
        values=ValuesUpload.of(upload, job) if upload else None,
        design=design_summary(rows.design),
        warnings=warnings,
        notes=[
            *warnings,
            *_notes(asked, groups, why),
            *_amount_notes(asked, judged[0], read),
            *(() if rows.values_from is None else rows.values_from.notes_of(made_up=False)),
            *design_notes(service, job, rows.design, rows.source, settings),
            *filter(None, [population_note(job.run_parameters)]),
        ],
    )


def _groups(
    design: Design,
    asked: _Asked,
    read: ReadSample,
    judged: list[JudgedRows],
    settings: EstimateSettings,
    known: list[KnownFlags] | None,
) -> list[ClassifiedGroup]:
    """The figures of each group, of one flag or of several classes."""
    if asked.labels:
        several = classify_classes(design, judged, read.domains, settings, known)
        return [
            _group_of_classes(key, each, asked.labels)
            for key, each in zip(read.keys, several, strict=True)
        ]
    found = classify(design, judged[0], read.domains, settings, known[0] if known else None)
    return [_group(key, each) for key, each in zip(read.keys, found, strict=True)]


def _asked(service: Service, rows: OpenedSample, request: ClassificationRequest) -> _Asked:
    """The columns of a request, after all checks."""
    sample = rows.sample
    truth, flag = (
        sample.column(name, (field,))
        for field, name in (("truth", request.truth), ("flagged", request.flagged))
    )
    if truth.name == flag.name:
        raise InvalidEstimate(
            "`truth` and `flagged` are the same column, which says nothing about the flag.",
            loc=("flagged",),
        )
    by = [sample.column(name, ("by", at)) for at, name in enumerate(request.by)]
    amount = None
    if request.amount_column is not None:
        amount = sample.column(request.amount_column, ("amount_column",))
        if not is_number(amount):
            raise InvalidEstimate(
                'A missed amount needs a column of numbers; "{column}" is of type {type}.',
                column=amount.name,
                type=amount.type,
                loc=("amount_column",),
            )
    filters = None
    if request.filters is not None:
        filters = parse_filter(request.filters, sample, ("filters",))
    named: list[NamedColumn] = [
        (("truth",), truth.name),
        (("flagged",), flag.name),
        (("amount_column",), request.amount_column),
        *((("by", at), name) for at, name in enumerate(request.by)),
        *((("filters",), each.name) for each in (() if filters is None else filters.columns)),
    ]
    require_in_every_round(rows, named)
    reader = _PositiveReader(service, rows, request)
    labels: list[str] = []
    if reader.compares_classes(truth, flag):
        labels = reader.labels(truth, flag)
        bad, flagged = (
            [reader.equal(column, (label,), ("truth",)) for label in labels]
            for column in (truth, flag)
        )
    else:
        bad, flagged = [reader.positive("truth", truth)], [reader.positive("flagged", flag)]
    if labels and amount is not None:
        raise InvalidEstimate(
            "Several classes have no missed amount: name the bad class in `positive`.",
            loc=("amount_column",),
        )
    return _Asked(truth, flag, by, amount, filters, bad, flagged, labels)


class _PositiveReader:
    """Reads a column as yes or no, and refuses one that can be read in two ways."""

    def __init__(
        self, service: Service, rows: OpenedSample, request: ClassificationRequest
    ) -> None:
        self.service, self.rows, self.request = service, rows, request

    def compares_classes(self, truth: Column, flag: Column) -> bool:
        """Whether two columns of texts are compared class by class."""
        request = self.request
        is_plain = not request.positive and not request.flagged_value and request.threshold is None
        return is_plain and truth.type == "VARCHAR" and flag.type == "VARCHAR"

    def positive(self, side: Side, column: Column) -> _Positive:
        """The rows that are bad, or flagged."""
        given = self.request.positive if side == "truth" else self.request.flagged_value
        threshold = self.request.threshold if side == "flagged" else None
        name = f"f.{quote_identifier(column.name)}"
        if threshold is not None:
            self._require_threshold(column)
            return _Positive(
                (f"{name} >= ?", [threshold]), f"{column.name} is {threshold:g} or more"
            )
        if given:
            return self.equal(column, given, (VALUES_OF[side],), is_known=True)
        if column.type == "BOOLEAN":
            return _Positive((name, []), f"{column.name} is true")
        if is_number(column):
            self._require_flags(side, column)
            return _Positive((f"{name} = 1", []), f"{column.name} is 1")
        raise self._ambiguous(side, column)

    def equal(
        self, column: Column, values: Sequence[Any], loc: tuple[str, ...], *, is_known: bool = False
    ) -> _Positive:
        """The rows with one of some values; ``is_known`` if a row of the table must have each."""
        conditions = []
        for at, value in enumerate(values):
            if value is None:
                raise InvalidEstimate(
                    "Rows without a value are neither one nor the other: leave out null.",
                    loc=(*loc, at),
                )
            condition = value_condition(self.rows.sample, column, value, (*loc, at))
            if is_known:
                self._require_known(column, condition, value, (*loc, at))
            conditions.append(condition)
        shown = " or ".join(
            str(value).lower() if isinstance(value, bool) else str(value) for value in values
        )
        return _Positive(either(conditions), f"{column.name} is {shown}")

    def labels(self, truth: Column, flag: Column) -> list[str]:
        """The classes of either column, in order."""
        found = sorted({*self._values(truth), *self._values(flag)})
        if len(found) > MAX_CLASSES:
            raise InvalidEstimate(
                'The texts of "{truth}" and "{flag}" make more than {maximum} classes: name the '
                "bad ones in `positive` and the flagged ones in `flagged_value`.",
                truth=truth.name,
                flag=flag.name,
                maximum=MAX_CLASSES,
                loc=("truth",),
            )
        if len(found) < 2:
            raise InvalidEstimate(
                'The sampled rows have {count} {count|class|classes} in "{truth}" and "{flag}"; a '
                "comparison needs two.",
                count=len(found),
                truth=truth.name,
                flag=flag.name,
                loc=("truth",),
            )
        return found

    def _values(self, column: Column, most: int = MAX_CLASSES) -> list[str]:
        """Values of a column as texts, one more than ``most`` if there are more."""
        name = f"f.{quote_identifier(column.name)}"
        relation, params = self.rows.relation
        sql = (
            f"SELECT DISTINCT CAST({name} AS VARCHAR) AS v FROM {relation} AS f "
            f"WHERE {name} IS NOT NULL ORDER BY v LIMIT {most + 1:d}"
        )
        with self.service.parquet.cursor(self.rows.sample) as cursor:
            found = read_rows(cursor, (sql, params), [Column("v", "VARCHAR")])
        return [str(row["v"]) for row in found]

    def _require_threshold(self, column: Column) -> None:
        """Refuse a threshold of what isn't a number, or of NaN, or beside flagged values."""
        if self.request.flagged_value:
            raise InvalidEstimate(
                "`flagged_value` can't be combined with `threshold`.", loc=("flagged_value",)
            )
        if not is_number(column):
            raise InvalidEstimate(
                'A threshold needs a column of numbers; "{column}" is of type {type}.',
                column=column.name,
                type=column.type,
                loc=("threshold",),
            )
        if not isfinite(self.request.threshold or 0.0):
            raise InvalidEstimate("A threshold is a finite number.", loc=("threshold",))
        if column.data_type.is_float and self._count(column, lambda name: f"isnan({name})"):
            raise InvalidEstimate(
                'The column "{column}" has NaN, which is neither below nor above a threshold: '
                "leave these rows out with `filters`.",
                column=column.name,
                loc=("flagged",),
            )

    def _require_flags(self, side: Side, column: Column) -> None:
        """Refuse a number that is a score, and not 0 or 1."""
        if not self._count(column, lambda name: f"NOT ({name} IN (0, 1))"):
            return
        if side == "flagged":
            raise InvalidEstimate(
                'The column "{column}" has other numbers than 0 and 1, so it can be read in two '
                "ways: as a score, with a `threshold`, or as classes, with `flagged_value`.",
                column=column.name,
                loc=(side,),
            )
        raise InvalidEstimate(
            'The column "{column}" has other numbers than 0 and 1: name those that count as bad in '
            "`positive`.",
            column=column.name,
            loc=(side,),
        )

    def _count(self, column: Column, condition: Callable[[str], str]) -> int:
        """The rows of the sample, and of the table if that has the column, with a condition."""
        sql = condition(f"f.{quote_identifier(column.name)}")
        relation, params = self.rows.relation
        with self.service.parquet.cursor(self.rows.sample) as cursor:
            row = cursor.execute(
                f"SELECT count(*) FROM {relation} AS f WHERE {sql}", params
            ).fetchone()
            found = int(row[0]) if row else 0
            if not found and self._is_of_table(column):
                source = self.rows.source.files
                counts = true_values(cursor, source, [Statistic("count")], [], (f"({sql})", []))
                found = int((counts or {}).get((), [0])[0] or 0)
        return found

    def _is_of_table(self, column: Column) -> bool:
        outside = self.rows.values_from
        names = {each.name for each in self.rows.source.files.columns}
        return column.name in names and (outside is None or column not in outside.columns)

    def _require_known(self, column: Column, condition: Statement, value: Any, loc: Loc) -> None:
        """Refuse a value that no row of the table has; of values from outside it is a result."""
        if not self._is_of_table(column):
            return
        source = self.rows.source.files
        with self.service.parquet.cursor(source) as cursor:
            require_known_value(cursor, source, column, condition, value, InvalidEstimate, loc)

    def _ambiguous(self, side: Side, column: Column) -> InvalidEstimate:
        """Why texts and other values aren't a yes or no, with both readings."""
        parameters = {
            "column": column.name,
            "field": VALUES_OF[side],
            "choices": choices_sentence("", self._values(column), SHOWN_VALUES),
            "loc": (side,),
        }
        if column.type != "VARCHAR":
            return InvalidEstimate(
                'The column "{column}" is of type {type}, which isn\'t a yes or no: name the '
                "values that are in `{field}`. {choices}",
                type=column.type,
                **parameters,
            )
        return InvalidEstimate(
            'The texts of "{column}" can be read in two ways: as yes or no, with the values that '
            "are yes in `{field}`; or as classes, if the other column has texts, too, and neither "
            "`positive` nor `flagged_value` is given. {choices}",
            **parameters,
        )


def _known_flags(
    service: Service, rows: OpenedSample, asked: _Asked, read: ReadSample
) -> tuple[list[KnownFlags] | None, str]:
    """The table's rows by flag for each class; None with the reason if they aren't known."""
    table, found = rows.source.files, rows.design
    if found.design.uncovered_rows:
        return None, "No row was drawn from some groups, so the figures are of a part of the table."
    outside = () if rows.values_from is None else rows.values_from.columns
    names = [asked.flag, *asked.by, *(() if asked.filters is None else asked.filters.columns)]
    try:
        where = frame_condition(found.rounds, table)
        for column in names:
            if column in outside:
                return None, f"The column {column.name} isn't in the table."
            require_of_table(table, found, column.name, ("flagged",))
            table.column(column.name)
    except (UnknownColumn, InvalidEstimate) as error:
        return None, error.message
    if asked.filters is not None:
        where = both(where, asked.filters.condition("f"))
    statistics = [Statistic("count", asked.flag)]
    statistics += [
        Statistic("proportion", asked.flag, condition=each.condition) for each in asked.flagged
    ]
    with service.parquet.cursor(table) as cursor:
        counts = true_values(cursor, table, statistics, asked.by, where)
    if counts is None:
        return None, "The table has too many groups to count their flagged rows at once."
    lines = [counts.get(tuple(key.values())) for key in read.keys]
    if any(line is None for line in lines):
        return None, "The groups of the sample aren't those of the table."
    values = np.array([[each or 0.0 for each in line or ()] for line in lines])
    sizes = values[:, 0]
    flagged = [np.round(sizes * values[:, 1 + at]) for at in range(len(asked.flagged))]
    return [KnownFlags(each, sizes - each) for each in flagged], ""


def _figure(name: ClassificationFigure, found: LimitedFigure) -> JudgedFigure:
    return JudgedFigure(**vars(PlainEstimate.of(found)), name=name, interval=found.interval)


def _cell(truth: Any, flagged: Any, cell: CountedCell) -> JudgedCell:
    return JudgedCell(
        **vars(PlainEstimate.of(cell.count)), truth=truth, flagged=flagged, n=cell.rows
    )


def _figures(found: Classification) -> list[JudgedFigure]:
    return [
        _figure(name, found.figures[name])
        for name in CLASSIFICATION_FIGURES
        if name in found.figures
    ]


def _group(key: dict[str, Any], found: Classification) -> ClassifiedGroup:
    missed = found.missed_amount
    return ClassifiedGroup(
        group=key,
        figures=_figures(found),
        confusion=[_cell(bad, flagged, each) for (bad, flagged), each in found.cells.items()],
        missed_amount=None if missed is None else PlainEstimate.of(missed),
        missed=missed,
        classes=[],
        n=found.rows,
        n_unanswered=found.unanswered,
        n_without_flag=found.without_flag,
    )


def _group_of_classes(
    key: dict[str, Any], found: ClassesOfDomain, labels: Sequence[str]
) -> ClassifiedGroup:
    first = found.classes[0]
    return ClassifiedGroup(
        group=key,
        figures=[
            _figure("accuracy", found.accuracy),
            *(_figure(name, each) for name, each in found.averages.items()),
        ],
        confusion=[
            _cell(truth, flagged, cell)
            for truth, line in zip(labels, found.counts, strict=True)
            for flagged, cell in zip(labels, line, strict=True)
        ],
        missed_amount=None,
        missed=None,
        classes=[
            ClassOfFlag(
                label=label,
                figures=_figures(each),
                n=each.cells[True, True].rows + each.cells[True, False].rows,
            )
            for label, each in zip(labels, found.classes, strict=True)
        ],
        n=first.rows,
        n_unanswered=first.unanswered,
        n_without_flag=first.without_flag,
    )


@dataclass(frozen=True)
class _NotedAmount:
    """A missed amount that a note is about."""

    computed: Hidden[DomainEstimate]
    figure_name: str
    group: dict[str, Any]


def _noted_amounts(
    request: ClassificationRequest, groups: Sequence[ClassifiedGroup]
) -> Iterator[_NotedAmount]:
    for each in groups:
        if each.missed is not None:
            name = f"missed {request.amount_column}"
            yield _NotedAmount(each.missed, name, each.group)


def _few_notes(groups: Sequence[ClassifiedGroup]) -> list[str]:
    """Notes on groups in which few or no bad rows without a flag were found."""
    hits = [
        (each, next(cell.n for cell in each.confusion if cell.truth and not cell.flagged))
        for each in groups
        if each.n and not each.classes
    ]
    none = [each for each, count in hits if not count]
    few = [each for each, count in hits if 0 < count < FEW_HITS]
    notes = []
    if none:
        limits = [each.figure("missed_rows") for each in none]
        most = [each.ci_high for each in limits if each is not None and each.ci_high is not None]
        upper = f"; up to {max(most):,.0f} rows may be missed" if most else ""
        where = "" if len(groups) == 1 else f" in {counted(len(none), 'group')}"
        notes.append(
            f"No bad row was found among the sampled rows without a flag{where}. That doesn't show "
            f"that there is none{upper}."
        )
    if few:
        where = "" if len(groups) == 1 else f" in {counted(len(few), 'group')}"
        notes.append(
            f"Fewer than {FEW_HITS} bad rows were found among the sampled rows without a "
            f"flag{where}: the intervals of recall and missed rows are wide. Draw more rows "
            "without a flag, at best in groups by score."
        )
    return notes


def _amount_notes(asked: _Asked, rows: JudgedRows, read: ReadSample) -> Iterator[str]:
    """A note on missed rows without an amount."""
    if asked.amount is None or rows.amounts is None:
        return
    count = int(np.sum(rows.missed & ~rows.amounts.present & read.domains.included))
    if count:
        yield (
            f"{counted(count, 'bad row')} without a flag in the sample "
            f"{'has' if count == 1 else 'have'} no value in {asked.amount.name}: the missed amount "
            "takes it as 0."
        )


def _notes(asked: _Asked, groups: Sequence[ClassifiedGroup], why: str) -> list[str]:
    """What the figures assume."""
    notes = ["The answers are taken as the truth: the intervals don't contain errors of readers."]
    if asked.labels:
        notes.append(
            f"Each of {len(asked.labels)} classes is compared with all others; averages weigh each "
            "class alike, and there is none if a class has no such figure."
        )
    else:
        notes.append(f"Bad: {asked.bad[0].text}. Flagged: {asked.flagged[0].text}.")
    if why:
        notes.append(f"The flagged rows are estimated from the sample. {why}")
    else:
        notes.append(
            "The flagged rows were counted in the table, and the sample is post-stratified by the "
            "flag."
        )
    unanswered = sum(each.n_unanswered for each in groups)
    if unanswered:
        notes.append(
            f"{counted(unanswered, 'sampled row has', 'sampled rows have')} no truth: not "
            "examined, not answered, or outside the population. Figures and counts take them to "
            "be like those with the same flag and group; nothing checks that, and no interval "
            "contains it."
        )
    if any(each.missed and each.missed.low == 0.0 and each.missed.error for each in groups):
        notes.append(
            "A lower limit of the missed amount is cut at 0, as no sampled amount is negative."
        )
    without = sum(each.n_without_flag for each in groups)
    if without:
        notes.append(
            f"{counted(without, 'sampled row has', 'sampled rows have')} no flag. The figures are "
            "those of rows with one."
        )
    names = {each.interval for group in groups for each in _shares(group)} & set(INTERVALS)
    used = ", or ".join(text for name, text in INTERVALS.items() if name in names)
    notes.append(
        f"Shares of flagged and of other rows have {used}; what follows from both has MOVER's "
        "interval (Zou and Donner 2008), which assumes that both shares' errors are as correlated "
        "as the sample says."
    )
    return notes


def _shares(group: ClassifiedGroup) -> Iterator[JudgedFigure]:
    """Precision and elusion, which have intervals of their own, of the group and of classes."""
    for figures in (group.figures, *(each.figures for each in group.classes)):
        yield from (each for each in figures if each.name in ("precision", "elusion"))
