"""The engine's errors and warnings, each with a code that never changes its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from domain_errors import ALLOW_EMPTY, DomainError, render
from lazy_dataclasses import dataclass


@dataclass(frozen=True)
class DrawWarning:
    """A warning to the reader of a sample, as data: surfaces render their own sentence."""

    code: str
    template: str
    parameters: Mapping[str, object]

    @property
    def message(self) -> str:
        """The sentence with the API's names."""
        return render(self.template, self.parameters)

    @property
    def of_plan(self) -> DrawWarning:
        """The warning before the draw: in the future tense."""
        template = self.template
        for drawn, planned in PLANNED:
            template = template.replace(drawn, planned)
        return replace(self, template=template)


PLANNED = (
    ("were drawn", "will be drawn"),
    ("was drawn", "will be drawn"),
    ("gave", "will give"),
    ("rows were} eligible", "rows are} eligible"),
    ("{rows|row was", "{rows|row is"),
    ("row was eligible", "row is eligible"),
    ("clusters had", "clusters have"),
    ("stratum had", "stratum has"),
)
"""Words of a draw's warnings, and those of its plan."""


def draw_warning(code: str, template: str, **parameters: object) -> DrawWarning:
    """The warning with these values; the template is as :func:`domain_errors.render` takes it."""
    return DrawWarning(code, template, parameters)


def warned(is_so: object, code: str, template: str, **parameters: object) -> list[DrawWarning]:
    """The warning in a list, if it is so."""
    return [DrawWarning(code, template, parameters)] if is_so else []


class InvalidRounds(DomainError):
    """There are no rounds, too many, or they aren't numbered 1, 2, 3 …"""

    code = "invalid_rounds"


class InvalidSize(DomainError):
    """A size is missing, given in two ways, or out of its range."""

    code = "invalid_size"


class InvalidSeed(DomainError):
    """A seed is neither a 64-bit integer nor a text of reasonable length."""

    code = "invalid_seed"


class InvalidStrata(DomainError):
    """The strata columns are none, name a column twice, or hold values that make no strata."""

    code = "invalid_strata_columns"


class TooManyStrata(DomainError):
    """The strata columns have more combinations of values than a draw takes."""

    code = "too_many_strata"


class MinimumExceedsSample(DomainError):
    """The strata's minimum adds up to more rows than the sample has."""

    code = "minimum_exceeds_sample"


class RowsMissing(DomainError):
    """A table's files hold fewer rows than the manifest says; a file may be damaged."""

    code = "rows_missing"
    template = (
        "{count} {count|row|rows} that the table should have {count|is|are} not in its files; "
        "a data file may be "
        "damaged."
    )


EMPTY_SAMPLE = (
    "This draw selects no row: {eligible} of the {rows} {rows|row|rows} can be drawn. Change the "
    f"filter or the size, {ALLOW_EMPTY}"
)


class EmptySample(DomainError):
    """A draw selects no row, and its request doesn't allow that."""

    code = "empty_sample"
    template = EMPTY_SAMPLE


class InvalidMethod(DomainError):
    """A method's parameter doesn't fit another one, or the column that it names."""

    code = "invalid_parameter"


class InvalidSelection(DomainError):
    """A selection names a column twice, or sorts by one that has no order."""

    code = "invalid_selection"


class UnknownStratum(DomainError):
    """A size is given for a stratum that isn't there."""

    code = "unknown_stratum"


class InvalidNumbers(DomainError):
    """A column of weights or costs holds numbers that are negative or infinite."""

    code = "invalid_numbers"


class ClusterInTwoStrata(DomainError):
    """A cluster has rows in several strata."""

    code = "cluster_in_two_strata"


class NoReserves(DomainError):
    """The round's method has no row that would be next."""

    code = "no_reserves"


class UnknownRound(DomainError):
    """A round's number is not among those of the draw."""

    code = "unknown_round"


class UnknownRow(DomainError):
    """A row's ordinal is beyond the table."""

    code = "unknown_row"
