"""Short texts about a job for the pages: state, progress, result, and advice on a failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from application.lifecycle import Retryability, has_upload
from application.samples.facts import label, screen_text
from contract.jobs import shown_state
from domain_errors import DomainError, with_names
from sampling_engine.results import RowOutcome, nth
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import IMPORT
from storage.sqlite.clock import seconds_between
from storage.versions.refs import kind_of_ref, output_name_of

_ADVICE: Mapping[str, str] = {
    "cancelled": "{Action} if it was cancelled by mistake{reason}.",
    "timed_out": "Reduce the request, or ask an administrator to raise the limit of this job type.",
    "interrupted": "The server stopped during each attempt. {Action}. If it fails again, contact "
    "an administrator.",
    "unreadable_file": "Correct the file, and import or attach it again.",
    "type_misfit": "Import the file again with another type for the column.",
    "source_unavailable": "{Action} when the source answers again.",
    "source_denied": "An administrator must give the server access to the source. Then {action}.",
    "source_changed": "Attach the table again and draw from the new version, or restore the file "
    "and {action}.",
    "unservable_file": "Import the files instead, or write them in another form and attach them.",
    "version_not_found": "Attach another version of the table.",
    "unsupported_table": "Rewrite the table as the message says, or export the version to plain "
    "Parquet files and attach those.",
    "broken_table_log": "Repair the table, or export the version to plain Parquet files.",
    "delta_not_installed": "An administrator must install jobsvc[delta]. Then {action}.",
    "iceberg_not_installed": "An administrator must install jobsvc[iceberg]. Then {action}.",
    "connection_missing": "An administrator must create the connection again. Then {action}.",
    "credentials_missing": "An administrator must set the variables of the connection. Then "
    "{action}.",
    "workbook_too_large": "Save the sheets as CSV files and import those.",
    "disk_full": "An administrator must free disk space, for example with jobsvc prune. Then "
    "{action}{reason}.",
    "out_of_memory": "Use fewer columns or rows, or ask an administrator to raise memory_mb.",
    "damaged_data": "A data file is damaged. An administrator must restore it: an attached file "
    "from where it comes, another one, which jobsvc check names, from a backup.",
    "ref_moved": "The version name was moved during the job. {Action}.",
    "columns_changed": "Correct the file and import it again, or accept the other columns.",
    "conflict": "Another job took the name. Draw again under another name.",
    "internal_error": "An administrator finds details in the server's log, by the job's id.",
}
_OTHER_ADVICE = "Correct the request as the message says, and submit it again."


def advice(job: JobRecord, retryability: Retryability) -> str:
    """The advice for a failed job, by its error code and by whether it can be retried."""
    action = "retry the job" if retryability.is_retryable else job.kind.resubmit
    has_input = job.kind is not IMPORT or has_upload(job)
    return _ADVICE.get(job.error_code or "", _OTHER_ADVICE).format(
        action=action,
        Action=action[0].upper() + action[1:],
        reason=job.kind.retry_reason if retryability.is_retryable and has_input else "",
    )


def noun_of(job: JobRecord) -> str:
    """The result of a job, in one or two words."""
    return job.kind.noun


def title_of(job: JobRecord) -> str:
    """A job's name: that of its result, of its file, or what it makes of which table."""
    name = job.output_name or job.run_parameters.get("file_name")
    if name:
        return str(name)
    table = job.run_parameters.get("table_key")
    noun = noun_of(job).capitalize()
    return f"{noun} of {table}" if table else noun


def ref_label(name: str) -> str:
    """A ref as people name it.

    >>> ref_label("smpl-q1"), ref_label("main")
    ('q1 (sample)', 'main')
    """
    noun = {"sample": " (sample)", "query": " (saved query)"}.get(kind_of_ref(name), "")
    return f"{output_name_of(name)}{noun}"


def grouped_refs(names: Iterable[str]) -> dict[str, list[str]]:
    """The names of refs in the groups of a menu.

    >>> grouped_refs(["main", "smpl-q1", "july"])
    {'Versions': ['main', 'july'], 'Samples': ['smpl-q1']}
    """
    groups: dict[str, list[str]] = {"Versions": [], "Samples": [], "Saved queries": []}
    titles = {"version": "Versions", "sample": "Samples", "query": "Saved queries"}
    for name in names:
        groups[titles[kind_of_ref(name)]].append(name)
    return {title: found for title, found in groups.items() if found}


def problem_text(error: DomainError) -> str:
    """The sentence of an error with the labels and words of screens."""
    return screen_text(error.template, error.parameters)


def in_line(verdict: RowOutcome) -> str | None:
    """The place of a row in the order of a step; None if the step has none.

    >>> in_line(RowOutcome("drawn", "", nth_in_line=61, line_rows=500, line_drawn=44))
    '61st in line of 500; the first 44 were drawn'
    """
    place, drawn = verdict.nth_in_line, verdict.line_drawn
    if place is None or drawn is None:
        return None
    first = {0: "none was", 1: "the first was"}.get(drawn, f"the first {drawn:,} were")
    return f"{nth(place)} in line of {verdict.line_rows:,}; {first} drawn"


def state_of(job: JobRecord) -> str:
    """A job's state for people."""
    return shown_state(job.status, job.error_code)


def outcome_of(job: JobRecord) -> str:
    """A job's result, error or current activity."""
    if job.status == "completed":
        return job.kind.result(job.output_summary)
    return failure_of(job) or job.progress_message


def failure_of(job: JobRecord) -> str:
    """Why a job failed, with the labels of screens; empty if it didn't."""
    return stored_text(job.error_message or "")


def stored_text(message: str) -> str:
    """A message that is stored without its template, with the labels of screens."""
    return with_names(message, label)


def progress_of(job: JobRecord, now: str) -> str:
    """The progress of an unfinished job, as ``static/job.js`` writes it."""
    if job.status == "pending":
        place = f", number {job.queue_position} in the queue" if job.queue_position else ""
        return f"Waiting{place}. {job.progress_message}".rstrip()
    parts = [f"{job.progress:.0f} %", job.progress_message]
    if job.started_at is not None:
        elapsed_s = max(0.0, seconds_between(job.started_at, now))
        parts.append(f"{duration_text(elapsed_s)} elapsed")
    return ", ".join(filter(None, parts))


def duration_text(seconds: float) -> str:
    """A duration, as ``static/format.js`` writes it.

    >>> duration_text(0.123), duration_text(2.13), duration_text(75.3), duration_text(7260)
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
