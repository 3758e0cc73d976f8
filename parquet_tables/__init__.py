"""Tables of Parquet files, read and written with DuckDB.

The lowest room: what a table is on disk, the process's one DuckDB instance, quoting, pages and
exports. It knows no dataset, no job and no HTTP; the engines and storage stand on it.
"""
