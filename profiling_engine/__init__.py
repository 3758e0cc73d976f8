"""What a table looks like: profiles, alerts, hints for the design of a sample, comparisons.

A room of its own over :mod:`parquet_tables`: it reads tables and returns frozen dataclasses that
are JSON with ``as_json``. It knows no dataset, no job and no HTTP. docs/PROFILING.md tells what
each figure of a profile means; the comparison of two tables is in
:mod:`profiling_engine.comparison`.
"""

from profiling_engine.accuracy import Accuracy, Figure
from profiling_engine.column_profile import Alert, ColumnProfile
from profiling_engine.design_hints import DesignHints, design_hints
from profiling_engine.design_rules import ClusterHint, CutOff, SizeHint, StrataHint
from profiling_engine.profiler import profile_table
from profiling_engine.table_profile import PROFILE_VERSION, TableProfile

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
