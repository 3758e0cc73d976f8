"""What to do about a failed job, by the code of its error."""

from __future__ import annotations

from collections.abc import Mapping

_ADVICE: Mapping[str, str] = {
    "cancelled": "Do it again if it was cancelled by mistake: the same seeds draw the same rows.",
    "timed_out": "Ask for less, or have the server's keeper raise the limit of its run type.",
    "interrupted": "The server went down each time while it ran. Do it again; if that repeats, "
    "tell the server's keeper.",
    "unreadable_file": "Mend the file as the message says, and import it again.",
    "disk_full": "The server's keeper must make room, for example with jobsvc prune. Then do it "
    "again: the file is still there.",
    "out_of_memory": "Take fewer columns or rows, or have the server's keeper raise memory_mb.",
    "damaged_data": "A data file is not what was written. The server's keeper finds out with "
    "jobsvc check, and restores it from a backup.",
    "ref_moved": "Someone moved the ref meanwhile. Do it again.",
    "conflict": "Another job took the name meanwhile. Draw again under another name.",
    "internal_error": "The server's log tells more; its keeper finds it by the job's id.",
}
_OTHER = "Change what the message names, and ask again."


def advice(error_code: str | None) -> str:
    """One sentence that says the next step."""
    return _ADVICE.get(error_code or "", _OTHER)
