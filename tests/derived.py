"""What is derived from the contract: tables of the docs, and a print of all surfaces.

``python -m tests.derived`` writes the tables between their markers, and with a name, such as
``EstimatesRequest``, prints all that follows from a request.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

import contract.requests
import http_api.schemas.rounds  # noqa: F401 - has the fields of rounds
from command_line.contract_options import with_request
from contract import fields as kinds
from contract.declarations import Declared, Request, declared
from contract.requests.programmes import FilePart
from http_api.schemas.contract import body_schema
from tests.client.api_fields import type_of
from web_ui.contract_forms import form_fields

DOCS = Path(__file__).parents[1] / "docs"
MARKED = re.compile(r"(<!-- fields of (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def requests() -> dict[str, type[Request]]:
    """The requests of the contract by name."""
    modules = [
        importlib.import_module(f"contract.requests.{each.name}")
        for each in pkgutil.iter_modules(contract.requests.__path__)
    ]
    return {
        name: each
        for module in modules
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, Request) and each is not Request
    }


def table(request: type[Request]) -> str:
    """The fields of a request as a table of Markdown, those of its objects by their path."""
    lines = ["| field | option | value | meaning |", "| --- | --- | --- | --- |"]
    found = "\n".join([*lines, *_lines(request, "")]) + "\n"
    if not issubclass(request, FilePart):
        return found
    return re.sub(r"(?m)^(\| [^|]+ \|)[^|]+\|", r"\1", found)


def _lines(request: type[Request], path: str, of_all: str | None = None) -> Iterator[str]:
    for own in declared(request):
        if isinstance(own.kind, kinds.Part):
            whole = own.option if isinstance(own.kind, kinds.WrittenPart) else None
            yield from _lines(own.kind.of, f"{path}{own.name}.", whole)
            continue
        name = of_all or own.option
        option = f"`{name}`" if name else ""
        yield f"| `{path}{own.name}` | {option} | {_value(own)} | {own.description} |"


def _value(own: Declared) -> str:
    parts = [_kind(own.kind)]
    if own.is_required:
        parts.append("required")
    elif own.default not in (None, (), {}, False, kinds.NOT_GIVEN):
        values = own.default if isinstance(own.default, tuple) else (own.default,)
        parts.append(f"default {', '.join(f'`{value}`' for value in values)}")
    return ", ".join(part for part in parts if part)


def _kind(kind: kinds.Kind) -> str:
    match kind:
        case kinds.Choice(titles):
            return ", ".join(f"`{value}`" if value else "empty" for value in titles)
        case kinds.ColumnName():
            return "column"
        case kinds.Day():
            return "day"
        case kinds.DatasetId():
            return "id; in commands also a name"
        case kinds.Count(bounds) | kinds.Number(bounds):
            return _bounds(bounds)
        case kinds.Written(_, bounds):
            return f"number, {_bounds(bounds)}".removesuffix(", ")
        case kinds.Flag():
            return "true or false"
        case kinds.Items(of, most):
            inner = "object" if isinstance(of, kinds.Part) else _kind(of)
            return f"up to {most:,}: {inner}" if inner else f"up to {most:,}"
        case kinds.Mapped(_, most):
            return f"up to {most:,}: text by name"
        case kinds.RowFilterKind():
            return "[filter](FILTERS.md)"
        case _:
            return ""


def _bounds(bounds: kinds.Bounds) -> str:
    low = "" if bounds.least is None else f"{bounds.least:,.10g} or more"
    low = low if bounds.above is None else f"above {bounds.above:,.10g}"
    high = "" if bounds.most is None else f"up to {bounds.most:,.10g}"
    high = high if bounds.below is None else f"below {bounds.below:,.10g}"
    return ", ".join(part for part in (low, high) if part)


def with_tables(page: str) -> str:
    """A page of the docs with its tables as they are declared."""
    known = requests()
    return MARKED.sub(lambda mark: f"{mark[1]}\n{table(known[mark[2]])}\n{mark[4]}", page)


def show(request: type[Request]) -> None:
    """Print all that follows from a request."""

    def run(**_: object) -> None:
        """The options of the request."""

    command = click.command()(with_request(request)(run))
    context = click.Context(command, max_content_width=100)
    print(f"{request.__name__}: {request.__doc__}\n\nDocs\n\n{table(request)}")
    print("Client\n")
    for own in declared(request):
        print(f"    {own.name}: {type_of(own.kind)}")
    print(f"\nCommand\n\n{command.get_help(context)}\n\nForm\n")
    for field in form_fields(request, {}):
        print(f"    {field}")
    spec = APISpec("", "", "3.0.3", plugins=[MarshmallowPlugin()])
    spec.components.schema(request.__name__, schema=body_schema(request))
    print(f"\nAPI\n\n{json.dumps(spec.to_dict()['components'], indent=2)}")


def main(names: list[str]) -> None:
    """Write the tables, or print what follows from the named requests."""
    for name in names:
        show(requests()[name])
    if not names:
        for path in sorted(DOCS.glob("*.md")):
            page = path.read_text(encoding="utf-8")
            path.write_text(with_tables(page), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
