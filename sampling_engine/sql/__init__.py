"""The SQL statements of the sampling engine, built by pure functions."""
