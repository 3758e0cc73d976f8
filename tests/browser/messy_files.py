"""Files as people have them: a German ledger, dates that may be read in two ways."""

from __future__ import annotations

import io

import xlsxwriter
from playwright.sync_api import FilePayload


def german_ledger(rows: int) -> FilePayload:
    """A ledger in Windows-1252 with a separator line, a title, a total, amounts in € and dates."""
    lines = ["sep=;", "Hauptbuch 2024;;;", ";;;", "Beleg-Nr;Datum;Lieferant;Betrag"]
    for number in range(1, rows + 1):
        sign = "-" if number % 4 == 0 else ""
        lines.append(f"{number:05d};{number % 28 + 1:02d}.03.2024;Müller;{sign}1.{number:03d},50 €")
    lines.append("Summe;;;123.456,00 €")
    content = "\r\n".join(lines).encode("cp1252")
    return {"name": "Hauptbuch 2024.csv", "mimeType": "text/csv", "buffer": content}


def ambiguous_dates() -> FilePayload:
    """A table whose dates may start with the day or the month."""
    content = b'id,paid on,amount\n1,01/02/2025,"(1,234.50)"\n2,03/04/2025,10.00\n'
    return {"name": "payments.csv", "mimeType": "text/csv", "buffer": content}


def titled_workbook(rows: int) -> FilePayload:
    """A sheet with titles above and a total below the table, and a sheet of notes."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sales = book.add_worksheet("Sales")
        sales.write("A1", "Sales of the third quarter")
        sales.write("A2", "Printed on 1 October")
        for place, name in enumerate(("Invoice", "Customer", "Net")):
            sales.write(3, place, name)
        for row in range(rows):
            for place, value in enumerate((f"{row:06d}", f"Customer {row % 9}", row + 0.25)):
                sales.write(4 + row, place, value)
        sales.write(4 + rows, 0, "Total")
        sales.write(4 + rows, 2, 99_999)
        notes = book.add_worksheet("Notes")
        for row, cells in enumerate((("topic", "text"), ("source", "SAP"), ("period", "Q3"))):
            for place, value in enumerate(cells):
                notes.write(row, place, value)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return {"name": "Quarter 3.xlsx", "mimeType": kind, "buffer": content.getvalue()}
