"""The columns of a sample that can be estimated, and values of them as people write them."""

from __future__ import annotations

from typing import Any

from application.estimation.value_sources import ValueSource, with_values
from application.identity.lookup import typed_value
from estimation_engine import is_number
from estimation_engine.reading import ROW_ID
from sampling_engine.filters.tree import family_of
from service.service import Service
from service.tables.open_tables import SAMPLE, open_table, output_of
from storage.jobs.jobs import Job


def estimated_columns(
    service: Service, job: Job, values: ValueSource | None = None
) -> list[dict[str, Any]]:
    """The columns from outside and the table's own: whether they hold numbers, or decimals."""
    found = open_table(service, job.dataset_id, output_of(job), SAMPLE).files.columns
    of_draw = [column.name for column in found].index(ROW_ID)
    columns = [*found[:of_draw], *(each for each in found[of_draw:] if each.name == "_stratum")]
    if values is not None:
        columns = [*values.columns, *columns]
    return [
        {
            "name": column.name,
            "is_number": is_number(column),
            "has_decimals": is_number(column) and "INT" not in column.type,
        }
        for column in columns
    ]


def value_of_text(
    service: Service, job: Job, name: str, text: str, values: ValueSource | None = None
) -> Any:
    """The value that a text means in a column; None, a missing value, if it is empty."""
    if not text:
        return None
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    column = with_values(sample, values)[0].column(name)
    value = typed_value(family_of(column.type), text)
    return value if isinstance(value, str | bool) else float(value)
