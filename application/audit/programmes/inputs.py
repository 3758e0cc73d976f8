"""What the inputs of calculations are, with their units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import get_args, get_type_hints

from estimation_engine.audit.calculations import CALCULATIONS
from lazy_dataclasses import dataclass

AMOUNT, SHARE, UNITS, NUMBER, TEXT = "amount", "share", "units", "number", "text"
DESCRIBED: dict[str, tuple[str, str]] = {
    "confidence": (SHARE, "the confidence, such as 0.9"),
    "z": (NUMBER, "the quantile, in place of that of the confidence"),
    "quantile": (NUMBER, "the quantile, in place of that of the confidence"),
    "book_value": (AMOUNT, "the book value of the population, or of the part"),
    "expected": (SHARE, "the expected errors, of the book value"),
    "materiality": (SHARE, "what is tolerable, of the book value; `tolerable` is an amount"),
    "tolerable": (AMOUNT, "what is tolerable, in place of `materiality`"),
    "label": (TEXT, "the name of the part"),
    "units": (UNITS, "the units of the population, or of the part"),
    "examined": (UNITS, "the examined units"),
    "examined_value": (AMOUNT, "the book value of the examined units"),
    "deviation": (NUMBER, "the standard deviation of errors (amount) or of taints (share)"),
    "errors": (AMOUNT, "errors of examined units; of the conservative approach their taints"),
    "negative": (UNITS, "examined units with a book value below 0"),
    "taints": (SHARE, "error by book value: the sum, or a list of them"),
    "always": (UNITS, "units that are always examined"),
    "corrects_for_population": ("true or false", "whether the size is corrected for N"),
    "least": (UNITS, "the least size"),
    "least_share": (SHARE, "the least of the units"),
    "least_value_share": (SHARE, "the least of the book value"),
    "factor": (NUMBER, "the reliability factor RF(0), in place of that of the confidence"),
    "factor_digits": (NUMBER, "decimal places of the factors"),
    "expansion": (NUMBER, "the expansion factor, in place of that of table 5"),
    "missing_units": (UNITS, "units that weren't available when the sample was drawn"),
    "missing_value": (AMOUNT, "their book value"),
    "systemic": (AMOUNT, "delimited systemic errors"),
    "anomalous": (AMOUNT, "anomalous errors that weren't corrected"),
    "size": (UNITS, "the planned size"),
    "interval": (AMOUNT, "the sampling interval, in place of the size"),
    "sampled_value": (AMOUNT, "the book value of units that aren't always examined"),
    "allowance": (AMOUNT, "the sum of allowances, beside `taints`"),
    "book_values": (AMOUNT, "the book value of each unit"),
    "declared": (AMOUNT, "the declared amount"),
    "current_corrections": (AMOUNT, "corrections of the period"),
    "previous_corrections": (AMOUNT, "corrections of earlier periods"),
    "approach": (TEXT, "which amounts are negative units"),
    "projected": (AMOUNT, "the projected error"),
    "precision": (AMOUNT, "the precision"),
    "always_value": (AMOUNT, "the book value of subunits that are always examined"),
    "always_errors": (AMOUNT, "their errors"),
    "likelihood": (TEXT, "the distribution of the factors"),
}
"""The unit and the meaning of inputs by name; lists of parts have those of their members."""


@dataclass(frozen=True)
class DescribedInput:
    """An input of a calculation; members of lists as ``parts[1].units``."""

    name: str
    unit: str
    meaning: str
    is_required: bool


def described_inputs(calculation: str) -> list[DescribedInput]:
    """The inputs of a calculation, in the order of its declaration."""
    return list(_described(CALCULATIONS[calculation].inputs, ""))


def _described(inputs: type, path: str) -> Iterator[DescribedInput]:
    hints = get_type_hints(inputs)
    for own in fields(inputs):
        members = [each for each in get_args(hints[own.name]) if is_dataclass(each)]
        if members and isinstance(members[0], type):
            yield from _described(members[0], f"{path}{own.name}[1].")
            continue
        is_required = own.default is MISSING and own.default_factory is MISSING
        yield DescribedInput(f"{path}{own.name}", *DESCRIBED[own.name], is_required)
