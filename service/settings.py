"""The settings of a server, and the limits that only its code sets.

``docs/SETTINGS.md`` is tested against this table.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import Field, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from contract.words import ROLES
from domain_errors import DomainError
from import_engine.sources.uris import InvalidUri, SourceUri, parse_prefixes
from lazy_dataclasses import dataclass


class InvalidSetting(DomainError):
    """A setting has an invalid value."""

    code = "invalid_setting"


_MAX_COUNT = {"port": 65_535, "days": 36_500, "hours": 876_000, "seconds": 31_536_000}
"""Maximum values by unit, within the range of clocks and timers."""


def _setting(
    default: Any, unit: str, text: str, least: int | None = None, choices: tuple[str, ...] = ()
) -> Any:
    return field(default=default, metadata=_metadata(unit, text, least, choices))


def _metadata(
    unit: str, text: str, least: int | None = None, choices: tuple[str, ...] = ()
) -> dict[str, object]:
    return {"unit": unit, "help": text, "least": least, "choices": choices}


def _secret(text: str) -> Any:
    return field(default="", repr=False, metadata=_metadata("text", text))


def default_data_dir() -> Path:
    """The platform's directory for a user's data."""
    return Path(platformdirs.user_data_dir("jobsvc", appauthor=False))


@dataclass(frozen=True, kw_only=True)
class ServiceLimits:
    """Limits that suit a laptop and a small team as they are. Tests set others."""

    read_limit_s: int = 60
    """Time limit of a request that reads tables, for a plan or a page of rows."""
    download_limit_s: int = 600
    """Time limit of a request that writes a file with rows."""
    headers_within_s: float = 20
    """Time limit of a connection's first byte, and of a request's headers."""
    body_within_s: float = 60
    """Time limit of a request's body, except for imports."""
    idle_s: int = 120
    """Time after which a connection without a request is closed."""
    linger_kb: int = 8192
    """Data that is read and discarded after a refusal, so that the client reads the response."""
    http_connections: int = 1000
    """Clients that may be connected at the same time."""
    small_upload_kb: int = 8192
    """Uploads up to this size don't count as slow requests."""
    body_max_kb: int = 1024
    """Largest request body that isn't a file."""
    sampling_limit_min: float = 60
    """Time limit of a sampling job; 0 is none."""
    import_limit_min: float = 360
    """Time limit of an import; 0 is none."""
    exploration_limit_min: float = 10
    """Time limit of an exploration; 0 is none."""
    profiling_limit_min: float = 60
    """Time limit of a profile; 0 is none."""
    profile_budget_s: int = 120
    """Time after which the rest of a profile is estimated; 0 is never."""
    duckdb_threads: int = 0
    """Threads that all queries share; 0 is one for each core."""
    hashing_threads: int = 0
    """Passwords that are hashed at the same time; 0 is one for each two cores."""
    sql_memory_mb: int = 512
    """Memory for one SQL query; its process takes up to 300 MiB more."""
    sql_spill_max_mb: int = 4096
    """Disk space to which one SQL query can spill."""
    sql_rows_max: int = 10_000_000
    """Maximum number of rows in the result of a SQL query."""
    sql_result_max_mb: int = 2048
    """Maximum file size of the result of a SQL query."""
    sql_preview_limit_s: int = 10
    """Time limit of a SQL query that returns its rows in the response."""
    sql_at_once: int = 2
    """SQL queries that requests run at the same time; jobs aren't counted."""
    compare_samples: bool = True
    """Whether each sample is compared with its population; otherwise only on request."""
    link_hours: int = 24
    """Lifetime of a one-time sign-in link."""
    invitation_days: int = 7
    """Lifetime of the link of an invitation."""
    bin_days: int = 30
    """Time for which a deleted sample, saved query, version or dataset can be restored."""
    keep_uploads_days: int = 7
    """Retention of the file of an import that may be retried; 0 is until the next start."""
    keep_counts_days: int = 90
    """Retention of cached counts and profiles that aren't used; 0 is forever."""
    spark_from_mb: int = 4096
    """Compressed size of the columns that a draw reads from which on Spark reads them."""
    min_free_mb: int = 100
    """Free disk space below which imports and spills are refused."""

    delivery_limit_s: float = 10
    """Time limit of an attempt to send a message to a webhook."""
    smtp_limit_s: float = 20
    """Time limit of an attempt to send an e-mail."""
    delivery_delays_s: tuple[float, ...] = (
        5,
        300,
        1800,
        7200,
        18_000,
        36_000,
        50_400,
        72_000,
        86_400,
    )
    """Times between the attempts of a delivery; the last failure ends it, after about 75 hours."""

    def limit_min(self, run_type: str) -> float:
        """The time limit of a run type in minutes; 0 for none."""
        return float(getattr(self, f"{run_type}_limit_min"))


MIN_PROXY_SECRET = 16
"""The shortest secret of a proxy, in characters."""
EMAIL_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?P<domain>[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*)"
)
"""An address as mail servers accept it without extensions (RFC 5321, dot-string and domain)."""
SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""The default port of a mail server, by ``smtp_security``."""
HOST_NAME = re.compile(r"[^\s/@*]+")
BEACON_URL = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceLimits):
    """Every setting with its default, and the limits."""

    data_dir: Path = field(
        default_factory=default_data_dir,
        metadata=_metadata("path", "Directory of the database, the data files and uploads."),
    )
    host: str = _setting("127.0.0.1", "address", "Address that the server listens on.")
    port: int = _setting(8000, "port", "Port that the server listens on; 0 selects a free one.", 0)
    trusted_proxy: str = _setting(
        "",
        "address",
        "Address of a proxy whose X-Forwarded-For, -Proto and -Host are trusted; empty is none.",
    )
    allowed_hosts: str = _setting(
        "",
        "names, with commas",
        "Host names that the server accepts, besides its address and this machine's.",
    )
    proxy_user_header: str = _setting(
        "",
        "header",
        "Header in which trusted_proxy names the signed-in user; empty is none.",
    )
    proxy_groups_header: str = _setting(
        "", "header", "Header in which trusted_proxy lists the user's groups."
    )
    proxy_groups_separator: str = _setting(
        ",",
        "character or json",
        "Character between the groups in proxy_groups_header, or json for a JSON list.",
    )
    proxy_secret: str = _secret("Secret that trusted_proxy sends in X-Jobsvc-Proxy-Secret.")
    proxy_secret_file: str = _setting("", "path", "File with proxy_secret.")
    oidc_issuer: str = _setting(
        "", "URL", "Issuer of an OpenID Connect provider by which users sign in; empty is none."
    )
    oidc_client_id: str = _setting("", "text", "Client id of this server at the provider.")
    oidc_client_secret: str = _secret("Client secret; empty for a public client.")
    oidc_client_secret_file: str = _setting("", "path", "File with oidc_client_secret.")
    oidc_name: str = _setting(
        "", "text", "Name of the provider on the sign-in page; empty is its host."
    )
    oidc_scopes: str = _setting(
        "openid profile email",
        "names, with spaces",
        "Scopes that a sign-in requests.",
    )
    oidc_user_claim: str = _setting("preferred_username", "claim", "Claim with the user's name.")
    oidc_groups_claim: str = _setting("groups", "claim", "Claim with the user's groups.")
    group_roles: str = _setting(
        "",
        "group=role, with commas",
        "Role of each group of the proxy or provider, or a JSON object; a user gets the highest.",
    )
    role_without_group: str = _setting(
        "none",
        "none or viewer",
        "Role of users without a group in group_roles; none refuses their sign-in.",
        choices=("none", "viewer"),
    )
    link_local_accounts: bool = _setting(
        False,
        "yes or no",
        "Whether users of the proxy or provider take the local accounts of their names, except "
        "those of admins.",
    )
    workers: int = _setting(2, "threads", "Short jobs that run at the same time.", 1)
    long_workers: int = _setting(
        1, "threads", "Long jobs, such as large imports, that run at the same time.", 1
    )
    http_threads: int = _setting(
        8, "threads", "Quick requests that are answered at the same time.", 2
    )
    memory_mb: int = _setting(
        2048,
        "MiB",
        "Memory for queries: half for short jobs and pages, half for long jobs.",
        128,
    )
    upload_max_mb: int = _setting(20480, "MiB", "Largest file that may be imported.", 1)
    attachments_max_mb: int = _setting(
        1024, "MiB", "Most bytes of the files that are attached to a sample.", 1
    )
    import_prefixes: str = _setting(
        "",
        "URIs, with commas",
        "Prefixes of the URIs that imports may read (https, http, s3, gs, az, file); empty is "
        "none.",
    )
    connection_prefixes: str = _setting(
        "",
        "URIs, with commas",
        "Prefixes of the URIs that connections to attached files may read (s3, gs, az, file); "
        "empty is none.",
    )
    programmes_dir: str = _setting(
        "",
        "path",
        "Folder of your own audit programmes, TOML files; empty is none.",
    )
    webhook_prefixes: str = _setting(
        "",
        "URIs, with commas",
        "Prefixes of the URIs to which webhooks may be sent (https, http); empty is none.",
    )
    smtp_server: str = _setting(
        "",
        "host or host:port",
        "Mail server (SMTP) by which e-mails are sent; empty sends none.",
    )
    smtp_security: str = _setting(
        "starttls",
        "starttls, tls or none",
        "How the connection to smtp_server is encrypted: starttls (port 587), tls (port 465), or "
        "none (port 25).",
        choices=tuple(SMTP_PORTS),
    )
    smtp_user: str = _setting("", "text", "User at smtp_server; empty is no sign-in.")
    smtp_password: str = _secret("Password of smtp_user.")
    smtp_password_file: str = _setting("", "path", "File with smtp_password.")
    smtp_sender: str = _setting("", "address", "Address that e-mails are from.")
    email_domains: str = _setting(
        "",
        "names, with commas",
        "Domains of the addresses to which e-mails may be sent, such as bank.example.",
    )
    public_url: str = _setting(
        "",
        "URL",
        "URL of this server for browsers, such as https://jobs.example.org, for the links in "
        "e-mails, webhooks, working papers, invitations, sign-in links and code. Empty: e-mails, "
        "webhooks and working papers have no links; the others have the address of the request.",
    )
    beacon_url: str = _setting(
        "",
        "URL",
        "A drand HTTP API, such as https://api.drand.sh, from which browsers may fetch the seed of "
        "a plan; empty is none.",
    )
    spark_remote: str = _setting(
        "",
        "URL",
        "Spark Connect server, sc://host:port, that reads the rows of large draws; empty is none.",
    )
    spark_token: str = _setting("", "token", "Token of the Spark Connect server; empty is none.")
    spark_data_root: str = _setting(
        "",
        "path or URI",
        "The data directory as Spark's workers read it; empty is the same path.",
    )
    waiting_jobs_max: int = _setting(500, "jobs", "Maximum number of waiting jobs of one user.", 1)
    user_quota_mb: int = _setting(
        0, "MiB", "Disk space of the data files that a user stores; 0 is no quota.", 0
    )
    dataset_quota_mb: int = _setting(
        0, "MiB", "Disk space of the data files of a dataset; 0 is no quota.", 0
    )
    stop_grace_s: int = _setting(
        20, "seconds", "Time that running jobs get to finish when the server stops.", 0
    )
    token_hours: int = _setting(12, "hours", "Lifetime of a sign-in.", 1)
    token_days: int = _setting(
        90, "days", "Lifetime of a new token for scripts that names none; 0 is forever.", 0
    )
    keep_jobs_days: int = _setting(
        0, "days", "Retention of ended jobs whose sample isn't retained; 0 is forever.", 0
    )
    keep_logs_days: int = _setting(
        0, "days", "Retention of the entries in jobs' logs; 0 is forever.", 0
    )
    keep_unreachable_days: int = _setting(
        30,
        "days",
        "Retention of commits that no ref reaches, and of removed datasets; 0 is forever.",
        0,
    )
    soeid_pattern: str = _setting(
        r"[A-Za-z0-9._@\-]{1,64}",
        "regular expression",
        "Pattern that a new user's name must match; for SOEIDs [A-Za-z0-9]{7}.",
    )
    log_format: str = _setting(
        "text",
        "text or json",
        "Format of the log: plain text, or one JSON object a line.",
        choices=("text", "json"),
    )
    log_level: str = _setting(
        "info",
        "level",
        "Lowest level that is logged: debug, info, warning or error.",
        choices=("debug", "info", "warning", "error"),
    )
    metrics_public: bool = _setting(
        False, "yes or no", "Whether /metrics is open to everyone instead of admins only."
    )
    access_log: bool = _setting(True, "yes or no", "Whether each request is logged.")

    def __post_init__(self) -> None:
        for item in setting_fields():
            _check(item, getattr(self, item.name))
        if self.trusted_proxy:
            try:
                ipaddress.ip_address(self.trusted_proxy)
            except ValueError as error:
                raise InvalidSetting(
                    "trusted_proxy isn't an address: {problem}.", problem=str(error)
                ) from None
        if self.beacon_url and not BEACON_URL.fullmatch(self.beacon_url):
            raise InvalidSetting("beacon_url isn't an https URL, such as https://api.drand.sh.")
        self._check_names("allowed_hosts", "jobs.bank.example")
        self._check_names("email_domains", "bank.example")
        self._check_sign_in()
        self._check_email()
        if self.spark_remote and not self.spark_remote.startswith("sc://"):
            raise InvalidSetting("spark_remote must begin with sc://, as in sc://host:15002.")
        for name in ("import_prefixes", "connection_prefixes", "webhook_prefixes"):
            self._prefixes_of(name)
        if any(prefix.scheme not in ("https", "http") for prefix in self.allowed_webhooks):
            raise InvalidSetting(
                "webhook_prefixes: webhooks are sent to https:// and http:// URIs."
            )
        try:
            re.compile(self.soeid_pattern)
        except re.error as error:
            raise InvalidSetting(
                "soeid_pattern isn't a regular expression: {problem}.", problem=str(error)
            ) from None

    def _check_names(self, name: str, example: str) -> None:
        """Check a list of names: a URL, an address or a pattern would equal no host's name."""
        for part in getattr(self, name).split(","):
            if part.strip() and not HOST_NAME.fullmatch(part.strip()):
                raise InvalidSetting(
                    '{name}: "{part}" isn\'t the name of a host, such as {example}.',
                    name=name,
                    part=part.strip(),
                    example=example,
                )

    def _check_sign_in(self) -> None:
        """Check the settings of sign-in by a proxy or a provider; this reads their secrets."""
        roles, proxy_secret = self.roles_of_groups, self.proxy_shared_secret
        self.provider_secret  # noqa: B018 - raises if its file can't be read
        if self.proxy_user_header and not (self.trusted_proxy and proxy_secret):
            raise InvalidSetting(
                "proxy_user_header requires trusted_proxy, and proxy_secret or proxy_secret_file."
            )
        if self.proxy_groups_separator != "json" and len(self.proxy_groups_separator) != 1:
            raise InvalidSetting("proxy_groups_separator must be one character, or json.")
        if self.proxy_user_header and len(proxy_secret) < MIN_PROXY_SECRET:
            raise InvalidSetting(
                "proxy_secret must have {least} characters or more.", least=MIN_PROXY_SECRET
            )
        if self.oidc_issuer and not _is_safe_issuer(self.oidc_issuer):
            raise InvalidSetting("oidc_issuer isn't an https URL without a query.")
        if self.oidc_issuer and not self.oidc_client_id:
            raise InvalidSetting("oidc_issuer requires oidc_client_id.")
        if self.oidc_issuer and "openid" not in self.oidc_scopes.split():
            raise InvalidSetting("oidc_scopes must contain openid.")
        if self.signs_in_elsewhere and not roles and self.role_without_group == "none":
            raise InvalidSetting(
                "Nobody could sign in: group_roles is empty, and role_without_group is none."
            )

    def _check_email(self) -> None:
        """Check the settings of e-mail; this reads the password."""
        password = self.mail_password
        if bool(self.smtp_user) != bool(password):
            raise InvalidSetting(
                "smtp_user requires smtp_password or smtp_password_file, and they require it."
            )
        if password and self.smtp_security == "none":
            raise InvalidSetting("smtp_user requires smtp_security starttls or tls.")
        if not (self.smtp_user + password).isascii():  # smtplib sends no other characters
            raise InvalidSetting(
                "smtp_user and its password can have ASCII characters only. Choose another "
                "password at the mail server."
            )
        if self.public_url and not _is_origin(self.public_url):
            raise InvalidSetting(
                "public_url must be a scheme and a host, such as https://jobs.example.org."
            )
        if not self.smtp_server:
            return
        self.mail_server  # noqa: B018 - raises if it isn't a host and a port
        if not EMAIL_ADDRESS.fullmatch(self.smtp_sender):
            raise InvalidSetting(
                "smtp_server requires smtp_sender, an address such as jobsvc@bank.example."
            )
        if not self.allowed_email_domains:
            raise InvalidSetting(
                "smtp_server requires email_domains, such as bank.example: e-mails are sent to "
                "their addresses only."
            )

    def link(self, page: str, requested: str = "") -> str:
        """Return the URL of a page by ``public_url``, or by the address of the request.

        Without either the server doesn't know its name for browsers: the link is empty.

        >>> Settings(public_url="https://jobs.example.org/").link("/account", "http://10.0.0.6")
        'https://jobs.example.org/account'
        >>> Settings().link("/account", "http://10.0.0.6/"), Settings().link("/account")
        ('http://10.0.0.6/account', '')
        """
        origin = (self.public_url or requested).rstrip("/")
        return f"{origin}{page}" if origin else ""

    @property
    def signs_in_elsewhere(self) -> bool:
        """Whether users may sign in by a proxy or a provider."""
        return bool(self.proxy_user_header or self.oidc_issuer)

    @cached_property
    def proxy_shared_secret(self) -> str:
        """The secret of ``proxy_secret`` or its file; empty if there is none."""
        return _secret_of("proxy_secret", self.proxy_secret, self.proxy_secret_file)

    @cached_property
    def provider_secret(self) -> str:
        """The secret of ``oidc_client_secret`` or its file; empty if there is none."""
        return _secret_of(
            "oidc_client_secret", self.oidc_client_secret, self.oidc_client_secret_file
        )

    @cached_property
    def mail_password(self) -> str:
        """The password of ``smtp_password`` or its file; empty if there is none."""
        return _secret_of("smtp_password", self.smtp_password, self.smtp_password_file)

    @cached_property
    def mail_server(self) -> tuple[str, int]:
        """Host and port of ``smtp_server``."""
        try:
            parts = urlsplit(f"//{self.smtp_server}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or port == 0 or parts.netloc != self.smtp_server or parts.username is not None:
            raise InvalidSetting("smtp_server must be a host, or a host and a port: mail:587.")
        return host, port or SMTP_PORTS[self.smtp_security]

    @cached_property
    def allowed_email_domains(self) -> tuple[str, ...]:
        """The domains of ``email_domains``, in lower case."""
        parts = (part.strip().lower() for part in self.email_domains.split(","))
        return tuple(filter(None, parts))

    @cached_property
    def roles_of_groups(self) -> Mapping[str, str]:
        """The role of each group of ``group_roles``."""
        found = {}
        for part, group, role in _groups_and_roles(self.group_roles):
            if not group or role not in ROLES:
                raise InvalidSetting(
                    'group_roles: "{part}" isn\'t a group and a role, such as auditors=analyst. '
                    "The roles are {roles}.",
                    part=part,
                    roles=", ".join(ROLES),
                )
            found[group] = role
        return found

    def _prefixes_of(self, name: str) -> tuple[SourceUri, ...]:
        try:
            return parse_prefixes(getattr(self, name), private=self.data_dir)
        except InvalidUri as error:
            raise InvalidSetting("{name}: {problem}", name=name, problem=error.message) from None

    @cached_property
    def allowed_prefixes(self) -> tuple[SourceUri, ...]:
        """The prefixes of ``import_prefixes``."""
        return self._prefixes_of("import_prefixes")

    @cached_property
    def allowed_connections(self) -> tuple[SourceUri, ...]:
        """The prefixes of ``connection_prefixes``."""
        return self._prefixes_of("connection_prefixes")

    @cached_property
    def allowed_webhooks(self) -> tuple[SourceUri, ...]:
        """The prefixes of ``webhook_prefixes``."""
        return self._prefixes_of("webhook_prefixes")


def _groups_and_roles(text: str) -> Iterator[tuple[str, str, Any]]:
    """Yield each part of ``group_roles``, with its group and its role; neither is checked."""
    if text.lstrip().startswith("{"):
        try:
            listed = json.loads(text)
        except ValueError as error:
            raise InvalidSetting(
                "group_roles isn't a JSON object: {problem}.", problem=str(error)
            ) from None
        yield from ((f"{group}: {role}", group, role) for group, role in listed.items())
        return
    for part in filter(None, (part.strip() for part in text.split(","))):
        group, _, role = (piece.strip() for piece in part.rpartition("="))
        yield part, group, role


def _is_safe_issuer(issuer: str) -> bool:
    """Whether an issuer is an https URL, or an http URL of this computer."""
    try:
        parts = urlsplit(issuer)
    except ValueError:
        return False
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return (
        bool(parts.hostname)
        and (parts.scheme == "https" or (parts.scheme == "http" and is_here))
        and not (parts.query or parts.fragment or parts.username)
    )


def _is_origin(url: str) -> bool:
    """Whether a URL is an http or https scheme, a host and perhaps a port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("https", "http")
        and bool(parts.hostname)
        and port != 0
        and parts.username is None
        and url.rstrip("/") == f"{parts.scheme}://{parts.netloc}"
    )


def _secret_of(name: str, value: str, file: str) -> str:
    if value and file:
        raise InvalidSetting("Set {name} or {name}_file, not both.", name=name)
    if not file:
        return value
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(
            "{name}_file can't be read: {problem}.", name=name, problem=str(error)
        ) from None
    if not secret:
        raise InvalidSetting("{name}_file is empty.", name=name)
    return secret


def setting_fields() -> list[Field[Any]]:
    """The settings that a server can be started with, in the order of the documentation."""
    return [item for item in fields(Settings) if item.metadata]


def _check(item: Field[Any], value: Any) -> None:
    least, choices = item.metadata["least"], item.metadata["choices"]
    most = _MAX_COUNT.get(item.metadata["unit"])
    if least is not None and value < least:
        raise InvalidSetting("{name} must be {least} or more.", name=item.name, least=least)
    if most is not None and value > most:
        raise InvalidSetting("{name} must be {most} or less.", name=item.name, most=most)
    if choices and value not in choices:
        raise InvalidSetting(
            "{name} must be one of {choices}.", name=item.name, choices=", ".join(choices)
        )
