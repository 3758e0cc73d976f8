"""The product's settings, as one table.

Each setting is a field with its unit, its help and its least value or its choices.
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
    """A setting has a value that can't be."""

    code = "invalid_setting"


_MOST = {"port": 65_535, "days": 36_500, "hours": 876_000, "seconds": 31_536_000}
"""The most of a unit: more than a clock or a timer can count would stop the server."""


def _setting(
    default: Any, unit: str, text: str, least: int | None = None, choices: tuple[str, ...] = ()
) -> Any:
    metadata = {"unit": unit, "help": text, "least": least, "choices": choices}
    return field(default=default, metadata=metadata)


def default_data_dir() -> Path:
    """The platform's folder for a user's data."""
    return Path(platformdirs.user_data_dir("jobsvc", appauthor=False))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting with its default."""

    data_dir: Path = field(
        default_factory=default_data_dir,
        metadata={
            "unit": "path",
            "help": "Where the database, the data files and uploads lie.",
            "least": None,
            "choices": (),
        },
    )
    host: str = _setting("127.0.0.1", "address", "Address that the server listens on.")
    port: int = _setting(8000, "port", "Port that the server listens on; 0 takes a free one.", 0)
    trusted_proxy: str = _setting(
        "",
        "address",
        "Address of a proxy whose X-Forwarded-For, -Proto and -Host are believed; none when empty.",
    )
    allowed_hosts: str = _setting(
        "",
        "names, with commas",
        "Names that the server answers to beside its address and this machine's.",
    )
    workers: int = _setting(2, "threads", "Short jobs that run at the same time.", 1)
    long_workers: int = _setting(
        1, "threads", "Long jobs, such as large imports, that run at the same time.", 1
    )
    http_threads: int = _setting(8, "threads", "Requests that are answered at the same time.", 2)
    http_connections: int = _setting(
        1000, "connections", "Clients that may be connected at the same time.", 16
    )
    duckdb_threads: int = _setting(
        0, "threads", "Threads that all queries share; 0 takes one for each core.", 0
    )
    memory_mb: int = _setting(
        2048,
        "MiB",
        "Memory for queries: half for short jobs and pages, half for long jobs.",
        128,
    )
    upload_max_mb: int = _setting(20480, "MiB", "Largest file that may be imported.", 1)
    body_max_kb: int = _setting(1024, "KiB", "Largest request body that isn't a file.", 16)
    waiting_jobs_max: int = _setting(500, "jobs", "Jobs of one user that may wait.", 1)
    sampling_limit_min: int = _setting(
        60, "minutes", "How long a sampling job may run; 0 is without end.", 0
    )
    import_limit_min: int = _setting(
        360, "minutes", "How long an import may run; 0 is without end.", 0
    )
    exploration_limit_min: int = _setting(
        10, "minutes", "How long an exploration may run; 0 is without end.", 0
    )
    profiling_limit_min: int = _setting(
        60, "minutes", "How long a profile may take; 0 is without end.", 0
    )
    profile_budget_s: int = _setting(
        120, "seconds", "After so long the rest of a profile is estimated; 0 is never.", 0
    )
    sql_memory_mb: int = _setting(
        512, "MiB", "Memory for one SQL query; its process takes up to 300 MiB beside it.", 64
    )
    sql_spill_max_mb: int = _setting(
        4096, "MiB", "Disk for what one SQL query can't hold in memory.", 1
    )
    sql_rows_max: int = _setting(10_000_000, "rows", "Rows that a SQL query's result may have.", 1)
    sql_result_max_mb: int = _setting(
        2048, "MiB", "Largest file that a SQL query's result may take.", 1
    )
    sql_preview_limit_s: int = _setting(
        10, "seconds", "How long a SQL query whose rows come at once may run.", 1
    )
    sql_at_once: int = _setting(
        2, "queries", "SQL queries that requests wait for at the same time; jobs come beside.", 1
    )
    compare_samples: bool = _setting(
        True,
        "yes or no",
        "Whether each sample is compared with its population; else only when somebody asks.",
    )
    stop_grace_s: int = _setting(
        20, "seconds", "How long running jobs may go on when the server is told to stop.", 0
    )
    token_hours: int = _setting(12, "hours", "How long a sign-in lasts.", 1)
    link_hours: int = _setting(24, "hours", "How long a one-time sign-in link stays open.", 1)
    keep_jobs_days: int = _setting(
        0, "days", "How long a prune keeps ended jobs without a kept sample; 0 is for ever.", 0
    )
    keep_logs_days: int = _setting(
        0, "days", "How long a prune keeps entries of jobs' logs; 0 is for ever.", 0
    )
    keep_unreachable_days: int = _setting(
        30,
        "days",
        "How long a prune keeps what no ref reaches, and removed datasets; 0 is for ever.",
        0,
    )
    keep_uploads_days: int = _setting(
        7,
        "days",
        "How long the file of an import is kept for a retry that was cancelled, or failed through "
        "no fault of the file; 0 is until the next start.",
        0,
    )
    keep_counts_days: int = _setting(
        90, "days", "How long a prune keeps counts and profiles that nobody uses; 0 is for ever.", 0
    )
    soeid_pattern: str = _setting(
        "[A-Za-z0-9]{7}", "regular expression", "What a new user's SOEID must match."
    )
    admin_soeid: str = _setting("admin00", "SOEID", "The admin that the first start makes.")
    log_format: str = _setting(
        "text",
        "text or json",
        "How the log is written: for people, or one JSON object a line.",
        choices=("text", "json"),
    )
    log_level: str = _setting(
        "info",
        "level",
        "The least that is logged: debug, info, warning or error.",
        choices=("debug", "info", "warning", "error"),
    )
    metrics_public: bool = _setting(
        False, "yes or no", "Whether /metrics is shown to everyone, not to admins alone."
    )
    min_free_mb: int = _setting(
        100, "MiB", "Free space on the disk below which imports are refused.", 0
    )
    access_log: bool = _setting(True, "yes or no", "Whether each request is logged.")

    def __post_init__(self) -> None:
        for item in fields(self):
            least = item.metadata["least"]
            if least is not None and getattr(self, item.name) < least:
                raise InvalidSetting(f"{item.name} must be {least} or more.")
            most = _MOST.get(item.metadata["unit"])
            if most is not None and getattr(self, item.name) > most:
                raise InvalidSetting(f"{item.name} must be {most} or less.")
            choices = item.metadata["choices"]
            if choices and getattr(self, item.name) not in choices:
                raise InvalidSetting(f"{item.name} must be one of {', '.join(choices)}.")
        if self.trusted_proxy:
            try:
                ipaddress.ip_address(self.trusted_proxy)
            except ValueError as error:
                raise InvalidSetting(f"trusted_proxy is no address: {error}.") from None
        try:
            re.compile(self.soeid_pattern)
        except re.error as error:
            raise InvalidSetting(f"soeid_pattern is no regular expression: {error}.") from None

    def limit_min(self, run_type: str) -> int:
        """How many minutes a job of this type may run; 0 is without end."""
        return {
            "sampling": self.sampling_limit_min,
            "import": self.import_limit_min,
            "exploration": self.exploration_limit_min,
            "profiling": self.profiling_limit_min,
        }.get(run_type, 0)


def default_text(name: str) -> str:
    """A setting's default, as the documentation writes it."""
    (item,) = (item for item in fields(Settings) if item.name == name)
    if item.default is MISSING:
        return "the platform's user data folder"
    if isinstance(item.default, bool):
        return "yes" if item.default else "no"
    return str(item.default)
