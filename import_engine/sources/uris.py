"""URIs that imports read, and the prefixes that an administrator allows.

A URI names a place and nothing else: no user, password, query or fragment, since the URI is stored
with its job. It lies under a prefix if the scheme and the host are equal and its path starts with
the prefix's whole segments.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from contract.requests.submitting import MAX_URI_LENGTH
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from operating_system import PrivateFolder

SCHEMES = ("https", "http", "s3", "gs", "az", "file")
ENCODED = ("https", "http", "file")
"""Schemes whose paths are percent-encoded; a key of an object store is taken literally."""
DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


class InvalidUri(DomainError):
    """The text isn't a URI that an import can read."""

    code = "invalid_uri"


class UriNotAllowed(DomainError):
    """The URI is outside the prefixes that the administrator allows."""

    code = "uri_not_allowed"


@dataclass(frozen=True)
class SourceUri:
    """A checked URI.

    Parameters
    ----------
    host : str
        The host with its port, or the bucket or container; empty for ``file``.
    segments : tuple of str
        The decoded path; none is empty, ``.`` or ``..``.
    is_folder : bool
        Whether the path ends with a slash.
    allowed : int
        The number of segments of the prefix that allows this URI.
    private : PrivateFolder or None
        A folder of which no file may be read: the server's data directory, with keys and tokens.
    """

    scheme: str
    host: str
    segments: tuple[str, ...]
    is_folder: bool
    allowed: int = 0
    private: PrivateFolder | None = field(default=None, compare=False)

    def __str__(self) -> str:
        path = "/".join(self.segments)
        if self.scheme in ENCODED:
            path = quote(path, safe="/!$&'()*+,;=:@~")
        return f"{self.scheme}://{self.host}/{path}" + ("/" if self.is_folder and path else "")

    @property
    def local_path(self) -> Path:
        """The path of a ``file`` URI."""
        return Path("/", *self.segments)

    @property
    def name(self) -> str:
        """The last segment, or the host of a URI without a path."""
        return self.segments[-1] if self.segments else self.host

    def is_under(self, prefix: SourceUri) -> bool:
        """Whether a prefix allows this URI.

        >>> parse_uri("s3://audit/2025/q1.csv").is_under(parse_uri("s3://audit/2025/"))
        True
        >>> parse_uri("s3://audit/2025-draft/q1.csv").is_under(parse_uri("s3://audit/2025"))
        False
        """
        return (self.scheme, self.host) == (prefix.scheme, prefix.host) and self.segments[
            : len(prefix.segments)
        ] == prefix.segments

    def child(self, name: str) -> SourceUri:
        """The URI of a file in this folder."""
        return self.below((name,))

    def below(self, names: Iterable[str]) -> SourceUri:
        """The URI of a file below this folder, by the names of its folders and its own."""
        segments = (*self.segments, *names)
        return SourceUri(self.scheme, self.host, segments, False, self.allowed, self.private)


def parse_uri(text: str, loc: Sequence[str | int] = ()) -> SourceUri:
    """Parse and check a URI.

    Raises
    ------
    InvalidUri
        It has another scheme, a user, a query, a fragment, or a path that isn't plain. The message
        doesn't quote the URI, which may hold a password.
    """
    problem, uri = _parsed(text)
    if uri is None:
        raise InvalidUri(
            problem,
            loc=loc,
            schemes=", ".join(f"{scheme}://" for scheme in SCHEMES),
            maximum=MAX_URI_LENGTH,
        )
    return uri


def _parsed(text: str) -> tuple[str, SourceUri | None]:
    """The problem of a URI, or the URI."""
    if len(text) > MAX_URI_LENGTH:
        return "The URI is longer than {maximum} characters.", None
    if not text.isprintable():
        return "The URI holds a control character.", None
    try:
        parts = urlsplit(text)
    except ValueError:
        return "The URI can't be parsed.", None
    if "://" not in text or parts.scheme not in SCHEMES:
        return "A URI starts with one of {schemes}.", None
    if "@" in parts.netloc:
        return (
            "The URI holds a user name or a password. Credentials belong in the server's "
            "environment.",
            None,
        )
    if "?" in text or "#" in text:
        return (
            "The URI has a query or a fragment. Signed addresses aren't accepted, since the URI "
            "is stored with the job.",
            None,
        )
    host = _host(parts.scheme, parts.netloc)
    if host is None:
        return "The URI has no valid host, bucket or container.", None
    segments = _segments(parts.scheme, parts.path)
    if segments is None:
        return 'The path of the URI holds an empty segment, ".", "..", "\\" or "%2F".', None
    is_folder = parts.path.endswith("/") or not segments
    return "", SourceUri(parts.scheme, host, segments, is_folder)


def _host(scheme: str, netloc: str) -> str | None:
    if scheme == "file":
        return "" if netloc in ("", "localhost") else None
    if _HOST.fullmatch(netloc) is None:
        return None
    if scheme in DEFAULT_PORTS:
        return netloc.lower().removesuffix(DEFAULT_PORTS[scheme])
    return None if ":" in netloc else netloc


def _segments(scheme: str, path: str) -> tuple[str, ...] | None:
    """The decoded segments of a path; None if it isn't plain."""
    inner = path.removeprefix("/").removesuffix("/")
    if not inner:
        return () if len(path) < 2 else None
    parts = inner.split("/")
    segments = tuple(unquote(part) for part in parts) if scheme in ENCODED else tuple(parts)
    for segment in segments:
        if segment in ("", ".", "..") or "/" in segment or "\\" in segment:
            return None
        if not segment.isprintable() or (scheme in DEFAULT_PORTS and _leads_up(segment)):
            return None
    return segments


def _leads_up(segment: str) -> bool:
    """Whether a web server that decodes twice, or cuts ``;`` off, could leave the folder.

    >>> _leads_up("..;x"), _leads_up("%2e%2e"), _leads_up("a%2fb"), _leads_up("a;b 100%")
    (True, True, True, False)
    """
    decoded = unquote(segment)
    return decoded.partition(";")[0] in (".", "..") or "/" in decoded or "\\" in decoded


def parse_prefixes(text: str, private: Path | None = None) -> tuple[SourceUri, ...]:
    """Parse a list of prefixes with commas; URIs under them carry ``private``.

    Raises
    ------
    InvalidUri
        A prefix isn't a URI, its host is a link-local address, or its folder contains ``private``
        or lies in it, also through links.
    """
    prefixes = tuple(parse_uri(part.strip()) for part in text.split(",") if part.strip())
    folder = None if private is None else PrivateFolder(private)
    for prefix in prefixes:
        if is_link_local(urlsplit(f"//{prefix.host}").hostname or ""):
            raise InvalidUri("A prefix can't name a link-local address.")
        if folder is not None and prefix.scheme == "file":
            _require_apart(prefix, folder)
    return tuple(replace(prefix, private=folder) for prefix in prefixes)


def _require_apart(prefix: SourceUri, private: PrivateFolder) -> None:
    theirs = prefix.local_path
    if private.path.resolve().is_relative_to(theirs.resolve()) or private.contains(theirs):
        raise InvalidUri(
            "{prefix} contains the data directory {data_dir} or lies in it, which holds keys and "
            "tokens. Name folders beside it.",
            prefix=str(prefix),
            data_dir=str(private.path),
        )


def is_link_local(address: str) -> bool:
    """Whether an IP address is link-local, where clouds serve credentials; a name is not.

    >>> is_link_local("169.254.169.254"), is_link_local("::ffff:169.254.1.1")
    (True, True)
    >>> is_link_local("10.0.0.1"), is_link_local("data.example.org")
    (False, False)
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_link_local


def allowed_uri(
    text: str, prefixes: Sequence[SourceUri], loc: Sequence[str | int] = ()
) -> SourceUri:
    """Parse a URI that must lie under one of the prefixes.

    Raises
    ------
    InvalidUri, UriNotAllowed
        It isn't a URI, or no prefix allows it.
    """
    uri = parse_uri(text, loc)
    prefix = allowing_prefix(
        uri,
        prefixes,
        setting="import_prefixes",
        if_empty="This server imports from no URI. An administrator allows prefixes in the setting "
        "import_prefixes.",
        loc=loc,
    )
    return replace(uri, allowed=len(prefix.segments), private=prefix.private)


def allowing_prefix(
    uri: SourceUri,
    prefixes: Sequence[SourceUri],
    *,
    setting: str,
    if_empty: str,
    loc: Sequence[str | int] = (),
) -> SourceUri:
    """The first prefix that allows a URI.

    Parameters
    ----------
    setting : str
        The name of the setting that has the prefixes.
    if_empty : str
        The sentence of the error if the setting has none.

    Raises
    ------
    UriNotAllowed
        No prefix allows it.
    """
    if not prefixes:
        raise UriNotAllowed(if_empty, loc=loc)
    for prefix in prefixes:
        if uri.is_under(prefix):
            return prefix
    raise UriNotAllowed(
        "The URI {uri} is under none of the allowed prefixes: {prefixes}. An administrator adds "
        "prefixes in the setting {setting}.",
        loc=loc,
        uri=str(uri),
        prefixes=", ".join(map(str, prefixes)),
        setting=setting,
    )
