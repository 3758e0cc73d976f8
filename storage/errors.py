"""Errors of storage."""

from __future__ import annotations

from domain_errors import ANY_COLUMNS, DomainError


class NotFound(DomainError):
    """The object doesn't exist or isn't visible to the user."""

    code = "not_found"


class Pruned(NotFound):
    """A prune deleted the object."""

    code = "pruned"


class Conflict(DomainError):
    """The current state doesn't allow the change."""

    code = "conflict"


class NameTaken(Conflict):
    """Another object has the name of an object to restore."""

    code = "name_taken"
    template = (
        'The name "{name}" is in use by now. Restore it under another name, such as "{suggestion}".'
    )
    loc = ("body", "name")


class RefMoved(Conflict):
    """The ref doesn't name the expected commit."""

    code = "ref_moved"


class RefImmutable(Conflict):
    """The ref of a sample or a saved query can't be moved."""

    code = "ref_immutable"


class ColumnsChanged(Conflict):
    """An import has other columns than the version that it would replace."""

    code = "columns_changed"

    def __init__(self, ref: str, changes: str, *, by_dataset: bool) -> None:
        demand, advice = (
            ("the dataset", "a user with the right admin can allow others in its settings.")
            if by_dataset
            else ("the request", ANY_COLUMNS)
        )
        super().__init__(
            "The columns differ from those of {ref}: {changes}. Nothing was imported, since "
            f"{demand} requires the same columns. Correct the file, or {advice}",
            ref=ref,
            changes=changes,
        )


class StaleJob(Conflict):
    """An attempt reports on a job that has ended or has another attempt."""

    code = "stale_job"
    template = "Attempt {attempt} of job {job} isn't the running one."


class TooManyWaiting(DomainError):
    """A user's queue is full."""

    code = "too_many_waiting_jobs"
    template = "You have {limit} waiting jobs. Try again when some have started."
    retry_after_s = 30


class InvalidValue(DomainError):
    """A value that can't be stored."""

    code = "invalid_value"


class Forbidden(DomainError):
    """The user lacks the role or level."""

    code = "forbidden"


class TokenEnded(DomainError):
    """The token ended while the request ran."""

    code = "unauthorized"
    template = "Sign in again: the token of this request has ended."


class TokenExpired(DomainError):
    """The token of the request has expired."""

    code = "unauthorized"
    template = 'The token "{name}" expired at {expires_at}. Create a new one.'


class NotWritable(DomainError):
    """The disk is full or read-only, or the data directory is missing."""

    code = "storage_not_writable"
    retry_after_s = 5


class DamagedData(DomainError):
    """A data file or upload is missing, unreadable or changed."""

    code = "damaged_data"


class FilesInUse(Conflict):
    """A backup, a check or another prune uses the data files."""

    code = "files_in_use"


class DamagedDatabase(DomainError):
    """SQLite can't read the database, or it is missing."""

    code = "damaged_database"
    template = (
        "The database is damaged: {why}. Stop the server, run jobsvc check, and restore the data "
        "directory from a backup."
    )


class CannotOpenDatabase(DomainError):
    """The database can't be opened: file permissions, disk space, or a lock of a program."""

    code = "cannot_open_database"


class DataDirectoryInUse(DomainError):
    """Another process owns the data directory."""

    code = "data_directory_in_use"


class NewerSchema(DomainError):
    """A newer version of jobsvc wrote the database."""

    code = "newer_schema"
    template = (
        "The database has schema version {version}; this jobsvc opens versions up to {newest}. "
        "Install the version of jobsvc that wrote it, or a newer one."
    )


class OlderSchema(DomainError):
    """The schema of the database is too old for the migrations of this version."""

    code = "older_schema"
    template = (
        "The database has schema version {version}; this jobsvc opens versions from {oldest}. Make "
        "a backup, run jobsvc serve of version {release} once, and start this version again."
    )


class UnmigratedSchema(DomainError):
    """A start migrates the database, but this command only reads it."""

    code = "unmigrated_schema"
    template = (
        "The database has schema version {version}; this command reads version {newest}. Start "
        "jobsvc serve once, which migrates the database, or use the version of jobsvc that wrote "
        "it."
    )


class UnknownSchema(DomainError):
    """The database's tables, indexes or triggers differ from those of this version."""

    code = "unknown_schema"


class ForeignDirectory(DomainError):
    """The directory has files of another program."""

    code = "foreign_directory"


class NoDataDirectory(DomainError):
    """The data directory doesn't exist, and the command doesn't create one."""

    code = "no_data_directory"
    template = (
        "No data directory at {root}. Check --data-dir and JOBSVC_DATA_DIR, or create one with "
        "jobsvc serve or jobsvc demo."
    )
