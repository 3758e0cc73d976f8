"""How a command fails: one line on standard error, and an exit code.

0 done, 1 refused or failed, 2 wrong usage, 3 the data directory or the server can't be reached, 130
left by Ctrl-C while it waited.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
import httpx

from command_line.printable import printable_lines
from domain_errors import DomainError
from job_runner.faults import passing_fault
from job_runner.settings import InvalidSetting

UNREACHABLE_CODES = {
    "data_directory_in_use",
    "no_data_directory",
    "foreign_directory",
    "unknown_schema",
    "newer_schema",
    "older_schema",
    "damaged_database",
    "cannot_open_database",
    "address_in_use",
}


class CommandFailed(click.ClickException):
    """Refused or failed, told as one line."""

    exit_code = 1

    def format_message(self) -> str:
        """The sentence, which may name what others named."""
        return printable_lines(self.message)


class WronglySet(CommandFailed):
    """A setting has a value that it can't have: wrong usage."""

    exit_code = 2


class Unreachable(CommandFailed):
    """The data directory or the server can't be reached."""

    exit_code = 3


class LeftWaiting(CommandFailed):
    """Somebody stopped waiting for a job, which goes on."""

    exit_code = 130


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what a command meets into its one line and exit code."""
    try:
        yield
    except InvalidSetting as error:
        raise WronglySet(error.message) from None
    except DomainError as error:
        kind = Unreachable if error.code in UNREACHABLE_CODES else CommandFailed
        raise kind(error.message) from None
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise Unreachable(f"The server can't be reached: {str(error).rstrip('.')}.") from None
    except BrokenPipeError:  # of the reader of our output, such as head: click ends quietly
        raise
    except OSError as error:
        kind = Unreachable if isinstance(error, PermissionError) else CommandFailed
        raise kind(_told(error)) from None
    except Exception as error:
        fault = passing_fault(error)
        if fault is None:
            raise
        raise Unreachable(fault.message) from None


def _told(error: OSError) -> str:
    """What the system says, and of which file, as far as it says so."""
    if not error.strerror:
        return str(error) or type(error).__name__
    name = error.filename  # what was given for a path: text, bytes, a Path, a descriptor
    if name is None or name == "":
        return str(error.strerror)
    return f"{error.strerror}: {os.fsdecode(name) if isinstance(name, bytes) else name}"
