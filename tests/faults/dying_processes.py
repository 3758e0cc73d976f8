"""Processes of ``tests/faults/dying.py``, and the notes that they leave."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

from tests.faults.history import Books
from tests.forked_process import ForkedProcess

LONGEST_S = 60


@dataclass(frozen=True)
class Ended:
    """How a process ended, and the notes that it left."""

    code: int
    notes: list[dict[str, str]]

    @property
    def points(self) -> list[str]:
        """Where it could have been killed, in order."""
        return [note["point"] for note in self.notes if "point" in note]

    def known_to(self, books: Books) -> Books:
        """The books with the jobs whose acceptance came back before the end."""
        jobs = {note["key"]: note["job_id"] for note in self.notes if "key" in note}
        known = deepcopy(books)
        for one in known.asked:
            one.job_id = jobs.get(one.key, one.job_id)
        return known


def run(work: Callable[..., None], *given: object) -> Ended:
    """Run to the end or to the kill."""
    process = ForkedProcess(work, *given)
    output = process.written()
    notes = [json.loads(text) for text in re.findall(r"note (\{.*\})\n", output)]
    code = process.wait(LONGEST_S)
    assert code in (0, -signal.SIGKILL), output
    assert not any("failure" in note for note in notes), output
    return Ended(code, notes)
