"""What identifies the installed code."""

from __future__ import annotations

import hashlib
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

KINDS = (".py", ".toml", ".json")
"""The endings of files with code and published numbers."""


def files_digest() -> str:
    """The SHA-256 of the program's files: of a line for each, sorted by path.

    A line is that of ``sha256sum``: the file's SHA-256, two spaces, and its path, such as
    ``application/validation/report.py``.
    """
    names = (distribution("jobsvc").read_text("top_level.txt") or "").split()
    found: dict[str, Path] = {}
    for name in names:
        spec = find_spec(name)
        if spec is None:
            continue
        for folder in map(Path, spec.submodule_search_locations or ()):
            for path in folder.rglob("*"):
                if path.suffix in KINDS and path.is_file():
                    found[f"{name}/{path.relative_to(folder).as_posix()}"] = path
        if not spec.submodule_search_locations and spec.origin:
            found[f"{name}.py"] = Path(spec.origin)
    digests = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n"
        for name, path in sorted(found.items())
    )
    return hashlib.sha256("".join(digests).encode()).hexdigest()
