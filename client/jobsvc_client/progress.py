"""Progress of jobs that take long: a bar in a terminal, or one of a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jobsvc_client.display import escaped

BAR_AFTER_S = 0.5
PERCENT = 100
BAR = '<label>{label} <progress max="100" value="{percent:.0f}"></progress> {percent:.0f} %</label>'

Show = Callable[[float], object]
"""Takes the percentage."""


@contextmanager
def progress_bar(label: str, *, is_shown: bool) -> Iterator[Show]:
    """Show a bar if the job takes long; nothing of it is left at its end.

    In a terminal it is that of tqdm, if that is installed.
    """
    if not is_shown:
        yield lambda percent: None
    elif (display := _display_of_notebook()) is not None:
        with _notebook_bar(label, display) as show:
            yield show
    else:
        with _terminal_bar(label) as show:
            yield show


@contextmanager
def _terminal_bar(label: str) -> Iterator[Show]:
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda percent: None
        return
    with tqdm(total=PERCENT, desc=label, unit="%", leave=False, delay=BAR_AFTER_S) as bar:
        yield lambda percent: bar.update(percent - bar.n)


def _display_of_notebook() -> Callable[..., Any] | None:
    """The function that shows an output in a notebook; None elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if getattr(shell, "kernel", None) is None:
        return None
    from IPython.display import display

    return display


@contextmanager
def _notebook_bar(label: str, display: Callable[..., Any]) -> Iterator[Show]:
    """An output that is updated, and empty at the end: tqdm's text would stay in the cell."""
    begin = time.monotonic()
    handle: Any = None

    def show(percent: float) -> None:
        nonlocal handle
        if time.monotonic() - begin < BAR_AFTER_S:
            return
        html = BAR.format(label=escaped(label), percent=percent)
        shown = {"text/plain": f"{label} {percent:.0f} %", "text/html": html}
        if handle is None:
            handle = display(shown, raw=True, display_id=True)
        else:
            handle.update(shown, raw=True)

    try:
        yield show
    finally:
        if handle is not None:
            handle.update({"text/plain": "", "text/html": ""}, raw=True)
