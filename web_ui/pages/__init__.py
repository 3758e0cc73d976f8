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
from web_ui.pages.problem import problem_page
from web_ui.shell import register

__all__ = [
    "account",
    "admin",
    "dataset",
    "datasets",
    "draw",
    "home",
    "imports",
    "job",
    "jobs",
    "problem",
    "problem_page",
    "register",
    "sign_in",
]
