"""What a table looks like: profiles, alerts, hints for the design of a sample, comparisons.

A room of its own over :mod:`parquet_tables`: it reads tables and returns frozen dataclasses that
are JSON with ``as_json``. It knows no dataset, no job and no HTTP. docs/PROFILING.md tells what
each figure of a profile means; the comparison of two tables is in
:mod:`profiling_engine.comparison`.
"""

from profiling_engine.advice.design import (
    ClusterHint,
    CutOff,
    DesignHints,
    SizeHint,
    StrataHint,
    design_hints,
)
from profiling_engine.columns.accuracy import Accuracy, Figure
from profiling_engine.columns.profile import Alert, ColumnProfile
from profiling_engine.tables.profile import PROFILE_VERSION, TableProfile
from profiling_engine.tables.profiler import profile_table

__all__ = [
    "PROFILE_VERSION",
    "Accuracy",
    "Alert",
    "ClusterHint",
    "ColumnProfile",
    "CutOff",
    "DesignHints",
    "Figure",
    "SizeHint",
    "StrataHint",
    "TableProfile",
    "design_hints",
    "profile_table",
]
