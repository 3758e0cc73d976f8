"""The totals that a file has: found, compared with the rows, left out or counted with a word."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from datetime import date

import pytest
from openpyxl import Workbook

from contract.requests.importing import ReadOptions
from import_engine.work import ImportedTable
from tests.import_engine.conftest import Importing
from tests.support.languages import StrictLanguage

LEDGER = """Kreditor;Beleg;Datum;Text;Betrag
70001;B1;01.02.2025;Ware;1.200,50
70001;B2;03.02.2025;Total Energies Rechnung;300,25
;;;Summe Kreditor 70001;1.500,75
70002;B3;05.02.2025;Summe GmbH;-50,00
70002;B4;06.02.2025;Ware;99,99
;;;Summe Kreditor 70002;49,99
70003;B5;07.02.2025;Fracht;10,00
;;;Summe Kreditor 70003;10,00
;;;Gesamtsumme;1.560,74
Anzahl Belege: 5
"""
SUBTOTALS = (
    'row 4 ("Summe Kreditor 70001"), row 7 ("Summe Kreditor 70002"), row 9 ("Summe Kreditor 70003")'
)
Read = Callable[..., ImportedTable]


@pytest.fixture
def read(importing: Importing) -> Read:
    def table(content: bytes | str, name: str = "file.csv", **options: object) -> ImportedTable:
        (one,) = importing.tables(content, name, options=ReadOptions(**options))  # type: ignore[arg-type]
        return one

    return table


def texts(table: ImportedTable, *states: str) -> list[str]:
    """The sentences of these states, after a check that other languages have them all."""
    for language in (StrictLanguage.of("de"), StrictLanguage.of("fr")):
        for each in table.totals.sentences:
            language.value(each.sentence)
        assert sorted(language.lacking) == []
    found = [each for each in table.totals.sentences if not states or each.state in states]
    assert [each.text for each in found] == [str(each.sentence) for each in found]
    return [each.text for each in found]


def workbook(rows: list[list[object]], *merged: str) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for cells in merged:
        sheet.merge_cells(cells)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_subtotals_are_asked_about_and_compared(read: Read) -> None:
    table = read(LEDGER)
    assert table.rows == 8
    (question,) = table.questions
    assert question.code == "totals"
    assert [dict(choice.options) for choice in question.choices] == [
        {"totals": "leave_out"},
        {"totals": "keep"},
    ]
    assert texts(table, "agrees") == [
        "Betrag: the file's total 1,560.74 agrees with the sum of the rows that are no totals.",
        "3 subtotals agree with the sums of their rows.",
        "The file's count of 5 rows agrees with the rows that are no totals.",
    ]
    assert texts(table, "counted") == [
        f"3 rows within the table are totals or subtotals and count in the sums: {SUBTOTALS}."
    ]


@pytest.mark.parametrize("name", ["file.csv", "file.csv.gz"])
def test_subtotals_can_be_left_out(read: Read, importing: Importing, name: str) -> None:
    content = gzip.compress(LEDGER.encode()) if name.endswith("gz") else LEDGER
    table = read(content, name, totals="leave_out")
    assert not table.questions
    assert importing.read(table).column("Beleg") == ["B1", "B2", "B3", "B4", "B5"]
    assert (table.totals.left_out_rows, table.totals.counted_rows) == (3, 0)
    assert texts(table, "left_out") == [
        f"3 rows within the table are totals or subtotals and were left out: {SUBTOTALS}."
    ]
    (total, *_) = table.totals.comparisons
    assert (total.column, total.file_total, total.rows_sum) == ("Betrag", "1560.74", "1560.74")
    assert total.of_all_rows
    assert total.state == "agrees"


def test_kept_subtotals_are_said_to_count(read: Read) -> None:
    table = read(LEDGER, totals="keep")
    assert not table.questions
    assert len(texts(table, "counted")) == 1


def test_a_truncated_file_differs_from_its_totals(read: Read) -> None:
    cut = LEDGER.replace("70001;B2;03.02.2025;Total Energies Rechnung;300,25\n", "")
    assert texts(read(cut, totals="leave_out"), "differs") == [
        "Betrag: the file's total 1,560.74 differs from the rows' sum 1,260.49 by 300.25.",
        'Betrag: the subtotal 1,500.75 in row 3 ("Summe Kreditor 70001") differs from the sum of '
        "its rows 1,200.50 by 300.25.",
        "The file's count of 5 rows differs from the rows: there are 4.",
    ]


def test_a_large_file_is_searched_to_its_end(read: Read, importing: Importing) -> None:
    rows = [f"{n // 100},D{n},{n % 7}.25" for n in range(30_000)]
    for group in range(299, -1, -1):
        part = range(group * 100, group * 100 + 100)
        total = sum(25 + 100 * (n % 7) for n in part)
        rows.insert(group * 100 + 100, f",Subtotal {group},{total / 100:.2f}")
    table = read("vendor,document,amount\n" + "\n".join(rows) + "\n", totals="leave_out")
    assert (table.rows, table.totals.left_out_rows) == (30_000, 300)
    assert texts(table, "agrees") == ["300 subtotals agree with the sums of their rows."]
    assert not texts(table, "differs")


def test_rows_without_words_are_totals_by_their_sums(read: Read) -> None:
    ledger = "id,name,net\n1,a,5.0\n2,b,6.0\n,,11.0\n3,c,1.0\n4,d,2.0\n,,3.0\n,,14.0\n"
    table = read(ledger, totals="leave_out")
    assert (table.rows, table.totals.left_out_rows) == (4, 3)
    assert texts(table, "agrees") == [
        "net: the file's total 14.00 agrees with the sum of the rows.",
        "2 subtotals agree with the sums of their rows.",
    ]


@pytest.mark.parametrize(
    "name", ["Total Energies", "Summe GmbH", "Gesamt AG", "Consumer Total Inc"]
)
def test_a_company_is_no_total(read: Read, name: str) -> None:
    table = read(f"id,name,note,amount\n1,x,p,2\n2,y,q,3\n3,{name},,5\n4,z,r,9\n")
    assert table.rows == 4
    assert not texts(table)
    assert not table.questions


def test_a_running_balance_is_no_sum(read: Read) -> None:
    table = read(
        "id,name,amount,balance\n1,Opening balance,,100\n2,a,5,105\n3,b,-2,103\n,Total,3,103\n"
    )
    assert texts(table) == [
        "amount: the file's total 3 agrees with the sum of the rows.",
        "balance: the file's total 103 is not compared: it repeats the last row, as a running "
        "balance does.",
        "1 row within the table is an opening or closing balance and counts in the sums: row 2 "
        '("Opening balance").',
    ]


def test_a_closing_balance_that_adds_up_is_a_total(read: Read) -> None:
    table = read(
        "day,text,amount\n2025-01-01,Opening balance,100\n2025-01-02,a,5\n2025-01-03,b,-2\n"
        ",Closing balance,103\n"
    )
    assert texts(table, "counted") == [
        '1 row within the table is a total or subtotal and counts in the sums: row 5 ("Closing '
        'balance").',
        "1 row within the table is an opening or closing balance and counts in the sums: row 2 "
        '("Opening balance").',
    ]


def test_credits_in_parentheses_and_percentages(read: Read) -> None:
    table = read("id,name,amount,tax rate\n1,a,(5.00),0.19\n2,b,7.50,0.07\n,Total,2.50,0.13\n")
    assert texts(table) == [
        "amount: the file's total 2.50 agrees with the sum of the rows.",
        "tax rate: the file's total 0.13 is not compared: percentages don't add up.",
    ]


def test_only_the_totalled_column_is_compared(read: Read) -> None:
    table = read("id,name,net,gross\n1,a,5,6\n2,b,7,8\n,Total,,14\n")
    assert texts(table) == ["gross: the file's total 14 agrees with the sum of the rows."]


def test_a_total_that_is_no_number_says_so(read: Read) -> None:
    table = read("id,name,net\n1,a,5\n2,b,7\n,Total,n/a\n")
    assert texts(table) == [
        "net: the file's total is not compared: \"n/a\" can't be read as a number."
    ]


def test_decimal_columns_are_compared_exactly(read: Read) -> None:
    rows = "".join(f"{n},n{n},0.10\n" for n in range(1, 31))
    table = read(f"id,name,net\n{rows}Total,,3.01\n", types={"net": "DECIMAL(12,2)"})
    assert texts(table) == ["net: the file's total 3.01 differs from the rows' sum 3.00 by 0.01."]


@pytest.mark.parametrize("last", [3, 4])
def test_digits_beyond_those_of_doubles_are_not_compared(read: Read, last: int) -> None:
    rows = "1,a,0.100000000000000001\n2,b,0.200000000000000002\n"
    table = read(f"id,name,net\n{rows},Total,0.30000000000000000{last}\n")
    assert texts(table) == [
        f"net: the file's total 0.30000000000000000{last} is not compared: the import keeps 15 "
        "digits of its values."
    ]


def test_a_trial_balance_with_merged_heads(read: Read) -> None:
    rows: list[list[object]] = [
        ["Saldenliste 2025"],
        [],
        ["Konto", "Bezeichnung", "Eröffnung", None, "Bewegung", None],
        [None, None, "Soll", "Haben", "Soll", "Haben"],
        ["1200", "Bank", 1000.5, None, 250.25, 100],
        ["1600", "Verbindlichkeiten", None, 700.4, 50, 350.25],
        [None, "Summe Bilanzkonten", 1000.5, 700.4, 300.25, 450.25],
        ["4400", "Erlöse", None, 300.1, None, 119],
        ["4980", "Aufwand", None, None, 269, None],
        [None, "Summe Erfolgskonten", None, 300.1, 269, 119],
        [None, "Gesamtsumme", 1000.5, 1000.5, 569.25, 569.25],
    ]
    table = read(workbook(rows, "C3:D3", "E3:F3"), "tb.xlsx", totals="leave_out")
    assert table.rows == 4
    assert texts(table, "differs", "counted", "not_compared") == []
    assert texts(table, "agrees") == [
        "Eröffnung Soll: the file's total 1,000.50 agrees with the sum of the rows.",
        "Eröffnung Haben: the file's total 1,000.50 agrees with the sum of the rows.",
        "Bewegung Soll: the file's total 569.25 agrees with the sum of the rows.",
        "Bewegung Haben: the file's total 569.25 agrees with the sum of the rows.",
        "7 subtotals agree with the sums of their rows.",
    ]
    assert texts(table, "left_out") == [
        '2 rows within the table are totals or subtotals and were left out: row 7 ("Summe '
        'Bilanzkonten"), row 10 ("Summe Erfolgskonten").'
    ]


def test_the_subtotals_of_a_spreadsheet_program(read: Read) -> None:
    rows: list[list[object]] = [
        ["Region", "Doc", "Amount"],
        ["North", 1, 10.5],
        ["North", 2, 20],
        ["North Total", None, 30.5],
        ["South", 3, 5],
        ["South Total", None, 5],
        ["Grand Total", None, 35.5],
    ]
    table = read(workbook(rows), "a.xlsx", totals="leave_out")
    assert (table.rows, table.totals.left_out_rows) == (3, 2)
    assert texts(table, "agrees") == [
        "Amount: the file's total 35.50 agrees with the sum of the rows.",
        "2 subtotals agree with the sums of their rows.",
    ]


def test_totals_carried_forward_are_subtotals(read: Read) -> None:
    first, second = (
        "".join(f"0{n}.01.2025;b{n};x;{n},10\n" for n in part) for part in ((1, 2), (3, 4))
    )
    carried = ";;Übertrag;3,20\n"
    table = read(f"Datum;Beleg;Text;Betrag\n{first}{carried}{carried}{second};;Summe;10,40\n")
    assert table.totals.counted_rows == 2
    assert texts(table, "agrees") == [
        "Betrag: the file's total 10.40 agrees with the sum of the rows that are no totals.",
        "2 subtotals agree with the sums of their rows.",
    ]


def test_a_total_of_two_columns_that_does_not_add_up(read: Read) -> None:
    rows = "".join(f"v{n};{n}.5\n" for n in range(20))
    table = read(f"vendor;amount\n{rows}Total;5.0\n")
    assert texts(table, "differs") == [
        "amount: the file's total 5.00 differs from 200.00, the sum of the rows that are no "
        "totals, by 195.00."
    ]
    assert texts(table, "counted") == [
        '1 row within the table is a total or subtotal and counts in the sums: row 22 ("Total").'
    ]


def test_no_note_says_that_a_left_out_row_was_kept(read: Read) -> None:
    rows = "".join(f"v{n};{n}.5\n" for n in range(20))
    table = read(f"vendor;amount\n{rows}Total;5.0\n", totals="leave_out")
    assert table.rows == 20
    assert not [note for note in table.notes if "kept" in note]


def test_many_texts_with_the_word_total_hide_no_total(read: Read) -> None:
    rows = "".join(f"v,d{n},Total Energies invoice {n},1.5\n" for n in range(30))
    table = read(f"vendor,document,text,amount\n{rows},,Grand total,45.00\n")
    assert table.rows == 30
    assert texts(table) == ["amount: the file's total 45.00 agrees with the sum of the rows."]


def test_thousands_in_the_total_of_whole_numbers(read: Read) -> None:
    table = read("id;name;amount\n1;a;1000\n2;b;2000\n;Summe;3.000\n")
    assert texts(table) == ["amount: the file's total 3,000 agrees with the sum of the rows."]


def test_each_sheet_has_its_own_totals(importing: Importing) -> None:
    book = Workbook()
    first = book.active
    assert first is not None
    for sheet, total in ((first, 3), (book.create_sheet("B"), 4)):
        for row in (["id", "name", "n"], [1, "a", 1], [2, "b", 2], [None, "Total", total]):
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    one, two = importing.tables(content.getvalue(), "book.xlsx")
    assert [each.state for each in one.totals.sentences] == ["agrees"]
    assert texts(two) == ["n: the file's total 4 differs from the rows' sum 3 by 1."]


def test_subtotals_of_single_rows_hide_no_others(read: Read) -> None:
    text = (
        "region,customer,document,amount\nN,a,1,10.00\nN,a,2,10.00\nN,a Total,,20.00\nN,b,3,20.00\n"
        "N,b Total,,20.00\nN Total,,,40.00\nS,c,4,40.00\nS,c Total,,40.00\nS Total,,,40.00\n"
        "Grand Total,,,80.00\n"
    )
    table = read(text, totals="leave_out")
    assert (table.rows, table.totals.left_out_rows) == (4, 5)
    assert texts(table, "agrees") == [
        "amount: the file's total 80.00 agrees with the sum of the rows.",
        "5 subtotals agree with the sums of their rows.",
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [f"2025-01-{n:02d},Total,City {n},{n + 30}.25" for n in range(1, 25)],
        [
            *("1,Total,Paris,50.00", "2,Total,Lyon,50.00", "3,Shell,Nice,30.00"),
            *("4,Total,,20.00", "5,Total,Metz,20.00"),
        ],
    ],
)
def test_a_supplier_named_total_is_no_total(read: Read, rows: list[str]) -> None:
    table = read("\n".join(["date,supplier,city,amount", *rows, ""]), totals="leave_out")
    assert table.rows == len(rows)
    assert texts(table) == []


def test_amounts_under_the_names_of_years_and_accounts_are_added_up(read: Read) -> None:
    rows = "1000,Cash,100.00,90.00\n1001,Bank,200.00,80.00\n"
    table = read(f"account,name,current year,Saldo Konto\n{rows}Total,,999.00,170.00\n")
    assert texts(table) == [
        "current year: the file's total 999.00 differs from the rows' sum 300.00 by 699.00.",
        "Saldo Konto: the file's total 170.00 agrees with the sum of the rows.",
    ]


def test_two_wrong_totals_at_the_end_are_both_compared(read: Read) -> None:
    rows = "1;a;10,00\n2;b;20,00\n*;Summe;29,00\n**;Gesamt;29,00\n"
    table = read(f"id;name;amount\n{rows}", totals="leave_out")
    assert table.rows == 2
    assert (
        texts(table, "differs")
        == ["amount: the file's total 29.00 differs from the rows' sum 30.00 by 1.00."] * 2
    )


def test_a_subtotal_of_more_rows_than_its_own_does_not_agree(read: Read) -> None:
    groups = [("A", 150, 50, 200), ("B", 100, 100, 200), ("C", 100, 100, 400), ("D", 1, 2, 3)]
    rows = "".join(f"{g},1,{a}.00\n{g},2,{b}.00\nSubtotal {g},,{c}.00\n" for g, a, b, c in groups)
    assert texts(read(f"group,document,fee\n{rows}"), "agrees", "not_compared") == [
        "3 subtotals agree with the sums of their rows.",
        '1 subtotal is not compared, such as that of fee in row 10 ("Subtotal C"): it is the sum '
        "of more rows than those since the last subtotal.",
    ]


def test_rows_after_the_last_subtotal_may_be_a_cut_file(read: Read) -> None:
    group = "{0},1,1.50\n{0},2,2.00\nSubtotal {0},,3.50\n"
    whole = "v,document,amount\n" + group.format("A") + group.format("B")
    cut = "The last 2 rows belong to no subtotal, and the file has no total of all rows: it may be "
    assert texts(read(whole + "C,1,1.00\nC,2,2.2"), "differs") == [f"{cut}cut."]
    assert texts(read(whole), "differs") == []
    assert texts(read(whole + "C,1,1.00\nGrand total,,8.00\n"), "differs") == []


@pytest.mark.parametrize(("total", "state"), [("3,000", "agrees"), ("4,000", "not_compared")])
def test_an_ambiguous_whole_total_is_no_difference(read: Read, total: str, state: str) -> None:
    table = read(f"id;name;qty\n1;a;1\n2;b;2\n3;c;0\nSumme;;{total}\n")
    (comparison,) = table.totals.comparisons
    assert comparison.state == state
    assert comparison.reason == ("it may be 4 or 4,000" if state == "not_compared" else "")
    texts(table)


@pytest.mark.parametrize(
    ("last", "total"),
    [
        ("Anzahl Buchungen;3;600,00", "600.00"),
        ("Anzahl: 3;;600,00", "600.00"),
        ("Zeilen: 3,00;;", ""),
    ],
)
def test_a_count_may_stand_beside_amounts(read: Read, last: str, total: str) -> None:
    table = read(f"Beleg;Name;Betrag\n1;a;100,00\n2;b;200,00\n3;c;300,00\n{last}\n")
    assert table.rows == 3
    agrees = f"Betrag: the file's total {total} agrees with the sum of the rows."
    assert texts(table) == [
        *([agrees] if total else []),
        "The file's count of 3 rows agrees with the rows.",
    ]


def test_names_below_titles_and_merged_groups_are_joined(importing: Importing) -> None:
    rows: list[list[object]] = [["Firm"], ["Payables at 2026-12-31"], []]
    rows += [["Document", None, "Partner", "Values", None, None]]
    rows += [["No.", "Company", "Vendor", "Date", "Amount", "Kind"]]
    rows += [
        [2500 + n, 2000, f"Vendor {n % 3}", date(2025, 5, 12), n + 0.5, "RE"] for n in range(9)
    ]
    (table,) = importing.tables(workbook(rows, "A1:F1", "A2:F2", "A4:B4", "D4:F4"), "file.xlsx")
    assert [(each.name, each.type) for each in table.columns][2:5] == [
        ("Partner Vendor", "VARCHAR"),
        ("Values Date", "DATE"),
        ("Values Amount", table.columns[4].type),
    ]
    assert table.columns[4].data_type.is_number
    assert table.rows == 9


WORDS = "vendor,day,amount\n1001,2025-01-31,2.50\n1002,2025-02-28,3.00\nTotal,all days,5.50\n"
WORDS += "1003,,1.25\nTotal,all days,1.25\n"


def test_columns_have_the_types_of_the_rows_that_are_kept(read: Read) -> None:
    kept = read(WORDS, totals="keep")
    assert [each.type for each in kept.columns][:2] == ["VARCHAR", "VARCHAR"]
    table = read(WORDS, totals="leave_out")
    assert (table.rows, table.totals.left_out_rows) == (3, 2)
    assert [each.type for each in table.columns] == ["BIGINT", "DATE", "DECIMAL(18,2)"]
    assert not [note for note in table.notes if "stays text" in note]


@pytest.mark.parametrize(
    ("vendors", "options"),
    [
        (("0101", "0102"), {}),
        (("1.234", "5.678"), {}),
        (("1001", "A1002"), {}),
        (("1001", "1002"), {"types": {"vendor": "VARCHAR"}}),
    ],
)
def test_other_columns_stay_text_without_their_totals(
    read: Read, vendors: tuple[str, str], options: dict[str, object]
) -> None:
    rows = "".join(f"{vendor},{amount}\n" for vendor, amount in zip(vendors, (2, 3), strict=True))
    table = read(f"vendor,amount\n{rows}Total,5\n{vendors[0]},9\n", totals="leave_out", **options)
    assert (table.rows, table.columns[0].type) == (3, "VARCHAR")


def test_numbers_of_a_sheet_are_numbers_without_their_totals(read: Read) -> None:
    rows: list[list[object]] = [["vendor", "amount"], [1001, 2.5], [1002, 3.0], ["Total", 5.5]]
    table = read(workbook([*rows, [1003, 1.25]]), "a.xlsx", totals="leave_out")
    assert (table.rows, table.columns[0].type) == (3, "BIGINT")
