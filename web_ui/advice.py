"""What to do about a failed job, by the code of its error and by whether it can be done again."""

from __future__ import annotations

from collections.abc import Mapping

from application.retrying import Again
from storage.jobs.jobs import Job

_ADVICE: Mapping[str, str] = {
    "cancelled": "{Again} if it was cancelled by mistake{since}.",
    "timed_out": "Ask for less, or have the server's keeper raise the limit of its run type.",
    "interrupted": "The server went down each time while it ran. {Again}; if that repeats, "
    "tell the server's keeper.",
    "unreadable_file": "Mend the file as the message says, and import it again.",
    "workbook_too_large": "Save the sheets as CSV, and import those files.",
    "disk_full": "The server's keeper must make room, for example with jobsvc prune. Then "
    "{again}{since}.",
    "out_of_memory": "Take fewer columns or rows, or have the server's keeper raise memory_mb.",
    "damaged_data": "A data file is not what was written. The server's keeper finds out with "
    "jobsvc check, and restores it from a backup.",
    "ref_moved": "Someone moved the ref meanwhile. {Again}.",
    "conflict": "Another job took the name meanwhile. Draw again under another name.",
    "internal_error": "The server's log tells more; its keeper finds it by the job's id.",
}
_OTHER = "Change what the message names, and ask again."
_SINCE = {
    "sampling": ": the same seeds draw the same rows",
    "import": ": the file is still there",
}


def advice(job: Job, again: Again) -> str:
    """One sentence or two that say the next step."""
    words = _again(job, again)
    return _ADVICE.get(job.error_code or "", _OTHER).format(
        again=words,
        Again=words[0].upper() + words[1:],
        since=_SINCE.get(job.run_type, "") if again.possible else "",
    )


def _again(job: Job, again: Again) -> str:
    if again.possible:
        return "do it again"
    return "import the file again" if job.run_type == "import" else "ask for it anew"
