"""The handlers of jobs, one for each run type."""

from __future__ import annotations

from collections.abc import Mapping

from job_runner.attempt import Handler
from job_runner.handlers.exploration import run_exploration
from job_runner.handlers.imports import run_import
from job_runner.handlers.profiling import run_profiling
from job_runner.handlers.sampling import run_sampling
from storage.jobs.jobs import RunType

HANDLERS: Mapping[RunType, Handler] = {
    "import": run_import,
    "sampling": run_sampling,
    "exploration": run_exploration,
    "profiling": run_profiling,
}
