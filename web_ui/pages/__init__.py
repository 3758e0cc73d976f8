"""The pages; importing this package registers them on the blueprint."""

from __future__ import annotations

from web_ui.pages import (  # noqa: F401 - each registers its pages
    account,
    admin,
    changes,
    combined_evaluation,
    dataset,
    datasets,
    deleted,
    draw,
    invitation,
    job,
    jobs,
    panels,
    plans,
    programmes,
    provider_sign_in,
    request_code,
    review,
)
from web_ui.pages.problem import problem_page
from web_ui.shell import register

__all__ = ["problem_page", "register"]
