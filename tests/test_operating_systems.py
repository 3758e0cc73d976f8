"""The code loads on macOS and Windows; `.ci/platform_types.py` checks its types for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMPORT_ALL = """
import importlib, pkgutil, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "pwd", "grp", "termios"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
packages = sys.argv[1].split(",")
for name in ("operating_system", "domain_errors", "lazy_dataclasses", "composition_root", "jobsvc"):
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
