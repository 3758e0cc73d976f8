"""``jobsvc classification``: precision, recall and missed rows of a model or rule."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import JOB, body_of, printed
from command_line.output import Printed, figure_text, print_line, print_lines, print_table
from contract.requests.classification import ClassificationRequest
from contract.words import CLASSIFICATION_FIGURES

LIMITS = ("estimate", "ci_low", "ci_high")


@click.command()
@JOB
@with_request(ClassificationRequest)
@printed()
def classification(client: ApiClient, job_id: str, **fields: Any) -> Printed:
    """Estimate precision, recall and missed rows of a model or rule.

    \b
    jobsvc classification 917f045a --truth is_bad --flagged judge
    jobsvc classification 917f045a --truth is_bad --flagged score --threshold 0.5
    """
    found = client.post(f"/api/sampling/jobs/{job_id}/classification", body_of(fields))
    return Printed(found, _print)


def _print(found: dict[str, Any]) -> None:
    groups = list(found["groups"][0]["group"]) if found["groups"] else []
    labelled = ["class"] if found["classes"] else []
    rows, cells = [], []
    for each in found["groups"]:
        group = ["missing" if part is None else str(part) for part in each["group"].values()]
        whole = [*group, *(["all"] if labelled else [])]
        rows += [[*whole, *_cells(figure, is_mean=bool(labelled))] for figure in each["figures"]]
        if each["missed_amount"] is not None:
            limits = (figure_text(each["missed_amount"][name]) for name in LIMITS)
            rows.append([*whole, "Missed amount", *limits, "t"])
        for one in each["classes"]:
            rows += [[*group, one["label"], *_cells(figure)] for figure in one["figures"]]
        cells += [
            [
                *group,
                _word(cell["truth"], "bad", "not bad"),
                _word(cell["flagged"], "flagged", "not flagged"),
                *(_count(cell[name]) for name in LIMITS),
                cell["n"],
            ]
            for cell in each["confusion"]
        ]
    print_table([*groups, *labelled, "figure", "estimate", "from", "to", "interval"], rows)
    print_table([*groups, "truth", "flag", "rows", "from", "to", "sampled"], cells)
    print_line(f"{100 * found['confidence']:g} % confidence intervals.")
    print_lines(found["notes"])


def _cells(figure: dict[str, Any], *, is_mean: bool = False) -> list[str]:
    text = _count if figure["name"] == "missed_rows" else figure_text
    mean = ", mean of classes" if is_mean and figure["name"] != "accuracy" else ""
    limits = (text(figure[name]) for name in LIMITS)
    return [CLASSIFICATION_FIGURES[figure["name"]] + mean, *limits, figure["interval"]]


def _count(rows: float | None) -> str:
    return figure_text(None if rows is None else float(round(rows)))


def _word(value: Any, yes: str, no: str) -> str:
    return (yes if value else no) if isinstance(value, bool) else str(value)
