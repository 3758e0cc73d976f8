"""The options that describe a draw, and the API's body that they make.

``jobsvc sample`` and ``jobsvc plan`` use them; the options come from the methods' declarations. A
file (``--body``) can describe more, such as several rounds.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from command_line.failures import CommandFailed
from sampling_engine import METHODS, Parameter

Command = TypeVar("Command", bound=Callable[..., Any])


def _declared() -> dict[str, Parameter]:
    """The parameters of all methods that have an option, by the option's variable name."""
    found: dict[str, Parameter] = {}
    for method in METHODS:
        for parameter in method.parameters:
            if parameter.option is not None:
                found.setdefault(parameter.option.replace("-", "_"), parameter)
    return found


_DECLARED = _declared()
PARAMETERS = {option: parameter.name for option, parameter in _DECLARED.items()}
"""Options and the parameters that they are in the API."""

_OPTION_OF = {name: option for option, name in PARAMETERS.items()}
_PARAMETER = re.compile(rf"(?:\brounds\[0\]\.parameters\.)?\b({'|'.join(_OPTION_OF)})\b")


def number(text: str) -> float:
    """Parse a finite number, as JSON has them."""
    value = float(text)
    if not math.isfinite(value):
        raise click.BadParameter(f"{text} is not a finite number.")
    return value


def _type_of(parameter: Parameter) -> click.ParamType[Any] | Callable[[str], float] | None:
    if parameter.choices:
        return click.Choice(parameter.choices)
    if parameter.type == "integer":
        return click.IntRange(min=int(parameter.minimum or 0))
    return number if parameter.type == "number" else None


def _help_of(parameter: Parameter) -> str:
    """The description; it starts with the method where only one has the parameter."""
    methods = [
        method.name
        for method in METHODS
        if method.other_name_of is None
        and parameter.name in {one.name for one in method.parameters}
    ]
    start = f"{methods[0].capitalize()}: " if len(methods) == 1 else ""
    end = " Repeatable." if parameter.type.startswith("array") else ""
    return start + parameter.description + end


def _option_of(parameter: Parameter) -> Callable[[Command], Command]:
    return click.option(
        f"--{parameter.option}",
        type=_type_of(parameter),
        multiple=parameter.type.startswith("array"),
        metavar="COLUMN" if parameter.column else None,
        help=_help_of(parameter),
    )


OPTIONS = (
    click.option(
        "--method",
        type=click.Choice([method.name for method in METHODS]),
        default="random",
        show_default=True,
    ),
    *map(_option_of, _DECLARED.values()),
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
    for option in reversed(OPTIONS):
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
    """The options as the API's body; what wasn't given is left out.

    Raises
    ------
    click.BadParameter
        The file isn't a JSON object.
    """
    if body is not None:
        return _body_of(body)
    one: dict[str, Any] = {"method": method, "parameters": _parameters(chosen)}
    if expression is not None:
        one["filters"] = {"expression": expression}
    selection = {"columns": list(columns) or None, "order_by": order_by}
    if any(selection.values()) or order_desc:
        given = {name: value for name, value in selection.items() if value is not None}
        one["selection"] = {**given, "order_desc": order_desc}
    draw: dict[str, Any] = {"rounds": [one], "export_residual": residual}
    if ref is not None:
        draw["source_ref"] = ref
    if table is not None:
        draw["table_key"] = table
    return draw


@contextmanager
def told_in_options(body: Path | None) -> Iterator[None]:
    """Have a refusal name options rather than the API's parameters, where it was options.

    Raises
    ------
    CommandFailed
        As it came, in other words.
    """
    try:
        yield
    except CommandFailed as refused:
        if body is not None or type(refused) is not CommandFailed:
            raise
        raise CommandFailed(_PARAMETER.sub(_option, refused.message)) from None


def _option(parameter: re.Match[str]) -> str:
    return f"--{_OPTION_OF[parameter[1]].replace('_', '-')}"


def _parameters(chosen: dict[str, Any]) -> dict[str, Any]:
    parameters = {}
    for option, name in PARAMETERS.items():
        value = chosen[option]
        if value is None or value == ():
            continue
        if isinstance(value, tuple):
            value = list(value)
        parameters[name] = _seed(value) if option == "seed" else value
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
