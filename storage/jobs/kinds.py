"""The kinds of jobs: each is declared here once, and has one handler in ``job_runner/handlers``.

The guide's four run types stay what jobs store, lists filter and metrics label. A run type has one
kind without a marker; a job of its other kinds has the parameter that the kind names. Storage,
submission, retries, texts, the audit trail and the search take what they need from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, get_args

from contract.jobs import JobNoun, RunType
from contract.words import Action
from domain_errors import counted
from lazy_dataclasses import dataclass

Lane = Literal["short", "long"]
LANES: tuple[Lane, ...] = get_args(Lane)
Values = Mapping[str, Any]

LONG_FILE_BYTES = 16 * 1024**2
LONG_DRAW_ROWS = 250_000
LONG_READ_VALUES = 20_000_000
"""Sizes of jobs that take about a second."""
COLUMN_ROWS = 10_000
"""A column that is read costs as much as this number of its values, however few it has."""


@dataclass(frozen=True, eq=False)
class JobKind:
    """What jobs of one kind make, and the rules for them.

    Parameters
    ----------
    run_type : RunType
        The run type that its jobs store. Its setting ``…_limit_min`` is their time limit.
    marker : str
        The run parameter that its jobs have and others of the run type don't; "" for one kind.
    action : Action
        The action of the audit entry of a submission.
    noun : JobNoun
        The result, in one or two words.
    phrase : str
        The noun with its article.
    fields : tuple of str
        The fields of a summary that its texts need, beside ``execution_time_seconds``.
    result_of : callable
        The result in a few words, from a summary that has these fields.
    long_from : float
        The size from which a job runs in the long lane: bytes of a file, drawn rows, or values by
        :func:`values_read`; 0 if the duration can't be known in advance.
    path : str
        Where its requests are sent, below ``/api/datasets/{id}/``; "" for the path of the run type.
        After a final slash comes the value of the marker.
    reads_commit : bool
        Whether jobs read a fixed commit. Others move a ref to their result, and are retried once.
    retry_reason : str
        Why a retry helps, as the end of a sentence.
    resubmit : str
        What to do when no retry is possible.
    makes_figures : bool
        Whether the result is figures instead of rows.
    """

    run_type: RunType
    marker: str
    action: Action
    noun: JobNoun
    phrase: str
    fields: tuple[str, ...]
    result_of: Callable[[Values], str]
    long_from: float
    path: str = ""
    reads_commit: bool = True
    retry_reason: str = ""
    resubmit: str = "submit a new job"
    makes_figures: bool = False

    def lane(self, size: float) -> Lane:
        """The lane of a job of this size; it is recorded, so that long jobs don't delay short ones.

        >>> SAMPLE.lane(1_000), SAMPLE.lane(30_000_000)
        ('short', 'long')
        >>> PROFILE.lane(values_read(1_000_000, 10)), PROFILE.lane(values_read(60, 5_000))
        ('short', 'long')
        """
        return "long" if size >= self.long_from else "short"

    @property
    def stores_rows(self) -> bool:
        """Whether a job stores data files: not figures, nor files that stay where they are."""
        return not self.makes_figures and self.marker != "attach"

    def request_path(self, dataset_id: int, parameters: Values) -> str:
        """The path of the API to which the request of a job with these parameters is posted."""
        if self.path:
            ending = parameters[self.marker] if self.path.endswith("/") else ""
            return f"/api/datasets/{dataset_id}/{self.path}{ending}"
        return f"/api/{self.run_type}/datasets/{dataset_id}/jobs"

    def has_fields(self, summary: Values | None) -> bool:
        """Whether a summary has all fields; those of earlier versions may lack one."""
        return summary is not None and all(name in summary for name in self.fields)

    def result(self, summary: Values | None) -> str:
        """The result of a completed job in a few words, or the noun if its summary lacks a field.

        >>> PROFILE.result({"rows": 9, "columns": 1, "alerts": 0}), PROFILE.result({"rows": 9})
        ('profile of 1 column', 'profile')
        """
        if summary is not None:
            with suppress(KeyError):
                return self.result_of(summary)
        return self.noun


def values_read(rows: int, columns: int) -> int:
    """The size of a job that reads these columns whole."""
    return max(rows, COLUMN_ROWS) * columns


def rows_drawn(rounds: Sequence[Values], source_rows: int) -> float:
    """The size of a draw; a round counts with no rows if it has sizes of strata or clusters.

    >>> rows_drawn([{"parameters": {"sample_fraction": 0.5}}], 60_000_000)
    30000000.0
    """
    rows = 0.0
    for parameters in (each["parameters"] for each in rounds):
        if parameters.get("sample_size") is not None:
            rows += float(parameters["sample_size"])
        elif parameters.get("sample_fraction") is not None:
            rows += float(parameters["sample_fraction"]) * source_rows
        elif parameters.get("interval"):
            rows += source_rows / float(parameters["interval"])
    return min(rows, source_rows)


def _imported(summary: Values) -> str:
    tables = summary["tables"]
    rows = f"{counted(sum(table['rows'] for table in tables), 'row')} imported"
    return rows if len(tables) == 1 else f"{rows} in {counted(len(tables), 'table')}"


SAMPLE = JobKind(
    run_type="sampling",
    marker="",
    action="draw_asked",
    noun="sample",
    phrase="a sample",
    fields=("total_sampled", "source_rows", "rounds"),
    result_of=lambda made: f"{made['total_sampled']:,} of {counted(made['source_rows'], 'row')}",
    long_from=LONG_DRAW_ROWS,
    retry_reason=": the same seeds draw the same rows",
)
IMPORT = JobKind(
    run_type="import",
    marker="",
    action="import_asked",
    noun="import",
    phrase="an import",
    fields=("tables",),
    result_of=_imported,
    long_from=LONG_FILE_BYTES,
    reads_commit=False,
    retry_reason=": the file is still stored",
    resubmit="import the file again",
)
ATTACHMENT = replace(IMPORT, marker="attach", long_from=0, retry_reason="")
QUERY = JobKind(
    run_type="exploration",
    marker="sql",
    action="exploration_asked",
    noun="query",
    phrase="a query",
    fields=("rows", "columns", "notes"),
    result_of=lambda made: f"{counted(made['rows'], 'row')} found",
    long_from=0,
)
ROW_DIFF = replace(
    QUERY,
    marker="keys",
    noun="row changes",
    phrase="a list of changed rows",
    fields=("rows", "columns", "row_diff"),
    result_of=lambda made: f"{counted(made['rows'], 'row')} changed",
    long_from=LONG_READ_VALUES,
)
AUDIT_TEST = replace(
    QUERY,
    marker="test",
    noun="audit test",
    phrase="an audit test",
    fields=("rows", "columns", "audit_test"),
    long_from=LONG_READ_VALUES,
    path="audit-tests/",
)
REPORT = JobKind(
    run_type="exploration",
    marker="",
    action="exploration_asked",
    noun="report",
    phrase="a report",
    fields=("rows", "columns", "alerts"),
    result_of=lambda made: f"report of {counted(made['columns'], 'column')}",
    long_from=LONG_READ_VALUES,
    makes_figures=True,
)
PROFILE = JobKind(
    run_type="profiling",
    marker="",
    action="profile_asked",
    noun="profile",
    phrase="a profile",
    fields=("rows", "columns", "alerts"),
    result_of=lambda made: f"profile of {counted(made['columns'], 'column')}",
    long_from=LONG_READ_VALUES,
    makes_figures=True,
)
ROW_PROOFS = replace(
    PROFILE,
    marker="row_root",
    noun="row proofs",
    phrase="row proofs",
    fields=("rows", "row_root"),
    result_of=lambda made: f"row proofs of {counted(made['rows'], 'row')}",
    path="row-roots",
)

KINDS = (SAMPLE, IMPORT, ATTACHMENT, QUERY, ROW_DIFF, AUDIT_TEST, REPORT, PROFILE, ROW_PROOFS)


def kind_of(run_type: str, parameters: Values) -> JobKind:
    """Return the kind of a job with this run type and these parameters.

    >>> kind_of("exploration", {"sql": "SELECT 1"}) is QUERY
    True
    """
    kinds = [kind for kind in KINDS if kind.run_type == run_type]
    marked = (kind for kind in kinds if parameters.get(kind.marker))
    return next(marked, None) or next(kind for kind in kinds if not kind.marker)


def kind_named(noun: str) -> JobKind | None:
    """Return the kind with this noun; None if there is none."""
    return next((kind for kind in KINDS if kind.noun == noun), None)
