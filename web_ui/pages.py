"""All pages: importing this module puts each on the blueprint."""

from __future__ import annotations

from web_ui import home, job_page, jobs_pages, sign_in
from web_ui.shell import blueprint

__all__ = ["blueprint", "home", "job_page", "jobs_pages", "sign_in"]
