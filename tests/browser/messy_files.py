"""Files as people have them: a German ledger, dates that may be read in two ways."""

from __future__ import annotations

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
