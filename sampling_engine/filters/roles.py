"""Classify each token of an expression as a column, a value or a word of the language.

The position decides whether a bare word is a column, so a column can be named ``order`` or ``in``.
NOT, NULL, TRUE and FALSE are columns only in quotes. Unsupported syntax is rejected by its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine.filters.errors import Location, shorten
from sampling_engine.filters.literals import (
    LITERAL_WORDS,
    NUMBER,
    OPERATOR_WORDS,
    QUERY_WORDS,
    UNSUPPORTED_WORDS,
    RawValue,
    check_digits,
)
from sampling_engine.filters.predicates import RawOperand
from sampling_engine.filters.tokens import Token

SYMBOL_ROLES = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
EXPECTED_OPERATORS = "= != < <= > >= IN BETWEEN LIKE ILIKE IS AND OR"


class State(Enum):
    """The kind of token that may come next."""

    CONDITION = auto()
    VALUE = auto()
    OPERATOR = auto()
    AFTER_IS = auto()
    AFTER_IS_NOT = auto()
    AFTER_NOT = auto()
    LIST = auto()


@dataclass(frozen=True)
class Role:
    """A classified token: an operand, or a word or symbol of the language."""

    word: str
    location: Location
    operand: RawOperand | None = None


class RoleReader:
    """Classifies the tokens from left to right."""

    def __init__(self, tokens: list[Token], table: TableFiles, location: Location) -> None:
        self.tokens, self.table, self.location = tokens, table, location
        self.roles: list[Role] = []
        self.state = State.CONDITION
        self.index = 0
        # For each open parenthesis: may it contain a condition, and its BETWEENs without AND.
        self.scopes: list[list[int]] = [[1, 0]]

    def read(self) -> list[Role]:
        """Return the roles of all tokens.

        Raises
        ------
        InvalidFilter, UnknownColumn
            At the first token that is not allowed at its position.
        """
        while (token := self.tokens[self.index]).kind != "end":
            if self.state in (State.CONDITION, State.VALUE):
                self._operand(token)
            elif self.state is State.OPERATOR:
                self._operator(token)
            else:
                self._after(token)
            self.index += 1
        if self.state is not State.OPERATOR:
            raise self._error(token, "The expression is incomplete")
        self._check_between(token)
        return self.roles

    def _operand(self, token: Token) -> None:
        following = self.tokens[self.index + 1]
        if token.text == "(" and token.kind == "symbol":
            self._emit("(", token, self.state)
            self.scopes.append([self.state is State.CONDITION, 0])
        elif token.kind == "symbol" and token.text in "+-":
            self._signed_number(token, following)
        elif token.word == "NOT":
            self._prefix_not(token)
        elif token.kind == "word" and token.word in LITERAL_WORDS and not _is_call(following):
            self._literal(token)
        elif token.kind in ("word", "quoted"):
            self._column(token, following)
        elif token.kind == "string":
            self._emit_operand(token, token.text)
        elif token.kind == "number":
            self._emit_operand(token, self._number(token.text, token))
        else:
            message = f'Expected a column or a value, not "{shorten(token.text)}"'
            if self.roles and self.roles[-1].word == "NOT":
                message += '; write a column named not in double quotes: "not"'
            raise self._error(token, message)

    def _literal(self, token: Token) -> None:
        # Before an operator, the word probably means a column of that name.
        names = {column.name.upper() for column in self.table.columns}
        if self.state is State.CONDITION and token.word in names:
            raise self._error(
                token, f'Write a column named {token.text} in double quotes: "{token.text}"'
            )
        self._emit_operand(token, LITERAL_WORDS[token.word])

    def _signed_number(self, sign: Token, number: Token) -> None:
        if number.kind != "number":
            raise self._error(sign, f"Arithmetic ({sign.text}) is not supported")
        self._emit_operand(sign, self._number(sign.text + number.text, number))
        self.index += 1

    def _number(self, text: str, token: Token) -> Decimal:
        location = self.location.at(token.position)
        if not NUMBER.fullmatch(text):
            raise location.error("A number can have at most 400 digits")
        return check_digits(Decimal(text), location)

    def _prefix_not(self, token: Token) -> None:
        if self.state is not State.CONDITION:
            raise self._error(
                token,
                "NOT is only allowed before a condition or an operator, not before a value; "
                'write a column named not in double quotes: "not"',
            )
        if self.roles and self.roles[-1].word == "NOT":
            self.roles.pop()  # NOT NOT cancels out
        else:
            self._emit("NOT", token, State.CONDITION)

    def _column(self, token: Token, following: Token) -> None:
        name = shorten(token.text)
        if _is_call(following):
            raise self._error(token, f"Functions such as {name}(…) are not supported")
        try:
            location = self.location.at(token.position)
            column = location.find_column(self.table, token.text, _hint(token))
        except UnknownColumn:
            if token.word in QUERY_WORDS:
                raise self._error(token, f"Subqueries ({name}) are not supported") from None
            if token.word in UNSUPPORTED_WORDS:
                raise self._error(token, UNSUPPORTED_WORDS[token.word]) from None
            if token.kind == "word" and following.kind == "string":
                message = f"Write a value without a type before it: '…', not {name} '…'"
                raise self._error(token, message) from None
            if token.word in OPERATOR_WORDS:
                message = f"Expected a column or a value, not {name}"
                raise self._error(token, message) from None
            raise
        self._emit_operand(token, column)

    def _operator(self, token: Token) -> None:
        word, scope = token.word, self.scopes[-1]
        if token.kind == "symbol" and token.text in SYMBOL_ROLES:
            self._emit(SYMBOL_ROLES[token.text], token, State.VALUE)
        elif token.kind == "symbol":
            self._punctuation(token)
        elif word == "AND" and scope[1]:
            scope[1] -= 1
            self._emit(word, token, State.VALUE)
        elif word in ("AND", "OR"):
            self._check_between(token)
            self._emit(word, token, State.CONDITION if scope[0] else State.VALUE)
        elif word in ("BETWEEN", "LIKE", "ILIKE"):
            scope[1] += word == "BETWEEN"
            self._emit(word, token, State.VALUE)
        elif word in ("IN", "IS", "NOT"):
            states = {"IN": State.LIST, "IS": State.AFTER_IS, "NOT": State.AFTER_NOT}
            self._emit(word, token, states[word])
        elif word in UNSUPPORTED_WORDS:
            raise self._error(token, UNSUPPORTED_WORDS[word])
        else:
            raise self._error(
                token,
                f'Expected an operator before "{shorten(token.text)}": one of {EXPECTED_OPERATORS}',
            )

    def _check_between(self, token: Token) -> None:
        if self.scopes[-1][1]:
            raise self._error(token, "BETWEEN needs a low and a high value joined by AND")

    def _punctuation(self, token: Token) -> None:
        self._check_between(token)
        if token.text == ")":
            if len(self.scopes) == 1:
                raise self._error(token, "This closing parenthesis has no opening one")
            self.scopes.pop()
            self._emit(")", token, State.OPERATOR)
        elif token.text == ",":
            self._emit(",", token, State.VALUE)
        elif token.text == "(":
            raise self._error(token, "Expected an operator before the parenthesis")
        else:
            raise self._error(token, f"Arithmetic ({token.text}) is not supported")

    def _after(self, token: Token) -> None:
        if self.state is State.LIST:
            if token.text != "(" or token.kind != "symbol":
                raise self._error(token, "Expected a list of values in parentheses after IN")
            self._emit("(", token, State.VALUE)
            self.scopes.append([0, 0])
        elif self.state is State.AFTER_NOT:
            if token.word not in ("IN", "BETWEEN", "LIKE", "ILIKE"):
                raise self._error(token, "Expected IN, BETWEEN, LIKE or ILIKE after NOT")
            self._operator(token)
        elif token.word == "NOT" and self.state is State.AFTER_IS:
            self._emit("NOT", token, State.AFTER_IS_NOT)
        elif token.word == "NULL":
            self._emit("NULL", token, State.OPERATOR)
        else:
            raise self._error(
                token,
                "Expected NULL or NOT NULL after IS; for booleans write = true or = false",
            )

    def _emit(self, word: str, token: Token, state: State) -> None:
        self.roles.append(Role(word, self.location.at(token.position)))
        self.state = state

    def _emit_operand(self, token: Token, value: Column | RawValue | None) -> None:
        location = self.location.at(token.position)
        self.roles.append(Role("", location, RawOperand(value, location)))
        self.state = State.OPERATOR

    def _error(self, token: Token, message: str) -> Exception:
        return self.location.at(token.position).error(message)


def _is_call(following: Token) -> bool:
    return following.kind == "symbol" and following.text == "("


def _hint(token: Token) -> str:
    if token.kind == "quoted":
        return "Write a text in single quotes; double quotes are for columns."
    if any(mark in token.text for mark in "‘’“”„«»"):
        return "Curly quotes are not supported: use ' for texts and \" for columns."
    return "Write a text in single quotes."
