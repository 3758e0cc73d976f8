"""Each token's role in an expression: a column, a value, or a word of the language.

Owns: which words are columns. Invariant: a bare word is a column only where a column can stand,
and a word of the language only where one can, so a column may be called ``order`` or ``in``; only
NOT, NULL, TRUE and FALSE can stand where a column can, and are never columns unless quoted. What
the language doesn't have is refused by name. Called by :mod:`expression`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine.filters.errors import Place, shortened
from sampling_engine.filters.literals import NUMBER, Raw, check_size
from sampling_engine.filters.predicates import Written
from sampling_engine.filters.tokens import Token
from sampling_engine.filters.words import LITERALS, OPERATOR_WORDS, QUERIES, REFUSED_WORDS

SYMBOLS = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", **dict.fromkeys(("<", "<=", ">", ">="))}
EXPECTED = "= != < <= > >= IN BETWEEN LIKE ILIKE IS AND OR"


class State(Enum):
    """What may come next."""

    CONDITION = auto()
    VALUE = auto()
    OPERATOR = auto()
    AFTER_IS = auto()
    AFTER_IS_NOT = auto()
    AFTER_NOT = auto()
    LIST = auto()


@dataclass(frozen=True)
class Role:
    """A token with its role: an operand, or else a word or symbol of the language."""

    word: str
    place: Place
    operand: Written | None = None


class Reader:
    """Gives roles to the tokens from left to right."""

    def __init__(self, tokens: list[Token], table: TableFiles, place: Place) -> None:
        self.tokens, self.table, self.place = tokens, table, place
        self.roles: list[Role] = []
        self.state = State.CONDITION
        self.index = 0
        # For each open parenthesis: may a condition start in it, and BETWEENs without their AND.
        self.open: list[list[int]] = [[1, 0]]

    def read(self) -> list[Role]:
        """The roles of all tokens.

        Raises
        ------
        InvalidFilter, UnknownColumn
            At the first token that has no role where it stands.
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
            raise self._refusal(token, "The expression ends too early")
        self._check_between(token)
        return self.roles

    def _operand(self, token: Token) -> None:
        after = self.tokens[self.index + 1]
        if token.text == "(" and token.kind == "symbol":
            self._emit("(", token, self.state)
            self.open.append([self.state is State.CONDITION, 0])
        elif token.kind == "symbol" and token.text in "+-":
            self._signed_number(token, after)
        elif token.word == "NOT":
            self._prefix_not(token)
        elif token.kind == "word" and token.word in LITERALS and not _calls(token, after):
            self._literal(token)
        elif token.kind in ("word", "quoted"):
            self._column(token, after)
        elif token.kind == "string":
            self._emit_operand(token, token.text)
        elif token.kind == "number":
            self._emit_operand(token, self._number(token.text, token))
        else:
            message = f'Here goes a column or a value, not "{shortened(token.text)}"'
            if self.roles and self.roles[-1].word == "NOT":
                message += '; a column called not goes in double quotes: "not"'
            raise self._refusal(token, message)

    def _literal(self, token: Token) -> None:
        # A value before the operator is rare, and a column's name there is not.
        names = {column.name.upper() for column in self.table.columns}
        if self.state is State.CONDITION and token.word in names:
            raise self._refusal(
                token, f'A column called {token.text} goes in double quotes: "{token.text}"'
            )
        self._emit_operand(token, LITERALS[token.word])

    def _signed_number(self, sign: Token, number: Token) -> None:
        if number.kind != "number":
            raise self._refusal(sign, f"Arithmetic ({sign.text}) is not supported")
        self._emit_operand(sign, self._number(sign.text + number.text, number))
        self.index += 1

    def _number(self, text: str, token: Token) -> Decimal:
        place = self.place.at(token.position)
        if not NUMBER.fullmatch(text):
            raise place.refusal("A number has up to 400 digits")
        return check_size(Decimal(text), place)

    def _prefix_not(self, token: Token) -> None:
        if self.state is not State.CONDITION:
            raise self._refusal(
                token,
                "NOT stands before a condition or an operator, not before a value; "
                'put a column of that name in double quotes: "not"',
            )
        if self.roles and self.roles[-1].word == "NOT":
            self.roles.pop()  # two of them cancel out
        else:
            self._emit("NOT", token, State.CONDITION)

    def _column(self, token: Token, after: Token) -> None:
        name = shortened(token.text)
        if _calls(token, after):
            raise self._refusal(token, f"Functions such as {name}(…) are not supported")
        try:
            column = self.place.at(token.position).column(self.table, token.text, _hint(token))
        except UnknownColumn:
            if token.word in QUERIES:
                raise self._refusal(token, f"Subqueries ({name}) are not supported") from None
            if token.word in REFUSED_WORDS:
                raise self._refusal(token, REFUSED_WORDS[token.word]) from None
            if token.kind == "word" and after.kind == "string":
                message = f"A value is written without a type before it: '…', not {name} '…'"
                raise self._refusal(token, message) from None
            if token.word in OPERATOR_WORDS:
                message = f"Here goes a column or a value, not {name}"
                raise self._refusal(token, message) from None
            raise
        self._emit_operand(token, column)

    def _operator(self, token: Token) -> None:
        word, scope = token.word, self.open[-1]
        if token.kind == "symbol" and token.text in SYMBOLS:
            self._emit(SYMBOLS[token.text] or token.text, token, State.VALUE)
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
        elif word in REFUSED_WORDS:
            raise self._refusal(token, REFUSED_WORDS[word])
        else:
            raise self._refusal(
                token, f'Before "{shortened(token.text)}" goes an operator, one of {EXPECTED}'
            )

    def _check_between(self, token: Token) -> None:
        if self.open[-1][1]:
            raise self._refusal(token, "BETWEEN needs a low and a high value with AND between them")

    def _punctuation(self, token: Token) -> None:
        self._check_between(token)
        if token.text == ")":
            if len(self.open) == 1:
                raise self._refusal(token, "This parenthesis was never opened")
            self.open.pop()
            self._emit(")", token, State.OPERATOR)
        elif token.text == ",":
            self._emit(",", token, State.VALUE)
        elif token.text == "(":
            raise self._refusal(token, "Before a parenthesis goes an operator; there are no calls")
        else:
            raise self._refusal(token, f"Arithmetic ({token.text}) is not supported")

    def _after(self, token: Token) -> None:
        if self.state is State.LIST:
            if token.text != "(" or token.kind != "symbol":
                raise self._refusal(token, "After IN goes a list of values in parentheses")
            self._emit("(", token, State.VALUE)
            self.open.append([0, 0])
        elif self.state is State.AFTER_NOT:
            if token.word not in ("IN", "BETWEEN", "LIKE", "ILIKE"):
                raise self._refusal(token, "After NOT goes IN, BETWEEN, LIKE or ILIKE")
            self._operator(token)
        elif token.word == "NOT" and self.state is State.AFTER_IS:
            self._emit("NOT", token, State.AFTER_IS_NOT)
        elif token.word == "NULL":
            self._emit("NULL", token, State.OPERATOR)
        else:
            raise self._refusal(
                token, "After IS goes NULL or NOT NULL; for true and false write = true or = false"
            )

    def _emit(self, word: str, token: Token, state: State) -> None:
        self.roles.append(Role(word, self.place.at(token.position)))
        self.state = state

    def _emit_operand(self, token: Token, value: Column | Raw | None) -> None:
        place = self.place.at(token.position)
        self.roles.append(Role("", place, Written(value, place)))
        self.state = State.OPERATOR

    def _refusal(self, token: Token, message: str) -> Exception:
        return self.place.at(token.position).refusal(message)


def _calls(token: Token, after: Token) -> bool:
    return after.kind == "symbol" and after.text == "("


def _hint(token: Token) -> str:
    if token.kind == "quoted":
        return "A text is in single quotes; double quotes are for columns."
    if any(mark in token.text for mark in "‘’“”„«»"):
        return "Curly quotes are not quotes here: use ' for texts and \" for columns."
    return "A text is in single quotes."
