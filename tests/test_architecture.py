"""The import arrows of docs/ARCHITECTURE.md, and how packages build SQL."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from sampling_engine import METHODS

ROOT = Path(__file__).parents[1]
LEAVES = {"contract", "domain_errors", "lazy_dataclasses", "operating_system"}
MAY_IMPORT = {
    "contract": {"domain_errors", "lazy_dataclasses"},
    "presentation": {"domain_errors", "lazy_dataclasses"},
    "parquet_tables": {"presentation"} | LEAVES,
    "storage": {"parquet_tables"} | LEAVES,
    "sampling_engine": {"parquet_tables"} | LEAVES,
    "estimation_engine": {"parquet_tables"} | LEAVES,
    "profiling_engine": {"parquet_tables"} | LEAVES,
    "import_engine": {"parquet_tables"} | LEAVES,
    "sql_sandbox": {"parquet_tables"} | LEAVES,
    "service": {
        "storage",
        "sampling_engine",
        "estimation_engine",
        "profiling_engine",
        "import_engine",
        "sql_sandbox",
        "parquet_tables",
    }
    | LEAVES,
    "application": {
        "service",
        "storage",
        "sampling_engine",
        "estimation_engine",
        "import_engine",
        "profiling_engine",
        "parquet_tables",
        "presentation",
    }
    | LEAVES,
    "job_runner": {
        "application",
        "service",
        "storage",
        "sampling_engine",
        "profiling_engine",
        "import_engine",
        "parquet_tables",
    }
    | LEAVES,
    "http_api": {
        "application",
        "service",
        "storage",
        "sampling_engine",
        "estimation_engine",
        "parquet_tables",
        "presentation",
    }
    | LEAVES,
    "web_ui": {
        "application",
        "service",
        "storage",
        "import_engine",
        "sampling_engine",
        "parquet_tables",
        "presentation",
    }
    | LEAVES,
    "command_line": {"application", "service", "storage", "sampling_engine", "presentation"}
    | LEAVES,
}
FORBIDDEN_LIBRARIES = {
    "contract": {"flask", "sqlite3", "duckdb", "waitress", "numpy", "marshmallow", "click"},
    "presentation": {"flask", "sqlite3", "duckdb", "waitress", "numpy"},
    "parquet_tables": {"flask", "sqlite3", "waitress"},
    "storage": {"flask", "duckdb", "waitress"},
    "sampling_engine": {"flask", "sqlite3", "waitress"},
    "estimation_engine": {"flask", "sqlite3", "waitress"},
    "profiling_engine": {"flask", "sqlite3", "waitress"},
    "import_engine": {"flask", "sqlite3", "waitress"},
    "sql_sandbox": {"flask", "sqlite3", "waitress", "numpy"},
    "service": {"flask", "sqlite3", "duckdb", "waitress"},
    "job_runner": {"flask", "sqlite3", "duckdb", "waitress"},
    "application": {"flask", "sqlite3", "duckdb", "waitress"},
    "http_api": {"sqlite3", "duckdb"},
    "web_ui": {"sqlite3", "duckdb", "waitress"},
    "command_line": {"flask", "sqlite3", "duckdb", "waitress"},
}
CLIENT = ROOT / "client" / "jobsvc_client"
OF_CLIENT = {"httpx", "tqdm", "pandas", "polars", "pyarrow", "matplotlib", "IPython"}
ONLY_IN = {"prometheus_client": "http_api", "pythonjsonlogger": "command_line"}
"""Libraries that one package alone imports."""


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> frozenset[str]:
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


def test_every_package_is_known() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/py.typed")}
    assert packages == set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    ours = set(MAY_IMPORT) | LEAVES | {"composition_root", "jobsvc"}
    for path in modules(package):
        for name in imported(path):
            assert name not in FORBIDDEN_LIBRARIES[package], f"{path} imports {name}"
            assert ONLY_IN.get(name, package) == package, f"{path} imports {name}"
            if name in ours and name != package:
                assert name in MAY_IMPORT[package], f"{path} imports {name}"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_modules_have_a_docstring(package: str) -> None:
    for path in modules(package):
        assert ast.get_docstring(tree_of(path)), f"{path} has no docstring"


def test_the_python_client_imports_nothing_of_the_server() -> None:
    for path in sorted(CLIENT.glob("*.py")):
        assert ast.get_docstring(tree_of(path)), path
        for name in imported(path):
            assert name in {"jobsvc_client", *OF_CLIENT, *sys.stdlib_module_names}, (
                f"{path}: {name}"
            )


def test_only_the_command_line_imports_the_python_client() -> None:
    for package in set(MAY_IMPORT) - {"command_line"}:
        for path in modules(package):
            assert "jobsvc_client" not in imported(path), path


MAY_NAME_METHODS = ("sampling_engine/methods", "estimation_engine/designs", "verifiers")
OTHER_MEANINGS = {
    "application/audit/evaluation/variables.py": {"cluster"},  # a word of a sentence
    "contract/words.py": {"random"},  # a variance of systematic samples
    "client/jobsvc_client/fields.py": {"random", "split", "systematic"},  # defaults; a selection
    "command_line/root.py": {"split"},  # a command
    "estimation_engine/audit/assurance.py": {"random"},  # a selection of units
    "service/tables/table_comparison.py": {"weighted"},  # a field of answers
    "profiling_engine/advice.py": {"cluster"},  # a role of a column
    "profiling_engine/comparison/compared_table.py": {"cluster"},  # a column of a statement
    "sampling_engine/selection/order.py": {"split"},  # a step of the order
    "sql_sandbox/statement.py": {"random"},  # a function of SQL
}
"""Words that are also names of methods, by the modules that write them."""
NAME_A_METHOD = {
    "command_line/demo.py",
    "command_line/sampling.py",
    "contract/requests/evaluate.py",
}
"""The modules that still name a method, or the kind of evaluation ``monetary_unit``."""


def test_methods_are_asked_and_not_named() -> None:
    """Others ask the class of a method; the list of those that name one only gets shorter."""
    names = {method.name for method in METHODS}
    naming = set()
    for package in (*MAY_IMPORT, "client/jobsvc_client"):
        for path in modules(package):
            place = path.relative_to(ROOT).as_posix()
            tree = ast.parse(path.read_text(encoding="utf-8"))
            texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
            named = names & texts - OTHER_MEANINGS.get(place, set())
            if named and not place.startswith(MAY_NAME_METHODS):
                naming.add(place)
    assert naming == NAME_A_METHOD, "take a module that names none off the list; add none"


SQL_ROOMS = {name for name, allowed in MAY_IMPORT.items() if "parquet_tables" in allowed}
SQL_ROOMS -= {"http_api", "web_ui"}
SQL_ROOMS |= {"parquet_tables"}
"""The packages whose functions build SQL, in which names of columns may stand."""
FRAGMENTS_OF_STATEMENTS = "storage/sqlite/queries.py"
"""Inserts fixed parts into named statements of SQLite, which hold no name of a user."""


def formatting(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines that format a text which isn't a literal of that place: names in it would be code.

    ``str.format`` and its kin, ``%`` on a literal or with several values, ``string.Template``, and
    replacements of a pattern that are neither a literal nor a function. Markup.format escapes, and
    its template is a literal.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Attribute(ast.Call(ast.Name("Markup"), [ast.Constant()]), "format")):
                pass
            case ast.Call(ast.Attribute(_, "format" | "format_map" | "vformat" as name)):
                yield node.lineno, name
            case ast.BinOp(ast.Constant(bytes()), ast.Mod()):
                pass
            case ast.BinOp(ast.Constant(str()) | ast.JoinedStr(), ast.Mod()):
                yield node.lineno, "%"
            case ast.BinOp(_, ast.Mod(), ast.Tuple() | ast.Dict()):
                yield node.lineno, "%"
            case ast.ImportFrom("string", names) if any(one.name == "Template" for one in names):
                yield node.lineno, "Template"
            case ast.Attribute(ast.Name("string"), "Template"):
                yield node.lineno, "Template"
            case ast.Call(ast.Attribute(owner, "sub" | "subn"), [first, *rest]):
                written = rest[0] if ast.unparse(owner) == "re" and rest else first
                if not isinstance(written, ast.Constant | ast.Lambda | ast.Name):
                    yield node.lineno, "sub"


@pytest.mark.parametrize("package", sorted(SQL_ROOMS))
def test_packages_that_build_sql_format_no_text(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in modules(package)
        if path.relative_to(ROOT).as_posix() != FRAGMENTS_OF_STATEMENTS
        for line, what in formatting(tree_of(path))
    ]
    assert not found, "build the text with a function and its arguments:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "numbered.format(ordinal=1)",
        "'{}'.format(name)",
        "sql.format_map(names)",
        "f'SELECT {name} AS %s' % other",
        "'%s' % name",
        "sql % (name, other)",
        "sql % {'name': name}",
        "from string import Template",
        "string.Template(sql)",
        "re.sub('a', quoted(name), sql)",
        "PATTERN.sub(f'{name}', sql)",
    ],
)
def test_each_way_to_format_a_text_is_found(code: str) -> None:
    assert len(list(formatting(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "f'SELECT {name}'",
        "rows % 2",
        "at % len(rows)",
        "Markup('<b>{}</b>').format(name)",
        "re.sub('a', '', sql)",
        "b'%d' % (len(kind),)",
        "PATTERN.sub(lambda mark: mark[0], sql)",
    ],
)
def test_building_a_text_by_parts_is_no_formatting(code: str) -> None:
    assert not list(formatting(ast.parse(code)))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph() -> dict[str, set[str]]:
    """The modules of the house that each module imports, in functions and type hints, too.

    A name that is imported from a package is its module of that name, or else the package itself.
    """
    paths = [path for package in MAY_IMPORT for path in modules(package)]
    paths += [
        ROOT / f"{name}.py"
        for name in ("jobsvc", "composition_root", *sorted(LEAVES))
        if (ROOT / f"{name}.py").exists()
    ]
    names = {module_name(path): path for path in paths}
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        below = graph[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                below |= {alias.name for alias in node.names if alias.name in names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                below |= inner & names.keys()
                if inner - names.keys() and node.module in names:
                    below.add(node.module)
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules each of which imports all others, directly or not."""
    reached: dict[str, set[str]] = {}
    for name in graph:
        seen, open_names = set[str](), list(graph[name])
        while open_names:
            if (following := open_names.pop()) not in seen:
                seen.add(following)
                open_names += graph[following]
        reached[name] = seen
    in_circles = sorted(name for name in graph if name in reached[name])
    groups = {
        tuple(other for other in in_circles if other in reached[name] and name in reached[other])
        for name in in_circles
    }
    return sorted(map(list, groups))


def test_no_modules_import_each_other() -> None:
    assert not circles(import_graph())


def test_circles_of_imports_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set[str](), "f": {"f"}}
    assert circles(graph) == [["a", "b", "c"], ["f"]]
