"""The files that pages are made with: scripts, a style sheet, a picture.

Owns: their addresses. Invariants: an address holds a digest of all files, so browsers keep it for
good; whatever a script imports is named beside it, so a browser asks for all of it at once rather
than for one after the other. Used by the templates, by way of ``shell``.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

STATIC = Path(str(files("web_ui").joinpath("static")))
OF_EVERY_PAGE = "shell.js"
IMPORTED = re.compile(r'^import (?:[^"]* from )?"\./([a-z_]+\.js)";$', re.MULTILINE)
SCRIPT = Markup('<script type="module" src="{}"></script>')
PRELOAD = Markup('<link rel="modulepreload" href="{}">')


@cache
def files_digest() -> str:
    """What stands for the present content of all files."""
    content = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        content.update(path.name.encode() + path.read_bytes())
    return content.hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a file of the pages."""
    return f"/pages/{files_digest()}/{name}"


@cache
def script(name: str) -> Markup:
    """The element that runs a script, after those that have its imports asked for.

    What every page imports anyhow is left to the script of every page.
    """
    known = imported_by(OF_EVERY_PAGE) if name != OF_EVERY_PAGE else frozenset()
    early, run = sorted(imported_by(name) - known), SCRIPT.format(asset(name))
    return Markup("\n").join([*(PRELOAD.format(asset(one)) for one in early), run])


@cache
def imported_by(name: str) -> frozenset[str]:
    """All scripts that a script imports, also by way of others."""
    direct = IMPORTED.findall((STATIC / name).read_text(encoding="utf-8"))
    return frozenset(direct).union(*(imported_by(one) for one in direct))
