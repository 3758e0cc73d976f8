"""The methods' declarations as the commands read them, written from those of the sampling engine.

``python -m tests.command_line.declared_methods`` writes the file; a test compares it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from application.samples.facts import favoured_rows
from contract.declarations import Declared
from contract.fields import Choice, Items, Mapped
from sampling_engine import METHODS

FILE = Path(__file__).parents[2] / "command_line" / "methods.json"


def file_text() -> str:
    """Return the text of the file."""
    declared = [
        {
            "name": method.name,
            "is_other_name": method.is_other_name,
            "favours": favoured_rows({"rounds": [{"method": method.name}]}),
            "parameters": [_parameter(own) for own in method.parameters if own.option],
        }
        for method in METHODS
    ]
    return json.dumps(declared, ensure_ascii=False, indent=1) + "\n"


def _parameter(own: Declared) -> dict[str, Any]:
    kind = own.kind.of if isinstance(own.kind, Items | Mapped) else own.kind
    bounds = asdict(kind.bounds) if hasattr(kind, "bounds") else {}
    given = {name: value for name, value in bounds.items() if value is not None}
    titles = kind.titles if isinstance(kind, Choice) else {}
    return {
        "name": own.name,
        "option": own.option,
        "help": own.help,
        "kind": [type(kind).__name__, given, titles],
        "is_repeatable": isinstance(own.kind, Items),
        "metavar": own.kind.metavar if isinstance(own.kind, Mapped) else None,
    }


if __name__ == "__main__":
    FILE.write_text(file_text(), encoding="utf-8")
