"""Name the packages, and fetch the browser assets from npm when these are built.

The wheel holds the Python client, too, on which the commands stand; see docs/CLIENT.md.

The font, the icons and the SQL editor are no part of the repository. The build installs them with
``npm ci``, which checks their digests, and copies the files that pages load into
``web_ui/static/vendor``. Without npm the package builds without them: pages then use the system's
font, text without icons, and a plain text field for SQL.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
DECLARATION = ROOT / "web_ui" / "browser_assets"
VENDOR = ROOT / "web_ui" / "static" / "vendor"
ALPHABETS = ("latin", "latin-ext", "greek", "cyrillic")
EDITOR_MODULES = {
    "@codemirror/autocomplete": "autocomplete.js",
    "@codemirror/commands": "commands.js",
    "@codemirror/lang-sql": "lang-sql.js",
    "@codemirror/language": "language.js",
    "@codemirror/lint": "lint.js",
    "@codemirror/state": "state.js",
    "@codemirror/streamparser": "streamparser.js",
    "@codemirror/view": "view.js",
    "@lezer/common": "lezer-common.js",
    "@lezer/highlight": "lezer-highlight.js",
    "@lezer/lr": "lezer-lr.js",
    "@marijn/find-cluster-break": "find-cluster-break.js",
    "crelt": "crelt.js",
    "style-mod": "style-mod.js",
    "w3c-keyname": "w3c-keyname.js",
}
CLIENT = "jobsvc_client"
NO_ROOMS = ("benchmarks*", "client*", "tests*")
ENTRY_POINTS = ("dist/index.js", "src/index.js", "src/style-mod.js", "index.js")


class BuildWithAssets(build_py):
    """``build_py`` after the browser assets were fetched."""

    def run(self) -> None:
        """Fetch the assets unless these are present already, then build."""
        fetch_assets()
        super().run()


def fetch_assets() -> None:
    """Fill the folder of the assets; leave it as it is if nothing changed or npm is missing."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(DECLARATION.iterdir()):
        digest.update(path.read_bytes())
    stamp = VENDOR / "digest.txt"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.stderr.write("warning: npm is missing: the pages get no font, icons or SQL editor\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(DECLARATION, folder, dirs_exist_ok=True)
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        subprocess.run([npm, "ci", *options], cwd=folder, check=True)  # noqa: S603 - constant
        packages, target = Path(folder) / "node_modules", Path(folder) / "vendor"
        target.mkdir()
        copy_fonts(packages / "@fontsource-variable" / "inter", target)
        copy_icons(packages / "heroicons", target)
        copy_editor(packages, target)
        copy_licences(packages, target)
        shutil.rmtree(VENDOR, ignore_errors=True)
        shutil.copytree(target, VENDOR)
        stamp.write_text(digest.hexdigest())


def copy_fonts(package: Path, target: Path) -> None:
    """Copy the font files of some alphabets and their ``@font-face`` rules."""
    faces = re.findall(r"@font-face \{[^}]*\}", (package / "wght.css").read_text())
    wanted = [f"inter-{alphabet}-wght-normal.woff2" for alphabet in ALPHABETS]
    rules = [face for face in faces if any(f"/{name}" in face for name in wanted)]
    (target / "font.css").write_text("\n".join(rules).replace("./files/", "./") + "\n")
    for name in wanted:
        shutil.copy(package / "files" / name, target / name)


def copy_icons(package: Path, target: Path) -> None:
    """Write the sprite of the icons that ``icons.txt`` lists."""
    symbols = []
    for name in (DECLARATION / "icons.txt").read_text().split():
        drawing = (package / "24" / "outline" / f"{name}.svg").read_text()
        inner = re.sub(r"</?svg[^>]*>", "", drawing).strip()
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
            f'stroke-width="1.75">{inner}</symbol>'
        )
    sprite = f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>\n'
    (target / "icons.svg").write_text(sprite)


def copy_editor(packages: Path, target: Path) -> None:
    """Copy the editor's modules; imports by package name become relative ones."""
    folder = target / "codemirror"
    folder.mkdir()
    for package, name in EDITOR_MODULES.items():
        source = next(
            path for entry in ENTRY_POINTS if (path := packages / package / entry).exists()
        )
        code = re.sub(
            r"""^((?:import|export) [^;\n]* from )['"]([^'"./][^'"]*)['"]""",
            lambda found: f'{found[1]}"./{EDITOR_MODULES[found[2]]}"',
            source.read_text(encoding="utf-8"),
            flags=re.MULTILINE,
        )
        (folder / name).write_text(code, encoding="utf-8")


def copy_licences(packages: Path, target: Path) -> None:
    """Write the licences of all packages to one file."""
    texts = []
    for name in ("@fontsource-variable/inter", "heroicons", *EDITOR_MODULES):
        licence = next((packages / name).glob("LICENSE*"))
        texts.append(f"{name}\n\n{licence.read_text(encoding='utf-8').strip()}\n")
    (target / "LICENSES.txt").write_text("\n\n".join(texts), encoding="utf-8")


setup(
    packages=[*find_packages(exclude=NO_ROOMS), CLIENT],
    package_dir={CLIENT: f"client/{CLIENT}"},
    cmdclass={"build_py": BuildWithAssets},
)
