"""The command ``jobsvc`` with its subcommands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from service.service import Service
    from service.settings import Settings


SECTIONS = {
    "Data": {
        "demo": "demo.demo",
        "import": "importing.import_command",
        "attach": "attached.attaching.attach",
        "connection": "attached.connections.connection",
        "datasets": "datasets.datasets",
        "history": "datasets.history",
        "require-columns": "datasets.require_columns",
        "rows": "datasets.rows",
        "search": "datasets.search",
        "compare": "comparing.compare",
        "rm": "deleting.rm",
        "bin": "deleting.bin_command",
    },
    "Profiles and queries": {
        "profile": "exploring.profile",
        "explore": "exploring.explore",
        "sql": "exploring.sql_command",
    },
    "Samples": {
        "size": "planning.size.size",
        "bands": "planning.bands.bands",
        "plan": "sampling.plan",
        "sample": "sampling.sample",
        "more-rows": "planning.more_rows.more_rows",
        "design": "sampled_rows.design",
        "reserves": "sampled_rows.reserves",
        "why": "sampled_rows.why",
    },
    "Estimates": {
        "estimate": "sampled_rows.estimate",
        "values": "sampled_rows.values",
        "backtest": "sampled_rows.backtest",
    },
    "Audits": {
        "findings": "auditing.findings",
        "attributes": "auditing.attributes",
        "replace": "auditing.replace",
        "conclude": "auditing.conclude",
        "evaluate": "auditing.evaluate",
        "review": "auditing.review",
        "working-paper": "auditing.working_paper",
    },
    "Proofs": {
        "certificate": "certificates.certificate.certificate",
        "ledger": "certificates.ledger.ledger",
        "row-root": "certificates.row_proofs.row_root",
        "row-proofs": "certificates.row_proofs.row_proofs",
        "key": "certificates.keys.key",
    },
    "Jobs": {
        "jobs": "jobs.jobs",
        "watch": "jobs.watch",
        "fetch": "jobs.fetch",
        "log": "jobs.log",
        "cancel": "jobs.cancel",
        "retry": "jobs.retry",
        "dismiss": "jobs.dismiss",
        "schedule": "automation.schedules.schedule",
        "email": "automation.emails.email",
        "webhook": "automation.webhooks.webhook",
    },
    "Users and rights": {
        "user": "accounts.user",
        "group": "accounts.group",
        "access": "accounts.access",
        "token": "accounts.token",
        "audit": "accounts.audit_command",
    },
    "Server": {
        "serve": "server.serving.serve",
        "service": "server.user_service.service",
        "storage": "maintenance.storage",
        "check": "maintenance.check_command",
        "prune": "maintenance.prune",
        "backup": "maintenance.backup_command",
        "restore": "maintenance.restore_command",
    },
}
"""Module and function of each subcommand, by the headings of the help."""
COMMANDS = {name: place for section in SECTIONS.values() for name, place in section.items()}


@dataclass(frozen=True)
class Listening:
    """A listening service; ``serve`` answers requests until ``stop``, which takes no lock."""

    service: Service
    url: str
    token: str
    serve: Callable[[], None]
    stop: Callable[[], None]


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
        """Return all names in the order of the help."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands under the heading of each section."""
        names = max(map(len, COMMANDS))
        for heading, section in SECTIONS.items():
            found = ((name.ljust(names), self.get_command(ctx, name)) for name in section)
            with formatter.section(heading):
                width = formatter.width - names - 4
                formatter.write_dl([(n, c.get_short_help_str(width)) for n, c in found if c])

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
