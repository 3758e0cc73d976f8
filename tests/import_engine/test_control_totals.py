"""Control totals: exact sums of the number columns of an import."""

from __future__ import annotations

from decimal import Decimal

import pytest

from import_engine.options import read_options
from profiling_engine.tables.control_totals import ControlTotal, control_totals
from tests.import_engine.conftest import Importing


def found_totals(importing: Importing, content: str) -> list[ControlTotal]:
    (table,) = importing.tables(content)
    with importing.database.cursor() as cursor:
        return control_totals(cursor, table.table)


def totals(importing: Importing, content: str) -> dict[str, tuple[str, str, str, bool]]:
    found = found_totals(importing, content)
    return {each.column: (each.sum, each.positive, each.negative, each.is_exact) for each in found}


def test_sums_of_decimals_are_exact(importing: Importing) -> None:
    rows = "".join(f"0.1,{i},x\n" for i in range(1000))
    found = totals(importing, f"a,n,t\n{rows}-0.3,,y\n,-5,\n")
    assert found == {"a": ("99.7", "100", "-0.3", True), "n": ("499495", "499500", "-5", True)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1234567890123.45", "-0.01"], ("1234567890123.44", True)),
        (["0.1234", "0.000001"], ("0.123401", True)),
        (["0.123456789", "1"], ("1.123456789", True)),
        (["0.12345678901", "1"], (None, False)),
        (["1e+300", "1"], (None, False)),
        (["nan", "1.5"], ("NaN", False)),
        (["", "NA"], None),
        (["999999999999999", "999999999999999"], ("1999999999999998", True)),
    ],
)
def test_totals_say_whether_they_are_exact(
    importing: Importing, values: list[str], expected: tuple[str | None, bool] | None
) -> None:
    found = totals(importing, "a,t\n" + "".join(f"{each},x\n" for each in values))
    if expected is None:
        assert found == {}
        return
    text, is_exact = expected
    sum_, *_, exact = found["a"]
    assert exact is is_exact
    if text is not None:
        assert sum_ == text
    else:
        assert float(sum_) == pytest.approx(sum(map(float, values)))


def test_totals_are_those_of_written_amounts(importing: Importing) -> None:
    content = 'k;betrag\na;"1.234,56 €"\nb;(0,56) €\nc;10,- \n'.replace("10,- ", "10,00-")
    found = totals(importing, content)
    assert found["betrag"] == ("1224.00", "1234.56", "-10.56", True)
    assert Decimal(found["betrag"][1]) + Decimal(found["betrag"][2]) == Decimal("1224")


def test_numbers_that_identify_are_marked(importing: Importing) -> None:
    """By their names, or as unique numbers of one length or with small gaps."""
    head = "Konto,amount,running,document,population,price,paid,few,late"
    rows = [
        f"{1400 + row % 3},{row * row},{row * 2},{4711000 + row * 517},{row**4},{row}.5,{row},"
        f"{row % 9},{'' if row == 40 else row}"
        for row in range(50)
    ]
    found = found_totals(importing, "\n".join([head, *rows]) + "\n")
    marked = [each.column for each in found if each.is_identifier]
    assert marked == ["Konto", "running", "document", "paid"]
    few = found_totals(importing, "\n".join([head, *rows[:19]]) + "\n")
    assert [each.column for each in few if each.is_identifier] == ["Konto"]


def test_sums_of_very_large_numbers_are_not_exact(importing: Importing) -> None:
    large = "9" * 38
    content = f"a,t\n{large},x\n{large},y\n-1,z\n"
    options = read_options({"types": {"a": "DECIMAL(38,0)"}})
    (table,) = importing.tables(content, options=options)
    with importing.database.cursor() as cursor:
        (found,) = control_totals(cursor, table.table)
    assert (found.is_exact, float(found.sum)) == (False, pytest.approx(2e38))
