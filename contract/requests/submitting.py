"""Fields that the requests of several jobs share."""

from __future__ import annotations

from typing import Annotated

from contract.declarations import Help, Option, Title
from contract.fields import Choice, Text
from contract.jobs import Priority

MAX_MESSAGE_LENGTH = 10_000
MAX_REF_LENGTH = 100
MAX_KEY_LENGTH = 200
MAX_URI_LENGTH = 2000
MAIN = "main"
"""The ref that every dataset has."""

JobPriority = Annotated[
    Priority,
    Choice.of(Priority),
    Option(None),
    Help("`batch` jobs start after all interactive ones."),
]
CommitMessage = Annotated[
    str | None,
    Text(0, MAX_MESSAGE_LENGTH),
    Title("Purpose"),
    Option("--purpose", formerly="--message"),
    Help("What the new version is; by default what the job does, with the name of its source."),
]
SourceRef = Annotated[
    str, Text(1, MAX_REF_LENGTH), Title("Version"), Option("--ref"), Help("Ref or commit.")
]
TableKey = Annotated[
    str | None,
    Text(1, MAX_KEY_LENGTH),
    Title("Table"),
    Option("--table"),
    Help("Table key; by default primary, or the only one."),
]
