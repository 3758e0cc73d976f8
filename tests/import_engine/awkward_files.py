"""Small awkward files as people have them, each with the table that its import must give.

A file whose meaning is open says so: ``says`` are parts of its notes and questions.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import xlsxwriter

Fill = Callable[[xlsxwriter.Workbook], None]


@dataclass(frozen=True)
class Awkward:
    """A file and its table; without ``rows`` the file must be refused with ``says``."""

    content: bytes | str
    types: str = ""
    rows: Sequence[tuple[object, ...]] | None = None
    says: Sequence[str] = ()
    names: str = ""
    file_name: str = "file.csv"
    options: dict[str, Any] = field(default_factory=dict)


def book(*rows: Sequence[object], fill: Fill | None = None) -> bytes:
    """A workbook with one sheet of these rows."""
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, {"in_memory": True})
    day = workbook.add_format({"num_format": "dd.mm.yyyy"})
    percent = workbook.add_format({"num_format": "0.0%"})
    if fill:
        fill(workbook)
    else:
        page = workbook.add_worksheet("Data")
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                if isinstance(cell, date):
                    page.write_datetime(y, x, cell, day)
                elif isinstance(cell, Percent):
                    page.write_number(y, x, cell.value, percent)
                elif isinstance(cell, str):
                    page.write_string(y, x, cell)
                elif cell is not None:
                    page.write(y, x, cell)
    workbook.close()
    return out.getvalue()


@dataclass(frozen=True)
class Percent:
    value: float


def merged(workbook: xlsxwriter.Workbook) -> None:
    page = workbook.add_worksheet()
    page.merge_range("B1:C1", "2023")
    page.merge_range("D1:E1", "2024")
    page.write_row("A2", ["Region", "Q1", "Q2", "Q1", "Q2"])
    page.write_row("A3", ["North", 1, 2, 3, 4.5])
    page.write_row("A4", ["South", 5, 6, 7, 8])


def hidden(workbook: xlsxwriter.Workbook) -> None:
    page = workbook.add_worksheet()
    page.write_row("A1", ["id", "n"])
    for row in range(1, 5):
        page.write_row(row, 0, [f"k{row}", row])
    page.set_row(2, None, None, {"hidden": True})


def titled_sheets(workbook: xlsxwriter.Workbook) -> None:
    for name in ("Jan", "Feb"):
        page = workbook.add_worksheet(name)
        page.write("A1", f"Sales in {name}")
        page.write_row("A3", ["item", "pieces", "price"])
        page.write_row("A4", ["pen", 2, 1.5])
        page.write_row("A5", ["ink", 1, 7.25])
        page.write_row("A6", ["Total", 3])


D = date
DELIMITED = {
    "comma": Awkward("a,b\n1,x\n2,y\n", "BIGINT VARCHAR", [(1, "x"), (2, "y")]),
    "semicolon": Awkward("a;b\n1;x\n2;y\n", "BIGINT VARCHAR", [(1, "x"), (2, "y")]),
    "tab": Awkward("a\tb\n1\tx\n2\ty\n", "BIGINT VARCHAR", [(1, "x"), (2, "y")]),
    "pipe": Awkward("a|b\n1|x\n2|y\n", "BIGINT VARCHAR", [(1, "x"), (2, "y")]),
    "carriage returns": Awkward("a,b\r1,x\r2,y\r", "BIGINT VARCHAR", [(1, "x"), (2, "y")]),
    "utf-8 with bom": Awkward("\ufeffä,b\n1,é\n", "BIGINT VARCHAR", [(1, "é")], names="ä b"),
    "utf-16": Awkward("ä;b\n1;é\n".encode("utf-16"), "BIGINT VARCHAR", [(1, "é")], ["UTF-16"]),
    "windows-1252": Awkward(
        "Größe;Preis\n1;5,50 €\n".encode("cp1252"),
        "BIGINT DECIMAL(18,2)", [(1, "5.50")], ["Windows-1252", "currency €"], "Größe Preis",
    ),
    "mac roman by option": Awkward(
        "Größe,b\n1,ü\n".encode("mac-roman"),
        "BIGINT VARCHAR", [(1, "ü")], ["MAC-ROMAN"], "Größe b", options={"encoding": "mac-roman"},
    ),
    "cp850 by option": Awkward(
        "a,b\n1,ü\n".encode("cp850"), "BIGINT VARCHAR", [(1, "ü")], options={"encoding": "cp850"}
    ),
    "german amounts": Awkward(
        "k;betrag\na;1.234,56 €\nb;-7,00 €\nc;0,5 €\n",
        "VARCHAR DECIMAL(18,2)", [("a", "1234.56"), ("b", "-7.00"), ("c", "0.50")],
        ["decimal comma, thousands separated by points, currency € removed"],
    ),
    "american accounting": Awkward(
        'k,amt\na,"$1,234.50"\nb,"($1,234.50)"\nc,"$ 7"\n',
        "VARCHAR DECIMAL(18,2)", [("a", "1234.50"), ("b", "-1234.50"), ("c", "7.00")],
        ["parentheses are negative"],
    ),
    "trailing minus": Awkward(
        "k;n\na;12,50-\nb;3,00\n", "VARCHAR DECIMAL(18,2)", [("a", "-12.50"), ("b", "3.00")],
        ["trailing minus is negative"],
    ),
    "typographic minus": Awkward(
        "k;n\na;\u221212,50\nb;3,00\n", "VARCHAR DECIMAL(18,2)", [("a", "-12.50"), ("b", "3.00")]
    ),
    "swiss amounts": Awkward(
        "k;n\na;CHF 1'234.50\nb;CHF -3.00\n", "VARCHAR DECIMAL(18,2)",
        [("a", "1234.50"), ("b", "-3.00")],
        ["thousands separated by apostrophes", "currency CHF removed"],
    ),
    "french amounts": Awkward(
        "k;n\na;1\u202f234,50\nb;1\u00a0234\u00a0567,00\n",
        "VARCHAR DECIMAL(18,2)", [("a", "1234.50"), ("b", "1234567.00")],
        ["thousands separated by spaces"],
    ),
    "spaces group digits": Awkward(
        "k;n\na;1 234 567\nb;12\n", "VARCHAR BIGINT", [("a", 1234567), ("b", 12)],
        ["thousands separated by spaces"],
    ),
    "code after the amount": Awkward(
        "k,n\na,5 EUR\nb,-7 EUR\n", "VARCHAR BIGINT", [("a", 5), ("b", -7)],
        ["currency EUR removed"],
    ),
    "two currencies stay text": Awkward(
        "k,n\na,5 EUR\nb,7 USD\nc,8 EUR\n", "VARCHAR VARCHAR",
        [("a", "5 EUR"), ("b", "7 USD"), ("c", "8 EUR")], ["EUR", "USD"],
    ),
    "sign and code of one currency": Awkward(
        "k,n\na,5 €\nb,7 EUR\n", "VARCHAR BIGINT", [("a", 5), ("b", 7)], ["EUR or €"]
    ),
    "yen and pounds": Awkward(
        'k,y,p\na,"¥1,200",£3.50\nb,"¥300",£4\n', "VARCHAR BIGINT DECIMAL(18,2)",
        [("a", 1200, "3.50"), ("b", 300, "4.00")],
    ),
    "percent": Awkward(
        "k;p\na;12,5 %\nb;7 %\n", "VARCHAR DOUBLE", [("a", 0.125), ("b", 0.07)],
        ["percent is a fraction"],
    ),
    "percent in some cells stays text": Awkward(
        "k,p\na,5%\nb,7\nc,8%\n", "VARCHAR VARCHAR", [("a", "5%"), ("b", "7"), ("c", "8%")],
        ["percent"],
    ),
    "several thousands signs decide": Awkward(
        'k,n\na,"1,234,567"\nb,"2,345"\n', "VARCHAR BIGINT", [("a", 1234567), ("b", 2345)]
    ),
    "one comma and three digits is asked": Awkward(
        'k,n\na,"1,234"\nb,"5,678"\n', "VARCHAR VARCHAR", [("a", "1,234"), ("b", "5,678")],
        ["decimal mark of values such as 1,234 is open"],
    ),
    "another column decides the comma": Awkward(
        'k,n,m\na,"1,234","1,234.50"\nb,"5,678","3.50"\n', "VARCHAR BIGINT DECIMAL(18,2)",
        [("a", 1234, "1234.50"), ("b", 5678, "3.50")],
    ),
    "an option decides the comma": Awkward(
        'k,n\na,"1,234"\nb,"5,678"\n', "VARCHAR DECIMAL(18,3)", [("a", "1.234"), ("b", "5.678")],
        options={"decimal": ","},
    ),
    "points as thousands signs decide the comma": Awkward(
        'k,n,m\na,1.234,"1.234,50"\nb,5.678,"0,5"\n', "VARCHAR BIGINT DOUBLE",
        [("a", 1234, 1234.5), ("b", 5678, 0.5)], options={"thousands": "."},
    ),
    "commas as thousands signs decide the point": Awkward(
        'k;n\na;1,234\nb;5,678\n', "VARCHAR BIGINT", [("a", 1234), ("b", 5678)],
        options={"thousands": ","},
    ),
    "a decimal comma alone decides the points": Awkward(
        "k;n\na;1.234\nb;5.678\n", "VARCHAR BIGINT", [("a", 1234), ("b", 5678)],
        options={"decimal": ","},
    ),
    "points in a german file are asked": Awkward(
        "k;n\na;1.234\nb;5.678\n", "VARCHAR VARCHAR", [("a", "1.234"), ("b", "5.678")],
        ["decimal mark"],
    ),
    "points group digits in a german file": Awkward(
        "k;n;m\na;1.234;2,5\nb;5.678;3,5\n", "VARCHAR BIGINT DOUBLE",
        [("a", 1234, 2.5), ("b", 5678, 3.5)],
    ),
    "measurements with a point": Awkward(
        "k,n\na,0.123\nb,12.345\n", "VARCHAR DECIMAL(18,3)", [("a", "0.123"), ("b", "12.345")]
    ),
    "sep line": Awkward("sep=;\na;b\n1;x\n", "BIGINT VARCHAR", [(1, "x")], ["sep=;"]),
    "quoted sep line": Awkward('"sep=|"\na|b\n1|x\n', "BIGINT VARCHAR", [(1, "x")], ["sep=|"]),
    "titles": Awkward(
        "Trial balance\nCompany: 12, 2024\n\nacc,n,t\nA1,5,x\nA2,6,y\n", "VARCHAR BIGINT VARCHAR",
        [("A1", 5, "x"), ("A2", 6, "y")], ['above the table: "Trial balance"'], "acc n t",
    ),
    "padded titles": Awkward(
        "Trial balance;;\n;;\nacc;n;t\nA1;5;x\nA2;6;y\n", "VARCHAR BIGINT VARCHAR",
        [("A1", 5, "x"), ("A2", 6, "y")], ["Left out 1 row above the table"], "acc n t",
    ),
    "titles and no names": Awkward(
        "Readings\n1,2.5,x\n2,3.5,y\n", "BIGINT DOUBLE VARCHAR", [(1, 2.5, "x"), (2, 3.5, "y")],
        ["Readings", "no header row"], "column_1 column_2 column_3",
    ),
    "names in two rows": Awkward(
        "Region;2023;;2024;\n;Q1;Q2;Q1;Q2\nNorth;1;2;3;4\n",
        "VARCHAR BIGINT BIGINT BIGINT BIGINT", [("North", 1, 2, 3, 4)], ["Two rows name"],
        "Region 2023_Q1 2023_Q2 2024_Q1 2024_Q2",
    ),
    "years as names": Awkward(
        "region,2022,2023\nN,1,2\nS,3,4\n", "VARCHAR BIGINT BIGINT",
        [("N", 1, 2), ("S", 3, 4)], ["by years"], "region 2022 2023",
    ),
    "rows of years": Awkward(
        "Ann,1980,2004\nBob,1975,1999\n", "VARCHAR BIGINT BIGINT",
        [("Ann", 1980, 2004), ("Bob", 1975, 1999)], ["no header row"],
    ),
    "totals within the table": Awkward(
        "acc,n,t\nA1,5,x\nTotal,5,\nB1,1,x\nB2,2,y\n", "VARCHAR BIGINT VARCHAR",
        [("A1", 5, "x"), ("Total", 5, None), ("B1", 1, "x"), ("B2", 2, "y")],
        ['may be totals, such as "Total"'],
    ),
    "days that don't exist": Awkward(
        "d;t\n29.02.2024;x\n29.02.2023;y\n", "VARCHAR VARCHAR",
        [("29.02.2024", "x"), ("29.02.2023", "y")], ["not all its values fit DATE"],
    ),
    "dates and a word": Awkward(
        "d,t\n2024-02-29,x\n2024-03-01,y\nopen,z\n", "VARCHAR VARCHAR",
        [("2024-02-29", "x"), ("2024-03-01", "y"), ("open", "z")],
        ['1 of its first 3 values is no date, for example "open"'],
    ),
    "years of two digits": Awkward(
        "d;n\n01.01.68;1\n31.12.69;2\n", "DATE BIGINT",
        [(D(2068, 1, 1), 1), (D(1969, 12, 31), 2)], ["two digits are 1969 to 2068"],
    ),
    "utf-8 that is cut off": Awkward(
        "a,b\n1,größe\n2,caf".encode() + b"\xc3", says=["Line 3: the text isn't valid UTF-8"]
    ),
    "two encodings": Awkward(
        "a,b\n1,größe ä\n".encode() + "2,é\n".encode("cp1252"), says=["Line 3", "mixes encodings"]
    ),
    "two encodings by option": Awkward(
        "a,b\n1,ö\n".encode() + "2,é\n".encode("cp1252"), "BIGINT VARCHAR",
        [(1, "Ã¶"), (2, "é")], options={"encoding": "cp1252"},
    ),
    "zeros at the end": Awkward(b"a,b\n1,x\n" + b"\0" * 99, says=["NUL bytes"]),
    "a bell in a value": Awkward(b"a,b\n1,x\x07\n", "BIGINT VARCHAR", [(1, "x\x07")]),
    "a web page": Awkward("<!DOCTYPE html><p>Sign in</p>", says=["its content is a web page"]),
    "total row": Awkward(
        "acc,n,t\nA1,5,x\nA2,6,y\nTotal,11,\n", "VARCHAR BIGINT VARCHAR",
        [("A1", 5, "x"), ("A2", 6, "y")], ['at the end: "Total,11,"'],
    ),
    "german total and source": Awkward(
        "konto;n;text\nA1;5,5;x\nA2;6,0;y\n;;\nGesamtsumme:;11,5;\nQuelle: SAP\n",
        "VARCHAR DOUBLE VARCHAR", [("A1", 5.5, "x"), ("A2", 6.0, "y")],
        ["Gesamtsumme", "Quelle: SAP"],
    ),
    "total that adds up": Awkward(
        "item,n\npen,5\nink,6\nTotal,11\n", "VARCHAR BIGINT", [("pen", 5), ("ink", 6)],
        ["Total,11"],
    ),
    "total that is a name": Awkward(
        "company,n\nShell,5\nTotal,6\n", "VARCHAR BIGINT", [("Shell", 5), ("Total", 6)],
        ["The last row was kept"],
    ),
    "kept total by option": Awkward(
        "acc,n,t\nA1,5,x\nTotal,5,\n", "VARCHAR BIGINT VARCHAR",
        [("A1", 5, "x"), ("Total", 5, None)], options={"skip_below": 0},
    ),
    "rows to skip by option": Awkward(
        "x\ny\na!b\n1!p\n2!q\nthe!end\n", "BIGINT VARCHAR", [(1, "p"), (2, "q")],
        names="a b", options={"skip_above": 2, "skip_below": 1, "delimiter": "!"},
    ),
    "header row by option": Awkward(
        "a,b\nunits,kg\nid,w\n1,2\n", "BIGINT BIGINT", [(1, 2)], names="id w",
        options={"header_row": 3},
    ),
    "no header by option": Awkward(
        "x,y\nz,w\n", "VARCHAR VARCHAR", [("x", "y"), ("z", "w")], ["no header row"],
        options={"header_row": 0},
    ),
    "no header": Awkward("1,2.5\n3,4.5\n", "BIGINT DOUBLE", [(1, 2.5), (3, 4.5)], ["no header"]),
    "quoted newlines": Awkward(
        'a,b\n1,"x\ny"\n2,"say ""hi"""\n', "BIGINT VARCHAR", [(1, "x\ny"), (2, 'say "hi"')]
    ),
    "a total within a quoted value": Awkward(
        'a,b,c\n1,2,"x\nTotal: 5"\n', "BIGINT BIGINT VARCHAR", [(1, 2, "x\nTotal: 5")]
    ),
    "blank lines": Awkward("\na,b\n\n1,x\n\n2,y\n\n", "BIGINT VARCHAR", [(1, "x"), (2, "y")]),
    "long rows": Awkward("a,b\n1,x\n2,y,z\n3,w\n", says=["Line 3: expected 2 values, found 3."]),
    "short rows": Awkward("a,b,c\n1,x,p\n2,y\n3,w,q\n", says=["Line 3: expected 3"]),
    "names twice": Awkward("id,id,\n1,2,3\n", "BIGINT BIGINT BIGINT", [(1, 2, 3)],
                           ['is named "id_1"', "column_3"], "id id_1 column_3"),
    "leading zeros": Awkward(
        "plz,n\n01067,1\n80331,2\n", "VARCHAR BIGINT", [("01067", 1), ("80331", 2)],
        ["leading zeros, such as 01067"],
    ),
    "leading zeros as numbers by option": Awkward(
        "plz,n\n01067,1\n80331,2\n", "BIGINT BIGINT", [(1067, 1), (80331, 2)],
        options={"types": {"plz": "integer"}},
    ),
    "long ids": Awkward(
        "id,n\n123456789012345678,1\n223456789012345678,2\n", "VARCHAR BIGINT",
        [("123456789012345678", 1), ("223456789012345678", 2)], ["more than 15 digits"],
    ),
    "codes like numbers are asked": Awkward(
        "sku,n\n10E3,1\n4711,2\n12e9,3\n", "VARCHAR BIGINT",
        [("10E3", 1), ("4711", 2), ("12e9", 3)], ["values such as 10E3 may be codes"],
    ),
    "exponents of numbers": Awkward(
        "a,b,c\n1.0E5,1e+05,1e3\n2.5E5,2e-01,2.5\n", "DOUBLE DOUBLE DOUBLE",
        [(1e5, 1e5, 1e3), (2.5e5, 0.2, 2.5)],
    ),
    "telephone numbers": Awkward(
        "k,tel\na,+49 89 1234\nb,+1 555 123 4567\n", "VARCHAR VARCHAR",
        [("a", "+49 89 1234"), ("b", "+1 555 123 4567")],
    ),
    "ids in groups are asked": Awkward(
        "k;id\na;552 100 554\nb;552 100 555\n", "VARCHAR VARCHAR",
        [("a", "552 100 554"), ("b", "552 100 555")], ["digits in groups"],
    ),
    "dashes for no cents": Awkward(
        "k;n\na;5,-\nb;7,50\nc;1.200,--\n", "VARCHAR DECIMAL(18,2)",
        [("a", "5.00"), ("b", "7.50"), ("c", "1200.00")],
    ),
    "numbers of no common form": Awkward(
        'k;n\na;"1,234.50"\nb;"1.234,50"\nc;3\n', "VARCHAR VARCHAR",
        [("a", "1,234.50"), ("b", "1.234,50"), ("c", "3")], ["no common form"],
    ),
    "versions and addresses": Awkward(
        "k;v;a\na;1.2.3;10.0.0.1\nb;1.10.0;10.0.0.2\n", "VARCHAR VARCHAR VARCHAR",
        [("a", "1.2.3", "10.0.0.1"), ("b", "1.10.0", "10.0.0.2")],
    ),
    "equal day and month": Awkward(
        "d,t\n01/01/2025,x\n02/02/2025,y\n", "DATE VARCHAR",
        [(D(2025, 1, 1), "x"), (D(2025, 2, 2), "y")],
    ),
    "iso dates": Awkward("d,t\n2025-01-31,x\n", "DATE VARCHAR", [(D(2025, 1, 31), "x")]),
    "dates with slashes from the year": Awkward(
        "d,t\n2025/01/31,x\n", "DATE VARCHAR", [(D(2025, 1, 31), "x")], ["year/month/day"]
    ),
    "german dates": Awkward(
        "d;t\n01.02.2025;x\n3.4.2025;y\n", "DATE VARCHAR",
        [(D(2025, 2, 1), "x"), (D(2025, 4, 3), "y")], ["day.month.year"],
    ),
    "german dates of two digits": Awkward(
        "d;t\n03.01.25;x\n15.01.25;y\n", "DATE VARCHAR",
        [(D(2025, 1, 3), "x"), (D(2025, 1, 15), "y")], ["day.month.year"],
    ),
    "total without a word": Awkward(
        "nr;d;net;gross\nR1;x;1.000,00;1.190,00\nR2;y;50,00;53,50\n;;1.050,00;1.243,50\n",
        "VARCHAR VARCHAR DECIMAL(18,2) DECIMAL(18,2)",
        [("R1", "x", "1000.00", "1190.00"), ("R2", "y", "50.00", "53.50")],
        [";;1.050,00;1.243,50"],
    ),
    "empty rows around": Awkward(
        "\n\n;;;\nPos;Art;Stk;Preis\n1;x;2;3,5\n2;y;3;4,5\n;;;\n;;Summe;8\n",
        "BIGINT VARCHAR BIGINT DOUBLE", [(1, "x", 2, 3.5), (2, "y", 3, 4.5)], [";;Summe;8"],
        "Pos Art Stk Preis",
    ),
    "american dates": Awkward(
        "d,t\n02/01/2025,x\n02/28/2025,y\n", "DATE VARCHAR",
        [(D(2025, 2, 1), "x"), (D(2025, 2, 28), "y")], ["month/day/year"],
    ),
    "british dates": Awkward(
        "d,t\n01/02/2025,x\n28/02/2025,y\n", "DATE VARCHAR",
        [(D(2025, 2, 1), "x"), (D(2025, 2, 28), "y")], ["day/month/year"],
    ),
    "open dates are asked": Awkward(
        "d,t\n01/02/2025,x\n03/04/2025,y\n", "VARCHAR VARCHAR",
        [("01/02/2025", "x"), ("03/04/2025", "y")], ["may be day/month/year or month/day/year"],
    ),
    "another column decides open dates": Awkward(
        "d,e\n01/02/2025,28/02/2025\n", "DATE DATE", [(D(2025, 2, 1), D(2025, 2, 28))]
    ),
    "an option decides open dates": Awkward(
        "d,t\n01/02/2025,x\n", "DATE VARCHAR", [(D(2025, 1, 2), "x")],
        options={"date_order": "mdy"},
    ),
    "dates of two digits are asked": Awkward(
        "d,t\n01-02-03,x\n", "VARCHAR VARCHAR", [("01-02-03", "x")], ["values don't show which"]
    ),
    "month names": Awkward(
        'a,b,c\n3 Feb 2025,"Feb 3, 2025",03-Feb-25\n', "DATE DATE DATE",
        [(D(2025, 2, 3), D(2025, 2, 3), D(2025, 2, 3))],
    ),
    "long month names": Awkward(
        'a,b\n3 February 2025,"March 3, 2025"\n', "DATE DATE", [(D(2025, 2, 3), D(2025, 3, 3))]
    ),
    "compact dates by option": Awkward(
        "d,n\n20250131,1\n", "DATE BIGINT", [(D(2025, 1, 31), 1)],
        options={"types": {"d": "date"}},
    ),
    "dates and times": Awkward(
        "d;t\n01.02.2025 13:05;x\n", "TIMESTAMP VARCHAR",
        [(datetime(2025, 2, 1, 13, 5), "x")],  # noqa: DTZ001
        ["hour:minute"],
    ),
    "times": Awkward("t,n\n9:05,1\n23:59:59,2\n", "TIME BIGINT",
                     [(time(9, 5), 1), (time(23, 59, 59), 2)]),
    "true and false": Awkward("f,n\nTrue,1\nfalse,2\n", "BOOLEAN BIGINT", [(True, 1), (False, 2)]),
    "letters are codes": Awkward(
        "sex,paid,code\nF,T,N\nF,T,N\n", "VARCHAR VARCHAR VARCHAR", [("F", "T", "N")] * 2,
    ),
    "yes and no stay text": Awkward(
        "f,land\nyes,no\nNo,no\n", "VARCHAR VARCHAR", [("yes", "no"), ("No", "no")]
    ),
    "flags by option": Awkward(
        "f,g\nyes,T\nNo,f\n", "BOOLEAN BOOLEAN", [(True, True), (False, False)],
        options={"types": {"f": "BOOLEAN", "g": "bool"}},
    ),
    "numbers and words stay text": Awkward(
        "k,n\na,1\nb,2\nc,3\nd,n/a\n", "VARCHAR VARCHAR",
        [("a", "1"), ("b", "2"), ("c", "3"), ("d", "n/a")], ["1 of its first 4 values"],
    ),
    "missing words": Awkward("k,n\na,1\nb,NA\n", "VARCHAR BIGINT", [("a", 1), ("b", None)],
                             ["missing values"]),
    "decimals by option": Awkward(
        "k;n\na;1,50\nb;2\n", "VARCHAR DECIMAL(12,2)",
        [("a", "1.50"), ("b", "2.00")], options={"types": {"n": "DECIMAL(12,2)"}},
    ),
    "a type that does not fit": Awkward(
        "k,n\na,1\nb,x\n", says=['Column "n" has values that don\'t fit BIGINT, for example "x"'],
        options={"types": {"n": "BIGINT"}},
    ),
    "new names": Awkward("k,n\na,1\n", "VARCHAR BIGINT", [("a", 1)], names="key n",
                         options={"names": {"k": "key"}}),
    "delimiter within titles": Awkward(
        "Report; made by hand, for you, today\na;b\n1;x\n2;y\n3;z\n", "BIGINT VARCHAR",
        [(1, "x"), (2, "y"), (3, "z")],
        options={"skip_above": 1},
    ),
}  # fmt: skip

WORKBOOKS = {
    "titles and totals": Awkward(
        book(["Sales 2024"], ["as of 31.12."], [], ["acc", "n", "day"],
             ["A1", 1.5, D(2025, 1, 2)], ["A2", 2, D(2025, 1, 3)], ["Total", 3.5],
             ["Source: SAP"]),
        "VARCHAR DOUBLE DATE", [("A1", 1.5, D(2025, 1, 2)), ("A2", 2.0, D(2025, 1, 3))],
        ["Sales 2024", "Total | 3.5", "Source: SAP"], "acc n day",
    ),
    "a total under dates": Awkward(
        book(["day", "n", "t"], [D(2025, 1, 2), 1, "x"], [D(2025, 1, 3), 2, "y"], ["Total", 3]),
        "DATE BIGINT VARCHAR", [(D(2025, 1, 2), 1, "x"), (D(2025, 1, 3), 2, "y")], ["Total | 3"],
    ),
    "two columns with a total": Awkward(
        book(["item", "n"], ["pen", 1], ["ink", 2], ["Total", 3]), "VARCHAR BIGINT",
        [("pen", 1), ("ink", 2)], ["Total"],
    ),
    "merged names": Awkward(
        book(fill=merged), "VARCHAR BIGINT BIGINT BIGINT DOUBLE",
        [("North", 1, 2, 3, 4.5), ("South", 5, 6, 7, 8.0)], ["Two rows name the columns"],
        "Region 2023_Q1 2023_Q2 2024_Q1 2024_Q2",
    ),
    "hidden rows": Awkward(
        book(fill=hidden), "VARCHAR BIGINT", [("k1", 1), ("k2", 2), ("k3", 3), ("k4", 4)]
    ),
    "one sheet by option": Awkward(
        book(fill=titled_sheets), "VARCHAR BIGINT DOUBLE", [("pen", 2, 1.5), ("ink", 1, 7.25)],
        ["Sales in Feb", "Total"], "item pieces price", options={"sheet": "Feb"},
    ),
    "numbers stored as text": Awkward(
        book(["k", "n"], ["a", "1001"], ["b", "1002"]), "VARCHAR VARCHAR",
        [("a", "1001"), ("b", "1002")], ["its numbers are stored as text, such as 1001"],
    ),
    "numbers stored as text by option": Awkward(
        book(["k", "n"], ["a", "1001"], ["b", "1002"]), "VARCHAR BIGINT",
        [("a", 1001), ("b", 1002)], options={"types": {"n": "integer"}},
    ),
    "written amounts and dates": Awkward(
        book(["k", "n", "d"], ["a", "1.234,56 €", "13.01.2024"], ["b", "(5,00) €", "1.2.2024"]),
        "VARCHAR DECIMAL(18,2) DATE",
        [("a", "1234.56", D(2024, 1, 13)), ("b", "-5.00", D(2024, 2, 1))],
        ["decimal comma", "day.month.year"],
    ),
    "open dates in text": Awkward(
        book(["k", "d"], ["a", "01/02/2024"]), "VARCHAR VARCHAR", [("a", "01/02/2024")],
        ["values don't show which"],
    ),
    "percent format": Awkward(
        book(["k", "p"], ["a", Percent(0.125)], ["b", Percent(0.5)]), "VARCHAR DOUBLE",
        [("a", 0.125), ("b", 0.5)],
    ),
    "leading zeros": Awkward(
        book(["plz", "n"], ["01067", 1], ["80331", 2]), "VARCHAR BIGINT",
        [("01067", 1), ("80331", 2)], ["leading zeros"],
    ),
    "numbers and words": Awkward(
        book(["k", "n"], ["a", 1], ["b", 2], ["c", 3.5], ["d", "open"]), "VARCHAR VARCHAR",
        [("a", "1"), ("b", "2"), ("c", "3.5"), ("d", "open")], ["is no number"],
    ),
    "header row by option": Awkward(
        book(["a", "b"], ["units", "kg"], ["id", "w"], [1, 2]), "BIGINT BIGINT", [(1, 2)],
        names="id w", options={"header_row": 3},
    ),
    "numbers as text by option": Awkward(
        book(["k", "n"], ["a", 12], ["b", 13]), "VARCHAR VARCHAR", [("a", "12"), ("b", "13")],
        options={"types": {"n": "text"}},
    ),
    "note below a gap": Awkward(
        book(["k", "n", "t"], ["a", 1, "x"], ["b", 2, "y"], [], ["Prepared by Finance"]),
        "VARCHAR BIGINT VARCHAR", [("a", 1, "x"), ("b", 2, "y")], ["Prepared by Finance"],
    ),
}  # fmt: skip


def lines(*objects: object) -> str:
    return "\n".join(map(json.dumps, objects)) + "\n"


JSON_LINES = {
    "keys that come late": Awkward(
        lines({"a": 1}, {"b": "x"}, {"a": 2, "b": None}), "BIGINT VARCHAR",
        [(1, None), (None, "x"), (2, None)], names="a b",
    ),
    "nested values": Awkward(
        lines({"a": {"b": [1, 2]}}), "VARCHAR", [('{"b":[1,2]}',)], ["JSON text"]
    ),
    "objects of a model's log": Awkward(
        lines(
            {"id": 7, "messages": [{"role": "user", "content": "a\nb"}],
             "judge": {"label": "bad", "score": 0.93}, "meta": {"app": {"v": 2}}},
            {"id": 8, "messages": [], "judge": {"label": "good", "score": 1, "why": "x"}},
            {"id": 9, "judge": None, "meta": {}},
        ),
        "BIGINT VARCHAR VARCHAR DOUBLE VARCHAR BIGINT",
        [
            (7, '[{"role":"user","content":"a\\nb"}]', "bad", 0.93, None, 2),
            (8, "[]", "good", 1.0, "x", None),
            (9, None, None, None, None, None),
        ],
        ['objects of "judge" are columns', '"meta.app"', "JSON text"],
        names="id messages judge.label judge.score judge.why meta.app.v",
        options={"nested": "columns"},
    ),
    "objects beside other values aren't split": Awkward(
        lines({"a": {"s": 1}}, {"a": "text"}, {"a": [1]}), "VARCHAR",
        [('{"s":1}',), ("text",), ("[1]",)], ["JSON text"], options={"nested": "columns"},
    ),
    "an object with a type isn't split": Awkward(
        lines({"a": {"x": 1}, "b": {"y": 2}}), "VARCHAR BIGINT", [('{"x":1}', 2)],
        names="a b.y", options={"nested": "columns", "types": {"a": "VARCHAR"}},
    ),
    "a key twice in an object that is split": Awkward(
        '{"a": {"s": 1, "s": 2}}\n', says=["a key twice"], options={"nested": "columns"},
    ),
    "keys with points, slashes and other cases": Awkward(
        lines({"a.b": 1, "a": {"b": 2, "B": 3, "x/y~z": 4, "*": 5, "": 6}}),
        "BIGINT BIGINT BIGINT BIGINT BIGINT BIGINT", [(1, 2, 3, 4, 5, 6)],
        names="a.b a.b_1 a.B_2 a.x/y~z a.* a.", options={"nested": "columns"},
    ),
    "one object around the rows": Awkward(
        '{"data": [{"id": 1}]}', "VARCHAR", [('[{"id":1}]',)], ["a file of its own"]
    ),
    "digits in quotes": Awkward(
        lines({"a": "007"}, {"a": "12"}), "VARCHAR", [("007",), ("12",)], ["leading zeros"]
    ),
    "digits in quotes by option": Awkward(
        lines({"a": "007"}, {"a": "12"}), "BIGINT", [(7,), (12,)],
        options={"types": {"a": "BIGINT"}},
    ),
    "open dates": Awkward(
        lines({"d": "01/02/2025"}), "VARCHAR", [("01/02/2025",)], ["values don't show which"]
    ),
    "open dates by option": Awkward(
        lines({"d": "01/02/2025"}), "DATE", [(D(2025, 2, 1),)], options={"date_order": "dmy"}
    ),
    "bom and blank lines": Awkward('\ufeff{"a": 1}\n\n{"a": 2}\n', "BIGINT", [(1,), (2,)]),
    "a broken line": Awkward('{"a": 1}\n{"a": \n', says=["Line 2"]),
}  # fmt: skip
