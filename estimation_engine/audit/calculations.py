"""The registry of the guidance's calculations: name, typed inputs and outputs, formula and source.

A calculation takes one frozen dataclass and returns another one. :meth:`Calculation.compute` reads
its inputs from plain data, such as that of a file, and names the field that doesn't fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from math import isfinite
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from estimation_engine.audit import textbook
from estimation_engine.audit.guidance import projections, sizes, special
from estimation_engine.audit.guidance.quantities import section
from estimation_engine.errors import InvalidCalculation
from lazy_dataclasses import dataclass

Purpose = Literal["size", "evaluation", "projection", "other"]
"""A projection has no limits."""
MOST_ITEMS = 100_000
"""Of a list in the inputs."""


@dataclass(frozen=True)
class Calculation:
    """A calculation.

    Parameters
    ----------
    inputs, outputs : type
        Frozen dataclasses.
    sections : str
        Of the guidance.
    misprints : tuple of str
        Known misprints of the sections' examples.
    document : str, optional
        Another document than the guidance.
    lacks : tuple of str
        Members of the outputs that the calculation doesn't have.
    """

    name: str
    title: str
    purpose: Purpose
    inputs: type
    outputs: type
    formula: str
    sections: str
    function: Callable[[Any], Any]
    misprints: tuple[str, ...] = ()
    document: str | None = None
    lacks: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The guidance, or another document, with the sections."""
        return (
            section(self.sections) if self.document is None else f"{self.document}, {self.sections}"
        )

    def compute(self, values: Mapping[str, Any]) -> Any:
        """Compute from plain data: mappings, lists, numbers and texts.

        Raises
        ------
        InvalidCalculation
            A field is unknown, missing, of another type, or out of range; ``loc`` is the field.
        """
        return self.run(read_inputs(self.inputs, values))

    def run(self, inputs: Any) -> Any:
        """Compute from typed inputs.

        Raises
        ------
        InvalidCalculation
            An input is out of range, or so large or small that a figure is no number.
        """
        try:
            found = self.function(inputs)
            is_finite = all(isfinite(each) for each in vars(found).values() if is_figure(each))
        except (OverflowError, ZeroDivisionError):
            is_finite = False
        if not is_finite:
            raise InvalidCalculation(
                "The inputs are too large or too small to compute with.", loc=("inputs",)
            )
        return found


def is_figure(value: object) -> bool:
    """Whether a result is a number, and no text, list or truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_inputs(kind: Any, values: Any, loc: tuple[str | int, ...] = ("inputs",)) -> Any:
    """Read a frozen dataclass from plain data; integers are read as floats where one is needed.

    Raises
    ------
    InvalidCalculation
        A field is unknown, missing or of another type; ``loc`` is the field.
    """
    if not isinstance(values, Mapping):
        raise InvalidCalculation("Give named values.", loc=loc)
    hints = get_type_hints(kind)
    known = {each.name: each for each in fields(kind)}
    for name in values:
        if name not in known:
            raise InvalidCalculation(
                '"{name}" is unknown here. The fields are {fields}.',
                name=name,
                fields=", ".join(known),
                loc=(*loc, name),
            )
    for name, each in known.items():
        if name not in values and each.default is MISSING and each.default_factory is MISSING:
            raise InvalidCalculation('"{name}" is missing.', name=name, loc=(*loc, name))
    return kind(**{name: _read(hints[name], value, (*loc, name)) for name, value in values.items()})


def _read(hint: Any, value: Any, loc: tuple[str | int, ...]) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        if value is None:
            return None
        return _read(next(each for each in get_args(hint) if each is not type(None)), value, loc)
    if origin is tuple:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise InvalidCalculation("Give a list.", loc=loc)
        if len(value) > MOST_ITEMS:
            raise InvalidCalculation("A list has at most {most} items.", most=MOST_ITEMS, loc=loc)
        item = get_args(hint)[0]
        return tuple(_read(item, each, (*loc, at)) for at, each in enumerate(value))
    if origin is Literal:
        if value not in get_args(hint):
            choices = ", ".join(get_args(hint))
            raise InvalidCalculation("Choose one of {choices}.", choices=choices, loc=loc)
        return value
    if is_dataclass(hint):
        return read_inputs(hint, value, loc)
    return _read_scalar(hint, value, loc)


def _read_scalar(hint: Any, value: Any, loc: tuple[str | int, ...]) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is float and is_number and abs(value) < float("inf"):
        return float(value)
    if hint is int and is_number and value == int(value):
        return int(value)
    if hint in (str, bool) and isinstance(value, hint):
        return value
    names = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}
    raise InvalidCalculation("Give {kind}.", kind=names[hint], loc=loc)


_EQUAL = (projections.EqualInputs, projections.GuidanceEvaluation)
_MONEY = (projections.MoneyInputs, projections.GuidanceEvaluation)
_SIZE = (sizes.SizeInputs, sizes.GuidanceSize)
_POOLED = "SE = z·N·s_w/√n, s_w² = Σ (N_h/N)·s_h²"
_OF_PERIODS = "SE = z·√(Σ N_t²·s_t²/n_t)"
_BY_UNITS = "n = (N·z·σ_w/(TE − AE))², σ_w² = Σ (N_h/N)·σ_h²"
_BY_MONEY = "n = (z·BV·σ_w/(TE − AE))², σ_w² = Σ (BV_h/BV)·σ_h²"
_LATER = "n = (z·M·σ_w)²/((TE − AE)² − z²·Σ M_d²·s_d²/n_d), M = "

ALL: tuple[Calculation, ...] = (
    Calculation(
        "size_random",
        "Size, equal probabilities",
        "size",
        *_SIZE,
        "n = (N·z·σ/(TE − AE))²",
        "6.1.1.2",
        sizes.size_by_units,
    ),
    Calculation(
        "size_stratified",
        "Size, stratified",
        "size",
        *_SIZE,
        _BY_UNITS,
        "6.1.2.2",
        sizes.size_by_units,
        ("6.1.2.6 uses N = 4,802 beside strata of 3,582 and 1,225 units; both give 121.",),
    ),
    Calculation(
        "size_periods",
        "Size, periods",
        "size",
        *_SIZE,
        f"{_BY_UNITS}; a later period: {_LATER}N",
        "6.1.3.2",
        sizes.size_by_units,
    ),
    Calculation(
        "size_difference",
        "Size, difference",
        "size",
        *_SIZE,
        "n = (N·z·σ/(TE − AE))²",
        "6.2.1.2",
        sizes.size_by_units,
        ("6.2.1.6 gives 101 by the printed z of 0.842; the exact quantile gives 100 (99.98).",),
    ),
    Calculation(
        "size_difference_stratified",
        "Size, difference of strata",
        "size",
        *_SIZE,
        _BY_UNITS,
        "6.2.2.2",
        sizes.size_by_units,
        ("6.2.2.6 prints z = 0.845 in the formula; its result, 51, is that of 0.842.",),
    ),
    Calculation(
        "size_difference_periods",
        "Size, difference of periods",
        "size",
        *_SIZE,
        f"{_BY_UNITS}; a later period: {_LATER}N",
        "6.2.3.2",
        sizes.size_by_units,
    ),
    Calculation(
        "size_monetary_units",
        "Size, monetary units",
        "size",
        *_SIZE,
        "n = (z·BV·σ/(TE − AE))²",
        "6.3.1.2",
        sizes.size_by_money,
        ("6.3.1.7 prints the cut-off as 54,593,922; BV/77 is 54,543,922.",),
    ),
    Calculation(
        "size_monetary_units_stratified",
        "Size, monetary units of strata",
        "size",
        *_SIZE,
        _BY_MONEY,
        "6.3.2.2",
        sizes.size_by_money,
        ("6.3.2.7 rounds 88.33 up to 89; the largest remainder gives 88 and 60.",),
    ),
    Calculation(
        "size_monetary_units_periods",
        "Size, monetary units of periods",
        "size",
        *_SIZE,
        f"{_BY_MONEY}; a later period: {_LATER}BV",
        "6.3.3.2 and 6.3.4.2",
        sizes.size_by_money,
    ),
    Calculation(
        "size_conservative",
        "Size, conservative",
        "size",
        sizes.ConservativeSizeInputs,
        sizes.GuidanceSize,
        "n = BV·RF/(TE − AE·EF)",
        "6.3.5.2",
        sizes.size_conservative,
        ("Table 4 prints RF(0) as 2.31 for 90 %, appendix 3 as 2.30; it is 2.3026.",),
    ),
    Calculation(
        "size_nonstatistical",
        "Least size, not statistical",
        "size",
        sizes.NonstatisticalSizeInputs,
        sizes.NonstatisticalSize,
        "n ≥ share·N",
        "6.4.3",
        sizes.size_nonstatistical,
    ),
    Calculation(
        "random_mean_per_unit",
        "Random, mean per unit",
        "evaluation",
        *_EQUAL,
        "EE = N·ΣE/n; SE = N·z·s/√n",
        "6.1.1",
        projections.mean_per_unit,
        ("6.1.1.6 computes with unrounded errors: 566,703 beside 566,680 by the printed 7,797.",),
    ),
    Calculation(
        "random_ratio",
        "Random, ratio",
        "evaluation",
        *_EQUAL,
        "EE = BV·ΣE/ΣBV; SE = N·z·s_q/√n, q = E − (ΣE/ΣBV)·BV",
        "6.1.1",
        projections.ratio,
        ("6.1.1.6 computes with unrounded errors: 548,058 beside 548,036 by the printed 7,797.",),
    ),
    Calculation(
        "stratified_mean_per_unit",
        "Stratified, mean per unit",
        "evaluation",
        *_EQUAL,
        f"EE = Σ N_h·ΣE_h/n_h; {_POOLED}",
        "6.1.2",
        projections.mean_per_unit,
        ("6.1.2.6 computes with unrounded deviations: the precision differs by 0.1 % at most.",),
    ),
    Calculation(
        "stratified_ratio",
        "Stratified, ratio",
        "evaluation",
        *_EQUAL,
        f"EE = Σ BV_h·ΣE_h/ΣBV_h; {_POOLED}, s of q",
        "6.1.2",
        projections.ratio,
        ("6.1.2.6 prints √59 in the formula; its result, 3,733,563, is that of √121.",),
    ),
    Calculation(
        "periods_mean_per_unit",
        "Periods, mean per unit",
        "evaluation",
        *_EQUAL,
        f"EE = Σ N_t·ΣE_t/n_t; {_OF_PERIODS}",
        "6.1.3",
        projections.mean_per_unit_of_periods,
    ),
    Calculation(
        "periods_ratio",
        "Periods, ratio",
        "evaluation",
        *_EQUAL,
        f"EE = Σ BV_t·ΣE_t/ΣBV_t; {_OF_PERIODS}, s of q",
        "6.1.3",
        projections.ratio_of_periods,
        ("6.1.3.6 prints a numerator of the second ratio wrongly; its result is right.",),
    ),
    Calculation(
        "difference",
        "Difference",
        "evaluation",
        *_EQUAL,
        "EE = N·ΣE/n; SE = N·z·s/√n; CBV = BV − EE; LL = CBV − SE",
        "6.2.1",
        projections.mean_per_unit,
    ),
    Calculation(
        "difference_stratified",
        "Difference of strata",
        "evaluation",
        *_EQUAL,
        f"EE = Σ N_h·ΣE_h/n_h; {_POOLED}; LL = BV − EE − SE",
        "6.2.2",
        projections.mean_per_unit,
        ("The evaluation of 6.2.2.6 contradicts itself, so it isn't an example here.",),
    ),
    Calculation(
        "difference_periods",
        "Difference of periods",
        "evaluation",
        *_EQUAL,
        f"EE = Σ N_t·ΣE_t/n_t; {_OF_PERIODS}; LL = BV − EE − SE",
        "6.2.3",
        projections.mean_per_unit_of_periods,
        (
            "6.2.3.6 prints n as 142 and 68; its results are those of 73 and 47.",
            "6.2.3.6 prints s of the second period as 78,849 in the formula; it is 78,489.",
        ),
    ),
    Calculation(
        "monetary_units",
        "Monetary units",
        "evaluation",
        *_MONEY,
        "EE = known + BV_s/n_s·Σ E/BV; SE = z·BV_s/√n_s·s_r",
        "6.3.1",
        projections.monetary_units,
    ),
    Calculation(
        "monetary_units_stratified",
        "Monetary units of strata",
        "evaluation",
        *_MONEY,
        "EE = known + Σ BV_h/n_h·Σ E/BV; SE = z·√(Σ BV_h²/n_h·s_h²)",
        "6.3.2",
        projections.monetary_units,
    ),
    Calculation(
        "monetary_units_periods",
        "Monetary units of periods",
        "evaluation",
        *_MONEY,
        "EE = known + Σ BV_t/n_t·Σ E/BV; SE = z·√(Σ BV_t²/n_t·s_t²)",
        "6.3.3 and 6.3.4",
        projections.monetary_units,
        ("6.3.4.7 puts Σ E/BV of the first part, 0.0823, in the place of its s, 0.0868.",),
    ),
    Calculation(
        "monetary_units_conservative",
        "Monetary units, conservative",
        "evaluation",
        projections.ConservativeInputs,
        projections.GuidanceEvaluation,
        "EE = known + SI·Σ E/BV; SE = SI·RF(0) + Σ (RF(i) − RF(i − 1) − 1)·SI·E/BV; SI = BV/n",
        "6.3.5",
        projections.monetary_units_conservative,
        (
            "6.3.5.7 prints the allowances in part; their sum is 14,430,761.",
            "6.3.5.5 takes RF(0) of table 4 for an allowance, 6.3.5.7 that of appendix 3.",
        ),
        lacks=("lower_limit",),
    ),
    Calculation(
        "nonstatistical_mean_per_unit",
        "Not statistical, mean per unit",
        "projection",
        *_EQUAL,
        "EE = known + Σ N_h·ΣE_h/n_h",
        "6.4.4",
        projections.nonstatistical_mean_per_unit,
    ),
    Calculation(
        "nonstatistical_ratio",
        "Not statistical, ratio",
        "projection",
        *_EQUAL,
        "EE = known + Σ BV_h·ΣE_h/ΣBV_h",
        "6.4.4 and 6.4.9",
        projections.nonstatistical_ratio,
        ("6.4.9.1 prints BV of the second period as 33,621,524 and as 33,621,525.",),
    ),
    Calculation(
        "nonstatistical_proportional",
        "Not statistical, by value",
        "projection",
        *_MONEY,
        "EE = known + Σ BV_h/n_h·Σ E/BV",
        "6.4.5 and 6.4.7",
        projections.nonstatistical_proportional,
        ("6.4.7 prints BV_s once as 9,619,623; its result is that of 9,619,263.",),
    ),
    Calculation(
        "high_value_stratum",
        "Units above the interval",
        "other",
        special.HighValueInputs,
        special.HighValueStratum,
        "BV_i > BV/n, then BV_i > BV_s/n_s until none is",
        "6.3.1.3",
        special.high_value_stratum,
    ),
    Calculation(
        "negative_units",
        "Negative units",
        "other",
        special.NegativeInputs,
        special.SplitPopulation,
        "positive and negative amounts are two populations",
        "4.6",
        special.split_negative_units,
    ),
    Calculation(
        "recalculated_confidence",
        "Recalculated confidence",
        "other",
        special.RecalculationInputs,
        special.RecalculatedConfidence,
        "z* = z·(TE − EE)/SE",
        "7.7",
        special.recalculated_confidence,
    ),
    Calculation(
        "subsample",
        "Error of a unit from its subunits",
        "other",
        special.SubsampleInputs,
        special.UnitError,
        "E = known + BV·ΣE/ΣBV of subunits",
        "6.5.3.3 and 7.6.3",
        special.projected_subsample,
    ),
)
TEXTBOOK: tuple[Calculation, ...] = (
    Calculation(
        "expansion",
        "Random, expansion by t",
        "evaluation",
        textbook.ExpansionInputs,
        textbook.Expansion,
        "N·ΣE/n ± t·N·s·√((1 − n/N)/n)",
        "sections 2.5 to 2.8",
        textbook.expansion,
        document="Cochran 1977, Sampling Techniques",
    ),
    Calculation(
        "stringer",
        "Monetary units, Stringer's bound",
        "evaluation",
        textbook.StringerInputs,
        textbook.StringerBound,
        "BV′·[p₀ + Σ (pᵢ − pᵢ₋₁)·tᵢ], taints sorted downwards",
        "pages 138, 143 and 144",
        textbook.stringer_bound,
        document="Stringer 1963, as in Touw and Hoogduin, Statistiek voor Audit en Controlling",
    ),
    Calculation(
        "size_poisson",
        "Size, monetary units by Poisson factors",
        "size",
        textbook.PoissonSizeInputs,
        sizes.GuidanceSize,
        "least n with RF(n·AE/BV)/n < TE/BV",
        "table C-1",
        textbook.size_poisson,
        document="AICPA, Audit Guide: Audit Sampling, 2017",
    ),
)
CALCULATIONS: Mapping[str, Calculation] = {each.name: each for each in (*ALL, *TEXTBOOK)}
"""The calculations by name."""
