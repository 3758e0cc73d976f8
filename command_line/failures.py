"""Failures of commands: one line on standard error, and an exit code.

0 done, 1 refused or failed, 2 wrong usage, 3 the data directory or the server can't be reached, 130
Ctrl-C while waiting for a job.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
import httpx

from command_line.output import CommandFailed
from domain_errors import DomainError
from service.settings import InvalidSetting

UNREACHABLE_CODES = {
    "data_directory_in_use",
    "no_data_directory",
    "foreign_directory",
    "unknown_schema",
    "newer_schema",
    "older_schema",
    "unmigrated_schema",
    "damaged_database",
    "cannot_open_database",
    "address_in_use",
}


class InvalidSettingValue(CommandFailed):
    """A setting has an invalid value."""

    exit_code = 2


class Unreachable(CommandFailed):
    """The data directory or the server can't be reached."""

    exit_code = 3


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn the errors of a command into one line and an exit code."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except InvalidSetting as error:
        raise InvalidSettingValue("{error}", error=error.message) from None
    except DomainError as error:
        kind = Unreachable if error.code in UNREACHABLE_CODES else CommandFailed
        raise kind("{error}", error=error.message) from None
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise Unreachable(
            "The server can't be reached: {reason}.", reason=str(error).rstrip(".")
        ) from None
    except BrokenPipeError:  # the reader of our output, such as head, ended: click exits silently
        raise
    except OSError as error:
        kind = Unreachable if isinstance(error, PermissionError) else CommandFailed
        raise kind("{error}", error=_error_text(error)) from None
    except Exception as error:
        from service.errors import transient_error  # loads DuckDB

        fault = transient_error(error)
        if fault is None:
            raise
        raise Unreachable("{fault}", fault=fault.message) from None


def _error_text(error: OSError) -> str:
    """Describe a system error with its file name, if known."""
    if not error.strerror:
        return str(error) or type(error).__name__
    name = error.filename  # text, bytes, a Path or a descriptor
    if name is None or name == "":
        return str(error.strerror)
    shown = str(name) if isinstance(name, int) else click.format_filename(name)
    return f"{error.strerror}: {shown}"
