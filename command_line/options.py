"""Options that several commands share."""

from __future__ import annotations

import functools
import os
import re
import shlex
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from application.settings_sources import load_settings
from command_line.composition import Composition
from command_line.connection import Target
from command_line.failures import CommandFailed, Unreachable
from command_line.output_file import SUFFIXES

Command = TypeVar("Command", bound=Callable[..., Any])


class _Directory(click.Path):
    """A directory path; an empty text, which would mean the current directory, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a text to a path."""
        if value == "":
            self.fail("The directory's name is empty.", param, ctx)
        return super().convert(value, param, ctx)


DATA_DIR = click.option(
    "--data-dir",
    type=_Directory(path_type=Path, file_okay=False),
    help="Data directory [variable JOBSVC_DATA_DIR; default: the platform's user data folder].",
)


def job_id_prefix(text: str) -> str:
    """Check a job id or a prefix of at least eight digits."""
    if not re.fullmatch("[0-9a-f]{8}[0-9a-f-]{0,28}", text.lower()):
        raise click.BadParameter(
            f'"{text}" is neither a job id nor its first eight or more digits.'
        )
    return text.lower()


JOB = click.argument("job_id", type=job_id_prefix)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
BATCH = click.option("--batch", is_flag=True, help="Run with low priority on a busy server.")


def _with_known_ending(
    _context: click.Context, _option: click.Parameter, output: Path | None
) -> Path | None:
    if output is not None and output.suffix not in SUFFIXES:
        raise click.BadParameter(f"The file's ending must be one of {', '.join(SUFFIXES)}.")
    return output


OUTPUT = click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_with_known_ending,
    help="Write the rows to this file: .csv, .parquet, .arrow or .xlsx.",
)


def _target_options() -> str:
    """Return the options for the server or data directory, as typed."""
    context = click.get_current_context()
    return "".join(
        f" --{name.replace('_', '-')} {shlex.quote(str(context.params[name]))}"
        for name in ("data_dir", "server")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    )


OPTION_OF_FIELD = {
    "compare_to.table_key": "compare_table",
    "compare_to": "compare",
    "table_key": "table",
    "source_ref": "ref",
    "output_name": "name",
}
"""Command parameters of API fields with other names."""
_FIELD = re.compile(rf"\b({'|'.join(map(re.escape, OPTION_OF_FIELD))})\b")


@contextmanager
def fields_as_options(has_body: bool) -> Iterator[None]:
    """Replace API fields in an error message by this command's options.

    Parameters
    ----------
    has_body : bool
        Whether the user wrote the API's fields in a body file.
    """
    try:
        yield
    except CommandFailed as error:
        if has_body:
            raise
        options = {option.name for option in click.get_current_context().command.params}
        kind = Unreachable if isinstance(error, Unreachable) else CommandFailed
        text = _FIELD.sub(lambda field: _option_of(field[1], options), error.message)
        raise kind(text) from None


def _option_of(field: str, options: Set[str | None]) -> str:
    option = OPTION_OF_FIELD[field]
    return f"--{option.replace('_', '-')}" if option in options else field


def with_target(command: Command) -> Command:
    """Add the options for the server or data directory to a command, as one ``target``."""

    @DATA_DIR
    @click.option(
        "--server",
        envvar="JOBSVC_SERVER",
        metavar="URL",
        help="Use this server with the token in JOBSVC_TOKEN instead of the data "
        "directory [variable JOBSVC_SERVER].",
    )
    @click.pass_obj
    @functools.wraps(command)
    def wrapped(
        composition: Composition, /, data_dir: Path | None, server: str | None, **arguments: Any
    ) -> Any:
        settings = load_settings({"data_dir": data_dir})
        token = os.environ.get("JOBSVC_TOKEN")
        target = Target(composition, settings, server, token, _target_options())
        with fields_as_options(arguments.get("body") is not None):
            return command(target=target, **arguments)

    return cast(Command, wrapped)
