"""What people read, declared once: facts, tables, notes and charts, as HTML, XLSX and text."""
