"""The options that describe a draw, and the API's body that they make.

Owns: the one translation from options to a sampling body, for ``jobsvc sample`` and ``jobsvc
plan``. A body in a file (``--body``) holds what options can't say, such as several rounds.
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
from sampling_engine import METHODS

Command = TypeVar("Command", bound=Callable[..., Any])

PARAMETERS = {
    "size": "sample_size",
    "fraction": "sample_fraction",
    "strata": "strata_columns",
    "per_stratum": "samples_per_stratum",
    "min_per_stratum": "min_per_stratum",
    "allocation": "allocation",
    "allocation_column": "allocation_column",
    "cost_column": "cost_column",
    "interval": "interval",
    "start": "start",
    "cluster": "cluster_column",
    "clusters": "num_clusters",
    "per_cluster": "samples_per_cluster",
    "percentage": "sample_percentage",
    "weight": "weight_column",
    "seed": "seed",
}
"""Options and the parameters that they are in the API."""

_count = click.IntRange(min=1)


_OPTION_OF = {name: option for option, name in PARAMETERS.items()}
_PARAMETER = re.compile(rf"(?:\brounds\[0\]\.parameters\.)?\b({'|'.join(_OPTION_OF)})\b")


def number(text: str) -> float:
    """A number that JSON can say."""
    value = float(text)
    if not math.isfinite(value):
        raise click.BadParameter(f"{text} is no number to draw by.")
    return value


OPTIONS = (
    click.option(
        "--method",
        type=click.Choice([method.name for method in METHODS]),
        default="random",
        show_default=True,
    ),
    click.option("--size", type=_count, help="Rows to draw."),
    click.option("--fraction", type=number, help="Share of the rows, above 0 and up to 1."),
    click.option("--strata", multiple=True, metavar="COLUMN", help="A strata column; repeatable."),
    click.option("--per-stratum", type=_count, help="Rows to draw in each stratum."),
    click.option("--min-per-stratum", type=click.IntRange(min=0), help="At least so many in each."),
    click.option(
        "--allocation",
        type=click.Choice(["proportional", "equal", "neyman", "optimal"]),
        help="How the size is shared out among strata [default: proportional].",
    ),
    click.option("--allocation-column", metavar="COLUMN", help="For neyman and optimal."),
    click.option("--cost-column", metavar="COLUMN", help="For optimal."),
    click.option("--interval", type=_count, help="Systematic: draw every so many rows."),
    click.option("--start", type=_count, help="Systematic: the first row, from 1."),
    click.option("--cluster", metavar="COLUMN", help="The cluster column."),
    click.option("--clusters", type=_count, help="Clusters to draw."),
    click.option("--per-cluster", type=_count, help="Rows to draw in each cluster [default: all]."),
    click.option("--percentage", type=number, help="Percent of the rows in each cluster."),
    click.option("--weight", metavar="COLUMN", help="Weighted: the size measure."),
    click.option("--seed", help="A whole number or a text [default: drawn and recorded]."),
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
        The file is no JSON object.
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
        raise click.BadParameter(f"{path} is no JSON: {error}.", param_hint="--body") from None
    if not isinstance(body, dict):
        raise click.BadParameter(f"{path} holds no JSON object.", param_hint="--body")
    return body


def _no_number(name: str) -> float:
    raise ValueError(f"it has no {name}")


def _seed(text: str) -> int | str:
    """A seed in plain decimal digits is a number, anything else a text: to the order, the same."""
    try:
        number = int(text)
    except ValueError:
        return text
    return number if str(number) == text and abs(number) < 2**63 else text
