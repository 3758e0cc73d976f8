"""Options that several commands share, and the API bodies that they make."""

from __future__ import annotations

import functools
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from application.settings_sources import load_settings
from command_line.connection import ApiClient, Target, connected
from command_line.option_types import DATA_DIR as DATA_DIR
from command_line.option_types import WholeNumber as WholeNumber
from command_line.output import (
    SUFFIXES,
    Columns,
    Printed,
    confirm,
    print_json,
    print_line,
    table_of,
)
from command_line.root import Composition
from contract.numbers import number_of
from domain_errors import InvalidRequest

Command = TypeVar("Command", bound=Callable[..., Any])


class FieldOption(click.Option):
    """An option that gives a field of the API, which error messages call by the option.

    Parameters
    ----------
    field : str, optional
        The path of the field, such as ``compare_to.table_key``; by default the option's variable.
    formerly : str, optional
        The option's name in an earlier version, which is still read.
    """

    def __init__(
        self, *names: Any, field: str | None = None, formerly: str | None = None, **attributes: Any
    ) -> None:
        super().__init__(*names, **attributes)
        self.field = field or str(self.name)
        self.formerly = [formerly] if formerly else []

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Let the parser know the former name, too, which the help doesn't show."""
        shown, self.opts = self.opts, [*self.opts, *self.formerly]
        super().add_to_parser(parser, ctx)
        self.opts = shown


def field_option(
    option: str, field: str | None = None, *variable: str, **attributes: Any
) -> Callable[[Command], Command]:
    """Declare an option that gives a field of the API."""
    return click.option(option, *variable, cls=FieldOption, field=field, **attributes)


def body_of(values: dict[str, Any]) -> dict[str, Any]:
    """The body, or the query, of the command's options that give fields of the API.

    Their values are taken out of ``values``. A field without a value is left out, and so is an
    object of which no field has one.
    """
    body: dict[str, Any] = {}
    for option in click.get_current_context().command.params:
        if not isinstance(option, FieldOption) or option.name not in values:
            continue
        value = values.pop(str(option.name))
        if value is None or value == () or (value is False and not option.secondary_opts):
            continue
        *parents, name = option.field.split(".")
        place = body
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = list(value) if isinstance(value, tuple) else value
    return body


def job_id_prefix(text: str) -> str:
    """Check a job id or a prefix of at least eight digits."""
    if not re.fullmatch("[0-9a-f]{8}[0-9a-f-]{0,28}", text.lower()):
        raise click.BadParameter(
            f'"{text}" is neither a job id nor its first eight or more digits.'
        )
    return text.lower()


def _with_known_ending(
    _context: click.Context, _option: click.Parameter, output: Path | None
) -> Path | None:
    if output is not None and output.suffix not in SUFFIXES:
        raise click.BadParameter(f"The file's ending must be one of {', '.join(SUFFIXES)}.")
    return output


def reader(read: Callable[[str], Decimal]) -> Callable[[str], float]:
    """The type of an option, of a function of :mod:`contract.numbers`."""

    def convert(text: str) -> float:
        try:
            value = read(text)
        except InvalidRequest as error:
            raise click.BadParameter(str(error)) from None
        return int(value) if value == value.to_integral_value() else float(value)

    convert.__name__ = "number"  # the help's word for the value
    return convert


number = reader(number_of)
"""A number or, with its sign, a percentage."""
percentage = reader(lambda text: 100 * number_of(f"{text.rstrip(' %')}%"))
"""A percentage with or without its sign."""


def pairs(
    _context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> dict[str, str] | None:
    """Split texts like ``OLD=NEW``; a column's name may hold an equals sign."""
    named: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.rpartition("=")
        if not sign or not name:
            raise click.BadParameter(f'"{text}" must be a name, = and a value.', param=option)
        if name in named:
            raise click.BadParameter(f'"{name}" is given twice.', param=option)
        named[name] = value
    return named or None


def number_pairs(
    context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> dict[str, float] | None:
    """Split texts like ``GROUP=0.5``, whose values are numbers."""
    for text in texts:
        if not text.rpartition("=")[0]:
            raise click.BadParameter(f'"{text}" is no {option.metavar}.', param=option)
    named = pairs(context, option, texts) or {}
    return {name.strip(): number(value) for name, value in named.items()} or None


def limit_option(
    default: int = 20,
    most: int = 1000,
    *,
    least: int = 1,
    help: str | None = None,  # noqa: A002
) -> Callable[[Command], Command]:
    """Declare the option of how many entries or rows are shown."""
    return field_option(
        "--limit", type=WholeNumber(least, most), default=default, show_default=True, help=help
    )


def format_by_ending(output: Path, *formats: str) -> str:
    """Return the format that a file's ending names, which is one of those."""
    ending = output.suffix.lower().removeprefix(".")
    if ending not in formats:
        names = " or ".join(f".{name}" for name in formats)
        raise click.BadParameter(f"The name of the file ends with {names}.", param_hint="--output")
    return ending


NEW_FILE = click.Path(path_type=Path, dir_okay=False)
EXISTING_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
JOB = click.argument("job_id", type=job_id_prefix)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
BATCH = field_option(
    "--batch", "priority", flag_value="batch", help="Run with low priority on a busy server."
)
LIMIT = limit_option()
OFFSET = field_option("--offset", type=WholeNumber(0), default=0, help="Entries to skip.")
YES = click.option("--yes", is_flag=True, help="Don't ask for a confirmation.")
REF = field_option("--ref", "source_ref", help="Ref or commit [default: main].")
TABLE = field_option("--table", "table_key", help="Table key [default: primary, or the only one].")
NAME = field_option("--name", "output_name", help="Store the rows as the ref expl-NAME.")
PURPOSE = field_option("--purpose", "commit_message", help="What it is for.")
FILTER = field_option(
    "--filter",
    "filters",
    type=lambda text: {"expression": text},
    metavar="FILTER",
    help='Only rows such as "amount > 0".',
)
OUTPUT = click.option(
    "--output",
    type=NEW_FILE,
    callback=_with_known_ending,
    help="Write the rows to this file: .csv, .parquet, .arrow, .xlsx or .jsonl.",
)


def with_options(options: Sequence[Callable[[Any], Any]]) -> Callable[[Command], Command]:
    """Add options to a command."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


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
        context = click.get_current_context()
        target = Target(
            composition,
            load_settings({"data_dir": data_dir}),
            context.command_path,
            server,
            os.environ.get("JOBSVC_TOKEN"),
            target_options(),
            {} if arguments.get("body") else option_names(context),
        )
        return command(target=target, **arguments)

    return cast(Command, wrapped)


def with_client(command: Command) -> Command:
    """Connect a command to its server, which it gets as ``client``."""

    @functools.wraps(command)
    def connect(target: Target, **arguments: Any) -> Any:
        with connected(target) as client:
            return command(client=client, **arguments)

    return with_target(cast(Command, connect))


def printed(
    print_text: Callable[[Any], object] | Columns | str = "", *, creates: bool = False
) -> Callable[[Command], Command]:
    """Connect a command, and print what it returns: as text for people, or as JSON.

    Parameters
    ----------
    print_text : callable, mapping or str
        Prints the text, or is the columns of a table or a sentence with fields of the answer; a
        command that returns a :class:`Printed` has its own.
    creates : bool
        Whether the data directory is created if there is none and nobody typed its name.
    """

    text = table_of(print_text) if isinstance(print_text, Mapping) else print_text

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(target: Target, as_json: bool, **arguments: Any) -> None:
            with connected(target, create=creates and not target.names_directory) as client:
                result = command(client=client, **arguments)
            shown = result if isinstance(result, Printed) else Printed(result, text)
            if as_json:
                print_json(shown.value)
            else:
                _print_text(shown)
            if shown.failure is not None:
                raise shown.failure

        return AS_JSON(with_target(cast(Command, run)))

    return decorate


def _print_text(shown: Printed) -> None:
    if callable(shown.text):
        shown.text(shown.value)
    elif shown.text:
        print_line(shown.text.format_map(shown.value))
    if shown.output is not None:
        print_line(f"{shown.what} written to {shown.output}")


def deleting(question: str, done: str) -> Callable[[Command], Command]:
    """Ask, delete what is at the path of the API that the command returns, and say so.

    The sentences may have fields of the command's arguments.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(client: ApiClient, yes: bool, **arguments: Any) -> None:
            path = command(client=client, **arguments)
            confirm(question.format_map(arguments), yes)
            client.delete(path)
            print_line(done.format_map(arguments))

        return YES(with_client(cast(Command, run)))

    return decorate


def target_options() -> str:
    """Return the options of this command for the server or data directory, as typed."""
    context = click.get_current_context()
    return "".join(
        f" --{name.replace('_', '-')} {shlex.quote(str(context.params[name]))}"
        for name in ("data_dir", "server")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    )


def option_names(context: click.Context) -> dict[str, str]:
    """The options of a command by the API fields that they give, or by their own names.

    A field that it has no option for is one of ``add`` of its group, if there is such a command.
    """
    group = context.parent.command if context.parent else None
    adding = group.get_command(context, "add") if isinstance(group, click.Group) else None
    return {**(_options_of(adding) if adding else {}), **_options_of(context.command)}


def _options_of(command: click.Command) -> dict[str, str]:
    names: dict[str, list[str]] = {}
    for option in command.params:
        if isinstance(option, click.Option):
            field = option.field if isinstance(option, FieldOption) else str(option.name)
            names.setdefault(field, []).append(option.opts[0])
    for field in [field for field in names if "." in field]:
        names.setdefault(field.rpartition(".")[2], names[field])
    return {
        field: " or ".join(filter(None, (", ".join(options[:-1]), options[-1])))
        for field, options in names.items()
    }
