"""Hints for the design of a sample, as commands print them: suggestions, never more."""

from __future__ import annotations

from typing import Any

from command_line.output import say

USES = (("strata", "strata"), ("sizes", "a size measure"), ("clusters", "clusters"))


def tell_hints(hints: dict[str, Any], most: int = 5) -> None:
    """Print which columns would serve for what, the best ``most`` of each, a line each."""
    for kind, use in USES:
        for hint in hints[kind][:most]:
            say(f"{hint['column']} would serve as {use}: {hint['reason']}")
