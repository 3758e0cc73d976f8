"""Restore unpacks only archives of the form that a backup writes."""

from __future__ import annotations

import io
import stat
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from storage.contents import DATABASE
from storage.errors import InvalidValue
from storage.maintenance.backup import unpack

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


def test_unpacked_files_are_private(tmp_path: Path, target: Path) -> None:
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
def test_archive_members_must_be_regular_files(
    tmp_path: Path, target: Path, name: str, kind: bytes
) -> None:
    archive = archive_of(tmp_path, member(name, 0, type=kind, linkname="elsewhere"))
    with pytest.raises(InvalidValue, match="which no backup does"):
        unpack(archive, target)
    assert not files_in(target)


def test_sparse_file_larger_than_its_archive_is_refused(tmp_path: Path, target: Path) -> None:
    holes = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(10**15)}
    archive = archive_of(tmp_path, member(DATABASE, pax_headers=holes))
    with pytest.raises(InvalidValue, match="which no backup does"):
        unpack(archive, target)
    assert not files_in(target)


def test_duplicate_members_are_refused(tmp_path: Path, target: Path) -> None:
    archive = archive_of(tmp_path, member(DATABASE), member(FILE), member(FILE))
    with pytest.raises(InvalidValue, match="twice"):
        unpack(archive, target)


@pytest.mark.parametrize("time", ["inf", "nan", "1e300", "-1e300"])
def test_invalid_times_are_refused(tmp_path: Path, target: Path, time: str) -> None:
    archive = archive_of(tmp_path, member(DATABASE, pax_headers={"mtime": time}))
    with pytest.raises(InvalidValue, match="isn't a backup"):
        unpack(archive, target)


def write_long_header(place: Path, kind: bytes) -> None:
    """Write a header of 128 MiB, as a sparse file."""
    size_bytes = 128 * 1024**2
    header = member("x", size_bytes, type=kind).tobuf(tarfile.USTAR_FORMAT)
    with place.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size_bytes)


def write_hole_blocks(place: Path) -> None:
    """Write a GNU sparse file whose list of holes has 8,000 blocks."""
    header = bytearray(member(DATABASE, type=tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # there is more
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    block = b"00000000001\0" * 42 + b"\1".ljust(8, b"\0")
    place.write_bytes(header + block * 8_000)


def write_hole_list(place: Path) -> None:
    """Write a sparse file of version 1.0, whose content begins with the list of holes."""
    rule = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "10"}
    content = b"1000000\n" + b"1\n" * 2_000_000
    header = member(DATABASE, len(content), pax_headers=rule).tobuf(tarfile.PAX_FORMAT)
    place.write_bytes(header + content + bytes(1024))


@pytest.mark.parametrize("kind", ["x", "g", "X", "L", "K", "S", "sparse 1.0"])
def test_long_header_is_refused_before_it_uses_memory(
    tmp_path: Path, target: Path, kind: str
) -> None:
    archive = tmp_path / "backup.tar"
    if kind == "S":
        write_hole_blocks(archive)
    elif kind == "sparse 1.0":
        write_hole_list(archive)
    else:
        write_long_header(archive, kind.encode())
    tracemalloc.start()
    try:
        with pytest.raises(InvalidValue, match="a header of more than 16,384 bytes"):
            unpack(archive, target)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 1024**2
    assert not files_in(target)


def test_members_can_have_short_headers(tmp_path: Path, target: Path) -> None:
    names = [DATABASE, *(f"files/{digits}/{digits * 32}.parquet" for digits in ("ab", "cd", "ef"))]
    of_another_tar = {"SCHILY.xattr.user.note": "x" * 10_000}
    archive = archive_of(
        tmp_path, *(member(name, 100_000, pax_headers=of_another_tar) for name in names)
    )
    unpack(archive, target)
    assert {str(path.relative_to(target)) for path in files_in(target)} == set(names)


def test_header_sizes_of_members_do_not_add_up(tmp_path: Path, target: Path) -> None:
    names = [DATABASE, *(f"files/ab/ab{number:062x}.parquet" for number in range(40))]
    said = {f"{number:x}": "" for number in range(1_000)}
    archive = archive_of(tmp_path, *(member(name, 0, pax_headers=said) for name in names))
    tracemalloc.start()
    try:
        unpack(archive, target)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 2 * 1024**2


def test_global_header_is_refused(tmp_path: Path, target: Path) -> None:
    archive = tmp_path / "backup.tar"
    with tarfile.open(archive, "w", pax_headers={"comment": "all"}) as made:
        made.addfile(member(DATABASE, 0))
    with pytest.raises(InvalidValue, match="has a header for all members"):
        unpack(archive, target)
    assert not files_in(target)


@pytest.mark.timeout(20)
def test_negative_sizes_and_endless_headers_are_refused(tmp_path: Path) -> None:
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
        with pytest.raises(InvalidValue, match="isn't a backup"):
            unpack(archive, target)
