"""The test of leading digits by Benford's law, with its assumptions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from contract.columns import is_identifier_name
from domain_errors import FigureText, Sentence
from lazy_dataclasses import dataclass
from parquet_tables.columns import DataFile
from parquet_tables.rows import scan_statement
from profiling_engine.audit_tests.answers import (
    Assumption,
    AuditFigure,
    FigureTable,
    NotTested,
    ReasonColumn,
    unchecked,
)
from profiling_engine.audit_tests.tested import (
    AuditTestFindings,
    TableTest,
    Untested,
    Work,
    rows_found,
)
from profiling_engine.audit_tests.values import AmountValue, amount_column

LEVEL = 0.05
"""The probability that a sign without a real excess has a significant digit."""
MIN_VALUES, MIN_EXPECTED = 1_000, 5
LEAST_ORDERS = 2
"""The orders of magnitude that the quantiles of 5 % and 95 % are apart at least."""
LOW, HIGH = 0.05, 0.95
MAD_LIMITS: Mapping[str, Sequence[tuple[float, str]]] = {
    "first": (
        (0.006, "close conformity"),
        (0.012, "acceptable conformity"),
        (0.015, "marginally acceptable conformity"),
        (math.inf, "nonconformity"),
    ),
    "first_two": (
        (0.0012, "close conformity"),
        (0.0018, "acceptable conformity"),
        (0.0022, "marginally acceptable conformity"),
        (math.inf, "nonconformity"),
    ),
}
"""Nigrini, Benford's Law (2012), table 7.1."""
SIGNS = {False: "positive", True: "negative"}
TITLES = {
    "sign": "Amounts",
    "digits": "Digits",
    "rows": "Rows",
    "share": "Share",
    "expected_share": "Expected share",
    "expected_rows": "Expected rows",
    "z": "z",
    "p_value": "p-value",
    "adjusted_p_value": "p-value by Holm",
    "is_significant": "Significant",
    "is_excess": "Significant excess",
}


@dataclass(frozen=True)
class DigitTest:
    """One digit, or two, of the amounts of one sign.

    Parameters
    ----------
    z : float
        With the correction for continuity 1/(2n), where it is below the difference.
    p_value, adjusted : float
        Two-sided; ``adjusted`` by Holm's procedure over all digits.
    """

    digits: int
    rows: int
    share: float
    expected: float
    z: float
    p_value: float
    adjusted: float

    @property
    def is_significant(self) -> bool:
        """Whether the share differs, at ``LEVEL`` for all digits together."""
        return self.adjusted < LEVEL

    @property
    def is_excess(self) -> bool:
        """Whether the digit occurs more often than expected."""
        return self.is_significant and self.share > self.expected


@dataclass(frozen=True)
class SignTest:
    """The test of the amounts of one sign.

    Parameters
    ----------
    chi_square, df, chi_p_value
        Pearson's statistic over all digits.
    mad : float
        The mean absolute deviation of the shares.
    """

    digits: tuple[DigitTest, ...]
    values: int
    chi_square: float
    df: int
    chi_p_value: float
    mad: float


def digit_test(counts: Mapping[int, int], digits: str) -> SignTest:
    """Test counts of leading digits.

    Parameters
    ----------
    counts : mapping
        The rows of each digit 1 to 9, or 10 to 99; a missing one is 0.
    digits : {"first", "first_two"}

    References
    ----------
    Nigrini, Benford's Law (2012), chapter 7: the z statistic, chi-square and mean absolute
    deviation. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal
    of Statistics 6 (1979).

    Examples
    --------
    >>> rows = (301, 176, 125, 97, 79, 67, 58, 51, 46)
    >>> found = digit_test(dict(enumerate(rows, 1)), "first")
    >>> found.df, round(found.mad, 5), any(one.is_significant for one in found.digits)
    (8, 0.00014, False)
    """
    from scipy.special import chdtrc

    possible = range(1, 10) if digits == "first" else range(10, 100)
    n = sum(counts.values())
    raw = []
    for digit in possible:
        expected, rows = math.log10(1 + 1 / digit), counts.get(digit, 0)
        difference = abs(rows / n - expected)
        correction = 1 / (2 * n)
        if correction < difference:
            difference -= correction
        z = difference / math.sqrt(expected * (1 - expected) / n)
        raw.append((digit, rows, rows / n, expected, z, math.erfc(z / math.sqrt(2))))
    adjusted = holm([p for *_, p in raw])
    chi_square = sum((rows - n * e) ** 2 / (n * e) for _, rows, _, e, _, _ in raw)
    df = len(raw) - 1
    return SignTest(
        tuple(DigitTest(*one, p) for one, p in zip(raw, adjusted, strict=True)),
        n,
        chi_square,
        df,
        float(chdtrc(df, chi_square)),
        sum(abs(share - e) for _, _, share, e, _, _ in raw) / len(raw),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's procedure.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for place, at in enumerate(order):
        highest = max(highest, min(1.0, p_values[at] * (len(p_values) - place)))
        adjusted[at] = highest
    return adjusted


def conformity(mad: float, digits: str) -> str:
    """What Nigrini's limits say of a mean absolute deviation.

    >>> conformity(0.0081, "first"), conformity(0.0023, "first_two")
    ('acceptable conformity', 'nonconformity')
    """
    return next(words for limit, words in MAD_LIMITS[digits] if mad <= limit)


BINS = 20
"""Bins of the size of amounts in an order of magnitude, by which their spread is measured."""
Sizes = dict[tuple[int, int], int]
"""Rows by the bin of their size and their leading digits."""


class Benford(TableTest):
    """Amounts whose leading digits occur more often than Benford's law expects.

    Positive and negative amounts are tested apart. A sign of which an assumption isn't met is not
    concluded on, and none of its rows is found.
    """

    name = "benford"
    amount: AmountValue
    reasons = (
        ReasonColumn("_sign", "VARCHAR", "`positive` or `negative`."),
        ReasonColumn("_digits", "BIGINT", "The leading digits of the amount."),
    )

    def prepare(self) -> None:
        self.amount = amount_column(self.table, self.request.amount_column, "amount_column")
        self.length = 1 if self.request.digits == "first" else 2

    def find(self, work: Work) -> AuditTestFindings:
        counted_rows, not_tested = self._count(work)
        tests = {
            is_negative: digit_test(_digit_counts(found), self.request.digits)
            for is_negative, found in counted_rows.items()
        }
        of_signs = {
            is_negative: self._assumptions(SIGNS[is_negative], found)
            for is_negative, found in counted_rows.items()
        }
        of_both = self._unchecked()
        concluded = {
            is_negative: test
            for is_negative, test in tests.items()
            if all(each.state != "not_met" for each in (*of_signs[is_negative], *of_both))
        }
        chosen = [
            (is_negative, each.digits)
            for is_negative, test in concluded.items()
            for each in test.digits
            if each.is_excess
        ]
        file = self._write(work, chosen)
        return AuditTestFindings(
            self.written(file),
            sum(test.values for test in tests.values()),
            not_tested,
            self._conclusion(tests, concluded, file.rows),
            [*self._figures(tests, concluded), *self.amount_figures(work, file)],
            [_digits_table(tests)],
            [*chain.from_iterable(of_signs.values()), *of_both],
        )

    @property
    def _is_float(self) -> bool:
        return self.amount.column.data_type.is_float

    @property
    def _tested(self) -> str:
        """The SQL of the amount whose digits are tested; of a DOUBLE, with all its digits."""
        if not self._is_float:
            return self.amount.value
        return f"CASE WHEN {self.amount.value} IS NOT NULL THEN {self.amount.cell} END"

    @property
    def _digits(self) -> str:
        """The SQL of the leading digits of an amount ``s.a`` with the whole part ``s.whole``.

        Whole numbers are divided. Texts take three times as long: they are for amounts below 1,
        and above 64 bits.
        """
        least = 10 ** (self.length - 1)
        cases = " ".join(
            f"WHEN s.whole < {least * 10**more} THEN s.whole // {10 ** (more - 1)}"
            for more in range(1, 19 - self.length)
        )
        text = "CAST(abs(s.a) AS VARCHAR)"
        if self._is_float:
            text = f"ltrim(replace(split_part({text}, 'e', 1), '.', ''), '0')"
            text = f"rpad({text}, {self.length}, '0')"
        elif self.amount.places:
            text = f"CASE WHEN abs(s.a) < 1 THEN ltrim({text}, '0.') ELSE {text} END"
        text = f"CAST(left({text}, {self.length}) AS BIGINT)"
        return f"CASE WHEN s.whole < {least} THEN {text} {cases} ELSE {text} END"

    @property
    def _signed(self) -> str:
        """The SQL of the leading digits of an amount, negative of a negative one."""
        return f"CASE WHEN s.a < 0 THEN -{self._digits} ELSE {self._digits} END"

    @property
    def _values(self) -> list[str]:
        """The amounts ``a``, and their digits before the decimal point; NULL above 64 bits."""
        value = self._tested
        return [f"{value} AS a", f"TRY_CAST(trunc(abs({value})) AS BIGINT) AS whole"]

    def _count(self, work: Work) -> tuple[dict[bool, Sizes], list[NotTested]]:
        """Count rows by sign, size and leading digits, and those that aren't tested."""
        column = self.amount.column.name
        scan, params = scan_statement(
            self.table, [*self._values, f"{self.amount.cell} IS NULL AS missing"]
        )
        untested = Untested(
            [
                ("s.missing", column, "the value is missing"),
                ("s.a IS NULL", column, f"the value {self.amount.unread}"),
                ("s.a = 0", column, "the amount is 0"),
                (f"abs(s.a) < {self._least}", column, "the amount is below 10"),
            ]
        )
        size = f"CAST(floor({BINS} * log10(abs(CAST(s.a AS DOUBLE)))) AS INTEGER)"
        rows = work.read(
            (
                f"SELECT CASE WHEN {self._is_tested} THEN {size} END, CASE WHEN {self._is_tested} "
                f"THEN {self._signed} ELSE {untested.place()} END, count(*) "
                f"FROM ({scan}) AS s GROUP BY 1, 2 ORDER BY 1, 2",
                params,
            )
        )
        found: dict[bool, Sizes] = {}
        for size_bin, digits, count in rows:
            if size_bin is not None:
                found.setdefault(digits < 0, {})[size_bin, abs(digits)] = count
        left_out = [(place, count) for size_bin, place, count in rows if size_bin is None]
        _, not_tested = untested.counted(left_out, self.table.row_count)
        return dict(sorted(found.items())), not_tested

    @property
    def _least(self) -> int:
        """The least amount that is tested, if it isn't 0."""
        return 10 if self.length > 1 else 0

    @property
    def _is_tested(self) -> str:
        return f"abs(s.a) >= {self._least}" if self._least else "s.a <> 0"

    def _assumptions(self, sign: str, found: Sizes) -> list[Assumption]:
        """The assumptions about the amounts of one sign that the table can answer."""
        values, named = sum(found.values()), Sentence(sign)
        rarest = math.log10(1 + 1 / (9 if self.length == 1 else 99))
        least = max(MIN_VALUES, math.ceil(MIN_EXPECTED / rarest))
        orders = (_size_bin(found, HIGH) - _size_bin(found, LOW)) / BINS
        return [
            Assumption(
                Sentence("There are at least {least} {sign} amounts.", least=least, sign=named),
                "checked" if values >= least else "not_met",
                Sentence("{values} {sign} amounts.", values=values, sign=named),
            ),
            Assumption(
                Sentence(
                    "The middle 90 % of the {sign} amounts spread over at least two orders of "
                    "magnitude.",
                    sign=named,
                ),
                "checked" if orders >= LEAST_ORDERS else "not_met",
                Sentence("{orders} orders of magnitude.", orders=FigureText(f"{orders:.1f}")),
            ),
        ]

    def _unchecked(self) -> list[Assumption]:
        """The assumptions about the amounts of both signs."""
        name = self.amount.column.name
        of_business, no_limit = unchecked(
            "The amounts arise from business; they aren't assigned, as numbers of accounts are.",
            "The amounts have no minimum or maximum by rule, such as a fee or a limit of approval.",
        )
        if is_identifier_name(name):
            named = Sentence('The name "{name}" is that of numbers that identify.', name=name)
            of_business = replace(of_business, state="not_met", detail=named)
        return [of_business, no_limit]

    def _write(self, work: Work, chosen: Sequence[tuple[bool, int]]) -> DataFile:
        """Write the rows of these digits."""
        scan, params = scan_statement(self.table, [*self._values, f"{self.amount.value} AS exact"])
        signed = ", ".join(str(-digit if is_negative else digit) for is_negative, digit in chosen)
        is_found = "false"
        if chosen:
            is_found = f"{self._is_tested} AND {self._signed} IN ({signed})"
        return work.write(
            (
                "SELECT s.ordinal, CASE WHEN s.a < 0 THEN 'negative' ELSE 'positive' END AS r0, "
                f"{self._digits} AS r1, s.exact AS a FROM ({scan}) AS s WHERE {is_found} "
                "ORDER BY s.a < 0, r1, s.ordinal",
                params,
            ),
            "found",
        )

    def _conclusion(
        self, tests: Mapping[bool, SignTest], concluded: Mapping[bool, SignTest], rows: int
    ) -> str:
        sentences: list[Sentence] = []
        for is_negative, test in tests.items():
            name = Sentence(f"{SIGNS[is_negative].capitalize()} amounts")
            if is_negative not in concluded:
                unmet = "{amounts}: nothing is concluded, for an assumption isn't met."
                sentences.append(Sentence(unmet, amounts=name))
                continue
            excess = [str(each.digits) for each in test.digits if each.is_excess]
            what = Sentence("no excess")
            if excess:
                what = Sentence("more often than expected: {digits}", digits=", ".join(excess))
            sentences.append(
                Sentence(
                    "{amounts}: {what}; {conformity} by the mean absolute deviation.",
                    amounts=name,
                    what=what,
                    conformity=Sentence(conformity(test.mad, self.request.digits)),
                )
            )
        if not tests:
            return Sentence("No amount could be tested.")
        return Sentence.joined([*sentences, rows_found(rows, Sentence("with these digits"))])

    def _figures(
        self, tests: Mapping[bool, SignTest], concluded: Mapping[bool, SignTest]
    ) -> list[AuditFigure]:
        figures = []
        for is_negative, test in tests.items():
            name = SIGNS[is_negative]
            excess = sum(each.is_excess for each in test.digits)
            figures += [
                AuditFigure(f"{name}_values", f"{name.capitalize()} amounts", test.values),
                AuditFigure(f"{name}_chi_square", "Chi-square", test.chi_square),
                AuditFigure(f"{name}_df", "Degrees of freedom", test.df),
                AuditFigure(f"{name}_chi_p_value", "p-value of chi-square", test.chi_p_value),
                AuditFigure(f"{name}_mad", "Mean absolute deviation", test.mad),
            ]
            if is_negative in concluded:
                words = Sentence(conformity(test.mad, self.request.digits))
                figures.append(AuditFigure(f"{name}_conformity", "By Nigrini's limits", words))
            figures.append(
                AuditFigure(f"{name}_excess", "Digits with a significant excess", excess)
            )
        return figures


def _digit_counts(found: Sizes) -> dict[int, int]:
    counts: dict[int, int] = {}
    for (_, digit), rows in found.items():
        counts[digit] = counts.get(digit, 0) + rows
    return counts


def _size_bin(found: Sizes, share: float) -> int:
    """The bin of a quantile of the amounts."""
    ordered = sorted(found.items())
    rows = np.cumsum([count for _, count in ordered])
    (size_bin, _), _ = ordered[int(np.searchsorted(rows, share * rows[-1]))]
    return size_bin


def _digits_table(tests: Mapping[bool, SignTest]) -> FigureTable:
    rows = [
        (
            SIGNS[is_negative],
            each.digits,
            each.rows,
            each.share,
            each.expected,
            each.expected * test.values,
            each.z,
            each.p_value,
            each.adjusted,
            each.is_significant,
            each.is_excess,
        )
        for is_negative, test in tests.items()
        for each in test.digits
    ]
    return FigureTable.of("digits", "Leading digits", TITLES, rows)
