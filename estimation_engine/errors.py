"""The errors of the engine; the meaning of a code never changes."""

from __future__ import annotations

from domain_errors import DomainError


class InvalidEstimate(DomainError):
    """A statistic lacks a parameter, or its column doesn't fit."""

    code = "invalid_estimate"


class UnsupportedDesign(DomainError):
    """No variance formula is there for the rounds of the sample."""

    code = "unsupported_design"


class LonelyStratum(DomainError):
    """A stratum with several rows has one drawn row, which has no variance."""

    code = "lonely_stratum"


class TooManyGroups(DomainError):
    """The groups are more than an answer lists."""

    code = "too_many_groups"


class InvalidReplicates(DomainError):
    """Replicate weights that can't be made, or are too many."""

    code = "invalid_replicates"


class InvalidGoal(DomainError):
    """A goal of precision or of an audit doesn't fit, or no sample reaches it."""

    code = "invalid_goal"


class InvalidFindings(DomainError):
    """Findings don't fit the sample that they are about, or the kind of the evaluation."""

    code = "invalid_findings"


class InvalidCalibration(DomainError):
    """The columns of a calibration don't fit, or the sample can't reproduce their totals."""

    code = "invalid_calibration"


class InvalidNonresponse(DomainError):
    """The columns of a response don't fit, or a class has too few respondents."""

    code = "invalid_nonresponse"


class InvalidCalculation(DomainError):
    """An input of a calculation is missing, unknown or out of range."""

    code = "invalid_calculation"
