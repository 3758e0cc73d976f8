"""The measures of CONTRIBUTING.md: the size of the product, and how often it repeats itself.

``python -m benchmarks.measures`` prints them beside their goals and ceilings; ``--record`` lowers
the ceilings to the values of today. A ceiling never rises: a test compares each measure with the
lowest value that the history of ``measures.json`` has for it.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

ROOT = Path(__file__).parents[1]
CEILINGS = Path(__file__).with_suffix(".json")
NO_PRODUCT = ("tests/", "benchmarks/", ".ci/")
GOALS = {
    "code lines": 60_000,
    "syntax nodes (hundreds)": 6_400,
    "lines of imports": 7_000,
    "files with code": 330,
    "files below 40 code lines": 25,
    "longest file (lines)": 2_600,
    "dataclasses": 560,
    "twins": 15,
    "classes of errors": 60,
    "raise statements": 900,
    "lines of sentences": 3_000,
    "functions that return dict[str, Any]": 60,
    "commands": 75,
    "API operations": 200,
    "page routes": 45,
    "templates": 60,
    "lines of templates": 3_500,
    "lines of JavaScript": 3_500,
    "lines of CSS": 600,
    "tables of schema.sql": 48,
    "named SQL statements": 330,
    "lines of SQL": 3_000,
    "lines of data files": 9_000,
    "% of public functions without docstring": 13,
    "dependencies": 20,
    "extras": 5,
    "pages of docs": 30,
    "lines of docs": 7_500,
    "code lines of tests": 45_000,
    "test functions": 3_000,
    "modules that name a method": 6,
    "class names used more than once": 0,
    "places of confidence": 6,
    "circles of imports": 0,
}
METHODS = {"monetary_unit", "stratified", "systematic", "cluster", "reservoir"}
"""Names of methods that mean nothing else."""
MAY_NAME_METHODS = ("sampling_engine/methods/", "estimation_engine/designs", "verifiers/")
VERBS = ("get", "post", "put", "patch", "delete")
BUILTIN_ERRORS = {
    *("Exception", "ValueError", "TypeError", "RuntimeError", "LookupError", "KeyError"),
    *("OSError", "PermissionError"),
}
SENTENCE = re.compile(r"""[\s(]*(?:\w+\(|\w+=|return |\w+ = )?[rfb]*["'][^"']{25,}["'][\s,)\]}]*""")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """A module of the product or of its tests."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """The name by which others import it."""
        parts = PurePath(self.path.removeprefix("client/")).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All parts of its syntax tree."""
        return list(ast.walk(ast.parse(self.text)))

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        """Its classes."""
        return [node for node in self.nodes if isinstance(node, ast.ClassDef)]

    @cached_property
    def docstrings(self) -> list[ast.Expr]:
        """The first texts of the module, its classes and functions."""
        owners = (n for n in self.nodes if isinstance(n, ast.Module | ast.ClassDef | Function))
        firsts = (owner.body[0] for owner in owners if owner.body)
        return [first for first in firsts if isinstance(first, ast.Expr) and _text(first.value)]

    @cached_property
    def import_lines(self) -> set[int]:
        """Numbers of the lines of its imports."""
        imports = (n for n in self.nodes if isinstance(n, ast.Import | ast.ImportFrom))
        return {line for node in imports for line in _lines(node)}

    @cached_property
    def code(self) -> list[str]:
        """Lines that are neither blank nor a comment, a docstring or an import."""
        skipped = self.import_lines | {line for n in self.docstrings for line in _lines(n)}
        return [
            line
            for number, line in enumerate(self.text.splitlines(), 1)
            if line.strip() and not line.lstrip().startswith("#") and number not in skipped
        ]

    def sentences(self) -> list[str]:
        """Lines of code that hold a sentence and little else."""
        return [
            line
            for line in self.code
            if SENTENCE.fullmatch(line) and " " in line.strip().strip("\"'(),")
        ]

    def fields(self) -> dict[str, frozenset[str]]:
        """The fields of each dataclass, request, typed dictionary and named tuple."""
        return {
            f"{self.path}:{node.name}": frozenset(
                part.target.id
                for part in node.body
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
            )
            for node in self.classes
            if any("dataclass" in ast.unparse(part) for part in node.decorator_list)
            or any(base.endswith(("Request", "TypedDict", "NamedTuple")) for base in _bases(node))
        }

    def decorators(self) -> Iterator[ast.expr]:
        """The decorators of its functions."""
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef):
                yield from node.decorator_list

    def names_a_method(self) -> bool:
        """Whether a text of its code is the name of a method."""
        return any(_text(node) in METHODS for node in self.nodes)

    def places_of_confidence(self) -> set[int]:
        """Lines that declare, default or check a confidence."""
        places = set()
        for node in self.nodes:
            match node:
                case ast.ClassDef(body=body):
                    places |= {part.lineno for part in body if "confidence" in _targets(part)}
                case ast.FunctionDef(args=arguments):
                    places |= {name.lineno for name in _defaulted(arguments)}
                case ast.Compare(left=left, comparators=others):
                    compared = [ast.unparse(part).split(".")[-1] for part in (left, *others)]
                    if "confidence" in compared:
                        places.add(node.lineno)
                case ast.Constant("--confidence") | ast.keyword("name", ast.Constant("confidence")):
                    places.add(node.lineno)
                case ast.Call(ast.Attribute(_, "get"), [ast.Constant("confidence"), _]):
                    places.add(node.lineno)
        return places

    def imports(self, known: Iterable[str]) -> set[str]:
        """The modules among those known that it imports, for type hints or within functions too."""
        found = set()
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                parts = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= (parts & set(known)) or {node.module}
        return found & set(known) - {self.name}


def _lines(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _bases(node: ast.ClassDef) -> list[str]:
    return [ast.unparse(base).split(".")[-1].split("[")[0] for base in node.bases]


def _text(node: ast.AST) -> str | None:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if is_text else None  # type: ignore[attr-defined]


def _targets(node: ast.stmt) -> list[str]:
    match node:
        case ast.AnnAssign(target=ast.Name(name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def _defaulted(arguments: ast.arguments) -> Iterator[ast.arg]:
    """The arguments named confidence that have a default."""
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    with_default += [
        name
        for name, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    ]
    yield from (name for name in with_default if name.arg == "confidence")


@dataclass
class House:
    """The texts of the repository: modules of the product, of its tests, and other files."""

    product: list[Module]
    tests: list[Module]
    others: dict[str, str]

    @classmethod
    def of_repository(cls) -> House:
        """All files that git lists, read from the working tree."""
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)
        paths = [
            path
            for path in listed.stdout.decode().splitlines()
            if (ROOT / path).is_file() and "/vendor/" not in path
        ]
        suffixes = (".html", ".js", ".css", ".sql", ".md", ".json", ".toml", ".po", ".txt", ".cfg")
        modules = [
            Module(path, (ROOT / path).read_text(encoding="utf-8"))
            for path in paths
            if path.endswith(".py")
        ]
        return cls(
            [module for module in modules if not module.path.startswith(NO_PRODUCT)],
            [module for module in modules if module.path.startswith("tests/")],
            {
                path: (ROOT / path).read_text(encoding="utf-8", errors="replace")
                for path in paths
                if path.endswith(suffixes) and not path.startswith("tests/")
            },
        )

    def other_files(self, suffix: str | tuple[str, ...]) -> dict[str, str]:
        """The files other than modules whose names end so."""
        return {path: text for path, text in self.others.items() if path.endswith(suffix)}

    def other_lines(self, suffix: str) -> list[str]:
        """The number of lines of each file whose name ends so."""
        return [f"{path} {text.count(chr(10))}" for path, text in self.other_files(suffix).items()]


def untyped_returns(modules: list[Module]) -> Iterator[str]:
    """Functions that return a dictionary of anything."""
    untyped = ("dict[str, Any]", "dict[str, object]", "Mapping[str, Any]", "Mapping[str, object]")
    for module in modules:
        for node in module.nodes:
            if (
                isinstance(node, ast.FunctionDef)
                and node.returns is not None
                and ast.unparse(node.returns).startswith(untyped)
            ):
                yield f"{module.path}:{node.lineno} {node.name}"


def repeated_classes(modules: Iterable[Module]) -> list[str]:
    """Names of several classes."""
    names = Counter(node.name for module in modules for node in module.classes)
    return sorted(name for name, count in names.items() if count > 1)


def twins(modules: Iterable[Module]) -> list[str]:
    """Pairs of dataclasses with five or more equal field names, 60 % of the smaller one's."""
    fields = {name: names for module in modules for name, names in module.fields().items()}
    owners = defaultdict(set)
    for name, names in fields.items():
        for field in names:
            owners[field].add(name)
    pairs = Counter(
        pair
        for names in owners.values()
        if len(names) < 60
        for pair in itertools.combinations(sorted(names), 2)
    )
    return [
        f"{first} {second} {shared}"
        for (first, second), shared in sorted(pairs.items())
        if shared >= 5 and shared >= 0.6 * min(len(fields[first]), len(fields[second]))
    ]


def error_classes(modules: Iterable[Module]) -> set[str]:
    """Names of the classes that derive from an exception."""
    classes = [(node.name, set(_bases(node))) for module in modules for node in module.classes]
    errors = BUILTIN_ERRORS | {"DomainError"}
    while more := {name for name, bases in classes if bases & errors} - errors:
        errors = errors | more
    return errors - BUILTIN_ERRORS - {"DomainError"}


def circles(modules: Iterable[Module]) -> list[list[str]]:
    """Sets of modules that import each other (Tarjan's strongly connected components)."""
    known = {module.name for module in modules}
    graph = {module.name: sorted(module.imports(known)) for module in modules}
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in graph[name]:
            if other not in order:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == order[name]:
            start = stack.index(name)
            components.append(sorted(stack[start:]))
            del stack[start:]

    for name in graph:
        if name not in order:
            visit(name)
    return [component for component in components if len(component) > 1]


def _by_package(modules: Iterable[Module], lines: Iterable[int]) -> list[str]:
    counts: Counter[str] = Counter()
    for module, count in zip(modules, lines, strict=True):
        counts[module.path.split("/")[0]] += count
    return [f"{package} {count}" for package, count in counts.most_common()]


def _is_command(decorator: ast.expr) -> bool:
    has_keyword = isinstance(decorator, ast.Call) and any(
        part.arg == "command" for part in decorator.keywords
    )
    return has_keyword or bool(re.match(r"(\w+\.)?command\(", ast.unparse(decorator)))


def _is_route(decorator: ast.expr) -> bool:
    return (
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr in VERBS
        and bool(decorator.args)
        and isinstance(decorator.args[0], ast.Constant)
    )


def _is_page_module(path: str) -> bool:
    return path.startswith("web_ui/") or path.endswith("pages.py") or "/pages/" in path


def _of_classes(modules: list[Module]) -> dict[str, list[str]]:
    """What is counted of classes, functions and modules of the product."""
    nodes = [(module, node) for module in modules for node in module.nodes]
    decorators = [(module.path, part) for module in modules for part in module.decorators()]
    routes = [path for path, part in decorators if _is_route(part)]
    page_routes = [
        module.path
        for module, node in nodes
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "PageRoute"
    ]
    return {
        "syntax nodes (hundreds)": [str(number) for number in range(len(nodes) // 100)],
        "files with code": [module.path for module in modules if module.code],
        "files below 40 code lines": [m.path for m in modules if 0 < len(m.code) < 40],
        "dataclasses": [name for module in modules for name in module.fields()],
        "twins": twins(modules),
        "classes of errors": sorted(error_classes(modules)),
        "raise statements": [
            f"{m.path}:{node.lineno}" for m, node in nodes if isinstance(node, ast.Raise)
        ],
        "lines of sentences": [
            f"{module.path} {line}" for module in modules for line in module.sentences()
        ],
        "functions that return dict[str, Any]": list(untyped_returns(modules)),
        "commands": [path for path, part in decorators if _is_command(part)],
        "API operations": [path for path in routes if not _is_page_module(path)],
        "page routes": page_routes + [path for path in routes if _is_page_module(path)],
        "modules that name a method": [
            module.path
            for module in modules
            if not module.path.startswith(MAY_NAME_METHODS) and module.names_a_method()
        ],
        "class names used more than once": repeated_classes(modules),
        "places of confidence": [
            f"{module.path}:{line}"
            for module in modules
            for line in sorted(module.places_of_confidence())
        ],
        "circles of imports": [", ".join(component) for component in circles(modules)],
    }


def _of_others(house: House) -> dict[str, list[str]]:
    """What is counted of templates, scripts, SQL, data and docs."""
    schema = house.others["schema.sql"]
    setup = house.others["setup.cfg"]
    required = re.search(r"^install_requires =\n((?:    .+\n)+)", setup, re.M)
    extras = re.search(r"^\[options.extras_require\]\n(.*?)(?=^\[|\Z)", setup, re.M | re.S)
    pages = {
        path: text
        for path, text in house.other_files(".md").items()
        if not re.search(r"CHANGELOG|decisions/|LICENSE", path)
    }
    return {
        "templates": [
            path
            for path in house.other_files(".html")
            if not path.startswith(NO_PRODUCT) and ("templates/" in path or "web_ui" in path)
        ],
        "tables of schema.sql": re.findall(r"^CREATE TABLE.*", schema, re.M | re.I),
        "named SQL statements": [
            line
            for path, text in house.other_files(".sql").items()
            if path != "schema.sql"
            for line in re.findall(r"^--\s*(?:name:)?\s*\w+\s*[:(]?", text, re.M)
        ],
        "dependencies": required[1].splitlines() if required else [],
        "extras": re.findall(r"^\w+ =", extras[1], re.M) if extras else [],
        "pages of docs": list(pages),
        "lines of docs": [f"{path} {text.count(chr(10))}" for path, text in pages.items()],
        "lines of templates": house.other_lines(".html"),
        "lines of JavaScript": house.other_lines(".js"),
        "lines of CSS": house.other_lines(".css"),
        "lines of SQL": house.other_lines(".sql"),
        "lines of data files": [
            f"{path} {text.count(chr(10))}"
            for path, text in house.other_files((".json", ".toml", ".po", ".txt")).items()
            if not path.startswith(("benchmarks/", ".ci/", "docs/"))
        ],
    }


SUMS = {name for name in GOALS if "lines of" in name or name == "code lines"} - {
    "lines of sentences"
}
"""Measures whose parts end with a number, which are added."""


def measured(house: House) -> dict[str, list[str]]:
    """What is counted, a text each; of lines the number for each package or file alone."""
    product = house.product
    longest = max(product, key=lambda module: module.text.count("\n"))
    functions = [
        node
        for module in product
        for node in module.nodes
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    test_lines = (len(module.code) for module in house.tests)
    silent = sum(not ast.get_docstring(node) for node in functions)
    found = {
        "code lines": _by_package(product, (len(module.code) for module in product)),
        "lines of imports": _by_package(product, (len(module.import_lines) for module in product)),
        "longest file (lines)": [longest.path] * longest.text.count("\n"),
        "% of public functions without docstring": ["%"] * round(100 * silent / len(functions)),
        "code lines of tests": _by_package(house.tests, test_lines),
        "test functions": [
            line.strip()
            for module in house.tests
            for line in re.findall(r"^\s*(?:async )?def test_", module.text, re.M)
        ],
        **_of_classes(product),
        **_of_others(house),
    }
    return {name: found[name] for name in GOALS}


def values() -> dict[str, int]:
    """The number of each measure."""
    return {
        name: sum(int(part.rsplit(" ", 1)[1]) for part in parts) if name in SUMS else len(parts)
        for name, parts in measured(House.of_repository()).items()
    }


def recorded() -> list[dict[str, int]]:
    """Every version of the ceilings, the working tree's first, then by the history of the file.

    Versions from before ceilings only fell, which had no key ``ceilings``, are left out.
    """

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True)
        return done.stdout.decode()

    path = CEILINGS.relative_to(ROOT).as_posix()
    revisions = git("log", "--format=%H", "--", path).split()
    texts = [CEILINGS.read_text(encoding="utf-8")]
    texts += [git("show", f"{revision}:{path}") for revision in revisions]
    return [version["ceilings"] for text in texts if "ceilings" in (version := json.loads(text))]


def lowest(versions: list[dict[str, int]]) -> dict[str, int]:
    """The lowest ceiling that a measure had in any version."""
    return {
        name: min(version[name] for version in versions if name in version)
        for name in {name for version in versions for name in version}
    }


def main() -> None:
    """Print the measures, what one of them counts, or record the ceilings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", choices=GOALS, help="print what a measure counts")
    parser.add_argument("--record", action="store_true", help="lower the ceilings to these values")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(measured(House.of_repository())[arguments.list]))
        return
    now = values()
    ceilings = lowest(recorded())
    print("| measure | now | ceiling | goal |\n| --- | --- | --- | --- |")
    for name, value in now.items():
        print(f"| {name} | {value:,} | {ceilings.get(name, value):,} | ≤ {GOALS[name]:,} |")
    if arguments.record:
        lower = {name: min(value, ceilings.get(name, value)) for name, value in now.items()}
        CEILINGS.write_text(json.dumps({"ceilings": lower}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
