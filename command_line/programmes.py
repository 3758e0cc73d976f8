"""``jobsvc programmes``: audit programmes, and the check of a programme's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from command_line.connection import ApiClient
from command_line.options import printed
from command_line.output import CommandFailed, print_line, print_lines, print_table
from domain_errors import choices_sentence, counted

FIGURES = ("§", "calculation", "figure", "published", "computed", "difference")


def _print_list(found: dict[str, Any]) -> None:
    rows = [
        (
            each["name"],
            each["title"],
            f"{100 * each['confidence']:g} %",
            f"{each['examples']}, {each['not_reproduced']} not reproduced"
            if each["not_reproduced"]
            else str(each["examples"]),
            each["sha256"][:12],
        )
        for each in found["programmes"]
    ]
    print_table(("name", "title", "confidence", "examples", "sha256"), rows)
    for each in found["broken"]:
        print_line(f"Not used: {each['problem']}")


@click.group(invoke_without_command=True)
@click.pass_context
def programmes(ctx: click.Context) -> None:
    """List audit programmes, or check the file of one.

    \b
    jobsvc programmes
    jobsvc programmes show eu-cohesion
    jobsvc programmes check own.toml
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_programmes)


@programmes.command("list")
@printed(_print_list)
def list_programmes(client: ApiClient) -> Any:
    """List the programmes, those of jobsvc first."""
    return client.get("/api/audit-programmes")


def _print_programme(found: dict[str, Any]) -> None:
    print_line(f"{found['title']} ({found['name']}). {found['about']}")
    print_line(f"{found['document']}. {found['statement']}")
    rows = [
        (
            each["title"],
            each["paragraph"] or "",
            each["kind"],
            ", ".join(each["samples"]),
            each["calculation"] or "",
        )
        for each in found["evaluations"]
    ]
    print_table(("evaluation", "§", "kind", "samples", "calculation"), rows)
    print_lines(found["conclusions"].values())
    _print_examples(found["examples"])
    print_line("Inputs of the examples:")
    for example in found["examples"]:
        given = ", ".join(f"{name} = {_figure(each)}" for name, each in example["inputs"].items())
        print_line(f"  § {example['paragraph']}, {example['calculation']}: {given}")


@programmes.command("show")
@click.argument("name")
@printed(_print_programme)
def show(client: ApiClient, name: str) -> Any:
    """Show the rules, sentences and examples of a programme."""
    return client.get(f"/api/audit-programmes/{name}")


@programmes.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Compute the worked examples of a programme's file; no server is needed.

    The exit code is 1 if a figure differs from the published one by more than the example allows.

    \b
    jobsvc programmes check own.toml
    """
    from dataclasses import asdict

    from application.audit.programmes.catalogue import builtin_programmes
    from application.audit.programmes.examples import checked_examples
    from application.audit.programmes.reading import read_programme

    programme = read_programme(file.read_bytes(), file.name)
    if any(each.name == programme.name for each in builtin_programmes()):
        raise CommandFailed(
            '{file}, name: a programme of jobsvc is called "{name}".',
            file=file.name,
            name=programme.name,
        )
    examples = [asdict(each) for each in checked_examples(programme)]
    _print_examples(examples)
    wrong = sum(not each["is_reproduced"] for each in examples)
    if wrong:
        raise CommandFailed(
            "{wrong} of {count} {count|example isn't|examples aren't} reproduced.",
            wrong=wrong,
            count=len(examples),
        )
    print_line(
        f"{programme.name}: {counted(len(examples), 'example')} reproduced. "
        f"SHA-256 {programme.sha256}."
    )


@programmes.command("calculations")
@click.argument("name", required=False)
def calculations(name: str | None) -> None:
    """List the calculations that a programme's file can name, or the inputs of one.

    \b
    jobsvc programmes calculations
    jobsvc programmes calculations random_ratio
    """
    from application.audit.programmes.examples import listed_calculations

    listed = {each.name: each for each in listed_calculations()}
    if name is None:
        print_table(
            ("calculation", "formula"), [(each.name, each.formula) for each in listed.values()]
        )
        return
    if name not in listed:
        raise CommandFailed(
            'There is no calculation "{name}". {choices}',
            name=name,
            choices=choices_sentence(name, list(listed), most=len(listed)),
        )
    from application.audit.programmes.inputs import described_inputs

    print_lines([listed[name].formula, listed[name].source])
    rows = [
        (each.name, each.unit, "required" if each.is_required else "", each.meaning)
        for each in described_inputs(name)
    ]
    print_table(("input", "unit", "", "meaning"), rows)


def _print_examples(examples: list[dict[str, Any]]) -> None:
    rows = [
        (
            example["paragraph"],
            example["calculation"],
            figure["name"],
            _figure(figure["published"]),
            _figure(figure["computed"]),
            _difference(figure),
        )
        for example in examples
        for figure in example["figures"]
    ]
    print_table(FIGURES, rows)
    remarks: dict[str, None] = {}
    for example in examples:
        paragraph = example["paragraph"]
        for text in (example["problem"], example["misprint"], example["note"]):
            if text:
                beginning = "" if text.startswith(paragraph) else f"{paragraph}: "
                remarks[f"§ {beginning}{text}"] = None
    print_lines(remarks)


def _figure(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.10g}"


def _difference(figure: dict[str, Any]) -> str:
    if figure["difference"] is None:
        return "" if figure["is_equal"] else "differs"
    text = f"{figure['difference']:+.4g}"
    return text if figure["is_equal"] else f"{text} (too much)"
