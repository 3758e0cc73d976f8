"""Types of options, and the option of the data directory.

They need no client of the API, which ``jobsvc serve`` thus doesn't load.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from contract.numbers import TwoReadings, number_of
from domain_errors import InvalidRequest


class _Directory(click.Path):
    """A directory path; an empty text, which would mean the current directory, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a text to a path."""
        if value == "":
            self.fail("The directory's name is empty.", param, ctx)
        return super().convert(value, param, ctx)


class WholeNumber(click.IntRange):
    """A whole number, with or without thousands separators: ``1,000``."""

    def __init__(self, min: int | None = None, max: int | None = None) -> None:  # noqa: A002
        super().__init__(min, max)
        if min is None and max is None:
            self.name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a text."""
        return super().convert(_whole(value) or value, param, ctx)

    def _describe_range(self) -> str:
        return "" if self.min is None and self.max is None else super()._describe_range()


def _whole(value: Any) -> int | None:
    """The whole number in a text; None for another text, which click refuses."""
    if not isinstance(value, str) or value.rstrip().endswith("%"):
        return None
    try:
        number = number_of(value)
    except TwoReadings as error:
        raise click.BadParameter(str(error)) from None
    except InvalidRequest:
        return None
    return int(number) if number == number.to_integral_value() else None


DATA_DIR = click.option(
    "--data-dir",
    type=_Directory(path_type=Path, file_okay=False),
    help="Data directory [variable JOBSVC_DATA_DIR; default: the platform's user data folder].",
)
