"""Storage: SQLite for users, datasets, commits, refs and jobs; Parquet files for the data.

All SQL statements are in ``queries.sql``. Functions take the caller's transaction, which decides
what is atomic. The package imports neither Flask nor an engine.
"""
