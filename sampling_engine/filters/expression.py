"""Parse an expression into a filter.

The position decides whether a word is a column, so a column can be named ``order`` or ``in``. NOT,
NULL, TRUE and FALSE are columns only in quotes.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Literal

from domain_errors import Loc
from lazy_dataclasses import dataclass
from parquet_tables.quoting import shown_identifier
from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine.filters import predicates
from sampling_engine.filters.errors import InvalidFilter, Location, shorten
from sampling_engine.filters.filter import Filter, build_filter
from sampling_engine.filters.literals import (
    NUMBER,
    TOO_MANY_DIGITS,
    RawValue,
    check_digits,
    iso_date,
)
from sampling_engine.filters.predicates import RawOperand
from sampling_engine.filters.relative import RELATIVE, WORDS, absolute_text, utc_now
from sampling_engine.filters.tree import MAX_DEPTH, And, IsNull, Node, Or, join_nodes, negate

MAX_LENGTH = 10_000

Kind = Literal["word", "quoted", "string", "number", "symbol", "end"]

# A word is a run of characters of any script, without white space and ASCII punctuation. Possessive
# repeats find an unclosed quote in one pass.
TOKEN = re.compile(
    r"""
    (?P<space>\s++)
    | (?P<comment>--|/\*)
    | (?P<arrow>->|=>)
    | "(?P<quoted>(?:[^"]|"")*+)"
    | '(?P<string>(?:[^']|'')*+)'
    | (?P<number>(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)
    | (?P<word>[^\s\x00-/:-@\[-^`{-\x7f]++)
    | (?P<symbol><=|>=|<>|!=|==|[=<>(),+-])
    """,
    re.VERBOSE,
)
TOKEN_KINDS: dict[str | None, Kind] = {
    "quoted": "quoted",
    "string": "string",
    "number": "number",
    "word": "word",
    "symbol": "symbol",
}
BARE_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])|[0-9]{1,2}([./])[0-9]{1,2}\1[0-9]{4}(?![0-9])"
)
WORD_AFTER_NUMBER = re.compile(r"[^\s\x00-/:-@\[-^`{-\x7f]++")
# The first matching prefix gives the message.
UNSUPPORTED_SIGNS = (
    ('"', "A double quote is not closed"),
    ("'", "A single quote is not closed; write a quote inside a text twice: 'it''s'"),
    (";", "Semicolons are not supported: a filter is one expression"),
    ("::", "Casts (::) are not supported"),
    (":", "Parameters (:) are not supported; write the value itself"),
    ("?", "Parameters (?) are not supported; write the value itself"),
    ("$", "Parameters and dollar quotes ($) are not supported; write the value itself"),
    ("@", "The sign @ is not supported; write a name that contains it in double quotes"),
    ("#", "The sign # is not supported; write a name that contains it in double quotes"),
    ("[", "Brackets [ ] are not supported; write a list for IN in parentheses"),
    ("]", "Brackets [ ] are not supported; write a list for IN in parentheses"),
    ("{", "Braces { } are not supported; write a name that contains them in double quotes"),
    ("}", "Braces { } are not supported; write a name that contains them in double quotes"),
    ("*", "The star (*) is not supported, neither for columns nor for arithmetic"),
    ("/", "Arithmetic (/) is not supported"),
    ("%", "Arithmetic (%) is not supported; write a LIKE pattern in single quotes"),
    ("||", "Text concatenation (||) is not supported; write OR between conditions"),
    ("|", "The sign | is not supported; write OR between conditions"),
    ("&", "The sign & is not supported; write AND between conditions"),
    ("~", "Regular expressions (~) are not supported; use LIKE or ILIKE"),
    ("!", "The sign ! is not supported; write NOT before a condition, or !="),
    (".", "Names with a dot are not supported; write only the column, in double quotes if its "
          "name contains the dot"),
    ("`", "Write a column's name in double quotes, not in `"),
)  # fmt: skip

COMPARISONS = {
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
LITERAL_WORDS: dict[str, RawValue | None] = {"TRUE": True, "FALSE": False, "NULL": None}
NEGATED_WORDS = frozenset({"IN", "BETWEEN", "LIKE", "ILIKE"})
OPERATOR_WORDS = NEGATED_WORDS | {"IS", "NOT"}
QUERY_WORDS = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE"})
UNSUPPORTED_WORDS = {
    "CASE": "CASE is not supported; write the condition with AND and OR",
    "EXISTS": "Subqueries (EXISTS) are not supported",
    "INTERVAL": "Intervals are not supported; write the date itself in single quotes",
    "ESCAPE": "ESCAPE is not supported; % and _ always stand for any characters",
    "COLLATE": "COLLATE is not supported; use ILIKE to ignore case",
    "OVER": "Window functions (OVER) are not supported",
    "LAMBDA": "Lambdas are not supported",
    "ISNULL": "ISNULL is not supported; write IS NULL",
    "NOTNULL": "NOTNULL is not supported; write IS NOT NULL",
    "SIMILAR": "SIMILAR TO is not supported; use LIKE or ILIKE",
    "GLOB": "GLOB is not supported; use LIKE or ILIKE",
    "REGEXP": "REGEXP is not supported; use LIKE or ILIKE",
    "RLIKE": "RLIKE is not supported; use LIKE or ILIKE",
}
SEARCH_WORDS = {
    "CONTAINS": ("%", "%"),
    "INCLUDES": ("%", "%"),
    "STARTS": ("", "%"),
    "STARTSWITH": ("", "%"),
    "BEGINS": ("", "%"),
    "ENDS": ("%", ""),
    "ENDSWITH": ("%", ""),
}
"""Words for parts of a text, and what its pattern has before and after the text."""
FUNCTIONS = {
    "ABS": "; write {column} > 5 OR {column} < -5",
    "CONTAINS": "; write {column} ILIKE '%text%'",
    "STARTS_WITH": "; write {column} LIKE 'text%'",
    "ENDS_WITH": "; write {column} LIKE '%text'",
    "LOWER": "; use ILIKE to ignore case",
    "UPPER": "; use ILIKE to ignore case",
    "COALESCE": "; write {column} IS NULL OR a comparison",
    "ISNULL": "; write {column} IS NULL",
    "YEAR": "; write {column} >= '2025-01-01' AND {column} < '2026-01-01'",
    "DATE": "; write the date itself in single quotes",
    "NOW": "; write now, or now - 12 hours",
    "TODAY": "; write today, or today - 7",
    "CURRENT_DATE": "; write today, or today - 7",
}
"""The end of the message about a function: the text to write in place of it."""
NOT_A_CONDITION = "A column or a value alone is not a condition; compare it, for example = true"
NOT_A_VALUE = (
    "Expected a value, not a condition; join two comparisons with AND, and write NOT before a "
    "whole condition"
)


@dataclass(frozen=True)
class Lexeme:
    """A token; of a name or a text in quotes, the characters between them, unescaped."""

    kind: Kind
    text: str
    position: int

    @property
    def word(self) -> str:
        """The text of a bare word in capitals; empty for other kinds."""
        return self.text.upper() if self.kind == "word" else ""

    def is_symbol(self, text: str) -> bool:
        """Whether this is the symbol ``text``."""
        return self.kind == "symbol" and self.text == text


def parse_expression(
    text: str, table: TableFiles, *, loc: Loc = ("expression",), now: datetime | None = None
) -> Filter:
    """Parse an expression, for example ``age > 18 AND city = 'New York'``.

    Relative dates are those of ``now``, by default the present time.

    Raises
    ------
    InvalidFilter, UnknownColumn
        With the position of the error.
    """
    parser = _parser(text, table, loc, now)
    return build_filter(parser.parse(), parser.location)


def absolute_expression(
    text: str, table: TableFiles, *, loc: Loc = ("expression",), now: datetime
) -> str:
    """Return an expression with the dates of ``now`` in the place of relative ones.

    Raises
    ------
    InvalidFilter, UnknownColumn
        As of :func:`parse_expression`.
    """
    parser = _parser(text, table, loc, now)
    parser.parse()
    for start, end, date in reversed(parser.relative):
        text = f"{text[:start]}'{date}'{text[end:]}"
    return text


def _parser(text: str, table: TableFiles, loc: Loc, now: datetime | None) -> _Parser:
    location = Location(loc, text, 0)
    if not isinstance(text, str) or not text.strip():
        raise Location(loc).error("Write a condition, for example age > 18")
    if len(text) > MAX_LENGTH:
        raise InvalidFilter(
            "An expression can have at most {maximum} characters, not {length}.",
            position=MAX_LENGTH,
            loc=loc,
            maximum=MAX_LENGTH,
            length=len(text),
        )
    return _Parser(tokenize(text, location), table, location, now or utc_now())


def tokenize(text: str, location: Location) -> list[Lexeme]:
    """Return the tokens of an expression; the last is of kind ``end``."""
    tokens: list[Lexeme] = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if bare := BARE_DATE.match(text, position):
            raise _bare_date(bare[0], location.at(position))
        if match is None:
            raise _unsupported_sign(text, location.at(position))
        kind, value = match.lastgroup, match.group(match.lastgroup or 0)
        if kind == "comment":
            raise location.at(position).error("Comments are not supported")
        if kind == "arrow":
            raise location.at(position).error(
                "The arrow {arrow} is not supported; comparisons are >= and <=", arrow=value
            )
        if kind == "number":
            _check_number_end(text, match.end(), location.at(position))
        if kind in TOKEN_KINDS:
            tokens.append(Lexeme(TOKEN_KINDS[kind], _unescaped(kind, value), position))
        position = match.end()
    return [*tokens, Lexeme("end", "", len(text))]


def _bare_date(text: str, location: Location) -> InvalidFilter:
    """The error of a date without quotes, with its ISO text where the order is clear."""
    iso = text if "-" in text else iso_date(text)
    return location.error(
        "Write a date in single quotes, the year first: '{iso}'", iso=iso or "YYYY-MM-DD"
    )


def _unescaped(kind: str | None, value: str) -> str:
    if kind == "quoted":
        return value.replace('""', '"')
    return value.replace("''", "'") if kind == "string" else value


def _check_number_end(text: str, end: int, start: Location) -> None:
    word = WORD_AFTER_NUMBER.match(text, end)
    if word or text.startswith(".", end):
        raise start.error(
            "{number} is not a number; write a name that starts with a digit in double quotes",
            number=shorten(text[start.position : word.end() if word else end + 1]),
        )


def _unsupported_sign(text: str, location: Location) -> InvalidFilter:
    for prefix, message in UNSUPPORTED_SIGNS:
        if text.startswith(prefix, location.position):
            return location.error(message)
    sign = text[location.position or 0]
    return location.error("The character {sign} is not supported", sign=repr(sign))


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(
        self, tokens: list[Lexeme], table: TableFiles, location: Location, now: datetime
    ) -> None:
        self.tokens, self.table, self.location, self.now = tokens, table, location, now
        self.relative: list[tuple[int, int, str]] = []
        """Where relative dates begin and end, and the dates that they are."""
        self.index = 0
        self.open_parentheses = 0

    @property
    def token(self) -> Lexeme:
        return self.tokens[self.index]

    def parse(self) -> Node:
        operand = self._alternatives(in_value=False)
        if self.token.kind != "end":
            raise self._misplaced(self.token)
        return _as_condition(operand)

    def _alternatives(self, *, in_value: bool) -> RawOperand | Node:
        """Parse conditions joined by AND and OR, or an operand alone."""
        alternatives = [[self._condition(in_value=in_value)]]
        while self.token.word in ("AND", "OR"):
            if self._next().word == "OR":
                alternatives.append([])
            alternatives[-1].append(self._condition(in_value=in_value))
        if len(alternatives) == 1 and len(alternatives[0]) == 1:
            return alternatives[0][0]
        joined = [join_nodes(And, map(_as_condition, parts)) for parts in alternatives]
        return join_nodes(Or, joined)

    def _condition(self, *, in_value: bool) -> RawOperand | Node:
        """Parse a condition without AND and OR, or an operand alone."""
        is_negated = False
        while self.token.word == "NOT" and not in_value:
            self._next()
            is_negated = not is_negated
        start = self.token
        operand = self._operand(in_value=in_value)
        while self._is_operator(self.token):
            operand = self._predicate(self._as_value(operand, start))
        return negate(_as_condition(operand)) if is_negated else operand

    def _predicate(self, left: RawOperand) -> Node:
        """Parse an operator and what follows it."""
        token = self._next()
        is_negated = token.word == "NOT"
        if is_negated:
            token = self._next()
            if token.word not in NEGATED_WORDS:
                raise self._error(token, "Expected IN, BETWEEN, LIKE or ILIKE after NOT")
        if token.kind == "symbol":
            return predicates.compare(left, COMPARISONS[token.text], self._value())
        if token.word == "IS":
            return self._null_test(left)
        if token.word == "IN":
            node = predicates.in_list(left, self._list(), left.location)
        elif token.word == "BETWEEN":
            low = self._value()
            if self.token.word != "AND":
                raise self.location.at(self.token.position).error(
                    "BETWEEN needs a low and a high value joined by AND"
                )
            self._next()
            node = predicates.between(left, low, self._value())
        else:
            node = predicates.like(left, self._value(), ignore_case=token.word == "ILIKE")
        return negate(node) if is_negated else node

    def _null_test(self, left: RawOperand) -> Node:
        is_negated = self.token.word == "NOT"
        if is_negated:
            self._next()
        token = self._next()
        if token.word != "NULL":
            raise self._error(
                token, "Expected NULL or NOT NULL after IS; for booleans write = true or = false"
            )
        node = IsNull(predicates.require_column(left))
        return negate(node) if is_negated else node

    def _list(self) -> list[RawOperand]:
        opening = self._next()
        if not opening.is_symbol("("):
            raise self._error(opening, "Expected a list of values in parentheses after IN")
        values = [self._value()]
        while self.token.is_symbol(","):
            self._next()
            values.append(self._value())
        self._close(opening)
        return values

    def _value(self) -> RawOperand:
        start = self.token
        return self._as_value(self._operand(in_value=True), start)

    def _as_value(self, operand: RawOperand | Node, start: Lexeme) -> RawOperand:
        if not isinstance(operand, RawOperand):
            raise self._error(start, NOT_A_VALUE)
        return operand

    def _operand(self, *, in_value: bool) -> RawOperand | Node:
        """Parse a column, a value, or what stands between two parentheses."""
        token = self._next()
        if token.is_symbol("("):
            return self._parenthesis(token, in_value=in_value)
        if token.is_symbol("+") or token.is_symbol("-"):
            number = self.token
            if number.kind != "number":
                raise self._arithmetic(token)
            self._next()
            return self._raw(token, self._number(token.text + number.text, number))
        if token.kind == "string":
            return self._raw(token, token.text)
        if token.kind == "number":
            return self._raw(token, self._number(token.text, token))
        if token.word == "NOT":
            raise self._error(
                token,
                "NOT is only allowed before a condition or an operator, not before a value; "
                'write a column named not in double quotes: "not"',
            )
        if token.word in LITERAL_WORDS and not self.token.is_symbol("("):
            return self._literal(token, in_value=in_value)
        if token.kind in ("word", "quoted"):
            return self._column(token)
        message = 'Expected a column or a value, not "{found}"'
        if self.index > 1 and self.tokens[self.index - 2].word == "NOT":
            message += '; write a column named not in double quotes: "not"'
        raise self._error(token, message, found=shorten(token.text))

    def _parenthesis(self, opening: Lexeme, *, in_value: bool) -> RawOperand | Node:
        self.open_parentheses += 1
        if self.open_parentheses > MAX_DEPTH:
            raise self._error(
                opening, "Parentheses can be nested at most {maximum} deep", maximum=MAX_DEPTH
            )
        operand = self._alternatives(in_value=in_value)
        self._close(opening)
        self.open_parentheses -= 1
        return operand

    def _close(self, opening: Lexeme) -> None:
        token = self._next()
        if token.kind == "end":
            raise self._error(opening, "This parenthesis is not closed")
        if not token.is_symbol(")"):
            raise self._misplaced(token)

    def _number(self, text: str, token: Lexeme) -> Decimal:
        location = self.location.at(token.position)
        if not NUMBER.fullmatch(text):
            raise location.error(TOO_MANY_DIGITS)
        return check_digits(Decimal(text), location)

    def _literal(self, token: Lexeme, *, in_value: bool) -> RawOperand:
        # Before an operator, the word probably means a column of that name.
        names = {column.name.upper() for column in self.table.columns}
        if not in_value and token.word in names:
            raise self._error(
                token, 'Write a column named {name} in double quotes: "{name}"', name=token.text
            )
        return self._raw(token, LITERAL_WORDS[token.word])

    def _column(self, token: Lexeme) -> RawOperand:
        name = shorten(token.text)
        if self.token.is_symbol("("):
            raise self._function(token, name)
        location = self.location.at(token.position)
        try:
            return self._raw(token, location.find_column(self.table, token.text, _hint(token)))
        except UnknownColumn:
            if token.word in WORDS:
                return self._relative(token)
            if token.word in QUERY_WORDS:
                raise location.error("Subqueries ({name}) are not supported", name=name) from None
            if token.word in UNSUPPORTED_WORDS:
                raise location.error(UNSUPPORTED_WORDS[token.word]) from None
            if token.kind == "word" and self.token.kind == "string":
                raise location.error(
                    "Write a value without a type before it: '…', not {name} '…'", name=name
                ) from None
            if token.word in OPERATOR_WORDS | {"AND", "OR"}:
                raise location.error(
                    "Expected a column or a value, not {name}", name=name
                ) from None
            raise

    def _relative(self, token: Lexeme) -> RawOperand:
        """A date or a time relative to the present; the next token is the one after it."""
        location = self.location.at(token.position)
        match = RELATIVE.match(location.text or "", token.position)
        if match is None:
            raise TypeError(f"{token.word} begins a relative date")
        while self.token.position < match.end() and self.token.kind != "end":
            last = self._next()
            if last.position + len(last.text) > match.end():
                raise self._error(
                    last, "Write a whole number after {word}: {word} - 7", word=token.text
                )
        date = absolute_text(match, self.now, location)
        self.relative.append((token.position, match.end(), date))
        return self._raw(token, date)

    def _function(self, token: Lexeme, name: str) -> InvalidFilter:
        """The error of a function, with another spelling of it where there is one."""
        inner = self.tokens[self.index + 1]
        column = "the column"
        if inner.kind in ("word", "quoted"):
            column = shown_identifier(inner.text)
        return self._error(
            token,
            "Functions such as {name}(…) are not supported" + FUNCTIONS.get(token.word, ""),
            name=name,
            column=column,
        )

    def _is_operator(self, token: Lexeme) -> bool:
        is_comparison = token.kind == "symbol" and token.text in COMPARISONS
        return is_comparison or token.word in OPERATOR_WORDS

    def _misplaced(self, token: Lexeme) -> InvalidFilter:
        """Return the error of a token that can't follow an operand or a condition."""
        if token.is_symbol(")"):
            return self._error(token, "This closing parenthesis has no opening one")
        if token.is_symbol(",") and (number := self._grouped_number(token)):
            return self._error(
                token, "Write a number without thousands separators: {number}", number=number
            )
        if token.is_symbol(","):
            return self._error(token, "A comma is only allowed in a list of values after IN")
        if token.is_symbol("("):
            return self._error(token, "Expected an operator before the parenthesis")
        if token.is_symbol("+") or token.is_symbol("-"):
            return self._arithmetic(token)
        if self._is_operator(token) or token.word in ("AND", "OR"):
            return self._error(token, NOT_A_VALUE)
        if token.word in SEARCH_WORDS:
            at = self.tokens.index(token) + 1
            following = self.tokens[at + (self.tokens[at].word == "WITH")]
            text = following.text if following.kind in ("string", "word", "quoted") else "text"
            before, after = SEARCH_WORDS[token.word]
            pattern = before + text.replace("'", "''") + after
            return self._error(
                token,
                "{word} is not supported; write ILIKE '{pattern}'",
                word=token.word,
                pattern=pattern,
            )
        if token.word in UNSUPPORTED_WORDS:
            return self._error(token, UNSUPPORTED_WORDS[token.word])
        return self._error(
            token,
            'Expected an operator before "{found}": one of {operators}',
            found=shorten(token.text),
            operators=EXPECTED_OPERATORS,
        )

    def _grouped_number(self, comma: Lexeme) -> str | None:
        """The digits of a number such as 10,000 around its first comma."""
        at = self.tokens.index(comma)
        parts = [self.tokens[at - 1]]
        while self.tokens[at].is_symbol(",") and self.tokens[at + 1].kind == "number":
            before, part = parts[-1], self.tokens[at + 1]
            if part.position != before.position + len(before.text) + 1:
                return None
            if not re.fullmatch(r"[0-9]{3}(\.[0-9]*)?", part.text):
                return None
            parts.append(part)
            at += 2
        is_grouped = len(parts) > 1 and parts[0].kind == "number"
        return "".join(part.text for part in parts) if is_grouped else None

    def _arithmetic(self, sign: Lexeme) -> InvalidFilter:
        return self._error(sign, "Arithmetic ({sign}) is not supported", sign=sign.text)

    def _error(self, token: Lexeme, template: str, **parameters: object) -> InvalidFilter:
        location = self.location.at(token.position)
        if token.kind == "end":
            return location.error("The expression is incomplete")
        return location.error(template, **parameters)

    def _raw(self, token: Lexeme, value: Column | RawValue | None) -> RawOperand:
        return RawOperand(value, self.location.at(token.position))

    def _next(self) -> Lexeme:
        """Return the current token and go on to the next one; the last is never left."""
        token = self.token
        self.index += token.kind != "end"
        return token


def _as_condition(operand: RawOperand | Node) -> Node:
    if isinstance(operand, RawOperand):
        raise operand.location.error(NOT_A_CONDITION)
    return operand


def _hint(token: Lexeme) -> str:
    if token.kind == "quoted":
        return "Write a text in single quotes; double quotes are for columns."
    if any(mark in token.text for mark in "‘’“”„«»"):
        return "Curly quotes are not supported: use ' for texts and \" for columns."
    return "Write a text in single quotes."
