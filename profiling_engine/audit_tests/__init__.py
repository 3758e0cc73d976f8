"""Audit tests of a table: rows that a rule finds, why, and what the rule assumes."""

from __future__ import annotations

from collections.abc import Mapping

from profiling_engine.audit_tests.duplicates import Duplicates
from profiling_engine.audit_tests.tested import AuditTest, FoundTable, run_test

TESTS: Mapping[str, type[AuditTest]] = {test.name: test for test in (Duplicates,)}
"""The tests by name; ``contract/requests/audit_tests.py`` declares them."""

__all__ = ["TESTS", "AuditTest", "FoundTable", "run_test"]
