"""The one file of a backup: a plain tar of the database and the data files, and nothing else.

Invariant: what is unpacked has exactly the names, kinds and permissions that a backup gives it, so
an archive from elsewhere can't bring an owner's note, an upload, a link or a second database, and
takes little memory, whatever it says. What is in the files is checked afterwards. Called by
``storage.backup``.
"""

from __future__ import annotations

import io
import math
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.checking import Told
from storage.data_directory import DataDirectory
from storage.data_files import DataFiles
from storage.errors import InvalidValue
from storage.recognition import DATABASE

DATA_FILE = re.compile(r"files/([0-9a-f]{2})/\1[0-9a-f]{62}\.parquet")
MOST_HEADER_BYTES = 16 * 1024
"""What may come before the content of a member. Ours, which tell its time and a large size, too,
take less than 2 KiB."""


@dataclass(frozen=True)
class BackedUp:
    """What went into a backup."""

    files: int
    size_bytes: int


def write_archive(
    directory: DataDirectory, snapshot: Path, hashes: list[str], target: Path, told: Told
) -> BackedUp:
    """Write a new file of a copy of the database and of the data files with these hashes."""
    store = DataFiles(directory.files_dir)
    size_bytes = 0
    # It holds what the data directory keeps to its owner.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(descriptor, "wb") as file,
        tarfile.open(fileobj=file, mode="w:") as archive,  # Parquet is packed already
    ):
        archive.add(snapshot, DATABASE, filter=_for_its_owner)
        for place, sha256 in enumerate(hashes):
            told(place / len(hashes), f"file {sha256[:12]}")
            path = store.path(sha256)
            archive.add(path, str(path.relative_to(directory.root)), filter=_for_its_owner)
            size_bytes += path.stat().st_size
    told(1.0, "written")
    return BackedUp(len(hashes), size_bytes)


def unpack(archive: Path, target: Path) -> None:
    """Unpack an archive into an empty directory.

    Raises
    ------
    InvalidValue
        It is no backup, is cut short, or holds something that no backup does.
    """
    (target / "files").mkdir(mode=0o700)
    try:
        with _Archive(archive) as file, tarfile.open(fileobj=file, mode="r:") as packed:
            for member in _members(archive, packed):
                path = target / member.name
                path.parent.mkdir(mode=0o700, exist_ok=True)
                with file.at_a_members_content():
                    packed.extract(member, target, filter="data")  # its time, too, which is a seal
                path.chmod(0o600 if member.name == DATABASE else 0o400)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise InvalidValue(f"{archive} is no backup of jobsvc ({error}).") from None
    if not (target / DATABASE).is_file():
        raise InvalidValue(f"{archive} is no backup of jobsvc: it holds no database.")


class _Archive(io.BufferedReader):
    """An archive's file, of which only what its members contain can be read at any length.

    ``tarfile`` of Python 3.11 takes a header of gigabytes into memory, follows headers of headers,
    and lists the holes of files, all before anyone sees the member.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._spare_bytes: float = MOST_HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= self._spare_bytes:
            raise tarfile.ReadError(f"a header of more than {MOST_HEADER_BYTES:,} bytes")
        self._spare_bytes -= size
        return super().read(size)

    @contextmanager
    def at_a_members_content(self) -> Iterator[None]:
        """What is read inside the block is no header; after it comes the next member's."""
        self._spare_bytes = math.inf
        yield
        self._spare_bytes = MOST_HEADER_BYTES


def _for_its_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode &= 0o600
    return member


def _members(archive: Path, packed: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members in order, each one that a backup may hold and that wasn't there before."""
    seen: set[str] = set()
    for member in packed:
        if packed.pax_headers:  # which would add up, and be copied for each member
            raise InvalidValue(
                f"{archive} is no backup of jobsvc: it has a header for all members."
            )
        member.pax_headers = {}  # what it says has been done, and all members stay in memory
        ours = member.name == DATABASE or DATA_FILE.fullmatch(member.name)
        plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
        if not ours or not plain or member.name in seen:
            how = " twice" if member.name in seen else ", which no backup does"
            raise InvalidValue(f"{archive} is no backup of jobsvc: it holds {member.name!r}{how}.")
        seen.add(member.name)
        yield member
