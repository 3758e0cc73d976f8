"""The command ``jobsvc`` with its subcommands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from lazy_dataclasses import dataclass

if TYPE_CHECKING:
    from service.service import Service
    from service.settings import Settings


SECTIONS = {
    "Data": {
        "demo": ("demo", "Import an example ledger and draw a first sample."),
        "import": ("importing", "Import a file as a new version of a dataset."),
        "attach": ("attaching", "Attach Parquet files as a table, without a copy."),
        "connection": ("attaching", "Manage connections to attached files (admins only)."),
        "datasets": ("datasets", "List the datasets that you can access."),
        "history": ("datasets", "List the versions of a dataset."),
        "row-key": ("datasets", "Declare the row key of a table, or show it."),
        "reconcile": (
            "reconciling",
            "Compare the sum of a column with a balance of the general ledger.",
        ),
        "data-contract": ("contracts", "State what each new version of a table must meet."),
        "require-columns": ("datasets", "Refuse imports that change the columns of a dataset."),
        "rows": ("datasets", "Show rows of a dataset, or write them to a file."),
        "search": ("datasets", "Find datasets, samples, saved queries, versions and jobs."),
        "compare": ("comparing", "Show what changed between two versions of a dataset."),
        "rm": ("deleting", "Put a sample, a version or a whole dataset into the bin."),
        "bin": ("deleting", "List and restore what was deleted."),
    },
    "Profiles and queries": {
        "profile": ("exploring", "Show statistics of the columns of a dataset."),
        "explore": ("exploring", "Create a report of a table, as a page of its own."),
        "sql": ("exploring", "Run one SELECT on the tables of a dataset."),
        "test": ("testing", "Find rows of a table by an audit test."),
    },
    "Samples": {
        "size": ("planning", "Show how many rows a precision or a materiality needs."),
        "bands": ("planning", "Suggest size bands of a number as strata."),
        "plan": ("sampling", "Show the sizes of a draw without drawing, or register it."),
        "sample": ("sampling", "Draw a sample of a dataset, given by name or id."),
        "split": (
            "splitting",
            "Split a table into parts: each row into one, by its key or its group.",
        ),
        "panel": (
            "panels",
            "Follow a sample over versions: waves with rotation, births and deaths.",
        ),
        "more-rows": ("planning", "Show how many more rows a sample needs for a precision."),
        "design": ("sampled_rows", "Show how a sample was drawn, as facts, weights or code."),
        "reserves": ("sampled_rows", "Show the next rows in line of a sample."),
        "why": ("sampled_rows", "Show whether and why a row was drawn."),
    },
    "Estimates": {
        "estimate": ("sampled_rows", "Estimate figures of the population from a sample."),
        "classification": (
            "classifying",
            "Estimate precision, recall and missed rows of a model or rule.",
        ),
        "weights": ("weighting", "Write the drawn rows with their weights, or show the codebook."),
        "values": ("sampled_rows", "Upload values of a sample's rows, or list the uploads."),
        "backtest": ("sampled_rows", "Estimate figures that are known, and compare."),
        "change": ("changing", "Estimate the change of figures from a sample to the sample OTHER."),
    },
    "Reviews": {
        "questions": ("reviewing", "Choose or show the questions about the rows of a sample."),
        "reviewers": ("reviewing", "Add, remove or list the reviewers of a sample."),
        "review-queues": ("reviewing", "List the samples whose questions you can answer."),
        "review-next": ("reviewing", "Get the next row of a sample to answer, for 15 minutes."),
        "answer": (
            "reviewing",
            "Answer the questions about a row of a sample, or about the rows of a file.",
        ),
        "answers": (
            "reviewing",
            "List the answers about the rows of a sample, or write them to a file or a table.",
        ),
        "agreement": ("agreeing", "Show how far the two readings of a sample's rows agree."),
    },
    "Audits": {
        "inbox": (
            "inbox",
            "List what waits for you: rows to examine, findings to review, failed jobs.",
        ),
        "samples": (
            "inbox",
            "List samples, of a DATASET or of all, with how far they are examined and reviewed.",
        ),
        "engagements": (
            "engagements",
            "Manage engagements: client, period, team, datasets and samples of one audit.",
        ),
        "findings": ("auditing", "List or enter the findings about the rows of a sample."),
        "attachments": (
            "auditing",
            "List, add, remove or download the files attached to a sample and its rows.",
        ),
        "attributes": ("auditing", "Choose or list the tested attributes of a sample."),
        "shown-columns": ("auditing", "Choose or list the columns that findings show of each row."),
        "replace": ("auditing", "Replace a row of a sample by the next row of the order."),
        "conclude": ("auditing", "Write the auditor's conclusion on a sample."),
        "evaluate": ("auditing", "Evaluate a sample by its findings."),
        "evaluate-together": (
            "auditing",
            "Evaluate several samples together, as parts of one conclusion.",
        ),
        "programmes": ("programmes", "List audit programmes, or check the file of one."),
        "review": ("auditing", "Submit findings for review, or sign them off."),
        "paper-facts": ("auditing", "Enter or list the facts of a sample's working paper."),
        "working-paper": ("auditing", "Write the working paper of a sample."),
        "paper-template": ("auditing", "Show or change the look of working papers (admins only)."),
        "issued-papers": ("auditing", "List the issued working papers of a sample."),
    },
    "Proofs": {
        "certificate": ("proofs", "Write the signed certificate of a sample."),
        "ledger": ("proofs", "List the ledger of a dataset."),
        "row-root": ("proofs", "Hash all rows of a table, so that its rows can be proved."),
        "evidence": ("proofs", "Write everything that a verifier of a sample needs to a ZIP file."),
        "row-proofs": ("proofs", "Write proofs that a sample's rows belong to their table."),
        "key": ("proofs", "Show and rotate the key that signs certificates."),
    },
    "Jobs": {
        "jobs": ("jobs", "List jobs, newest first, or show one job in full."),
        "watch": ("jobs", "Follow a job to its end."),
        "fetch": ("jobs", "Write the rows of a completed job to a file."),
        "log": ("jobs", "Print the log of a job."),
        "cancel": ("jobs", "Cancel a waiting or running job."),
        "retry": ("jobs", "Retry a failed job as a new job, and wait for its end."),
        "dismiss": ("jobs", "Mark a failed job as done with."),
        "schedule": ("automation", "Repeat draws and profiles at times of a cron expression."),
        "email": ("automation", "Set your e-mail address, choose its messages, and list them."),
        "webhook": ("automation", "Create, test and remove webhooks, and list their messages."),
    },
    "Users and rights": {
        "user": ("accounts", "Invite, list and remove users."),
        "group": ("accounts", "Create groups of users, and change their members."),
        "access": ("accounts", "Show or change who can access a dataset."),
        "token": ("accounts", "Create, list and end tokens for scripts."),
        "audit": ("accounts", "List the activity of users, newest first (admins only)."),
    },
    "Server": {
        "serve": ("serving", "Serve the API and the pages."),
        "service": ("serving", "Run the server as a service of this user, by systemd."),
        "quota": ("accounts", "Show or set the disk space of a user or a dataset."),
        "storage": ("maintenance", "Show the disk use by kind, and the largest datasets."),
        "check": ("maintenance", "Recompute all hashes, manifests and ledgers."),
        "validate": ("validating", "Recompute published tables of audit guides and textbooks."),
        "prune": ("maintenance", "Remove data that nothing refers to."),
        "backup": ("maintenance", "Write the database and all data files to one archive."),
        "restore": ("maintenance", "Create a data directory from a backup, and check it."),
    },
}
"""The module of each subcommand, and its line of the help, by the headings of the help.

The lines stand here, too, so that the help imports no subcommand.
"""
MODULES = {name: module for section in SECTIONS.values() for name, (module, _) in section.items()}


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
        return list(MODULES)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands under the heading of each section."""
        names = max(map(len, MODULES))
        for heading, section in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(n.ljust(names), line) for n, (_, line) in section.items()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, or None if it doesn't exist."""
        if cmd_name not in MODULES:
            return None
        module = vars(import_module(f"command_line.{MODULES[cmd_name]}"))
        function = cmd_name.replace("-", "_")
        subcommand: click.Command = module.get(f"{function}_command") or module[function]
        return subcommand

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
