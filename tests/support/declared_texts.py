"""The texts that modules declare for papers: templates of sentences, titles, headers and labels."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

CONTENT = {"Sentence", "Facts", "Table", "Section", "Note", "LimitChart", "Assumption"}
"""What begins with a text."""


def declared_texts(path: Path) -> set[str]:
    """The texts that a module declares as literals, also through names and tables of it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found: set[str] = set()
    for scope in (tree, *functions):
        names = _Names(tree, scope)
        for node in _own_nodes(scope):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[text, *_]) if name in CONTENT:
                    found.update(names.texts(text))
                case ast.Call(func=ast.Name(id="unchecked"), args=texts):
                    for each in texts:
                        found.update(names.texts(each))
                case ast.Call(
                    func=ast.Name(id="Figure") | ast.Attribute(value=ast.Name(id="FigureTable")),
                    args=[_, text, *more],
                ):
                    for each in (text, *more[:1]):
                        found.update(names.texts(each))
                case ast.Tuple(elts=[ast.Constant(value=str(label)), _, *_]):
                    found.update([label] if _is_label(label) else [])
    return found


def _is_label(text: str) -> bool:
    """Whether a text at the beginning of a tuple is a label; one of SQL isn't."""
    return text[:1].isupper() and not text.isupper() and not text.startswith("SELECT ")


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the functions in it."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _own_nodes(node)


class _Names:
    """The values of the names of a function and its module, as far as they are literals."""

    def __init__(self, *scopes: ast.AST) -> None:
        self._values: dict[str, list[ast.expr]] = {}
        self._added: dict[str, list[ast.expr]] = {}
        self._asked: set[str] = set()
        for scope in scopes:
            values, added = defaultdict(list), defaultdict(list)
            for node in _own_nodes(scope):
                match node:
                    case (
                        ast.Assign(targets=[ast.Name(id=name)], value=value)
                        | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                    ):
                        values[name].append(value)
                    case ast.AugAssign(target=ast.Name(id=name), value=value):
                        added[name].append(value)
            self._values |= values
            self._added |= added

    def texts(self, node: ast.expr) -> Iterator[str]:
        """The texts that an expression can be; none if it isn't made of literals."""
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.IfExp(body=body, orelse=other):
                yield from self.texts(body)
                yield from self.texts(other)
            case ast.Name(id=name) if name in self._values.keys() - self._asked:
                self._asked.add(name)
                yield from self._of_name(name)
                self._asked.remove(name)
            case ast.Dict(values=values):
                for value in values:
                    yield from self.texts(value)
            case ast.Subscript(value=table):
                yield from self.texts(table)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from self._joined([left, right])
            case ast.FormattedValue(value=value):
                yield from self.texts(value)
            case ast.JoinedStr(values=parts):
                yield from self._joined(parts)

    def _of_name(self, name: str) -> Iterator[str]:
        found = [text for value in self._values[name] for text in self.texts(value)]
        for value in self._added.get(name, []):
            found += [first + text for text in self.texts(value) for first in found]
        yield from found

    def _joined(self, parts: list[ast.expr]) -> Iterator[str]:
        for found in product(*(list(self.texts(part)) for part in parts)):
            yield "".join(found)
