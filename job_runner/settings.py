"""All settings: default, unit, help, minimum and choices.

``docs/SETTINGS.md`` is tested against this table.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from domain_errors import DomainError


class InvalidSetting(DomainError):
    """A setting has an invalid value."""

    code = "invalid_setting"


_MAX_COUNT = {"port": 65_535, "days": 36_500, "hours": 876_000, "seconds": 31_536_000}
"""Maximum values by unit, within the range of clocks and timers."""


def _setting(
    default: Any, unit: str, text: str, least: int | None = None, choices: tuple[str, ...] = ()
) -> Any:
    metadata = {"unit": unit, "help": text, "least": least, "choices": choices}
    return field(default=default, metadata=metadata)


def default_data_dir() -> Path:
    """The platform's directory for a user's data."""
    return Path(platformdirs.user_data_dir("jobsvc", appauthor=False))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting with its default."""

    data_dir: Path = field(
        default_factory=default_data_dir,
        metadata={
            "unit": "path",
            "help": "Directory of the database, the data files and uploads.",
            "least": None,
            "choices": (),
        },
    )
    host: str = _setting("127.0.0.1", "address", "Address that the server listens on.")
    port: int = _setting(8000, "port", "Port that the server listens on; 0 selects a free one.", 0)
    trusted_proxy: str = _setting(
        "",
        "address",
        "Address of a proxy whose X-Forwarded-For, -Proto and -Host are trusted; empty is none.",
    )
    allowed_hosts: str = _setting(
        "",
        "names, with commas",
        "Host names that the server accepts, besides its address and this machine's.",
    )
    workers: int = _setting(2, "threads", "Short jobs that run at the same time.", 1)
    long_workers: int = _setting(
        1, "threads", "Long jobs, such as large imports, that run at the same time.", 1
    )
    http_threads: int = _setting(
        8, "threads", "Quick requests that are answered at the same time.", 2
    )
    read_limit_s: int = _setting(
        60, "seconds", "Time limit of a request that reads tables, for a plan or a page of rows.", 1
    )
    download_limit_s: int = _setting(
        600, "seconds", "Time limit of a request that writes a file with rows.", 1
    )
    http_connections: int = _setting(
        1000, "connections", "Clients that may be connected at the same time.", 16
    )
    duckdb_threads: int = _setting(
        0, "threads", "Threads that all queries share; 0 is one for each core.", 0
    )
    memory_mb: int = _setting(
        2048,
        "MiB",
        "Memory for queries: half for short jobs and pages, half for long jobs.",
        128,
    )
    upload_max_mb: int = _setting(20480, "MiB", "Largest file that may be imported.", 1)
    body_max_kb: int = _setting(1024, "KiB", "Largest request body that isn't a file.", 16)
    waiting_jobs_max: int = _setting(500, "jobs", "Maximum number of waiting jobs of one user.", 1)
    sampling_limit_min: int = _setting(60, "minutes", "Time limit of a sampling job; 0 is none.", 0)
    import_limit_min: int = _setting(360, "minutes", "Time limit of an import; 0 is none.", 0)
    exploration_limit_min: int = _setting(
        10, "minutes", "Time limit of an exploration; 0 is none.", 0
    )
    profiling_limit_min: int = _setting(60, "minutes", "Time limit of a profile; 0 is none.", 0)
    profile_budget_s: int = _setting(
        120, "seconds", "Time after which the rest of a profile is estimated; 0 is never.", 0
    )
    sql_memory_mb: int = _setting(
        512, "MiB", "Memory for one SQL query; its process takes up to 300 MiB more.", 64
    )
    sql_spill_max_mb: int = _setting(4096, "MiB", "Disk space to which one SQL query can spill.", 1)
    sql_rows_max: int = _setting(
        10_000_000, "rows", "Maximum number of rows in the result of a SQL query.", 1
    )
    sql_result_max_mb: int = _setting(
        2048, "MiB", "Maximum file size of the result of a SQL query.", 1
    )
    sql_preview_limit_s: int = _setting(
        10, "seconds", "Time limit of a SQL query that returns its rows in the response.", 1
    )
    sql_at_once: int = _setting(
        2, "queries", "SQL queries that requests run at the same time; jobs aren't counted.", 1
    )
    compare_samples: bool = _setting(
        True,
        "yes or no",
        "Whether each sample is compared with its population; otherwise only on request.",
    )
    stop_grace_s: int = _setting(
        20, "seconds", "Time that running jobs get to finish when the server stops.", 0
    )
    token_hours: int = _setting(12, "hours", "Lifetime of a sign-in.", 1)
    link_hours: int = _setting(24, "hours", "Lifetime of a one-time sign-in link.", 1)
    keep_jobs_days: int = _setting(
        0, "days", "Retention of ended jobs whose sample isn't retained; 0 is forever.", 0
    )
    keep_logs_days: int = _setting(
        0, "days", "Retention of the entries in jobs' logs; 0 is forever.", 0
    )
    keep_unreachable_days: int = _setting(
        30,
        "days",
        "Retention of commits that no ref reaches, and of removed datasets; 0 is forever.",
        0,
    )
    keep_uploads_days: int = _setting(
        7,
        "days",
        "Retention of the file of an import that was cancelled, or failed through no fault of the "
        "file, for a retry; 0 is until the next start.",
        0,
    )
    keep_counts_days: int = _setting(
        90, "days", "Retention of cached counts and profiles that aren't used; 0 is forever.", 0
    )
    soeid_pattern: str = _setting(
        "[A-Za-z0-9]{7}", "regular expression", "Pattern that a new user's SOEID must match."
    )
    admin_soeid: str = _setting(
        "admin00", "SOEID", "SOEID of the admin that the first start creates."
    )
    log_format: str = _setting(
        "text",
        "text or json",
        "Format of the log: plain text, or one JSON object a line.",
        choices=("text", "json"),
    )
    log_level: str = _setting(
        "info",
        "level",
        "Lowest level that is logged: debug, info, warning or error.",
        choices=("debug", "info", "warning", "error"),
    )
    metrics_public: bool = _setting(
        False, "yes or no", "Whether /metrics is open to everyone instead of admins only."
    )
    min_free_mb: int = _setting(
        100, "MiB", "Free disk space below which imports and spills are refused.", 0
    )
    access_log: bool = _setting(True, "yes or no", "Whether each request is logged.")

    def __post_init__(self) -> None:
        for item in fields(self):
            least = item.metadata["least"]
            if least is not None and getattr(self, item.name) < least:
                raise InvalidSetting(f"{item.name} must be {least} or more.")
            most = _MAX_COUNT.get(item.metadata["unit"])
            if most is not None and getattr(self, item.name) > most:
                raise InvalidSetting(f"{item.name} must be {most} or less.")
            choices = item.metadata["choices"]
            if choices and getattr(self, item.name) not in choices:
                raise InvalidSetting(f"{item.name} must be one of {', '.join(choices)}.")
        if self.trusted_proxy:
            try:
                ipaddress.ip_address(self.trusted_proxy)
            except ValueError as error:
                raise InvalidSetting(f"trusted_proxy isn't an address: {error}.") from None
        try:
            re.compile(self.soeid_pattern)
        except re.error as error:
            raise InvalidSetting(f"soeid_pattern isn't a regular expression: {error}.") from None

    def limit_min(self, run_type: str) -> int:
        """The time limit of a run type in minutes; 0 for none."""
        return {
            "sampling": self.sampling_limit_min,
            "import": self.import_limit_min,
            "exploration": self.exploration_limit_min,
            "profiling": self.profiling_limit_min,
        }.get(run_type, 0)


def default_text(name: str) -> str:
    """A setting's default as text for the documentation."""
    (item,) = (item for item in fields(Settings) if item.name == name)
    if item.default is MISSING:
        return "the platform's user data folder"
    if isinstance(item.default, bool):
        return "yes" if item.default else "no"
    return str(item.default)
