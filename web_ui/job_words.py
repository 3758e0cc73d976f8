"""Numbers with what they count, in the right number.

What pages say of a job in a few words: how it stands, how far it is, and what came of it.

Owns: the one place where a job's status becomes the word that a reader sees: a job that somebody
cancelled hasn't failed, though its status in the API is ``failed``. Used by templates.
"""

from __future__ import annotations

from job_runner.handlers.exploration import is_report
from storage.jobs.jobs import Job
from storage.sqlite.clock import seconds_between


def counted(number: float, one: str, many: str | None = None) -> str:
    """A number and the word for as many.

    >>> counted(1, "row"), counted(336776, "row"), counted(0, "entry", "entries")
    ('1 row', '336,776 rows', '0 entries')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def state_of(job: Job) -> str:
    """How a job stands: its status, or ``cancelled``."""
    return "cancelled" if job.error_code == "cancelled" else job.status


def outcome_of(job: Job) -> str:
    """What came of a job, why nothing did, or what it is at."""
    if job.status == "completed":
        return _result_of(job)
    return job.error_message or job.progress_message


def progress_of(job: Job, now: str) -> str:
    """How far a job is that waits or runs, as ``static/job.js`` goes on to say it."""
    if job.status == "pending":
        place = f", number {job.queue_position} of its lane" if job.queue_position else ""
        return f"Waits{place}. {job.progress_message}".rstrip()
    parts = [f"{job.progress:.0f} %", job.progress_message]
    if job.started_at is not None:
        parts.append(f"{lasted(max(0.0, seconds_between(job.started_at, now)))} so far")
    return ", ".join(filter(None, parts))


def lasted(seconds: float) -> str:
    """How long something took, as ``static/format.js`` writes it.

    >>> lasted(0.123), lasted(2.13), lasted(75.3), lasted(7260)
    ('0.12 s', '2.1 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.{2 if seconds < 1 else 1}f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


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
