"""Options that several commands share, and the API bodies that they make.

The options of a draw come from the declarations of the sampling methods. A file (``--body``) can
describe more, such as several rounds.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from application.settings_sources import load_settings
from command_line.connection import Target
from command_line.output import SUFFIXES
from command_line.root import Composition
from domain_errors import render
from sampling_engine import METHODS, Parameter

Command = TypeVar("Command", bound=Callable[..., Any])


class _Directory(click.Path):
    """A directory path; an empty text, which would mean the current directory, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a text to a path."""
        if value == "":
            self.fail("The directory's name is empty.", param, ctx)
        return super().convert(value, param, ctx)


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


DATA_DIR = click.option(
    "--data-dir",
    type=_Directory(path_type=Path, file_okay=False),
    help="Data directory [variable JOBSVC_DATA_DIR; default: the platform's user data folder].",
)
JOB = click.argument("job_id", type=job_id_prefix)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
BATCH = click.option("--batch", is_flag=True, help="Run with low priority on a busy server.")
REF = click.option("--ref", help="Ref or commit [default: main].")
TABLE = click.option("--table", help="Table key [default: primary, or the only one].")
OUTPUT = click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_with_known_ending,
    help="Write the rows to this file: .csv, .parquet, .arrow or .xlsx.",
)


def job_body(
    ref: str | None = None,
    table: str | None = None,
    name: str | None = None,
    *,
    batch: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """The API's body of a job, without what wasn't given."""
    priority = "batch" if batch else None
    body = {"source_ref": ref, "table_key": table, "output_name": name, "priority": priority}
    return {field: value for field, value in {**more, **body}.items() if value is not None}


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
            _target_options(context),
            {} if arguments.get("body") else _option_names(context.command),
        )
        return command(target=target, **arguments)

    return cast(Command, wrapped)


def _target_options(context: click.Context) -> str:
    """Return the options for the server or data directory, as typed."""
    return "".join(
        f" --{name.replace('_', '-')} {shlex.quote(str(context.params[name]))}"
        for name in ("data_dir", "server")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    )


def _option_names(command: click.Command) -> dict[str, str]:
    """The options of a command by the API fields that they give."""
    fields = {
        "compare_to.table_key": "compare_table",
        "compare_to": "compare",
        "table_key": "table",
        "source_ref": "ref",
        "output_name": "name",
        **{parameter.name: option for option, parameter in DRAW_PARAMETERS.items()},
    }
    own = {option.name: option.opts[0] for option in command.params}
    return {field: own[name] for field, name in fields.items() if name in own}


def _draw_parameters() -> dict[str, Parameter]:
    """The parameters of all methods that have an option, by the option's variable name."""
    found: dict[str, Parameter] = {}
    for method in METHODS:
        for parameter in method.parameters:
            if parameter.option is not None:
                found.setdefault(parameter.option.replace("-", "_"), parameter)
    return found


DRAW_PARAMETERS = _draw_parameters()


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise click.BadParameter(f"{text} is not a finite number.")
    return value


def _type_of(parameter: Parameter) -> click.ParamType[Any] | Callable[[str], float] | None:
    if parameter.choices:
        return click.Choice(parameter.choices)
    if parameter.type == "integer":
        return click.IntRange(min=int(parameter.minimum or 0))
    return _finite_number if parameter.type == "number" else None


def _help_of(parameter: Parameter) -> str:
    """The description; it starts with the method where only one has the parameter."""
    methods = [
        method.name
        for method in METHODS
        if method.other_name_of is None
        and parameter.name in {own.name for own in method.parameters}
    ]
    start = f"{methods[0].capitalize()}: " if len(methods) == 1 else ""
    end = " Repeatable." if parameter.type.startswith("array") else ""
    options = {own.name: f"--{own.option}" for own in DRAW_PARAMETERS.values()}
    return render(start + parameter.description + end, {}, lambda name: options.get(name, name))


def _option_of(parameter: Parameter) -> Callable[[Command], Command]:
    return click.option(
        f"--{parameter.option}",
        type=_type_of(parameter),
        multiple=parameter.type.startswith("array"),
        metavar="COLUMN" if parameter.column else None,
        help=_help_of(parameter),
    )


DRAW_OPTIONS = (
    click.option(
        "--method",
        type=click.Choice([method.name for method in METHODS]),
        default="random",
        show_default=True,
    ),
    *map(_option_of, DRAW_PARAMETERS.values()),
    click.option("--filter", "expression", help='Draw only from rows such as "age > 18".'),
    click.option("--column", "columns", multiple=True, help="Show this column; repeatable."),
    click.option("--order-by", metavar="COLUMN", help="Sort the sample [default: as drawn]."),
    click.option("--desc", "order_desc", is_flag=True, help="Sort from the largest down."),
    click.option("--ref", help="Ref or commit to draw from [default: main]."),
    click.option("--table", help='Table to draw from [default: "primary", or the only one].'),
    click.option("--residual", is_flag=True, help="Keep the rows not drawn as a table; no copy."),
    click.option(
        "--body",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A file with the API's JSON body, in place of all options above.",
    ),
)


def with_draw(command: Command) -> Command:
    """Give a command the options that describe a draw; :func:`draw_body` takes them."""
    for option in reversed(DRAW_OPTIONS):
        command = option(command)
    return command


def draw_body(
    *,
    method: str,
    expression: str | None,
    columns: tuple[str, ...],
    order_by: str | None,
    order_desc: bool,
    ref: str | None,
    table: str | None,
    residual: bool,
    body: Path | None,
    **chosen: Any,
) -> dict[str, Any]:
    """The options as the API's body, without what wasn't given.

    Raises
    ------
    click.BadParameter
        The file isn't a JSON object.
    """
    if body is not None:
        return _body_of(body)
    round_: dict[str, Any] = {"method": method, "parameters": _parameters(chosen)}
    if expression is not None:
        round_["filters"] = {"expression": expression}
    selection = {"columns": list(columns) or None, "order_by": order_by}
    if any(selection.values()) or order_desc:
        given = {name: value for name, value in selection.items() if value is not None}
        round_["selection"] = {**given, "order_desc": order_desc}
    return job_body(ref, table, rounds=[round_], export_residual=residual)


def _parameters(chosen: dict[str, Any]) -> dict[str, Any]:
    parameters = {}
    for option, parameter in DRAW_PARAMETERS.items():
        value = chosen[option]
        if value is None or value == ():
            continue
        if isinstance(value, tuple):
            value = list(value)
        parameters[parameter.name] = _seed(value) if option == "seed" else value
    return parameters


def _body_of(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except ValueError as error:
        raise click.BadParameter(f"{path} is not JSON: {error}.", param_hint="--body") from None
    if not isinstance(body, dict):
        raise click.BadParameter(f"{path} holds no JSON object.", param_hint="--body")
    return body


def _no_number(name: str) -> float:
    raise ValueError(f"it has no {name}")


def _seed(text: str) -> int | str:
    """A seed in plain decimal digits is a number, anything else a text; both give one order."""
    try:
        number = int(text)
    except ValueError:
        return text
    return number if str(number) == text and abs(number) < 2**63 else text
