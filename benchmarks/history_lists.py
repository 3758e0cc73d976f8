"""The lists that ``benchmarks.history`` asks for: who looks, which jobs, where in the list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from storage.jobs.lists import JobFilters

PAGE = 20
ADMIN, ANALYST = 1, 2
"""The admin sees all datasets that haven't been removed; the analyst about one in twenty-five."""

MID, LATE = "2024-01-01T00:00:00.000000+00:00", "2024-12-01T00:00:00.000000+00:00"
"""The jobs are spread evenly over three years, 2022 to 2024."""

LISTS = {
    "all": JobFilters(),
    "dataset": JobFilters(dataset_id=1),
    "user": JobFilters(user_id=ANALYST),
    "soeid": JobFilters(user_soeid="U000002"),
    "failed": JobFilters(statuses=("failed",)),
    "completed or failed": JobFilters(statuses=("completed", "failed")),
    "waiting": JobFilters(statuses=("pending",)),
    "type": JobFilters(run_type="profiling"),
    "type, failed": JobFilters(run_type="profiling", statuses=("failed",)),
    "dataset, type": JobFilters(dataset_id=1, run_type="sampling"),
    "dataset, failed": JobFilters(dataset_id=1, statuses=("failed",)),
    "dataset, user": JobFilters(dataset_id=1, user_id=ANALYST),
    "dataset, soeid, type, failed": JobFilters(
        dataset_id=1, user_soeid="u000002", run_type="sampling", statuses=("failed",)
    ),
    "soeid, failed": JobFilters(user_soeid="u000002", statuses=("failed",)),
    "after": JobFilters(created_after=LATE),
    "before": JobFilters(created_before=MID),
    "between": JobFilters(created_after=MID, created_before=LATE),
    "dataset, between": JobFilters(dataset_id=1, created_after=MID, created_before=LATE),
    "user, type, between": JobFilters(
        user_id=ANALYST, run_type="sampling", created_after=MID, created_before=LATE
    ),
    "failed, between": JobFilters(statuses=("failed",), created_after=MID, created_before=LATE),
}
DRAWS = {
    "draws of dataset": JobFilters(dataset_id=1),
    "draws of dataset, ref": JobFilters(dataset_id=1, source_ref="q1"),
    "draws of dataset, ref, completed, between": JobFilters(
        dataset_id=1,
        source_ref="main",
        statuses=("completed",),
        created_after=MID,
        created_before=LATE,
    ),
    "draws of user": JobFilters(user_id=ANALYST),
    "draws of user, ref": JobFilters(user_id=ANALYST, source_ref="main"),
    "draws of user, between": JobFilters(user_id=ANALYST, created_after=MID, created_before=LATE),
}
PLACES = (("newest", 0), ("oldest", 0), ("newest", 300))


@dataclass(frozen=True)
class Request:
    """A list that a viewer requests, at a place."""

    name: str
    viewer: int
    filters: JobFilters
    order: str
    offset: int

    @property
    def title(self) -> str:
        """For a line of the report."""
        place = self.order if not self.offset else f"offset {self.offset:,}"
        return f"{'admin' if self.viewer == ADMIN else 'analyst':8}{self.name}, {place}"

    @property
    def path(self) -> str:
        """The request that asks for it."""
        asked: dict[str, Any] = {
            name: value for name, value in vars(self.filters).items() if value is not None
        }
        asked |= {"limit": PAGE, "offset": self.offset}
        if statuses := asked.pop("statuses", None):
            asked["status"] = ",".join(statuses)
        if self.name not in DRAWS:
            return f"/api/jobs?{urlencode({**asked, 'order': self.order})}"
        whose = "datasets" if "dataset_id" in asked else "users"
        one = asked.pop("dataset_id", None) or asked.pop("user_id")
        return f"/api/sampling/{whose}/{one}/history?{urlencode(asked)}"
