"""Fixtures of the filter tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sampling_engine.filters.tiny_table import TinyTable


@pytest.fixture(scope="module")
def tiny() -> Iterator[TinyTable]:
    table = TinyTable()
    yield table
    table.connection.close()
