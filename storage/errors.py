"""What storage refuses."""

from __future__ import annotations

from pathlib import Path

from domain_errors import DomainError


class NotFound(DomainError):
    """It isn't there, or isn't visible to whoever asks."""

    code = "not_found"


class Pruned(NotFound):
    """It was there, and a prune has removed it."""

    code = "pruned"


class Conflict(DomainError):
    """The state of something doesn't allow the change."""

    code = "conflict"


class RefMoved(Conflict):
    """A ref no longer names the commit that the caller took it to name."""

    code = "ref_moved"


class StaleJob(Conflict):
    """A worker reports on a job that isn't its own any more."""

    code = "stale_job"


class TooManyWaiting(DomainError):
    """A user's queue is full."""

    code = "too_many_waiting_jobs"
    retry_after_s = 30

    def __init__(self, most: int) -> None:
        super().__init__(f"You have {most:,} jobs that wait. Try again when some have started.")


class InvalidValue(DomainError):
    """A value that can't be stored."""

    code = "invalid_value"


class Forbidden(DomainError):
    """A known user without the right."""

    code = "forbidden"


class TokenEnded(DomainError):
    """The token of a request has ended since the request arrived."""

    code = "unauthorized"

    def __init__(self) -> None:
        super().__init__("Sign in again: the token of this request has ended.")


class NotWritable(DomainError):
    """Nothing can be written: the disk is full or read-only, or the data directory is gone."""

    code = "storage_not_writable"
    retry_after_s = 5


class DamagedData(DomainError):
    """A file of ours is missing, can't be read, or isn't as it was written."""

    code = "damaged_data"


class FilesInUse(Conflict):
    """Someone reads the data files, or removes some, so that none may be removed now."""

    code = "files_in_use"


class DamagedDatabase(DomainError):
    """The database is gone, or isn't one that SQLite can read any more."""

    code = "damaged_database"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The database is damaged: {why}. Stop the server, run jobsvc check, and restore the "
            "data directory from a backup."
        )


class CannotOpenDatabase(DomainError):
    """The database can't be opened as things are: no right, no room, another program's lock."""

    code = "cannot_open_database"


class DataDirectoryInUse(DomainError):
    """Another process works on this data directory."""

    code = "data_directory_in_use"


class NewerSchema(DomainError):
    """A newer version of jobsvc wrote the database."""

    code = "newer_schema"

    def __init__(self, version: int, newest: int) -> None:
        super().__init__(
            "The database has schema version {version}; this jobsvc opens versions up to {newest}. "
            "Install the version of jobsvc that wrote it, or a newer one.",
            version=version,
            newest=newest,
        )


class OlderSchema(DomainError):
    """The schema of the database is too old for the migrations of this version."""

    code = "older_schema"

    def __init__(self, version: int, oldest: int, release: str) -> None:
        super().__init__(
            "The database has schema version {version}; this jobsvc opens versions from {oldest}. "
            "Make a backup, run jobsvc serve of version {release} once, and start this version "
            "again.",
            version=version,
            oldest=oldest,
            release=release,
        )


class UnknownSchema(DomainError):
    """The database's tables, indexes or triggers aren't those of this product."""

    code = "unknown_schema"


class ForeignDirectory(DomainError):
    """A directory that was given as the data directory holds other things."""

    code = "foreign_directory"


class NoDataDirectory(DomainError):
    """The data directory isn't there, and the command doesn't create one."""

    code = "no_data_directory"

    def __init__(self, root: Path) -> None:
        super().__init__(
            f"There is no data directory at {root}. Check --data-dir and JOBSVC_DATA_DIR, or "
            "create one with jobsvc serve, jobsvc import or jobsvc demo."
        )
