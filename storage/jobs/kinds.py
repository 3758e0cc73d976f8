"""The kinds of jobs: what a job makes, by its run type and parameters, and how texts name that.

Pages, the command, e-mails, the audit trail and the search take their words from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from domain_errors import counted

Values = Mapping[str, Any]


@dataclass(frozen=True)
class JobKind:
    """What jobs of one kind make.

    Parameters
    ----------
    noun : str
        The result, in one or two words.
    phrase : str
        The noun with its article.
    fields : tuple of str
        The fields of a summary that its texts need, beside ``execution_time_seconds``.
    result_of : callable
        The result in a few words, from a summary that has these fields.
    makes_figures : bool
        Whether the result is figures instead of rows.
    """

    noun: str
    phrase: str
    fields: tuple[str, ...]
    result_of: Callable[[Values], str]
    makes_figures: bool = False

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


def _imported(summary: Values) -> str:
    tables = summary["tables"]
    rows = f"{counted(sum(table['rows'] for table in tables), 'row')} imported"
    return rows if len(tables) == 1 else f"{rows} in {counted(len(tables), 'table')}"


SAMPLE = JobKind(
    "sample",
    "a sample",
    ("total_sampled", "source_rows", "rounds"),
    lambda made: f"{made['total_sampled']:,} of {counted(made['source_rows'], 'row')}",
)
IMPORT = JobKind("import", "an import", ("tables",), _imported)
QUERY = JobKind(
    "query",
    "a query",
    ("rows", "columns", "notes"),
    lambda made: f"{counted(made['rows'], 'row')} found",
)
ROW_DIFF = JobKind(
    "row changes",
    "a list of changed rows",
    ("rows", "columns", "row_diff"),
    lambda made: f"{counted(made['rows'], 'row')} changed",
)
REPORT = JobKind(
    "report",
    "a report",
    ("rows", "columns", "alerts"),
    lambda made: f"report of {counted(made['columns'], 'column')}",
    makes_figures=True,
)
PROFILE = JobKind(
    "profile",
    "a profile",
    ("rows", "columns", "alerts"),
    lambda made: f"profile of {counted(made['columns'], 'column')}",
    makes_figures=True,
)
ROW_PROOFS = JobKind(
    "row proofs",
    "row proofs",
    ("rows", "row_root"),
    lambda made: f"row proofs of {counted(made['rows'], 'row')}",
    makes_figures=True,
)

KINDS = (SAMPLE, IMPORT, QUERY, ROW_DIFF, REPORT, PROFILE, ROW_PROOFS)


def kind_of(run_type: str, parameters: Values) -> JobKind:
    """Return the kind of a job with this run type and these parameters.

    >>> kind_of("exploration", {"sql": "SELECT 1"}) is QUERY
    True
    """
    if run_type == "exploration":
        if "sql" in parameters:
            return QUERY
        return ROW_DIFF if "keys" in parameters else REPORT
    if run_type == "profiling":
        return ROW_PROOFS if parameters.get("row_root") else PROFILE
    return SAMPLE if run_type == "sampling" else IMPORT


def kind_named(noun: str) -> JobKind | None:
    """Return the kind with this noun; None if there is none."""
    return next((kind for kind in KINDS if kind.noun == noun), None)
