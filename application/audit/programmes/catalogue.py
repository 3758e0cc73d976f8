"""The programmes of a server: those of jobsvc, and the files of its folder ``programmes_dir``.

The folder is read at each request for programmes, so a changed file counts at once. A file that
can't be read is listed with its problem, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from application.audit.programmes.reading import (
    MAX_FILE_BYTES,
    InvalidProgramme,
    Programme,
    read_programme,
)
from domain_errors import DomainError, choices_sentence
from lazy_dataclasses import dataclass
from service.settings import Settings

BUILTIN = Path(__file__).parent / "builtin"
ENDING = ".toml"
MAX_FILES = 100
"""Files of a folder; others are listed as not read."""


class UnknownProgramme(DomainError):
    """No programme has the name."""

    code = "unknown_programme"


@dataclass(frozen=True)
class BrokenProgramme:
    """A file that isn't used, and why."""

    file_name: str
    problem: str


@dataclass(frozen=True)
class Library:
    """The programmes by their names, and the files that aren't used."""

    programmes: Sequence[Programme]
    broken: Sequence[BrokenProgramme]

    def find(self, name: str) -> Programme | None:
        """A programme by its name, if there is one."""
        return next((each for each in self.programmes if each.name == name), None)

    def programme(self, name: str, *loc: str | int) -> Programme:
        """A programme by its name.

        Raises
        ------
        UnknownProgramme
            There is none; the location is that of the field.
        """
        found = self.find(name)
        if found is not None:
            return found
        raise UnknownProgramme(
            'There is no programme "{name}". {choices}',
            name=name[:60],
            choices=choices_sentence(name, [each.name for each in self.programmes]),
            loc=loc,
        )


def builtin_programmes() -> list[Programme]:
    """The programmes of jobsvc."""
    return [
        _builtin(path) for path in sorted(BUILTIN.glob(f"*{ENDING}"), key=lambda path: path.stem)
    ]


def library_of(settings: Settings) -> Library:
    """The programmes of a server, those of jobsvc first."""
    programmes = builtin_programmes()
    if not settings.programmes_dir:
        return Library(programmes, [])
    broken: list[BrokenProgramme] = []
    folder = Path(settings.programmes_dir)
    if not folder.is_dir():
        broken.append(BrokenProgramme("", "The folder of programmes_dir doesn't exist."))
    for number, path in enumerate(sorted(folder.glob(f"*{ENDING}"))):
        try:
            if number >= MAX_FILES:
                raise InvalidProgramme(
                    "{file}: not read, as the folder has more than {most} files.",
                    file=path.name,
                    most=MAX_FILES,
                )
            found = _of_folder(path)
            if any(each.name == found.name for each in programmes):
                raise InvalidProgramme(
                    '{file}, name: another programme is called "{name}".',
                    file=path.name,
                    name=found.name,
                )
            programmes.append(found)
        except InvalidProgramme as error:
            broken.append(BrokenProgramme(path.name, error.message))
        except OSError as error:
            broken.append(BrokenProgramme(path.name, f"{path.name}: {error.strerror}."))
    return Library(programmes, broken)


@lru_cache(maxsize=50)
def _builtin(path: Path) -> Programme:
    return read_programme(path.read_bytes(), path.name, is_builtin=True)


def _of_folder(path: Path) -> Programme:
    if not path.is_file():
        raise InvalidProgramme("{file}: not a file.", file=path.name)
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    return _read(content, path.name)


@lru_cache(maxsize=MAX_FILES)
def _read(content: bytes, file_name: str) -> Programme:
    """The same content is parsed once."""
    return read_programme(content, file_name)
