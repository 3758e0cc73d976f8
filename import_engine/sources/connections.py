"""Reads files where they are, through a connection: under its prefix, at one version.

A version is the size with the ETag of an object, or with the modification time and the inode of a
file in a folder. A read of another version is an error. Credentials are variables of the server's
environment; no message holds one.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from domain_errors import DomainError, Loc
from import_engine.sources.reading import (
    PIECE_BYTES,
    OpenFolder,
    SourceDenied,
    SourceNotFound,
    names_in,
    not_found,
    object_errors,
    object_store,
    open_file_below,
    tree_names,
)
from import_engine.sources.uris import (
    InvalidUri,
    SourceUri,
    UriNotAllowed,
    allowing_prefix,
    parse_uri,
)
from lazy_dataclasses import dataclass
from operating_system import read_at

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from parquet_tables.attached import VersionReader

CREDENTIALS = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
"""The beginning of the names of variables, without the underscore that follows."""
VARIABLES = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}
"""The part after the prefix in the names of each scheme's variables."""
EXAMPLES = {"s3": "ACCESS_KEY_ID", "gs": "SERVICE_ACCOUNT", "az": "STORAGE_ACCOUNT_KEY"}
"""The end of a variable's name for each scheme, as errors show it."""


class SourceChanged(DomainError):
    """An attached file isn't the version that the table names."""

    code = "source_changed"

    def __init__(
        self,
        uri: SourceUri,
        problem: str,
        *,
        is_other_file: bool = False,
        version: str | None = None,
    ) -> None:
        self.uri, self.problem = uri, problem
        if version is not None:
            super().__init__(
                "The file {uri} {problem}. It belongs to {version}, which can't be read any more. "
                "Attach a newer version, which makes a new version of the dataset.",
                uri=str(uri),
                problem=problem,
                version=version,
            )
            return
        if uri.scheme != "file":
            remedy = "restore it"
        elif is_other_file:
            remedy = "move the same file back if it still exists (a copy is another file)"
        else:
            remedy = "restore it with `cp -p`, which writes into the same file"
        super().__init__(
            "The attached file {uri} {problem}. Attach the table again, which makes a new version "
            "of the dataset, or {remedy}.",
            uri=str(uri),
            problem=problem,
            remedy=remedy,
        )


@contextmanager
def named_version(version: str | None) -> Iterator[None]:
    """Name the version of a table, of another format, that a changed file belongs to."""
    try:
        yield
    except SourceChanged as error:
        if version is None:
            raise
        raise SourceChanged(error.uri, error.problem, version=version) from None


class CredentialsMissing(DomainError):
    """The server's environment has no variables of a connection."""

    code = "credentials_missing"


@dataclass(frozen=True)
class FileVersion:
    """The version of a file: ``e_tag`` in an object store, else the other two.

    These are texts of decimal digits, since JSON has no exact number for each of them.
    """

    size_bytes: int
    e_tag: str | None = None
    modified_ns: str | None = None
    inode: str | None = None


class ObjectStores:
    """Open object stores, which hold connections to their servers; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stores: dict[tuple[object, ...], ObjectStore] = {}

    def get(self, uri: SourceUri, config: Mapping[str, str]) -> ObjectStore:
        """Return the store of a URI's bucket or container."""
        key = (uri.scheme, uri.host, *sorted(config.items()))
        with self._lock:
            if key not in self._stores:
                with object_errors(uri):
                    self._stores[key] = object_store(uri, config)
            return self._stores[key]


def attachable_uri(text: str, loc: Sequence[str | int] = ()) -> SourceUri:
    """Parse a URI that a connection can read; raise InvalidUri for any other."""
    if text.partition("://")[0].lower() not in (*VARIABLES, "file"):
        raise InvalidUri(
            "A connection reads s3://, gs://, az:// and file:// URIs. A path of the server is "
            "file:///… with all its folders. A web server has no versions of files: import from it "
            "instead.",
            loc=loc,
        )
    return parse_uri(text, loc)


def connection_prefix(
    text: str, allowed: tuple[SourceUri, ...], loc: tuple[str, ...] = ()
) -> SourceUri:
    """Parse the prefix of a connection.

    Raises
    ------
    InvalidUri, UriNotAllowed
        It isn't the URI of a folder, bucket or container, or the setting doesn't allow it.
    """
    uri = attachable_uri(text, loc)
    prefix = allowing_prefix(
        uri,
        allowed,
        setting="connection_prefixes",
        if_empty="This server allows no connections. An administrator allows prefixes in the "
        "setting connection_prefixes.",
        loc=loc,
    )
    return replace(uri, is_folder=True, private=prefix.private)


@dataclass(frozen=True)
class OpenConnection:
    """A connection whose files can be read.

    Parameters
    ----------
    name : str
    prefix : SourceUri
        The folder of the files.
    config : mapping
        The credentials by obstore's names; empty for those of the server itself.
    """

    name: str
    prefix: SourceUri
    config: Mapping[str, str]
    stores: ObjectStores

    def uri(self, text: str, loc: Loc = ()) -> SourceUri:
        """Parse a URI that must be under the prefix.

        Raises
        ------
        InvalidUri, UriNotAllowed
            It isn't a URI, or it is outside the prefix.
        """
        uri = attachable_uri(text, loc)
        if not uri.is_under(self.prefix):
            raise UriNotAllowed(
                'The URI {uri} isn\'t under the prefix {prefix} of the connection "{connection}".',
                loc=loc,
                uri=str(uri),
                prefix=str(self.prefix),
                connection=self.name,
            )
        return replace(uri, allowed=len(self.prefix.segments), private=self.prefix.private)

    def tree_names(
        self,
        folder: SourceUri,
        step: Callable[[], None],
        most: int,
        plain: set[SourceUri],
        pattern: Sequence[str],
    ) -> list[str]:
        """The paths of files below a folder; see :func:`reading.tree_names`."""
        with self._names_itself():
            return tree_names(folder, step, most, self.config, plain, pattern)

    def names(self, folder: SourceUri, step: Callable[[], None]) -> Iterator[str]:
        """The names in a folder; in an object store also those in folders within."""
        with self._names_itself():
            yield from names_in(folder, step, self.config)

    def content(self, uri: SourceUri, most: int) -> bytes:
        """The whole content of a file of at most so many bytes.

        Raises
        ------
        SourceNotFound, SourceDenied, SourceUnavailable
            There is no such file, it is larger, or it can't be read.
        """
        version = self.version(uri)
        if version.size_bytes > most:
            raise SourceNotFound(
                "{uri} has {size} bytes; the limit for the metadata of a table is {limit}. Expire "
                "old versions of the table.",
                uri=str(uri),
                size=version.size_bytes,
                limit=most,
            )
        with self._names_itself(), closing(self.open(uri, version)) as reader:
            return reader.read(0, version.size_bytes)

    @contextmanager
    def _names_itself(self) -> Iterator[None]:
        """Name this connection in errors about credentials."""
        try:
            yield
        except SourceDenied as error:
            raise SourceDenied(
                'The connection "{connection}" can\'t read this file: {problem}',
                connection=self.name,
                problem=error.message,
            ) from None

    def version(self, uri: SourceUri, folder: OpenFolder | None = None) -> FileVersion:
        """The version of a file now.

        Parameters
        ----------
        folder : OpenFolder, optional
            Opens a file of a folder of the server faster, if many files are read in turn.

        Raises
        ------
        SourceNotFound, SourceDenied, SourceUnavailable
            There is no such file, or it can't be read.
        """
        if uri.scheme == "file":
            descriptor = open_file_below(uri) if folder is None else folder.open_file(uri)
            try:
                return _local_version(uri, descriptor)
            finally:
                os.close(descriptor)
        import obstore

        with self._names_itself(), object_errors(uri):
            status = obstore.head(self.stores.get(uri, self.config), _key(uri))
        if not status["e_tag"]:
            raise SourceNotFound(
                "The object store states no ETag of {uri}, so that a change of the file couldn't "
                "be noticed.",
                uri=str(uri),
            )
        return FileVersion(status["size"], e_tag=status["e_tag"])

    def end(self, uri: SourceUri, most: int, folder: OpenFolder) -> tuple[FileVersion, bytes]:
        """The version of a file now, and its last bytes; see :meth:`version`.

        Raises
        ------
        SourceNotFound, SourceDenied, SourceUnavailable, SourceChanged
            There is no such file, it can't be read, or it changes meanwhile.
        """
        if uri.scheme == "file":
            descriptor = folder.open_file(uri)
            try:
                version = _local_version(uri, descriptor)
                start = max(version.size_bytes - most, 0)
                content = read_at(descriptor, version.size_bytes - start, start)
                _require_same(uri, version, _local_version(uri, descriptor))
            finally:
                os.close(descriptor)
            return version, content
        version = self.version(uri)
        with closing(self.open(uri, version)) as reader:
            start = max(version.size_bytes - most, 0)
            return version, reader.read(start, version.size_bytes - start)

    def require(
        self, uri: SourceUri, version: FileVersion, folder: OpenFolder | None = None
    ) -> None:
        """Raise SourceChanged if a file has another version now, or doesn't exist."""
        with _gone_is_changed(uri):
            _require_same(uri, version, self.version(uri, folder))

    def open(self, uri: SourceUri, version: FileVersion) -> VersionReader:
        """Open a file at one version; raise SourceChanged if it has another one."""
        with _gone_is_changed(uri):
            if uri.scheme == "file":
                return _LocalReader(uri, version)
            return _ObjectReader(uri, version, self.stores.get(uri, self.config))


def credentials_from(
    environment: Mapping[str, str], scheme: str, name: str, connection: str
) -> dict[str, str]:
    """The configuration of an object store from variables such as ``NAME_AWS_ACCESS_KEY_ID``.

    Parameters
    ----------
    connection : str
        The name that the error shows.

    Raises
    ------
    CredentialsMissing
        There is no such variable.
    """
    if not name or scheme not in VARIABLES:
        return {}
    start = f"{name}_{VARIABLES[scheme]}"
    config = {
        variable.removeprefix(f"{name}_"): value
        for variable, value in environment.items()
        if variable.startswith(start)
    }
    if not config:
        raise CredentialsMissing(
            "The server's environment has no variable {start}…, such as {example}, in which the "
            'connection "{connection}" has its credentials. An administrator sets it and starts '
            "the server again.",
            start=start,
            example=start + EXAMPLES[scheme],
            connection=connection,
        )
    return config


def _key(uri: SourceUri) -> str:
    return "/".join(uri.segments)


def _local_version(uri: SourceUri, descriptor: int) -> FileVersion:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise not_found(uri)
    return FileVersion(
        status.st_size, modified_ns=str(status.st_mtime_ns), inode=str(status.st_ino)
    )


def _require_same(uri: SourceUri, version: FileVersion, now: FileVersion) -> None:
    if now == version:
        return
    is_other_file = now.inode != version.inode
    if now.size_bytes != version.size_bytes:
        was = f"it had {version.size_bytes:,} when it was attached"
        problem = f"has {now.size_bytes:,} bytes; {was}"
    elif is_other_file:
        problem = "was replaced by another file since it was attached"
    else:
        problem = "has changed since it was attached"
    raise SourceChanged(uri, problem, is_other_file=is_other_file)


@contextmanager
def _gone_is_changed(uri: SourceUri) -> Iterator[None]:
    try:
        yield
    except SourceNotFound:
        raise SourceChanged(uri, "doesn't exist any more", is_other_file=True) from None


class _LocalReader:
    """Reads a file of a folder; each read checks the version after it."""

    def __init__(self, uri: SourceUri, version: FileVersion) -> None:
        self._uri, self._version = uri, version
        self._descriptor = open_file_below(uri)
        try:
            self._require_same()
        except BaseException:
            self.close()
            raise

    def _require_same(self) -> None:
        _require_same(self._uri, self._version, _local_version(self._uri, self._descriptor))

    def read(self, start: int, size_bytes: int) -> bytes:
        content = read_at(self._descriptor, size_bytes, start)
        self._require_same()
        return content

    def close(self) -> None:
        os.close(self._descriptor)


class _ObjectReader:
    """Reads an object in pieces; the store compares the ETag in each request."""

    def __init__(self, uri: SourceUri, version: FileVersion, store: ObjectStore) -> None:
        self._uri, self._version, self._store = uri, version, store

    def read(self, start: int, size_bytes: int) -> bytes:
        stop = start + size_bytes
        pieces = (
            self._piece(at, min(at + PIECE_BYTES, stop)) for at in range(start, stop, PIECE_BYTES)
        )
        return b"".join(pieces)

    def _piece(self, start: int, stop: int) -> bytes:
        import obstore
        from obstore.exceptions import PreconditionError

        with _gone_is_changed(self._uri), object_errors(self._uri):
            try:
                got = obstore.get(
                    self._store,
                    _key(self._uri),
                    options={"range": (start, stop), "if_match": self._version.e_tag},
                )
                content = bytes(got.bytes())
            except PreconditionError:
                raise SourceChanged(self._uri, "has changed since it was attached") from None
        if len(content) != stop - start:
            raise SourceChanged(self._uri, "has changed since it was attached")
        return content

    def close(self) -> None:
        """There is no file to release."""
