"""The command ``jobsvc`` with its subcommands."""

from __future__ import annotations

import click

from command_line.accounts import token, user
from command_line.audit import audit_command
from command_line.demo import demo
from command_line.exploring import explore
from command_line.importing import import_command
from command_line.jobs import jobs
from command_line.maintenance import backup_command, check_command, restore_command
from command_line.profiling import profile
from command_line.querying import sql_command
from command_line.sampling import plan, sample
from command_line.serving import serve
from command_line.storing import prune, storage


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jobsvc")
def command() -> None:
    """Draw samples you can defend.

    \b
    A first sample of real data:   jobsvc demo
    A server for a team:           jobsvc serve
    A file of your own:            jobsvc import sales.csv --dataset sales
                                   jobsvc sample sales --method random --size 1000 --output s.csv

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the data directory or the server can't
    be reached.
    """


for subcommand in (
    serve,
    import_command,
    plan,
    sample,
    profile,
    explore,
    sql_command,
    jobs,
    demo,
    user,
    token,
    audit_command,
    storage,
    prune,
    check_command,
    backup_command,
    restore_command,
):
    command.add_command(subcommand)
