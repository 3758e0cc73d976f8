"""Reads the commands of the documentation's pages, and runs those of one page as its reader does.

The commands of a page are one bash script in which each command is on its line of the page.
``jobsvc`` and ``curl`` are small scripts that send their arguments to the test, which runs the
command line in this process and curl against the test's server. Python blocks run in this process,
too, and share their names on a page. A block without a language after a block that ran is what it
prints.
"""

from __future__ import annotations

import contextlib
import gc
import io
import itertools
import json
import os
import re
import select
import shlex
import socket
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from click.testing import CliRunner

import composition_root
from command_line import Composition, command
from tests.support.live_server import LiveServer

ROOT = Path(__file__).parents[1]
SHELLS = ("sh", "bash")
EXAMPLE_JOBS = re.compile(r"917f045a|5e0c2b11")
"""They stand for the newest draw, and for the one before it."""
PLACES = ("/backups/", "/etc/prometheus/", "/srv/")
"""Folders that the pages name; they are folders of the test."""
RUN_HERE = ("jobsvc", "curl", "python", "cmp", "echo", "eval", "sqlite3")
"""Programs that may run; what runs another one is listed in the test, with the reason."""
OPERATORS = ("|", "&&", "<", ">")
TIMEOUT_S = 60
STUB = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as connected:
    connected.connect({address!r})
    given = [{program!r}, sys.argv[1:], sys.stdin.read(), dict(os.environ), os.getcwd()]
    connected.sendall(json.dumps(given).encode() + b"\\n")
    code, output, errors = json.load(connected.makefile())
sys.stderr.write(errors)
sys.stdout.write(output)
sys.exit(code)
"""


@dataclass(frozen=True)
class Block:
    """A fenced block; ``line`` is the page's line, from 1, on which its text begins."""

    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command of a shell block, with its continuation lines."""

    line: int
    text: str

    @property
    def words(self) -> list[str]:
        inner = re.sub(r"^[A-Z_]+=\$\((.*)\)$", r"\1", self.text)
        return shlex.split(inner, comments=True)

    @property
    def program(self) -> str | None:
        """The first word that sets no variable."""
        return next((word for word in self.words if not re.match(r"[A-Z_]+=", word)), None)


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        if line.startswith("```"):
            inside = []
            for _, text in lines:
                if text == "```":
                    break
                inside.append(text)
            yield Block(number + 1, line.removeprefix("```"), "\n".join(inside))


def commands(block: Block) -> Iterator[Command]:
    """The commands of a shell block: an open quote or a backslash continues on the next line."""
    start, text = block.line, ""
    for number, line in enumerate(block.text.splitlines(), block.line):
        text += line
        try:
            words = shlex.split(text, comments=True)
        except ValueError:  # an open quote
            words = None
        if words is None or text.endswith("\\"):
            text += "\n"
            continue
        if words:
            yield Command(start, text)
        start, text = number + 1, ""
    assert not text, f"line {start} doesn't end: {text}"


def usage_fault(words: list[str]) -> str | None:
    """What is wrong with the name or an option of a command ``jobsvc …``; None if nothing is."""
    starts = [at for at, word in enumerate(words) if word in ("jobsvc", ".venv/bin/jobsvc")]
    if not starts:
        return None
    found: click.Command = command
    rest = list(itertools.takewhile(lambda word: word not in OPERATORS, words[starts[-1] + 1 :]))
    while isinstance(found, click.Group) and rest and not rest[0].startswith("-"):
        if rest[0].isupper():  # stands for a name
            return None
        inner = found.get_command(click.Context(found), rest[0])
        if inner is None:
            return f"there is no command {rest[0]!r}"
        found, rest = inner, rest[1:]
    known = {name for one in found.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    options = {word.split("=")[0] for word in rest if word.startswith("--")}
    return f"there is no option {sorted(options - known)}" if options - known else None


class PageRun:
    """Runs the commands of one page in a folder, against a server.

    Parameters
    ----------
    not_run : mapping
        How commands begin that aren't run.
    by_hand : mapping
        What a reader does in the folder before a command of ``jobsvc`` with these arguments.
    """

    def __init__(
        self,
        page: Path,
        folder: Path,
        server: LiveServer,
        not_run: Mapping[str, str],
        by_hand: Mapping[str, Callable[[Path], None]],
    ) -> None:
        self.page, self.folder, self.server = page, folder, server
        self.skipped: set[str] = set()
        self._by_hand = dict(by_hand)
        self._not_run = not_run
        self._blocks = {block.line: block for block in blocks(page)}
        self._names: dict[str, Any] = {"__name__": page.stem}
        self._written = ""
        self._ran_python = False

    def run(self) -> None:
        """Run the page; AssertionError names the line that fails, with what was printed."""
        address = str(self.folder / "calls")
        programs = self.folder / "bin"
        programs.mkdir()
        for program in ("jobsvc", "curl", "page-block"):
            text = STUB.format(python=sys.executable, address=address, program=program)
            (programs / program).write_text(text)
            (programs / program).chmod(0o755)
        for place in PLACES:
            (self.folder / place[1:]).mkdir(parents=True)
        (programs / "python").symlink_to(sys.executable)
        script = self.folder / "page.sh"
        script.write_text(self._script(), encoding="utf-8")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            variables = {"PATH": f"{programs}:{os.environ['PATH']}"}
            with subprocess.Popen(
                ["bash", str(script)],
                cwd=self.folder,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ) as shell:
                self._serve(listener, shell)
        if self._ran_python:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # a page closes no client
                self._names.clear()
                gc.collect()
        assert shell.returncode == 0, self._written

    def _script(self) -> str:
        """The page with its commands alone, each on its line."""
        lines = [""] * (len(self.page.read_text(encoding="utf-8").splitlines()) + 1)
        lines[0] = f"set -euo pipefail; trap 'echo {self.page.name}:$LINENO: $BASH_COMMAND' ERR"
        has_run = False
        for block in self._blocks.values():
            if block.language in SHELLS:
                run = [each for each in commands(block) if not self._is_skipped(each.text)]
                for each in run:
                    assert each.program in (None, *RUN_HERE), f"{self.page.name}: {each}"
                    lines[each.line - 1] = self._in_the_folder(each.text)
                has_run = bool(run)
            elif block.language == "python" and not self._is_skipped(block.text):
                lines[block.line - 1] = f"page-block {block.line}"
                has_run = True
            elif block.language == "" and has_run:
                lines[block.line - 1] = f"page-block {block.line}"
                has_run = False
            else:
                has_run = False
        return "\n".join(lines)

    def _is_skipped(self, text: str) -> bool:
        found = {begin for begin in self._not_run if text.startswith(begin)}
        self.skipped |= found
        return bool(found)

    def _in_the_folder(self, text: str) -> str:
        for place in PLACES:
            text = re.sub(rf"(?<![\w/]){place}", f"{self.folder}{place}", text)
        return text

    def _serve(self, listener: socket.socket, shell: subprocess.Popen[bytes]) -> None:
        """Answer the calls of the stubs until the script ends."""
        assert shell.stdout is not None
        while True:
            ready, _, _ = select.select([listener, shell.stdout], [], [], TIMEOUT_S)
            assert ready, f"nothing happens: {self._written}"
            if shell.stdout in ready:
                piece = os.read(shell.stdout.fileno(), 65536)
                self._written += piece.decode()
                if not piece:
                    return
            elif listener in ready:
                with listener.accept()[0] as called, called.makefile("rw") as stream:
                    json.dump(self._answer(*json.loads(stream.readline())), stream)

    def _answer(
        self, program: str, arguments: list[str], given: str, variables: dict[str, str], folder: str
    ) -> tuple[int, str, str]:
        """The exit code, output and errors of a call."""
        if program == "page-block":
            block = self._blocks[int(arguments[0])]
            return self._code(block) if block.language else self._output(block)
        os.chdir(folder)
        self._by_hand.get(" ".join(arguments), lambda _: None)(self.folder)
        arguments = [self._with_job(each) for each in arguments]
        if program == "jobsvc":
            parts = Composition(composition_root.listening, composition_root.serving_in_background)
            done = CliRunner().invoke(
                command, arguments, given, variables, obj=parts, prog_name="jobsvc"
            )
            return done.exit_code, done.stdout, done.stderr
        here = urlsplit(self.server.url).netloc
        options = ["--silent", "--show-error", "--fail-with-body"]
        reached = ["--connect-to", f"localhost:8000:{here}"]
        curl = subprocess.run(
            ["/usr/bin/curl", *options, *reached, *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        return curl.returncode, curl.stdout, curl.stderr

    def _code(self, block: Block) -> tuple[int, str, str]:
        """Run a Python block; its lines have the page's numbers."""
        self._ran_python = True
        code = compile("\n" * (block.line - 1) + self._with_job(block.text), self.page.name, "exec")
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, self._names)
        except Exception:
            return 1, printed.getvalue(), traceback.format_exc()
        return 0, printed.getvalue(), ""

    def _output(self, block: Block) -> tuple[int, str, str]:
        """Find each line of the block in what was printed; an ellipsis stands for any text."""
        for line in self._with_job(block.text).splitlines():
            pattern = ".*".join(re.escape(part) for part in line.split("…"))
            if not re.search(f"^{pattern}$", self._written, re.MULTILINE):
                return 1, "", f"not printed: {line}\n"
        self._written = ""
        return 0, "", ""

    def _with_job(self, text: str) -> str:
        """The text with the ids of the newest draws in place of the pages' examples."""
        if not EXAMPLE_JOBS.search(text):
            return text
        draws = self.server.admin.get("/api/jobs?run_type=sampling&limit=2").json()["jobs"]
        return EXAMPLE_JOBS.sub(lambda id_: draws[id_[0] != "917f045a"]["id"][:8], text)
