"""``jobsvc reserves``, ``why``, ``values``, ``estimate`` and ``design``: what a sample says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.importing import READING_OPTIONS, form_fields
from command_line.options import (
    EXISTING_FILE,
    JOB,
    NEW_FILE,
    Command,
    WholeNumber,
    body_of,
    field_option,
    limit_option,
    number,
    printed,
    with_options,
)
from command_line.output import (
    Columns,
    Printed,
    figure_text,
    print_json,
    print_line,
    print_lines,
    print_rows,
    print_table,
    table_of,
    written,
)
from command_line.weighting import known_total_options, with_totals
from contract.fields import ValuesKind
from contract.numbers import percent_digits
from contract.requests.estimate import BacktestRequest, EstimatesRequest
from domain_errors import counted


def _print_reserves(found: dict[str, Any]) -> None:
    print_rows(found["columns"], found["data"], found["types"])
    if whole := found["groups_without_rows"]:
        more = f" and {len(whole) - WHOLE_SHOWN:,} more" if len(whole) > WHOLE_SHOWN else ""
        names = ", ".join(map(str, whole[:WHOLE_SHOWN]))
        print_line(f"Groups drawn whole have no replacement: {names}{more}.")


@click.command()
@JOB
@field_option(
    "--step",
    "round",
    "step",
    type=WholeNumber(1, 20),
    default=1,
    show_default=True,
    help="The step of the design.",
)
@limit_option(10, help="Rows of each group.")
@printed(_print_reserves)
def reserves(client: ApiClient, job_id: str, **chosen: Any) -> Any:
    """Show the next rows in line of a sample.

    They replace rows that the test doesn't apply to.

    \b
    jobsvc reserves 917f045a --limit 3
    """
    return client.get(f"/api/sampling/jobs/{job_id}/reserves", **body_of(chosen))


def _print_verdicts(found: dict[str, Any]) -> None:
    for row in found["rows"]:
        print_line(f"{row['name']}: {'drawn' if row['drawn'] else 'not drawn'}")
        for verdict in row["rounds"]:
            group = f" ({verdict['group']})" if verdict["group"] else ""
            print_line(f"  step {verdict['round_number']}{group}: {verdict['reason']}")
        if row["drawn"]:
            print_line(
                f"  selection probability {row['inclusion_probability']:.6g}, "
                f"weight {row['design_weight']:.6g}"
            )
    if not found["rows"]:
        similar = found["similar_value"]
        hint = "" if similar is None else f' Did you mean "{similar}"?'
        print_line(f"No row of the source has this value.{hint}")
    if found["has_more"]:
        print_line("More rows have this value; --limit shows up to 50.", err=True)


WHOLE_SHOWN = 20
KEY = field_option(
    "--key",
    "key",
    multiple=True,
    metavar="COLUMN",
    help="A column that identifies rows; repeatable [default: _logical_row_id, or the row key].",
)
UPLOADS: Columns = {
    "number": "number",
    "file": "file_name",
    "rows": "row_count",
    "without": "unanswered",
    "by": "user_soeid",
    "uploaded": "created_at",
    "columns": lambda each: ", ".join(column["name"] for column in each["columns"]),
}


@click.command()
@JOB
@click.argument("file", required=False, type=EXISTING_FILE)
@KEY
@click.option("--preview", is_flag=True, help="Show how the rows match; store nothing.")
@READING_OPTIONS
@printed()
def values(
    client: ApiClient,
    job_id: str,
    file: Path | None,
    key: tuple[str, ...],
    preview: bool,
    **chosen: Any,
) -> Printed:
    """Upload values of a sample's rows, or list the uploads.

    Without a FILE, the uploads are listed.

    \b
    jobsvc values 917f045a results.xlsx --key invoice --preview
    jobsvc values 917f045a results.xlsx --key invoice
    jobsvc estimate 917f045a --values 1 --total audited
    """
    if file is None:
        found: Any = {"uploads": client.all_of(_values(job_id), "uploads")}
        return Printed(found, table_of(UPLOADS, "uploads"))
    found = upload_rows(client, _values(job_id), file, key, body_of(chosen), preview=preview)
    return Printed(found, _print_match if preview else _print_upload)


def _values(job_id: str) -> str:
    return f"/api/sampling/jobs/{job_id}/values"


def upload_rows(
    client: ApiClient,
    path: str,
    file: Path,
    key: Sequence[str],
    reading: dict[str, Any] | None = None,
    *,
    preview: bool = False,
) -> dict[str, Any]:
    """Upload a file about rows of a sample, or preview it; ``reading`` may have ``options``."""
    fields = form_fields({"key": list(key), **(reading or {})})
    return client.upload_file(f"{path}/preview" if preview else path, file, fields)


def _print_upload(found: dict[str, Any]) -> None:
    _print_match(found["match"])
    print_line(f"Stored as upload {found['number']}: estimate --values {found['number']}.")


def _print_match(found: dict[str, Any]) -> None:
    print_line(
        f"{found['matched']:,} of {found['row_count']:,} rows of the file match by "
        f"{', '.join(found['key'])}; {found['unanswered']['count']:,} sampled rows aren't in it."
    )
    for column in found["columns"]:
        missing = f", {column['missing']:,} missing" if column["missing"] else ""
        print_line(f"  {column['name']}: {column['type']}{missing}")
    print_lines(found["notes"])
    if found["problem"]:
        print_line(f"Problem: {found['problem']}")


@click.command()
@JOB
@click.argument("value")
@field_option(
    "--column", "column", help="The column that has the VALUE [default: a row key or row id]."
)
@limit_option(10, 50)
@printed(_print_verdicts)
def why(client: ApiClient, job_id: str, **query: Any) -> Any:
    """Show whether and why a row was drawn.

    Rows of the sample's source are given by row key, by row id, or by a column's VALUE.

    \b
    jobsvc why 917f045a primary:17
    jobsvc why 917f045a INV-2025-0017 --column invoice
    """
    return client.get(f"/api/sampling/jobs/{job_id}/lookup", **query)


def _share(text: str) -> dict[str, Any]:
    column, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f'"{text}" isn\'t COLUMN=VALUE.')
    return {"statistic": "proportion", "column": column, "value": _value(value)}


def _value(text: str) -> str | None:
    """The text, which may stand in quotes; None if empty. Its column's type says what it means."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text or None


def _ratio(text: str) -> dict[str, Any]:
    column, slash, denominator = text.partition("/")
    if not slash:
        raise click.BadParameter(f'"{text}" isn\'t COLUMN/COLUMN.')
    return {"statistic": "ratio", "column": column, "denominator": denominator}


def _quantile(text: str) -> dict[str, Any]:
    column, colon, share = text.rpartition(":")
    if not colon:
        raise click.BadParameter(f'"{text}" isn\'t COLUMN:Q, such as amount:0.5.')
    return {"statistic": "quantile", "column": column, "q": number(share)}


def _of_column(statistic: str) -> Callable[[str], dict[str, Any]]:
    return lambda column: {"statistic": statistic, "column": column}


FIGURES: dict[str, tuple[Callable[[str], dict[str, Any]], str, str]] = {
    "mean": (_of_column("mean"), "COLUMN", "The mean of a column"),
    "total": (_of_column("total"), "COLUMN", "The total"),
    "share": (
        *(_share, "COLUMN=VALUE"),
        "The share of a value; COLUMN= is the share of missing values",
    ),
    "ratio": (_ratio, "COLUMN/COLUMN", "The ratio of two totals"),
    "quantile": (_quantile, "COLUMN:Q", "A quantile, such as amount:0.5 for the median"),
}
"""Options of figures: how each is read, how it is written, and what it is."""
PLANNED_FIGURES = ("mean", "total", "share")
"""Those whose precision can be planned."""


def figure_options(
    names: Iterable[str] = FIGURES, *, is_single: bool = False
) -> Callable[[Command], Command]:
    """Add the options of figures to a command; :func:`figures_of` reads them.

    ``is_single``: the command refuses more than one figure.
    """
    end = "." if is_single else "; repeatable."
    return with_options(
        [
            field_option(
                *(f"--{name}", "statistic"),
                type=read,
                multiple=True,
                metavar=metavar,
                help=f"{text}{end}",
            )
            for name, (read, metavar, text) in FIGURES.items()
            if name in names
        ]
    )


def figures_of(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The figures that options name, as the API takes them, taken out of ``values``."""
    return [figure for name in FIGURES for figure in values.pop(name, ())]


@click.command()
@JOB
@figure_options()
@click.option("--count", is_flag=True, help="The number of rows.")
@with_request(EstimatesRequest)
@known_total_options
@click.option(
    "--judge",
    multiple=True,
    metavar="COLUMN",
    help="Correct the figures by a judge's opinions: --calibrate judge --known COLUMN.",
)
@click.option(
    "--values",
    metavar="FILE|NUMBER|latest|findings",
    help="Read columns from a file of results, an earlier upload of one, or the findings.",
)
@KEY
@printed()
def estimate(
    client: ApiClient,
    job_id: str,
    count: bool,
    totals: Path | None,
    judge: tuple[str, ...],
    values: str | None,
    key: tuple[str, ...],
    **figures: Any,
) -> Printed:
    """Estimate figures of the population from a sample.

    \b
    jobsvc estimate 917f045a --mean amount --total amount --by region
    jobsvc estimate 917f045a --share status=disputed --true-values
    jobsvc estimate 917f045a --total paid --calibrate ratio --known amount
    jobsvc estimate 917f045a --total paid --calibrate rake --known region --totals census.csv
    jobsvc estimate 917f045a --values results.xlsx --key invoice --total audited
    jobsvc estimate 917f045a --values findings --book amount --total misstatement
    jobsvc estimate 917f045a --values labels.csv --key id --share is_bad=true --judge judged_bad
    jobsvc estimate 917f045a --mean score --contrast model=a:b
    jobsvc estimate 917f045a --mean score_a --contrast-column score_b
    """
    statistics = [*figures_of(figures), *([{"statistic": "count"}] if count else [])]
    if not statistics:
        raise click.UsageError("Name a figure, such as --mean COLUMN or --count.")
    body = {"statistics": statistics, **body_of(figures)}
    if judge:
        if "calibrate" in body or totals is not None:
            raise click.UsageError("--judge can't be combined with --calibrate, --known or totals.")
        body["calibrate"] = {"method": "judge", "columns": list(judge)}
    body = with_totals(body, totals)
    if values is not None:
        body["values"] = _values_of(client, job_id, values, key)
    found = client.post(f"/api/sampling/jobs/{job_id}/estimates", body)
    if any(entry["job_id"] == found["job_id"] for entry in client.all_of("/api/bin", "entries")):
        print_line("The sample is in the bin.", err=True)
    return Printed(found, partial(_print, body=body))


BIAS = ("", "_low", "_high")
FORMATS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".r": "r",
    ".do": "stata",
    ".sas": "sas",
    ".py": "python",
    ".json": "json",
}


@click.command()
@JOB
@field_option(
    "--replicates",
    "replicates",
    type=click.Choice(("none", "jackknife", "bootstrap")),
    default="none",
    show_default=True,
    help="Replicate weights in the table, or code that reads them.",
)
@field_option(
    "--count",
    "replicate_count",
    "replicate_count",
    type=WholeNumber(),
    help="Replicates of a bootstrap [500].",
)
@field_option(
    "--seed",
    "replicate_seed",
    "replicate_seed",
    type=WholeNumber(),
    help="The seed of a bootstrap [1].",
)
@field_option(
    "--judge",
    "judge",
    "judge",
    metavar="COLUMN",
    help="Of code of R: a judge's column, to whose total it calibrates the example, too.",
)
@click.option(
    "--output",
    type=NEW_FILE,
    help="A file: weights of the rows as .csv or .parquet, code as .R, .do, .sas or .py.",
)
@printed()
def design(client: ApiClient, job_id: str, output: Path | None, **chosen: Any) -> Printed:
    """Show how a sample was drawn, as facts, weights or code.

    \b
    jobsvc design 917f045a
    jobsvc design 917f045a --output weights.csv --replicates bootstrap --count 200
    jobsvc design 917f045a --output design.R
    jobsvc design 917f045a --output design.R --judge judged_bad
    """
    kind = "json" if output is None else FORMATS.get(output.suffix.lower())
    if kind is None:
        raise click.BadParameter(
            f"The name of the file ends with one of {', '.join(FORMATS)}.", param_hint="--output"
        )
    query, path = {"format": kind, **body_of(chosen)}, f"/api/sampling/jobs/{job_id}/design"
    if output is None:
        return Printed(client.get(path, **query), print_json)
    client.save(path, output, **query)
    return written(output, "Design")


def _values_of(client: ApiClient, job_id: str, values: str, key: Sequence[str]) -> int | str:
    """The findings or an upload: as given, or of a file that is uploaded."""
    path = Path(values)
    if (values in ValuesKind.words or values.isdecimal()) and not path.exists():
        return ValuesKind().read(values)
    if not path.is_file():
        raise click.BadParameter(f'There is no file "{values}".', param_hint="--values")
    number: int = upload_rows(client, _values(job_id), path, key)["number"]
    return number


def _print_backtest(found: dict[str, Any]) -> None:
    headings = ["figure", "estimate", "from", "to", "true value", "interval"]
    verdicts = {True: "inside", False: "outside", None: "-"}
    names = ("estimate", "ci_low", "ci_high", "true_value")
    print_table(
        headings,
        [
            [
                figure_name(each),
                *(figure_text(each[name]) for name in names),
                "exact" if each["exact"] else verdicts[each["covers"]],
            ]
            for each in found["figures"]
        ],
    )
    if found["intervals"]:
        print_line(
            f"{found['covered']:,} of {counted(found['intervals'], 'interval')} hold the true "
            f"value; of many, {percent_digits(found['confidence'])} % do."
        )
    print_lines(found["notes"])


@click.command()
@JOB
@with_request(BacktestRequest)
@printed(_print_backtest)
def backtest(client: ApiClient, job_id: str, **query: Any) -> Any:
    """Estimate figures that are known, and compare.

    Counts the intervals that hold the true value.

    \b
    jobsvc backtest 917f045a --confidence 0.9
    """
    return client.get(f"/api/sampling/jobs/{job_id}/backtest", **query)


def _print_uncovered(rows: int) -> None:
    if rows:
        of_rows = counted(rows, "row is", "rows are")
        print_line(f"Warning: {of_rows} not covered: no row was drawn from their groups.")


def _print(found: dict[str, Any], body: dict[str, Any]) -> None:
    _print_uncovered(found["design"]["uncovered_rows"])
    with_truth = "true_values" in body
    groups = found["estimates"][0]["group"] if found["estimates"] else body.get("by", ())
    headings = ["figure", *groups, "estimate", "from", "to", "standard error"]
    headings += ["rows", "missing", *(["uncalibrated margin"] if _is_weighted(found) else [])]
    headings += ["true value"] if with_truth else []
    rows = []
    for each in found["estimates"]:
        numbers = (each[name] for name in ("estimate", "ci_low", "ci_high", "standard_error"))
        row = [figure_name(each), *group_texts(each), *map(figure_text, numbers)]
        row += [each["n"], each["n_missing"]]
        if _is_weighted(found):
            row.append(_margin(each["uncalibrated"]))
        rows.append([*row, figure_text(each["true_value"])] if with_truth else row)
    print_table(headings, rows)
    _print_corrected(found["estimates"])
    _print_judge(found["estimates"])
    if found["contrasts"]:
        print_line()
        _print_contrasts(found["contrasts"], with_truth=with_truth)
    print_line(f"{percent_digits(found['confidence'])} % confidence intervals.")
    print_lines(found["notes"])


def _print_corrected(estimates: Sequence[dict[str, Any]]) -> None:
    """The figures that second readings correct."""
    figures = [each for each in estimates if each["corrected"] is not None]
    if not figures:
        return
    headings = ["corrected by second readings", *figures[0]["group"], "estimate", "from", "to"]
    headings += ["standard error", "first answers", "correction", "second readings", "differing"]
    rows = []
    for each in figures:
        found = each["corrected"]
        names = ["estimate", "ci_low", "ci_high", "standard_error", "first_answers", "correction"]
        numbers = (figure_text(found[name]) for name in names)
        counts = (found["second_readings"], found["differing"])
        rows.append([figure_name(each), *group_texts(each), *numbers, *counts])
    print_line()
    print_table(headings, rows)
    print_lines(dict.fromkeys(each["corrected"]["note"] for each in figures))


def _print_judge(estimates: Sequence[dict[str, Any]]) -> None:
    """People alone, the judge alone with its bias, and both; nothing without a judge."""
    judged = [each for each in estimates if each["judge"] is not None]
    if not judged:
        return
    ends = ("estimate", "ci_low", "ci_high")
    rows = []
    for each in judged:
        found = each["judge"]
        first = [figure_name(each), *group_texts(each)]
        for name, labels in (("people_alone", each["n"]), ("both", found["n_eff"])):
            texts = [figure_text(found[name][end]) for end in ends]
            shown = "" if labels is None else round(labels)
            rows.append([*first, name.replace("_", " "), *texts, shown])
        for alone in found["judge_alone"]:
            column, texts = alone["column"], [figure_text(alone[f"bias{end}"]) for end in BIAS]
            rows.append([*first, f"{column} alone", figure_text(alone["estimate"]), "", "", ""])
            rows.append([*first, f"bias of {column}", *texts, ""])
    print_line()
    print_table(
        ["figure", *judged[0]["group"], "by", "estimate", "from", "to", "labels' worth"], rows
    )


def _is_weighted(found: dict[str, Any]) -> bool:
    """Whether the weights are others than those of the design."""
    return found["calibration"] is not None or found["nonresponse"] is not None


def _print_contrasts(contrasts: Sequence[dict[str, Any]], *, with_truth: bool) -> None:
    headings = ["contrast", *contrasts[0]["group"], "estimate", "from", "to", "standard error"]
    headings += ["p value", "df", *(["true value"] if with_truth else [])]
    rows = []
    for each in contrasts:
        first, second = (
            "missing" if each[side]["name"] is None else str(each[side]["name"])
            for side in ("first", "second")
        )
        sign = "by" if each["measure"] == "ratio" else "less"
        numbers = (each[name] for name in ("estimate", "ci_low", "ci_high", "standard_error"))
        p_value = "-" if each["p_value"] is None else f"{each['p_value']:.4f}"
        name = f"{figure_name(each)}, {first} {sign} {second}" if each["between"] else ""
        group = group_texts(each)
        row = [name or f"{figure_name(each)} {sign} {second}", *group, *map(figure_text, numbers)]
        row += [p_value, each["df"]]
        rows.append([*row, figure_text(each["true_value"])] if with_truth else row)
    print_table(headings, rows)


def _margin(interval: dict[str, Any]) -> str:
    low, high = interval["ci_low"], interval["ci_high"]
    return "-" if low is None else f"± {figure_text((high - low) / 2)}"


def group_texts(each: dict[str, Any]) -> list[str]:
    """The values of a figure's group."""
    return ["missing" if value is None else str(value) for value in each["group"].values()]


def figure_name(each: dict[str, Any]) -> str:
    """The name of an estimated figure."""
    match each["statistic"]:
        case "proportion":
            value = "missing" if each["value"] is None else each["value"]
            return f"share of {each['column']}={value}"
        case "ratio":
            return f"{each['column']}/{each['denominator']}"
        case "quantile":
            return f"{each['q']:g} quantile of {each['column']}"
        case "count":
            return "rows"
        case name:
            return f"{name} of {each['column']}"
