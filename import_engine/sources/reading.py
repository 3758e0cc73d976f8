"""Reads files of URIs: web servers, object stores and folders of the server.

Web servers are read by httpx, since obstore follows redirects to other hosts. Credentials come from
the server's environment alone, and no message quotes a library's error, which may hold them. A
folder of a table format is refused: a reader of all its files would count replaced rows, too.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from contract.words import VersionedFormat
from domain_errors import DomainError
from import_engine.sources.exchange import Exchange, Overdue
from import_engine.sources.uris import SourceUri, is_link_local
from lazy_dataclasses import dataclass
from operating_system import (
    IS_WINDOWS,
    entries_below,
    open_below,
    open_in,
    read_at,
    real_path,
)

if TYPE_CHECKING:
    import httpx
    from obstore.store import ObjectStore, RetryConfig

PIECE_BYTES = 8 * 1024**2
WEB_TIMEOUT_S, CONNECT_TIMEOUT_S = 60, 10
"""Time limits of the headers of a web server's answer and of each piece that follows, which the
limit of a job or preview ends; and of a connection to one of its addresses."""
STORE_TIMEOUTS = {"connect_timeout": "10s", "timeout": "120s"}
"""An object is read in pieces of ``PIECE_BYTES``, each with its own request and this time limit."""
RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
"""A request is repeated after a quick failure: one that has taken its time isn't."""
_REFUSED_LISTING = re.compile(r"returned non-2xx status code: 40[13]\b")
"""What obstore's error says if a listing is refused; it has no class of its own."""


class SourceUnavailable(DomainError):
    """The source doesn't answer, or not in full; it may later."""

    code = "source_unavailable"


class SourceNotFound(DomainError):
    """The source has no such file."""

    code = "source_not_found"


class SourceDenied(DomainError):
    """The source refuses the server's credentials."""

    code = "source_denied"


@dataclass(frozen=True)
class OpenSource:
    """A file that is being read: its size if the source says it, and its whole content in pieces.

    ``part`` reads the bytes from a first place to before another; None if the source can't.
    """

    size_bytes: int | None
    pieces: Iterator[bytes]
    part: Callable[[int, int], bytes] | None = None


@contextmanager
def open_source(uri: SourceUri) -> Iterator[OpenSource]:
    """Open the file of an allowed URI.

    Raises
    ------
    SourceNotFound, SourceDenied, SourceUnavailable
        Also while the pieces are read.
    """
    opened = {"http": _web_file, "https": _web_file, "file": _local_file}.get(
        uri.scheme, _stored_object
    )
    with opened(uri) as source:
        yield source


def file_names(
    uri: SourceUri,
    step: Callable[[], None],
    most: int,
    config: Mapping[str, str] | None = None,
    if_nested: str = "Import a folder that has files only.",
    plain: set[SourceUri] | None = None,
) -> list[str]:
    """The names of the files of a folder, sorted; files that start with ``.`` or ``_`` are skipped.

    Parameters
    ----------
    step : callable
        Called now and then; its exceptions stop the listing.
    most : int
        Maximum number of files.
    config : mapping, optional
        The configuration of :func:`object_store`.
    if_nested : str
        The advice if it has folders.
    plain : set of SourceUri, optional
        Folders that are known to belong to no table format; others are added.

    Raises
    ------
    SourceNotFound
        There are no files, too many, or folders within, or a table format keeps a log of them.
    """
    if uri.scheme in ("http", "https"):
        raise SourceNotFound("A web server doesn't list files. Name one file instead of a folder.")
    _refuse_table_format(uri, step, config, set() if plain is None else plain)
    found_names: list[str] = []
    for name in names_in(uri, step, config):
        if name.startswith((".", "_")):
            continue
        if "/" in name:
            raise SourceNotFound(
                '{uri} has folders, such as "{folder}". {remedy}',
                uri=str(uri),
                remedy=if_nested,
                folder=name.split("/")[0],
            )
        found_names.append(name)
        if len(found_names) > most:
            raise SourceNotFound(
                "{uri} has more than {most} files, the limit.", uri=str(uri), most=most
            )
    if not found_names:
        raise not_found(uri)
    return sorted(found_names)


def tree_names(
    uri: SourceUri,
    step: Callable[[], None],
    most: int,
    config: Mapping[str, str] | None = None,
    plain: set[SourceUri] | None = None,
    pattern: Sequence[str] = ("**",),
) -> list[str]:
    """The paths of the files below a folder, sorted, whose segments match a pattern.

    Segments that start with ``.`` or ``_`` are skipped.

    Parameters
    ----------
    pattern : sequence of str
        A segment each: ``*`` stands for any characters, and ``**`` for any folders.

    Raises
    ------
    SourceNotFound
        There are no files or too many, a symbolic link is among them, or a table format keeps a
        log of them.
    """
    plain = set() if plain is None else plain
    _refuse_table_format(uri, step, config, plain)
    pattern = list(pattern)
    found_names: list[str] = []
    for name in _tree(uri, step, config, pattern):
        *folders, last = name.split("/")
        _refuse_log_within(uri, folders, last)
        is_hidden = any(part.startswith((".", "_")) for part in (*folders, last))
        if is_hidden or not last or not _matches(pattern, [*folders, last]):
            continue
        found_names.append(name)
        if len(found_names) > most:
            raise SourceNotFound(
                "{uri} has more than {most} files, the limit.", uri=str(uri), most=most
            )
    if not found_names:
        if pattern == ["**"]:
            raise not_found(uri)
        raise SourceNotFound(
            "{uri} has no file that matches {pattern}.", uri=str(uri), pattern="/".join(pattern)
        )
    if uri.scheme == "file" and pattern != ["**"]:  # folders that don't match weren't listed
        for folder in {name.rpartition("/")[0] for name in found_names} - {""}:
            below = replace(uri, segments=(*uri.segments, *folder.split("/")))
            _refuse_table_format(below, step, config, plain)
    return sorted(found_names)


def _matches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Whether the segments of a path match those of a pattern.

    >>> [_matches(["2024-*", "**", "*.parquet"], path.split("/"))
    ...  for path in ("2024-05/a.parquet", "2024-05/x/y/a.parquet", "2025/a.parquet")]
    [True, True, False]
    """
    reached = {0}
    for segment in path:
        reached |= {at + 1 for at in reached if pattern[at : at + 1] == ["**"]}
        reached = {
            at if pattern[at] == "**" else at + 1
            for at in reached
            if at < len(pattern) and (pattern[at] == "**" or _fits(pattern[at], segment))
        }
    last = len(pattern)
    return last in reached or (last - 1 in reached and pattern[-1] == "**")


def _fits(pattern: str, segment: str) -> bool:
    """Whether a segment matches a pattern, in which ``*`` stands for any characters.

    >>> _fits("part-*-*.parquet", "part-1-a.parquet"), _fits("a*a", "a")
    (True, False)
    """
    first, *middle = pattern.split("*")
    if not middle:
        return segment == first
    last = middle.pop()
    if len(segment) < len(first) + len(last) or not (
        segment.startswith(first) and segment.endswith(last)
    ):
        return False
    at, stop = len(first), len(segment) - len(last)
    for part in middle:
        place = segment.find(part, at, stop)
        if place < 0:
            return False
        at = place + len(part)
    return True


def _tree(
    uri: SourceUri,
    step: Callable[[], None],
    config: Mapping[str, str] | None,
    pattern: Sequence[str],
) -> Iterator[str]:
    """The paths below a folder, also of what is hidden; a log's folder ends with a slash."""
    if uri.scheme != "file":
        yield from _object_names(uri, step, config)
        return
    step()
    for name in sorted(_local_names(uri)):
        folder = name.removesuffix("/")
        if folder == name or name.startswith((".", "_")):
            yield name
        elif pattern[0] == "**" or (len(pattern) > 1 and _fits(pattern[0], folder)):
            below = replace(uri.child(folder), is_folder=True)
            rest = pattern if pattern[0] == "**" else pattern[1:]
            yield from (f"{name}{inner}" for inner in _tree(below, step, config, rest))


def _refuse_log_within(uri: SourceUri, folders: Sequence[str], name: str) -> None:
    """Refuse a folder of a table format below a folder whose files are listed."""
    for table_format in _FORMATS:
        log = table_format.log_folder
        if log not in folders:
            continue
        if folders[-1] == log and name.endswith(table_format.ending):
            above = (*uri.segments, *folders[: folders.index(log)])
            table = replace(uri, segments=above, is_folder=True)
            raise _of_table_format(table, table_format, replace(table.child(log), is_folder=True))


def names_in(
    uri: SourceUri, step: Callable[[], None], config: Mapping[str, str] | None
) -> Iterator[str]:
    """The names in a folder; in an object store also those in folders within."""
    return _local_names(uri) if uri.scheme == "file" else _object_names(uri, step, config)


def _refuse_table_format(
    uri: SourceUri,
    step: Callable[[], None],
    config: Mapping[str, str] | None,
    plain: set[SourceUri],
) -> None:
    def names(folder: SourceUri) -> Iterator[str]:
        # Credentials for one folder needn't list those above it.
        with suppress(SourceNotFound, SourceDenied):
            yield from names_in(folder, step, config)

    table_format = table_format_of(uri, names, plain)
    if table_format is not None:
        raise _of_table_format(uri, *table_format)


def _of_table_format(uri: SourceUri, kind: _TableFormat, log: SourceUri) -> SourceNotFound:
    remedy = (
        "Export a snapshot of the table to plain Parquet files, or name the files of one snapshot "
        "one by one."
    )
    if kind.format is not None:
        remedy = f"Attach the folder of the table with the format {kind.format}: one version of it."
    return SourceNotFound(
        "{uri} belongs to {kind}: {log} says which of its files count, so rows of files that "
        "the table has replaced or deleted would count, too. {remedy}",
        uri=str(uri),
        kind=kind.name,
        log=str(log),
        remedy=remedy,
    )


def not_found(uri: SourceUri) -> SourceNotFound:
    """The error of a file that doesn't exist."""
    problem, hint = "There is no file {uri}.", ""
    if uri.is_folder:
        problem = "There is no folder {uri}, or it has no files."
    elif uri.scheme not in ("http", "https"):
        hint = " The URI of a folder ends with a slash."
    if "*" in str(uri):
        hint = " A pattern such as *.parquet isn't supported: name a folder or the files."
    return SourceNotFound(problem + hint, uri=str(uri))


def _denied(uri: SourceUri) -> SourceDenied:
    return SourceDenied(
        "The server's credentials don't allow reading {uri}. An administrator sets them in the "
        "server's environment.",
        uri=str(uri),
    )


def _unavailable(uri: SourceUri, problem: str) -> SourceUnavailable:
    return SourceUnavailable("{uri} can't be read: {problem}.", uri=str(uri), problem=problem)


@contextmanager
def _web_file(uri: SourceUri) -> Iterator[OpenSource]:
    import httpx  # 0.15 s: only if it is used

    netrc = os.environ.get("NETRC")
    try:
        with (
            httpx.Client(
                timeout=httpx.Timeout(WEB_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                follow_redirects=False,
                auth=httpx.NetRCAuth(netrc) if netrc else None,
                headers={"Accept-Encoding": "identity"},
            ) as client,
            closing(_begun_response(client, uri)) as response,
        ):
            _check_response(uri, response)
            encoded = response.headers.get("Content-Encoding", "identity") != "identity"
            length = response.headers.get("Content-Length", "")
            is_raw = not encoded or uri.name.lower().endswith(".gz")
            yield OpenSource(
                int(length) if length.isdecimal() and is_raw else None,
                response.iter_raw() if is_raw else response.iter_bytes(),
            )
    except (httpx.TimeoutException, Overdue):
        raise _unavailable(uri, "the server didn't answer in time") from None
    except httpx.HTTPError:
        raise _unavailable(uri, "the connection failed") from None


def _begun_response(client: httpx.Client, uri: SourceUri) -> httpx.Response:
    """The response of a web server, once its headers have come."""
    exchange = Exchange(WEB_TIMEOUT_S)

    def begin() -> httpx.Response:
        request = client.build_request("GET", str(uri), extensions={"trace": exchange.trace})
        response = client.send(request, stream=True)
        exchange.release()
        return response

    return exchange.run(begin)


def _check_response(uri: SourceUri, response: httpx.Response) -> None:
    refuse_link_local(uri, response.extensions["network_stream"].get_extra_info("server_addr"))
    status = response.status_code
    if status in (404, 410):
        raise not_found(uri)
    if status in (401, 403):
        raise _denied(uri)
    if response.is_redirect:
        raise SourceNotFound(
            "{uri} redirects to another address, which isn't followed.", uri=str(uri)
        )
    if status != HTTPStatus.OK:
        raise _unavailable(uri, f"the server answered with status {status}")


def refuse_link_local(uri: SourceUri, peer: tuple[str, int] | None) -> None:
    """Refuse a name that leads to a link-local address, after the connection and before a read."""
    if peer is not None and is_link_local(peer[0]):
        raise _unavailable(uri, "its host has a link-local address")


def object_store(uri: SourceUri, config: Mapping[str, str] | None = None) -> ObjectStore:
    """Open the bucket or container of a URI; ``config`` has obstore's names of credentials.

    Raises
    ------
    ValueError
        The configuration isn't valid.
    """
    from obstore.store import AzureStore, GCSStore, S3Store  # a large library: only if it is used

    options = {"allow_http": True, **STORE_TIMEOUTS}  # plain HTTP only where a variable says http:
    match uri.scheme:
        case "s3":
            kind: type[S3Store] | type[GCSStore] | type[AzureStore] = S3Store
        case "gs":
            kind = GCSStore
        case _:
            kind = AzureStore
    return kind(
        uri.host,
        config=dict(config or {}),  # type: ignore[arg-type]
        client_options=options,  # type: ignore[arg-type]
        retry_config=RETRIES,
    )


@contextmanager
def object_errors(uri: SourceUri) -> Iterator[None]:
    """Translate the errors of an object store, without their texts."""
    from obstore import exceptions

    try:
        yield
    except FileNotFoundError:
        raise not_found(uri) from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
        raise _denied(uri) from None
    except exceptions.PreconditionError:
        raise _unavailable(uri, "it changed while it was read") from None
    except (exceptions.BaseError, ValueError) as error:
        if _REFUSED_LISTING.search(str(error)):
            raise _denied(uri) from None
        raise _unavailable(uri, "the object store refused or didn't answer") from None


@contextmanager
def _stored_object(uri: SourceUri) -> Iterator[OpenSource]:
    import obstore

    key = "/".join(uri.segments)
    with object_errors(uri):
        store = object_store(uri)
        status = obstore.head(store, key)

    def part(start: int, stop: int) -> bytes:
        with object_errors(uri):
            got = obstore.get(
                store, key, options={"range": (start, stop), "if_match": status["e_tag"]}
            )
            return bytes(got.bytes())

    starts = range(0, status["size"], PIECE_BYTES)
    pieces = (part(start, min(start + PIECE_BYTES, status["size"])) for start in starts)
    yield OpenSource(status["size"], pieces, part)


def _object_names(
    uri: SourceUri, step: Callable[[], None], config: Mapping[str, str] | None
) -> Iterator[str]:
    """The names below a prefix, also in folders; without the marker of the folder itself."""
    import obstore

    prefix = "/".join(uri.segments)
    start = len(prefix) + 1 if prefix else 0
    with object_errors(uri):
        chunks = iter(obstore.list(object_store(uri, config), prefix or None, chunk_size=1000))
    while True:
        step()
        with object_errors(uri):
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield from (listed["path"][start:] for listed in chunk if listed["path"] != prefix)


@contextmanager
def _local_file(uri: SourceUri) -> Iterator[OpenSource]:
    descriptor = open_file_below(uri)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise not_found(uri)

        def part(start: int, stop: int) -> bytes:
            return read_at(descriptor, stop - start, start)

        yield OpenSource(status.st_size, iter(lambda: file.read(PIECE_BYTES), b""), part)


def _local_names(uri: SourceUri) -> Iterator[str]:
    with _local_errors(uri):
        folder = uri.local_path.resolve()
        _require_public(uri, folder)
        for entry in entries_below(*_place(uri)):
            if (
                uri.private
                and entry.is_dir()
                and uri.private.contains(folder / entry.name, is_real=not entry.is_symlink())
            ):
                continue
            if entry.is_symlink() and not entry.name.startswith((".", "_")):
                raise _link(uri.child(entry.name))
            if entry.is_dir(follow_symlinks=False):
                yield f"{entry.name}/"
            elif entry.is_file(follow_symlinks=False):
                yield entry.name


def open_file_below(uri: SourceUri) -> int:
    """Open a file or folder below its prefix, which may be a link; links below it are refused.

    Raises
    ------
    SourceNotFound, SourceDenied
        There is no such file, or it isn't readable: nothing in the data directory is.
    """
    with _local_errors(uri):
        descriptor = open_below(*_place(uri))
        try:
            _require_public(uri, real_path(descriptor, uri.local_path))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


class OpenFolder:
    """Opens files below their prefix as :func:`open_file_below` does; for one thread.

    The folder of the file before stays open, so that files of one folder need one check of the
    folders above. Close it after the last one.
    """

    def __init__(self) -> None:
        self._folder: tuple[str, ...] = ()
        self._descriptor: int | None = None

    def open_file(self, uri: SourceUri) -> int:
        """Open a file; see :func:`open_file_below`."""
        folder = uri.segments[:-1]
        if IS_WINDOWS or len(folder) < uri.allowed:
            return open_file_below(uri)
        if self._descriptor is None or self._folder != folder:
            self.close()
            above = replace(uri, segments=folder, is_folder=True)
            try:
                self._folder, self._descriptor = folder, open_file_below(above)
            except SourceNotFound:  # the error names the file
                return open_file_below(uri)
        with _local_errors(uri):
            descriptor = open_in(self._descriptor, uri.name)
            if uri.private is not None and uri.private.has(descriptor):
                os.close(descriptor)
                raise _private(uri)
            return descriptor

    def close(self) -> None:
        """Close the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _require_public(uri: SourceUri, path: Path) -> None:
    """Refuse what lies in the data directory, wherever links and mounts lead by now."""
    if uri.private is not None and uri.private.contains(path, is_real=True):
        raise _private(uri)


def _private(uri: SourceUri) -> SourceDenied:
    return SourceDenied(
        "{uri} leads into the server's data directory, of which no file is read.", uri=str(uri)
    )


def _place(uri: SourceUri) -> tuple[Path, Sequence[str]]:
    """The folder of the prefix of a local file, and the names below it."""
    return Path("/", *uri.segments[: uri.allowed]), uri.segments[uri.allowed :]


@contextmanager
def _local_errors(uri: SourceUri) -> Iterator[None]:
    try:
        yield
    except PermissionError:
        raise _denied(uri) from None
    except OSError as error:
        raise (_link(uri) if error.errno == errno.ELOOP else not_found(uri)) from None


def _link(uri: SourceUri) -> SourceNotFound:
    return SourceNotFound(
        "{uri} is or goes through a symbolic link. Links aren't followed: name the place that it "
        "leads to.",
        uri=str(uri),
    )


@dataclass(frozen=True)
class _TableFormat:
    """A format, known by a folder in the table's folder that has a file with this ending."""

    name: str
    log_folder: str
    ending: str
    format: VersionedFormat | None = None


_FORMATS = (
    _TableFormat("a Delta table", "_delta_log", "", "delta"),
    _TableFormat("an Iceberg table", "metadata", ".metadata.json", "iceberg"),
    _TableFormat("a Hudi table", ".hoodie", ""),
)


def table_format_of(
    folder: SourceUri, names: Callable[[SourceUri], Iterator[str]], plain: set[SourceUri]
) -> tuple[_TableFormat, SourceUri] | None:
    """The table format that a folder belongs to, and the folder of its log; None for plain files.

    Reads the folder itself and those above it, up to that of its prefix.

    Parameters
    ----------
    names : callable
        Yields the names in a folder; nothing if there is none.
    plain : set of SourceUri
        Folders without a log, which aren't read again; those that are found are added.
    """
    for depth in range(len(folder.segments), folder.allowed - 1, -1):
        above = replace(folder, segments=folder.segments[:depth])
        if above in plain:
            continue
        for table_format in _FORMATS:
            log = replace(above.child(table_format.log_folder), is_folder=True)
            if any(name.endswith(table_format.ending) for name in names(log)):
                return table_format, log
        plain.add(above)
    return None
