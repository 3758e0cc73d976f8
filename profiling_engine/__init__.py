"""Profiles of tables, alerts, design hints and comparisons.

Reads tables through :mod:`parquet_tables` and returns frozen dataclasses with ``as_json``; knows no
dataset, job or HTTP. docs/PROFILING.md defines the figures.
"""

from profiling_engine.advice import (
    ClusterHint,
    CutOff,
    DesignHints,
    SizeHint,
    StrataHint,
    design_hints,
)
from profiling_engine.columns.profile import (
    PROFILE_VERSION,
    Accuracy,
    Alert,
    ColumnProfile,
    Figure,
    TableProfile,
)
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
