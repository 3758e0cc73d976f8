"""Writes the files that derive from the declared methods into copies of their packages."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.client import api_fields
from tests.command_line import declared_methods


def main(packages: Path) -> None:
    """Write the client's fields and the commands' methods."""
    fields = packages / "jobsvc_client" / "fields.py"
    fields.write_text(api_fields.module_text(), encoding="utf-8")
    methods = packages / "command_line" / "methods.json"
    methods.write_text(declared_methods.file_text(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
