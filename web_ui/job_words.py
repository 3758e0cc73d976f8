"""What pages say of a job in a few words: how it stands, and what came of it.

Owns: the one place where a job's status becomes the word that a reader sees: a job that somebody
cancelled hasn't failed, though its status in the API is ``failed``. Used by templates.
"""

from __future__ import annotations

from job_runner.report_job import is_report
from storage.jobs import Job
from web_ui.counted import counted


def state_of(job: Job) -> str:
    """How a job stands: its status, or ``cancelled``."""
    return "cancelled" if job.error_code == "cancelled" else job.status


def outcome_of(job: Job) -> str:
    """What came of a job, why nothing did, or what it is at."""
    if job.status == "completed":
        return _result_of(job)
    return job.error_message or job.progress_message


def _result_of(job: Job) -> str:
    summary = job.output_summary or {}
    if job.run_type == "sampling":
        return f"{summary['total_sampled']:,} of {counted(summary['source_rows'], 'row')}"
    if job.run_type == "import":
        tables = summary["tables"]
        told = f"{counted(sum(table['rows'] for table in tables), 'row')} imported"
        return told if len(tables) == 1 else f"{told} in {counted(len(tables), 'table')}"
    if job.run_type == "profiling":
        return f"profile of {counted(summary['columns'], 'column')}"
    if is_report(job):
        return f"report of {counted(summary['columns'], 'column')}"
    return f"{counted(summary['rows'], 'row')} found"
