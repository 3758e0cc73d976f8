"""Client of jobsvc for notebooks and scripts: import tables, draw samples, estimate and audit."""

from jobsvc_client.client import Client, Dataset, connect
from jobsvc_client.designs import SamplingDesign
from jobsvc_client.errors import JobsvcError, KeptApart
from jobsvc_client.jobs import AuditTest, Job, Report, RowsJob, Sample, Split
from jobsvc_client.panels import Panel
from jobsvc_client.results import (
    Change,
    Changes,
    ClassificationResult,
    Contrast,
    Estimate,
    Estimates,
    Evaluation,
    Plan,
    UploadedValues,
)

__all__ = [
    "AuditTest",
    "Change",
    "Changes",
    "ClassificationResult",
    "Client",
    "Contrast",
    "Dataset",
    "Estimate",
    "Estimates",
    "Evaluation",
    "Job",
    "JobsvcError",
    "KeptApart",
    "Panel",
    "Plan",
    "Report",
    "RowsJob",
    "Sample",
    "SamplingDesign",
    "Split",
    "UploadedValues",
    "connect",
]
