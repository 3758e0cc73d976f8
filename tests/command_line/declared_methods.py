"""The methods' declarations as the commands read them, written from those of the sampling engine.

``python -m tests.command_line.declared_methods`` writes the file; a test compares it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from application.samples.facts import favoured_rows
from sampling_engine import METHODS, MethodDeclaration, Parameter
from sampling_engine.engines.engine import ENGINES

FILE = Path(__file__).parents[2] / "command_line" / "methods.json"


def file_text() -> str:
    """Return the text of the file."""
    declared = {"engines": ENGINES, "methods": [_method(method) for method in METHODS]}
    return json.dumps(declared, ensure_ascii=False, indent=1) + "\n"


def _method(method: MethodDeclaration) -> dict[str, Any]:
    return {
        "name": method.name,
        "is_other_name": method.other_name_of is not None,
        "favours": favoured_rows({"rounds": [{"method": method.name}]}),
        "parameters": [_parameter(one) for one in method.parameters if one.option is not None],
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "option": parameter.option,
        "type": parameter.type,
        "description": parameter.description,
        "is_column": parameter.column is not None,
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "choices": parameter.choices,
    }


if __name__ == "__main__":
    FILE.write_text(file_text(), encoding="utf-8")
