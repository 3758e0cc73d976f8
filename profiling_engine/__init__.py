"""Profiles of tables, alerts, design hints and comparisons.

Reads tables through :mod:`parquet_tables` and returns frozen dataclasses with ``as_json``; knows no
dataset, job or HTTP. docs/PROFILING.md defines the figures.
"""

from profiling_engine.advice import design_hints
from profiling_engine.columns.profile import (
    PROFILE_VERSION,
    Alert,
    ColumnProfile,
    Figure,
    TableProfile,
)
from profiling_engine.tables.profiler import profile_table
