"""The command ``jobsvc`` with its subcommands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from job_runner.service import Service
    from job_runner.settings import Settings


COMMANDS = {
    "serve": "server.serving.serve",
    "datasets": "datasets.datasets",
    "rows": "datasets.rows",
    "history": "datasets.history",
    "search": "datasets.search",
    "rm": "deleting.rm",
    "bin": "deleting.bin_command",
    "import": "importing.import_command",
    "attach": "attached.attaching.attach",
    "connection": "attached.connections.connection",
    "webhook": "automation.webhooks.webhook",
    "schedule": "automation.schedules.schedule",
    "plan": "sampling.plan",
    "sample": "sampling.sample",
    "estimate": "sampled_rows.estimate",
    "design": "sampled_rows.design",
    "values": "sampled_rows.values",
    "backtest": "sampled_rows.backtest",
    "findings": "auditing.findings",
    "replace": "auditing.replace",
    "evaluate": "auditing.evaluate",
    "working-paper": "auditing.working_paper",
    "size": "planning.size.size",
    "bands": "planning.bands.bands",
    "more-rows": "planning.more_rows.more_rows",
    "profile": "exploring.profile",
    "explore": "exploring.explore",
    "compare": "comparing.compare",
    "sql": "exploring.sql_command",
    "jobs": "jobs.jobs",
    "reserves": "sampled_rows.reserves",
    "why": "sampled_rows.why",
    "watch": "jobs.watch",
    "cancel": "jobs.cancel",
    "retry": "jobs.retry",
    "dismiss": "jobs.dismiss",
    "log": "jobs.log",
    "fetch": "jobs.fetch",
    "demo": "demo.demo",
    "user": "accounts.user",
    "group": "accounts.group",
    "access": "accounts.access",
    "token": "accounts.token",
    "audit": "accounts.audit_command",
    "certificate": "certificates.certificate.certificate",
    "key": "certificates.keys.key",
    "ledger": "certificates.ledger.ledger",
    "row-root": "certificates.row_proofs.row_root",
    "row-proofs": "certificates.row_proofs.row_proofs",
    "service": "server.user_service.service",
    "storage": "maintenance.storage",
    "prune": "maintenance.prune",
    "check": "maintenance.check_command",
    "backup": "maintenance.backup_command",
    "restore": "maintenance.restore_command",
}
"""Module and function of each subcommand."""


@dataclass(frozen=True)
class Listening:
    """A listening service; ``serve`` answers requests until the process is stopped."""

    service: Service
    url: str
    token: str
    serve: Callable[[], None]


OpenService = Callable[["Settings", str, bool], AbstractContextManager[Listening]]
"""Takes the settings, the command's name, and whether it may create the data directory."""


@dataclass(frozen=True)
class Composition:
    """The ways to open a service: in the foreground, or in the background of a command.

    A server exits ``extra_stop_s`` after its grace period, even if some work can't be interrupted.
    Requests take up to five seconds of that time.
    """

    listening: OpenService
    serving_in_background: OpenService
    extra_stop_s: float = 20.0


class Subcommands(click.Group):
    """A group that imports a subcommand when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, or None if it doesn't exist."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].rsplit(".", 1)
        found: click.Command = getattr(import_module(f"command_line.{module}"), name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; print an error as one line."""
        from command_line.failures import one_line_errors

        with one_line_errors():
            return super().invoke(ctx)


@click.command("jobsvc", cls=Subcommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jobsvc")
def command() -> None:
    """Draw samples you can defend.

    \b
    A first sample of real data:   jobsvc demo
    A server for a team:           jobsvc serve
    A file of your own:            jobsvc import sales.csv --dataset sales
                                   jobsvc sample sales --method random --size 1000 --output s.csv

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the data directory or the server can't
    be reached, 130 Ctrl-C while waiting for a job.
    """
