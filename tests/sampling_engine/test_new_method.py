"""A new method is one module and its line in the list of methods."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


def test_a_new_method_is_one_module_and_one_line(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    plain = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sampling_engine", packages / "sampling_engine", ignore=plain)
    shutil.copytree(ROOT / "client" / "jobsvc_client", packages / "jobsvc_client", ignore=plain)
    shutil.copytree(ROOT / "command_line", packages / "command_line", ignore=plain)
    methods = packages / "sampling_engine" / "methods"
    shutil.copy(HERE / "block_method.py", methods / "block.py")
    listed = (methods / "__init__.py").read_text(encoding="utf-8")
    listed = listed.replace(
        "from sampling_engine.methods.cluster.declaration import",
        "from sampling_engine.methods.block import BlockMethod\n"
        "from sampling_engine.methods.cluster.declaration import",
    ).replace("    SplitMethod,\n)", "    SplitMethod,\n    BlockMethod,\n)")
    (methods / "__init__.py").write_text(listed, encoding="utf-8")
    path = os.pathsep.join([str(packages), str(ROOT)])
    for script, *arguments in (
        (HERE / "write_declarations.py", packages),
        (HERE / "block_everywhere.py", tmp_path, packages),
    ):
        found = subprocess.run(
            [sys.executable, script, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stdout + found.stderr
