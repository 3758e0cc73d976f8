"""The measures of CONTRIBUTING.md: how much code there is, and how often it repeats itself.

``python -m benchmarks.measures`` prints them beside their goals and ceilings; ``--record`` lowers
the ceilings to the values of today. A test holds that no value is above its ceiling.
"""

from __future__ import annotations

import argparse
import ast
import json
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
    "code lines": 50_000,
    "lines": 78_000,
    "untyped returns": 60,
    "modules that name a method": 8,
    "class names used more than once": 0,
    "places of confidence": 6,
    "circles of imports": 0,
}
METHODS = {"monetary_unit", "stratified", "systematic", "cluster", "reservoir"}
"""Names of methods that mean nothing else."""
MAY_NAME_METHODS = ("sampling_engine/methods/", "estimation_engine/designs", "verifiers/")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """A module of the product."""

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
    def docstrings(self) -> list[ast.Expr]:
        """The first texts of the module, its classes and functions."""
        owners = (n for n in self.nodes if isinstance(n, ast.Module | ast.ClassDef | Function))
        firsts = (owner.body[0] for owner in owners if owner.body)
        return [first for first in firsts if isinstance(first, ast.Expr) and _text(first.value)]

    def code_lines(self) -> int:
        """Lines that are neither blank nor a comment, a docstring or an import."""
        imports = [n for n in self.nodes if isinstance(n, ast.Import | ast.ImportFrom)]
        skipped = {
            line
            for node in (*imports, *self.docstrings)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        return sum(
            bool(line.strip()) and not line.lstrip().startswith("#") and number not in skipped
            for number, line in enumerate(self.text.splitlines(), 1)
        )

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


def product_modules() -> list[Module]:
    """The product's modules, without tests and benchmarks."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, check=True)
    return [
        Module(path, (ROOT / path).read_text(encoding="utf-8"))
        for path in listed.stdout.decode().splitlines()
        if not path.startswith(NO_PRODUCT) and (ROOT / path).is_file()
    ]


def untyped_returns(modules: list[Module]) -> Iterator[str]:
    """Functions that return a dictionary of anything, also by an alias or within another type."""
    untyped = {"dict[str, Any]", "Mapping[str, Any]"}
    untyped |= {
        node.targets[0].id
        for module in modules
        for node in module.nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and ast.unparse(node.value) in untyped
    }
    for module in modules:
        for node in module.nodes:
            if isinstance(node, Function) and node.returns is not None:
                parts = {ast.unparse(part) for part in ast.walk(node.returns)}
                if parts & untyped:
                    yield f"{module.path}:{node.lineno} {node.name}"


def repeated_classes(modules: Iterable[Module]) -> list[str]:
    """Names of several classes."""
    names = Counter(n.name for m in modules for n in m.nodes if isinstance(n, ast.ClassDef))
    return sorted(name for name, count in names.items() if count > 1)


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


def measured(modules: list[Module]) -> dict[str, list[str]]:
    """What is counted, a text each; of lines the number for each package alone."""
    lines: dict[str, Counter[str]] = defaultdict(Counter)
    for module in modules:
        package = module.path.split("/")[0]
        lines["code lines"][package] += module.code_lines()
        lines["lines"][package] += len(module.text.splitlines())
    return {
        **{
            name: [f"{package} {count}" for package, count in counts.most_common()]
            for name, counts in lines.items()
        },
        "untyped returns": list(untyped_returns(modules)),
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


def values() -> dict[str, int]:
    """The number of each measure."""
    return {
        name: sum(int(part.split()[1]) for part in parts) if "lines" in name else len(parts)
        for name, parts in measured(product_modules()).items()
    }


def main() -> None:
    """Print the measures, what one of them counts, or record the ceilings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", choices=GOALS, help="print what a measure counts")
    parser.add_argument("--record", action="store_true", help="lower the ceilings to these values")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(measured(product_modules())[arguments.list]))
        return
    now = values()
    ceilings: dict[str, int] = json.loads(CEILINGS.read_text()) if CEILINGS.exists() else now
    print("| measure | now | ceiling | goal |\n| --- | --- | --- | --- |")
    for name, value in now.items():
        print(f"| {name} | {value:,} | {ceilings[name]:,} | ≤ {GOALS[name]:,} |")
    if arguments.record:
        lower = {name: min(value, ceilings[name]) for name, value in now.items()}
        CEILINGS.write_text(json.dumps(lower, indent=1) + "\n")


if __name__ == "__main__":
    main()
