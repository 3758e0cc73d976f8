"""Parse an expression into a filter.

sqlglot applies the operators' precedence to placeholders for the operands; node types that are
not listed here are errors. Parentheses are parsed one pair at a time, to bound depth and time.
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
from sampling_engine.filters.errors import InvalidFilter, Loc, Location
from sampling_engine.filters.filter import Filter, build_filter
from sampling_engine.filters.predicates import RawOperand
from sampling_engine.filters.roles import Role, RoleReader
from sampling_engine.filters.tokens import tokenize
from sampling_engine.filters.tree import MAX_DEPTH, And, IsNull, Node, Or, join_nodes, negate

MAX_LENGTH = 10_000
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
CONNECTIVES: dict[type[exp.Expr], type[And] | type[Or]] = {exp.And: And, exp.Or: Or}


def parse_expression(text: str, table: TableFiles, *, loc: Loc = ("expression",)) -> Filter:
    """Parse an expression, for example ``age > 18 AND city = 'New York'``.

    Parameters
    ----------
    text : str
        Up to 10,000 characters.
    table : TableFiles
        The table whose columns the expression names.
    loc : tuple of str or int
        Location of the expression in the caller's input.

    Raises
    ------
    InvalidFilter
        With the position of the error.
    UnknownColumn
        The message has the position and the table's columns.
    """
    location = Location(loc, text, 0)
    if not isinstance(text, str) or not text.strip():
        raise Location(loc).error("Write a condition, for example age > 18")
    if len(text) > MAX_LENGTH:
        message = f"An expression can have at most {MAX_LENGTH:,} characters, not {len(text):,}"
        raise InvalidFilter(f"{message}.", position=MAX_LENGTH, loc=loc)
    roles = RoleReader(tokenize(text, location), table, location).read()
    return build_filter(_Parser().parse(roles), location)


@dataclass
class _Group:
    """The tokens since an open parenthesis."""

    opened: Location
    is_list: bool
    tokens: list[Token] = field(default_factory=list)


class _Parser:
    """Parses parentheses innermost first; each parsed pair becomes an operand."""

    def __init__(self) -> None:
        self.parser = DuckDB().parser()
        self.operands: list[RawOperand | Node] = []
        self.locations: list[Location] = []

    def parse(self, roles: list[Role]) -> Node:
        groups = [_Group(roles[0].location, is_list=False)]
        for previous, role in zip([None, *roles], roles, strict=False):
            if role.operand is not None:
                self._push_operand(groups[-1], role.operand, role.location)
            elif role.word == "(":
                if len(groups) > MAX_DEPTH:
                    raise role.location.error(f"Parentheses can be nested at most {MAX_DEPTH} deep")
                is_list = previous is not None and previous.word == "IN"
                groups.append(_Group(role.location, is_list))
            elif role.word == ")":
                self._close(groups, role)
            elif role.word == "," and not groups[-1].is_list:
                raise role.location.error("A comma is only allowed in a list of values after IN")
            else:
                groups[-1].tokens.append(_token(role.word, role.location))
        if len(groups) > 1:
            raise groups[-1].opened.error("This parenthesis is not closed")
        return _as_condition(self._parse_group(groups[0]))

    def _close(self, groups: list[_Group], closing: Role) -> None:
        group = groups.pop()
        if group.is_list:
            start, stop = _token("(", group.opened), _token(")", closing.location)
            groups[-1].tokens.extend([start, *group.tokens, stop])
        else:
            self._push_operand(groups[-1], self._parse_group(group), group.opened)

    def _push_operand(self, group: _Group, operand: RawOperand | Node, location: Location) -> None:
        group.tokens.append(_token("", location, str(len(self.operands))))
        self.operands.append(operand)
        self.locations.append(location)

    def _parse_group(self, group: _Group) -> RawOperand | Node:
        try:
            (tree,) = self.parser.parse_into(exp.Condition, group.tokens)
        except ParseError as error:
            column = error.errors[0].get("col") if error.errors else None
            position = column - 1 if column else group.opened.position or 0
            raise group.opened.at(position).error("The syntax is not valid") from None
        except (SqlglotError, ValueError):
            raise group.opened.error("The syntax is not valid") from None
        if tree is None:
            raise group.opened.error("A condition is missing")
        return self._operand(tree) if isinstance(tree, exp.Column) else self._node(tree)

    def _node(self, tree: exp.Expr) -> Node:
        connective = CONNECTIVES.get(type(tree))
        if connective is not None:
            return join_nodes(connective, map(self._node, _flatten(tree)))
        if isinstance(tree, exp.Column):
            return _as_condition(self._operand(tree))
        if isinstance(tree, exp.Not):
            self._check_arguments(tree, "this")
            return negate(self._node(tree.this))
        return self._predicate(tree)

    def _predicate(self, tree: exp.Expr) -> Node:
        operator = COMPARISONS.get(type(tree))
        if operator is not None:
            self._check_arguments(tree, "this", "expression")
            return predicates.compare(
                self._value(tree.this), operator, self._value(tree.expression)
            )
        left = self._value(tree.this) if isinstance(tree.this, exp.Expr) else None
        if left is not None and isinstance(tree, exp.Between):
            self._check_arguments(tree, "this", "low", "high")
            low, high = self._value(tree.args["low"]), self._value(tree.args["high"])
            return predicates.between(left, low, high)
        if left is not None and isinstance(tree, exp.In):
            self._check_arguments(tree, "this", "expressions")
            values = [self._value(value) for value in tree.expressions]
            return predicates.in_list(left, values, left.location)
        if left is not None and isinstance(tree, exp.Like | exp.ILike):
            self._check_arguments(tree, "this", "expression", "negate")
            pattern = self._value(tree.expression)
            node = predicates.like(left, pattern, ignore_case=isinstance(tree, exp.ILike))
            return negate(node) if tree.args.get("negate") else node
        if left is not None and isinstance(tree, exp.Is) and type(tree.expression) is exp.Null:
            self._check_arguments(tree, "this", "expression")
            return IsNull(predicates.require_column(left))
        raise self._unsupported(tree)

    def _operand(self, tree: exp.Expr) -> RawOperand | Node:
        self._check_arguments(tree, "this")
        return self.operands[int(tree.name)]

    def _value(self, tree: exp.Expr) -> RawOperand:
        if isinstance(tree, exp.Column):
            operand = self._operand(tree)
            if isinstance(operand, RawOperand):
                return operand
        raise self._location(tree).error(
            "Expected a value, not a condition; join two comparisons with AND, and write NOT "
            "before a whole condition"
        )

    def _check_arguments(self, tree: exp.Expr, *names: str) -> None:
        if any(value for name, value in tree.args.items() if name not in names):
            raise self._unsupported(tree)

    def _unsupported(self, tree: exp.Expr) -> InvalidFilter:
        return self._location(tree).error(f"{tree.key.upper()} is not supported")

    def _location(self, tree: exp.Expr) -> Location:
        identifier = tree.find(exp.Identifier)
        return self.locations[int(identifier.name) if identifier else 0]


def _flatten(tree: exp.Expr) -> Iterator[exp.Expr]:
    # sqlglot nests a AND b AND c as ((a AND b) AND c); recursion would exhaust the stack.
    connective = type(tree)
    parts: list[exp.Expr] = []
    while type(tree) is connective:
        parts.append(tree.args["expression"])
        tree = tree.this
    return reversed([*parts, tree])


def _as_condition(operand: RawOperand | Node) -> Node:
    if isinstance(operand, RawOperand):
        raise operand.location.error(
            "A column or a value alone is not a condition; compare it, for example = true"
        )
    return operand


def _token(word: str, location: Location, operand: str = "") -> Token:
    # The parser's errors report a token's column, counted from 1.
    position = location.position or 0
    kind = TOKEN_TYPES[word] if word else TokenType.IDENTIFIER
    return Token(kind, word or operand, 1, position + 1, position, position)
