"""Checks the types of modules that differ on macOS and Windows, which mypy can do on Linux."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import mypy

ROOT = Path(__file__).parents[1]


def modules_that_differ() -> list[str]:
    """The modules that import one whose names depend on the operating system."""
    stubs = Path(mypy.__file__).parent / "typeshed" / "stdlib"
    names = {
        path.relative_to(stubs).with_suffix("").parts[0]
        for path in stubs.rglob("*.pyi")
        if "sys.platform" in path.read_text(encoding="utf-8")
    }
    imports = re.compile(
        rf"^\s*(?:import|from) (?:{'|'.join(names)}|operating_system)\b", re.MULTILINE
    )
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, check=True)
    return [
        name
        for name in listed.stdout.decode().splitlines()
        if not name.startswith(("tests/", "benchmarks/", "deploy/", "setup.py", ".ci/"))
        and imports.search((ROOT / name).read_text(encoding="utf-8"))
    ]


def faults(platform: str, *arguments: str) -> set[str]:
    """Run mypy for a platform; each has a cache, since mypy drops what another one has written."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--platform", platform),
            *("--cache-dir", f".mypy_cache/{platform}", *arguments),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.stderr:
        raise SystemExit(done.stderr)
    return set(done.stdout.splitlines()[:-1])


def main() -> None:
    """Print the faults; with the types of a few modules alone, mypy is quick."""
    modules = modules_that_differ()
    if "operating_system.py" not in modules:
        raise SystemExit("the modules that depend on the operating system weren't found")
    alone = ("--config-file=", "--follow-imports=skip", "--ignore-missing-imports", *modules)
    # Without the other modules' types, mypy errs alike for both systems.
    differing = faults("win32", *alone) - faults("linux", *alone)
    differing |= faults("darwin", "operating_system.py")
    if differing:
        raise SystemExit("\n".join(sorted(differing)))


if __name__ == "__main__":
    main()
