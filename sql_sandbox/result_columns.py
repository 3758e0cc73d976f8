"""The columns of a query's result, as a table can hold them.

Invariant: the names differ in more than case, the types are those that Parquet gives back, and a
value changes its form alone. The same columns come at once, in a file, and from a check.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from parquet_tables.columns import Column
from parquet_tables.names import settle_names
from parquet_tables.quoting import quote_identifier
from parquet_tables.stored_types import Stored, stored_as
from sql_sandbox.errors import SqlTooLarge

MOST_COLUMNS = 4096
WIDEST_WHOLE_NUMBER = "DECIMAL(38,0)"


@dataclass(frozen=True)
class ShapedQuery:
    """A query whose columns are as stored.

    Parameters
    ----------
    sql : str
        It runs the user's text, which begins after ``opening`` bytes.
    notes : tuple of str
        One sentence for each column that has another name or form than the user's own.
    """

    sql: str
    opening: int
    columns: tuple[Column, ...]
    notes: tuple[str, ...]


DESCRIBE = "DESCRIBE SELECT * FROM (\n"


def shaped(connection: duckdb.DuckDBPyConnection, text: str) -> ShapedQuery:
    """Bind a user's query and give its columns the names and types of a table's.

    Raises
    ------
    SqlTooLarge
        It has more columns than a result may.
    """
    described = connection.execute(f"{DESCRIBE}{text}\n)").fetchall()
    if len(described) > MOST_COLUMNS:
        raise SqlTooLarge(
            f"The result has {len(described):,} columns; {MOST_COLUMNS:,} are the most."
        )
    names, notes = settle_names([row[0] for row in described])
    cells = [f"c{place}" for place in range(len(names))]
    stored = [
        _stored_as(name, row[1], cell)
        for name, row, cell in zip(names, described, cells, strict=True)
    ]
    selected = ", ".join(
        f"{one.sql} AS {quote_identifier(name)}" for one, name in zip(stored, names, strict=True)
    )
    opening = f"SELECT {selected} FROM (\n"
    return ShapedQuery(
        sql=f"{opening}{text}\n) AS result({', '.join(cells)})",
        opening=len(opening.encode()),
        columns=tuple(Column(name, one.type) for name, one in zip(names, stored, strict=True)),
        notes=(*notes, *(one.note for one in stored if one.note)),
    )


def _stored_as(name: str, type_: str, cell: str) -> Stored:
    """As an imported column is stored, but for the type of every sum of whole numbers."""
    if type_ == "HUGEINT":
        return Stored(f"CAST({cell} AS {WIDEST_WHOLE_NUMBER})", WIDEST_WHOLE_NUMBER)
    return stored_as(name, type_, cell)
