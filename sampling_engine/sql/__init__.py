"""The SQL of a draw: rows and strata, numbers as integers, and the passes over a table."""
