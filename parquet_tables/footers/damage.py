"""Damaged data files: which of DuckDB's errors may come from one, and the error of a reader."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import duckdb

from domain_errors import DomainError
from parquet_tables.transient_errors import is_machine_error

_SHA256 = re.compile(r"[0-9a-f]{64}")
_OF_STATEMENTS = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.NotImplementedException,
    duckdb.OutOfRangeException,
    duckdb.ParserException,
    duckdb.PermissionException,
    duckdb.SyntaxException,
)
"""Errors that a statement on whole files may end with."""


class DamagedFile(DomainError):
    """A data file can't be decoded."""

    code = "damaged_data"

    @classmethod
    def attached(cls, name: str, problem: str = "it can't be decoded") -> Self:
        """The error of an attached file."""
        return cls(
            "The attached file {name} is damaged ({problem}). Restore it from where it comes, and "
            "attach the table again.",
            name=name,
            problem=problem,
        )

    @classmethod
    def one_of(cls, names: Sequence[str]) -> Self:
        """The error of files of which one is damaged."""
        if len(names) == 1:
            return cls.attached(names[0])
        return cls(
            "One of the attached files {names} is damaged (it can't be decoded). Restore it from "
            "where it comes, and attach the table again.",
            names=", ".join(names),
        )

    @classmethod
    def stored(cls, sha256: str) -> Self:
        """The error of a file of the data directory."""
        return cls(
            "The data file {file} is damaged: it can't be decoded. Run jobsvc check, and restore "
            "it from a backup.",
            file=sha256[:12],
        )


def may_be_damage(error: duckdb.Error) -> bool:
    """Whether a damaged file can be the cause of an error.

    DuckDB's reader of Parquet fails in many ways, some without a class or a file's name. A page
    that states an absurd size ends in a lack of memory.
    """
    if isinstance(error, duckdb.OutOfMemoryException):
        return True
    return not is_machine_error(error) and not isinstance(error, _OF_STATEMENTS)


def is_of_reader(error: duckdb.Error) -> bool:
    """Whether an error has no class of DuckDB's: it is one of the reader's libraries."""
    return type(error) is duckdb.Error


def is_whole(path: Path) -> bool:
    """Whether a file of the store has the content that its name says; others count as whole."""
    if not _SHA256.fullmatch(path.stem):
        return True
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == path.stem
    except OSError:
        return False
