"""A pilot sample: what a plan takes from its values, where the table lacks the column of a goal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from application.estimation.judge_columns import judge_statistic
from application.estimation.known_totals import group_key
from application.estimation.sample_rows import (
    OpenedSample,
    require_in_every_round,
    sample_rows,
)
from application.estimation.size_answers import PilotFacts
from application.estimation.value_sources import value_condition
from contract.requests.size import PilotRequest
from domain_errors import Loc, counted, located, relocated
from estimation_engine import (
    InvalidGoal,
    Statistic,
    TooManyGroups,
    check_statistic,
    read_values,
)
from estimation_engine.arrays import Booleans, Ints
from estimation_engine.planning.judge import MIN_LABELS, Correlation, pooled_correlation
from estimation_engine.planning.pilot import MIN_UNITS, PilotRows, PilotStatistic
from estimation_engine.reading import ROW_ID, ReadSample
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from sampling_engine.methods.method import EligibleRows
from sampling_engine.sql import statements
from service.service import Service
from storage.jobs.jobs import JobRecord

PILOT_LOC = ("pilot",)
MAX_NAMED = 5


@dataclass(frozen=True)
class Pilot:
    """A finished sample that the caller may read, with the values that a request names."""

    service: Service
    job: JobRecord
    rows: OpenedSample


def open_pilot(service: Service, job: JobRecord, request: PilotRequest) -> Pilot:
    """The rows of a completed draw, with the values that a request names.

    Raises
    ------
    NotFound
        The sample has no such upload.
    """
    with relocated(lambda loc: (*PILOT_LOC, *(loc or ("values",)))):
        return Pilot(service, job, sample_rows(service, job, request.values))


def has_columns_of(table: TableFiles, goal: Mapping[str, Any]) -> bool:
    """Whether a table has all columns of a goal."""
    own = {column.name for column in table.columns}
    return own.issuperset({goal["column"], *(goal.get("by") or ())})


@dataclass(frozen=True)
class PilotFigures:
    """The figures of one goal, by the groups that the pilot has."""

    pilot: Pilot
    facts: PilotStatistic
    keys: Sequence[Mapping[str, Any]]
    notes: Sequence[str]

    def summary(self, pooled_strata: int) -> PilotFacts:
        """What the answer says of the pilot."""
        source = self.pilot.rows.values_from
        upload = None if source is None or source.upload is None else source.upload.number
        included = int(self.facts.pilot.included.sum())
        return PilotFacts(self.pilot.job.id, upload, included, pooled_strata)


def read_pilot(
    pilot: Pilot,
    eligible: EligibleRows,
    goal: Mapping[str, Any],
    loc: Callable[..., Loc],
    require_few: Callable[[int], None],
) -> PilotFigures:
    """Estimate the figures of a goal from a pilot, by the strata of the planned design.

    Parameters
    ----------
    require_few : callable
        Refuses a number of groups for which no size is computed.

    Raises
    ------
    InvalidGoal
        The pilot lacks a column of the design, or says too little of a figure.
    """
    rows, names = pilot.rows, tuple(goal.get("by") or ())
    column = rows.sample.column(goal["column"], loc("column"))
    by = [rows.sample.column(name, loc("by", at)) for at, name in enumerate(names)]
    named = [(loc("column"), column.name)]
    named += [(loc("by", at), name) for at, name in enumerate(names)]
    named += [(("design",), each.name) for each in _columns_of_design(eligible)]
    require_in_every_round(rows, named)
    statistic = _statistic_of(pilot, goal, column, loc)
    strata = _strata_of(pilot, eligible)
    included = strata >= 0
    if not included.any():
        raise InvalidGoal("No row of the pilot is one that the design can draw.", loc=PILOT_LOC)
    read = _read(pilot, eligible, [statistic], by, loc("by"))
    require_few(len(read.keys))
    facts = PilotStatistic(
        goal["statistic"],
        PilotRows(rows.design.design, included, np.where(included, strata, 0), eligible.counts),
        read.values[0],
        read.domains,
        np.ones((len(read.keys), len(eligible.counts)), dtype=np.bool_),
    )
    facts = _with_known_groups(facts, eligible, by, read)
    _require_facts(facts, goal, read.keys, loc)
    return PilotFigures(pilot, facts, read.keys, _notes(pilot, facts, len(included), bool(by)))


def judge_correlation(
    pilot: Pilot,
    eligible: EligibleRows,
    goal: Mapping[str, Any],
    loc: Callable[..., Loc],
) -> Correlation:
    """The correlation of a judge's column with the labels of a pilot, within planned strata.

    The judge's column is read as estimates read it; of 1 less a probability ρ is the same.

    Raises
    ------
    InvalidGoal
        The pilot says too little of the correlation.
    """
    rows, name = pilot.rows, goal["judge"]["column"]
    column = rows.sample.column(goal["column"], loc("column"))
    judge = rows.sample.column(name, loc("judge", "column"))
    at = [(loc("column"), column.name), (loc("judge", "column"), name)]
    require_in_every_round(rows, at)
    statistics = [_statistic_of(pilot, goal, column, loc)]
    read_as = judge_statistic(
        *(rows.sample, statistics[0], goal.get("value"), judge),
        *((loc(), loc("judge", "column")), InvalidGoal),
    )
    statistics.append(read_as.statistic)
    strata = _strata_of(pilot, eligible)
    labels, opinions = _read(pilot, eligible, statistics, [], loc("column")).values
    found = pooled_correlation(
        labels.y,
        opinions.y,
        rows.design.design.weights,
        np.maximum(strata, 0),
        (strata >= 0) & labels.present & opinions.present,
    )
    if found is None:
        raise InvalidGoal(
            'The pilot says too little of the correlation of "{column}" and "{label}": it has '
            "fewer than {least} rows with both, or one of them doesn't vary within the strata. "
            "Take a larger pilot, or give a `correlation`.",
            column=name,
            label=column.name,
            least=MIN_LABELS,
            loc=loc("judge", "column"),
        )
    return found


def _statistic_of(
    pilot: Pilot,
    goal: Mapping[str, Any],
    column: Column,
    loc: Callable[..., Loc],
) -> Statistic:
    """The statistic of a goal, checked against the pilot."""
    condition, has_value = None, "value" in goal
    if goal["statistic"] == "proportion" and has_value:
        condition = value_condition(pilot.rows.sample, column, goal["value"], loc("value"))
    missing = has_value and goal["value"] is None
    statistic = Statistic(goal["statistic"], column, None, condition, missing)
    check_statistic(statistic, loc())
    return statistic


def _columns_of_design(eligible: EligibleRows) -> list[Column]:
    """The columns that the strata and the filter of the planned design read."""
    row_filter = eligible.strata.row_filter
    return [*eligible.strata.columns, *(() if row_filter is None else row_filter.columns)]


def _strata_of(pilot: Pilot, eligible: EligibleRows) -> Ints:
    """The planned stratum of each row of the pilot, by ordinal; -1 for one that has none."""
    sample, strata = pilot.rows.sample, eligible.strata
    own = {column.name: column.type for column in sample.columns}
    for column in _columns_of_design(eligible):
        if own.get(column.name, column.type) != column.type:
            raise InvalidGoal(
                '"{column}" is {type} in the pilot and {table_type} in the table, so that the '
                "pilot's rows have no place in the design. Draw a pilot from this table.",
                column=column.name,
                type=own[column.name],
                table_type=column.type,
                loc=PILOT_LOC,
            )
        if column.name not in own:
            raise InvalidGoal(
                'The pilot has no column "{column}", which the design needs. Draw a pilot with it.',
                column=column.name,
                loc=PILOT_LOC,
            )
    condition, params = (
        ("true", []) if strata.row_filter is None else strata.row_filter.condition("f")
    )
    ordinal = f"CAST(split_part(f.{quote_identifier(ROW_ID)}, ':', -1) AS BIGINT) AS ordinal"
    keys = f", {statements.key_columns(strata.columns)}" if strata.columns else ""
    relation, bound = pilot.rows.relation
    rows = f"SELECT {ordinal}, coalesce({condition}, false) AS passes{keys} FROM {relation} AS f"
    place, joined = "0", ""
    if strata.columns:
        place = "coalesce(s.stratum, -1)"
        joined = f" LEFT JOIN {strata.table_name} AS s ON {statements.same_keys(strata.columns)}"
    found = eligible.state.cursor.execute(
        f"SELECT CASE WHEN t.passes THEN {place} ELSE -1 END AS stratum FROM ({rows}) AS t{joined} "
        "ORDER BY t.ordinal",
        [*params, *bound],
    ).fetchnumpy()
    return np.asarray(found["stratum"], dtype=np.int64)


def _read(
    pilot: Pilot,
    eligible: EligibleRows,
    statistics: Sequence[Statistic],
    by: Sequence[Column],
    loc: Loc,
) -> ReadSample:
    """The values of the rows that pass the filter of the planned design, and their groups."""
    rows, row_filter = pilot.rows, eligible.strata.row_filter
    where = None if row_filter is None else row_filter.condition("f")
    with (
        located(loc, TooManyGroups, always=True),
        pilot.service.parquet.cursor(rows.sample) as cursor,
    ):
        return read_values(cursor, rows.relation, rows.design.ordinals, statistics, by, where)


def _with_known_groups(
    facts: PilotStatistic, eligible: EligibleRows, by: Sequence[Column], read: ReadSample
) -> PilotStatistic:
    """Where groups are of strata columns, a stratum without a row in the pilot is in one group."""
    if not by or not {column.name for column in by} <= {
        column.name for column in eligible.strata.columns
    }:
        return facts
    keys = eligible.strata.keys(np.arange(len(eligible.counts)))
    of_strata = [group_key(by, [key[column.name] for column in by]) for key in keys]
    places = {group_key(by, list(key.values())): at for at, key in enumerate(read.keys)}
    group_of = np.array([places.get(key, -1) for key in of_strata])
    matches: Booleans = group_of == np.arange(len(read.keys))[:, None]
    if (matches | (facts.sampled == 0)).all():  # else bands or texts that differ
        return PilotStatistic(facts.statistic, facts.pilot, facts.data, facts.domains, matches)
    return facts


def _require_facts(
    facts: PilotStatistic,
    goal: Mapping[str, Any],
    keys: Sequence[Mapping[str, Any]],
    loc: Callable[..., Loc],
) -> None:
    """Refuse figures of fewer than two rows, and values that don't vary."""
    if not (facts.pilot.corrections > 0).any():
        raise InvalidGoal(
            "No stratum of the design has two rows, or clusters, of the pilot, so it doesn't say "
            "how many rows the figure needs. Take a larger pilot, or fewer strata.",
            loc=PILOT_LOC,
        )
    rows, where = facts.sampled.sum(axis=1), loc("by") if goal.get("by") else loc("column")
    few = [at for at in range(len(keys)) if rows[at] < MIN_UNITS]
    equal = np.flatnonzero((facts.group_squares == 0).all(axis=1)).tolist()
    for places, problem in (
        (few, "The pilot has fewer than two rows with a value in {column}{groups}"),
        (equal, "The pilot's values of {column} don't vary{groups}"),
    ):
        if places:
            named = ", ".join(_named(keys[at]) for at in places[:MAX_NAMED])
            raise InvalidGoal(
                problem + ", so it doesn't say how many rows the figure needs. Take a larger pilot"
                "{rest}.",
                column=goal["column"],
                groups=f" in {counted(len(places), 'group')} ({named})" if goal.get("by") else "",
                rest=", or fewer groups" if goal.get("by") else "",
                loc=where,
            )


def _named(key: Mapping[str, Any]) -> str:
    return ", ".join("missing" if value is None else str(value) for value in key.values())


def _notes(pilot: Pilot, facts: PilotStatistic, drawn: int, has_groups: bool) -> list[str]:
    included, source = int(facts.pilot.included.sum()), pilot.rows.values_from
    notes = [
        f"Planned by the pilot {pilot.job.id[:8]}, {counted(included, 'row')}: means and variances "
        "of columns that the table lacks are its estimates, and no true figures."
    ]
    if source is not None:
        notes += source.notes_of(made_up=False)
    if included < drawn:
        notes.append(
            f"{drawn - included:,} of its {drawn:,} rows aren't rows that the design can draw: "
            "left out."
        )
    pooled = int(facts.pooled.sum())
    if pooled:
        notes.append(
            f"{counted(pooled, 'stratum has', 'strata have')} fewer than two rows of the pilot, or "
            "rows with equal values: the pooled variance of the others is taken."
        )
    if has_groups:
        notes.append("Groups of which the pilot has no row aren't planned for.")
    if facts.pilot.design.units < facts.pilot.design.rows:
        notes.append(
            "Rows of a cluster of the pilot may be alike: its variances count its clusters as rows."
        )
    return notes
