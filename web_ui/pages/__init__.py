"""The pages, one module each; importing this package registers them on the blueprint."""

from __future__ import annotations

from web_ui.pages import (
    account,
    admin,
    dataset,
    datasets,
    draw,
    home,
    imports,
    job,
    jobs,
    problem,
    sign_in,
)
from web_ui.shell import blueprint

__all__ = [
    "account",
    "admin",
    "blueprint",
    "dataset",
    "datasets",
    "draw",
    "home",
    "imports",
    "job",
    "jobs",
    "problem",
    "sign_in",
]
