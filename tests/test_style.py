"""The words of code and pages; `.ci/lint` checks style, format and types."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


BANNED = {
    r"tells?|told|telling": "state, show, report",
    r"keepers?": "administrator",
    r"hears?": "receive",
    r"speaks?": "use, serve",
    r"dies": "crash, end",
    r"asked for": "requested",
    r"put back": "release, restore",
    r"for long(?! jobs| lines)": "the time",
    r"a look at|looks at|looked at": "read, check",
    r"come(?:s)? out": "result",
    r"(?:doesn't|don't) go with": "can't be combined with",
    r"pleases": "suit",
}
"""Figures of speech and old terms, with what to write instead; docs/GLOSSARY.md has the terms."""
EXEMPT = re.compile(r"\bdef tell\b|\.tell\(\)|HTTP_410_GONE|codes\.GONE")
"""Names of Python."""


def prose_files() -> list[Path]:
    """The pages and the product's sources, except the schema: a start compares its texts."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)
    others = ("docs/JOBS_API_GUIDE.md", "CHANGELOG.md", "verifiers/")
    skipped = ("tests/", "benchmarks/", "schema.sql", *others)
    return [
        ROOT / name
        for name in listed.stdout.decode().splitlines()
        if name.endswith((".py", ".md", ".html", ".js", ".sql"))
        and not name.startswith(skipped)
        and "/vendor/" not in name
    ]


def test_no_old_word_is_used() -> None:
    pattern = re.compile(rf"\b(?:{'|'.join(BANNED)})\b")
    found = []
    for path in prose_files():
        text = EXEMPT.sub("", path.read_text(encoding="utf-8"))
        for word in pattern.finditer(text):
            line = text.count("\n", 0, word.start()) + 1
            write = next(new for old, new in BANNED.items() if re.fullmatch(old, word[0]))
            found.append(f"{path.relative_to(ROOT)}:{line}: {word[0]!r}; write: {write}")
    assert not found, "\n".join(found)


def test_the_verifier_allows_its_own_script_and_style() -> None:
    page = (ROOT / "verifiers" / "verify.html").read_text(encoding="utf-8")
    parts = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in parts]
    assert sorted(digests) == sorted(re.findall(r"'sha256-([^']+)'", page))
