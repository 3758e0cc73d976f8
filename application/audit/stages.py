"""The stages of a sample that was planned in two: which rows are to be examined now.

Both stages are drawn at once, so that nobody chooses the rows of stage 2 by the results of stage 1:
the first rows of the order are stage 1. Its rows have findings before those of stage 2 can be
entered, and only if the planned rule asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from application.audit.planned import planned_goal
from application.audit.state import AuditState
from contract.declarations import Help
from domain_errors import counted
from estimation_engine.audit import TwoStageRule, stage_one_decision
from lazy_dataclasses import dataclass
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord


class StageNotReached(Conflict):
    """Stage 2 isn't to be examined, or not yet."""

    code = "stage_not_reached"


@dataclass(frozen=True)
class StageProgress:
    """The rows of a stage: those examined and with an exception, outside, and without a finding."""

    rows: int
    examined: int
    exceptions: int
    outside: int

    @property
    def open(self) -> int:
        return self.rows - self.examined - self.outside


@dataclass(frozen=True)
class Stages:
    """The rule of two stages, and how far it came."""

    first: Annotated[int, Help("Rows of stage 1, the first ones.")]
    second: int
    accept_first: Annotated[int, Help("The most exceptions with which stage 1 accepts.")]
    accept_both: Annotated[int, Help("With more, stage 1 or both stages don't accept.")]
    decision: Annotated[
        str | None,
        Help(
            "Of stage 1: `accept`, `reject`, or `continue` for stage 2; null before each of its "
            "rows has a finding."
        ),
    ]
    reached: Annotated[int, Help("The stage whose rows are among the items, 1 or 2.")]


def stage_rule(job: JobRecord, drawn: int) -> TwoStageRule | None:
    """The rule of a sample that was planned in two stages; None of others."""
    goal = planned_goal(job.run_parameters) or {}
    if "accept" not in goal:
        return None
    first = min(goal["first_stage"], drawn)
    return TwoStageRule(first, drawn - first, *goal["accept"])


def progress_of(row_ids: Sequence[str], state: AuditState) -> StageProgress:
    """Count the findings about drawn rows, or about the rows examined in their place."""
    outcomes = [
        None if finding is None else finding.outcome
        for finding in (state.findings.get(state.examined_id(row_id)) for row_id in row_ids)
    ]
    exceptions = sum(outcome in ("exception", "not_examinable") for outcome in outcomes)
    outside = outcomes.count("not_applicable")
    examined = len(outcomes) - outside - outcomes.count(None)
    return StageProgress(len(row_ids), examined, exceptions, outside)


def rows_to_examine(job: JobRecord, drawn: Sequence[str], state: AuditState) -> Sequence[str]:
    """The drawn rows to examine: all, or those of stage 1 until its rule asks for stage 2.

    A stage 2 that has findings stays, whatever later corrections say of stage 1.
    """
    rule = stage_rule(job, len(drawn))
    if rule is None:
        return drawn
    first, second = drawn[: rule.first], drawn[rule.first :]
    found = progress_of(first, state)
    asks = not found.open and stage_one_decision(rule, found.exceptions) == "continue"
    has_begun = any(state.examined_id(row_id) in state.findings for row_id in second)
    return drawn if asks or has_begun else first


def require_reached(
    job: JobRecord, drawn: Sequence[str], state: AuditState, row_ids: Sequence[str]
) -> None:
    """Refuse rows of a stage 2 that isn't to be examined.

    Raises
    ------
    StageNotReached
        Names the first such row.
    """
    rule = stage_rule(job, len(drawn))
    if rule is None:
        return
    later = set(drawn[len(rows_to_examine(job, drawn, state)) :])
    refused = next((each for each in row_ids if each in later), None)
    if refused is not None:
        raise StageNotReached(
            "Row {row_id} is of stage 2. Its rows are examined once all of stage 1 have a finding, "
            "and if these have {exceptions}.",
            row_id=refused,
            exceptions=_asking(rule),
        )


def _asking(rule: TwoStageRule) -> str:
    """The exceptions in stage 1 that ask for stage 2."""
    least, most = rule.accept_first + 1, rule.accept_both
    return counted(most, "exception") if least == most else f"{least} to {most} exceptions"


def stages_of(job: JobRecord, drawn: Sequence[str], state: AuditState) -> Stages | None:
    """The plan of two stages and what stage 1 decides; None without such a plan."""
    rule = stage_rule(job, len(drawn))
    if rule is None:
        return None
    found = progress_of(drawn[: rule.first], state)
    return Stages(
        **vars(rule),
        decision=None if found.open else stage_one_decision(rule, found.exceptions),
        reached=2 if len(rows_to_examine(job, drawn, state)) > rule.first else 1,
    )
