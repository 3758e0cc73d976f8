"""Contenders of a benchmark: each runs in a process of its own, and they take turns.

So the peak memory of each is its own, and a busy machine slows all alike. A first run reads the
footers of files and isn't counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import peak_mib

TPCHGEN = str(Path(sys.executable).with_name("tpchgen-cli"))
"""The extra ``bench`` installs it beside the interpreter, which needn't be on the PATH."""


@dataclass
class Contender:
    """A process that runs one contender each time it is asked."""

    name: str
    process: subprocess.Popen[str]
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    def run(self, *, counts: bool) -> None:
        """Run once."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        seconds, cpu_seconds, self.peak_mb = map(float, self.process.stdout.readline().split())
        if counts:
            self.seconds.append(seconds)
            self.cpu_seconds.append(cpu_seconds)

    @property
    def median(self) -> float:
        """Median time in seconds."""
        return statistics.median(self.seconds)

    @property
    def median_cpu(self) -> float:
        """Median CPU time in seconds."""
        return statistics.median(self.cpu_seconds)


def contender_options(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """A parser of the options that all benchmarks of contenders have.

    ``--serve`` starts the process of one contender.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"runs that count ({rounds})")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(tempfile.gettempdir()) / "jobsvc-benchmarks",
        help="where made files are kept for the next time",
    )
    parser.add_argument("--serve", nargs=2, metavar=("CONTENDER", "FILE"), help=argparse.SUPPRESS)
    return parser


def answer(run: Callable[[], object], clean_up: Callable[[], object] | None = None) -> None:
    """Run for each line of input; print seconds, CPU seconds and peak memory in MiB."""
    for _ in sys.stdin:
        start, cpu_start = time.perf_counter(), time.process_time()
        run()
        cpu_seconds, seconds = time.process_time() - cpu_start, time.perf_counter() - start
        print(seconds, cpu_seconds, peak_mib(), flush=True)
        if clean_up is not None:
            clean_up()


def run_in_turns(
    arguments: Mapping[str, Sequence[str]], rounds: int, *, first_counts: bool = False
) -> dict[str, Contender]:
    """Start a Python process for each contender, with its arguments, and run all in turns.

    Each runs once more than ``rounds``, and the first run counts only if ``first_counts``.
    """
    contenders = {
        name: Contender(
            name,
            subprocess.Popen(
                [sys.executable, *given],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ),
        )
        for name, given in arguments.items()
    }
    for turn in range(rounds + 1):
        for one in contenders.values():
            one.run(counts=turn > 0 or first_counts)
    for one in contenders.values():
        one.process.communicate()
    return contenders
