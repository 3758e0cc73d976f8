"""The command ``jobsvc`` with its subcommands."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "serve": "serving.serve",
    "import": "importing.import_command",
    "plan": "sampling.plan",
    "sample": "sampling.sample",
    "profile": "profiling.profile",
    "explore": "exploring.explore",
    "sql": "querying.sql_command",
    "jobs": "jobs.jobs",
    "watch": "job_control.watch",
    "cancel": "job_control.cancel",
    "retry": "job_control.retry",
    "log": "job_control.log",
    "fetch": "job_control.fetch",
    "demo": "demo.demo",
    "user": "accounts.user",
    "token": "accounts.token",
    "audit": "audit.audit_command",
    "storage": "storing.storage",
    "prune": "storing.prune",
    "check": "maintenance.check_command",
    "backup": "maintenance.backup_command",
    "restore": "maintenance.restore_command",
}
"""Module and function of each subcommand."""


class Subcommands(click.Group):
    """A group that imports a subcommand when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, or None if it doesn't exist."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(".")
        found: click.Command = getattr(import_module(f"command_line.{module}"), name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; print an error as one line."""
        from command_line.failures import one_line_errors

        with one_line_errors():
            return super().invoke(ctx)


@click.command(cls=Subcommands, context_settings={"help_option_names": ["-h", "--help"]})
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
