"""All pages: importing this module puts each on the blueprint."""

from __future__ import annotations

from web_ui import (
    account_page,
    admin_pages,
    dataset_page,
    datasets_pages,
    draw_page,
    home,
    import_page,
    job_page,
    jobs_pages,
    problem_pages,
    sign_in,
)
from web_ui.shell import blueprint

__all__ = [
    "account_page",
    "admin_pages",
    "blueprint",
    "dataset_page",
    "datasets_pages",
    "draw_page",
    "home",
    "import_page",
    "job_page",
    "jobs_pages",
    "problem_pages",
    "sign_in",
]
