"""Audit tests of a table: rows that a rule finds, why, and what the rule assumes."""

from __future__ import annotations

from collections.abc import Mapping

from profiling_engine.audit_tests.benford import Benford
from profiling_engine.audit_tests.cutoff import Cutoff
from profiling_engine.audit_tests.duplicates import Duplicates
from profiling_engine.audit_tests.gaps import Gaps
from profiling_engine.audit_tests.near_duplicates import NearDuplicates
from profiling_engine.audit_tests.tested import FoundTable, TableTest, run_test
from profiling_engine.audit_tests.unmatched import Unmatched
from profiling_engine.audit_tests.weekend import Weekend

_EVERY = (Duplicates, NearDuplicates, Gaps, Benford, Cutoff, Weekend, Unmatched)
TESTS: Mapping[str, type[TableTest]] = {test.name: test for test in _EVERY}
"""The tests by name; ``contract/requests/audit_tests.py`` declares them."""

__all__ = ["TESTS", "FoundTable", "TableTest", "run_test"]
