"""The overview of a finished sample: figures and groups."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from application.identity.newer_versions import NewerVersion, newer_version
from application.samples.facts import (
    amount_to_cover,
    excluded_origin,
    excluded_text,
    population_of,
)
from contract.fields import DEFAULT_CONFIDENCE
from lazy_dataclasses import dataclass
from profiling_engine.comparison.distances import OTHER
from sampling_engine.methods import method_class, method_from_json
from sampling_engine.plan import margin_of_error
from service.service import Service
from storage.errors import NotFound, Pruned
from storage.jobs.jobs import JobRecord, get_comparison, get_job
from storage.sqlite.database import Transaction

MAX_GROUPS = 12


@dataclass(frozen=True)
class GroupShares:
    """One group: its share of the population and of the sample, from 0 to 1."""

    label: str
    population: float
    sample: float


@dataclass(frozen=True)
class SampleOverview:
    """Figures of a completed sampling job.

    Parameters
    ----------
    margin : float or None
        Half-width of the 95 % confidence interval for a share of one half; None unless the sizes
        alone give it.
    population : int
        The rows that could be drawn.
    amount : mapping or None
        The amounts of these rows, and of the drawn ones, if the draw was to cover a column.
    grouped_by : str
        The columns of the groups.
    newer : NewerVersion or None
        The newer version of the source's table.
    estimated_amount : str or None
        The amount column, if its total has a margin of error: rows that were drawn in proportion to
        an amount always give its own total.
    excluded : str or None
        The rows of earlier samples and of an earlier version that the draw excluded.
    excluded_short : str or None
        The same in few words.
    """

    purpose: str
    drawn: int
    source_rows: int
    population: int
    amount: Mapping[str, Any] | None
    margin: float | None
    grouped_by: str
    groups: tuple[GroupShares, ...]
    newer: NewerVersion | None
    estimated_amount: str | None
    excluded: str | None
    excluded_short: str | None

    @property
    def largest_share(self) -> float:
        """The largest share of a group, for the scale of a picture."""
        return max((max(group.population, group.sample) for group in self.groups), default=0.0)

    @property
    def share(self) -> float:
        """The drawn rows' share of the population."""
        return self.drawn / self.population if self.population else 0.0


def sample_overview(service: Service, job: JobRecord) -> SampleOverview:
    """Collect the overview of a completed sampling job."""
    summary = job.output_summary or {}
    with service.database.read() as tx:
        comparison = get_comparison(tx, job.id)
    grouped_by, groups = _groups(summary, comparison)
    newer = None
    with suppress(Pruned):
        newer = newer_version(service, job)
    left_out = job.run_parameters.get("excluded")
    with service.database.read() as tx:
        tests = _test_names(tx, left_out or {})
    return SampleOverview(
        purpose=job.purpose or "",
        drawn=summary.get("total_sampled", 0),
        source_rows=summary.get("source_rows", 0),
        population=population_of(summary)[0],
        amount=amount_to_cover(summary),
        margin=_margin(summary),
        grouped_by=grouped_by,
        groups=groups,
        newer=newer,
        estimated_amount=_estimated_amount(job),
        excluded=excluded_text(job.run_parameters),
        excluded_short=None if left_out is None else excluded_origin(left_out, tests),
    )


def _test_names(tx: Transaction, excluded: Mapping[str, Any]) -> dict[str, str]:
    """The names of the audit tests of a draw by job id; of a pruned one the first digits."""
    names = {}
    for job_id in [*(excluded.get("found_by") or ()), *(excluded.get("not_found_by") or ())]:
        names[job_id] = job_id[:8]
        with suppress(NotFound):
            names[job_id] = get_job(tx, job_id, with_position=False).shown_name
    return names


def _estimated_amount(job: JobRecord) -> str | None:
    amount: str | None = job.run_parameters.get("amount_column")
    favoured = {
        method_from_json(each["method"], each["parameters"]).favoured_column
        for each in job.run_parameters["rounds"]
    }
    return None if amount in favoured else amount


def _margin(summary: dict[str, Any]) -> float | None:
    rounds = summary.get("rounds") or []
    if len(rounds) != 1 or not method_class(rounds[0]["method"]).has_margin_of_error:
        return None
    groups = rounds[0].get("strata") or [
        {"sampled": rounds[0]["rows_sampled"], "rows": rounds[0]["eligible_rows"]}
    ]
    if sum(group["rows"] for group in groups) < rounds[0]["eligible_rows"]:
        return None  # the summary lists only some of the groups
    drawn, rows = (np.array([group[name] for group in groups]) for name in ("sampled", "rows"))
    return margin_of_error(drawn, rows, DEFAULT_CONFIDENCE)


def _groups(
    summary: dict[str, Any], comparison: dict[str, Any] | None
) -> tuple[str, tuple[GroupShares, ...]]:
    """The strata of the only round, else the parts of a compared column."""
    rounds = summary.get("rounds") or []
    strata = rounds[0].get("strata") if len(rounds) == 1 else None
    if strata:
        rows = sum(stratum["rows"] for stratum in strata) or 1
        drawn = sum(stratum["sampled"] for stratum in strata) or 1
        groups = [
            GroupShares(_label(stratum["key"]), stratum["rows"] / rows, stratum["sampled"] / drawn)
            for stratum in strata
        ]
        return ", ".join(strata[0]["key"]), _largest(groups)
    columns = (comparison or {}).get("columns", [])
    columns = [each for each in columns if len(each["parts"]) > 1 and not _is_scattered(each)]
    if not columns:
        return "", ()
    chosen = max(columns, key=lambda column: (column["is_significant"], column["distance"]))
    groups = [GroupShares(part["label"], part["base"], part["other"]) for part in chosen["parts"]]
    return chosen["name"], _largest(groups)


def _is_scattered(column: Mapping[str, Any]) -> bool:
    """Whether most rows have none of the listed values, as those of a column that names each."""
    return any(part["label"] == OTHER and part["base"] > 1 / 2 for part in column["parts"])


def _label(key: dict[str, Any]) -> str:
    return ", ".join("Missing" if value is None else str(value) for value in key.values())


def _largest(groups: list[GroupShares]) -> tuple[GroupShares, ...]:
    """The largest groups in their order, and the others as one."""
    if len(groups) <= MAX_GROUPS:
        return tuple(groups)
    by_size = sorted(groups, key=lambda group: -max(group.population, group.sample))
    others = by_size[MAX_GROUPS - 1 :]
    shown = [group for group in groups if group not in others]
    rest = GroupShares(
        f"{len(others):,} others",
        sum(group.population for group in others),
        sum(group.sample for group in others),
    )
    return (*shown, rest)
