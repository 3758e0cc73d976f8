"""Errors about rows of a sample, with the names of the rows instead of their row ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from domain_errors import DomainError
from service.service import Service
from service.tables.row_names import NO_NAMES, names_of_job
from storage.jobs.jobs import JobRecord

ROW_MARK = re.compile(r"(?<!\")(?:[Rr]ow )?\{([a-z_]+)\}")
"""A parameter in a template, with the noun that a name of a row doesn't need.

A quoted one is a text of the caller, such as a cell of a file, and stays as it is.
"""


@contextmanager
def rows_named(service: Service, job: JobRecord) -> Iterator[None]:
    """Name the rows in the sentence of an error about rows of a job's table."""
    try:
        yield
    except DomainError as error:
        name_rows(service, job, error)
        raise


def name_rows(service: Service, job: JobRecord, error: DomainError) -> None:
    """Put the names of rows into the sentence of an error, whose parameters keep the row ids.

    "Row {row_id} was replaced" becomes "{row_id_name} was replaced", if the row has a name.
    """
    prefix = f"{job.run_parameters['table_key']}:"
    ids = {
        parameter: value
        for parameter, value in error.parameters.items()
        if isinstance(value, str) and value.startswith(prefix)
    }
    names = names_of_job(service, job, ids.values()) if ids else NO_NAMES
    named = {parameter: names.of(row_id) for parameter, row_id in ids.items() if names.has(row_id)}

    def name_mark(mark: re.Match[str]) -> str:
        return f"{{{mark[1]}_name}}" if mark[1] in named else mark[0]

    error.template = ROW_MARK.sub(name_mark, error.template)
    error.parameters.update({f"{parameter}_name": name for parameter, name in named.items()})
    error.args = (error.message,)
    for cause in error.causes:
        name_rows(service, job, cause)
