"""Simulations of what statements at a confidence are worth, each a module with its own options.

python -m benchmarks.coverage [designs] [--draws 1000] [--design NAME ...]
python -m benchmarks.coverage NAME
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main() -> None:
    """Run the simulation that the command line names; by default that of the designs."""
    name = sys.argv.pop(1) if len(sys.argv) > 1 and sys.argv[1][0] != "-" else "designs"
    if name not in NAMES:
        raise SystemExit(f"There is no simulation {name}. Choose one of: {', '.join(NAMES)}.")
    import_module(f"benchmarks.coverage.{name}").main()


if __name__ == "__main__":
    main()
