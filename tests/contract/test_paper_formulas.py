"""The workbooks of working papers compute: each formula gives the number that was written."""

from __future__ import annotations

import pytest

from tests.presentation.test_formulas import written
from tests.support.live_server import LiveServer
from tests.support.papers import DESIGNS, examined_sample, ledger, sections_of

LEAST = {"random": 6, "cells": 20, "gaffke": 20, "strata of money": 15, "difference": 10}
"""Formulas that papers have at least."""


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return ledger(server)


@pytest.mark.parametrize("name", list(DESIGNS))
def test_each_formula_gives_its_number(server: LiveServer, dataset: int, name: str) -> None:
    job = examined_sample(server, dataset, name)
    book = written(*sections_of(server, job, **DESIGNS[name][1]))
    cells = book.cells()
    assert len(cells) >= LEAST.get(name, 1)
    for sheet, cell in cells:
        value, cached = book.value(sheet, cell), book.cached[sheet][cell].value
        assert value == pytest.approx(cached, rel=1e-9, abs=0.004), (sheet, cell)


def test_a_limit_follows_from_the_arithmetic(server: LiveServer, dataset: int) -> None:
    job = examined_sample(server, dataset, "difference")
    book = written(*sections_of(server, job, **DESIGNS["difference"][1]))
    found = [
        str(line[1].value)
        for sheet in book.formulas
        for line in sheet.iter_rows()
        if line[0].value == "Obere Grenze"
    ]
    assert any(each.startswith("=ROUND(") for each in found), found
