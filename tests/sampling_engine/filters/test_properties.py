"""Property tests: parsing never crashes, and the SQL agrees with a plain Python evaluation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parquet_tables.tables import UnknownColumn
from sampling_engine.filters import Filter, InvalidFilter, parse_expression
from sampling_engine.filters.errors import Location
from sampling_engine.filters.literals import RawValue
from sampling_engine.filters.predicates import RawOperand, between, compare, in_list, like
from sampling_engine.filters.tree import And, IsNull, Node, Or, join_nodes, negate
from tests.sampling_engine.filters.three_valued import meets
from tests.sampling_engine.filters.tiny_table import TABLE, Row, TinyTable

TYPES = {
    "i": "TINYINT",
    "j": "BIGINT",
    "u": "UTINYINT",
    "d": "DECIMAL(4,1)",
    "e": "DECIMAL(6,3)",
    "x": "DOUBLE",
    "y": "FLOAT",
    "s": "VARCHAR",
    "t u": "VARCHAR",
    "b": "BOOLEAN",
    "c": "BOOLEAN",
    "day": "DATE",
    "at": "TIMESTAMP",
}
GROUPS = (("i", "j", "u", "d", "e", "x", "y"), ("s", "t u"), ("day", "at"))
ORDERS = ("=", "!=", "<", "<=", ">", ">=")
HERE = Location(())

integers = st.sampled_from([-129, -128, -2, -1, 0, 1, 2, 127, 128, 255, 256, 10**20])
fractions = st.sampled_from(["-0.25", "0.5", "0.1", "0.05", "1.005", "99.95", "1e-3", "1e30"])
numbers = st.one_of(integers.map(Decimal), fractions.map(Decimal))
texts = st.text("aAé%_'\\ \n", max_size=3)
moments = st.sampled_from(
    [
        "2000-02-29",
        "1969-12-31 23:59:59.999999",
        "2000-02-29 00:00:00.000000001",
        "2000-03-01 12:00",
    ]
)
LITERALS: dict[str, st.SearchStrategy[RawValue]] = {
    **dict.fromkeys(("i", "j", "u", "d", "e"), numbers),
    **dict.fromkeys(("x", "y"), st.one_of(numbers, st.sampled_from(["NaN", "-Infinity"]))),
    **dict.fromkeys(("s", "t u"), texts),
    **dict.fromkeys(("day", "at"), moments),
}
floats = st.sampled_from([0.0, -0.0, 0.5, -0.25, 2.0, 127.0, float("nan"), float("-inf")])
days = st.dates().filter(lambda day: day.year > 1) | st.just(None)
VALUES: dict[str, st.SearchStrategy[object]] = {
    "i": st.sampled_from([-128, -2, -1, 0, 1, 2, 127]),
    "j": st.sampled_from([-128, -2, -1, 0, 1, 2, 127, 128, 255, 256, 2**62]),
    "u": st.sampled_from([0, 1, 2, 128, 255]),
    "d": st.sampled_from([Decimal(text) for text in ("0.5", "0.1", "0.0", "-0.3", "2", "127.0")]),
    "e": st.sampled_from([Decimal(text) for text in ("0.5", "0.1", "1.005", "-0.25", "0.001")]),
    **dict.fromkeys(("x", "y"), floats),
    **dict.fromkeys(("s", "t u"), texts),
    **dict.fromkeys(("b", "c"), st.booleans()),
    "day": days,
    "at": st.datetimes().filter(lambda at: at.year > 1),
}
rows = st.fixed_dictionaries({}, optional=VALUES)


def column_operand(name: str) -> RawOperand:
    return RawOperand(TINY.column(name), HERE)


TINY = TinyTable(TYPES, []).table


@st.composite
def operands(draw: st.DrawFn, name: str) -> RawOperand:
    """A value for the column, or a column that compares with it."""
    if draw(st.integers(0, 3)):
        return RawOperand(draw(LITERALS[name]), HERE)
    group = next(group for group in GROUPS if name in group)
    return column_operand(draw(st.sampled_from(group)))


@st.composite
def leaves(draw: st.DrawFn) -> Node:
    kind = draw(st.sampled_from(["compare", "compare", "between", "in", "like", "null", "flag"]))
    name = draw(st.sampled_from(sorted(LITERALS)))
    left = column_operand(name)
    if kind == "between":
        return between(left, draw(operands(name)), draw(operands(name)))
    if kind == "in":
        values = draw(st.lists(LITERALS[name], min_size=1, max_size=4))
        return in_list(left, [RawOperand(value, HERE) for value in values], HERE)
    if kind == "like":
        pattern = RawOperand(draw(texts), HERE)
        return like(column_operand("t u"), pattern, ignore_case=draw(st.booleans()))
    if kind == "null":
        return IsNull(TINY.column(draw(st.sampled_from(sorted(TYPES)))))
    if kind == "flag":
        other = draw(
            st.sampled_from([RawOperand(True, HERE), RawOperand(False, HERE), column_operand("c")])
        )
        return compare(column_operand("b"), draw(st.sampled_from(("=", "!="))), other)
    sides = [left, draw(operands(name))]
    if draw(st.booleans()):
        sides.reverse()
    return compare(sides[0], draw(st.sampled_from(ORDERS)), sides[1])


def larger(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(nodes, min_size=2, max_size=3)
    return st.one_of(
        nodes.map(negate),
        several.map(lambda parts: join_nodes(And, parts)),
        several.map(lambda parts: join_nodes(Or, parts)),
    )


nodes = st.recursive(leaves(), larger, max_leaves=6)


@pytest.fixture(scope="module")
def random_table() -> Iterator[TinyTable]:
    made = TinyTable(TYPES, [])
    yield made
    made.connection.close()


quick = settings(deadline=None, suppress_health_check=list(HealthCheck))


@given(node=nodes)
@settings(quick, max_examples=150)
def test_canonical_text_parses_to_the_same_filter(node: Node) -> None:
    text = Filter(node).text
    again = parse_expression(text, TINY)
    assert again == Filter(node)
    assert again.text == text
    assert again.columns == Filter(node).columns


@given(node=nodes, filled=st.lists(rows, min_size=1, max_size=4))
@settings(quick, max_examples=120)
def test_sql_agrees_with_python_evaluation(
    random_table: TinyTable, node: Node, filled: list[Row]
) -> None:
    random_table.fill(filled)
    expected = [number for number, row in enumerate(filled) if meets(node, row)]
    assert random_table.selected(Filter(node)) == expected
    unknown = [number for number, row in enumerate(filled) if meets(node, row) is None]
    sql, params = Filter(node).condition("s")
    assert random_table.selected_by(f"({sql}) IS NULL", params) == unknown


@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(("AND", "OR")),
            st.sampled_from(("", "NOT ", "NOT NOT ")),
            st.sampled_from(
                (
                    "i = 1",
                    "i NOT IN (1, 2)",
                    "j BETWEEN i AND 2",
                    "j NOT BETWEEN -1 AND 1",
                    "s LIKE '%a%'",
                    "s NOT ILIKE 'A%'",
                    "u IS NULL",
                    "u IS NOT NULL",
                    "(i < 1 OR NOT j > 1)",
                    "b = true",
                )
            ),
        ),
        min_size=1,
        max_size=6,
    ),
    filled=st.lists(rows, min_size=1, max_size=4),
)
@settings(quick, max_examples=80)
def test_operator_precedence_matches_duckdb(
    random_table: TinyTable, parts: list[tuple[str, str, str]], filled: list[Row]
) -> None:
    random_table.fill(filled)
    text = " ".join(f"{joint} {negation}{leaf}" for joint, negation, leaf in parts).split(" ", 1)[1]
    parsed = parse_expression(text, TINY)
    assert random_table.selected(parsed) == random_table.selected_by(text)
    assert random_table.selected(parsed) == random_table.selected_by(parsed.text)


PIECES = (
    "age city born in not and or between like is null true ( ) , = <> >= 5 -1 'a' \"age\" "
    "1e5 ; -- /* :: [ ] { } case when then end select from * . + - ' \" $1 ? upper( exists( over "
    "E'x' 0x1 ~ || -> 名前 \u00a0 \x00"
)
pieces = st.sampled_from(PIECES.split(" "))
anything = st.one_of(st.text(max_size=60), st.lists(pieces, max_size=30).map(" ".join))


def parse(text: str) -> Filter | InvalidFilter | UnknownColumn:
    try:
        return parse_expression(text, TABLE)
    except (InvalidFilter, UnknownColumn) as error:
        return error


@given(anything)
@settings(quick, max_examples=300)
def test_any_text_parses_or_fails_within_a_second(text: str) -> None:
    started = time.thread_time()
    outcome = parse(text)
    assert time.thread_time() - started < 1
    if isinstance(outcome, Filter):
        assert parse_expression(outcome.text, TABLE) == outcome
    elif isinstance(outcome, InvalidFilter):
        assert outcome.position is None or 0 <= outcome.position <= len(text)
        assert outcome.message.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 10_000, ")" * 10_000, "NOT " * 2_500, "-" * 10_000, "'" * 10_000, '"' * 9_999),
        *("age=" * 2_500, "age in (" * 1_250, "age between " * 830, "a" * 10_000, "9" * 10_000),
        *("age AND " * 1_250, "age IS " * 1_400, "((age)=" * 1_400, "1e" * 5_000, "," * 10_000),
        *("age NOT " * 1_250, "(age,(" * 1_600, "age=1 OR " * 1_100, "' '" * 3_333, "." * 10_000),
        *("(age=1)AND(" * 90, "age in((" * 1_200, "[" * 10_000, "/*" * 5_000, "\ud800" * 10_000),
    ],
    ids=lambda text: text[:12].encode("unicode_escape").decode(),
)
def test_long_repetitions_fail_within_a_second(text: str) -> None:
    started = time.thread_time()
    with pytest.raises((InvalidFilter, UnknownColumn)):
        parse_expression(text, TABLE)
    assert time.thread_time() - started < 1
