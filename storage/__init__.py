"""What lasts: users, datasets, commits, refs and jobs in SQLite; data in Parquet files beside it.

No Flask, no engine. Every statement is in ``queries.sql``; every function takes the transaction it
works in, so that the caller decides what happens together.
"""
