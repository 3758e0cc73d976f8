"""The code fits macOS and Windows as far as a Linux machine can tell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import mypy

ROOT = Path(__file__).parents[1]
IMPORT_ALL = """
import importlib, pkgutil, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "pwd", "grp", "termios"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
packages = sys.argv[1].split(",")
for name in ("operating_system", "domain_errors", "composition_root", "jobsvc"):
    importlib.import_module(name)
count = 0
for package in packages:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, f"{package}."):
        importlib.import_module(found.name)
        count += 1
print(count)
"""
PACKAGES = (
    *("parquet_tables", "import_engine", "sampling_engine", "estimation_engine"),
    *(
        "profiling_engine",
        "sql_sandbox",
        "storage",
        "service",
        "job_runner",
        "application",
        "http_api",
    ),
    *("http_api", "web_ui", "command_line"),
)


def test_every_module_loads_without_the_modules_of_posix() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, ",".join(PACKAGES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200


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
        if not name.startswith(("tests/", "benchmarks/", "deploy/", "setup.py"))
        and imports.search((ROOT / name).read_text(encoding="utf-8"))
    ]


def faults(platform: str, *more: str) -> set[str]:
    """What mypy reports of these modules, which take the other modules' types for ``Any``."""
    alone = ("--config-file=", "--follow-imports=skip", "--ignore-missing-imports")
    done = subprocess.run(
        [*(sys.executable, "-m", "mypy", "--platform", platform), *alone, *cache(platform), *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return set(done.stdout.splitlines()[:-1])


def cache(platform: str) -> tuple[str, str]:
    """A cache for each platform: mypy drops what another one has written."""
    return "--cache-dir", f".mypy_cache/{platform}"


def test_types_fit_windows() -> None:
    """With the types of a few modules alone, mypy is quick; it errs alike for both systems."""
    modules = modules_that_differ()
    assert "operating_system.py" in modules
    assert sorted(faults("win32", *modules) - faults("linux", *modules)) == []


def test_types_fit_macos() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--platform",
            "darwin",
            *cache("darwin"),
            "operating_system.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_linear_algebra_starts_no_threads() -> None:
    code = (
        "import os; from operating_system import limit_blas_threads; limit_blas_threads(); "
        "import numpy; numpy.ones((900, 900)) @ numpy.ones((900, 900)); "
        "print(len(os.listdir('/proc/self/task')))"
    )
    variables = {name: text for name, text in os.environ.items() if "BLAS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1"
