"""A table whose columns have awkward names, and everything that can be asked of a table.

The answers are compared with those of a table that has the same values under plain names.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import TableFiles
from tests.support.live_server import LiveServer

ROWS = 60
COLOURS = ("red", "green", "blue", "grey")
VALUES: tuple[Callable[[int, int], str], ...] = (
    lambda row, at: str((row * 7 + at) % 50),
    lambda row, at: "" if row % 9 == 0 else COLOURS[(row + at) % 4],
    lambda row, at: f"{(row * 31 + at) % 97 + 0.5}",
    lambda row, at: f"2024-{row % 12 + 1:02d}-{at % 28 + 1:02d}",
)
NUMBER, WORD, AMOUNT, DAY = range(4)
"""The kind of the column at place i is i modulo 4."""
AWKWARD = (
    'say "hi"', "a.b", "two\nlines", "with space", "🙂", "rowid", "filename", "ROWID",
    "_logical_row_id", "_stratum", "_design_weight", "_weight", "_unit", "É",
    "é", "it's", "a,b", "f.value", "?", "Value", "PLACE", "main", "amount {EUR}", "{}", "${total}",
    "{ordinal}", "{0}", "%s", "100 %", "%(a)s", "$1", "back\\slash", "\\1", "a\u202eb",
    "\u200fmark", "x" * 200, "--", "/* a */", "a;b", "`b`", "<b>",
)  # fmt: skip
MARKER = "plain_"
"""Begins the plain names."""
VOLATILE = re.compile(
    "(_at|_id|output_ref|^dataset|seconds|time|link|bytes|etag|made_at|verdict|sentence|message|warnings|notes|hints|renamed_columns|is_identifier)$"
)
"""Fields that another request, or another name, changes: a column ``key`` is an identifier."""


def content(names: Sequence[str]) -> str:
    """A CSV file with these columns."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    for row in range(ROWS):
        writer.writerow(VALUES[at % 4](row, at) for at in range(len(names)))
    return file.getvalue()


class Asked:
    """Everything asked of one dataset.

    Parameters
    ----------
    names : sequence of str
        As the table has them.
    """

    def __init__(self, server: LiveServer, dataset_id: int, names: Sequence[str]) -> None:
        self.server, self.dataset_id, self.names = server, dataset_id, names
        self.sampling = f"/api/sampling/datasets/{dataset_id}"
        self.table = f"/api/datasets/{dataset_id}/refs/main/tables/primary"

    def get(self, path: str, **query: Any) -> Any:
        answer = self.server.admin.get(path, params=query)
        assert answer.status_code == 200, answer.text
        if query.get("format", "json") == "json":
            return answer.json()
        if query["format"] == "csv":
            return list(csv.reader(io.StringIO(answer.text)))[1:]
        return answer.content

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.server.admin.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def job(self, path: str, body: dict[str, Any]) -> str:
        """The id of a job that completed."""
        answer = self.server.admin.post(path, json=body)
        assert answer.status_code == 200, answer.text
        job = self.server.finished(answer.json()["job_id"])
        assert job["status"] == "completed", job["error_message"]
        return str(job["id"])

    def pages(self, order: int = NUMBER, sought: int = WORD) -> Iterator[Any]:
        """Pages in the table's order, filtered and sorted by columns at some places."""
        wanted = f"{quoted(self.names[sought])} IS NOT NULL"
        by = {"order_by": self.names[order], "order_desc": "true"}
        yield self.get(f"{self.table}/data", limit=5, offset=3)
        yield self.get(f"{self.table}/data", limit=5, filters=wanted)
        yield self.get(f"{self.table}/data", limit=50, offset=7, filters=wanted, **by)

    def files(self, folder: Path) -> Iterator[Any]:
        """The rows of downloaded files."""
        by = {"order_by": self.names[AMOUNT], "filters": f"{quoted(self.names[NUMBER])} > 3"}
        for more in ({}, by, {"formula_safe": "true", **by}):
            yield self.get(f"{self.table}/data", format="csv", **more)
        path = folder / "rows.parquet"
        path.write_bytes(self.get(f"{self.table}/data", format="parquet", **by))
        yield duckdb.sql(f"FROM read_parquet('{path}')").fetchall()
        for kind in ("xlsx", "arrow"):
            assert self.get(f"{self.table}/data", format=kind, **by)

    def draws(self, start: int | None = None) -> Iterator[Any]:
        """Each method's draw: its plan, rows, residual, reserves, and why a row is in it.

        The columns are four from the place ``start``, a multiple of four; from the middle if None.
        """
        start = len(self.names) // 8 * 4 if start is None else start
        number, word, amount, day = self.names[start : start + 4]
        some = {"expression": f"{quoted(number)} > 2 AND {quoted(word)} <> 'red'"}
        among = {"conditions": [{"column": word, "operator": "in", "value": ["blue", "grey"]}]}
        selection = {"columns": [day, word], "order_by": amount, "order_desc": True}
        strata = {"strata_columns": [word, day], "sample_size": 40, "seed": 1}
        neyman = {"allocation": "neyman", "allocation_column": amount, "seed": 4}
        rounds: list[dict[str, Any]] = [
            {"method": "random", "parameters": {"sample_size": 9, "seed": 1}, "filters": some},
            {"method": "stratified", "parameters": strata, "filters": among},
            {"method": "stratified", "parameters": {**strata, **neyman}},
            {"method": "systematic", "parameters": {"interval": 9, "seed": 2}, "filters": some},
            {
                "method": "cluster",
                "parameters": {"cluster_column": number, "num_clusters": 5, "seed": 3},
            },
            {
                "method": "weighted",
                "parameters": {"sample_size": 9, "weight_column": amount, "seed": 4},
                "filters": some,
            },
            {
                "method": "weighted",
                "parameters": {"sample_size": 9, "weight_column": number, "seed": 4},
            },
        ]
        bodies = [{"rounds": [one]} for one in rounds]
        bodies.append({"rounds": [{**rounds[0], "selection": selection}, rounds[1], rounds[5]]})
        for body in bodies:
            yield self.post(f"{self.sampling}/plan", body)
            if body is bodies[0]:
                yield self.post(f"{self.sampling}/sample", body)
            job = self.job(f"{self.sampling}/jobs", {**body, "export_residual": True})
            yield self.get(f"/api/sampling/jobs/{job}/data", limit=10)
            if body is bodies[-1]:
                yield self.get(f"/api/sampling/jobs/{job}/residual", limit=10)
            yield self.get(f"/api/sampling/jobs/{job}/rows/primary:5")
            if body["rounds"][0]["method"] in ("random", "stratified"):
                yield self.get(f"/api/sampling/jobs/{job}/reserves", limit=3)
        self.last_job = job

    def comparisons(self) -> Iterator[Any]:
        """A sample with its population, and a table with itself."""
        for path in (
            f"/api/sampling/jobs/{self.last_job}/comparison",
            f"/api/datasets/{self.dataset_id}/compare?base_ref=main&source_ref=main",
        ):
            yield asked_until_ready(self.server, path)

    def row_diff(self) -> Any:
        """The rows that differ between the table and a query of it, whose first column changes."""
        path = f"/api/exploration/datasets/{self.dataset_id}/jobs"
        first, *others = map(quoted, self.names)
        listed = ", ".join([f"{first} + 1 AS {first}", *others])
        query = {"sql": f"SELECT {listed} FROM data LIMIT 50", "output_name": "changed"}
        self.job(path, query)
        by_day = {"keys": [self.names[DAY]], "duplicates": "number"}
        compare_to = {"source_ref": "expl-changed", "table_key": "result"}
        job = self.job(path, {"compare_to": compare_to, **by_day})
        return self.get(f"/api/exploration/jobs/{job}/result", limit=100)["data"]

    def menus(self) -> Iterator[Any]:
        """Values of all columns, a hundred at a time."""
        for first in range(0, len(self.names), 100):
            body = {"columns": self.names[first : first + 100], "sample_size": 5}
            yield self.post(f"{self.sampling}/column-samples", body)

    def profile(self, names: Sequence[str]) -> Any:
        """The profile of some columns."""
        path = f"/api/profiling/datasets/{self.dataset_id}/jobs"
        job = self.job(path, {"columns": list(names)})
        return self.get(f"/api/profiling/jobs/{job}/result")

    def report(self) -> Any:
        """A report of the table, compared with itself."""
        path = f"/api/exploration/datasets/{self.dataset_id}/jobs"
        return self.get(f"/api/exploration/jobs/{self.job(path, {})}/result", format="json")

    def queried(self, ref: str, key: str) -> Any:
        """All rows of a table by SQL."""
        path = f"/api/exploration/datasets/{self.dataset_id}/query"
        return self.post(path, {"source_ref": ref, "sql": f"SELECT * FROM {quoted(key)} LIMIT 50"})


def asked_until_ready(server: LiveServer, path: str) -> Any:
    """An answer that may be in the making."""
    for _ in range(200):
        answer = server.admin.get(path)
        if answer.status_code == 200:
            return answer.json()
        assert answer.json()["code"] == "comparison_not_ready", answer.text
    raise AssertionError(f"{path} is never ready")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def differences(plain: Any, awkward: Any, names: dict[str, str], place: str = "") -> list[str]:
    """Where an answer differs from that of the plain table but for the columns' names.

    Parameters
    ----------
    names : dict of str to str
        The awkward name of each plain one.
    """
    if isinstance(plain, dict) and isinstance(awkward, dict):
        keys = {key: names.get(key, key) for key in plain}
        for key in names.keys() & keys.keys():  # a sample has columns of its own
            if keys[key] in plain or keys[key] not in awkward:
                keys[key] += "_source"
        if set(keys.values()) != set(awkward):
            return [f"{place}: {sorted(keys.values())} are {sorted(awkward)}"]
        return [
            found
            for key, other in keys.items()
            if not VOLATILE.search(key)
            for found in differences(plain[key], awkward[other], names, f"{place}/{other}")
        ]
    if isinstance(plain, list | tuple) and isinstance(awkward, list | tuple):
        if len(plain) != len(awkward):
            return [f"{place}: {len(plain)} items are {len(awkward)}"]
        pairs = enumerate(zip(plain, awkward, strict=True))
        return [
            found
            for at, (one, other) in pairs
            for found in differences(one, other, names, f"{place}/{at}")
        ]
    if isinstance(plain, str) and plain in names:
        same = awkward in (names[plain], f"{names[plain]}_source")
    else:
        is_sentence = isinstance(plain, str) and MARKER in plain
        same = is_sentence or plain == awkward
    return [] if same else [f"{place}: {plain} is {awkward}"]


@contextmanager
def recorded(*databases: ParquetDatabase) -> Iterator[list[str]]:
    """Note each statement that runs on cursors of these databases."""
    statements: list[str] = []

    class Noting:
        def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
            self._cursor = cursor

        def __getattr__(self, name: str) -> Any:
            return getattr(self._cursor, name)

        def execute(self, sql: str, *params: Any) -> Any:
            statements.append(sql)
            return self._cursor.execute(sql, *params)

        def sql(self, sql: str, **options: Any) -> Any:
            statements.append(sql)
            return self._cursor.sql(sql, **options)

    def noting(cursor_of: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def cursor(*tables: TableFiles | None) -> Iterator[Any]:
            with cursor_of(*tables) as real:
                yield Noting(real)

        return cursor

    for database in databases:
        database.cursor = noting(database.cursor)  # type: ignore[method-assign]
    try:
        yield statements
    finally:
        for database in databases:
            del database.cursor  # type: ignore[method-assign]


def parsed(statements: Sequence[str]) -> list[exp.Expression]:
    """The distinct SELECTs of statements, read by sqlglot."""
    queries = set()
    for sql in statements:
        if copied := re.fullmatch(r"COPY \((.*)\) TO '.*", sql, re.DOTALL):
            sql = copied[1]
        sql = re.sub(r"^(CREATE .* AS|DESCRIBE) (?=SELECT|WITH)", "", sql)
        if sql.startswith(("SELECT", "WITH")):
            queries.add(sql.replace("?::", "$1::"))  # which sqlglot reads
    return [sqlglot.parse_one(sql, dialect="duckdb") for sql in sorted(queries)]


def words_in_use(queries: Sequence[exp.Expression]) -> list[str]:
    """Every alias, table name, column of ours, function and keyword of these queries.

    Of numbered ones (``c0``, ``c1``, …) those with the number 0.
    """
    texts = (re.sub(r"'[^']*'|\"[^\"]*\"", "", query.sql("duckdb")) for query in queries)
    words = {word.lower() for text in texts for word in re.findall(r"[A-Za-z_]\w*", text)}
    return sorted({re.sub(r"\d+", "0", word) for word in words})


def unqualified(query: exp.Expression, marker: str) -> list[str]:
    """References that a column of a user, named with the marker, could take for its own.

    Those without a table, of a SELECT that reads such columns; and of one that only returns them,
    those outside its projections, since there an alias comes first.
    """
    found = []
    for select in query.find_all(exp.Select):
        reads = any(_shows(one, marker) for one in _sources(select))
        if not (reads or _shows(select, marker)):
            continue
        for column in select.find_all(exp.Column):
            own = column.find_ancestor(exp.Select) is select and not column.table
            option = column.find_ancestor(exp.ReadParquet, exp.Anonymous, exp.Table)
            if own and option is None and (reads or not _projected(column, select)):
                found.append(f"{column.sql('duckdb')} in {select.sql('duckdb')}")
    return found


def _projected(column: exp.Column, select: exp.Select) -> bool:
    """Whether it is a part of what the SELECT returns."""
    part: exp.Expression = column
    while part.parent is not select:
        assert part.parent is not None
        part = part.parent
    return part.arg_key == "expressions"


def _sources(select: exp.Select) -> Iterator[exp.Expression]:
    """What stands after FROM and JOIN."""
    read = [select.args.get("from_") or select.args.get("from"), *select.args.get("joins", ())]
    for one in read:
        if one is not None:
            yield one.this


def _shows(source: exp.Expression, marker: str) -> bool:
    """Whether a source or a SELECT may have columns under their users' names."""
    if isinstance(source, exp.Subquery):
        alias = source.args.get("alias")
        return not (alias and alias.columns) and _shows(source.this, marker)
    if isinstance(source, exp.SetOperation):
        return _shows(source.left, marker)
    if isinstance(source, exp.Select):
        starred = any(isinstance(one, exp.Star) for one in source.expressions)
        return any(one.alias_or_name.startswith(marker) for one in source.expressions) or (
            starred and any(_shows(one, marker) for one in _sources(source))
        )
    return "READ_PARQUET" in source.sql("duckdb").upper()
