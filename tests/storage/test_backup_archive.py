"""Of an archive only what a backup writes is unpacked, and only as a backup writes it."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest

from storage.backup_archive import unpack
from storage.data_directory import DATABASE
from storage.errors import InvalidValue

FILE = f"files/ab/{'ab' * 32}.parquet"


def archive_of(place: Path, *members: tarfile.TarInfo) -> Path:
    archive = place / "backup.tar"
    with tarfile.open(archive, "w") as made:
        for member in members:
            made.addfile(member, io.BytesIO(bytes(member.size)) if member.isreg() else None)
    return archive


def member(name: str, size_bytes: int = 10, **of: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size = size_bytes
    for key, value in of.items():
        setattr(made, key, value)
    return made


def files_in(target: Path) -> list[Path]:
    return [path for path in target.rglob("*") if not path.is_dir() or path.is_symlink()]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    made = tmp_path / "target"
    made.mkdir()
    return made


def test_what_is_unpacked_is_its_owners_alone_whatever_the_archive_says(
    tmp_path: Path, target: Path
) -> None:
    archive = archive_of(tmp_path, member(DATABASE, mode=0o6777), member(FILE, mode=0o777))
    unpack(archive, target)
    modes = {
        str(path.relative_to(target)): stat.S_IMODE(path.stat().st_mode)
        for path in target.rglob("*")
    }
    assert modes == {DATABASE: 0o600, "files": 0o700, "files/ab": 0o700, FILE: 0o400}


@pytest.mark.parametrize("name", [DATABASE, FILE])
@pytest.mark.parametrize(
    "kind",
    [
        tarfile.DIRTYPE,
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
    ],
)
def test_under_our_names_are_plain_files_alone(
    tmp_path: Path, target: Path, name: str, kind: bytes
) -> None:
    archive = archive_of(tmp_path, member(name, 0, type=kind, linkname="elsewhere"))
    with pytest.raises(InvalidValue, match="which no backup does"):
        unpack(archive, target)
    assert not files_in(target)


def test_a_file_with_holes_that_would_be_larger_than_its_archive_is_refused(
    tmp_path: Path, target: Path
) -> None:
    holes = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(10**15)}
    archive = archive_of(tmp_path, member(DATABASE, pax_headers=holes))
    with pytest.raises(InvalidValue, match="which no backup does"):
        unpack(archive, target)
    assert not files_in(target)


def test_nothing_comes_twice(tmp_path: Path, target: Path) -> None:
    archive = archive_of(tmp_path, member(DATABASE), member(FILE), member(FILE))
    with pytest.raises(InvalidValue, match="twice"):
        unpack(archive, target)


@pytest.mark.parametrize("time", ["inf", "nan", "1e300", "-1e300"])
def test_a_time_that_cannot_be_is_refused(tmp_path: Path, target: Path, time: str) -> None:
    archive = archive_of(tmp_path, member(DATABASE, pax_headers={"mtime": time}))
    with pytest.raises(InvalidValue, match="no backup"):
        unpack(archive, target)


@pytest.mark.timeout(20)
def test_a_size_below_nothing_and_endless_headers_are_refused(tmp_path: Path) -> None:
    size = slice(124, 136)
    header = bytearray(member(DATABASE, 0).tobuf(tarfile.GNU_FORMAT))
    header[size] = b"\xff" * 10 + b"\xfc\x00"  # minus 1,024
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    extended = member("x", 8, type=tarfile.XHDTYPE).tobuf(tarfile.USTAR_FORMAT)
    endless = (extended + b"8 a=bcd\n".ljust(512, b"\0")) * 3_000
    archive = tmp_path / "backup.tar"
    for content in (bytes(header) * 3, endless):
        archive.write_bytes(content + bytes(1024))
        target = tmp_path / f"target-{len(content)}"
        target.mkdir()
        with pytest.raises(InvalidValue, match="no backup"):
            unpack(archive, target)
