"""The tiny table, made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sampling_engine.filters.tiny_table import TinyTable


@pytest.fixture(scope="module")
def tiny() -> Iterator[TinyTable]:
    made = TinyTable()
    yield made
    made.connection.close()
