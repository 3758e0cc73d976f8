"""How a command fails: one line on standard error, and an exit code.

0 done, 1 refused or failed, 2 wrong usage, 3 the data directory or the server can't be reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
import httpx

from domain_errors import DomainError
from job_runner.faults import passing_fault

UNREACHABLE_CODES = {
    "data_directory_in_use",
    "newer_schema",
    "damaged_database",
    "cannot_open_database",
    "address_in_use",
}


class CommandFailed(click.ClickException):
    """Refused or failed, told as one line."""

    exit_code = 1


class Unreachable(click.ClickException):
    """The data directory or the server can't be reached."""

    exit_code = 3


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what a command meets into its one line and exit code."""
    try:
        yield
    except DomainError as error:
        kind = Unreachable if error.code in UNREACHABLE_CODES else CommandFailed
        raise kind(error.message) from None
    except httpx.TransportError as error:
        raise Unreachable(f"The server can't be reached: {error}.") from None
    except BrokenPipeError:  # of the reader of our output, such as head: click ends quietly
        raise
    except PermissionError as error:
        raise Unreachable(f"{error.strerror}: {error.filename}") from None
    except OSError as error:
        raise CommandFailed(f"{error.strerror}: {error.filename}") from None
    except Exception as error:
        fault = passing_fault(error)
        if fault is None:
            raise
        raise Unreachable(fault.message) from None
