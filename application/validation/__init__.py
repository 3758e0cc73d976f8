"""Validation: published numbers, recomputed with the installed version."""

from application.validation.comparing import ComparedSource, compared_sources
from application.validation.examples import compared_examples


def validate() -> tuple[ComparedSource, ...]:
    """Recompute all published numbers, and the worked examples of the built-in programmes.

    Nothing is read but files of the package.
    """
    return (*compared_examples(), *compared_sources())
