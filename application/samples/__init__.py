"""A finished sample: its overview, its design as facts and as a sheet, its replacement rows."""
