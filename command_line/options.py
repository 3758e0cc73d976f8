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
    """The path of a directory; an empty text, which would mean the current one, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path that a text names."""
        if value == "":
            self.fail("The directory's name is empty.", param, ctx)
        return super().convert(value, param, ctx)


DATA_DIR = click.option(
    "--data-dir",
    type=_Directory(path_type=Path, file_okay=False),
    help="Where everything is kept [variable JOBSVC_DATA_DIR; default: the platform's user data "
    "folder].",
)


def some_digits(text: str) -> str:
    """A job's id, or its first eight digits or more, as the API takes them."""
    if not re.fullmatch("[0-9a-f]{8}[0-9a-f-]{0,28}", text.lower()):
        raise click.BadParameter(f'"{text}" is no id of a job, nor its first eight digits or more.')
    return text.lower()


JOB = click.argument("job_id", type=some_digits)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
BATCH = click.option(
    "--batch", is_flag=True, help="Let interactive work of anyone go first on a busy server."
)


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


def _typed_options() -> str:
    """The options that say where to work, as they were typed."""
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
"""The parameters of commands that are fields with other names in the API."""
_FIELD = re.compile(rf"\b({'|'.join(map(re.escape, OPTION_OF_FIELD))})\b")


@contextmanager
def fields_as_options(has_body: bool) -> Iterator[None]:
    """Have a refusal name the options of this command rather than the API's fields.

    Parameters
    ----------
    has_body : bool
        Whether the user wrote the API's fields themselves.
    """
    try:
        yield
    except CommandFailed as refused:
        if has_body:
            raise
        options = {option.name for option in click.get_current_context().command.params}
        kind = Unreachable if isinstance(refused, Unreachable) else CommandFailed
        text = _FIELD.sub(lambda field: _option_of(field[1], options), refused.message)
        raise kind(text) from None


def _option_of(field: str, options: Set[str | None]) -> str:
    option = OPTION_OF_FIELD[field]
    return f"--{option.replace('_', '-')}" if option in options else field


def with_target(command: Command) -> Command:
    """Give a command the options that say where to work, as one ``target``."""

    @DATA_DIR
    @click.option(
        "--server",
        envvar="JOBSVC_SERVER",
        metavar="URL",
        help="Work on this server with the token in JOBSVC_TOKEN, rather than on the data "
        "directory [variable JOBSVC_SERVER].",
    )
    @click.pass_obj
    @functools.wraps(command)
    def wrapped(
        composition: Composition, /, data_dir: Path | None, server: str | None, **given: Any
    ) -> Any:
        settings = load_settings({"data_dir": data_dir})
        token = os.environ.get("JOBSVC_TOKEN")
        target = Target(composition, settings, server, token, _typed_options())
        with fields_as_options(given.get("body") is not None):
            return command(target=target, **given)

    return cast(Command, wrapped)
