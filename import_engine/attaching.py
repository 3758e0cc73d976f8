"""Which files make an attached table, and what their footers say.

A file is attached only if its columns can be served as they are: a type that an import would
convert, or a name that it would change, is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property

import duckdb

from contract.requests.attaching import MAX_FILES
from import_engine.errors import UnreadableFile, check_column_count, duckdb_errors_as
from import_engine.parquet import MAX_DIGITS, parquet_error
from import_engine.sources.connections import OpenConnection
from import_engine.sources.downloading import column_difference
from import_engine.sources.uris import SourceUri
from lazy_dataclasses import dataclass
from parquet_tables.attached import AttachedFiles, VersionReader
from parquet_tables.columns import AttachedPath, Column, stored_as
from parquet_tables.footers.checks import (
    FooterContradicted,
    read_stated,
    require_agreement,
    require_pages,
    require_statistics,
)
from parquet_tables.footers.damage import DamagedFile
from parquet_tables.footers.lockstep import FootersAtOnce
from parquet_tables.footers.structures import (
    StrangeFooter,
    footer_in,
    mask_of,
    read_footer_bytes,
    without_rows,
)
from parquet_tables.names import settle_names
from parquet_tables.progress import ProgressCallback


class UnservableFile(UnreadableFile):
    """A Parquet file that can't be read as it is."""

    code = "unservable_file"


@dataclass(frozen=True)
class FileSchema:
    """What the schemas of equal footers say: columns, field ids, and the flat leaves.

    ``field_ids`` are the numbers by which some table formats name the columns.
    """

    columns: tuple[Column, ...]
    field_ids: tuple[int | None, ...]
    is_flat: tuple[bool, ...] | None = None

    @cached_property
    def types(self) -> dict[str, str]:
        """The types of the columns by their names."""
        return {column.name: column.type for column in self.columns}


KnownSchemas = dict[bytes, FileSchema]
"""Schemas that were read, by the parts of footers that don't depend on rows."""


@dataclass(frozen=True)
class Footer:
    """The schema of a Parquet file, which files share, and its row count."""

    schema: FileSchema
    rows: int

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.schema.columns


def files_of(
    connection: OpenConnection, uris: Sequence[SourceUri], step: Callable[[], None]
) -> list[SourceUri]:
    """List the files of some URIs in their order; those of a folder or a pattern by their paths.

    Raises
    ------
    UnreadableFile
        A file is named twice, or there are more than ``MAX_FILES``.
    SourceNotFound, SourceDenied, SourceUnavailable
        A folder has no files, or can't be listed.
    """
    files: dict[SourceUri, None] = {}
    plain: set[SourceUri] = set()
    for uri in uris:
        for file in _files_at(connection, uri, step, plain):
            if file in files:
                raise UnreadableFile("The file {uri} is named twice.", uri=str(file))
            files[file] = None
    if len(files) > MAX_FILES:
        raise UnreadableFile(
            "The table has {files} files; the limit is {limit}.", files=len(files), limit=MAX_FILES
        )
    return list(files)


def _files_at(
    connection: OpenConnection, uri: SourceUri, step: Callable[[], None], plain: set[SourceUri]
) -> Iterator[SourceUri]:
    """The files of a URI: of a file itself, of a folder, or of a pattern."""
    first = next((at for at, part in enumerate(uri.segments) if "*" in part), None)
    if first is None and not uri.is_folder:
        yield uri
        return
    pattern = uri.segments[first:] if first is not None else ()
    if uri.is_folder:
        pattern = (*pattern, "**")
    folder = replace(uri, segments=uri.segments[:first], is_folder=True)
    names = connection.tree_names(folder, step, MAX_FILES, plain, pattern)
    yield from (folder.below(name.split("/")) for name in names)


def _not_parquet_or(message: str) -> UnreadableFile:
    if "magic bytes" in message or "too small to be a Parquet file" in message:
        return UnreadableFile(
            "It isn't a Parquet file, or its end was cut off. All files of a folder are read, "
            "whatever their ending: name the table's files one by one if others are among them."
        )
    return parquet_error(message)


def read_footers(
    ends: Sequence[tuple[int, bytes]],
    known: KnownSchemas,
    read_alone: Callable[[Sequence[int]], Sequence[Footer]],
) -> list[Footer]:
    """Read the footers of files at once, as far as they agree with themselves.

    Parameters
    ----------
    ends : sequence of pairs
        The size of each file, and its last bytes.
    known : KnownSchemas
        Schemas that were read; others are added.
    read_alone : callable
        Reads the footers of some files, by their places in ``ends``, with :func:`read_footer`.

    Raises
    ------
    UnreadableFile, UnservableFile, SourceChanged, SourceDenied, SourceUnavailable
        Those of :func:`read_footer`.
    """
    inside = [footer_in(end, size_bytes) or (0, b"") for size_bytes, end in ends]
    at_once = FootersAtOnce([footer for _, footer in inside])
    firsts = {form: at for at, form in reversed(list(enumerate(at_once.forms)))}
    alone = [at for form, at in firsts.items() if form is not None and form not in known]
    footers = dict(zip(alone, read_alone(alone), strict=True))
    flat_leaves = {form: known[form].is_flat or () for form in firsts if form in known}
    agrees = at_once.agree([start for start, _ in inside], flat_leaves)
    rows: list[int] = at_once.rows.tolist()
    for at, (form, does_agree) in enumerate(zip(at_once.forms, agrees, strict=True)):
        if does_agree and form is not None and at not in footers:
            footers[at] = Footer(known[form], rows[at])
    alone = [at for at in range(len(ends)) if at not in footers]
    footers |= dict(zip(alone, read_alone(alone), strict=True))
    return [footers[at] for at in range(len(ends))]


def read_footer(
    cursor: duckdb.DuckDBPyConnection,
    uri: SourceUri,
    path: AttachedPath,
    attached: AttachedFiles,
    known: KnownSchemas | None = None,
) -> Footer:
    """Read the footer of a file, which is one of ``attached`` with its mask.

    A schema that is among ``known`` isn't read by DuckDB again; others are added.

    Raises
    ------
    SourceChanged, SourceDenied, SourceUnavailable
        The file changes meanwhile or can't be read.
    UnreadableFile
        It isn't a Parquet file, it is damaged or encrypted, or its footer contradicts itself.
    UnservableFile
        A column has a type or a name that can't be served.
    """
    known = {} if known is None else known
    with closing(attached.version(str(path))[1]()) as reader:
        key, problem = _schema_key(path, reader)
        schema = known.get(key)
        if schema is None:
            schema = _read_schema(cursor, uri, path, attached)
        with _contradictions(uri), attached.errors():
            if problem is not None:
                raise DamagedFile.attached(attached.name(path), f"its footer: {problem}")
            stated = read_stated(cursor, str(path), reader.read, path.size_bytes, schema.is_flat)
            require_agreement(stated)
    if schema.is_flat is None:
        schema = replace(schema, is_flat=stated.is_flat)
    known[key] = schema
    return Footer(schema, stated.rows)


def _schema_key(path: AttachedPath, reader: VersionReader) -> tuple[bytes, str | None]:
    """The key among known schemas, and why the statistics of a footer can't be hidden."""
    try:
        _, footer = read_footer_bytes(reader.read, path.size_bytes)
        mask_of(footer, keep_statistics=False)
        return without_rows(footer), None
    except StrangeFooter as problem:
        return b"", str(problem)


def _read_schema(
    cursor: duckdb.DuckDBPyConnection, uri: SourceUri, path: AttachedPath, attached: AttachedFiles
) -> FileSchema:
    name = [str(path)]
    try:
        with duckdb_errors_as(_not_parquet_or), attached.errors():
            described = cursor.execute("DESCRIBE SELECT * FROM read_parquet(?)", name).fetchall()
            columns = tuple(Column(row[0], row[1]) for row in described)
            fields = cursor.execute(
                "SELECT name, precision, field_id FROM parquet_schema(?)", name
            ).fetchall()
        check_column_count(len(columns))
    except UnreadableFile as error:
        raise UnreadableFile("{uri}: {problem}", uri=str(uri), problem=error.message) from None
    for column in columns:
        if stored_as(column.name, column.type, "c").type != column.type:
            raise _unservable(uri, column, f"has the type {column.type}")
    names = [field[0] for field in fields[1:]]
    for column, own, settled in zip(columns, names, settle_names(names)[0], strict=True):
        if own != settled:
            raise _unservable(
                uri, Column(own, column.type), "has a name that is empty, reserved or used twice"
            )
    for column, (_, precision, _) in zip(columns, fields[1:], strict=True):
        if (precision or 0) > MAX_DIGITS:
            raise _unservable(uri, column, f"has decimals of {precision} digits")
    return FileSchema(columns, tuple(field[2] for field in fields[1:]))


def masked(path: AttachedPath) -> AttachedPath:
    """The name by which DuckDB reads a file without its statistics while it is attached."""
    return replace(path, stem=f"{path.stem}-masked")


@contextmanager
def _contradictions(uri: SourceUri) -> Iterator[None]:
    try:
        damaged = UnreadableFile("{uri}: the file is damaged. Write it again.", uri=str(uri))
        with duckdb_errors_as(lambda _: damaged):
            yield
    except FooterContradicted as problem:
        raise UnreadableFile(
            "The footer of {uri} is wrong: {problem}. Write the file again.",
            uri=str(uri),
            problem=str(problem),
        ) from None
    except DamagedFile as error:
        raise UnreadableFile("{problem}", problem=error.message) from None


def verify(
    cursor: duckdb.DuckDBPyConnection,
    uri: SourceUri,
    path: AttachedPath,
    columns: Sequence[Column],
    attached: AttachedFiles,
    on_progress: ProgressCallback,
) -> None:
    """Read a whole file: count the rows in its pages, and compare its statistics with its values.

    Raises
    ------
    UnreadableFile
        Its footer states others, or its pages are damaged.
    SourceChanged, SourceDenied, SourceUnavailable
        The file changes meanwhile or can't be read.
    """
    message = f"checking {uri.name}"
    with (
        _contradictions(uri),
        attached.errors(),
        closing(attached.version(str(path))[1]()) as reader,
    ):
        stated = read_stated(cursor, str(path), reader.read, path.size_bytes)
        require_pages(stated, reader.read, lambda part: on_progress(part / 2, message))
        require_statistics(
            cursor,
            stated,
            str(path),
            str(masked(path)),
            columns,
            lambda part, _: on_progress((1 + part) / 2, message),
        )


def _unservable(uri: SourceUri, column: Column, problem: str) -> UnservableFile:
    return UnservableFile(
        'The column "{column}" of {uri} {problem}, which an attached table can\'t have. Import the '
        "file, which converts the column, or write it in another form.",
        column=column.name,
        uri=str(uri),
        problem=problem,
    )


def require_equal_columns(files: Sequence[tuple[SourceUri, Footer]]) -> tuple[Column, ...]:
    """Return the columns of all files; raise UnservableFile for the first file with others."""
    first_uri, first = files[0]
    for uri, footer in files:
        if footer.schema is not first.schema and footer.columns != first.columns:
            raise UnservableFile(
                "The files don't make one table: {difference}",
                difference=column_difference(
                    str(first_uri), first.columns, str(uri), footer.columns
                ),
            )
    return first.columns
