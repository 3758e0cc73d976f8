"""Sizes of samples from a guessed standard deviation, by the guidance's sections x.2.

One formula has all designs: n = z²·M²·σ² / ((TE − AE)² − z²·Σ M_d²·s_d²/n_d), in which M is the
rows N, or the book value BV, of the parts that are to be drawn, σ² the mean of their variances by
M_h/M, and d are the parts, such as a first semester, that were examined before.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, fsum, sqrt
from typing import Literal

from domain_errors import Sentence
from estimation_engine.audit.guidance.quantities import (
    LEAST_OF_STRATUM,
    MATERIALITY,
    AtLevel,
    NormalInputs,
    amount_text,
    check,
    check_confidence,
    expansion_factor,
    quantile,
)
from estimation_engine.audit.limits import poisson_factor
from lazy_dataclasses import dataclass

ROUNDING = 1e-9
FEW = 30


@dataclass(frozen=True, kw_only=True)
class PlannedPart:
    """A stratum or period that is to be drawn.

    Parameters
    ----------
    units : int
        N_h; needed for equal probabilities.
    book_value : float
        BV_h; expected, if the period isn't over.
    deviation : float
        The guessed σ_h of errors, or of error rates for monetary units.
    """

    label: str = ""
    units: int = 0
    book_value: float = 0.0
    deviation: float


@dataclass(frozen=True, kw_only=True)
class ExaminedPart:
    """A stratum or period that was drawn and examined before: its sample has ``examined`` units."""

    label: str = ""
    units: int = 0
    book_value: float = 0.0
    examined: int
    deviation: float


@dataclass(frozen=True, kw_only=True)
class SizeInputs(NormalInputs):
    """Inputs of a size.

    Parameters
    ----------
    parts : tuple of PlannedPart
    examined : tuple of ExaminedPart
        Periods whose samples were examined before, for the sample of a later one.
    book_value : float
        BV of the whole population, of which materiality and expected error are shares.
    expected : float
        The expected error rate.
    always : int
        Units that are always examined, besides the size.
    corrects_for_population : bool
        Whether n is n/(1 + n/N) (footnote 25).
    least : int
        A programme's least size, below which the formula's is raised.
    """

    book_value: float
    expected: float
    materiality: float = MATERIALITY
    parts: tuple[PlannedPart, ...]
    examined: tuple[ExaminedPart, ...] = ()
    always: int = 0
    corrects_for_population: bool = False
    least: int = 1


@dataclass(frozen=True)
class Allocated:
    """The units of a part; ``interval`` is its book value by them, the cut-off of large units."""

    label: str
    size: int
    unrounded: float
    interval: float | None


@dataclass(frozen=True)
class GuidanceSize:
    """A size with its quantities.

    Parameters
    ----------
    size, total : int
        n, rounded up; with the units that are always examined.
    unrounded : float
    variance : float
        The weighted variance σ² of the parts; 0 for the conservative approach.
    tolerable, expected : float
        TE and AE, amounts.
    factor : float
        z, or RF of the conservative approach.
    interval : float, optional
        BV/n of monetary units: the sampling interval and first cut-off.
    """

    size: int
    total: int
    unrounded: float
    variance: float
    tolerable: float
    expected: float
    factor: float
    interval: float | None
    allocation: tuple[Allocated, ...]
    notes: tuple[str, ...]


Measure = Literal["units", "book_value"]


def size_by_units(inputs: SizeInputs) -> GuidanceSize:
    """The size of samples with equal probabilities: random, stratified, difference, periods.

    Sections 6.1.1.2, 6.1.2.2, 6.1.3.2, 6.2.1.2, 6.2.2.2, 6.2.3.2.

    Examples
    --------
    >>> part = PlannedPart(units=3_852, deviation=518)
    >>> found = size_by_units(
    ...     SizeInputs(confidence=0.8, book_value=46_501_186, expected=0.0124, parts=(part,))
    ... )
    >>> found.size
    53
    """
    return _size(inputs, "units")


def size_by_money(inputs: SizeInputs) -> GuidanceSize:
    """The size of samples of monetary units, also of strata and periods.

    Sections 6.3.1.2, 6.3.2.2, 6.3.3.2, 6.3.4.2.
    """
    return _size(inputs, "book_value")


def _size(inputs: SizeInputs, measure: Measure) -> GuidanceSize:
    check(inputs.always >= 0, "`always` must be 0 or more.", "always")
    check(inputs.least >= 1, "`least` must be at least 1.", "least")
    z = quantile(inputs.confidence, inputs.z)
    tolerable, expected = _planned_errors(
        inputs.book_value, inputs.materiality, inputs.expected, 1.0
    )
    weights = _measures(inputs.parts, "parts", measure)
    spent_weights = _measures(inputs.examined, "examined", measure)
    whole = fsum(weights)
    variance = fsum(
        weight / whole * part.deviation**2
        for weight, part in zip(weights, inputs.parts, strict=True)
    )
    spent = fsum(
        weight**2 * part.deviation**2 / part.examined
        for weight, part in zip(spent_weights, inputs.examined, strict=True)
    )
    left = (tolerable - expected) ** 2 - z**2 * spent
    check(
        left > 0.0,
        "The samples examined before have a precision of {precision}, which isn't below the "
        "planned {planned}: no later sample reaches it.",
        "examined",
        precision=amount_text(z * sqrt(spent)),
        planned=amount_text(tolerable - expected),
    )
    unrounded = z**2 * whole**2 * variance / left
    units = sum(part.units for part in inputs.parts)
    if inputs.corrects_for_population:
        check(units > 0, "The correction needs the units of each part.", "parts")
        unrounded /= 1.0 + unrounded / units
    due = max(ceil(unrounded - ROUNDING), 1)
    size = max(due, inputs.least)
    if units:
        size = min(size, units)
    allocation = _allocated(inputs.parts, weights, size)
    few = sum(part.size < LEAST_OF_STRATUM for part in allocation) if len(allocation) > 1 else 0
    notes = _notes(due, size, few)
    if few:
        allocation = _with_the_least(inputs.parts, allocation)
        size = sum(part.size for part in allocation)
    money = measure == "book_value"
    return GuidanceSize(
        size,
        size + inputs.always,
        unrounded,
        variance,
        tolerable,
        expected,
        z,
        whole / size if money else None,
        allocation,
        notes,
    )


def raised_note(due: int, size: int) -> list[str]:
    """The note of a size that is above the formula's."""
    text = (
        "The formula gives {due}. The size is {size}, as the programme's evaluation refuses a "
        "smaller one."
    )
    return [Sentence(text, due=due, size=size)] if size > due else []


def _planned_errors(
    book_value: float, materiality: float, expected: float, expansion: float
) -> tuple[float, float]:
    """TE and AE, of which TE must be above AE with its expansion."""
    check(book_value > 0.0, "`book_value` must be above 0.", "book_value")
    check(
        0.0 < materiality <= MATERIALITY,
        "The materiality is above 0 and at most 0.02, a share of the book value, by "
        "EGESIF_16-0014-01 (section 4.9). `size_poisson` takes more.",
        "materiality",
    )
    check(
        expected >= 0.0,
        "The expected error rate must be 0 or more.",
        "expected",
    )
    is_plain = expansion == 1.0
    check(
        expected * expansion < materiality,
        "Expected errors of {expected} aren't below the materiality of {materiality}: no sample "
        "is large enough."
        if is_plain
        else "Expected errors of {expected}, times the expansion factor of {expansion}, aren't "
        "below the materiality of {materiality}: no sample is large enough.",
        "expected",
        expected=f"{100 * expected:.6g} %",
        materiality=f"{100 * materiality:.6g} %",
        **({} if is_plain else {"expansion": expansion}),
    )
    return materiality * book_value, expected * book_value


def _measures(
    parts: Sequence[PlannedPart | ExaminedPart], name: str, measure: Measure
) -> list[float]:
    check(bool(parts) or name == "examined", "Give at least one part.", name)
    for number, part in enumerate(parts):
        value = getattr(part, measure)
        check(value > 0, "`{field}` must be above 0.", f"{name}.{number}.{measure}", field=measure)
        check(
            part.deviation >= 0.0,
            "A standard deviation is 0 or more.",
            f"{name}.{number}.deviation",
        )
        if isinstance(part, ExaminedPart):
            check(
                part.examined >= 1,
                "`examined` must be at least 1.",
                f"{name}.{number}.examined",
            )
    return [float(getattr(part, measure)) for part in parts]


def _allocated(
    parts: Sequence[PlannedPart], weights: Sequence[float], size: int
) -> tuple[Allocated, ...]:
    """The size by M_h/M, rounded by the largest remainder, so that the parts add up."""
    exact = [size * weight / fsum(weights) for weight in weights]
    sizes = [int(share + ROUNDING) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda at: sizes[at] - exact[at])
    for at in by_remainder[: size - sum(sizes)]:
        sizes[at] += 1
    return tuple(_part(*each) for each in zip(parts, sizes, exact, strict=True))


def _part(part: PlannedPart, size: int, unrounded: float) -> Allocated:
    interval = part.book_value / size if part.book_value > 0 and size else None
    return Allocated(part.label, size, unrounded, interval)


def _with_the_least(
    parts: Sequence[PlannedPart], allocation: Sequence[Allocated]
) -> tuple[Allocated, ...]:
    """Each part with the least of a stratum, or with all its units if it has fewer."""
    return tuple(
        _part(
            part,
            max(own.size, min(LEAST_OF_STRATUM, part.units or LEAST_OF_STRATUM)),
            own.unrounded,
        )
        for part, own in zip(parts, allocation, strict=True)
    )


def _notes(due: int, size: int, few: int) -> tuple[str, ...]:
    """What a reader must know of a size, of which the formula gives ``due``.

    ``few`` parts have fewer units than the least of a stratum.
    """
    notes = raised_note(due, size)
    if due > size:
        text = (
            "The formula gives {due}: the sample has all {size} {size|unit|units} that it can draw."
        )
        notes.append(Sentence(text, due=due, size=size))
    if size < FEW:
        text = (
            "The size is below {least}, which EGESIF_16-0014-01 recommends at least for the normal "
            "approximation."
        )
        notes.append(Sentence(text, least=FEW))
    if few:
        text = (
            "By the formula {few} {few|part has|parts have} fewer than {least} {least|unit|units}, "
            "the least of EGESIF_16-0014-01 (section 6.1.2.2). Each has {least} here, or all its "
            "units if there are fewer."
        )
        notes.append(Sentence(text, few=few, least=LEAST_OF_STRATUM))
    return tuple(notes)


@dataclass(frozen=True, kw_only=True)
class ConservativeSizeInputs(AtLevel):
    """Inputs of a size by the conservative approach.

    Parameters
    ----------
    factor : float, optional
        RF(0) in place of −ln(1 − confidence); table 4 prints 2.31 for 90 %.
    expansion : float, optional
        EF in place of that of table 5.
    least : int
        A programme's least size, below which the formula's is raised.
    """

    book_value: float
    expected: float
    materiality: float = MATERIALITY
    factor: float | None = None
    expansion: float | None = None
    least: int = 1


def size_conservative(inputs: ConservativeSizeInputs) -> GuidanceSize:
    """The size n = BV·RF / (TE − AE·EF) of monetary units (section 6.3.5.2).

    Examples
    --------
    >>> size_conservative(
    ...     ConservativeSizeInputs(confidence=0.9, book_value=4_199_882_024, expected=0.002)
    ... ).size
    136
    """
    check_confidence(inputs.confidence)
    expansion = 1.0
    if inputs.expected > 0.0:
        expansion = expansion_factor(inputs.confidence, inputs.expansion)
    tolerable, expected = _planned_errors(
        inputs.book_value, inputs.materiality, inputs.expected, expansion
    )
    factor = poisson_factor(0, inputs.confidence) if inputs.factor is None else inputs.factor
    check(factor > 0.0, "A reliability factor is above 0.", "factor")
    unrounded = inputs.book_value * factor / (tolerable - expected * expansion)
    check(inputs.least >= 1, "`least` must be at least 1.", "least")
    due = ceil(unrounded - ROUNDING)
    size = max(due, inputs.least)
    interval = inputs.book_value / size
    return GuidanceSize(
        size,
        size,
        unrounded,
        0.0,
        tolerable,
        expected,
        factor,
        interval,
        (Allocated("", size, unrounded, interval),),
        tuple(raised_note(due, size)),
    )


@dataclass(frozen=True, kw_only=True)
class NonstatisticalSizeInputs:
    """Inputs of the least size of a sample that isn't statistical.

    Parameters
    ----------
    least_share, least_value_share : float
        Of the units, and of the book value: 5 % and 10 % by Article 127(1) of Regulation
        1303/2013; 10 % of the units by Article 79(2) of Regulation 2021/1060.
    """

    units: int
    book_value: float
    least_share: float = 0.05
    least_value_share: float = 0.10


@dataclass(frozen=True)
class NonstatisticalSize:
    """The least units, and the least book value that they must have."""

    size: int
    least_value: float
    notes: tuple[str, ...]


def size_nonstatistical(inputs: NonstatisticalSizeInputs) -> NonstatisticalSize:
    """The least units and book value to examine (section 6.4.3).

    Examples
    --------
    >>> size_nonstatistical(NonstatisticalSizeInputs(units=120, book_value=1_000_000)).size
    6
    """
    check(inputs.units > 0, "`units` must be above 0.", "units")
    check(inputs.book_value > 0.0, "`book_value` must be above 0.", "book_value")
    for name in ("least_share", "least_value_share"):
        check(0.0 <= getattr(inputs, name) <= 1.0, "A share is from 0 to 1.", name)
    size = max(ceil(inputs.units * inputs.least_share - ROUNDING), 1)
    note = (
        "These are the least units and value that the rules name. A sample that isn't statistical "
        "has no precision and no upper limit."
    )
    return NonstatisticalSize(size, inputs.book_value * inputs.least_value_share, (Sentence(note),))
