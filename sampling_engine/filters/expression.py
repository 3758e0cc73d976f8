"""An expression as a filter.

Owns: the way from tokens to the tree. Invariant: sqlglot settles what binds how, and sees operands
only as numbers into a list of ours; of its tree the shapes listed here are taken and all others
refused. It is given the inside of one pair of parentheses at a time, innermost first, so neither
depth nor backtracking can run away. Called by whoever takes a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from parquet_tables.tables import TableFiles
from sampling_engine.filters import predicates
from sampling_engine.filters.errors import InvalidFilter, Loc, Place
from sampling_engine.filters.filter import Filter, finished
from sampling_engine.filters.predicates import Written
from sampling_engine.filters.roles import Reader, Role
from sampling_engine.filters.tokens import scan
from sampling_engine.filters.tree import DEEPEST, And, IsNull, Node, Or, joined, negated

LONGEST = 10_000
SYMBOLS = {
    "=": TokenType.EQ,
    "!=": TokenType.NEQ,
    "<": TokenType.LT,
    "<=": TokenType.LTE,
    ">": TokenType.GT,
    ">=": TokenType.GTE,
    ",": TokenType.COMMA,
    "(": TokenType.L_PAREN,
    ")": TokenType.R_PAREN,
}
WORDS = ("AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ILIKE", "IS", "NULL")
TOKEN_TYPES = SYMBOLS | {word: TokenType[word] for word in WORDS}
COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "!=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
CONNECTORS: dict[type[exp.Expr], type[And] | type[Or]] = {exp.And: And, exp.Or: Or}


def parse_expression(text: str, table: TableFiles, *, loc: Loc = ("expression",)) -> Filter:
    """Read an expression, for example ``age > 18 AND city = 'New York'``.

    Parameters
    ----------
    text : str
        Up to 10,000 characters.
    table : TableFiles
        Whose columns it is about.
    loc : tuple of str or int
        Where the expression is in the caller's input.

    Raises
    ------
    InvalidFilter
        With the position of the fault.
    UnknownColumn
        The message names the position and the columns there are.
    """
    place = Place(loc, text, 0)
    if not isinstance(text, str) or not text.strip():
        raise Place(loc).refusal("Write a condition, for example age > 18")
    if len(text) > LONGEST:
        message = f"An expression has up to {LONGEST:,} characters, not {len(text):,}"
        raise InvalidFilter(f"{message}.", position=LONGEST, loc=loc)
    return finished(_Folding().fold(Reader(scan(text, place), table, place).read()), place)


@dataclass
class _Group:
    """What an open parenthesis holds so far."""

    opened: Place
    is_list: bool
    tokens: list[Token] = field(default_factory=list)


class _Folding:
    """Turns parentheses into operands, innermost first."""

    def __init__(self) -> None:
        self.parser = DuckDB().parser()
        self.operands: list[Written | Node] = []
        self.places: list[Place] = []

    def fold(self, roles: list[Role]) -> Node:
        groups = [_Group(roles[0].place, is_list=False)]
        for before, role in zip([None, *roles], roles, strict=False):
            if role.operand is not None:
                self._push(groups[-1], role.operand, role.place)
            elif role.word == "(":
                if len(groups) > DEEPEST:
                    raise role.place.refusal(f"Parentheses nest up to {DEEPEST} deep")
                is_list = before is not None and before.word == "IN"
                groups.append(_Group(role.place, is_list))
            elif role.word == ")":
                self._close(groups, role)
            elif role.word == "," and not groups[-1].is_list:
                raise role.place.refusal("Commas stand only in a list of values after IN")
            else:
                groups[-1].tokens.append(_token(role.word, role.place))
        if len(groups) > 1:
            raise groups[-1].opened.refusal("This parenthesis is not closed")
        whole = self._parsed(groups[0])
        return _as_condition(whole)

    def _close(self, groups: list[_Group], closing: Role) -> None:
        group = groups.pop()
        if group.is_list:
            start, stop = _token("(", group.opened), _token(")", closing.place)
            groups[-1].tokens.extend([start, *group.tokens, stop])
        else:
            self._push(groups[-1], self._parsed(group), group.opened)

    def _push(self, group: _Group, operand: Written | Node, place: Place) -> None:
        group.tokens.append(_token("", place, str(len(self.operands))))
        self.operands.append(operand)
        self.places.append(place)

    def _parsed(self, group: _Group) -> Written | Node:
        try:
            (tree,) = self.parser.parse_into(exp.Condition, group.tokens)
        except ParseError as error:
            column = error.errors[0].get("col") if error.errors else None
            at = column - 1 if column else group.opened.position or 0
            raise group.opened.at(at).refusal("This is not understood") from None
        except (SqlglotError, ValueError):
            raise group.opened.refusal("This is not understood") from None
        if tree is None:
            raise group.opened.refusal("A condition is missing")
        return self._operand(tree) if isinstance(tree, exp.Column) else self._node(tree)

    def _node(self, tree: exp.Expr) -> Node:
        kind = CONNECTORS.get(type(tree))
        if kind is not None:
            return joined(kind, map(self._node, _chain(tree)))
        if isinstance(tree, exp.Column):
            return _as_condition(self._operand(tree))
        if isinstance(tree, exp.Not):
            self._check_parts(tree, "this")
            return negated(self._node(tree.this))
        return self._predicate(tree)

    def _predicate(self, tree: exp.Expr) -> Node:
        operator = COMPARISONS.get(type(tree))
        if operator is not None:
            self._check_parts(tree, "this", "expression")
            return predicates.compare(
                self._value(tree.this), operator, self._value(tree.expression)
            )
        tested = self._value(tree.this) if isinstance(tree.this, exp.Expr) else None
        if tested is not None and isinstance(tree, exp.Between):
            self._check_parts(tree, "this", "low", "high")
            low, high = self._value(tree.args["low"]), self._value(tree.args["high"])
            return predicates.between(tested, low, high)
        if tested is not None and isinstance(tree, exp.In):
            self._check_parts(tree, "this", "expressions")
            values = [self._value(one) for one in tree.expressions]
            return predicates.one_of(tested, values, tested.place)
        if tested is not None and isinstance(tree, exp.Like | exp.ILike):
            self._check_parts(tree, "this", "expression", "negate")
            pattern = self._value(tree.expression)
            node = predicates.like(tested, pattern, ignore_case=isinstance(tree, exp.ILike))
            return negated(node) if tree.args.get("negate") else node
        if tested is not None and isinstance(tree, exp.Is) and type(tree.expression) is exp.Null:
            self._check_parts(tree, "this", "expression")
            return IsNull(predicates.column_of(tested))
        raise self._unsupported(tree)

    def _operand(self, tree: exp.Expr) -> Written | Node:
        self._check_parts(tree, "this")
        return self.operands[int(tree.name)]

    def _value(self, tree: exp.Expr) -> Written:
        if isinstance(tree, exp.Column):
            operand = self._operand(tree)
            if isinstance(operand, Written):
                return operand
        raise self._place(tree).refusal(
            "A condition stands here in place of a value; write two comparisons with AND "
            "between them, and NOT before a whole condition"
        )

    def _check_parts(self, tree: exp.Expr, *names: str) -> None:
        if any(value for name, value in tree.args.items() if name not in names):
            raise self._unsupported(tree)

    def _unsupported(self, tree: exp.Expr) -> InvalidFilter:
        return self._place(tree).refusal(f"{tree.key.upper()} is not supported")

    def _place(self, tree: exp.Expr) -> Place:
        found = tree.find(exp.Identifier)
        return self.places[int(found.name) if found else 0]


def _chain(tree: exp.Expr) -> Iterator[exp.Expr]:
    # a AND b AND c is ((a AND b) AND c): a long one would exhaust the stack.
    kind = type(tree)
    parts: list[exp.Expr] = []
    while type(tree) is kind:
        parts.append(tree.args["expression"])
        tree = tree.this
    return reversed([*parts, tree])


def _as_condition(operand: Written | Node) -> Node:
    if isinstance(operand, Written):
        raise operand.place.refusal(
            "A column or a value alone is no condition; compare it, for example = true"
        )
    return operand


def _token(word: str, place: Place, operand: str = "") -> Token:
    # The parser's errors tell a token's column, from 1.
    position = place.position or 0
    kind = TOKEN_TYPES[word] if word else TokenType.IDENTIFIER
    return Token(kind, word or operand, 1, position + 1, position, position)
