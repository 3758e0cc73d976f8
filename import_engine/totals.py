"""The totals that a file itself has: found among and below the rows, and compared with their sums.

Sums are exact decimals. A row is a total if a cell calls it one, or if it lacks a value that rows
usually have and its amounts are the sums of the rows since an earlier total.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from decimal import Decimal

from contract.columns import DOUBLE_DIGITS, is_identifier_name
from contract.requests.importing import ReadOptions
from domain_errors import FigureText, Sentence
from import_engine.kept_rows import without_rows
from import_engine.numbers import written_forms
from import_engine.table_edges import (
    KEPT_TOTAL,
    LABEL_HINT,
    MAX_LABEL,
    LabelKind,
    amount_of,
    count_cell,
    label_kind,
    total_word,
)
from import_engine.total_sentences import TotalRow, question_on, totals_of
from import_engine.work import ImportedTable, ImportWork, RowBelow, TotalComparison
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.exact_values import SCALES, are_exact, exact_value
from parquet_tables.quoting import quote_identifier, quote_text

FIRST_ROWS = 20_480
"""Rows that show the usual values, and in which words are searched in a large table."""
MAX_WORD_ROWS = 1_000_000
"""Rows up to which words are searched in every row; beyond, also in rows without a usual value."""
MAX_CANDIDATES, MAX_WORDED = 10_000, 500_000
MAX_NUMBERS, MAX_TEXTS, MAX_USUAL = 50, 50, 200
"""Columns, the first ones, that are added up, searched for words, and may be missed."""
USUAL_SHARE = 0.5
MAX_SUM_DIGITS = 28
"""Digits of numbers of which ten billion can be added up exactly."""
UNREADABLE = '"{cell}" can\'t be read as a number'
AMBIGUOUS = "it may be {one} or {other}"
FEWER_DIGITS = "the import keeps 15 digits of its values"
MORE_ROWS = "it is the sum of more rows than those since the last subtotal"
_PERCENT = re.compile(r"%|(?:^|[\W_])(?:percent|prozent)(?:$|[\W_])|\w[ _-]rate$", re.IGNORECASE)
_STEP = "comparing the file's totals"

Amounts = Mapping[str, Decimal]


@dataclass(frozen=True)
class _AmountColumn:
    """A column that is added up: its place, the SQL of its exact value, and its decimal sign.

    ``value`` is empty if its values have too many digits.
    """

    column: Column
    place: int
    value: str
    decimal: str


@dataclass(frozen=True)
class _Candidate:
    """A row that may be a total.

    ``at`` is its position among the rows, from 0; those below the table follow on. ``unread`` says
    by column why a cell has no amount. ``lacks_any`` is whether it lacks a usual value, and
    ``lacks_value`` whether it lacks most of them. ``smaller`` are other readings of its amounts.
    """

    at: int
    row: int
    label: str
    kind: LabelKind
    amounts: Amounts
    lacks_value: bool
    lacks_any: bool
    unread: Mapping[str, str] = field(default_factory=dict)
    smaller: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """The word that calls it a total, or the total of something; empty for other rows."""
        if self.kind == "total":
            return self.label.strip(" :.*").casefold()
        return total_word(self.label) if self.kind == "total_of" else ""


@dataclass(frozen=True)
class _Sums:
    """The sums of rows from the first one, their number, and the values of the last one."""

    rows: int = 0
    sums: Amounts = field(default_factory=dict)
    last: Amounts = field(default_factory=dict)

    def plus(self, other: _Sums) -> _Sums:
        """Add rows that follow."""
        names = self.sums.keys() | other.sums.keys()
        sums = {name: self.of(name) + other.of(name) for name in names}
        return _Sums(self.rows + other.rows, sums, other.last if other.rows else self.last)

    def of(self, name: str) -> Decimal:
        """The sum of a column."""
        return self.sums.get(name, Decimal(0))


@dataclass(frozen=True)
class _Match:
    """A candidate and the rows from ``start`` to ``end``, whose sums it is compared with."""

    candidate: _Candidate
    start: _Sums
    end: _Sums
    skips: bool = False
    """Whether it adds up more rows than those since the last total with its word."""

    @property
    def rows(self) -> int:
        """The number of rows that it adds up."""
        return self.end.rows - self.start.rows

    def sum_of(self, name: str) -> Decimal:
        """The sum of a column in these rows."""
        return self.end.of(name) - self.start.of(name)

    def agreeing(self) -> list[str]:
        """The columns whose amount is the sum of the rows; none if all amounts are 0."""
        amounts = self.candidate.amounts
        names = [name for name, value in amounts.items() if self.sum_of(name) == value]
        return names if self.rows and any(amounts[name] for name in names) else []

    def explains_all(self) -> bool:
        """Whether each amount is the sum, or repeats the last row as a running balance does."""
        agreeing = self.agreeing()
        return bool(agreeing) and all(
            name in agreeing or self.end.last.get(name) == value
            for name, value in self.candidate.amounts.items()
        )


@dataclass(frozen=True)
class _Findings:
    """What candidates are: totals, balances, and rows of the table like others."""

    totals: Sequence[_Match]
    balances: Sequence[_Candidate]
    others: Sequence[_Candidate]
    rows: int
    """The rows that are no totals."""


def with_totals(work: ImportWork, table: ImportedTable, options: ReadOptions) -> ImportedTable:
    """Compare a table's totals with its rows; ask about, or leave out, those among its rows."""
    columns = _amount_columns(table) if table.rows else []
    search = _search(work, table, columns, options) if columns else None
    has_candidates = search is not None and bool(search.rows(work, [], "", 1))
    if not has_candidates and not table.below:
        return table
    numbers = _numbers(work, table, columns)
    candidates = []
    if search is not None and has_candidates and any(each.value for each in numbers):
        candidates = _candidates(work, table, search, numbers)
    candidates += [_below(table, at, row, numbers) for at, row in enumerate(table.below)]
    segments = _segments(work, table, numbers, candidates)
    found = _classified(table.rows, candidates, segments)
    within = [each.candidate for each in found.totals if each.candidate.at < table.rows]
    leaves_out = options.totals == "leave_out" and bool(within)
    floats = {each.column.name for each in numbers if each.column.data_type.is_float}
    rows = [_compared(each, found.rows, work, floats) for each in found.totals]
    parts = [each for each in rows if not each.of_all_rows]
    ends_in_part = len(parts) > 1 and parts == rows and work.has_all_rows
    totals = totals_of(
        rows,
        [(each.row, each.label) for each in within],
        [(each.row, each.label) for each in found.balances],
        table,
        left_out=leaves_out,
        has_all_rows=work.has_all_rows,
        rows_after=found.rows - found.totals[-1].end.rows if ends_in_part else 0,
    )
    if leaves_out:
        if within[-1].at == table.rows - 1:
            notes = (note for note in table.notes if not note.startswith(KEPT_TOTAL))
            table = replace(table, notes=tuple(notes))
        table = without_rows(work, table, [each.at for each in within], options)
    elif within and options.totals is None:
        table = replace(table, questions=(*table.questions, question_on(totals, within[0].label)))
    kept = [] if leaves_out else [each.label for each in within if each.kind == "total"]
    kept += [each.label for each in found.others if _may_be_total(each, table)]
    if kept:
        note = f'Rows within the table may be totals, such as "{min(kept)}"; they were kept.'
        table = replace(table, notes=(*table.notes, note))
    return replace(table, totals=totals)


def _may_be_total(candidate: _Candidate, table: ImportedTable) -> bool:
    if candidate.at >= table.rows:
        return False
    is_last = candidate.at == table.rows - 1 and candidate.lacks_value
    return candidate.kind == "total" or (candidate.kind == "total_of" and is_last)


def _amount_columns(table: ImportedTable) -> list[Column]:
    return [
        column
        for column in table.columns
        if column.data_type.has_fractions
        or (column.data_type.is_number and not is_identifier_name(column.name))
    ][:MAX_NUMBERS]


def _numbers(
    work: ImportWork, table: ImportedTable, columns: Sequence[Column]
) -> list[_AmountColumn]:
    """How columns are added up."""
    changes = {each.name: each.changes for each in table.readings}
    floats = [column for column in columns if column.data_type.is_float]
    scales = _scales(work, table, floats) if floats else {}
    numbers = []
    for column in columns:
        cell, digits = f"f.{quote_identifier(column.name)}", column.data_type.digits
        if column.data_type.is_float:
            scale = scales[column.name]
            if scale == 0 and is_identifier_name(column.name):
                continue
            value = "" if scale is None else exact_value(cell, scale)
        else:
            is_wide = column.type == "HUGEINT" or (digits and digits[0] > MAX_SUM_DIGITS)
            value = "" if is_wide else f"CAST({cell} AS DECIMAL(38,{digits[1] if digits else 0}))"
        has_comma = "decimal comma" in changes.get(column.name, ())
        decimal = "," if has_comma else "" if column.data_type.is_whole else "."
        numbers.append(_AmountColumn(column, table.columns.index(column), value, decimal))
    return numbers


def _scales(
    work: ImportWork, table: ImportedTable, columns: Sequence[Column]
) -> dict[str, int | None]:
    """The decimals of the values of each column; None if there are too many."""
    tests = [
        are_exact(cell, exact_value(cell, scale), column.type, scale)
        for column in columns
        for cell in [f"f.{quote_identifier(column.name)}"]
        for scale in SCALES
    ]
    sql = f"SELECT {', '.join(tests)} FROM read_parquet(?) AS f"
    (row,) = work.ask(sql, [_path(table)], _STEP)
    answers = iter(row)
    found: dict[str, int | None] = {}
    for column in columns:
        fitting = [scale for scale in SCALES if next(answers)]
        found[column.name] = fitting[0] if fitting else None
    return found


def _path(table: ImportedTable) -> str:
    return str(table.files[0].path)


def _filled(column: Column) -> str:
    name = f"f.{quote_identifier(column.name)}"
    return f"nullif({name}, '')" if column.data_type.is_text else name


def _usual(work: ImportWork, table: ImportedTable, word: str) -> list[Column]:
    """The columns that have a value in most of the first rows, if there are any without a word."""
    columns = table.columns[:MAX_USUAL]
    counts = ", ".join(f"count({_filled(column)})" for column in columns)
    sql = (
        f"SELECT {word}, count(*), {counts} FROM (FROM read_parquet(?) "
        f"LIMIT {FIRST_ROWS:d}) AS f GROUP BY 1 ORDER BY 1"
    )
    ((_, rows, *filled), *_) = work.ask(sql, [_path(table)], _STEP)
    return [
        column for column, count in zip(columns, filled, strict=True) if count >= USUAL_SHARE * rows
    ]


def _lacks(usual: Sequence[Column], fractions: Collection[str]) -> tuple[str, str]:
    """The SQL of whether a row lacks most, and any, of the usual values besides fractions.

    Most are more than half of those besides its label.
    """
    described = [column for column in usual if column.name not in fractions]
    if not described:
        return "false", "false"
    missing = " + ".join(f"CAST({_filled(each)} IS NULL AS INTEGER)" for each in described)
    return f"({missing}) * 2 > greatest(1, {len(described) - 1})", f"({missing}) > 0"


@dataclass(frozen=True)
class _TotalSearch:
    """Which rows of a table may be totals: SQL conditions on the rows ``f`` of its file."""

    path: str
    texts: Sequence[Column]
    lacks: str
    lacks_any: str
    worded: str
    has_amount: str

    def rows(
        self, work: ImportWork, shown: Sequence[str], condition: str, most: int
    ) -> list[tuple[object, ...]]:
        """The first rows: their position, whether they lack most or any values, and ``shown``."""
        wanted = ", ".join(["f.file_row_number", self.lacks, self.lacks_any, *shown])
        condition = condition or f"{self.lacks} OR ({self.worded})"
        sql = (
            f"SELECT {wanted} FROM read_parquet(?) AS f WHERE ({condition}) AND "
            f"({self.has_amount}) ORDER BY 1 LIMIT {most:d}"
        )
        return work.ask(sql, [self.path], _STEP)


def _search(
    work: ImportWork, table: ImportedTable, amounts: Sequence[Column], options: ReadOptions
) -> _TotalSearch:
    texts = [each for each in table.columns if each.data_type.is_text][:MAX_TEXTS]
    hint = quote_text(LABEL_HINT)
    words = [
        f"(strlen(f.{name}) <= {4 * MAX_LABEL} AND regexp_matches(f.{name}, {hint}))"
        for name in (quote_identifier(column.name) for column in texts)
    ]
    word = f"coalesce({' OR '.join(words)}, false)" if words else "false"
    fractions = {column.name for column in amounts if not column.data_type.is_whole}
    lacks, lacks_any = _lacks(_usual(work, table, word), fractions)
    is_small = table.rows <= MAX_WORD_ROWS or options.totals == "leave_out"
    worded = word if is_small else f"(f.file_row_number < {FIRST_ROWS} OR {lacks}) AND {word}"
    has_amount = " OR ".join(f"f.{quote_identifier(each.name)} IS NOT NULL" for each in amounts)
    return _TotalSearch(_path(table), texts, lacks, lacks_any, worded, has_amount)


def _candidates(
    work: ImportWork, table: ImportedTable, search: _TotalSearch, numbers: Sequence[_AmountColumn]
) -> list[_Candidate]:
    """The rows with an amount that a cell calls a total, or that lack usual values."""
    exact = [each for each in numbers if each.value]
    texts = [f"f.{quote_identifier(each.name)}" for each in search.texts]
    shown = [*(each.value for each in exact), *texts]
    rows = search.rows(work, shown, "", MAX_CANDIDATES + 1)
    if len(rows) > MAX_CANDIDATES:
        rows = search.rows(work, shown, search.worded, MAX_WORDED)
    found = []
    for row in rows:
        values, cells = row[3 : 3 + len(exact)], row[3 + len(exact) :]
        label, kind = _label([str(cell) for cell in cells if cell])
        amounts = {
            each.column.name: value
            for each, value in zip(exact, values, strict=True)
            if isinstance(value, Decimal)
        }
        at = int(str(row[0]))
        if kind or row[1]:
            place = table.place.first_row + at
            found.append(_Candidate(at, place, label, kind, amounts, bool(row[1]), bool(row[2])))
    return found


def _label(texts: Sequence[str]) -> tuple[str, LabelKind]:
    """The text that calls a row a total or a balance, the surest one first."""
    kinds = [(text, label_kind(text)) for text in texts]
    wanted: tuple[LabelKind, ...] = ("total", "total_of", "balance")
    named = [(text.strip(), kind) for each in wanted for text, kind in kinds if kind == each]
    return named[0] if named else ("", "")


def _below(
    table: ImportedTable, at: int, row: RowBelow, numbers: Sequence[_AmountColumn]
) -> _Candidate:
    """A row below the table, whose cells are texts."""
    label, kind = _label(row.cells)
    counted = count_cell(row.cells)
    label = label or (next(filter(None, map(str.strip, row.cells))) if counted else "")
    amounts: dict[str, Decimal] = {}
    unread: dict[str, str] = {}
    smaller: dict[str, Decimal] = {}
    for number in numbers:
        has_cell = number.place < len(row.cells) and (not counted or counted.place != number.place)
        cell = row.cells[number.place].strip() if has_cell else ""
        value, other = _read(cell, number.decimal)
        if other is not None:
            smaller[number.column.name] = other
        if value is not None and not number.value:
            unread[number.column.name] = Sentence("the values of the column have too many digits")
        elif value is not None:
            amounts[number.column.name] = value
        elif cell and cell != label:
            unread[number.column.name] = Sentence(UNREADABLE, cell=cell[:MAX_LABEL])
    if counted and amounts and not kind:
        kind = "total"
    return _Candidate(table.rows + at, row.row, label, kind, amounts, True, True, unread, smaller)


def _read(cell: str, decimal: str) -> tuple[Decimal | None, Decimal | None]:
    """The number of a text, and a smaller one that it may be in a column of whole numbers."""
    readings = []
    for mark in (decimal or ".,") if any(map(str.isdigit, cell)) else "":
        forms = written_forms([cell], ReadOptions(decimal=mark))
        if forms and not forms[0].is_percent and not forms[0].dashes:
            readings.append(amount_of(cell, mark))
    known = [value for value in readings if value is not None]
    if decimal:
        return (known[0] if known else None), None
    whole = {value.to_integral_value() for value in known if value == value.to_integral_value()}
    first, second, *_ = [*sorted(whole, key=abs, reverse=True), None, None]
    return first, second


def _segments(
    work: ImportWork,
    table: ImportedTable,
    numbers: Sequence[_AmountColumn],
    candidates: Sequence[_Candidate],
) -> dict[int | None, _Sums]:
    """The sums of the rows before each candidate, since the one before; None is after the last."""
    numbers = [each for each in numbers if each.value]
    values = ", ".join(f"{each.value} AS v{at}" for at, each in enumerate(numbers))
    sums = ", ".join(f"sum(v{at}), arg_max_null(v{at}, n)" for at in range(len(numbers)))
    places = [each.at for each in candidates if each.at < table.rows]
    sql = (
        f"SELECT m, count(*), {sums} FROM (SELECT f.file_row_number AS n, {values} "
        "FROM read_parquet(?) AS f) AS rows ASOF LEFT JOIN "
        "(SELECT unnest(CAST(? AS BIGINT[])) AS m) AS marks ON rows.n <= marks.m "
        "WHERE m IS NULL OR n <> m GROUP BY m"
    )
    found: dict[int | None, _Sums] = {}
    if not values:
        return found
    for place, rows, *figures in work.ask(sql, [_path(table), places], _STEP):
        names = [each.column.name for each in numbers]
        pairs = zip(names, figures[::2], figures[1::2], strict=True)
        known = [(name, total or Decimal(0), last) for name, total, last in pairs]
        found[place] = _Sums(
            rows,
            {name: total for name, total, _ in known},
            {name: last for name, _, last in known if last is not None},
        )
    return found


def _classified(
    row_count: int,
    candidates: Sequence[_Candidate],
    segments: Mapping[int | None, _Sums],
) -> _Findings:
    """Say what each candidate is, from the first to the last.

    A single row without words among others isn't a total.
    """
    words = {each.word for each in candidates if each.word}
    found = _walked(row_count, candidates, segments, trusted=words)
    trusted = _trusted(row_count, candidates, found)
    if trusted != words:
        found = _walked(row_count, candidates, segments, trusted=trusted)
    within = [each.candidate for each in found.totals if each.candidate.at < row_count]
    if len(within) == 1 and not within[0].kind and within[0].at < row_count - 1:
        named = [each for each in candidates if each.kind]
        return _walked(row_count, named, segments, trusted=trusted)
    return found


def _trusted(row_count: int, candidates: Sequence[_Candidate], found: _Findings) -> Collection[str]:
    """The words that name totals, and not companies or other values.

    A word such as "Summe" before a name is trusted, also where the sum differs, if it agrees for
    most of the rows that have it; for two at least if they lack no value. A cell such as "Total"
    is trusted if most of the rows that have it lack a usual value or are the sum of several rows.
    """
    tried = Counter(each.candidate.word for each in found.totals)
    agreed = Counter(each.candidate.word for each in found.totals if each.agreeing())
    single = {each.candidate.at for each in found.totals if each.agreeing() and each.rows == 1}
    sums = {each.candidate.at for each in found.totals if each.agreeing() and each.rows > 1}
    lacking = {each.word for each in candidates if each.lacks_value}

    def is_trusted(word: str, named: Sequence[_Candidate]) -> bool:
        if named[0].kind == "total_of":
            least = 1 if word in lacking else 2
            return agreed[word] * 2 >= tried[word] and agreed[word] >= least
        within = [each for each in named if each.at < row_count]
        likely = sum(each.lacks_any or each.at in sums for each in within)
        counted = sum(each.lacks_any or each.at not in single for each in within)
        return len(within) <= 1 or (likely > 0 and likely * 2 >= counted)

    groups: dict[str, list[_Candidate]] = {}
    for each in candidates:
        if each.word:
            groups.setdefault(each.word, []).append(each)
    return {word for word, named in groups.items() if is_trusted(word, named)}


def _walked(
    row_count: int,
    candidates: Sequence[_Candidate],
    segments: Mapping[int | None, _Sums],
    trusted: Collection[str],
) -> _Findings:
    now, starts = _Sums(), _Starts()
    totals: list[_Match] = []
    balances: list[_Candidate] = []
    others: list[_Candidate] = []
    is_below = False
    end = _end(row_count, candidates, trusted)
    for candidate in candidates:
        if candidate.at < row_count:
            now = now.plus(segments.get(candidate.at, _Sums()))
        elif not is_below:
            now, is_below = now.plus(segments.get(None, _Sums())), True
        match = starts.best(candidate, now)
        if _is_total(match, row_count, end, trusted):
            last = totals[-1] if totals else None
            if last and 0 < match.start.rows < last.end.rows < now.rows:
                match = replace(match, skips=candidate.word == last.candidate.word != "")
            if not match.agreeing() and candidate.at >= end:
                match = replace(match, start=_Sums())
            totals.append(match)
            starts.add(now)
            continue
        (balances if candidate.kind == "balance" and not is_below else others).append(candidate)
        if not is_below:
            now = now.plus(_Sums(1, candidate.amounts, candidate.amounts))
    if not is_below:
        now = now.plus(segments.get(None, _Sums()))
    return _Findings(totals, balances, others, now.rows)


@dataclass(frozen=True)
class _Starts:
    """Where the rows of a total may begin: at the first row, or after an earlier total."""

    starts: list[_Sums] = field(default_factory=lambda: [_Sums()])
    places: dict[tuple[str, Decimal], int] = field(default_factory=dict)

    def add(self, start: _Sums) -> None:
        """Add a place after a total."""
        self.places.update({each: len(self.starts) for each in start.sums.items()})
        self.starts.append(start)

    def best(self, candidate: _Candidate, now: _Sums) -> _Match:
        """The rows with most sums that agree: since the last total, the first row, or another."""
        sums = ((name, now.of(name) - value) for name, value in candidate.amounts.items())
        others = (self.places[each] for each in sums if each in self.places)
        matches = [
            _Match(candidate, self.starts[place], now)
            for place in dict.fromkeys((len(self.starts) - 1, 0, *others))
        ]
        return max(matches, key=lambda match: len(match.agreeing()))


def _end(row_count: int, candidates: Sequence[_Candidate], trusted: Collection[str]) -> int:
    """The place after which a table has nothing but rows that a trusted word calls totals."""
    end = row_count - 1
    named = {each.at for each in candidates if each.kind == "total" and each.word in trusted}
    while end in named and end - 1 in named:
        end -= 1
    return end


def _is_total(match: _Match, row_count: int, end: int, trusted: Collection[str]) -> bool:
    candidate, agrees = match.candidate, bool(match.agreeing())
    is_several = match.rows > 1
    if candidate.kind in ("total", "total_of") and candidate.at >= row_count:
        return True
    match candidate.kind:
        case "total" if candidate.word in trusted:
            return agrees or candidate.lacks_value or candidate.at >= end
        case "total":
            return candidate.lacks_value and (candidate.at >= end or (is_several and agrees))
        case "total_of":
            is_likely = candidate.lacks_value or (agrees and (is_several or candidate.lacks_any))
            return is_likely and candidate.word in trusted
        case "balance":
            return agrees and is_several
        case _:
            return candidate.lacks_value and is_several and match.explains_all()


def _not_added(name: str, value: Decimal, total: Decimal, floats: Collection[str]) -> str:
    """Why a total needn't be the sum of its rows; empty if it should be.

    A total of a DOUBLE column with more digits than such a column keeps may differ by them.
    """
    has_more_digits = len(value.normalize().as_tuple().digits) > DOUBLE_DIGITS
    is_close = math.isclose(float(value), float(total), rel_tol=1e-12)
    if name in floats and has_more_digits and is_close:
        return FEWER_DIGITS
    return "percentages don't add up" if _PERCENT.search(name) else ""


def _compared(match: _Match, row_count: int, work: ImportWork, floats: Collection[str]) -> TotalRow:
    """Compare each amount of a total with the sum of its rows; ``floats`` are DOUBLE columns."""
    candidate = match.candidate
    of_all = match.start.rows == 0 and match.end.rows == row_count
    last = match.end.last

    def comparisons() -> Iterator[TotalComparison]:
        for name, value in candidate.amounts.items():
            total = match.sum_of(name)
            state, why = "agrees" if total == value else "differs", ""
            if state == "agrees" and match.skips:
                why = MORE_ROWS
            elif state == "differs" and (reason := _not_added(name, value, total, floats)):
                why = reason
            elif state == "differs" and len(candidate.amounts) > 1 and last.get(name) == value:
                why = "it repeats the last row, as a running balance does"
            elif state == "differs" and (other := candidate.smaller.get(name)) is not None:
                if other == total:
                    state, value = "agrees", other
                else:
                    why = Sentence(
                        AMBIGUOUS, one=FigureText(f"{other:,f}"), other=FigureText(f"{value:,f}")
                    )
            elif not work.has_all_rows and (of_all or state == "differs"):
                why = "the preview doesn't read all rows"
            file_total, rows_sum, difference = _texts(value, total, value - total)
            yield TotalComparison(
                row=candidate.row,
                label=candidate.label,
                column=name,
                of_all_rows=of_all,
                file_total=file_total,
                rows_sum=None if why else rows_sum,
                difference=None if why else difference,
                state="not_compared" if why else state,
                reason=why,
            )
        for name, why in candidate.unread.items():
            yield TotalComparison(
                candidate.row, candidate.label, name, of_all, None, None, None, "not_compared", why
            )

    return TotalRow(candidate.row, candidate.label, of_all, tuple(comparisons()))


def _texts(*amounts: Decimal) -> list[str]:
    """Amounts with the same decimals."""
    places = max(-int(amount.as_tuple().exponent) for amount in amounts)
    return [f"{amount:.{max(places, 0)}f}" for amount in amounts]
