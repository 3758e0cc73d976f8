"""Control totals: exact sums of the number columns of an import."""

from __future__ import annotations

from decimal import Decimal

import pytest

from import_engine.control_totals import control_totals
from parquet_tables.progress import ignore_progress
from tests.import_engine.conftest import Importing


def totals(importing: Importing, content: str) -> dict[str, tuple[str, str, str, bool]]:
    (table,) = importing.tables(content)
    with importing.database.cursor() as cursor:
        found = control_totals(cursor, table.table, ignore_progress)
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
        (["1e300", "1"], (None, False)),
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
    assert found["betrag"] == ("1224", "1234.56", "-10.56", True)
    assert Decimal(found["betrag"][1]) + Decimal(found["betrag"][2]) == Decimal("1224")
