"""The rows that an evaluation says nothing about, as caveats of its conclusion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from application.audit.evaluation.request import ExaminedSample
from application.samples.facts import excluded_text
from domain_errors import counted
from sampling_engine import method_class
from sampling_engine.methods.monetary_unit.account import recorded_account
from service.tables.sample_design import DRAWN_AMOUNTS

SIGNS: Mapping[str, tuple[str, ...]] = {
    "positive": ("zero", "negative"),
    "negative": ("zero", "positive"),
    "absolute": ("zero",),
}
"""The signs of the amounts that a population of monetary units leaves out."""


def population_caveats(sample: ExaminedSample) -> list[str]:
    """Sentences on rows of the table, or of an earlier one, that could not be drawn.

    A filter isn't among them: the conclusion itself names it.
    """
    run = sample.job.run_parameters
    caveats = []
    if run.get("source_draw") is not None:
        caveats.append(
            "The table is itself a sample or a residual. These figures are of its rows, and not "
            "of the table from which it was drawn."
        )
    if (excluded := excluded_text(run)) is not None:
        caveats.append(f"Left out of the population: {excluded}.")
    return [*caveats, *_without_units(sample)]


def _without_units(sample: ExaminedSample) -> Iterator[str]:
    """The rows that have no amount, or one that the population leaves out; once each."""
    said = set()
    results = (sample.job.output_summary or {})["rounds"]
    for given, result in zip(sample.rounds, results, strict=True):
        if account := recorded_account(result):
            said.add(_amounts_left_out(account))
        elif method_class(given["method"]).favours == "weight":
            said.add("Rows without a weight above 0 couldn't be drawn, and aren't covered.")
    yield from sorted(said - {""})


def _amounts_left_out(account: Mapping[str, Any]) -> str:
    parts = [account[sign] for sign in SIGNS[account["population"]]]
    rows = sum(part["rows"] for part in parts) + account["missing_rows"]
    if not rows:
        return ""
    total = sum((Decimal(part["total"]) for part in parts), Decimal(0))
    return (
        f"Only rows with an amount {DRAWN_AMOUNTS[account['population']]} could be drawn. "
        f"{counted(rows, 'other row')} with a sum of {total:,f} "
        f"{'is' if rows == 1 else 'are'}n't covered."
    )
