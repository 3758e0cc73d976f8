"""High-value strata, negative units, subsamples, and the recalculated confidence."""

from __future__ import annotations

from math import fsum
from typing import Literal

from domain_errors import Sentence
from estimation_engine.audit.guidance.quantities import (
    MOST_CONFIDENCE,
    AtLevel,
    NormalInputs,
    amount_text,
    check,
    confidence_of,
    quantile,
)
from lazy_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class HighValueInputs:
    """The book values of all units, and the planned size."""

    book_values: tuple[float, ...]
    size: int


@dataclass(frozen=True)
class HighValueStratum:
    """The units that are always examined, and the sample of the others.

    Parameters
    ----------
    positions : tuple of int
        Of the units in the inputs, from 0.
    value : float
        Their book value.
    cut_off : float
        BV/n, at which the iteration begins.
    size, sampled_value, interval : int, float, float
        n_s, BV_s, and BV_s/n_s; no unit that isn't always examined is above it.
    rounds : int
        Times that units were moved.
    """

    positions: tuple[int, ...]
    value: float
    cut_off: float
    size: int
    sampled_value: float
    interval: float
    rounds: int


def high_value_stratum(inputs: HighValueInputs) -> HighValueStratum:
    """Move units above the interval to the high-value stratum until none is (section 6.3.1.3).

    The first cut-off is BV/n; then each interval BV_s/n_s of the other units.

    Raises
    ------
    InvalidCalculation
        A book value isn't above 0, or the size isn't below the number of units.

    Examples
    --------
    >>> found = high_value_stratum(HighValueInputs(book_values=(50, 30, 5, 5, 5, 5), size=4))
    >>> found.positions, found.size, found.interval
    ((0, 1), 2, 10.0)
    """
    values = inputs.book_values
    check(
        bool(values) and min(values) > 0.0,
        "Each book value must be above 0: negative units are a population of their own "
        "(section 4.6).",
        "book_values",
    )
    check(0 < inputs.size <= len(values), "`size` is from 1 to the number of units.", "size")
    order = sorted(range(len(values)), key=lambda at: -values[at])
    left, size, moved, rounds = fsum(values), inputs.size, 0, 0
    cut_off = left / size
    while size:
        more = moved
        interval = left / size
        while more < len(order) and values[order[more]] > interval:
            more += 1
        if more == moved:
            break
        size -= more - moved
        left = fsum(values[at] for at in order[more:])
        moved, rounds = more, rounds + 1
    positions = tuple(sorted(order[:moved]))
    return HighValueStratum(
        positions,
        fsum(values[at] for at in positions),
        cut_off,
        size,
        left,
        left / size if size else 0.0,
        rounds,
    )


@dataclass(frozen=True, kw_only=True)
class DeclaredUnit:
    """A unit: what was declared, and corrections of this period and of earlier ones, as amounts."""

    label: str
    declared: float
    current_corrections: float = 0.0
    previous_corrections: float = 0.0


NegativeApproach = Literal["net", "gross", "current"]
"""What is taken off what was declared: all corrections, none, or those of the period."""


@dataclass(frozen=True, kw_only=True)
class NegativeInputs:
    """Units, and which corrections are taken off.

    ``net`` takes all corrections off, and units below 0 are negative; ``gross`` takes none off,
    and all corrections are negative units; ``current`` takes those of the period off.
    """

    units: tuple[DeclaredUnit, ...]
    approach: NegativeApproach = "current"


@dataclass(frozen=True)
class UnitAmount:
    """The amount of a unit in its population."""

    label: str
    amount: float


@dataclass(frozen=True)
class SplitPopulation:
    """Positive and negative units; the sums add up to ``net``."""

    positive: tuple[UnitAmount, ...]
    negative: tuple[UnitAmount, ...]
    positive_value: float
    negative_value: float
    net: float
    notes: tuple[str, ...]


def split_negative_units(inputs: NegativeInputs) -> SplitPopulation:
    """Split units into a population of positive amounts and one of negative ones (section 4.6).

    The sample of operations is drawn from positive units. Negative ones, such as corrections, are
    checked apart: that their amounts are those that were decided.
    """
    positive: list[UnitAmount] = []
    negative: list[UnitAmount] = []
    for number, unit in enumerate(inputs.units):
        for name in ("declared", "current_corrections", "previous_corrections"):
            check(
                getattr(unit, name) >= 0.0,
                "Give an amount of 0 or more: corrections are subtracted.",
                f"units.{number}.{name}",
            )
        off = unit.current_corrections if inputs.approach != "gross" else 0.0
        off += unit.previous_corrections if inputs.approach == "net" else 0.0
        amounts = (
            unit.declared - off,
            off - unit.current_corrections - unit.previous_corrections,
        )
        positive += [UnitAmount(unit.label, each) for each in amounts if each > 0.0]
        negative += [UnitAmount(unit.label, each) for each in amounts if each < 0.0]
    plus = fsum(unit.amount for unit in positive)
    minus = fsum(unit.amount for unit in negative)
    notes = []
    if negative:
        text = (
            "{units} negative {units|unit|units} of {amount} in total: they aren't in the "
            "population of the sample, and are checked apart. The projection says nothing of them."
        )
        notes.append(Sentence(text, units=len(negative), amount=amount_text(minus)))
    return SplitPopulation(
        tuple(positive), tuple(negative), plus, minus, plus + minus, tuple(notes)
    )


@dataclass(frozen=True, kw_only=True)
class RecalculationInputs(NormalInputs):
    """A projected error with its precision at a confidence, and the tolerable error."""

    projected: float
    precision: float
    tolerable: float


@dataclass(frozen=True, kw_only=True)
class RecalculatedConfidence(AtLevel):
    """The confidence at which the upper limit is the tolerable error, and its z."""

    z: float
    notes: tuple[str, ...]


def recalculated_confidence(inputs: RecalculationInputs) -> RecalculatedConfidence:
    """z* = z·(TE − EE)/SE: at its confidence the upper limit is the tolerable error (section 7.7).

    It isn't for the conservative approach, whose precision isn't a multiple of z.

    Raises
    ------
    InvalidCalculation
        The projected error isn't below the tolerable one, the tolerable error or the precision
        isn't above 0, the upper limit is below 0, or the confidence would be above 99.9 %.

    Examples
    --------
    >>> found = recalculated_confidence(
    ...     RecalculationInputs(
    ...         confidence=0.9,
    ...         projected=14_568_765,
    ...         precision=26_195_819,
    ...         tolerable=37_164_661,
    ...     )
    ... )
    >>> round(found.confidence, 3)
    0.844
    """
    check(inputs.precision > 0.0, "`precision` must be above 0.", "precision")
    check(
        inputs.projected < inputs.tolerable,
        "The projected error isn't below the tolerable error: no confidence makes the upper limit "
        "equal to it.",
        "projected",
    )
    check(inputs.tolerable > 0.0, "`tolerable` must be above 0.", "tolerable")
    check(
        inputs.projected + inputs.precision >= 0.0,
        "The upper limit is below 0: the sample shows understatements, for which no confidence "
        "is recalculated from the tolerable overstatements.",
        "projected",
    )
    z = quantile(inputs.confidence, inputs.z)
    needed = z * (inputs.tolerable - inputs.projected) / inputs.precision
    check(
        confidence_of(needed) <= MOST_CONFIDENCE,
        "The recalculated confidence would be above 99.9 %, which a normal approximation doesn't "
        "support.",
        "tolerable",
    )
    note = Sentence(
        "This confidence was chosen after the errors were known: it describes the result, and "
        "isn't the confidence of a planned limit."
    )
    return RecalculatedConfidence(confidence=confidence_of(needed), z=needed, notes=(note,))


@dataclass(frozen=True, kw_only=True)
class SubsampleInputs:
    """The subunits of a unit: its book value, and the value and errors of the examined ones.

    Parameters
    ----------
    always_value, always_errors : float
        Of subunits that are always examined, such as those of a lead partner; they are part of
        ``book_value``.
    """

    book_value: float
    examined_value: float
    errors: float
    always_value: float = 0.0
    always_errors: float = 0.0


@dataclass(frozen=True)
class UnitError:
    """The error of a unit, projected from its subunits."""

    projected: float
    error_rate: float
    notes: tuple[str, ...]


def projected_subsample(inputs: SubsampleInputs) -> UnitError:
    """The error of a unit by a ratio of its examined subunits (sections 6.5.3.3, 7.6.3).

    It counts as the unit's error in the evaluation of the first stage, whose precision has, by the
    guidance (section 7.6.4), no part for the second one.

    Examples
    --------
    >>> found = projected_subsample(
    ...     SubsampleInputs(book_value=90_142_818, examined_value=7_829, errors=845)
    ... )
    >>> round(found.projected)
    9729299
    """
    left = inputs.book_value - inputs.always_value
    check(inputs.book_value > 0.0, "`book_value` must be above 0.", "book_value")
    check(left >= 0.0, "`always_value` is at most the book value.", "always_value")
    check(
        inputs.examined_value > 0.0 or not left,
        "`examined_value` must be above 0.",
        "examined_value",
    )
    random = left * inputs.errors / inputs.examined_value if left else 0.0
    projected = inputs.always_errors + random
    note = Sentence(
        "The precision of the whole sample allows for the choice of units, and not for that of "
        "subunits (section 7.6.4)."
    )
    return UnitError(projected, projected / inputs.book_value, (note,))
