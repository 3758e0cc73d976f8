"""The registry of run types: what each kind of job does."""

from __future__ import annotations

from collections.abc import Mapping

from job_runner.attempt import Handler
from job_runner.exploration_job import run_exploration
from job_runner.import_job import run_import
from job_runner.profiling_job import run_profiling
from job_runner.sampling_job import run_sampling
from storage.jobs import RunType

HANDLERS: Mapping[RunType, Handler] = {
    "import": run_import,
    "sampling": run_sampling,
    "exploration": run_exploration,
    "profiling": run_profiling,
}
