"""A dataset's page for asking with SQL: a box, the names there are, and the rows that come.

Owns: what the page offers to write. The query itself stands behind the address's "#", which is sent
to no server, so that back, reload and a copied link ask it again; the ref stands before it.
"""

from __future__ import annotations

from typing import Any

from job_runner.sql_queries import DATA
from job_runner.tables.open_tables import PRIMARY
from parquet_tables.names import folded
from parquet_tables.quoting import shown_identifier
from storage.versions.manifests import Commit, StoredTable

COLUMNS_SHOWN = 500


def names_of(commit: Commit, table_key: str) -> dict[str, Any]:
    """The commit's tables and columns as SQL has them, and a query to begin with.

    Parameters
    ----------
    table_key : str
        The table that is looked at; its columns are unfolded.
    """
    keys = {folded(table.key) for table in commit.manifest.tables}
    tables = [_table(table, keys) for table in commit.manifest.tables]
    (chosen,) = (one for one in tables if one["key"] == table_key)
    return {
        "sql_tables": tables,
        "columns_shown": COLUMNS_SHOWN,
        "first_query": f"SELECT *\nFROM {chosen['sql']}\nLIMIT 100",
    }


def _table(table: StoredTable, keys: set[str]) -> dict[str, Any]:
    alone = table.key == PRIMARY and DATA not in keys
    return {
        "key": table.key,
        "sql": DATA if alone else shown_identifier(table.key),
        "rows": table.row_count,
        "column_count": len(table.columns),
        "columns": [
            {"name": column.name, "type": column.type, "sql": shown_identifier(column.name)}
            for column in table.columns[:COLUMNS_SHOWN]
        ],
    }
